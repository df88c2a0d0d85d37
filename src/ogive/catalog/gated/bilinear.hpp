// bilinear: a b.
#pragma once
#include "../unary/identity.hpp"

struct bilinear : gate<identity> {};
