"""What the tests of ogive.torch share: each function of the catalog as one of tensors alone.

Found through the catalog, so a new function is covered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import torch

import ogive
import ogive.torch
from ogive.catalog import Card

DTYPES = {
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


@dataclass(frozen=True)
class Case:
    """One function, or one variant of it, of its tensors."""

    name: str
    inputs: int
    torch: Callable[..., torch.Tensor]
    numpy: Callable[..., Any]
    variant: str = ""
    smooth: bool = True
    """False where the slope jumps at points that a random input may come near."""

    @property
    def id(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    @property
    def card(self) -> Card:
        return ogive.card(self.name)


def cases() -> list[Case]:
    found: list[Case] = []
    for card in ogive.catalog():
        f, g = getattr(ogive.torch, card.name, None), getattr(ogive, card.name)
        if card.kind == "heads":
            continue
        names = {p.name for p in card.parameters}
        if any(p.learnable for p in card.parameters):
            channels = torch.tensor([0.1, 0.3, -0.2])
            found.append(Case(card.name, 1, lambda x, f=f: f(x, 0.3), lambda x, g=g: g(x, 0.3)))
            found.append(
                Case(
                    card.name, 1,
                    lambda x, f=f, w=channels: f(x, w.to(x.dtype)),
                    lambda x, g=g, w=channels: g(
                        x, w.numpy().astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 2))
                    ),
                    "channels",
                )
            )  # fmt: skip
        elif "seed" in names and card.kind == "unary":
            found.append(Case(card.name, 1, f, g))
            found.append(
                Case(
                    card.name, 1,
                    lambda x, f=f: f(x, training=True, seed=7),
                    lambda x, g=g: g(x, training=True, seed=7),
                    "training",
                )
            )  # fmt: skip
        elif card.kind == "rows" and "seed" in names:
            found.append(
                Case(
                    card.name, 1,
                    lambda x, f=f: f(x, 0.7, dim=1, seed=3),
                    lambda x, g=g: g(x, axis=1, temperature=0.7, seed=3),
                )
            )  # fmt: skip
        elif card.kind == "rows":
            found.append(Case(card.name, 1, f, g))
            found.append(
                Case(
                    card.name, 1,
                    lambda x, f=f: f(x, 1, temperature=1.5),
                    lambda x, g=g: g(x, axis=1, temperature=1.5),
                    "axis 1",
                )
            )  # fmt: skip
        else:
            found.append(Case(card.name, 2 if card.kind == "gated" else 1, f, g))
            operands = [p for p in card.parameters if p.operand]
            if operands:
                values = [1.5 * p.default + 0.25 for p in operands]
                found.append(
                    Case(
                        card.name, 1,
                        lambda x, f=f, v=values: f(x, *v), lambda x, g=g, v=values: g(x, *v),
                        "parameters",
                    )
                )  # fmt: skip
    return found


CASES = cases()


def samples(
    case: Case, dtype: torch.dtype = torch.float64, shape: tuple[int, ...] = (2, 3, 4)
) -> list[torch.Tensor]:
    """Random tensors whose elements keep away from the kinks of piecewise functions."""
    generator = torch.Generator().manual_seed(len(case.id))
    made = []
    for _ in range(case.inputs):
        x = 2.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
        # Kinks lie at multiples of 1/4 (0, 1/2, 1, 3, 6); 0.125 from them is far enough.
        x = (x * 4).floor() / 4 + 0.125
        # Distinct, for rows whose largest element matters.
        x = x + torch.linspace(-0.05, 0.05, x.numel(), dtype=torch.float64).reshape(shape)
        made.append(x.to(dtype))
    return made


def to_numpy(x: torch.Tensor) -> Any:
    """The same numbers as a NumPy array, bfloat16 included."""
    x = x.detach()
    if x.dtype == torch.bfloat16:
        return x.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def bits(x: Any) -> Any:
    array = np.ascontiguousarray(to_numpy(x) if isinstance(x, torch.Tensor) else x)
    return array.view(f"u{array.itemsize}")


def same_bits(a: torch.Tensor, b: Any) -> bool:
    """The same bits, any NaN counting as any other."""
    ours, theirs = np.asarray(to_numpy(a)), np.asarray(b)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    both_nan = np.isnan(ours.astype(np.float64)) & np.isnan(theirs.astype(np.float64))
    return bool(
        np.all(both_nan | (bits(ours).reshape(ours.shape) == bits(theirs).reshape(ours.shape)))
    )
