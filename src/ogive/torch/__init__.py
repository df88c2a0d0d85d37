"""The catalog in PyTorch: the same names and the same bits, with autograd in full.

    y = ogive.torch.gelu(x)                        model = ogive.torch.swap(model)
    loss = ogive.torch.cross_entropy(z, target)    layer = ogive.torch.nn.GELU()

Functions take torch's arguments. ``lean`` says what is kept for backward: ``None`` the least that
is exact (the output, where the slope is a function of it; one bit per element, where the slope has
two values; else the input), ``True`` the output and one bit for GELU, SiLU and Mish as well, and
bits instead of outputs for the ReLU family, ``False`` the input. On a GPU no bits are kept, and
``True`` is as ``None``. The gradient at a NaN is dy times a slope where bits are kept, and else
NaN.
"""

from __future__ import annotations

from typing import Any

from . import nn
from ._init import InitReport, init_
from ._parallel import vocab_parallel_cross_entropy, vocab_parallel_linear_cross_entropy
from ._public import FUNCTIONS, TORCH_NAMES
from ._report import Report
from ._swap import swap, unswap

globals().update(FUNCTIONS | TORCH_NAMES)
for _function in (init_, swap, unswap):
    _function.__module__ = __name__

__all__ = [
    *sorted({*FUNCTIONS, *TORCH_NAMES}),
    "InitReport",
    "Report",
    "init_",
    "nn",
    "swap",
    "unswap",
    "vocab_parallel_cross_entropy",
    "vocab_parallel_linear_cross_entropy",
]


def __getattr__(name: str) -> Any:  # for type checkers: the functions come from the catalog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
