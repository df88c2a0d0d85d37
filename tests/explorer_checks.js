// What tests/test_explorer.py asks of the page, in the page.
const later = (ms) => new Promise((done) => setTimeout(done, ms));

function pack(values) {
  const bytes = new Uint8Array(new Float64Array(values).buffer);
  let text = "";
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
  return btoa(text);
}

const CHECKS = {
  curves: ({ points, cases }) =>
    cases.map(([name, way, values]) => pack(points.flatMap((x) => CURVES[name][way].f(x, ...values)))),

  moments: ({ names, variances }) => names.map((name) => variances.map((v) => moments(newItem(name), v))),

  errors: () => {
    const torch = PEERS.gelu.find((peer) => peer.framework === "torch").f[POINTS.indexOf(-10)];
    return {
      spacings: [1, Math.fround(0.1), -3, 1e-45, 2 ** -126].map(spacing),
      one: [ulps(1, 1), ulps(1 + 2 ** -23, 1), ulps(1 - 2 ** -23, 1)],
      lost: ulps(NaN, 1) === Infinity && ulps(Infinity, 1) === Infinity,
      overflow: ulps(Infinity, 1e39) <= 0.5,
      gelu: [torch, ulps(torch, at(newItem("gelu"), -10)[0])],
    };
  },

  address: async ({ next }) => {
    const read = () => ({
      hash: location.hash, lang: document.documentElement.lang, theme: document.documentElement.dataset.theme,
      names: state.items.map((item) => item.card.name), values: state.items.map((item) => item.values), title: document.title,
    });
    const given = read();
    location.hash = next;
    await later(600);
    return [given, read()];
  },

  controls: () => {
    const lines = () => document.querySelectorAll("#chart path.line").length;
    const key = (k) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true }));
    const names = () => [...document.querySelectorAll(".pick")].map((each) => each.dataset.name);
    const give = (id, value, kind) => {
      const node = typeof id === "string" ? document.getElementById(id) : id;
      node.value = value;
      node.dispatchEvent(new Event(kind));
    };
    const found = { all: names().length, first: lines() };
    give("search", "swish", "input");
    found.swish = names();
    give("search", "", "input");
    for (const name of ["elu", "tanh", "relu", "mish"]) document.querySelector(`.pick[data-name=${name}]`).nextSibling.click();
    found.four = [state.items.map((item) => item.card.name), lines()];
    give(document.querySelector("#parameters input[type=range]"), 1.5, "input");
    found.alpha = state.items[1].values[0];
    key("3");
    found.without = lines();
    key("l");
    found.log = state.log;
    give("sort", "gain", "change");
    found.gains = names().map((name) => gains.get(name)).filter((gain) => gain !== null);
    give("sort", "error", "change");
    found.errors = names().map((name) => errorsOf.get(name) ?? Infinity).slice(0, 3).every((error) => error > 1e3);
    const before = state.pointer, named = state.items[0].card.name;
    key("ArrowRight");
    found.moved = state.pointer > before;
    key("ArrowDown");
    found.next = state.items[0].card.name !== named;
    document.getElementById("language").click();
    found.zh = document.querySelector("[data-say=title]").textContent;
    for (const card of DATA.functions) {  // every preset of every function can be drawn
      choose(card.name);
      for (const k of document.querySelectorAll("#presets > button").keys()) document.querySelectorAll("#presets > button")[k].click();
    }
    return found;
  },

  programs: ({ torch }) => DATA.functions.flatMap((card) => card.ways.map((_, way) => [card.name, python(newItem(card.name, way), torch)])),

  width: () => [document.documentElement.scrollWidth, innerWidth],
};
