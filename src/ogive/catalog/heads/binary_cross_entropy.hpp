// binary_cross_entropy from logits, with L = log1p(e^-|z|) shared by both sides:
//
//   loss  = w (p t softplus(-z) + (1 - t) softplus(z)),   softplus(+-z) = max(+-z, 0) + L
//   dL/dz = w ((1 - t) sigmoid(z) - p t sigmoid(-z))
//
// so that a hard target leaves one term, which keeps full relative accuracy in both tails. The
// Hessian is diagonal: w ((1 - t) + p t) sigmoid(z) sigmoid(-z).
#pragma once

struct binary_cross_entropy {
  // logits, target, pos_weight, weight, label_smoothing, factor of the gradient -> loss, gradient
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d(n) d d(n) -> d(n) T(n)";

  // The same with the kind of Hessian (1: |gradient|, else exact) -> loss, gradient, Hessian.
  static constexpr const char *probabilities_hessian_operands =
      "T(n) T(n) d(n) d(n) d d(n) d -> d(n) T(n) T(n)";

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
    constexpr int loss_at = curved ? 7 : 6, operands = curved ? 10 : 8;
    const std::ptrdiff_t *core = steps + operands;
    alignas(64) double z[block_size], t[block_size], positive[block_size], weight[block_size];
    alignas(64) double factor[block_size], loss[block_size], gradient[block_size];
    alignas(64) double hessian[curved ? block_size : 1];
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      const double eps = *reinterpret_cast<const double *>(args[4] + i * steps[4]);
      for (std::ptrdiff_t begin = 0; begin < dims[1]; begin += block_size) {
        const std::ptrdiff_t n = dims[1] - begin < block_size ? dims[1] - begin : block_size;
        const auto at = [&](int k, int c) { return args[k] + i * steps[k] + begin * core[c]; };
        read_row<T>(at(0, 0), core[0], n, z);
        read_row<T>(at(1, 1), core[1], n, t);
        read_row<double>(at(2, 2), core[2], n, positive);
        read_row<double>(at(3, 3), core[3], n, weight);
        read_row<double>(at(5, 4), core[4], n, factor);
        for (std::ptrdiff_t j = 0; j < n; ++j) {
          const double x = z[j], target = fma(t[j], 1 - eps, eps / 2);
          const double yes = weight[j] * positive[j] * target, no = weight[j] * (1 - target);
          const double e = row_math::exp(-magnitude(x)), d = 1 + e, tail = row_math::log1p_unit(e);
          const double up = (x > 0 ? x : 0) + tail, down = (x < 0 ? -x : 0) + tail;
          // A side without weight adds nothing, also where its loss is infinite.
          loss[j] = (yes == 0 ? 0 : yes * down) + (no == 0 ? 0 : no * up);
          const double above = (x < 0 ? e : 1) / d, below = (x < 0 ? 1 : e) / d;
          gradient[j] = (no * above - yes * below) * factor[j];
          if constexpr (curved) hessian[j] = (yes + no) * (above * below) * factor[j];
        }
        write_row<double>(loss, n, at(loss_at, 5), core[5]);
        if (args[loss_at + 1]) write_row<T>(gradient, n, at(loss_at + 1, 6), core[6]);
        if constexpr (curved) {
          if (*reinterpret_cast<const double *>(args[6] + i * steps[6]) == 1)
            for (std::ptrdiff_t j = 0; j < n; ++j) hessian[j] = magnitude(gradient[j]);
          write_row<T>(hessian, n, at(loss_at + 2, 7), core[7]);
        }
      }
    }
    return true;
  }
};
