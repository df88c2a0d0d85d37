// sparsemax_loss of one row of logits against target weights q with the sum c: with p the sparsemax
// of the logits, S its support and tau its threshold,
//
//   c (1/2 sum_S (z_j^2 - tau^2)) + |q|^2/(2c) - q.z
//     = |c p - q|^2/(2c) + sum_{j not in S} q_j (tau - z_j),    dL/dz_j = c p_j - q_j
//
// The first form cancels; in the second no term is negative, for p_j = z_j - tau on S and the p sum
// to 1. Where p_k > 1/2, c p_k - q_k is formed from the other classes, whose p are small and exact.
#pragma once

#include "sparse_rows.hpp"

struct sparsemax_loss {
  // logits, label (< 0: ignored), class weight, factor of the gradient -> loss, gradient
  static constexpr const char *labels_operands = "T(n) l d(n) d -> d T(n)";
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d -> d T(n)";

  template <class T>
  static bool labels(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, true>(args, dims, steps);
  }
  template <class T>
  static bool probabilities(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false>(args, dims, steps);
  }

private:
  template <class T, bool hard>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps) {
    constexpr int operands = 6, into = hard ? 2 : 3;
    const std::ptrdiff_t n = dims[1], *core = steps + operands;
    const scratch memory(4 * n);
    if (memory.data() == nullptr) return false;
    double *const q = memory.data() + 2 * n, *const p = q + n;
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      char *at[operands];
      for (int k = 0; k < operands; ++k) at[k] = args[k] ? args[k] + i * steps[k] : nullptr;
      const double factor = *reinterpret_cast<const double *>(at[3]);
      double &loss = *reinterpret_cast<double *>(at[4]);
      const auto weight = [&](std::ptrdiff_t c) {
        return *reinterpret_cast<const double *>(at[2] + c * core[hard ? 1 : 2]);
      };
      bool no_class = false;
      if constexpr (hard) {
        const std::int64_t target = bounded_label(at[1], n);
        no_class = target == n;
        for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = 0;
        if (target < 0) {
          loss = 0;
          if (at[5]) write_row<T>(q, n, at[5], core[into]);
          continue;
        }
        if (!no_class) q[target] = weight(target);
      } else {
        read_row<T>(at[1], core[1], n, q);
        for (std::ptrdiff_t c = 0; c < n; ++c) q[c] *= weight(c);
      }

      sparse_row<1> r;
      r.n = n;
      r.d = memory.data();
      r.e = r.d + n;
      read_row<T>(at[0], core[0], n, r.d);
      // In full for any format: where p and q nearly agree, the loss is made of what p has lost.
      r.template prepare<row_math>(1, true);
      if (r.undefined || no_class) {
        loss = not_a_number;
        for (std::ptrdiff_t c = 0; c < n; ++c) p[c] = not_a_number;
        if (at[5]) write_row<T>(p, n, at[5], core[into]);
        continue;
      }
      r.probabilities(p);

      // `likely` is the class with p > 1/2, of which there is at most one; its own share is left
      // out of both sums.
      const std::ptrdiff_t top = first_of(p, n, largest_of(p, n));
      const bool likely = p[top] > 0.5;
      const double q_top = q[top], p_top = p[top];
      if (likely) q[top] = p[top] = 0;
      const double rest_q = sum_of(q, n), rest_p = sum_of(p, n);
      const double all = rest_q + (likely ? q_top : 0);
      q[top] = q_top;
      p[top] = p_top;

      double *const terms = r.e; // free for use
      for (std::ptrdiff_t c = 0; c < n; ++c) {
        const double over = q[c] == 0 || p[c] > 0 ? 0 : -r.above(c);
        terms[c] = over > 0 ? q[c] * over : 0; // infinite for a logit of -inf
      }
      const double outside = sum_of(terms, n);
      for (std::ptrdiff_t c = 0; c < n; ++c) p[c] = fma(all, p[c], -q[c]);
      if (likely) p[top] = rest_q - all * rest_p;
      // Squares of tiny or huge weights leave the range where those over their sum do not.
      const double lift = opposite(all);
      for (std::ptrdiff_t c = 0; c < n; ++c) terms[c] = (p[c] * lift) * (p[c] * lift);
      const double squares = sum_of(terms, n);
      loss = (all == 0 ? 0 : squares / (2 * (all * lift)) / lift) + outside;
      if (!at[5]) continue;
      for (std::ptrdiff_t c = 0; c < n; ++c) p[c] *= factor;
      write_row<T>(p, n, at[5], core[into]);
    }
    return true;
  }
};
