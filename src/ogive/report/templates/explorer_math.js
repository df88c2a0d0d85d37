// What the page computes: values, float32 errors of peers, moments and densities.
const at = (item, x) => item.curve.f(x, ...item.values);

function parsed(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// the distance between two neighbouring float32 numbers at y
function spacing(y) {
  const size = Math.abs(y);
  if (size < 2 ** -126) return 2 ** -149;
  let e = Math.floor(Math.log2(size));
  if (2 ** e > size) e--;
  else if (2 ** (e + 1) <= size) e++;
  return 2 ** (Math.min(e, 127) - 23);
}

// in units in the last place of float32; Infinity where one is not a number or not finite
function ulps(found, exact) {
  const rounded = Math.fround(exact);
  if (Object.is(found, rounded) || found === rounded) return Math.min(Math.abs(found - exact) / spacing(exact) || 0, 0.5);
  if (!Number.isFinite(found) || !Number.isFinite(rounded)) return Infinity;
  return Math.abs(found - exact) / spacing(exact);
}

// points and weights of Gauss and Legendre on [-1, 1]
function legendre(n) {
  const rule = [];
  for (let i = 1; i <= n; i++) {
    let x = Math.cos((Math.PI * (i - 0.25)) / (n + 0.5)), slope = 1;
    for (let step = 0; step < 20; step++) {
      let p = 1, before = 0;
      for (let k = 1; k <= n; k++) [p, before] = [((2 * k - 1) * x * p - (k - 1) * before) / k, p];
      slope = (n * (x * p - before)) / (x * x - 1);
      x -= p / slope;
    }
    rule.push([x, 2 / ((1 - x * x) * slope * slope)]);
  }
  return rule;
}
const RULE = legendre(16);

// points of z from N(0, v) with their probabilities, in pieces between the cuts of a curve
function* gaussian(item, v) {
  const s = Math.sqrt(v), end = 12 * s;
  const cuts = item.curve.cuts(...item.values).filter((c) => Math.abs(c) < end);
  const places = new Set([-end, ...cuts, end]);
  for (let k = -24; k <= 24; k++) places.add((k / 2) * s);
  const ends = [...places].sort((a, b) => a - b);
  for (let k = 1; k < ends.length; k++) {
    const middle = (ends[k] + ends[k - 1]) / 2, half = (ends[k] - ends[k - 1]) / 2;
    for (const [t, w] of RULE) {
      const z = middle + half * t;
      yield [z, (w * half * Math.exp((-z * z) / (2 * v))) / (s * Math.sqrt(2 * Math.PI))];
    }
  }
}

// of f(z) for z from N(0, v); the gain keeps the mean square at v, chi is then the factor on gradients
function moments(item, v) {
  let mean = 0, square = 0, slope = 0;
  for (const [z, w] of gaussian(item, v)) {
    const [y, d] = at(item, z);
    mean += w * y;
    square += w * y * y;
    slope += w * d * d;
  }
  const gain = Math.sqrt(v / square);
  if (Math.abs(mean) < 1e-14 * Math.sqrt(square)) mean = 0;  // rounding errors of an odd function
  return { mean, square, variance: square - mean * mean, slope, gain, chi: gain * gain * slope };
}

// how f(z) is spread over bins of [low, high], with the largest share of one value beside it
function spread(item, v, low, high, bins) {
  const found = new Float64Array(bins), n = 6000, s = Math.sqrt(v), step = (12 * s) / n;
  for (let k = 0; k < n; k++) {
    const z = -6 * s + (k + 0.5) * step;
    const here = Math.floor(((at(item, z)[0] - low) / (high - low)) * bins);
    if (here >= 0 && here < bins) found[here] += (step * Math.exp((-z * z) / (2 * v))) / (s * Math.sqrt(2 * Math.PI));
  }
  return found;
}

function written(x, digits = 6) {
  if (x === undefined) return "";
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (Object.is(x, -0)) return "−0";
  const size = Math.abs(x);
  let text = x === 0 || (size >= 1e-4 && size < 1e6) ? String(Number(x.toPrecision(digits))) : x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return text.replace(/-/g, "−");
}
