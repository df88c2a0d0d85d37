"""Formats numbers for readers: few digits, a true minus sign, a dash for a missing number."""

from __future__ import annotations

import math
from decimal import Decimal

from ogive.catalog.text import number as number


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage, without the % sign."""
    return "–" if share is None else signed(100 * share, digits)


def share(value: float, digits: int = 2) -> str:
    """A share as a percentage, rounded down, so that 100 means all."""
    scaled = Decimal(repr(float(value))).scaleb(2 + digits)
    return f"{Decimal(math.floor(scaled)).scaleb(-digits):.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """A number with fixed decimals and a true minus sign, but no sign if it rounds to zero."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def plus(value: float, digits: int = 1) -> str:
    """A difference, with its sign."""
    text = signed(value, digits)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"
