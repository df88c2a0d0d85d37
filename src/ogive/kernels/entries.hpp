// From a kernel struct to its row in the op table: which modes it has follows from its members.
#pragma once

template <class Run>
constexpr void set(entry &e, mode m, const char *operands, Run run) {
  e.operands[static_cast<int>(m)] = operands;
  loop *slots = e.run[static_cast<int>(m)];
  slots[static_cast<int>(format::f16)] = run(half{});
  slots[static_cast<int>(format::bf16)] = run(bfloat{});
  slots[static_cast<int>(format::f32)] = run(float{});
  slots[static_cast<int>(format::f64)] = run(double{});
}

template <class K>
constexpr entry unary_entry(const char *name) {
  using M = elementary<f64_grade>;
  constexpr int parameters = parameter_count<K>();
  constexpr const char *one[] = {"T -> T", "T d -> T", "T d d -> T"};
  constexpr const char *two[] = {"T T -> T", "T T d -> T", "T T d d -> T"};
  entry e{name, "unary", parameters, {}, {}};
  set(e, mode::value, one[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, value_of, T>; });
  set(e, mode::derivative, one[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, derivative_of, T>; });
  if constexpr (
      requires { K::template curvature<M>(0.0); } ||
      requires { K::template curvature<M>(0.0, 0.0); } ||
      requires { K::template curvature<M>(0.0, 0.0, 0.0); })
    set(e, mode::second_derivative, one[parameters],
        []<class T>(T) constexpr -> loop { return elementwise<K, second_derivative_of, T>; });
  set(e, mode::backward, two[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, backward_of, T>; });
  if constexpr (
      requires { K::template slope_from_output<M>(0.0); } ||
      requires { K::template slope_from_output<M>(0.0, 0.0); })
    set(e, mode::backward_from_output, two[parameters],
        []<class T>(T) constexpr -> loop { return elementwise<K, backward_from_output_of, T>; });
  if constexpr (requires { K::template parameter_slope<M>(0.0, 0.0); })
    set(e, mode::parameter_backward, "T(n) T(n) d(n) -> d",
        []<class T>(T) constexpr -> loop { return parameter_backward<K, T>; });
  if constexpr (requires { K::draw(0.5, 0.0, 0.0); }) {
    set(e, mode::sampled_value, "T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, value_of, T>; });
    set(e, mode::sampled_derivative, "T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, derivative_of, T>; });
    set(e, mode::sampled_backward, "T(n) T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, backward_of, T>; });
  }
  return e;
}

template <class K>
constexpr entry gated_entry(const char *name) {
  entry e{name, "gated", 0, {}, {}};
  set(e, mode::value, "T T -> T", []<class T>(T) constexpr -> loop { return gated_value<K, T>; });
  set(e, mode::backward, "T T T -> T T",
      []<class T>(T) constexpr -> loop { return gated_backward<K, T>; });
  return e;
}

template <class K>
constexpr entry rows_entry(const char *name) {
  entry e{name, "rows", 1, {}, {}};
  set(e, mode::value, K::reduces ? "T(n) d ?(n) -> T" : "T(n) d ?(n) -> T(n)",
      []<class T>(T) constexpr -> loop { return rows<K, T, false>; });
  set(e, mode::backward, K::reduces ? "T T(n) d ?(n) -> T(n)" : "T(n) T(n) d ?(n) -> T(n)",
      []<class T>(T) constexpr -> loop { return rows<K, T, true>; });
  if constexpr (requires(double *d) { K::backward_from_output(0, d, d, d); })
    set(e, mode::backward_from_output, "T(n) T(n) d -> T(n)",
        []<class T>(T) constexpr -> loop { return rows_from_output<K, T>; });
  return e;
}

template <class K>
constexpr entry heads_entry(const char *name) {
  entry e{name, "heads", 0, {}, {}};
  if constexpr (requires { K::labels_operands; })
    set(e, mode::labels, K::labels_operands,
        []<class T>(T) constexpr -> loop { return K::template labels<T>; });
  if constexpr (requires { K::probabilities_operands; })
    set(e, mode::probabilities, K::probabilities_operands,
        []<class T>(T) constexpr -> loop { return K::template probabilities<T>; });
  if constexpr (requires { K::labels_hessian_operands; })
    set(e, mode::labels_hessian, K::labels_hessian_operands,
        []<class T>(T) constexpr -> loop { return K::template labels_hessian<T>; });
  if constexpr (requires { K::probabilities_hessian_operands; })
    set(e, mode::probabilities_hessian, K::probabilities_hessian_operands,
        []<class T>(T) constexpr -> loop { return K::template probabilities_hessian<T>; });
  if constexpr (requires { K::accumulated_operands; })
    set(e, mode::accumulated, K::accumulated_operands,
        []<class T>(T) constexpr -> loop { return K::template accumulated<T>; });
  return e;
}

// What heads share after their kernels; not functions of the catalog.
template <class K>
constexpr entry internal_entry(const char *name) {
  entry e{name, "internal", 0, {}, {}};
  set(e, mode::value, K::value_operands,
      []<class T>(T) constexpr -> loop { return K::template value<T>; });
  return e;
}
