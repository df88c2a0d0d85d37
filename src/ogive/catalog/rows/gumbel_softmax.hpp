// gumbel_softmax: the softmax of (x_i + g_i)/temperature with g_i = -log(-log u_i), where u_i is
// drawn from (seed, offset + i): backward draws it again. Sums of a logit and its noise are kept as
// pairs of doubles, relative to the largest logit, so no offset of the logits costs a digit.
//
// It has loops of its own, since none of the others' rows takes a seed.
#pragma once

#include "drivers/rows.hpp"
#include "math/philox.hpp"
#include "math/powers.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct gumbel_softmax {
  // logits, temperature, seed, index of the row's first element, whether one-hot -> y
  static constexpr const char *value_operands = "T(n) d l l ? -> T(n)";
  // dy, logits, temperature, seed, index of the row's first element -> dx
  static constexpr const char *backward_operands = "T(n) T(n) d l l -> T(n)";

  template <class T, bool backward>
  static bool run(char **args, const work &todo, const std::ptrdiff_t *steps) {
    constexpr int x = backward ? 1 : 0, result = 5;
    const std::ptrdiff_t n = todo.n, *core = steps + result + 1;
    const scratch memory(4 * n);
    if (memory.data() == nullptr) return false;
    drawn_row r{n, memory.data(), memory.data() + n};
    double *const y = memory.data() + 2 * n, *const dy = memory.data() + 3 * n;
    for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
      const auto at = [&](int k) { return args[k] + i * steps[k]; };
      const auto integer = [&](int k) { return *reinterpret_cast<const std::uint64_t *>(at(k)); };
      read_row<T>(at(x), core[x], n, r.d);
      r.template prepare<typename exponential<T>::grade>(temperature_at(at(x + 1)), integer(x + 2),
                                                         integer(x + 3), y);
      if constexpr (backward) {
        read_row<T>(at(0), core[0], n, dy);
        r.contract(dy, y);
      } else {
        const bool hard = *at(4) != 0;
        for (std::ptrdiff_t j = 0; j < n; ++j)
          y[j] = hard ? (j == r.argmax ? 1 : 0) : r.probability(j);
      }
      if (r.undefined)
        for (std::ptrdiff_t j = 0; j < n; ++j) y[j] = not_a_number;
      write_row<T>(y, n, at(result), core[x + 1]);
    }
    return true;
  }

private:
  struct drawn_row {
    std::ptrdiff_t n;
    double *d, *e; // logits and, from `prepare` on, the distances from the largest; e^d
    std::ptrdiff_t argmax = 0;
    double inverse = 1, temperature = 1;
    bool undefined = false; // a NaN, several +inf, or nothing but -inf

    double probability(std::ptrdiff_t i) const { return e[i] * inverse; }

    // `low` is for what d rounds away.
    template <class M>
    void prepare(double divisor, std::uint64_t seed, std::uint64_t offset, double *low) {
      temperature = divisor;
      const double largest = largest_of(d, n);
      int infinities = 0, nans = 0, huge = 0;
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        nans += d[i] != d[i];
        infinities += d[i] == infinity;
        if (M::full) huge += magnitude(d[i]) > 0x1p1022;
      }
      undefined = nans > 0 || infinities > 1 || largest == -infinity || divisor != divisor;
      if (infinities > 0)
        for (std::ptrdiff_t i = 0; i < n; ++i) d[i] = d[i] == infinity ? 0 : -infinity;
      const double origin = infinities > 0 || undefined ? 0 : largest;
      // Of numbers half as large no difference overflows.
      if (M::full && huge > 0)
        raise<M>(seed, offset, origin, 0.5, low);
      else
        raise<M>(seed, offset, origin, 1, low);
      if (n > 0) e[argmax] = 0;
      inverse = 1 / (1 + sum_of(e, n));
      if (n > 0) e[argmax] = 1;
    }

    // Takes d to (scale (d + noise) - scale origin)/(scale temperature) less the largest of them,
    // and e to its power.
    template <class M>
    OGIVE_FLATTEN void raise(std::uint64_t seed, std::uint64_t offset, double origin, double scale,
                             double *low) {
      const double t = at_least(temperature * scale, 0x1p-1074);
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const pair noise = gumbel(uniform(seed, offset + static_cast<std::uint64_t>(i)));
        const pair moved = exact_sum(d[i] * scale, -origin * scale);
        const pair sum = exact_sum(moved.high, noise.high * scale);
        const double rest = sum.low + (moved.low + noise.low * scale);
        d[i] = sum.high;
        low[i] = rest == rest ? rest : 0; // an infinity leaves NaN
      }
      argmax = n > 0 ? first_of(d, n, largest_of(d, n)) : 0;
      const double top = n > 0 ? d[argmax] : 0, top_low = n > 0 ? low[argmax] : 0;
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const pair difference = exact_sum(d[i], -top);
        const double q = difference.high / t, rest = fma(-q, t, difference.high);
        const double q_low = (rest + (difference.low + (low[i] - top_low))) / t;
        d[i] = q;
        e[i] = q > -800 ? M::exp(q, q_low) : 0;
      }
    }

    // dx_i = y_i (dy_i - sum_j y_j dy_j)/temperature; as in softmax, dy of the largest y is taken
    // off first.
    void contract(const double *dy, double *dx) const {
      if (n == 0) return;
      const double from = dy[argmax];
      const auto product = [&](std::ptrdiff_t i, double by) {
        return e[i] == 0 ? 0 : probability(i) * by; // whatever arrives
      };
      for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = product(i, dy[i] - from);
      const double shift = sum_of(dx, n);
      for (std::ptrdiff_t i = 0; i < n; ++i)
        dx[i] = product(i, (dy[i] - from) - shift) / temperature;
    }

    // -log(-log u), each logarithm to more than double.
    static pair gumbel(double u) {
      const pair inner = log_pair(u), outer = log_pair(-inner.high);
      return {-outer.high, -(outer.low + inner.low / inner.high)};
    }
  };
};

template <>
constexpr entry rows_entry<gumbel_softmax>(const char *name) {
  entry e{name, "rows", {}, {}};
  set(e, mode::value, gumbel_softmax::value_operands,
      []<class T>(T) constexpr -> loop { return gumbel_softmax::run<T, false>; });
  set(e, mode::backward, gumbel_softmax::backward_operands,
      []<class T>(T) constexpr -> loop { return gumbel_softmax::run<T, true>; });
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
