// A tape run in ball arithmetic over blocks of doubles, and the verdict on results in a format.
//
// Every value is a centre m and a radius r, and the true value lies in [m - r, m + r]. Each
// operation adds to the radii that arrive a bound on its own rounding, taken generously: what is
// lost is a little sharpness, and what the ball then cannot decide is left to arb.
//
// Compiled on demand by ball.py with -ffp-contract=off; no flag that changes arithmetic is used.
#include <cmath>
#include <cstdint>

namespace {

constexpr int lanes = 128;
constexpr double infinity = __builtin_inf();
constexpr double rounding = 0x1p-52;    // twice the bound on one rounding
constexpr double smallest = 0x1p-1070;  // more than any rounding among the subnormals
constexpr double inflate = 1 + 0x1p-46; // for the roundings of the radius itself
// Relative error of the functions below at the centre. Their analysis gives 2^-49.5 at most (the
// reduction of exp 2^-53, its polynomial 2^-51, up to three more operations).
constexpr double function_error = 0x1p-48;
constexpr double two_over_root_pi = 0x1.20dd750429b6dp0;
// Centre and radius of what is positive and below 2^-969, where e^-690 and e^(-26^2) are.
constexpr double vanishing = 0x1p-970;

struct ball {
  double m[lanes], r[lanes];
};

inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline double magnitude(double x) { return __builtin_fabs(x); }
inline double smaller(double a, double b) { return a < b ? a : b; }
inline double larger(double a, double b) { return a > b ? a : b; }
inline std::uint64_t bits_of(double x) { return __builtin_bit_cast(std::uint64_t, x); }
inline double from_bits(std::uint64_t b) { return __builtin_bit_cast(double, b); }

constexpr double shifter = 0x1.8p52; // adding it leaves the nearest integer in the low bits

// e^r - 1 for |r| <= 0.35, and the power of two for e^x: a Taylor polynomial whose remainder,
// 0.35^15/15!, is below 2^-62 of r.
struct reduced {
  double p, scale;
};
inline reduced reduce(double x) {
  const double shifted = fma(x, 0x1.71547652b82fep0, shifter), n = shifted - shifter;
  const double r = fma(-n, 0x1.abc9e3b39803fp-56, fma(-n, 0x1.62e42fefa39efp-1, x));
  double q = 1.0 / 87178291200;
  q = fma(q, r, 1.0 / 6227020800), q = fma(q, r, 1.0 / 479001600), q = fma(q, r, 1.0 / 39916800);
  q = fma(q, r, 1.0 / 3628800), q = fma(q, r, 1.0 / 362880), q = fma(q, r, 1.0 / 40320);
  q = fma(q, r, 1.0 / 5040), q = fma(q, r, 1.0 / 720), q = fma(q, r, 1.0 / 120);
  q = fma(q, r, 1.0 / 24), q = fma(q, r, 1.0 / 6), q = fma(q, r, 0.5);
  return {fma(r * r, q, r), from_bits((bits_of(shifted) + 1023) << 52)};
}
inline double clamp(double x) { return smaller(larger(x, -690), 690); }
inline double exp(double x) {
  const reduced e = reduce(clamp(x));
  return fma(e.p, e.scale, e.scale);
}
inline double expm1(double x) {
  const reduced e = reduce(clamp(x));
  return fma(e.scale, e.p, e.scale - 1); // with scale 1 this is p, whole
}

// log(1 + u) for u > -1: 1 + u = 2^k (1 + f), and log(1 + f) = 2 atanh(f/(2 + f)) as a series in
// s^2 <= 0.0295 whose remainder is below 2^-56. Where k is 0, f is u itself.
inline double log1p(double u) {
  const double y = 1 + u, lost = u < 1 ? u - (y - 1) : 1 - (y - u);
  const std::uint64_t shift = (bits_of(y) - bits_of(0x1.6a09e667f3bcdp-1)) >> 52;
  const double k = static_cast<double>(
      static_cast<std::int32_t>(static_cast<std::uint32_t>(shift > 2048 ? shift - 4096 : shift)));
  const double scale = from_bits(bits_of(1.0) - (shift << 52));
  const double f = k == 0 ? u : fma(y, scale, -1) + lost * scale;
  const double s = f / (2 + f), z = s * s;
  double q = 1.0 / 21;
  q = fma(q, z, 1.0 / 19), q = fma(q, z, 1.0 / 17), q = fma(q, z, 1.0 / 15);
  q = fma(q, z, 1.0 / 13), q = fma(q, z, 1.0 / 11), q = fma(q, z, 1.0 / 9);
  q = fma(q, z, 1.0 / 7), q = fma(q, z, 1.0 / 5), q = fma(q, z, 1.0 / 3);
  return fma(k, 0x1.62e42fefa39efp-1, 2 * fma(s * z, q, s));
}

// x - tanh(x) by its Taylor series, which alternates, for |x| <= 0.35: the next term is below
// 2^-57.
inline double tanh_gap(double x) {
  const double z = x * x;
  double q = 0x1.b0f72d3ee24e9p-18;
  q = fma(q, z, -0x1.0b132d39a6050p-16), q = fma(q, z, 0x1.497d8eea25259p-15);
  q = fma(q, z, -0x1.967e18afcafadp-14), q = fma(q, z, 0x1.f57d7734d1664p-13);
  q = fma(q, z, -0x1.3558248036744p-11), q = fma(q, z, 0x1.7da36452b75e3p-10);
  q = fma(q, z, -0x1.d6d3d0e157de0p-9), q = fma(q, z, 0x1.226e355e6c23dp-7);
  q = fma(q, z, -0x1.664f4882c10fap-6), q = fma(q, z, 0x1.ba1ba1ba1ba1cp-5);
  q = fma(q, z, -0x1.1111111111111p-3), q = fma(q, z, 0x1.5555555555555p-2);
  return x * z * q;
}

// erf(x) by its Taylor series for |x| <= 1/2: the next term is below 2^-66.
inline double erf_series(double x) {
  const double z = -x * x;
  double q = 1.0 / (27 * 6227020800.0);
  q = fma(q, z, 1.0 / (25 * 479001600.0)), q = fma(q, z, 1.0 / (23 * 39916800.0));
  q = fma(q, z, 1.0 / (21 * 3628800.0)), q = fma(q, z, 1.0 / (19 * 362880.0));
  q = fma(q, z, 1.0 / (17 * 40320.0)), q = fma(q, z, 1.0 / (15 * 5040.0));
  q = fma(q, z, 1.0 / (13 * 720.0)), q = fma(q, z, 1.0 / (11 * 120.0));
  q = fma(q, z, 1.0 / (9 * 24.0)), q = fma(q, z, 1.0 / (7 * 6.0)), q = fma(q, z, 1.0 / 10);
  return two_over_root_pi * x * fma(z, fma(q, z, 1.0 / 3), 1);
}

// e^(-a^2): the part of a^2 that its rounding loses is put back.
inline double exp_minus_square(double a) {
  const double square = a * a, lost = fma(a, a, -square);
  const double e = exp(-square);
  return fma(-lost, e, e);
}

// e^(a^2) erfc(a) for 0 <= a <= 27 from its Taylor polynomials at multiples of 1/8.
constexpr int erfc_terms = 14;
const double *erfc_table;
inline double scaled_erfc(double a) {
  const double shifted = fma(a, 8, shifter), h = fma(shifted - shifter, -0.125, a);
  const double *c = erfc_table + erfc_terms * static_cast<std::int64_t>(bits_of(shifted) & 0xff);
  double sum = c[erfc_terms - 1];
  for (int i = erfc_terms - 2; i >= 0; --i) sum = fma(sum, h, c[i]);
  return sum;
}

// How far f moves over a ball if |d log f| <= c: e^(c r) - 1 <= c r + (c r)^2 for c r <= 1.
inline double drift(double c_times_r) {
  return c_times_r < 1 ? c_times_r * (1 + c_times_r) : infinity;
}

// One function per operation: centre and radius from those of the arguments.
struct point {
  double m, r;
};
inline point grown(double m, double r) {
  return {m, fma(rounding, magnitude(m), r) * inflate + smallest};
}
inline point relative(double m, double moved) {
  return {m, magnitude(m) * (moved + function_error) * inflate + smallest};
}
inline point add(point a, point b) {
  const double m = a.m + b.m;
  return {m, fma(rounding, magnitude(m), a.r + b.r) * inflate};
}
inline point multiply(point a, point b) {
  return grown(a.m * b.m, fma(magnitude(a.m), b.r, a.r * (magnitude(b.m) + b.r)));
}
inline point divide(point a, point b) {
  const double m = a.m / b.m, room = magnitude(b.m) - b.r;
  return room > 0 ? grown(m, fma(magnitude(m), b.r, a.r) / room) : point{m, infinity};
}
inline point split(point x, point c, point below, point above) {
  const bool left = x.m + x.r <= c.m, right = x.m - x.r > c.m;
  return {left ? below.m : above.m, left ? below.r : right ? above.r : infinity};
}
inline point exp(point a) {
  const point inside = relative(exp(a.m), drift(a.r));
  // From 750 on it is beyond double, and its inverse below all that counts.
  return a.m + a.r < -690                ? point{vanishing, vanishing}
         : a.m - a.r > 750               ? point{infinity, 0}
         : a.m < -690 || a.m + a.r > 690 ? point{inside.m, infinity}
                                         : inside;
}
inline point expm1(point a) {
  if (a.m + a.r < -40) return {-1, function_error}; // e^-40 is 2^-57
  const double m = expm1(a.m), e = exp(a.m);
  return {m, a.m + a.r > 690
                 ? infinity
                 : fma(e, drift(a.r), magnitude(m) * function_error) * inflate + smallest};
}
inline point log1p(point a) {
  const double m = log1p(a.m), room = 1 + a.m - a.r;
  return {m, room > 0x1p-20 && a.m < 0x1p1000
                 ? (a.r / room + magnitude(m) * function_error) * inflate + smallest
                 : infinity};
}
inline point square_root(point a) {
  const double m = __builtin_sqrt(a.m), room = a.m - a.r;
  return {m, room > 0 ? grown(m, a.r / __builtin_sqrt(room)).r : infinity};
}
// 1/(1 + e^-x): its logarithm has slope 1 at most.
inline point logistic(point a) {
  const double e = exp(-magnitude(a.m));
  const point inside = relative((a.m < 0 ? e : 1) / (1 + e), drift(a.r));
  return a.m + a.r < -690 ? point{vanishing, vanishing}
         : a.m < -690     ? point{inside.m, infinity}
         : a.m - a.r > 40 ? point{1, function_error} // 1 - e^-40, 2^-57 below 1
                          : inside;
}
// log(1 + e^x): slope 1 at most, and so has its logarithm.
inline point softplus(point a) {
  const double m = larger(a.m, 0) + log1p(exp(-magnitude(a.m)));
  const double r = smaller(a.r, m * drift(a.r));
  return a.m + a.r < -690 ? point{vanishing, vanishing}
         : a.m < -690     ? point{m, infinity}
                          : point{m, fma(m, function_error, r) * inflate + smallest};
}
inline point tanh(point a) {
  const double t = expm1(-2 * smaller(magnitude(a.m), 300));
  const double m = __builtin_copysign(-t / (2 + t), a.m);
  const double moved = magnitude(a.m) - a.r > 20 ? 0 : a.r; // from 20 on it is 1 - 2^-56.7
  return {m, fma(magnitude(m), function_error, moved) * inflate + smallest};
}
// x - tanh(x): its slope is tanh^2, at most 1 and at most x^2.
inline point tanh_gap(point a) {
  const double x = magnitude(a.m), t = magnitude(tanh(point{a.m, 0}).m), far = x + a.r;
  const double m = x < 0.35 ? tanh_gap(x) : x - t, own = x < 0.35 ? m : x + t;
  const double r = fma(own, function_error, a.r * smaller(far * far, 1));
  return {__builtin_copysign(m, a.m), r * inflate + smallest};
}
// The slope of tanh, 4q/(1 + q)^2 with q = e^(-2|x|); its logarithm has slope 2 at most.
inline point sech2(point a) {
  const double x = magnitude(a.m), q = exp(-2 * smaller(x, 345)), d = 1 + q;
  return x - a.r > 345 ? point{8 * vanishing, 8 * vanishing}
         : x > 345     ? point{0, infinity}
                       : relative(4 * q / (d * d), drift(2 * a.r));
}
// 2/sqrt(pi) e^(-x^2); its logarithm has slope 2|x|.
inline point gauss(point a) {
  const double x = magnitude(a.m);
  const point inside =
      relative(two_over_root_pi * exp_minus_square(smaller(x, 26)), drift(2 * (x + a.r) * a.r));
  return x - a.r > 26 ? point{vanishing, vanishing} : x + a.r > 26 ? point{0, infinity} : inside;
}
// The logarithm of erfc has slope 2|x| + sqrt(2) at most, since erfc(x) > gauss(x)/(x + sqrt(x^2 +
// 2)).
inline point erfc(point a) {
  const double x = magnitude(a.m), near = smaller(x, 26);
  const double upper = exp_minus_square(near) * scaled_erfc(near);
  const point inside = relative(a.m < 0 ? 2 - upper : upper, drift((2 * (x + a.r) + 1.5) * a.r));
  return x + a.r < 26     ? inside
         : a.m < 0        ? point{2, 2 * function_error}
         : a.m - a.r > 26 ? point{vanishing, vanishing}
                          : point{0, infinity};
}

// Its slope is 2/sqrt(pi) at most.
inline point erf(point a) {
  const double x = magnitude(a.m), near = smaller(x, 26);
  const double upper = 1 - exp_minus_square(near) * scaled_erfc(near);
  const double m = x < 0.5 ? erf_series(x) : upper;
  return {__builtin_copysign(m, a.m), fma(m, function_error, 1.2 * a.r) * inflate + smallest};
}
// a + sqrt(a^2 + c) for c > 0: c/(sqrt(a^2 + c) - a) where a < 0, so that nothing cancels.
inline point root_sum(point a, point c) {
  const point root = square_root(add(multiply(a, a), c));
  const point above = add(a, root), below = divide(c, add(root, point{-a.m, a.r}));
  return {a.m < 0 ? below.m : above.m, a.m < 0 ? below.r : above.r};
}
// Its slope, 1 + a/sqrt(a^2 + c).
inline point root_share(point a, point c) {
  return divide(root_sum(a, c), square_root(add(multiply(a, a), c)));
}

enum operation {
  op_add,
  op_sub,
  op_mul,
  op_div,
  op_neg,
  op_split,
  op_exp,
  op_expm1,
  op_log1p,
  op_erf,
  op_erfc,
  op_tanh,
  op_sqrt,
  op_logistic,
  op_softplus,
  op_sech2,
  op_gauss,
  op_tanh_gap,
  op_root_sum,
  op_root_share
};

struct step {
  std::int32_t op, to, from[4];
};

template <class F>
inline void each(ball &to, F f) {
#pragma GCC ivdep
  for (int i = 0; i < lanes; ++i) {
    const point p = f(i);
    to.m[i] = p.m, to.r[i] = p.r;
  }
}

void run(const step &s, ball *v) {
  const ball &a = v[s.from[0]], &b = v[s.from[1]], &c = v[s.from[2]], &d = v[s.from[3]];
  const auto at = [](const ball &x, int i) { return point{x.m[i], x.r[i]}; };
  ball &to = v[s.to];
  switch (s.op) {
  case op_add: return each(to, [&](int i) { return add(at(a, i), at(b, i)); });
  case op_sub: return each(to, [&](int i) { return add(at(a, i), point{-b.m[i], b.r[i]}); });
  case op_mul: return each(to, [&](int i) { return multiply(at(a, i), at(b, i)); });
  case op_div: return each(to, [&](int i) { return divide(at(a, i), at(b, i)); });
  case op_neg: return each(to, [&](int i) { return point{-a.m[i], a.r[i]}; });
  case op_split:
    return each(to, [&](int i) { return split(at(a, i), at(b, i), at(c, i), at(d, i)); });
  case op_exp: return each(to, [&](int i) { return exp(at(a, i)); });
  case op_expm1: return each(to, [&](int i) { return expm1(at(a, i)); });
  case op_log1p: return each(to, [&](int i) { return log1p(at(a, i)); });
  case op_erf: return each(to, [&](int i) { return erf(at(a, i)); });
  case op_erfc: return each(to, [&](int i) { return erfc(at(a, i)); });
  case op_tanh: return each(to, [&](int i) { return tanh(at(a, i)); });
  case op_sqrt: return each(to, [&](int i) { return square_root(at(a, i)); });
  case op_logistic: return each(to, [&](int i) { return logistic(at(a, i)); });
  case op_softplus: return each(to, [&](int i) { return softplus(at(a, i)); });
  case op_sech2: return each(to, [&](int i) { return sech2(at(a, i)); });
  case op_gauss: return each(to, [&](int i) { return gauss(at(a, i)); });
  case op_tanh_gap: return each(to, [&](int i) { return tanh_gap(at(a, i)); });
  case op_root_sum: return each(to, [&](int i) { return root_sum(at(a, i), at(b, i)); });
  case op_root_share: return each(to, [&](int i) { return root_share(at(a, i), at(b, i)); });
  }
}

// Next to 0 a function is its Taylor polynomial, and results lie so near a tie (x/2 of an odd
// subnormal) that no ball can tell. Here c0 + c1 x is summed exactly and the sign of all the rest
// decides: the sum rounded to odd rounds to every shorter format as the exact result does. The
// polynomial reaches to 2^-60, and to infinity where the function is linear on that side of 0.

struct taylor {
  double high[2], low[2], low_radius[2]; // c0 and c1, as two doubles and what they miss
  double square, square_radius;          // c2
  double cube, cube_radius, fourth;      // c3, and a bound on |f''''|/24
};

inline void expand(const taylor &t, double x, double &lo, double &hi) {
  const double product = t.high[1] * x, product_low = fma(t.high[1], x, -product);
  const double sum = t.high[0] + product, back = sum - t.high[0];
  const double p_low = (t.high[0] - (sum - back)) + (product - back);
  const double x2 = x * x, a = magnitude(x);
  const double square = t.square * x2, cube = t.cube * x2 * x;
  const double all = p_low + product_low + t.low[0] + t.low[1] * x + square + cube;
  const double error = (magnitude(p_low) + magnitude(product_low) + magnitude(t.low[0]) +
                        magnitude(t.low[1] * x) + magnitude(square) + magnitude(cube)) *
                           8 * rounding +
                       t.low_radius[0] + t.low_radius[1] * a + t.square_radius * x2 +
                       t.cube_radius * x2 * a + t.fourth * x2 * x2;
  const bool exact = all == 0 && error == 0;
  // Where c0 and c1 x cancel, the rest is more than one step of their sum.
  const double p = sum + all, rest = (sum - p) + all;
  if (sum == 0) {
    lo = all - error, hi = all + error;
  } else if (exact || magnitude(rest) > error) {
    const std::uint64_t bits = bits_of(p), away = (rest > 0) == (p > 0) ? 1 : ~std::uint64_t{0};
    lo = hi = exact || (bits & 1) ? p : from_bits(bits + away);
  } else {
    lo = p - magnitude(p) * rounding, hi = p + magnitude(p) * rounding;
  }
}

// x - tanh(x) for |x| > 32, rounded to odd as above: |x| - 1, which may be a tie, and less than
// 2^-91 beyond it. In double the float |x| is either more than |x| - 1 or next to it.
inline double far_gap(double x) {
  const double a = magnitude(x), below = a - 1;
  return __builtin_copysign(from_bits(below < a ? bits_of(below) | 1 : bits_of(a) - 1), x);
}

struct program {
  std::int32_t steps, values, constants, results;
  const step *code;
  const double *constant_m, *constant_r; // they are values 1, 2, …; value 0 is x
  const std::int32_t *result;
  const taylor *near_zero; // for each result, left then right of 0
  double reach[2];         // of these polynomials, left and right
  const std::int32_t *gap; // for each result, whether it is x - tanh(x)
};

// Enough for any formula; the interpreter refuses longer ones.
constexpr int most_values = 256;

} // namespace

extern "C" {

void ogive_ball_table(const double *table) { erfc_table = table; }

// Bounds on every result for x: lo[k][i], hi[k][i]. NaN where the ball cannot tell, and for NaN.
int ogive_ball_enclose(const program *p, const float *x, std::int64_t n, double *const *lo,
                       double *const *hi) {
  if (p->values > most_values) return 1;
  alignas(64) static thread_local ball v[most_values];
  for (int k = 0; k < p->constants; ++k)
    for (int i = 0; i < lanes; ++i)
      v[k + 1].m[i] = p->constant_m[k], v[k + 1].r[i] = p->constant_r[k];

  for (std::int64_t begin = 0; begin < n; begin += lanes) {
    const int count = n - begin < lanes ? static_cast<int>(n - begin) : lanes;
    bool by_tape[lanes];
    int tape_lanes = 0;
    for (int i = 0; i < lanes; ++i) {
      const double value = i < count ? x[begin + i] : 0.0f, reach = p->reach[value > 0];
      v[0].m[i] = value, v[0].r[i] = 0;
      by_tape[i] = value == 0 || !(magnitude(value) < reach);
      tape_lanes += i < count && by_tape[i];
    }
    if (tape_lanes > 0)
      for (int k = 0; k < p->steps; ++k) run(p->code[k], v);
    for (int k = 0; k < p->results; ++k) {
      const ball &y = v[p->result[k]];
      double *const low = lo[k] + begin, *const high = hi[k] + begin;
      if (tape_lanes > 0)
        for (int i = 0; i < count; ++i) {
          const double a = y.m[i] - y.r[i], b = y.m[i] + y.r[i];
          const bool told = magnitude(v[0].m[i]) < infinity && y.r[i] < infinity;
          // An infinite centre, which has no radius, stays as it is.
          const bool finite = magnitude(y.m[i]) < infinity;
          low[i] = !told ? __builtin_nan("") : finite ? a - rounding * magnitude(a) : a;
          high[i] = !told ? __builtin_nan("") : finite ? b + rounding * magnitude(b) : b;
          const double x = v[0].m[i];
          if (p->gap[k] && told && magnitude(x) > 32) low[i] = high[i] = far_gap(x);
        }
      if (tape_lanes < count)
        for (int i = 0; i < count; ++i) {
          const double value = v[0].m[i];
          if (!by_tape[i]) expand(p->near_zero[2 * k + (value > 0)], value, low[i], high[i]);
        }
    }
  }
  return 0;
}

struct format {
  std::int32_t precision, least, greatest;
};

struct verdict {
  double worst; // upper bound on the error in ulps, over all that were decided
  std::int64_t worst_at, wrong, undecided;
};

// Compares results with bounds on the exact ones. Where the bounds do not decide which number is
// the correctly rounded one, or how far a wrong one is off, the index is handed back. Around the
// critical points no unit below `least_unit` counts.
void ogive_ball_judge(const format *f, const float *x, const float *got, const double *lo,
                      const double *hi, std::int64_t n, const double *critical,
                      std::int32_t criticals, double least_unit, std::int64_t *undecided,
                      std::int64_t room, verdict *out) {
  const auto power = [](std::int64_t e) {
    return from_bits(static_cast<std::uint64_t>(e + 1023) << 52);
  };
  const auto unit_of = [&](double v) {
    std::int64_t e = static_cast<std::int64_t>(bits_of(v) >> 52 & 0x7ff) - 1023;
    e = e < f->least ? f->least : e > f->greatest ? f->greatest : e;
    return power(e - f->precision + 1);
  };
  const double beyond = power(f->greatest + 1);
  const auto rounded = [&](double v) {
    const double unit = unit_of(v), nearest = ((v / unit + shifter) - shifter) * unit;
    return magnitude(nearest) < beyond ? nearest : __builtin_copysign(infinity, v);
  };
  constexpr std::int64_t group = 256;
  for (std::int64_t begin = 0; begin < n; begin += group) {
    const std::int64_t end = n - begin < group ? n : begin + group;
    double errors[group], units[group];
    std::int64_t doubts[group], any = 0, wrong = 0, worse = 0; // whole numbers add in any order
    for (std::int64_t i = begin; i < end; ++i) {
      const double a = magnitude(lo[i]), b = magnitude(hi[i]);
      units[i - begin] = unit_of((lo[i] < 0) != (hi[i] < 0) ? 0 : smaller(a, b));
    }
    for (int k = 0; k < criticals; ++k)
      for (std::int64_t i = begin; i < end; ++i)
        units[i - begin] = magnitude(x[i] - critical[k]) < 0x1p-20
                               ? larger(units[i - begin], least_unit)
                               : units[i - begin];
    for (std::int64_t i = begin; i < end; ++i) {
      const double g = got[i], a = lo[i], b = hi[i], unit = units[i - begin];
      const double ra = rounded(a), rb = rounded(b);
      const double value = magnitude(g) < infinity ? g : __builtin_copysign(beyond, g);
      const double error = larger(magnitude(value - a), magnitude(value - b)) / unit;
      const bool decided = (ra == rb) & (a == a), right = decided & (g == ra), is_nan = g != g;
      const bool both_nan = is_nan & (x[i] != x[i]), vague = !(b - a < 0x1p-6 * unit);
      const bool open = (!decided) | (vague & (!right) & (!is_nan)), doubt = open & (!both_nan);
      const bool none = both_nan | doubt | (right & (magnitude(ra) == infinity));
      errors[i - begin] = none ? 0 : is_nan ? infinity : error;
      doubts[i - begin] = doubt;
      any += doubt, wrong += both_nan | doubt | right ? 0 : 1;
      worse += errors[i - begin] > out->worst;
    }
    out->wrong += wrong;
    for (std::int64_t i = begin; worse > 0 && i < end; ++i)
      if (errors[i - begin] > out->worst) out->worst = errors[i - begin], out->worst_at = i;
    for (std::int64_t i = begin; any > 0 && i < end; ++i)
      if (doubts[i - begin]) {
        if (out->undecided < room) undecided[out->undecided] = i;
        ++out->undecided;
      }
  }
}
}
