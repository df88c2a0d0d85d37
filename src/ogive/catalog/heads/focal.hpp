// focal of one row of logits against target weights q: with p the softmax, r_c = 1 - p_c and
// l_c = -log p_c,
//
//   loss    = sum_c q_c r_c^gamma l_c
//   dL/dz_c = A p_c - a_c,   a_c = q_c F_c,   A = sum_c a_c
//   F       = d(r^gamma l)/dl = r^gamma (1 + gamma p l/r)
//
// which is cross_entropy's gradient with weights of its own. At the likeliest class k, r is rest/S,
// l is log1p(rest) and p l/r is log1p(rest)/rest, which is 1 where nothing is left; A p_k - a_k is
// formed as sum_{c != k} a_c - A rest/S. So confident rows keep every digit, for gamma < 1 too.
// Gamma 0 is cross_entropy.
//
// The Hessian is A (diag(p) - p p^T) + sum_c G_c (p - e_c)(p - e_c)^T with
// G = q dF/dl = q gamma r^(gamma - 1) p (2 - l + (gamma - 1) p l/r), which may be negative:
//
//   exact   A p_j r_j + p_j^2 sum_{c != j} G_c + r_j^2 G_j
//   upper   the same bound of the first term as in cross_entropy, 2 A p_j r_j; and, as v v^T is
//           nowhere above diag(|v|) sum |v|, 2 r_c G_c diag(|p - e_c|) for each positive G_c
//   abs     |dL/dz_j|
#pragma once

#include "powers.hpp"

struct focal {
  // logits, label (< 0: ignored), class weight, gamma, label_smoothing, factor of the gradient
  // -> loss, gradient
  static constexpr const char *labels_operands = "T(n) l d(n) d d d -> d T(n)";
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d d d -> d T(n)";
  // The same with the kind of Hessian (0: exact, 1: abs, 2: upper) -> loss, gradient, Hessian.
  static constexpr const char *labels_hessian_operands = "T(n) l d(n) d d d d -> d T(n) T(n)";
  static constexpr const char *probabilities_hessian_operands =
      "T(n) T(n) d(n) d d d d -> d T(n) T(n)";

  template <class T>
  static bool labels(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false, true>(args, dims, steps);
  }
  template <class T>
  static bool labels_hessian(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, true, true>(args, dims, steps);
  }
  template <class T>
  static bool probabilities(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
    return run<T, false, false>(args, dims, steps);
  }
  template <class T>
  static bool probabilities_hessian(char **args, const std::ptrdiff_t *dims,
                                    const std::ptrdiff_t *steps) {
    return run<T, true, false>(args, dims, steps);
  }

private:
  // Target weights of one row; -1 where it is ignored, NaN where no class has its label. Core
  // steps: logits, [target,] weight.
  template <class T, bool hard>
  static double fill(char *const *at, const std::ptrdiff_t *core, std::ptrdiff_t n, double eps,
                     double *q) {
    const double even = eps / static_cast<double>(n);
    if constexpr (hard) {
      const std::int64_t target = bounded_label(at[1], n);
      if (target < 0) return -1;
      read_row<double>(at[2], core[1], n, q);
      const double own = target < n ? q[target] : 0;
      for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = eps == 0 ? 0 : q[c] * even;
      if (target == n) return not_a_number;
      q[target] += own * (1 - eps);
    } else {
      read_row<T>(at[1], core[1], n, q);
      for (std::ptrdiff_t c = 0; c < n; ++c)
        q[c] = *reinterpret_cast<const double *>(at[2] + c * core[2]) * fma(q[c], 1 - eps, even);
    }
    return 1;
  }

  template <class T, bool curved, bool hard>
  [[gnu::flatten]] static bool run(char **args, const std::ptrdiff_t *dims,
                                   const std::ptrdiff_t *steps) {
    constexpr int loss_at = curved ? 7 : 6, gradient_at = loss_at + 1;
    constexpr int operands = gradient_at + (curved ? 2 : 1), into = hard ? 2 : 3;
    const std::ptrdiff_t n = dims[1], *core = steps + operands;
    const scratch memory((curved ? 6 : 4) * n);
    if (memory.data() == nullptr) return false;
    double *const a = memory.data() + 2 * n, *const v = a + n;
    [[maybe_unused]] double *const b = v + n, *const h = b + n; // allocated where curved
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      char *at[operands];
      for (int k = 0; k < operands; ++k) at[k] = args[k] ? args[k] + i * steps[k] : nullptr;
      const auto number = [&](int k) { return *reinterpret_cast<const double *>(at[k]); };
      const double gamma = number(3), factor = number(5);
      double &loss = *reinterpret_cast<double *>(at[loss_at]);
      const double filled = fill<T, hard>(at, core, n, number(4), a);
      if (filled < 0) {
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
      r.template prepare<typename exponential<T>::grade>(1, true);
      if (filled != filled) r.undefined = true;

      // From here on v = q r^gamma and a = q F; d becomes v times the distance from the likeliest.
      const std::ptrdiff_t top = r.argmax;
      const double log_sum = r.log_sum(), unlikely = r.rest / r.sum();
      const exponent power(gamma);
      for (std::ptrdiff_t c = 0; c < n; ++c) {
        if (a[c] == 0) { // asks nothing, also where its logit is -inf
          r.d[c] = v[c] = 0;
          if constexpr (curved) b[c] = 0;
          continue;
        }
        const double p = r.probability(c), other = c == top ? unlikely : 1 - p;
        const double l = log_sum - r.d[c], share = a[c] * power.of(other);
        double ratio = p == 0 ? 0 : p * l / other;
        if (c == top) ratio = r.rest == 0 ? 1 : log_sum / r.rest;
        v[c] = share;
        a[c] = share * fma(gamma, ratio, 1);
        r.d[c] = -r.d[c] * share;
        if constexpr (curved) // r G
          b[c] = p == 0 ? 0 : share * (gamma * p) * ((2 - l) + (gamma - 1) * ratio);
      }
      const double linear = sum_of(r.d, n), likeliest_v = v[top];
      v[top] = 0;
      const double all_v = sum_of(v, n) + likeliest_v;
      loss = linear + all_v * log_sum;
      if (r.undefined) loss = not_a_number;
      if (!at[gradient_at]) continue;

      const double likeliest_a = a[top];
      a[top] = 0;
      const double rest_a = sum_of(a, n), all = rest_a + likeliest_a;
      for (std::ptrdiff_t c = 0; c < n; ++c) a[c] = (all * r.probability(c) - a[c]) * factor;
      a[top] = (rest_a - all * unlikely) * factor;
      if (r.undefined)
        for (std::ptrdiff_t c = 0; c < n; ++c) a[c] = not_a_number;
      write_row<T>(a, n, at[gradient_at], core[into]);
      if constexpr (curved) {
        const double kind = number(6);
        bend(r, unlikely, all, kind == 2, b, v, h);
        for (std::ptrdiff_t c = 0; c < n; ++c)
          h[c] = r.undefined ? not_a_number : kind == 1 ? magnitude(a[c]) : h[c] * factor;
        if (at[gradient_at + 1]) write_row<T>(h, n, at[gradient_at + 1], core[into + 1]);
      }
    }
    return true;
  }

  // The diagonal h from b = r G. Sums over the other classes leave the likeliest out where they
  // are its own; elsewhere r is at least 1/2, and what is taken off the whole sum does not matter.
  static void bend(const row &r, double unlikely, double all, bool upper, double *b, double *g,
                   double *h) {
    const std::ptrdiff_t n = r.n, top = r.argmax;
    const auto other = [&](std::ptrdiff_t c) { return c == top ? unlikely : 1 - r.probability(c); };
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      if (upper) b[c] = b[c] > 0 ? b[c] : 0;
      g[c] = upper ? b[c] : other(c) == 0 ? 0 : b[c] / other(c);
    }
    const double likeliest = g[top];
    g[top] = 0;
    const double rest = sum_of(g, n), sum = rest + likeliest;
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      const double p = r.probability(c), own = other(c), others = c == top ? rest : sum - g[c];
      const double even = all * (p * own);
      h[c] =
          upper ? 2 * (even + (p * others + own * b[c])) : even + (p * (p * others) + own * b[c]);
    }
  }
};
