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

#include "powers.hpp"

struct sigmoid_focal {
  // logits, target, factor of the positive class, of the negative one, weight, gamma,
  // label_smoothing, factor of the gradient -> loss, gradient
  static constexpr const char *probabilities_operands = "T(n) T(n) d d d(n) d d d -> d(n) T(n)";

  // The same with the kind of Hessian (0: exact, 1: abs, 2: upper) -> loss, gradient, Hessian.
  static constexpr const char *probabilities_hessian_operands =
      "T(n) T(n) d d d(n) d d d d -> d(n) T(n) T(n)";

  template <class T>
  static bool probabilities(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false>(args, dims, steps);
  }
  template <class T>
  static bool probabilities_hessian(char **args, const std::ptrdiff_t *dims,
                                    const std::ptrdiff_t *steps) {
    return run<T, true>(args, dims, steps);
  }

private:
  template <class T, bool curved>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps) {
    constexpr int loss_at = curved ? 9 : 8, operands = curved ? 12 : 10;
    const std::ptrdiff_t *core = steps + operands;
    alignas(64) double z[block_size], t[block_size], weight[block_size];
    alignas(64) double e[block_size], above[block_size], below[block_size];
    alignas(64) double risen[block_size], fallen[block_size]; // above^gamma, below^gamma
    alignas(64) double hessian[curved ? block_size : 1];
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      const auto number = [&](int k) {
        return *reinterpret_cast<const double *>(args[k] + i * steps[k]);
      };
      const double positive = number(2), negative = number(3), gamma = number(5);
      const double eps = number(6), factor = number(7);
      const exponent power(gamma);
      for (std::ptrdiff_t begin = 0; begin < dims[1]; begin += block_size) {
        const std::ptrdiff_t n = dims[1] - begin < block_size ? dims[1] - begin : block_size;
        const auto at = [&](int k, int c) { return args[k] + i * steps[k] + begin * core[c]; };
        read_row<T>(at(0, 0), core[0], n, z);
        read_row<T>(at(1, 1), core[1], n, t);
        read_row<double>(at(4, 2), core[2], n, weight);
        for (std::ptrdiff_t j = 0; j < n; ++j) {
          const double x = z[j], small = row_math::exp(-magnitude(x)), d = 1 + small;
          e[j] = small;
          above[j] = (x < 0 ? small : 1) / d;
          below[j] = (x < 0 ? 1 : small) / d;
        }
        power.raise(above, n, risen);
        power.raise(below, n, fallen);
        for (std::ptrdiff_t j = 0; j < n; ++j) {
          const double x = z[j], target = fma(t[j], 1 - eps, eps / 2);
          const double yes = weight[j] * positive * target,
                       no = weight[j] * negative * (1 - target);
          const double tail = row_math::log1p_unit(e[j]);
          const double up = (x > 0 ? x : 0) + tail, down = (x < 0 ? -x : 0) + tail;
          // A side without weight adds nothing, also where its loss is infinite.
          t[j] = (yes == 0 ? 0 : yes * fallen[j] * down) + (no == 0 ? 0 : no * risen[j] * up);
          // R on the side of a hit and, where e is 0 and e times infinity is not, of a miss.
          const double hit = e[j] == 0 ? 1 : tail / e[j];
          const double miss = e[j] == 0 ? 0 : e[j] * (magnitude(x) + tail);
          const double of_up = x < 0 ? hit : miss, of_down = x < 0 ? miss : hit;
          z[j] = (no * risen[j] * fma(gamma, of_up, 1) * above[j] -
                  yes * fallen[j] * fma(gamma, of_down, 1) * below[j]) *
                 factor;
          if constexpr (curved) {
            const double bend_up = fma(gamma, 2 + gamma * of_up - up, 1);
            const double bend_down = fma(gamma, 2 + gamma * of_down - down, 1);
            const double bends = yes * fallen[j] * bend_down + no * risen[j] * bend_up;
            const double product = above[j] * below[j];
            hessian[j] = (product == 0 ? 0 : bends * product) * factor;
          }
        }
        write_row<double>(t, n, at(loss_at, 3), core[3]);
        if (args[loss_at + 1]) write_row<T>(z, n, at(loss_at + 1, 4), core[4]);
        if constexpr (curved) {
          const double kind = number(8);
          for (std::ptrdiff_t j = 0; j < n; ++j) {
            const double bounded = hessian[j] < 0 ? 0 : hessian[j];
            hessian[j] = kind == 1 ? magnitude(z[j]) : kind == 2 ? bounded : hessian[j];
          }
          if (args[loss_at + 2]) write_row<T>(hessian, n, at(loss_at + 2, 5), core[5]);
        }
      }
    }
    return true;
  }
};
