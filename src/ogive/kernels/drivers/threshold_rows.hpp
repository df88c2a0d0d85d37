// Rows of which only a support counts: y_i = ((z_i - tau)_+/power)^power, z the logits over the
// temperature and tau the number for which the y sum to 1. Power 1 is sparsemax, 2 is entmax15.
//
// The support is found from outside. Of logits that hold it take the least, l. If those above l
// would already give more than 1 with tau = l, then tau > l, and Newton's step from l towards tau
// ends below tau, since the sum is convex in it: whatever the step passes is outside. Else tau < l,
// and the support is what is left. Each step at least halves the excess or the slope (their
// quotients after and before a step sum to at most 1), so steps are few whatever the logits. A
// decision that the rounding of the sums could overturn is taken from sums that do not round.
//
// From then on nothing cancels: z_i - tau = (z_i - l) + (l - tau), two terms that are not negative.
// A logit exactly at tau is outside.
#pragma once

#include "drivers/blocks.hpp"
#include "math/sums.hpp"
#include "math/unrounded_sum.hpp"

namespace ogive::OGIVE_ISA {
namespace {

inline pair two_sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
inline pair two_product(double a, double b) {
  const double p = a * b;
  return {p, fma(a, b, -p)};
}

// The power of two that takes a number to [1, 2), or as near as there is one.
inline double opposite(double x) {
  const auto exponent = __builtin_bit_cast(std::uint64_t, magnitude(x)) >> 52;
  const std::uint64_t other = exponent > 2045 ? 1 : exponent < 1 ? 2045 : 2046 - exponent;
  return __builtin_bit_cast(double, other << 52);
}

// ordered_sum to twice the precision.
struct ordered_pair_sum {
  static constexpr int partials = ordered_sum::partials;
  alignas(64) double high[partials] = {}, low[partials] = {};

  void add(const double *terms, const double *rests, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + partials <= n; i += partials)
      for (int j = 0; j < partials; ++j) add(j, terms[i + j], rests[i + j]);
    for (int j = 0; i + j < n; ++j) add(j, terms[i + j], rests[i + j]);
  }
  pair total() const {
    pair sum{0, 0};
    for (int j = 0; j < partials; ++j) {
      const pair s = two_sum(sum.high, high[j]);
      sum = {s.high, sum.low + (s.low + low[j])};
    }
    return two_sum(sum.high, sum.low);
  }

private:
  void add(int j, double term, double rest) {
    const pair s = two_sum(high[j], term);
    high[j] = s.high;
    low[j] += s.low + rest;
  }
};

template <int power>
struct threshold_row {
  std::ptrdiff_t n = 0;
  double *d = nullptr; // logits, scaled by a power of two; -inf where masked
  double *e = nullptr; // the logits that may be in the support; then free for use
  bool masked_out = false, has_nan = false, undefined = false; // as in `row`
  std::ptrdiff_t size = 0;                                     // of the support
  double least = infinity;                                     // its least logit

  // How far a logit lies above tau, in units of the temperature; not positive outside the support,
  // and exact to the grade it was prepared with however close to tau it lies.
  double above(std::ptrdiff_t i) const {
    static_assert(power == 1);
    const double share = full_ ? precisely(d[i]) : not_a_number;
    return share == share ? share : plainly(d[i]); // an infinity leaves NaN for what it lost
  }

  template <class M>
  void prepare(double temperature, bool any_unmasked) {
    double most = largest_of(d, n);
    masked_out = !any_unmasked;
    has_nan = temperature != temperature || any_nan(d, n);
    undefined = has_nan || (most == -infinity && !masked_out);
    if (most == infinity) {
      std::ptrdiff_t infinities = 0;
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        infinities += d[i] == infinity;
        d[i] = d[i] == infinity ? 0 : -infinity;
      }
      undefined |= infinities > 1;
      most = 0;
    }
    if (undefined || most == -infinity) return;
    set_scale(temperature);
    if (temperature >= 2) { // before differences, which might overflow
      most *= scale_;
      for (std::ptrdiff_t i = 0; i < n; ++i) d[i] *= scale_;
      scale_ = 1;
    }
    size = keep(d, n, e, [&](double x) { return (most - x) * scale_ <= unit_; });
    full_ = M::full;
    find_support<M::full>();
  }

  // Zeros for a row that is masked out.
  void probabilities(double *y) const {
    if (full_)
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const double share = precisely(d[i]);
        y[i] = d[i] >= least ? share : 0;
      }
    else
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const double share = plainly(d[i]);
        y[i] = d[i] >= least ? share : 0;
      }
  }

private:
  bool full_ = false;
  double scale_ = 1;     // of differences, to the units in which the temperature is about 1
  double unit_ = 1;      // power times the temperature, in these
  double inverse_ = 1;   // 1/unit
  pair own_ = {0, 0};    // of the least: l - tau, in these units
  pair target_ = {1, 0}; // unit^power: what the (z - tau)^power sum to

  void set_scale(double temperature) {
    scale_ = opposite(temperature);
    unit_ = temperature * scale_ * power;
    inverse_ = 1 / unit_;
    target_ = power == 1 ? pair{unit_, 0} : two_product(unit_, unit_);
  }

  static bool any_nan(const double *terms, std::ptrdiff_t n) {
    int found = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) found |= terms[i] != terms[i];
    return found != 0;
  }

  static double least_of(const double *terms, std::ptrdiff_t n) {
    constexpr int partials = ordered_sum::partials;
    alignas(64) double partial[partials];
    for (double &m : partial) m = infinity;
    std::ptrdiff_t i = 0;
    for (; i + partials <= n; i += partials)
      for (int j = 0; j < partials; ++j)
        partial[j] = terms[i + j] < partial[j] ? terms[i + j] : partial[j];
    for (int j = 0; i + j < n; ++j)
      partial[j] = terms[i + j] < partial[j] ? terms[i + j] : partial[j];
    for (int j = 1; j < partials; ++j)
      partial[0] = partial[j] < partial[0] ? partial[j] : partial[0];
    return partial[0];
  }

  // Moves together what `wanted` chooses; `to` may be `from`.
  template <class Wanted>
  static std::ptrdiff_t keep(const double *from, std::ptrdiff_t n, double *to, Wanted wanted) {
    constexpr int partials = ordered_sum::partials;
    std::ptrdiff_t count = 0, i = 0;
    for (; i + partials <= n; i += partials) {
      int any = 0;
      for (int j = 0; j < partials; ++j) any |= wanted(from[i + j]);
      if (!any) continue;
      for (int j = 0; j < partials; ++j) {
        const double x = from[i + j];
        to[count] = x;
        count += wanted(x);
      }
    }
    for (; i < n; ++i) {
      const double x = from[i];
      to[count] = x;
      count += wanted(x);
    }
    return count;
  }

  // Of e[0, size): the sums of the distances above the least, and of their squares for power 2.
  struct distances {
    double first = 0, second = 0;
    double of_power() const { return power == 1 ? first : second; }
  };
  distances sums() const {
    alignas(64) double terms[block_size];
    ordered_sum first, second;
    for (std::ptrdiff_t begin = 0; begin < size; begin += block_size) {
      const std::ptrdiff_t count = size - begin < block_size ? size - begin : block_size;
      for (std::ptrdiff_t i = 0; i < count; ++i) terms[i] = (e[begin + i] - least) * scale_;
      first.add(terms, count);
      if constexpr (power == 2) {
        for (std::ptrdiff_t i = 0; i < count; ++i) terms[i] *= terms[i];
        second.add(terms, count);
      }
    }
    return {first.total(), second.total()};
  }

  // x - least, scaled, with what the difference rounds away.
  pair distance(double x) const {
    const pair t = two_sum(x, -least);
    return {t.high * scale_, t.low * scale_};
  }

  struct exact_distances {
    pair first;   // the sum of distances
    pair missing; // target - the sum of their powers: positive if and only if e is the support
  };
  template <bool full>
  exact_distances exact_sums() const {
    alignas(64) double high[block_size], low[block_size];
    ordered_pair_sum first, second;
    for (std::ptrdiff_t begin = 0; begin < size; begin += block_size) {
      const std::ptrdiff_t count = size - begin < block_size ? size - begin : block_size;
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        const pair t = distance(e[begin + i]);
        high[i] = t.high;
        low[i] = t.low;
      }
      first.add(high, low, count);
      if constexpr (power == 2) {
        for (std::ptrdiff_t i = 0; i < count; ++i) {
          const pair square = two_product(high[i], high[i]);
          low[i] = fma(2 * high[i], low[i], square.low);
          high[i] = square.high;
        }
        second.add(high, low, count);
      }
    }
    const pair sum = power == 1 ? first.total() : second.total();
    const pair difference = two_sum(target_.high, -sum.high);
    const pair missing = two_sum(difference.high, difference.low + (target_.low - sum.low));
    const double count = static_cast<double>(size) + 64;
    const double error = count * count * 0x1p-113 * (target_.high + sum.high);
    const bool enough = magnitude(missing.high) > error * (full ? 0x1p56 : 0x1p30);
    return {first.total(), enough ? missing : unrounded()};
  }

  pair unrounded() const {
    unrounded_sum sum;
    sum.add(target_.high);
    sum.add(target_.low);
    for (std::ptrdiff_t i = 0; i < size; ++i) {
      const pair t = distance(e[i]);
      if constexpr (power == 1) {
        sum.add(-t.high);
        sum.add(-t.low);
      } else {
        sum.add_product(-t.high, t.high);
        sum.add_product(-2 * t.high, t.low);
        sum.add_product(-t.low, t.low);
      }
    }
    return sum.value();
  }

  template <bool full>
  void find_support() {
    for (;;) {
      least = least_of(e, size);
      const distances sum = sums();
      const auto count = static_cast<double>(size);
      const double rounding = (count + 64) * 0x1p-53; // of these sums, and more than that
      const double error = rounding * (sum.of_power() + target_.high);
      double excess = sum.of_power() - target_.high;
      const bool clear = magnitude(excess) > error;
      // Where the plain sums are good enough for the result too, they are it.
      if (!full && excess < 0 && -excess > error * 0x1p30) {
        settle({{sum.first, 0}, {-excess, 0}});
        return;
      }
      if (!clear || excess < 0) {
        const exact_distances exact = exact_sums<full>();
        if (exact.missing.high > 0) {
          settle(exact);
          return;
        }
        excess = -exact.missing.high;
      } else {
        excess -= error;
      }
      // A lower bound of tau - l: Newton's step and, from the sum of squares being at least the
      // square of the sum over the count, the step that lets all distances be equal.
      double step = excess / (power == 1 ? count : 2 * sum.first * (1 + rounding));
      if constexpr (power == 2) {
        const double even =
            sum.first / count * (1 - rounding) - unit_ / __builtin_sqrt(count) * (1 + rounding);
        step = even > step ? even : step;
      }
      step *= 1 - 0x1p-50;
      size = keep(e, size, e, [&](double x) { return (x - least) * scale_ > step; });
    }
  }

  // From the support to l - tau = u: for power 1 the missing part, evenly; for power 2 the root of
  // size u^2 + 2 first u = missing, with one more step for what its rounding lost.
  void settle(const exact_distances &sum) {
    const auto count = static_cast<double>(size);
    const double missing = sum.missing.high, first = sum.first.high;
    if constexpr (power == 1) {
      const double u = missing / count;
      own_ = {u, (fma(-u, count, missing) + sum.missing.low) / count};
    } else {
      const double u = missing / (first + __builtin_sqrt(fma(first, first, count * missing)));
      const pair product = two_product(count, u), slope = two_sum(2 * first, product.high);
      const pair got = two_product(u, slope.high);
      const double low = slope.low + product.low + 2 * sum.first.low;
      const double left = ((missing - got.high) - got.low) + (sum.missing.low - u * low);
      own_ = two_sum(u, left / (2 * (first + product.high)));
    }
  }

  double plainly(double x) const {
    const double s = ((x - least) * scale_ + own_.high) * inverse_;
    return power == 1 ? s : s * s;
  }

  double precisely(double x) const {
    const pair t = distance(x), sum = two_sum(t.high, own_.high);
    const double q = sum.high * inverse_;
    const double q_low = (fma(-q, unit_, sum.high) + (sum.low + (t.low + own_.low))) * inverse_;
    return power == 1 ? q + q_low : fma(q, q, 2 * q * q_low);
  }
};

// Backward from y: dx_i = s_i (dy_i - sum_j s_j dy_j/sum_j s_j), where s is 1 on the support for
// power 1 and the root of y for power 2. As in softmax, dy of the largest y is taken off first.
template <int power>
inline void sparse_backward(std::ptrdiff_t n, const double *dy, const double *y, double *dx) {
  if (n == 0) return;
  const double origin = dy[first_of(y, n, largest_of(y, n))];
  // 0 outside, also for a y of 0 times whatever arrives; a NaN stays one.
  const auto slope = [](double at) {
    const double inside = at <= 0 ? 0 : at;
    return power == 2 ? __builtin_sqrt(inside) : inside > 0 ? 1 : inside;
  };
  for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = slope(y[i]);
  const double slopes = sum_of(dx, n);
  for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = y[i] <= 0 ? 0 : dx[i] * (dy[i] - origin);
  const double shift = sum_of(dx, n) / slopes;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    dx[i] = y[i] <= 0 ? 0 : slope(y[i]) * ((dy[i] - origin) - shift);
}

} // namespace
} // namespace ogive::OGIVE_ISA
