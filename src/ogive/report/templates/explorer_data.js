// What the page was given.
const DATA = JSON.parse(document.getElementById("data").textContent);
const TEXTS = DATA.texts;
for (const card of DATA.functions) card.ways.forEach((way, k) => Object.assign(way, CURVES[card.name][k]));
let POINTS = new Float32Array();
let PEERS = {};

// the recorded values are compressed; a browser that cannot unpack them shows curves alone
async function unpack() {
  if (!("DecompressionStream" in window)) return;
  const bytes = Uint8Array.from(atob(DATA.values), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { points, peers } = await new Response(stream).json();
  POINTS = parsed(points);
  for (const each of Object.values(peers).flat()) {
    each.f = parsed(each.f);
    if (each.slope) each.slope = parsed(each.slope);
  }
  PEERS = peers;
}
