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

#include "drivers/heads.hpp"
#include "math/powers.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct focal {
  enum { gamma, label_smoothing };
  static constexpr int options = 2, smoothing = label_smoothing, rooms = 2;
  static constexpr bool curved = true;

  static double loss(row r, loss_terms t) {
    const std::ptrdiff_t n = t.n, top = r.argmax;
    // From here on v = q r^gamma and a = q F; d becomes v times the distance from the likeliest.
    double *const a = t.q, *const v = t.room, *const b = v + n;
    const double log_sum = r.log_sum(), unlikely = r.rest / r.sum(),
                 gamma = t.options[focal::gamma];
    const exponent power(gamma);
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      if (a[c] == 0) { // asks nothing, also where its logit is -inf
        r.d[c] = v[c] = 0;
        if (t.h != nullptr) b[c] = 0;
        continue;
      }
      const double p = r.probability(c), other = c == top ? unlikely : 1 - p;
      const double l = log_sum - r.d[c], share = a[c] * power.of(other);
      double ratio = p == 0 ? 0 : p * l / other;
      if (c == top) ratio = r.rest == 0 ? 1 : log_sum / r.rest;
      v[c] = share;
      a[c] = share * fma(gamma, ratio, 1);
      r.d[c] = -r.d[c] * share;
      if (t.h != nullptr)
        b[c] = p == 0 ? 0 : share * (gamma * p) * ((2 - l) + (gamma - 1) * ratio); // r G
    }
    const double linear = sum_of(r.d, n), likeliest_v = v[top];
    v[top] = 0;
    const double all_v = sum_of(v, n) + likeliest_v, loss = linear + all_v * log_sum;
    if (!t.graded) return loss;

    const double likeliest_a = a[top];
    a[top] = 0;
    const double rest_a = sum_of(a, n), all = rest_a + likeliest_a;
    for (std::ptrdiff_t c = 0; c < n; ++c) a[c] = (all * r.probability(c) - a[c]) * t.factor;
    a[top] = (rest_a - all * unlikely) * t.factor;
    if (t.h == nullptr) return loss;
    bend(r, unlikely, all, t.kind == upper_bound, b, v, t.h);
    for (std::ptrdiff_t c = 0; c < n; ++c) t.h[c] *= t.factor;
    return loss;
  }

private:
  // The diagonal h from b = r G. Sums over the other classes leave the likeliest out where they
  // are its own; elsewhere r is at least 1/2, and what is taken off the whole sum does not matter.
  static void bend(const row &r, double unlikely, double all, bool upper, double *b, double *g,
                   double *h) {
    const std::ptrdiff_t n = r.n, top = r.argmax;
    const auto other = [&](std::ptrdiff_t c) { return c == top ? unlikely : 1 - r.probability(c); };
    OGIVE_INDEPENDENT
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      if (upper) b[c] = b[c] > 0 ? b[c] : 0;
      g[c] = upper ? b[c] : other(c) == 0 ? 0 : b[c] / other(c);
    }
    const double likeliest = g[top];
    g[top] = 0;
    const double rest = sum_of(g, n), sum = rest + likeliest;
    OGIVE_INDEPENDENT
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      const double p = r.probability(c), own = other(c), others = c == top ? rest : sum - g[c];
      const double even = all * (p * own);
      h[c] =
          upper ? 2 * (even + (p * others + own * b[c])) : even + (p * (p * others) + own * b[c]);
    }
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
