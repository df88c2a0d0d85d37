// identity: y = x.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct identity {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x) {
    return {x, x == x ? typename M::real(1) : x};
  }
  template <class M>
  static typename M::real curvature(typename M::real x) {
    return x == x ? typename M::real(0) : x;
  }
  template <class M>
  static typename M::real slope_from_output(typename M::real y) {
    return at<M>(y).slope;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
