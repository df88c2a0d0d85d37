// gelu: x Phi(x). For x < 0 it is x times the lower tail of the normal, kept as e^(-x^2/2) times a
// ratio, so the tail keeps relative accuracy until it underflows; for x > 0 it is x - x times the
// tail. The slope is Phi(x) + x phi(x), and 1 minus that of -x.
struct gelu {
  template <class M>
  static jet<double> at(double x) {
    const double a = at_most(magnitude(x), M::tail_end);
    const auto tail = M::normal_tail(a);
    const double lower = tail.density.times(a * tail.ratio);
    const double slope = tail.density.times(fma(-a, inv_sqrt_2pi, tail.ratio));
    return {x < 0 ? -lower : x - lower, x < 0 ? slope : 1 - slope};
  }
};
