// geglu: a gelu(b).
#pragma once
#include "../unary/gelu.hpp"

struct geglu : gate_through_zero<gelu> {};
