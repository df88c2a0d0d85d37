// cross_entropy of one row of logits against target weights q, with z' = softcap tanh(z/softcap):
//
//   loss    = sum_c q_c (lse - z'_c/temperature) + w z_loss lse^2
//   dL/dz'_c = (A p_c - q_c + 2 w z_loss lse p_c)/temperature,   A = sum_c q_c
//
// At the likeliest class k, A p_k - q_k is formed as sum_{c != k} q_c - A rest/S, and the loss from
// the non-positive d_c and log1p(rest): a confident row keeps every digit of both.
//
// The diagonal of the Hessian, with B = A + 2 w z_loss lse, and 1 - p_k = rest/S at the likeliest:
//
//   exact   d2L/dz'_c^2 = (B p_c (1 - p_c) + 2 w z_loss p_c^2)/temperature^2
//   upper   a diagonal matrix that the whole Hessian nowhere exceeds, as p p^T is nowhere above
//           diag(p), and diag(p) - p p^T nowhere above 2 diag(p (1 - p)), row by row
//   abs     |dL/dz_c|
//
// and through the softcap g, d2L/dz^2 = g'^2 d2L/dz'^2 + g" dL/dz', of which `upper` leaves out a
// negative last term.
#pragma once

#include "../unary/tanh.hpp"

struct cross_entropy {
  // logits, label (< 0: ignored), class weight, label_smoothing, z_loss, softcap (0: none),
  // temperature, factor of the gradient -> loss, gradient
  static constexpr const char *labels_operands = "T(n) l d(n) d d d d d -> d T(n)";
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d d d d d -> d T(n)";
  // The same with the kind of Hessian (0: exact, 1: abs, 2: upper) -> loss, gradient, Hessian.
  static constexpr const char *labels_hessian_operands = "T(n) l d(n) d d d d d d -> d T(n) T(n)";
  static constexpr const char *probabilities_hessian_operands =
      "T(n) T(n) d(n) d d d d d d -> d T(n) T(n)";

  template <class T>
  static bool labels(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false, true, label_weights>(args, dims, steps, 2);
  }
  template <class T>
  static bool labels_hessian(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, true, true, label_weights>(args, dims, steps, 2);
  }
  template <class T>
  static bool probabilities(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false, false, probability_weights<T>>(args, dims, steps, 3);
  }
  template <class T>
  static bool probabilities_hessian(char **args, const std::ptrdiff_t *dims,
                                    const std::ptrdiff_t *steps) {
    return run<T, true, false, probability_weights<T>>(args, dims, steps, 3);
  }

private:
  // Core steps: logits, class weight.
  static double label_weights(char *const *at, const std::ptrdiff_t *core, std::ptrdiff_t n,
                              double eps, double *q) {
    const std::int64_t target = bounded_label(at[1], n);
    const double even = eps / static_cast<double>(n);
    const auto weight = [&](std::ptrdiff_t c) {
      return *reinterpret_cast<const double *>(at[2] + c * core[1]);
    };
    if (target < 0) return -infinity;
    if (eps == 0)
      for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = 0;
    else
      for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = weight(c) * even;
    if (target == n) return not_a_number;
    q[target] += weight(target) * (1 - eps);
    return weight(target);
  }

  // Core steps: logits, target, class weight.
  template <class T>
  static double probability_weights(char *const *at, const std::ptrdiff_t *core, std::ptrdiff_t n,
                                    double eps, double *q) {
    const double even = eps / static_cast<double>(n);
    read_row<T>(at[1], core[1], n, q);
    for (std::ptrdiff_t c = 0; c < n; ++c)
      q[c] = *reinterpret_cast<const double *>(at[2] + c * core[2]) * fma(q[c], 1 - eps, even);
    return 1.0;
  }

  // One label and no other option, in float lanes. Of S = e_t + rest only the rest is summed, so
  // that loss = log1p(rest/e_t) and 1 - p_t = rest/S keep their digits in a confident row.
  template <class M>
  static bool in_floats(float_row &r, const float *z, std::ptrdiff_t n, std::ptrdiff_t target,
                        double weight, double factor, double &loss, float *dz) {
    if (!(dz == nullptr ? r.prepare<false>(z, n, target) : r.prepare<true>(z, n, target)))
      return false;
    const double rest = r.sum(), own = r.power(target), sum = own + rest;
    if (!(rest >= r.least_sum() && sum < infinity && weight > 0)) return false;
    const double by = weight * factor;
    if (!(by >= 0x1p-60 && by <= 0x1p60)) return false;
    const double one = weight * (own >= sum / 4 ? row_math::log1p(rest / own)
                                                : logarithm(sum) - r.log_power(target));
    if (dz != nullptr &&
        !r.powers<M>(by / sum, dz, target, static_cast<float>(0 - rest / sum * by)))
      return false;
    loss = one;
    return true;
  }

  static double number(char *const *at, const std::ptrdiff_t *steps, std::ptrdiff_t row, int k) {
    return *reinterpret_cast<const double *>(at[k] + row * steps[k]);
  }
  // Whether a row has no smoothing, z_loss or softcap, and temperature 1.
  static bool is_plain(char *const *at, const std::ptrdiff_t *steps, std::ptrdiff_t row) {
    return number(at, steps, row, 3) == 0 && number(at, steps, row, 4) == 0 &&
           number(at, steps, row, 5) == 0 && number(at, steps, row, 6) == 1;
  }

  // The label of a row, also where its probabilities are 1 there and else 0; or below 0.
  template <class T, bool by_label>
  static std::int64_t label_of(const char *target, std::ptrdiff_t step, std::ptrdiff_t n) {
    if constexpr (by_label) {
      const std::int64_t label = bounded_label(target, n);
      return label < n ? label : -1;
    }
    std::int64_t label = -1;
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      const auto t = widen(*reinterpret_cast<const T *>(target + c * step));
      if (t == 0) continue;
      if (t != 1 || label >= 0) return -1;
      label = c;
    }
    return label;
  }

  // Loss and gradient in float lanes: of up to `lanes` short rows side by side, or of one row. Says
  // which rows it took, a bit each.
  template <class T, bool by_label>
  static unsigned in_lanes(float_row &one, char *const *at, const std::ptrdiff_t *steps,
                           const std::ptrdiff_t *core, std::ptrdiff_t rows, std::ptrdiff_t n,
                           char *losses, std::ptrdiff_t loss_step, char *gradient,
                           std::ptrdiff_t gradient_outer, std::ptrdiff_t gradient_step,
                           float *buffer) {
    if (n == 0) return 0; // not a weight to read
    const auto label_at = [&](std::ptrdiff_t r) {
      return label_of<T, by_label>(at[1] + r * steps[1], core[1], n);
    };
    const auto weight_at = [&](std::ptrdiff_t r, std::int64_t label) {
      return *reinterpret_cast<const double *>(at[2] + r * steps[2] +
                                               label * core[by_label ? 1 : 2]);
    };
    if (n > short_rows::longest) {
      const std::int64_t target = label_at(0);
      if (target < 0 || !is_plain(at, steps, 0)) return 0;
      const float *const from = floats_of<T>(at[0], core[0], n, false, buffer);
      const bool packed = gradient == nullptr || (sizeof(T) == 4 && gradient_step == sizeof(float));
      float *const dz = packed ? reinterpret_cast<float *>(gradient) : buffer;
      if (!in_floats<typename exponential<T>::grade>(one, from, n, target, weight_at(0, target),
                                                     number(at, steps, 0, 7),
                                                     *reinterpret_cast<double *>(losses), dz))
        return 0;
      if (!packed) {
        one.finish();
        write_floats<T>(dz, n, gradient, gradient_step);
      }
      return 1;
    }
    alignas(64) std::int32_t label[lanes];
    double weight[lanes], by[lanes], scaled[lanes], loss[lanes];
    alignas(64) float instead[lanes];
    unsigned possible = 0;
    // What is the same for all rows is looked at once.
    bool alike = steps[2] == 0 && core[by_label ? 1 : 2] == 0;
    for (int k = 3; k < 8; ++k) alike &= steps[k] == 0;
    const bool plain = is_plain(at, steps, 0);
    const double first_weight = weight_at(0, 0), first_factor = number(at, steps, 0, 7);
    const auto fits = [](double factor) { return factor >= 0x1p-30 && factor <= 0x1p30; };
    for (std::ptrdiff_t k = 0; k < lanes; ++k) {
      const std::int64_t target = label_at(k < rows ? k : 0);
      label[k] = static_cast<std::int32_t>(target < 0 ? -1 : target);
      weight[k] = first_weight;
      by[k] = first_weight * first_factor;
      possible |= unsigned{target >= 0} << k;
    }
    if (alike && !(plain && fits(by[0]))) return 0;
    for (std::ptrdiff_t k = 0; k < rows && !alike; ++k) {
      weight[k] = label[k] < 0 ? 1 : weight_at(k, label[k]);
      by[k] = weight[k] * number(at, steps, k, 7);
      possible &= ~(unsigned{!fits(by[k]) || !is_plain(at, steps, k)} << k);
    }
    if (possible == 0) return 0;
    short_rows some;
    read_short<T>(some, at[0], steps[0], core[0], rows, n, false);
    const unsigned done =
        (gradient == nullptr ? some.prepare<false>(label) : some.prepare<true>(label)) & possible;
    for (int k = 0; k < lanes; ++k) {
      const double sum = some.own[k] + some.sum[k];
      loss[k] = weight[k] * row_math::log1p(some.sum[k] / some.own[k]);
      scaled[k] = by[k] / sum;
      instead[k] = static_cast<float>(0 - some.sum[k] / sum * by[k]);
    }
    for (std::ptrdiff_t k = 0; k < rows; ++k)
      if (done >> k & 1) *reinterpret_cast<double *>(losses + k * loss_step) = loss[k];
    if (gradient != nullptr) {
      some.powers(scaled, label, instead);
      write_short<T>(some, done, gradient, gradient_outer, gradient_step);
    }
    return done;
  }

  // A share below 2^-28 is the tangent's to all digits, which a large softcap would not leave it.
  static double capped(double z, double softcap) {
    const double share = z / softcap;
    return magnitude(share) < 0x1p-28 ? z : softcap * tanh::at<row_math>(share).value;
  }

  // `fill` writes q and returns the row's own weight, -inf for a row that is ignored, or NaN for
  // one whose label no class has. The core steps of the gradient, and after it the Hessian, come at
  // `into`.
  template <class T, bool curved, bool by_label, auto fill>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps, int into) {
    constexpr int loss_at = curved ? 9 : 8, gradient_at = loss_at + 1;
    constexpr int operands = gradient_at + (curved ? 2 : 1);
    const std::ptrdiff_t n = dims[1], *core = steps + operands;
    const scratch memory((curved ? 4 : 3) * n + float_row::room_for(n));
    if (memory.data() == nullptr) return false;
    [[maybe_unused]] float_row one(reinterpret_cast<float *>(memory.data() + (curved ? 4 : 3) * n),
                                   sizeof(T) == 4 && dims[2] != 0);
    double *const q = memory.data() + 2 * n;
    unsigned done = 0; // of the rows side by side, a bit each
    const std::ptrdiff_t width = n <= short_rows::longest ? lanes : 1;
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      if (i % width != 0 && done >> (i % width) & 1) continue;
      char *at[operands];
      for (int k = 0; k < operands; ++k) at[k] = args[k] ? args[k] + i * steps[k] : nullptr;
      const auto number = [&](int k) { return *reinterpret_cast<const double *>(at[k]); };
      const double z_loss = number(4), softcap = number(5);
      const double temperature = as_temperature(number(6));
      double &loss = *reinterpret_cast<double *>(at[loss_at]);
      // In float lanes where they take the row. Beside a Hessian that is done last, since the
      // gradient may overwrite the logits.
      [[maybe_unused]] const auto by_lanes = [&](std::ptrdiff_t count) -> unsigned {
        if constexpr (sizeof(T) == 8)
          return 0;
        else
          return in_lanes<T, by_label>(one, at, steps, core, count, n, at[loss_at], steps[loss_at],
                                       at[gradient_at], steps[gradient_at], core[into],
                                       reinterpret_cast<float *>(memory.data()));
      };
      if constexpr (sizeof(T) <= 4 && !curved) {
        const std::ptrdiff_t left = dims[0] - i;
        if (i % width == 0) done = by_lanes(left < width ? left : width);
        if (done >> (i % width) & 1) continue;
      }
      const double own_weight = fill(at, core, n, number(3), q);
      if (own_weight == -infinity) {
        loss = 0;
        for (int k = gradient_at; k < operands; ++k)
          if (at[k])
            for (std::ptrdiff_t c = 0; c < n; ++c)
              round_into(0.0, *reinterpret_cast<T *>(at[k] + c * core[into + k - gradient_at]));
        continue;
      }
      row r;
      r.n = n;
      r.d = memory.data();
      r.e = r.d + n;
      read_row<T>(at[0], core[0], n, r.d);
      if (softcap > 0)
        for (std::ptrdiff_t c = 0; c < n; ++c) r.d[c] = capped(r.d[c], softcap);
      r.template prepare<typename exponential<T>::grade>(temperature, true);
      if (own_weight != own_weight) r.undefined = true;

      // A class that nothing is asked of adds nothing, also where its logit is -inf.
      for (std::ptrdiff_t c = 0; c < n; ++c) r.d[c] = q[c] == 0 ? 0 : -r.d[c] * q[c];
      const double linear = sum_of(r.d, n), likeliest_q = q[r.argmax];
      q[r.argmax] = 0;
      const double rest_q = sum_of(q, n), all = rest_q + likeliest_q, lse = r.log_sum_exp();
      const double unlikely = r.rest / r.sum(), likeliest = rest_q - all * unlikely;
      const double z_weight = own_weight * z_loss;
      loss = linear + all * r.log_sum() + (z_weight == 0 ? 0 : z_weight * lse * lse);
      if (r.undefined) loss = not_a_number;
      if (!at[gradient_at]) continue;

      const double factor = number(7) / temperature;
      const double pull = z_weight == 0 ? 0 : 2 * z_weight * lse;
      for (std::ptrdiff_t c = 0; c < n; ++c) {
        const double p = r.probability(c);
        q[c] = (all * p - q[c] + pull * p) * factor;
      }
      q[r.argmax] = (likeliest + pull * r.inverse) * factor;
      if constexpr (curved) {
        const double kind = number(8), b = all + pull, scale = factor / temperature;
        double *const h = memory.data() + 3 * n;
        const auto bend = [&](double p, double rest) {
          const double exact = b * (p * rest) + 2 * z_weight * (p * p);
          const double upper = 2 * ((b > 0 ? b : 0) * (p * rest) + z_weight * p);
          return (kind == 2 ? upper : exact) * scale;
        };
        for (std::ptrdiff_t c = 0; c < n; ++c) {
          const double p = r.probability(c);
          h[c] = bend(p, 1 - p);
        }
        h[r.argmax] = bend(r.inverse, unlikely);
      }
      if (softcap > 0) {
        read_row<T>(at[0], core[0], n, r.d);
        for (std::ptrdiff_t c = 0; c < n; ++c) {
          const jet<double> g = tanh::at<row_math>(r.d[c] / softcap);
          if constexpr (curved) {
            double *const h = memory.data() + 3 * n;
            const double own = pass_back(q[c], -2 * g.value * g.slope / softcap);
            h[c] = pass_back(pass_back(h[c], g.slope), g.slope);
            h[c] += number(8) == 2 && own < 0 ? 0 : own;
          }
          q[c] = pass_back(q[c], g.slope);
        }
      }
      if (r.undefined)
        for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = not_a_number;
      bool taken = false;
      if constexpr (sizeof(T) <= 4 && curved) taken = by_lanes(1) != 0;
      one.finish();
      if (taken)
        read_row<T>(at[gradient_at], core[into], n, q);
      else
        write_row<T>(q, n, at[gradient_at], core[into]);
      if constexpr (curved) {
        double *const h = memory.data() + 3 * n;
        const bool absolute = number(8) == 1;
        for (std::ptrdiff_t c = 0; c < n; ++c)
          h[c] = r.undefined ? not_a_number : absolute ? magnitude(q[c]) : h[c];
        if (at[gradient_at + 1]) write_row<T>(h, n, at[gradient_at + 1], core[into + 1]);
      }
    }
    return true;
  }
};
