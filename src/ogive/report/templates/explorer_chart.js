// The chart: curves, densities beside the axes, peers' values, and their errors below.
const NS = "http://www.w3.org/2000/svg";
const MARGIN = { left: 58, right: 74, top: 14, gap: 34, bottom: 30 };
const ORDERS = ["f", "f′", "f″"];

function draw(parent, tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// scales: from a number to [0, 1] and back
const SCALES = {
  linear: () => ({ to: (x) => x, from: (t) => t }),
  // linear near 0, logarithmic beyond
  wide: () => ({ to: (x) => Math.asinh(x / 2), from: (t) => 2 * Math.sinh(t) }),
  log: () => ({ to: (y) => Math.log10(Math.abs(y)), from: (t) => 10 ** t }),
};

function scale(kind, low, high, start, end) {
  const { to, from } = SCALES[kind]();
  const a = to(low), b = to(high);
  const place = (x) => start + ((to(x) - a) / (b - a)) * (end - start);
  place.back = (p) => from(a + ((p - start) / (end - start)) * (b - a));
  return Object.assign(place, { kind, low, high });
}

function ticks(s, wanted) {
  const { low, high, kind } = s;
  if (kind === "linear") {
    const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= raw);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12) + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  }
  const decades = (from, to, count) => {
    const step = Math.max(1, Math.ceil((to - from) / count)), found = [];
    for (let e = Math.ceil(from / step) * step; e <= to; e += step) found.push(Number(`1e${e}`));
    return found;
  };
  if (kind === "log") return decades(Math.log10(low), Math.log10(high), wanted);
  const right = decades(0, Math.log10(Math.max(high, -low)), Math.max(2, wanted / 2 - 1));
  return [...right.map((x) => -x), 0, ...right].filter((x) => x === 0 || Math.abs(x) > 1).filter((x) => x >= low && x <= high);
}

// x evenly over the axis, and both sides of every cut
function samples(x, item) {
  const points = [], n = 700;
  for (let k = 0; k <= n; k++) points.push(x.back(MARGIN.left + (k / n) * (x.end - MARGIN.left)));
  for (const cut of item.curve.cuts(...item.values)) {
    const near = Math.max(Math.abs(cut), 1e-3) * 1e-12;
    if (cut > x.low && cut < x.high) points.push(cut - near, cut, cut + near);
  }
  return points.sort((a, b) => a - b);
}

// pieces of a line: broken where the curve jumps or is not finite
function pieces(xs, ys, x, y, jumps) {
  let path = "", down = false, before = 0;
  xs.forEach((each, k) => {
    const value = ys[k];
    const shown = Number.isFinite(value) && !(y.kind === "log" && value === 0);
    if (!shown) return void (down = false);
    const px = x(each), py = Math.max(-2e3, Math.min(4e3, y(value)));
    const broken = down && jumps && k > 0 && each - xs[k - 1] < Math.max(Math.abs(each), 1e-3) * 1e-11 && Math.abs(py - before) > 0.5;
    path += `${down && !broken ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
    down = true;
    before = py;
  });
  return path;
}

function limits(state, curves) {
  if (state.y) return state.y;
  const all = curves.flatMap((c) => c.lines.flatMap((l) => l.ys)).filter(Number.isFinite);
  if (state.log) {
    const sizes = all.map(Math.abs).filter((v) => v > 0);
    if (!sizes.length) return [1e-3, 1];
    const high = Math.max(...sizes), low = Math.max(Math.min(...sizes), high * 1e-60, 1e-320);
    return [10 ** Math.floor(Math.log10(low) - 0.05) || 1e-320, 10 ** Math.ceil(Math.log10(high) + 0.02)];
  }
  const low = Math.min(0, ...all), high = Math.max(0, ...all), pad = (high - low) * 0.06 || 1;
  return [low - pad, high + pad];
}

function frame(svg, s, kind, place) {
  const across = kind === "x";
  const group = draw(svg, "g", { class: "axis" });
  let used = NaN;
  for (const tick of ticks(s, across ? (place.end - place.start) / 82 : Math.abs(place.end - place.start) / 46)) {
    const p = s(tick), zero = tick === 0 ? " zero" : "";
    if (Math.abs(p - used) < 24) continue;
    used = p;
    const line = across ? { x1: p, x2: p, y1: place.from, y2: place.to } : { x1: place.from, x2: place.to, y1: p, y2: p };
    draw(group, "line", { ...line, class: "grid" + zero });
    draw(group, "text", across ? { x: p, y: place.to + 18, "text-anchor": "middle" } : { x: place.from - 8, y: p + 4, "text-anchor": "end" }, written(tick, 4));
  }
}

// the density of the input along the bottom, and of the output along the right
function densities(svg, state, items, x, y, box) {
  if (state.xscale !== "linear" || state.log) return;
  const s = Math.sqrt(state.v), height = (box.bottom - box.top) * 0.16, n = 160;
  let path = `M${MARGIN.left} ${box.bottom}`;
  for (let k = 0; k <= n; k++) {
    const z = x.low + ((x.high - x.low) * k) / n;
    path += `L${x(z).toFixed(1)} ${(box.bottom - height * Math.exp((-z * z) / (2 * state.v))).toFixed(1)}`;
  }
  draw(svg, "path", { d: path + `L${x.end} ${box.bottom}Z`, class: "density" });
  const bins = Math.max(20, Math.round((box.bottom - box.top) / 5)), width = MARGIN.right - 20;
  items.forEach((item, at) => {
    const found = spread(item, state.v, y.low, y.high, bins);
    const typical = [...found].sort((a, b) => b - a)[Math.min(2, bins - 1)] || 1;
    const most = Math.min(Math.max(...found), 2.2 * typical) || 1;
    const group = draw(svg, "g", { class: `output c${at}` });
    found.forEach((share, k) => {
      if (share > most * 2e-3) {
        const top = y(y.low + ((k + 1) / bins) * (y.high - y.low)), under = y(y.low + (k / bins) * (y.high - y.low));
        draw(group, "rect", { x: x.end + 6, y: top, width: (width * Math.min(share, most)) / most, height: Math.max(under - top - 0.5, 0.5) });
      }
    });
  });
}

// peers' recorded values on the curve, their errors below on a logarithmic axis
function peerMarks(svg, state, item, x, y, box, errors) {
  const shown = item.peers ? state.peerOrder : null;
  if (shown === null || shown === undefined || shown < 0) return;
  item.peers.forEach((peer, which) => {
    const values = shown ? peer.slope : peer.f;
    if (!values) return;
    const group = draw(svg, "g", { class: `peer peer${which}` });
    let used = -100;
    POINTS.forEach((point, k) => {
      if (point < x.low || point > x.high) return;
      const px = x(point), exact = at(item, point)[shown], error = ulps(values[k], exact);
      const place = y(values[k]), due = y(exact);
      if (due >= box.top && due <= box.bottom && error > 2 && !(Math.abs(place - due) < 1.5) && px - used > 3) {
        const fits = place >= box.top && place <= box.bottom;
        const edge = values[k] === 0 || place > box.bottom ? box.bottom : box.top;
        mark(group, which, px, fits ? place : edge, 2.8).classList.toggle("off", !fits);
        used = px;
      }
      if (errors) mark(group, which, px, errors(Math.min(Math.max(error, 0.3), 3e9)), 2.4);
    });
  });
}

function mark(group, which, x, y, r) {
  if (which === 0) return draw(group, "circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 1.35 * r });
  if (which === 1) return draw(group, "rect", { x: (x - r).toFixed(1), y: (y - r).toFixed(1), width: 2 * r, height: 2 * r });
  return draw(group, "path", { d: `M${x.toFixed(1)} ${(y - r - 1).toFixed(1)}l${r + 1} ${2 * r}h${-2 * r - 2}Z` });
}

function chart(svg, state, items, texts) {
  const width = svg.clientWidth || 800, height = svg.clientHeight || 520;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const strip = items[0].peers && state.peerOrder >= 0 ? Math.round(height * 0.2) : 0;
  const box = { top: MARGIN.top, bottom: height - MARGIN.bottom - (strip ? strip + MARGIN.gap : 0) };
  const end = width - MARGIN.right;
  const x = Object.assign(scale(state.xscale, ...state.x, MARGIN.left, end), { end });
  const curves = items.map((item) => {
    const xs = samples(x, item), ys = xs.map((each) => at(item, each));
    return { item, xs, lines: state.orders.map((order) => ({ order, ys: ys.map((each) => each[order]) })) };
  });
  const [low, high] = limits(state, curves);
  const y = scale(state.log ? "log" : "linear", low, high, box.bottom, box.top);
  frame(svg, x, "x", { start: MARGIN.left, end, from: box.top, to: box.bottom });
  frame(svg, y, "y", { start: box.bottom, end: box.top, from: MARGIN.left, to: end });
  const clip = draw(draw(svg, "defs", {}), "clipPath", { id: "inside" });
  draw(clip, "rect", { x: MARGIN.left, y: box.top - 1, width: end - MARGIN.left, height: box.bottom - box.top + 2 });
  densities(svg, state, items, x, y, box);
  const lines = draw(svg, "g", { "clip-path": "url(#inside)" });
  curves.forEach((curve, k) => {
    for (const { order, ys } of [...curve.lines].reverse()) {
      draw(lines, "path", { d: pieces(curve.xs, ys, x, y, true), class: `line c${k} o${order}` });
    }
  });
  let errors = null;
  if (strip) {
    const top = box.bottom + MARGIN.gap, bottom = height - MARGIN.bottom + 22;
    errors = scale("log", 0.3, 3e9, bottom - 4, top);
    const group = draw(svg, "g", { class: "axis" });
    for (const tick of [0.5, 1e3, 1e6, 3e9]) {
      draw(group, "line", { x1: MARGIN.left, x2: end, y1: errors(tick), y2: errors(tick), class: tick === 0.5 ? "grid zero" : "grid" });
      draw(group, "text", { x: MARGIN.left - 8, y: errors(tick) + 4, "text-anchor": "end" }, tick > 1e9 ? "∞" : written(tick, 2));
    }
    draw(group, "text", { x: end + 8, y: top + 8, class: "label" }, texts.errors);
    draw(group, "text", { x: end + 8, y: top + 22, class: "label" }, texts.in_ulp);
  }
  peerMarks(svg, state, items[0], x, y, box, errors);
  return { x, y, box, errors, height, end };
}
