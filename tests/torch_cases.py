"""What the tests of ogive.torch share: each function of the catalog as one of tensors alone.

Found through the catalog, so a new function is covered at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import torch

import ogive
import ogive.torch
from ogive.calls.formats import NUMBER_OF
from ogive.catalog import Card
from ogive.torch._formats import FLOATS

DTYPES = dict(zip(FLOATS, NUMBER_OF, strict=True))

IGNORED = -100


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
    shapes: tuple[tuple[int, ...], ...] = ()
    """The inputs' shapes, where they differ from each other."""
    target: Callable[..., torch.Tensor] | None = None
    """Losses only: what the logits of the inputs are held against."""

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
        if card.learns:
            channels = torch.tensor([0.125, 0.25, -0.25])  # exact in every format
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
        elif card.draws and card.kind == "unary":
            found.append(Case(card.name, 1, f, g))
            found.append(
                Case(
                    card.name, 1,
                    lambda x, f=f: f(x, training=True, seed=7),
                    lambda x, g=g: g(x, training=True, seed=7),
                    "training",
                )
            )  # fmt: skip
        elif card.kind == "rows" and card.draws:
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
                    lambda x, f=f, **o: f(x, 1, temperature=1.5, **o),
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
                        lambda x, f=f, v=values, **o: f(x, *v, **o),
                        lambda x, g=g, v=values: g(x, *v),
                        "parameters",
                    )
                )  # fmt: skip
    return found


def labels(shape: tuple[int, ...], axis: int) -> torch.Tensor:
    """A label for each row of logits; every fourth row does not count."""
    lead = [n for k, n in enumerate(shape) if k != axis % len(shape)]
    row = torch.arange(math.prod(lead)).reshape(lead)
    return torch.where(row % 4 == 2, IGNORED, row % shape[axis])


def shares(shape: tuple[int, ...], axis: int | None) -> torch.Tensor:
    """Probabilities of each row's classes, or of each element alone, exact in every format."""
    if axis is None:
        return (torch.arange(math.prod(shape)) % 5 / 4).reshape(shape)
    lead = [n for k, n in enumerate(shape) if k != axis % len(shape)]
    row = torch.arange(math.prod(lead)).reshape(*lead, 1)
    own, classes = row % shape[axis], torch.arange(shape[axis])
    share = 0.75 * (classes == own) + 0.25 * (classes == (own + 1) % shape[axis])
    return share.movedim(-1, axis)


def target_of(
    make: Callable[..., torch.Tensor], axis: int | None, logits: Any, layer: Any = None
) -> torch.Tensor:
    shape = logits.shape if layer is None else (*logits.shape[:-1], len(layer))
    return make(tuple(shape), axis)


def head_cases() -> list[Case]:
    """Each loss as a function of its logits, or of the arrays that its logits come from."""
    found: list[Case] = []
    for card in ogive.catalog("heads"):
        f, g = getattr(ogive.torch, card.name), getattr(ogive, card.name)
        over_rows = card.has("axis")
        axis = -1 if card.layer else 1 if over_rows else None
        for make in (labels, shares) if axis is not None else (shares,):
            given = {"axis": axis} if over_rows else {}
            given |= {"ignore_index": IGNORED} if make is labels else {}
            target = partial(target_of, make, axis)
            found.append(
                Case(
                    card.name, len(card.inputs) - 1 if card.layer else 1,
                    lambda *xs, f=f, target=target, **o: f(*xs, target(*xs), **o),
                    lambda *xs, g=g, target=target, given=given: g(
                        *xs, target(*xs).numpy(), **given
                    ),
                    "" if axis is None else make.__name__,
                    shapes=((2, 4, 3), (5, 3)) if card.layer else (), target=target,
                )
            )  # fmt: skip
    return found


CASES = cases()
HEAD_CASES = head_cases()


def samples(
    case: Case,
    dtype: torch.dtype = torch.float64,
    shape: tuple[int, ...] = (2, 3, 4),
    batch: tuple[int, ...] = (),
) -> list[torch.Tensor]:
    """Random tensors whose elements keep away from the kinks of piecewise functions."""
    generator = torch.Generator().manual_seed(len(case.id))
    # Rows of near numbers, of which none takes all.
    scale = 2.5 if case.card.kind in ("unary", "gated") else 0.6
    made = []
    for own in case.shapes or (shape,) * case.inputs:
        shape = (*batch, *own)
        x = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
        # Kinks lie at multiples of 1/4 (0, 1/2, 1, 3, 6); 0.125 from them is far enough.
        x = (x * 4).floor() / 4 + 0.125
        # Distinct, for rows whose largest element matters.
        x = x + torch.linspace(-0.05, 0.05, x.numel(), dtype=torch.float64).reshape(shape)
        made.append(x.to(dtype))
    return made


def weighted(y: torch.Tensor) -> torch.Tensor:
    """One number whose gradient differs from element to element."""
    return (y * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)).sum()


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
