"""The floating-point formats that kernels take: one record of each, and no other list of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Format:
    """A format of floating-point numbers."""

    name: str
    """NumPy, ml_dtypes, torch and JAX have its dtype under this name."""
    number: int
    """Its place in the kernels' tables."""
    size: int
    """In bytes."""

    @property
    def is_half(self) -> bool:
        return self.size == 2


FORMATS = (
    Format("float16", 0, 2),
    Format("bfloat16", 1, 2),
    Format("float32", 2, 4),
    Format("float64", 3, 8),
)
_names = [each.name for each in FORMATS]
ALL_NAMES = ", ".join(_names)
ANY_NAME = f"{', '.join(_names[:-1])} or {_names[-1]}"

# ml_dtypes is the one optional package asked for at import: its bfloat16 must be known when a
# ufunc is made, and it costs 10 ms. Where it is absent there are no bfloat16 arrays either.
try:
    from ml_dtypes import bfloat16

    BFLOAT16 = np.dtype(bfloat16)
except ImportError:
    BFLOAT16 = None

_dtypes = {
    each: BFLOAT16 if each.name == "bfloat16" else np.dtype(each.name)
    for each in FORMATS
    if each.name != "bfloat16" or BFLOAT16 is not None
}
NUMBER_OF = {dtype: each.number for each, dtype in _dtypes.items()}
"""The number of each dtype of NumPy arrays."""
HALVES = tuple(dtype for each, dtype in _dtypes.items() if each.is_half)
