// binary_cross_entropy from logits, with L = log1p(e^-|z|) shared by both sides:
//
//   loss  = w (p t softplus(-z) + (1 - t) softplus(z)),   softplus(+-z) = max(+-z, 0) + L
//   dL/dz = w ((1 - t) sigmoid(z) - p t sigmoid(-z))
//
// so that a hard target leaves one term, which keeps full relative accuracy in both tails. The
// Hessian is diagonal: w ((1 - t) + p t) sigmoid(z) sigmoid(-z).
//
// Floats and halves with a target of 0 or 1 go through float lanes: with s = -z against 1 and s = z
// against 0, the loss is max(s, 0) + L and the gradient +-sigmoid(s). A target between takes a
// difference of the two sides, and the double form.
#pragma once

#include "drivers/heads.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct binary_cross_entropy {
  static constexpr bool of_elements = true;
  enum { pos_weight, weight, label_smoothing, factor };
  static constexpr const char *numbers = "d(n) d(n) d d(n)";

  template <bool curved>
  static void block(const element_terms &l) {
    const double eps = l.number[label_smoothing][0];
    OGIVE_INDEPENDENT
    for (std::ptrdiff_t j = 0; j < l.n; ++j) {
      const double x = l.z[j], target = fma(l.t[j], 1 - eps, eps / 2);
      const double w = l.number[weight][j], by = l.number[factor][j];
      const double yes = w * (l.number[pos_weight][j] * target), no = w * (1 - target);
      const double e = row_math::exp(-magnitude(x)), d = 1 + e, tail = row_math::log1p_unit(e);
      const double up = (x > 0 ? x : 0) + tail, down = (x < 0 ? -x : 0) + tail;
      // A side without weight adds nothing, also where its loss is infinite.
      l.loss[j] = (yes == 0 ? 0 : yes * down) + (no == 0 ? 0 : no * up);
      const double above = (x < 0 ? e : 1) / d, below = (x < 0 ? 1 : e) / d;
      l.gradient[j] = (no * above - yes * below) * by;
      if constexpr (curved) l.hessian[j] = (yes + no) * (above * below) * by;
    }
  }

  // A block of weights for float lanes: of the loss against 0 and 1, and of the gradient, which is
  // negative against 1, as pairs of floats.
  struct in_floats {
    alignas(64) double no[block_size], yes[block_size];
    alignas(64) float no_high[block_size], no_low[block_size];
    alignas(64) float yes_high[block_size], yes_low[block_size];
    // -1, or 0 for weights whose products with e^-60 a float does not hold.
    alignas(64) std::int32_t fit[block_size];

    void set(std::ptrdiff_t j, double weight, double positive, double factor) {
      const auto fits = [](double x) { return x >= 0x1p-30 && x <= 0x1p30; };
      no[j] = weight;
      yes[j] = weight * positive;
      fit[j] =
          fits(no[j]) && fits(yes[j]) && fits(no[j] * factor) && fits(yes[j] * factor) ? -1 : 0;
      rows_of_floats::split(no[j] * factor, no_high[j], no_low[j]);
      rows_of_floats::split(-yes[j] * factor, yes_high[j], yes_low[j]);
    }
    static bool applies(const double *const *number) { return number[label_smoothing][0] == 0; }
    void set_weights(const double *const *number, std::ptrdiff_t n) {
      for (std::ptrdiff_t j = 0; j < n; ++j)
        set(j, number[weight][j], number[pos_weight][j], number[factor][j]);
      for (std::ptrdiff_t j = n; j % lanes != 0; ++j) set(j, 1, 1, 1);
    }
    bool takes(std::ptrdiff_t j, float z, float t) const {
      return __builtin_fabsf(z) <= 60 && (t == 0 || t == 1) && fit[j] != 0;
    }

    // Whole vectors. Whether it took all elements.
    template <bool graded>
    bool run(const float *z, const float *t, std::ptrdiff_t n, double *loss, float *gradient) {
      mask all_taken = ~mask{};
      for (std::ptrdiff_t j = 0; j < n; j += lanes) {
        const floats x = load(z + j), target = load(t + j);
        const mask against_1 = target == 1;
        all_taken &= (magnitude(x) <= 60) & (against_1 | (target == 0)) &
                     mask(words(load(reinterpret_cast<const float *>(fit + j))));
        const floats s = floats(words(x) ^ (words(against_1) & sign_bit));

        const float_pair tail = log1p_exp_lanes(s);
        loss_of(greatest(s, all(0)), tail, floats(words(against_1) & words(all(1))), j, loss + j);

        if constexpr (!graded) continue;
        // sigmoid(s) = 1/(1 + u) or u/(1 + u), u = e^-|s|, as a pair.
        const float_pair parts = exp_lanes(floats(words(s) | sign_bit)).scaled();
        const float_pair u = exact_sum(parts.high, parts.low);
        const float_pair one_and_u = exact_sum(all(1), u.high);
        const floats q = 1 / one_and_u.high;
        const floats missed = fma(-q, one_and_u.low + u.low, fma(-q, one_and_u.high, 1));
        const mask above = s >= 0;
        const floats n_high = above ? all(1) : u.high;
        const floats n_low = floats(words(u.low) & ~words(above));
        const floats high = n_high * q;
        const floats low = fma(n_low, q, fma(high, missed, fma(n_high, q, -high)));
        const floats w_high = against_1 ? load(yes_high + j) : load(no_high + j);
        const floats w_low = against_1 ? load(yes_low + j) : load(no_low + j);
        store(fma(high, w_high, fma(high, w_low, low * w_high)), gradient + j);
      }
      for (int k = 0; k < lanes; ++k)
        if (!all_taken[k]) return false;
      return true;
    }

  private:
    OGIVE_INLINE void loss_of(floats linear, float_pair tail, floats is_1, std::ptrdiff_t j,
                              double *to) const {
      using rows_of_floats::half_of;
#pragma GCC unroll 2
      for (int k = 0; k < 2; ++k) {
        const doubles sum = half_of(linear, k) + (half_of(tail.high, k) + half_of(tail.low, k));
        doubles against_0, against_1;
        __builtin_memcpy(&against_0, no + j + k * (lanes / 2), sizeof against_0);
        __builtin_memcpy(&against_1, yes + j + k * (lanes / 2), sizeof against_1);
        const doubles result = sum * (half_of(is_1, k) == 1 ? against_1 : against_0);
        __builtin_memcpy(to + k * (lanes / 2), &result, sizeof result);
      }
    }
  };
};

} // namespace
} // namespace ogive::OGIVE_ISA
