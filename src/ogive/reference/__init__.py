"""The reference: what a result must be, and how far one is from it. It is for tests and tools only,
and not in the wheel.

``arb``      enclosures of value, derivatives, rows and gradients (python-flint)
``ball``     the same for millions of float inputs per second, in double, with a rigorous radius
``gated``    the errors of gated functions, decided by both
``philox``   the random generator of the kernels, in plain integers
``ulp``      floating-point formats and the distance from an exact result
``measure``  Ogive's errors at chosen points
"""
