// The page: list, controls, chart, pointer, facts.
const $ = (id) => document.getElementById(id);
const say = (key, ...with_) => with_.reduce((text, each) => text.replace("{}", each), TEXTS[language()][key]);
const language = () => state.lang || (navigator.language.startsWith("zh") && !DATA.lang ? "zh" : DATA.lang || "en");
const summary = (card) => (language() === "zh" && card.zh) || card.summary;
let drawn = null;
let listed = [];
const errorsOf = new Map();
const gains = new Map();

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c || c === ""));
  return node;
}

const button = (text, pressed, onclick, more = {}) =>
  element("button", { type: "button", "aria-pressed": pressed === null ? null : String(pressed), onclick, ...more }, text);

function sparkline(card) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 48 24");
  svg.setAttribute("aria-hidden", "true");
  const item = newItem(card.name), xs = Array.from({ length: 97 }, (_, k) => -4 + k / 12);
  const ys = xs.map((x) => at(item, x)[0]).map((y) => Math.max(-4, Math.min(4, y)));
  const low = Math.min(0, ...ys), high = Math.max(0, ...ys), size = high - low || 1;
  const place = (y) => (22 - (20 * (y - low)) / size).toFixed(1);
  draw(svg, "path", { d: `M0 ${place(0)}H48`, class: "zero" });
  draw(svg, "path", { d: "M" + xs.map((x, k) => `${(k / 2).toFixed(1)} ${place(ys[k])}`).join("L") });
  return svg;
}

function order(cards, by) {
  const kinds = Object.keys(DATA.kinds);
  const key = {
    name: () => 0,
    kind: (c) => kinds.indexOf(c.kind),
    gain: (c) => gains.get(c.name) ?? gains.set(c.name, moments(newItem(c.name), 1).gain).get(c.name),
    error: (c) => -(errorsOf.get(c.name) ?? errorsOf.set(c.name, worst(c)).get(c.name)),
  }[by];
  return [...cards].sort((a, b) => key(a) - key(b) || a.name.localeCompare(b.name));
}

function showList() {
  const wanted = $("search").value.trim().toLowerCase(), by = $("sort").value;
  const fits = (c) => [c.name, c.title, ...c.aliases, c.summary, c.zh || ""].some((t) => t.toLowerCase().includes(wanted));
  listed = order(DATA.functions.filter(fits), by);
  let kind = "";
  const rows = [];
  for (const card of listed) {
    if (by === "kind" && card.kind !== kind) rows.push(element("li", { class: "kind" }, say((kind = card.kind))));
    const shown = state.items.findIndex((item) => item.card === card);
    const picture = (card.picture ||= sparkline(card));
    const note = by === "gain" ? written(gains.get(card.name), 4) : by === "error" && PEERS[card.name] ? written(errorsOf.get(card.name), 2) : null;
    rows.push(
      element("li", { class: shown < 0 ? "" : `shown c${shown}` },
        element("button", { type: "button", class: "pick", "data-name": card.name, "aria-current": shown === 0 ? "true" : null, title: summary(card), onclick: () => choose(card.name) },
          picture, element("span", {}, card.name.replaceAll("_", "_\u200b")), note && element("small", {}, note)),
        element("button", { type: "button", class: "add", title: say(shown < 0 ? "add" : "remove"), "aria-label": `${say(shown < 0 ? "add" : "remove")} ${card.name}`, onclick: () => overlay(card.name) }, shown < 0 ? "+" : "×")));
  }
  $("list").replaceChildren(...(rows.length ? rows : [element("li", { class: "hint" }, say("none_found"))]));
}

function choose(name) {
  const rest = state.items.slice(1).filter((item) => item.card.name !== name);
  state.items = [state.items.find((item) => item.card.name === name) || newItem(name), ...rest];
  state.y = null;
  document.body.classList.remove("open");
  update();
}

function overlay(name) {
  const at = state.items.findIndex((item) => item.card.name === name);
  if (at >= 0 && state.items.length > 1) state.items.splice(at, 1);
  else if (at < 0 && state.items.length < 4) state.items.push(newItem(name));
  else if (at < 0) return void ($("said").textContent = say("most_four"));
  state.y = null;
  update();
}

function look(view) {
  Object.assign(state, structuredClone(view), { y: null });
  state.pointer = within(state.x, state.pointer);
  update();
}

function zoom(factor) {
  const { to, from } = SCALES[state.xscale](), [a, b] = state.x.map(to), middle = (a + b) / 2;
  const half = Math.max(((b - a) / 2) * factor, 1e-9 + Math.abs(middle) * 1e-9);
  const ends = [from(middle - half), from(middle + half)].map((v) => Math.max(-3.4e38, Math.min(3.4e38, v)));
  if (ends[0] < ends[1]) look({ x: ends, xscale: state.xscale, log: state.log });
}

function toggle(k) {
  const orders = state.orders.includes(k) ? state.orders.filter((each) => each !== k) : [...state.orders, k].sort();
  if (orders.length) state.orders = orders;
  state.y = null;
  update();
}

function showHead() {
  const [first] = state.items, formulas = $(`formula-${first.card.name}`);
  $("name").textContent = first.card.title;
  $("kind").textContent = `ogive.${first.card.name} · ${say(first.card.kind)}`;
  $("summary").textContent = summary(first.card);
  $("read").textContent = first.card.kind === "unary" ? "" : say(`said_${first.card.kind}`);
  $("formula").replaceChildren(...[...formulas.children].map((each) => each.cloneNode(true)));
}

function showBar() {
  const failing = (PEERS[state.items[0].card.name] || []).flatMap((peer, k) => {
    const view = failure(state.items[0].card, k);
    return view ? [button(say("fails", peer.framework) + (view.peerOrder ? " (f′)" : ""), `${state.x}` === `${view.x}` && state.log === view.log, () => look(view), { class: "fails" })] : [];
  });
  const presets = Object.entries(VIEWS).map(([key, view]) =>
    button(say(key), `${state.x}` === `${view.x}` && state.log === view.log && state.xscale === view.xscale, () => look(view)));
  $("presets").replaceChildren(...presets, ...failing,
    element("span", { class: "group zoom" }, button("−", null, () => zoom(2), { "aria-label": say("zoom_out") }), button("+", null, () => zoom(0.5), { "aria-label": say("zoom_in") })));
  const group = (label, ...children) => element("span", { class: "group", role: "group", "aria-label": label }, element("b", {}, label), ...children);
  $("bar").replaceChildren(
    group(say("curves"), ...ORDERS.map((text, k) => button(text, state.orders.includes(k), () => toggle(k), { class: `o${k}` }))),
    group(say("x_axis"), button(say("linear"), state.xscale === "linear", () => look({ x: state.x, xscale: "linear", log: state.log })), button(say("wide"), state.xscale === "wide", () => look({ x: state.x, xscale: "wide", log: state.log }))),
    group(say("y_axis"), button(say("linear"), !state.log, () => look({ x: state.x, xscale: state.xscale, log: false })), button(say("log_y"), state.log, () => look({ x: state.x, xscale: state.xscale, log: true }))),
    group(say("peers"), ...[["f", 0], ["f′", 1], [say("off"), -1]].map(([text, k]) => button(text, state.peerOrder === k, () => { state.peerOrder = k; update(); }))));
}

function slider(p, value, changed) {
  const number = element("input", { type: "number", value: Number(value.toPrecision(8)), step: "any", "aria-label": p.name, onchange: (e) => (inside(p, e.target.valueAsNumber) ? changed(e.target.valueAsNumber) : (e.target.value = value)) });
  const logarithmic = p.from > 0;
  const to = logarithmic ? Math.log : (v) => v, from = logarithmic ? (t) => Number(Math.exp(t).toPrecision(3)) : (t) => Number(t.toPrecision(3));
  const range = element("input", { type: "range", min: to(p.from), max: to(p.to), step: (to(p.to) - to(p.from)) / 200, "aria-label": p.name, title: p.doc });
  range.value = to(value);
  range.addEventListener("input", () => {
    const next = from(Number(range.value));
    if (!inside(p, next)) return;
    number.value = next;
    changed(next, true);
  });
  return element("label", { class: "slider", title: p.doc }, element("span", {}, p.name), range, number);
}

function showParameters() {
  const children = state.items.flatMap((item, k) => {
    const rows = item.curve.parameters.map((p, j) => slider(p, item.values[j], (v, live) => { item.values[j] = v; live ? redraw() : update(); }));
    const ways = item.card.ways.length < 2 ? null : element("span", { class: "group" }, element("b", {}, say(item.card.kind === "heads" ? "form" : "along")), ...item.card.ways.map((w, n) => button(w.label, n === item.way, () => { state.items[k] = newItem(item.card.name, n); update(); })));
    if (!rows.length && !ways && state.items.length > 1) return [];
    const reset = atDefaults(item) ? null : button(say("reset"), null, () => { state.items[k] = newItem(item.card.name); update(); });
    return [element("div", { class: `own c${k}` }, element("h3", {}, item.card.name, reset), ways, ...(rows.length ? rows : [element("p", { class: "hint" }, say("no_parameters"))]))];
  });
  $("parameters").replaceChildren(...(children.length ? children : [element("p", { class: "hint" }, say("no_parameters"))]));
  const v = { name: say("variance"), from: 0.01, to: 100, low: 0, high: 1e3, doc: say("density") };
  $("variance").replaceChildren(slider(v, state.v, (value, live) => { state.v = Math.max(0.01, Math.min(100, value)); live ? redraw() : update(); }));
}

function table(head, rows) {
  const cell = (tag) => (text) => element(tag, {}, text);
  const body = rows.map(([cells, name]) => element("tr", { class: name || null }, ...cells.map((c, k) => element(k ? "td" : "th", k ? {} : { scope: "row" }, c))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head.map(cell("th")))), element("tbody", {}, ...body));
}

function showMoments() {
  const rows = state.items.map((item, k) => {
    const m = moments(item, state.v);
    return [[item.card.name, ...[m.mean, Math.sqrt(Math.max(m.variance, 0)), m.gain, m.chi].map((n) => written(n, 4))], `c${k}`];
  });
  $("moments").replaceChildren(table(["", ...["mean", "deviation", "gain", "chi"].map((key) => say(key))], rows));
}
