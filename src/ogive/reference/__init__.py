"""The judge: what a result must be, and how far one is from it. For tests and tools alone; the
wheel leaves it out.

``arb``      enclosures of value, derivatives, rows and gradients (python-flint)
``ball``     the same for millions of float inputs a second, in double, with a rigorous radius
``gated``    the errors of gated functions, decided by both
``philox``   the random generator of the kernels, in plain integers
``ulp``      floating-point formats and the distance from an exact result
``measure``  Ogive's errors at chosen points
"""
