// widened: any format to float, for BLAS, which has no narrower one.
struct widened {
  static constexpr const char *value_operands = "T -> f";

  template <class T>
  [[gnu::flatten]] static bool value(char **args, const std::ptrdiff_t *dims,
                                     const std::ptrdiff_t *steps) {
    const std::ptrdiff_t in = static_cast<std::ptrdiff_t>(sizeof(T)), out = 4;
    if (steps[0] == in && steps[1] == out) {
      const T *x = reinterpret_cast<const T *>(args[0]);
      float *y = reinterpret_cast<float *>(args[1]);
      for (std::ptrdiff_t i = 0; i < dims[0]; ++i) y[i] = static_cast<float>(widen(x[i]));
    } else {
      for (std::ptrdiff_t i = 0; i < dims[0]; ++i)
        *reinterpret_cast<float *>(args[1] + i * steps[1]) =
            static_cast<float>(widen(*reinterpret_cast<const T *>(args[0] + i * steps[0])));
    }
    return true;
  }
};
