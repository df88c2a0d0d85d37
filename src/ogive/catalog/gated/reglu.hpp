// reglu: a relu(b).
#pragma once
#include "../unary/relu.hpp"

struct reglu : gate<relu> {};
