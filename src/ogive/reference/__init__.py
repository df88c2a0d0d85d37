"""Contexts in which a card's formula runs, and what follows from it without further thought.

``tape``   the formula as a list of operations: simplified, differentiated, run in any context
``arb``    enclosures of value, derivatives, rows and gradients (python-flint)
``ball``   the same for millions of float inputs a second, in double, with a rigorous radius
``ulp``    floating-point formats and the distance from an exact result
``sympy``  the formula as an expression, for LaTeX
``numpy``  values at float64 points, for plots

None of them is imported with ``ogive``: each needs a library of its own.
"""
