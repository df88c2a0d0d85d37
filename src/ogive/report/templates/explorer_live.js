// The pointer, the facts, keys, and the start.
function nearest(x) {
  let best = 0;
  POINTS.forEach((point, k) => { if (Math.abs(point - x) < Math.abs(POINTS[best] - x)) best = k; });
  return best;
}

function showPointer() {
  const rows = state.items.map((item, k) => [[item.card.name, ...at(item, state.pointer).map((y) => written(y, Math.abs(y) < 1e-4 || Math.abs(y) > 1e6 ? 4 : 5))], `c${k}`]);
  const variable = state.items[0].curve.variable;
  const parts = [table([`${variable} = ${written(state.pointer, 6)}`, ...ORDERS], rows)];
  const [first] = state.items, order = Math.max(0, state.peerOrder);
  if (first.peers) {
    const k = nearest(state.pointer), x = POINTS[k], exact = at(first, x)[order];
    const found = first.peers.flatMap((peer, which) => {
      const values = order ? peer.slope : peer.f;
      if (!values) return [];
      const error = ulps(values[k], exact);
      const value = Number.isFinite(values[k]) ? written(values[k], 7) : written(values[k]);
      return [[[element("code", {}, peer.call), value, element("span", { class: error > 100 ? "bad" : "" }, written(error, 3))], `peer${which}`]];
    });
    parts.push(table([`${variable} = ${written(x, 7)}`, ORDERS[order], `${say("error")}, ${say("ulp")}`], [[[say("exact"), written(exact, 9), ""], "exact"], ...found]));
    parts.push(element("p", { class: "hint" }, say("recorded", DATA.recorded, first.peers.map((p) => p.framework).filter((f, j, all) => all.indexOf(f) === j).map((f) => `${f} ${DATA.versions[f]}`).join(", "))));
  } else parts.push(element("p", { class: "hint" }, say(PEERS[first.card.name] ? "only_default" : "no_peers")));
  $("pointer").replaceChildren(...parts);
  drawPointer();
}

function drawPointer() {
  const svg = $("chart");
  svg.querySelector(".cursor")?.remove();
  const px = drawn.x(state.pointer);
  if (!(px >= MARGIN.left && px <= drawn.end)) return;
  const group = draw(svg, "g", { class: "cursor" });
  draw(group, "line", { x1: px, x2: px, y1: drawn.box.top, y2: drawn.height - MARGIN.bottom + (drawn.errors ? 18 : 0) });
  state.items.forEach((item, k) => {
    at(item, state.pointer).forEach((y, order) => {
      const py = drawn.y(y);
      if (state.orders.includes(order) && py >= drawn.box.top && py <= drawn.box.bottom) draw(group, "circle", { cx: px, cy: py, r: order ? 3.5 : 4.5, class: `c${k}` });
    });
  });
}

function showFacts() {
  const { card } = state.items[0];
  const term = (key, ...children) => (children.length ? [element("h3", {}, say(key)), ...children] : []);
  const text = (words) => (words ? [element("p", { lang: "en" }, words)] : []);
  const accuracy = card.accuracy.length ? [table(["", ...card.accuracy[0][1].map(([dtype]) => dtype)], card.accuracy.map(([which, cells]) => [[which, ...cells.map(([, ulp]) => ulp)]]))] : [];
  const peers = card.peers.map(([framework, name, differs]) => element("li", { lang: "en" }, element("code", {}, name), ` ${framework}${differs ? ": " + differs : ""}`));
  $("facts").replaceChildren(
    element("div", {}, ...term("facts", element("table", { class: "facts", lang: "en" }, element("tbody", {}, ...card.facts.map(([k, v]) => element("tr", {}, element("th", { scope: "row" }, k), element("td", {}, v)))))), ...term("accuracy", ...accuracy)),
    element("div", {}, ...term("parameters", ...(card.parameters.length ? [element("ul", {}, ...card.parameters.map(([name, usual, doc]) => element("li", { lang: "en" }, element("code", {}, `${name} = ${usual}`), ` ${doc}`)))] : []))),
    element("div", {}, ...term("edges", ...text(card.edges)), ...term("notes", ...text(card.notes))),
    element("div", {}, ...term("elsewhere", ...(peers.length ? [element("ul", {}, ...peers)] : [])), ...term("papers", ...card.papers.flatMap(text))));
}

function copies() {
  const item = state.items[0];
  const made = { as_python: () => python(item, false), as_torch: () => python(item, true), as_latex: () => item.card.latex, as_link: () => location.href.split("#")[0] + address() };
  const note = (done) => {
    $("said").textContent = done;
    setTimeout(() => ($("said").textContent = ""), 2500);
  };
  return Object.entries(made).map(([key, text]) =>
    button(say(key), null, async () => {
      $("code").textContent = text();
      try {
        await navigator.clipboard.writeText(text());
        note(say("copied"));
      } catch {  // a page from a file may not write there: what is selected can be copied by hand
        getSelection().selectAllChildren($("code"));
      }
    }));
}

function redraw() {
  for (const item of state.items) item.peers = item === state.items[0] && atDefaults(item) ? PEERS[item.card.name] : null;
  drawn = chart($("chart"), state, state.items, { errors: say("errors"), in_ulp: say("in_ulp") });
  $("shade").hidden = state.xscale !== "linear" || state.log;
  showMoments();
  showPointer();
  $("legend").replaceChildren(
    ...state.items.map((item, k) =>
      element("span", { class: `key c${k}` }, state.items.length > 1 ? button(item.card.name, null, () => choose(item.card.name)) : item.card.name, state.items.length > 1 && button("×", null, () => overlay(item.card.name), { "aria-label": `${say("remove")} ${item.card.name}` }))),
    ...(state.peerOrder >= 0 ? state.items[0].peers || [] : []).map((peer, k) => element("span", { class: `key peer${k}` }, peer.framework)));
  remember();
}

function update() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = state.theme;
  document.title = `${state.items[0].card.title} · ${say("title")}`;
  for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
  $("search").placeholder = say("search");
  showHead();
  showBar();
  showParameters();
  showList();
  showFacts();
  redraw();
  $("copies").replaceChildren(...copies());
  $("code").textContent = python(state.items[0], false);
}

// browsers refuse frequent changes of the address
let waiting = 0;
function remember() {
  clearTimeout(waiting);
  waiting = setTimeout(() => { if (location.hash !== address()) history.replaceState(null, "", address()); }, 250);
}

function point(x) {
  state.pointer = Math.max(state.x[0], Math.min(state.x[1], x));
  showPointer();
  remember();
}

function follow(svg) {
  let start = null;
  const here = (e) => drawn.x.back(e.clientX - svg.getBoundingClientRect().left);
  svg.addEventListener("pointerdown", (e) => { if (e.pointerType === "mouse") start = { at: here(e), x: state.x, px: e.clientX }; else point(here(e)); });
  svg.addEventListener("pointermove", (e) => {
    if (!start || Math.abs(e.clientX - start.px) < 4) return void (start ? null : point(here(e)));
    const { to, from } = SCALES[state.xscale](), by = ((e.clientX - start.px) / (drawn.end - MARGIN.left)) * (to(start.x[1]) - to(start.x[0]));
    const ends = start.x.map((v) => Math.max(-3.4e38, Math.min(3.4e38, from(to(v) - by))));
    if (ends[0] < ends[1]) Object.assign(state, { x: ends, y: null });
    redraw();
  });
  for (const kind of ["pointerup", "pointerleave"]) svg.addEventListener(kind, () => { if (start && state.x !== start.x) update(); start = null; });
}

function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) {
    if (e.key === "Escape") e.target.blur();
    return;
  }
  const step = (by) => {
    const place = listed.findIndex((card) => card === state.items[0].card), next = listed[(place + by + listed.length) % listed.length];
    if (next) choose(next.name);
  };
  const across = (by) => point(drawn.x.back(drawn.x(state.pointer) + by * (e.shiftKey ? 20 : 4)));
  const done = {
    "/": () => { document.body.classList.add("open"); $("search").focus(); },
    ArrowUp: () => step(-1), ArrowDown: () => step(1), ArrowLeft: () => across(-1), ArrowRight: () => across(1),
    1: () => toggle(0), 2: () => toggle(1), 3: () => toggle(2), "+": () => zoom(0.5), "-": () => zoom(2), 0: () => look(VIEWS.middle),
    l: () => look({ x: state.x, xscale: state.xscale, log: !state.log }),
  }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
  if (!done) return;
  e.preventDefault();
  done();
}

async function begin() {
  await unpack();
  document.body.classList.add("live");
  $("as-text").open = false;
  state = fromAddress(location.hash);
  $("search").addEventListener("input", showList);
  $("search").addEventListener("keydown", (e) => { if (e.key === "Enter" && listed.length) choose(listed[0].name); });
  $("sort").addEventListener("change", showList);
  $("language").addEventListener("click", () => { state.lang = language() === "zh" ? "en" : "zh"; update(); });
  $("theme").addEventListener("click", () => {
    const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    state.theme = dark ? "light" : "dark";
    update();
  });
  $("open").addEventListener("click", () => document.body.classList.toggle("open"));
  addEventListener("hashchange", () => { clearTimeout(waiting); if (location.hash !== address()) { state = fromAddress(location.hash); update(); } });
  document.addEventListener("keydown", keys);
  follow($("chart"));
  update();
  new ResizeObserver(redraw).observe($("stage"));
  for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, redraw);
}
begin();
