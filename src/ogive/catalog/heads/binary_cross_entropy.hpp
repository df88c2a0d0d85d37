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
  // A block of weights for float lanes: of the loss against 0 and 1, and of the gradient, which is
  // negative against 1, as pairs of floats.
  struct float_weights {
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
    bool takes(std::ptrdiff_t j, float z, float t) const {
      return __builtin_fabsf(z) <= 60 && (t == 0 || t == 1) && fit[j] != 0;
    }

    // z, t and the results in buffers of whole blocks. Whether it took all elements.
    template <bool graded>
    bool run(float *z, float *t, std::ptrdiff_t n, double *loss, float *gradient) {
      for (std::ptrdiff_t j = n; j % lanes != 0; ++j) {
        z[j] = t[j] = 0;
        set(j, 1, 1, 1);
      }
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
    [[gnu::always_inline]] void loss_of(floats linear, float_pair tail, floats is_1,
                                        std::ptrdiff_t j, double *to) const {
      using rows_of_floats::doubles;
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

  // Into a buffer in any case: `run` fills up its last vector.
  template <class T>
  static void read_floats(const char *from, std::ptrdiff_t step, std::ptrdiff_t n, float *to) {
    const float *const floats = floats_of<T>(from, step, n, false, to);
    if (floats != to) __builtin_memcpy(to, floats, static_cast<std::size_t>(n) * sizeof(float));
  }

  template <class T, bool curved>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps) {
    constexpr int loss_at = curved ? 7 : 6, operands = curved ? 10 : 8;
    const std::ptrdiff_t *core = steps + operands;
    alignas(64) double z[block_size], t[block_size], positive[block_size], weight[block_size];
    alignas(64) double factor[block_size], loss[block_size], gradient[block_size];
    alignas(64) double hessian[curved ? block_size : 1];
    constexpr bool lanes_too = sizeof(T) <= 4;
    constexpr std::ptrdiff_t lane_size = lanes_too ? block_size : 1;
    [[maybe_unused]] float_weights weights;
    alignas(64) float lane_z[lane_size], lane_t[lane_size], lane_gradient[lane_size] = {};
    alignas(64) double lane_loss[lane_size];
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      const double eps = *reinterpret_cast<const double *>(args[4] + i * steps[4]);
      for (std::ptrdiff_t begin = 0; begin < dims[1]; begin += block_size) {
        const std::ptrdiff_t n = dims[1] - begin < block_size ? dims[1] - begin : block_size;
        const auto at = [&](int k, int c) { return args[k] + i * steps[k] + begin * core[c]; };
        if constexpr (lanes_too) {
          // Weights that are the same for all are set once.
          if (begin == 0 || core[2] || core[3] || core[4])
            for (std::ptrdiff_t j = 0; j < n; ++j) {
              const auto number = [&](int k, int c) {
                return *reinterpret_cast<const double *>(at(k, c) + j * core[c]);
              };
              weights.set(j, number(3, 3), number(2, 2), number(5, 4));
            }
          read_floats<T>(at(0, 0), core[0], n, lane_z);
          read_floats<T>(at(1, 1), core[1], n, lane_t);
          const bool graded = args[loss_at + 1] != nullptr;
          if (eps == 0 &&
              (graded ? weights.template run<true>(lane_z, lane_t, n, lane_loss, lane_gradient)
                      : weights.template run<false>(lane_z, lane_t, n, lane_loss, lane_gradient)) &&
              !curved) {
            write_row<double>(lane_loss, n, at(loss_at, 5), core[5]);
            if (graded) write_floats<T>(lane_gradient, n, at(loss_at + 1, 6), core[6]);
            continue;
          }
        }
        read_row<T>(at(0, 0), core[0], n, z);
        read_row<T>(at(1, 1), core[1], n, t);
        read_row<double>(at(2, 2), core[2], n, positive);
        read_row<double>(at(3, 3), core[3], n, weight);
        read_row<double>(at(5, 4), core[4], n, factor);
        for (std::ptrdiff_t j = 0; j < n; ++j) {
          const double x = z[j], target = fma(t[j], 1 - eps, eps / 2);
          const double yes = weight[j] * (positive[j] * target), no = weight[j] * (1 - target);
          const double e = row_math::exp(-magnitude(x)), d = 1 + e, tail = row_math::log1p_unit(e);
          const double up = (x > 0 ? x : 0) + tail, down = (x < 0 ? -x : 0) + tail;
          // A side without weight adds nothing, also where its loss is infinite.
          loss[j] = (yes == 0 ? 0 : yes * down) + (no == 0 ? 0 : no * up);
          const double above = (x < 0 ? e : 1) / d, below = (x < 0 ? 1 : e) / d;
          gradient[j] = (no * above - yes * below) * factor[j];
          if constexpr (curved) hessian[j] = (yes + no) * (above * below) * factor[j];
        }
        if (lanes_too && eps == 0)
          for (std::ptrdiff_t j = 0; j < n; ++j) {
            const bool takes = weights.takes(j, lane_z[j], lane_t[j]);
            loss[j] = takes ? lane_loss[j] : loss[j];
            gradient[j] = takes ? static_cast<double>(lane_gradient[j]) : gradient[j];
          }
        write_row<double>(loss, n, at(loss_at, 5), core[5]);
        if (args[loss_at + 1]) write_row<T>(gradient, n, at(loss_at + 1, 6), core[6]);
        if constexpr (curved) {
          if (*reinterpret_cast<const double *>(args[6] + i * steps[6]) == 1)
            for (std::ptrdiff_t j = 0; j < n; ++j) hessian[j] = magnitude(gradient[j]);
          if (args[loss_at + 2]) write_row<T>(hessian, n, at(loss_at + 2, 7), core[7]);
        }
      }
    }
    return true;
  }
};
