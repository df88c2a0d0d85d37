"""What can be done with a card's formula: differentiate it, run it on arrays, print it.

``tape``   the formula as a list of operations: simplified, differentiated, run in any arithmetic
``tensors``  the formula in torch's or JAX's operations, stable and with all derivatives
``numpy``  values at float64 points, for plots
``curve``  every function, losses too, as a function of one number
``javascript``  the formula in JavaScript, for pages
``sympy``  the formula as an expression, for LaTeX

``import ogive`` imports none of them, so it stays fast and SymPy stays optional.
"""
