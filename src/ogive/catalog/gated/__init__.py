"""Gated functions: y = a f(b), element by element."""
