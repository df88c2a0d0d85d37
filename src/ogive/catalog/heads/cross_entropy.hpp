// cross_entropy of one row of logits against target weights q, with z' = softcap tanh(z/softcap):
//
//   loss    = sum_c q_c (lse - z'_c/temperature) + w z_loss lse^2
//   dL/dz'_c = (A p_c - q_c + 2 w z_loss lse p_c)/temperature,   A = sum_c q_c
//
// At the likeliest class k, A p_k - q_k is formed as sum_{c != k} q_c - A rest/S, and the loss from
// the non-positive d_c and log1p(rest): a confident row keeps every digit of both.
#pragma once

#include "../unary/tanh.hpp"

struct cross_entropy {
  // logits, label (< 0: ignored), class weight, label_smoothing, z_loss, softcap (0: none),
  // temperature, factor of the gradient -> loss, gradient
  static constexpr const char *labels_operands = "T(n) l d(n) d d d d d -> d T(n)";
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d d d d d -> d T(n)";

  template <class T>
  static bool labels(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    // Core steps: logits, class weight, gradient.
    return run<T>(
        args, dims, steps, 12,
        [](char *const *at, const std::ptrdiff_t *s, std::ptrdiff_t n, double eps, double *q) {
          const auto target = *reinterpret_cast<const std::int64_t *>(at[1]);
          const double even = eps / static_cast<double>(n);
          const auto weight = [&](std::ptrdiff_t c) {
            return *reinterpret_cast<const double *>(at[2] + c * s[11]);
          };
          if (target < 0) return -1.0;
          if (eps == 0)
            for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = 0;
          else
            for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = weight(c) * even;
          q[target] += weight(target) * (1 - eps);
          return weight(target);
        });
  }

  template <class T>
  static bool probabilities(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    // Core steps: logits, target, class weight, gradient.
    return run<T>(
        args, dims, steps, 13,
        [](char *const *at, const std::ptrdiff_t *s, std::ptrdiff_t n, double eps, double *q) {
          const double even = eps / static_cast<double>(n);
          read_row<T>(at[1], s[11], n, q);
          for (std::ptrdiff_t c = 0; c < n; ++c)
            q[c] = *reinterpret_cast<const double *>(at[2] + c * s[12]) * fma(q[c], 1 - eps, even);
          return 1.0;
        });
  }

private:
  static double capped(double z, double softcap) {
    return softcap * tanh::at<row_math>(z / softcap).value;
  }

  // `fill` writes q and returns the row's own weight, or -1 for a row that is ignored.
  template <class T, class Fill>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps, int gradient_step, Fill fill) {
    constexpr int operands = 10;
    const std::ptrdiff_t n = dims[1];
    const scratch memory(3 * n);
    if (memory.data() == nullptr) return false;
    double *const q = memory.data() + 2 * n;
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      char *at[operands];
      for (int k = 0; k < operands; ++k) at[k] = args[k] ? args[k] + i * steps[k] : nullptr;
      const auto number = [&](int k) { return *reinterpret_cast<const double *>(at[k]); };
      const double z_loss = number(4), softcap = number(5), temperature = number(6);
      double &loss = *reinterpret_cast<double *>(at[8]);
      const double own_weight = fill(at, steps, n, number(3), q);
      if (own_weight < 0) {
        loss = 0;
        if (at[9])
          for (std::ptrdiff_t c = 0; c < n; ++c)
            round_into(0.0, *reinterpret_cast<T *>(at[9] + c * steps[gradient_step]));
        continue;
      }
      row r;
      r.n = n;
      r.d = memory.data();
      r.e = r.d + n;
      read_row<T>(at[0], steps[10], n, r.d);
      if (softcap > 0)
        for (std::ptrdiff_t c = 0; c < n; ++c) r.d[c] = capped(r.d[c], softcap);
      r.template prepare<typename exponential<T>::grade>(temperature, true);

      // A class that nothing is asked of adds nothing, also where its logit is -inf.
      for (std::ptrdiff_t c = 0; c < n; ++c) r.d[c] = q[c] == 0 ? 0 : -r.d[c] * q[c];
      const double linear = sum_of(r.d, n), likeliest_q = q[r.argmax];
      q[r.argmax] = 0;
      const double rest_q = sum_of(q, n), all = rest_q + likeliest_q, lse = r.log_sum_exp();
      const double likeliest = rest_q - all * (r.rest / r.sum());
      const double z_weight = own_weight * z_loss;
      loss = linear + all * r.log_sum() + (z_weight == 0 ? 0 : z_weight * lse * lse);
      if (r.undefined) loss = not_a_number;
      if (!at[9]) continue;

      const double factor = number(7) / temperature;
      const double pull = z_weight == 0 ? 0 : 2 * z_weight * lse;
      for (std::ptrdiff_t c = 0; c < n; ++c) {
        const double p = r.probability(c);
        q[c] = (all * p - q[c] + pull * p) * factor;
      }
      q[r.argmax] = (likeliest + pull * r.inverse) * factor;
      if (softcap > 0) {
        read_row<T>(at[0], steps[10], n, r.d);
        for (std::ptrdiff_t c = 0; c < n; ++c)
          q[c] = pass_back(q[c], tanh::at<row_math>(r.d[c] / softcap).slope);
      }
      if (r.undefined)
        for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = not_a_number;
      write_row<T>(q, n, at[9], steps[gradient_step]);
    }
    return true;
  }
};
