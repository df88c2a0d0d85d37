// sigmoid_focal from logits, as binary_cross_entropy with each side times a power of its miss: with
// s the sigmoid, e = e^-|z| and L = log1p(e),
//
//   loss  = yes s(-z)^gamma softplus(-z) + no s(z)^gamma softplus(z)
//   dL/dz = no s(z) F(z) - yes s(-z) F(-z),   F(z) = s(z)^gamma (1 + gamma R(z))
//   d2L/dz2 = s(z) s(-z) (no K(z) + yes K(-z)),
//             K(z) = s(z)^gamma (1 + gamma (2 + gamma R(z) - softplus(z)))
//
// with R(z) = s(-z) softplus(z)/s(z), formed as L/e for z < 0, which is 1 where e vanishes, and as
// e softplus(z) for z > 0. Gamma 0 without alpha is binary_cross_entropy.
#pragma once

#include "drivers/heads.hpp"
#include "math/powers.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct sigmoid_focal {
  static constexpr bool of_elements = true;
  enum { positive, negative, weight, gamma, label_smoothing, factor }; // positive: of that class
  static constexpr const char *numbers = "d d d(n) d d d";

  template <bool curved>
  static void block(const element_terms &l) {
    const std::ptrdiff_t n = l.n;
    alignas(64) double e[block_size], above[block_size], below[block_size];
    alignas(64) double risen[block_size], fallen[block_size]; // above^gamma, below^gamma
    const auto number = [&](int k) { return l.number[k][0]; };
    const double eps = number(label_smoothing), gamma = number(sigmoid_focal::gamma);
    OGIVE_INDEPENDENT
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      const double x = l.z[j], small = row_math::exp(-magnitude(x)), d = 1 + small;
      e[j] = small;
      above[j] = (x < 0 ? small : 1) / d;
      below[j] = (x < 0 ? 1 : small) / d;
    }
    const exponent power(gamma);
    power.raise(above, n, risen);
    power.raise(below, n, fallen);
    OGIVE_INDEPENDENT
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      const double x = l.z[j], target = fma(l.t[j], 1 - eps, eps / 2), w = l.number[weight][j];
      const double yes = w * number(positive) * target, no = w * number(negative) * (1 - target);
      const double tail = row_math::log1p_unit(e[j]);
      const double up = (x > 0 ? x : 0) + tail, down = (x < 0 ? -x : 0) + tail;
      // A side without weight adds nothing, also where its loss is infinite.
      l.loss[j] = (yes == 0 ? 0 : yes * fallen[j] * down) + (no == 0 ? 0 : no * risen[j] * up);
      // R on the side of a hit and, where e is 0 and e times infinity is not, of a miss.
      const double hit = e[j] == 0 ? 1 : tail / e[j];
      const double miss = e[j] == 0 ? 0 : e[j] * (magnitude(x) + tail);
      const double of_up = x < 0 ? hit : miss, of_down = x < 0 ? miss : hit;
      l.gradient[j] = (no * risen[j] * fma(gamma, of_up, 1) * above[j] -
                       yes * fallen[j] * fma(gamma, of_down, 1) * below[j]) *
                      number(factor);
      if constexpr (curved) {
        const double bend_up = fma(gamma, 2 + gamma * of_up - up, 1);
        const double bend_down = fma(gamma, 2 + gamma * of_down - down, 1);
        const double bends = yes * fallen[j] * bend_down + no * risen[j] * bend_up;
        const double product = above[j] * below[j];
        l.hessian[j] = (product == 0 ? 0 : bends * product) * number(factor);
      }
    }
  }
  static void bound(double *hessian, std::ptrdiff_t n) {
    for (std::ptrdiff_t j = 0; j < n; ++j) hessian[j] = hessian[j] < 0 ? 0 : hessian[j];
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
