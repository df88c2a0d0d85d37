// What is shown, and its form in the address: #f=gelu~elu:alpha=2&x=-6:6&log=1…
const BY_NAME = new Map(DATA.functions.map((card) => [card.name, card]));
const VIEWS = {
  near: { x: [-0.5, 0.5], xscale: "linear", log: false },
  middle: { x: [-6, 6], xscale: "linear", log: false },
  tails: { x: [-40, 40], xscale: "linear", log: true },
  huge: { x: [-3.4e38, 3.4e38], xscale: "wide", log: true },
};
const fresh = () => ({ items: [], orders: [0, 1, 2], peerOrder: 0, v: 1, y: null, pointer: -1.5, lang: "", theme: "", ...structuredClone(VIEWS.middle) });
let state = fresh();

function newItem(name, way = 0, given = {}) {
  const card = BY_NAME.get(name), curve = card.ways[way] || card.ways[0];
  const values = curve.parameters.map((p) => (p.name in given && inside(p, given[p.name]) ? given[p.name] : p.default));
  return { card, way: card.ways.indexOf(curve), curve, values };
}

const inside = (p, value) => Number.isFinite(value) && (p.low === null || value > p.low) && (p.high === null || value < p.high);
const within = ([low, high], x) => (x >= low && x <= high ? x : low + (high - low) / 3);
const atDefaults = (item) => item.way === 0 && item.curve.parameters.every((p, k) => item.values[k] === p.default);

function address() {
  const items = state.items.map((item) => {
    const changed = item.curve.parameters.flatMap((p, k) => (item.values[k] === p.default ? [] : [`${p.name}=${item.values[k]}`]));
    return item.card.name + (item.way ? `!${item.way}` : "") + (changed.length ? ":" + changed.join(",") : "");
  });
  const parts = [`f=${items.join("~")}`];
  const usual = fresh();
  if (`${state.x}` !== `${usual.x}`) parts.push(`x=${state.x.map((v) => Number(v.toPrecision(7))).join(":")}`);
  if (state.y) parts.push(`y=${state.y.map((v) => Number(v.toPrecision(7))).join(":")}`);
  if (state.xscale !== usual.xscale) parts.push(`s=${state.xscale}`);
  if (state.log) parts.push("log=1");
  if (`${state.orders}` !== `${usual.orders}`) parts.push(`d=${state.orders.join("")}`);
  if (state.peerOrder !== usual.peerOrder) parts.push(`peers=${state.peerOrder}`);
  if (state.pointer !== usual.pointer) parts.push(`at=${Number(state.pointer.toPrecision(6))}`);
  if (state.v !== 1) parts.push(`v=${state.v}`);
  if (state.lang) parts.push(`lang=${state.lang}`);
  if (state.theme) parts.push(`theme=${state.theme}`);
  return "#" + parts.join("&");
}

// whatever an address holds that is not understood is left at its default
function fromAddress(hash) {
  const given = new Map(hash.replace(/^#/, "").split("&").map((part) => part.split(/=(.*)/s).slice(0, 2)));
  const found = fresh();
  for (const text of decodeURIComponent(given.get("f") || "").split("~")) {
    const [, name, way, options] = text.match(/^(\w+)(?:!(\d))?(?::(.*))?$/) || [];
    if (!BY_NAME.has(name) || found.items.length === 4 || found.items.some((item) => item.card.name === name)) continue;
    const values = Object.fromEntries((options || "").split(",").map((o) => o.split("=")).map(([key, v]) => [key, Number(v)]));
    found.items.push(newItem(name, Number(way || 0), values));
  }
  const pair = (key) => {
    const ends = (given.get(key) || "").split(":").map(Number);
    return ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : null;
  };
  found.x = pair("x") || found.x;
  found.y = pair("y");
  if (Object.hasOwn(SCALES, given.get("s")) && given.get("s") !== "log") found.xscale = given.get("s");
  found.log = given.get("log") === "1";
  if (/^[012]{1,3}$/.test(given.get("d"))) found.orders = [...new Set(given.get("d"))].map(Number).sort();
  if (/^(-1|0|1)$/.test(given.get("peers"))) found.peerOrder = Number(given.get("peers"));
  const pointer = Number(given.get("at") || NaN);
  found.pointer = Number.isFinite(pointer) ? pointer : within(found.x, found.pointer);
  const v = Number(given.get("v"));
  if (v >= 0.01 && v <= 100) found.v = v;
  if (Object.hasOwn(TEXTS, given.get("lang"))) found.lang = given.get("lang");
  if (/^(light|dark)$/.test(given.get("theme"))) found.theme = given.get("theme");
  if (!found.items.length) found.items.push(newItem(DATA.first));
  return found;
}

// where recorded values, or else slopes, are more than 100 ULP off: the view around them
const failure = (card, which) => around(card, which, 0) || around(card, which, 1);
function around(card, which, order) {
  const peer = PEERS[card.name][which], item = newItem(card.name), values = order ? peer.slope : peer.f;
  if (!values) return null;
  const errors = new Map([...POINTS].map((point, k) => [point, ulps(values[k], at(item, point)[order])]));
  const bad = [...POINTS].filter((point) => Math.abs(point) > 1e-6 && errors.get(point) > 100);
  if (!bad.length) return null;
  const middle = bad.filter((point) => Math.abs(point) < 125);
  const shown = middle.length ? middle : bad;
  const low = Math.min(...shown), high = Math.max(...shown);
  const pad = Math.max((high - low) * 0.15, Math.abs(high) * 0.1, 1);
  const pointer = shown.reduce((a, b) => (errors.get(b) > errors.get(a) ? b : a));
  return { peerOrder: order, ...(middle.length ? {} : VIEWS.huge), pointer, ...(middle.length && { x: [Math.max(low - pad, -150), Math.min(high + pad, 150)], xscale: "linear", log: true }) };
}

function worst(card) {
  const item = newItem(card.name);
  return Math.max(0, ...(PEERS[card.name] || []).map((peer) => Math.max(...[...POINTS].map((x, k) => ulps(peer.f[k], at(item, x)[0])))));
}

// Python that computes what is shown
function python(item, torch) {
  const { card, curve } = item, name = card.name;
  const module = torch ? "ogive.torch" : "ogive", lines = [torch ? "import torch, ogive.torch" : "import numpy as np, ogive"];
  const make = torch ? "torch" : "np", [low, high] = state.x.map((v) => Number(v.toPrecision(6)));
  lines.push(`x = ${make}.linspace(${low}, ${high}, 1201${torch ? ", requires_grad=True" : ""})`);
  const given = curve.parameters.flatMap((p, k) => (p.own && item.values[k] !== p.default ? [`, ${p.name}=${item.values[k]}`] : [])).join("");
  const held = (key) => item.values[curve.parameters.findIndex((p) => p.name === key)];
  const pair = (a, b) => (torch ? `torch.stack([${a}, ${b}], -1)` : `np.stack([${a}, ${b}], -1)`);
  let operands = "x";
  if (card.kind === "gated") operands = curve.variable === "a" ? `x, ${make}.full_like(x, ${held("b")})` : `${make}.full_like(x, ${held("a")}), x`;
  else if (card.kind === "rows") lines.push(`z = ${pair("x", "0 * x")}  # logits of two classes`);
  else if (card.kind === "heads") {
    const t = held("target"), whole = `${make}.full_like(x, ${t})`;
    if (card.over_rows) lines.push(`z = ${pair("x", "0 * x")}  # logits of two classes`, `target = ${pair(whole, `${make}.full_like(x, ${Number((1 - t).toPrecision(12))})`)}`);
    else lines.push(`target = ${whole}`);
  }
  const random = card.random ? ", seed=0" : "", called = card.loss_of || name;
  if (card.kind === "rows") lines.push(`y = ${module}.${name}(z${given}${random})`);
  else if (card.kind === "heads" && !torch) lines.push(`y, slope = ogive.value_and_grad.${called}(${card.over_rows ? "z" : "x"}, target, reduction="none"${given})`);
  else if (card.kind === "heads") lines.push(`y = ${module}.${called}(${card.over_rows ? "z" : "x"}, target, reduction="none"${given})`);
  else lines.push(`y = ${module}.${name}(${operands}${given})`);
  if (torch) lines.push("(slope,) = torch.autograd.grad(y.sum(), x)");
  else if (card.kind === "unary") lines.push(`slope = ogive.derivative.${name}(x${given})`);
  return lines.join("\n");
}
