"""The floating-point formats that kernels take: one record of each, read from the kernels' own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _native


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


FORMATS = tuple(Format(name, number, size) for number, (name, size) in enumerate(_native.formats()))
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

DTYPES: dict[str, np.dtype[Any]] = {
    each.name: np.dtype(each.name) if BFLOAT16 is None or each.name != "bfloat16" else BFLOAT16
    for each in FORMATS
    if BFLOAT16 is not None or each.name != "bfloat16"
}
"""NumPy's dtypes by name."""
NUMBER_OF = {DTYPES[each.name]: each.number for each in FORMATS if each.name in DTYPES}
"""The number of each dtype of NumPy arrays."""
HALVES = tuple(DTYPES[each.name] for each in FORMATS if each.is_half and each.name in DTYPES)
