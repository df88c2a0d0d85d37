// sparsemax_loss of one row of logits against target weights q with the sum c: with p the sparsemax
// of the logits, S its support and tau its threshold,
//
//   c (1/2 sum_S (z_j^2 - tau^2)) + |q|^2/(2c) - q.z
//     = |c p - q|^2/(2c) + sum_{j not in S} q_j (tau - z_j),    dL/dz_j = c p_j - q_j
//
// The first form cancels; in the second no term is negative, for p_j = z_j - tau on S and the p sum
// to 1. Where p_k > 1/2, c p_k - q_k is formed from the other classes, whose p are small and exact.
#pragma once

#include "drivers/heads.hpp"
#include "drivers/threshold_rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct sparsemax_loss {
  static constexpr int options = 0, smoothing = -1, rooms = 1;
  static constexpr bool curved = false;
  // In full for any format: where p and q nearly agree, the loss is made of what p has lost.
  using state = threshold_row<1>;

  static double loss(state &r, const loss_terms &t) {
    const std::ptrdiff_t n = t.n;
    double *const q = t.q, *const p = t.room;
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
    const double loss = (all == 0 ? 0 : squares / (2 * (all * lift)) / lift) + outside;
    for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = p[c] * t.factor;
    return loss;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
