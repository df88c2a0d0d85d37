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

#include "drivers/heads.hpp"
#include "unary/tanh.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct cross_entropy {
  enum { label_smoothing, z_loss, softcap /* 0: none */, temperature_option };
  static constexpr int options = 4, smoothing = label_smoothing, rooms = 1;
  static constexpr bool curved = true;

  static double temperature(const double *options) {
    return as_temperature(options[temperature_option]);
  }
  static bool is_plain(const double *options) {
    return options[label_smoothing] == 0 && options[z_loss] == 0 && options[softcap] == 0 &&
           options[temperature_option] == 1;
  }

  // One label and no other option, in lanes. Of S = e_t + rest only the rest is summed, so
  // that loss = log1p(rest/e_t) and 1 - p_t = rest/S keep their digits in a confident row.
  template <class M, class Row>
  static bool lane_loss(Row &r, const typename Row::real *z, std::ptrdiff_t n,
                        std::ptrdiff_t target, double weight, double factor, double &loss,
                        typename Row::real *dz) {
    if (!(dz == nullptr ? r.template prepare<false>(z, n, target)
                        : r.template prepare<true>(z, n, target)))
      return false;
    const double rest = r.sum(), own = r.power(target), sum = own + rest;
    if (!(rest >= r.least_sum() && sum < infinity)) return false;
    const double by = weight * factor;
    if (!(magnitude(by) >= 0x1p-60 && magnitude(by) <= 0x1p60)) return false;
    const double one = weight * r.surprisal(target, own);
    if (dz != nullptr &&
        !r.template powers<M>(by, own, dz, target,
                              static_cast<typename Row::real>(0 - rest / sum * by)))
      return false;
    loss = one;
    return true;
  }

  template <class Rows>
  static unsigned short_losses(Rows &some, const std::int32_t *label, const double *weight,
                               const double *factor, double *loss, bool graded) {
    const unsigned taken =
        graded ? some.template prepare<true>(label) : some.template prepare<false>(label);
    double numerator[Rows::width];
    alignas(64) typename Rows::real instead[Rows::width];
    for (int k = 0; k < Rows::width; ++k) {
      const double sum = some.own[k] + some.sum[k];
      loss[k] = weight[k] * row_math::log1p(some.sum[k] / some.own[k]);
      numerator[k] = factor[k];
      instead[k] = static_cast<typename Rows::real>(0 - some.sum[k] / sum * factor[k]);
    }
    if (graded) some.powers(numerator, label, instead);
    return taken;
  }

  // Keeps the logits as they were in `room`. A share below 2^-28 is the tangent's to all digits,
  // which a large softcap would not leave it.
  static void cap(double *z, std::ptrdiff_t n, const double *options, double *room) {
    if (options[softcap] > 0) cap_all(z, n, options[softcap], room);
  }

  static double loss(row r, loss_terms t) {
    const std::ptrdiff_t n = t.n;
    double *const q = t.q;
    // A class that nothing is asked of adds nothing, also where its logit is -inf.
    for (std::ptrdiff_t c = 0; c < n; ++c) r.d[c] = q[c] == 0 ? 0 : -r.d[c] * q[c];
    const double linear = sum_of(r.d, n), likeliest_q = q[r.argmax];
    q[r.argmax] = 0;
    const double rest_q = sum_of(q, n), all = rest_q + likeliest_q, lse = r.log_sum_exp();
    const double z_weight = t.own_weight * t.options[z_loss];
    const double loss = linear + all * r.log_sum() + (z_weight == 0 ? 0 : z_weight * lse * lse);
    if (!t.graded) return loss;

    const double unlikely = r.rest / r.sum(), likeliest = rest_q - all * unlikely;
    const double temperature = cross_entropy::temperature(t.options);
    const double factor = t.factor / temperature;
    const double pull = z_weight == 0 ? 0 : 2 * z_weight * lse;
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      const double p = r.probability(c);
      q[c] = (all * p - q[c] + pull * p) * factor;
    }
    q[r.argmax] = (likeliest + pull * r.inverse) * factor;
    if (t.h != nullptr) {
      const double b = all + pull, scale = factor / temperature;
      const auto bend = [&](double p, double rest) {
        const double exact = b * (p * rest) + 2 * z_weight * (p * p);
        const double upper = 2 * ((b > 0 ? b : 0) * (p * rest) + z_weight * p);
        return (t.kind == upper_bound ? upper : exact) * scale;
      };
      for (std::ptrdiff_t c = 0; c < n; ++c) {
        const double p = r.probability(c);
        t.h[c] = bend(p, 1 - p);
      }
      t.h[r.argmax] = bend(r.inverse, unlikely);
    }
    if (t.options[softcap] > 0) through_cap(t);
    return loss;
  }

private:
  OGIVE_FLATTEN static void cap_all(double *z, std::ptrdiff_t n, double softcap, double *room) {
    for (std::ptrdiff_t c = 0; c < n; ++c) {
      const double share = z[c] / softcap, capped = softcap * tanh::at<row_math>(share).value;
      room[c] = z[c];
      z[c] = magnitude(share) < 0x1p-28 ? z[c] : capped;
    }
  }
  // From z' to z, whose logits are in t.room.
  static void through_cap(const loss_terms &t) {
    const double softcap = t.options[cross_entropy::softcap];
    for (std::ptrdiff_t c = 0; c < t.n; ++c) {
      const jet<double> g = tanh::at<row_math>(t.room[c] / softcap);
      if (t.h != nullptr) {
        const double own = pass_back(t.q[c], -2 * g.value * g.slope / softcap);
        t.h[c] = pass_back(pass_back(t.h[c], g.slope), g.slope);
        t.h[c] += t.kind == upper_bound && own < 0 ? 0 : own;
      }
      t.q[c] = pass_back(t.q[c], g.slope);
    }
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
