const { exp, expm1, log, log1p, tanh, sqrt, abs } = Math;
// e^(-a a) with the square in two parts, since its rounding error grows in the tail
function bell(a) {
  if (abs(a) > 40) return 0;
  const h = Math.fround(a);
  return exp(-h * h) * exp(-(a - h) * (a + h));
}
const gauss = (a) => 1.1283791670955126 * bell(a);
// erf by its series of positive terms, erfc from 1.5 on by its continued fraction
function erfSeries(a) {
  let term = a, sum = a;
  for (let k = 1; k < 90 && abs(term) > abs(sum) * 1e-18; k++) sum += term *= (2 * a * a) / (2 * k + 1);
  return gauss(a) * sum;
}
function erfcTail(a) {
  let f = a;
  for (let k = 160; k > 0; k--) f = a + k / 2 / f;
  return (bell(a) / f) * 0.5641895835477563;
}
const erf = (a) => (abs(a) < 1.5 ? erfSeries(a) : a > 0 ? 1 - erfcTail(a) : erfcTail(-a) - 1);
const erfc = (a) => (a <= -1.5 ? 2 - erfcTail(-a) : a < 1.5 ? 1 - erfSeries(a) : erfcTail(a));
function logistic(a) {
  const e = exp(-abs(a));
  return (a < 0 ? e : 1) / (1 + e);
}
const softplus = (a) => Math.max(a, 0) + log1p(exp(-abs(a)));
function sech2(a) {
  const q = exp(-2 * abs(a));
  return (4 * q) / ((1 + q) * (1 + q));
}
// a - tanh(a), near 0 by Lambert's continued fraction
function tanh_gap(a) {
  if (abs(a) >= 1) return a - tanh(a);
  const z = a * a;
  let t = 25;
  for (let k = 23; k > 1; k -= 2) t = k + z / t;
  return (a * z) / (t + z);
}
const root = (a, c) => Math.hypot(a, sqrt(c));
const root_sum = (a, c) => (a < 0 ? c / (root(a, c) + abs(a)) : a + root(a, c));
const root_share = (a, c) => root_sum(a, c) / root(a, c);
// a - tau, where tau is where ((a - tau)+)^power and ((b - tau)+)^power sum to 1
function above1(a, b) {
  const d = a - b;
  return d >= 1 ? 1 : d > -1 ? (1 + d) / 2 : 1 + d;
}
function above2(a, b) {
  const d = a - b;
  return d >= 1 ? 1 : d > -1 ? d / 2 + sqrt((1 - (d * d) / 2) / 2) : 1 + d;
}
// a factor that has underflowed wins over one that has overflowed
const times = (a, b) => (a === 0 || b === 0 ? 0 : a * b);
