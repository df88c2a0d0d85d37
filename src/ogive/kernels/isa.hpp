// The name of the instruction set a file is compiled for, as text and as part of other names.
#pragma once

#define OGIVE_TEXT_(x) #x
#define OGIVE_TEXT(x) OGIVE_TEXT_(x)
#define OGIVE_JOIN_(a, b) a##b
#define OGIVE_JOIN(a, b) OGIVE_JOIN_(a, b)
