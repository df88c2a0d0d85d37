"""Warnings that come once."""

from __future__ import annotations

import warnings

_warned: set[str] = set()


def warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def warn_of_formula(name: str, why: str) -> None:
    """Says once of a function that no kernel computes it here."""
    because = f" ({why})" if why else ""
    warn_once(
        f"ogive.jax.{name} is computed by its formula in XLA's operations here{because}: its "
        "accuracy is XLA's"
    )
