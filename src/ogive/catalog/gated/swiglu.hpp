// swiglu: a silu(b).
#pragma once
#include "../unary/silu.hpp"

struct swiglu : gate_through_zero<silu> {};
