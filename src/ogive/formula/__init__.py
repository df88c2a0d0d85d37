"""A card's formula at work: differentiated, run on arrays, written as an expression.

``tape``   the formula as a list of operations: simplified, differentiated, run in any arithmetic
``tensors``  the formula in torch's or JAX's operations, stable and with all derivatives
``numpy``  values at float64 points, for plots
``sympy``  the formula as an expression, for LaTeX

None of them is imported with ``ogive``: that keeps its import short, and SymPy optional.
"""
