"""torch's dtypes of the kernels' formats."""

import torch

from ..calls.formats import FORMATS

NUMBER_OF: dict[torch.dtype, int] = {getattr(torch, each.name): each.number for each in FORMATS}
"""Their places in the kernels' tables."""
FLOATS = tuple(NUMBER_OF)
HALVES: tuple[torch.dtype, ...] = tuple(
    getattr(torch, each.name) for each in FORMATS if each.is_half
)
