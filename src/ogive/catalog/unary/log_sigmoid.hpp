// log_sigmoid: log(1/(1 + e^-x)) = -softplus(-x), whose slope is that of softplus at -x.
#pragma once
#include "softplus.hpp"

struct log_sigmoid {
  template <class M>
  static jet<double> at(double x) {
    const jet<double> mirrored = softplus::at<M>(-x, 1);
    return {-mirrored.value, mirrored.slope};
  }
  // 1 - e^y
  template <class M>
  static double slope_from_output(double y) {
    return -M::expm1(y);
  }
};
