// binary_cross_entropy from logits, with L = log1p(e^-|z|) shared by both sides:
//
//   loss  = w (p t softplus(-z) + (1 - t) softplus(z)),   softplus(+-z) = max(+-z, 0) + L
//   dL/dz = w ((1 - t) sigmoid(z) - p t sigmoid(-z))
//
// so that a hard target leaves one term, which keeps full relative accuracy in both tails.
struct binary_cross_entropy {
  // logits, target, pos_weight, weight, label_smoothing, factor of the gradient -> loss, gradient
  static constexpr const char *probabilities_operands = "T(n) T(n) d(n) d(n) d d(n) -> d(n) T(n)";

  template <class T>
  [[gnu::flatten]] static bool probabilities(char **args, const std::ptrdiff_t *dims,
                                             const std::ptrdiff_t *steps) {
    const std::ptrdiff_t *core = steps + 8;
    for (std::ptrdiff_t i = 0; i < dims[0]; ++i) {
      const double eps = *reinterpret_cast<const double *>(args[4] + i * steps[4]);
      for (std::ptrdiff_t j = 0; j < dims[1]; ++j) {
        const auto number = [&](int k, int c) {
          return *reinterpret_cast<const double *>(args[k] + i * steps[k] + j * core[c]);
        };
        const auto logit = [&](int k, int c) {
          return static_cast<double>(
              widen(*reinterpret_cast<const T *>(args[k] + i * steps[k] + j * core[c])));
        };
        const double z = logit(0, 0), t = fma(logit(1, 1), 1 - eps, eps / 2);
        const double weight = number(3, 3), yes = weight * number(2, 2) * t, no = weight * (1 - t);
        const double e = row_math::exp(-magnitude(z)), d = 1 + e, tail = row_math::log1p_unit(e);
        const double up = (z > 0 ? z : 0) + tail, down = (z < 0 ? -z : 0) + tail;
        // A side without weight adds nothing, also where its loss is infinite.
        *reinterpret_cast<double *>(args[6] + i * steps[6] + j * core[5]) =
            (yes == 0 ? 0 : yes * down) + (no == 0 ? 0 : no * up);
        if (!args[7]) continue;
        const double gradient = no * ((z < 0 ? e : 1) / d) - yes * ((z < 0 ? 1 : e) / d);
        round_into(gradient * number(5, 4),
                   *reinterpret_cast<T *>(args[7] + i * steps[7] + j * core[6]));
      }
    }
    return true;
  }
};
