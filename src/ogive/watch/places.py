"""Places in a model, and what is kept of each between checks: on its device, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .faults import SATURATED_SLOPE
from .functions import Activation

Floats = NDArray[np.float64]

KEPT = 65536
"""Entries of a batch that are kept as they are until the check; larger ones are reduced at once."""

ENTRIES = 262144
"""Entries of a batch that are looked at; of larger ones, evenly chosen rows."""

SAMPLES = 64
"""Rows whose cosines are taken."""

BINS, UNITS = 48, 256
"""Of a histogram; units in the pictures of a layer."""

ROWS = ("slope", "flat", "mean", "square", "size", "z", "z_square", "z_largest")
"""Of each unit: largest |f'|, count of |f'| below 5 % of its supremum, sums of y, y^2, |y|, z, z^2,
and largest |z|."""


@dataclass(eq=False)
class Place:
    """One layer's output in the forward pass, with the activation that takes it."""

    layer: str
    call: int
    kind: str
    order: int
    units: int
    activation: Activation | None = None
    number: int = 0
    """Of several activations of one output."""
    path: str = ""
    style: str = ""
    fan_in: int = 0
    weight: str = ""
    """Name of the parameter."""
    head: bool = False
    """Its output is the model's, or goes into the loss."""
    consumed: bool = False
    """A later layer takes its output."""
    residual: bool = False
    """A sum stands between the layer and the activation."""
    normed: bool = False
    """A normalisation does."""
    summed: bool = False
    """It takes a sum of several layers' outputs, with no normalisation after it."""
    by_hand: bool = False
    """It is a factor of an activation that is written out, x times f(x)."""
    gate: str = ""
    """Which of a recurrent layer's."""
    source: Place | None = None
    """The place before it."""
    direct: bool = False
    """It takes the output of that place's activation as it is."""
    # Since the last check.
    pending: list[Tensor] = field(default_factory=list)
    reduced: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    gradient_rows: list[Tensor] = field(default_factory=list)
    rows: int = 0
    batches: int = 0
    last: Tensor | None = None
    """Rows of z of the last batch, for the histogram and the cosines."""

    @property
    def key(self) -> tuple[str, int, str, int, str]:
        name = self.activation.name if self.activation else ""
        return self.layer, self.call, name, self.number, self.gate

    @property
    def name(self) -> str:
        """Catalog name of the activation."""
        return self.activation.name if self.activation else ""

    def add(self, z: Tensor, axis: int) -> None:
        """A batch of pre-activations (or of outputs where no activation follows)."""
        rows = by_units(chosen(z.detach(), axis), axis)
        self.batches += 1
        self.rows += len(rows)
        # The function may overwrite what it is given, so its entries are copied.
        kept = rows.to(torch.float32, copy=True)
        if kept.numel() <= KEPT:
            self.pending.append(kept)
        else:
            self.reduced.append(self.reduce(kept))
            self.last = kept[: 4 * SAMPLES].clone()

    def add_gradient(self, gradient: Tensor, axis: int) -> None:
        """dL/dz of a batch."""
        gradient = gradient.detach()
        if gradient.numel() <= KEPT:
            self.gradients.append(by_units(gradient, axis).to(torch.float32, copy=True))
        else:
            self.gradient_rows.append(_gradient_rows(gradient, axis))

    def reduce(self, z: Tensor) -> Tensor:
        """ROWS of each unit."""
        with torch.no_grad():
            if self.activation is None:
                y, slope, steepest = z, torch.ones_like(z), 1.0
            else:
                y, slope = value_and_slope(self.activation, z)
                steepest = self.activation.steepest
            flat = slope < SATURATED_SLOPE * (steepest if math.isfinite(steepest) else 1.0)
            return torch.stack(
                (
                    slope.amax(0), flat.sum(0).to(z.dtype), y.sum(0), (y * y).sum(0),
                    y.abs().sum(0), z.sum(0), (z * z).sum(0), z.abs().amax(0),
                )
            )  # fmt: skip

    def collect(self) -> dict[str, Tensor]:
        """What was kept since the last check, reduced, still on its device."""
        if self.pending:
            z = torch.cat(self.pending)
            self.reduced.append(self.reduce(z))
            self.last = self.pending[-1]
        found: dict[str, Tensor] = {}
        if self.reduced:
            together = torch.stack(self.reduced)
            largest = together[:, [0, 7]].amax(0)
            sums = together[:, 1:7].sum(0)
            found["units"] = torch.cat((largest[:1], sums, largest[1:]))
        if self.gradients:
            self.gradient_rows.append(_gradient_rows(torch.cat(self.gradients), -1))
        if self.gradient_rows:
            rows = torch.stack(self.gradient_rows)
            found["gradient_largest"] = rows[:, 0].amax(0)
            found["gradient_square"] = rows[:, 1].sum()
        if self.last is not None and len(self.last):
            found |= self._pictures(self.last)
        return found

    def clear(self) -> None:
        """For the next check."""
        for kept in (self.pending, self.reduced, self.gradients, self.gradient_rows):
            kept.clear()
        self.rows = self.batches = 0
        self.last = None

    def _pictures(self, z: Tensor) -> dict[str, Tensor]:
        """Counts of z, and the mean cosine between rows of the output."""
        with torch.no_grad():
            rows = z[:: max(1, len(z) // SAMPLES)][:SAMPLES]
            y = rows if self.activation is None else self.activation.call(rows)
            size = y.norm(dim=1, keepdim=True).clamp_min(1e-30)
            unit = y / size
            count = len(unit)
            pairs = max(1, count * (count - 1))
            cosine = (unit.sum(0).square().sum() - unit.square().sum()) / pairs
            wide = (4 * z.square().mean().sqrt()).clamp(4.0, 1e6).nan_to_num(4.0)
            at = ((z / wide).nan_to_num(0.0).clamp(-1, 1) + 1) * (BINS / 2)
            counts = torch.bincount(at.flatten().long().clamp_max(BINS - 1), minlength=BINS)
        return {"cosine": cosine, "wide": wide, "counts": counts.to(torch.float32)}

    @property
    def bytes(self) -> int:
        """Kept now."""
        kept = (*self.pending, *self.reduced, *self.gradients, *self.gradient_rows)
        return sum(each.numel() * each.element_size() for each in kept)


def _gradient_rows(gradient: Tensor, axis: int) -> Tensor:
    """Of each unit: largest |dL/dz|, and the sum of squares."""
    others = [each for each in range(gradient.dim()) if each != axis % gradient.dim()]
    gradient = gradient.float()
    if not others:
        return torch.stack((gradient.abs(), gradient.square()))
    return torch.stack((gradient.abs().amax(others), gradient.square().sum(others)))


def value_and_slope(activation: Activation, z: Tensor) -> tuple[Tensor, Tensor]:
    """f(z) and |f'(z)|, by the very function that was called."""
    if activation.gate.name == "relu":
        y = torch.relu(z)
        return y, (y > 0).to(z.dtype)
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        y = activation.call(leaf)
        (slope,) = torch.autograd.grad(y.sum(), leaf)
    return y.detach(), slope.abs()


def chosen(z: Tensor, axis: int) -> Tensor:
    """Of a large tensor, evenly chosen rows."""
    axis %= z.dim()
    over = math.ceil(z.numel() / ENTRIES)
    for dim in reversed(range(z.dim())):
        if over <= 1:
            break
        if dim == axis or z.shape[dim] == 1:
            continue
        stride = min(over, z.shape[dim])
        index: list[Any] = [slice(None)] * z.dim()
        index[dim] = slice(None, None, stride)
        z = z[tuple(index)]
        over = math.ceil(over / stride)
    return z


def by_units(z: Tensor, axis: int) -> Tensor:
    """Rows and units."""
    if z.dim() < 2:
        return z.reshape(1, -1)
    return z.movedim(axis, -1).reshape(-1, z.shape[axis])


@dataclass(frozen=True, kw_only=True)
class Block:
    """One place between two checks, as numbers of NumPy."""

    first_step: int
    step: int
    batches: int
    rows: int
    check: int = 0
    """Its number."""
    units: Floats | None = None
    """ROWS x units."""
    gradient_largest: Floats | None = None
    gradient_square: float | None = None
    cosine: float | None = None
    wide: float = 4.0
    counts: Floats | None = None
    weight_variance: float | None = None
    bias_variance: float = 0.0
    update_ratio: float | None = None

    @property
    def count(self) -> int:
        """Rows that the sums are of."""
        return max(1, self.rows)


def merged(blocks: list[Block]) -> Block:
    """Several blocks of one place as one."""
    last = blocks[-1]
    with_units = [each for each in blocks if each.units is not None]
    units = None
    if with_units and len({each.units.shape for each in with_units}) == 1:  # type: ignore[union-attr]
        stack = np.stack([each.units for each in with_units])  # type: ignore[misc]
        units = stack.sum(axis=0)
        units[[0, 7]] = stack[:, [0, 7]].max(axis=0)
    gradients = [each.gradient_largest for each in blocks if each.gradient_largest is not None]
    squares = [each.gradient_square for each in blocks if each.gradient_square is not None]
    same = len({len(each) for each in gradients}) == 1
    return Block(
        first_step=blocks[0].first_step,
        step=last.step,
        check=last.check,
        batches=sum(each.batches for each in blocks),
        rows=sum(each.rows for each in blocks),
        units=units,
        gradient_largest=np.stack(gradients).max(axis=0) if gradients and same else None,
        gradient_square=sum(squares) if squares else None,
        cosine=_latest(blocks, "cosine"),
        wide=last.wide,
        counts=last.counts,
        weight_variance=_latest(blocks, "weight_variance"),
        bias_variance=last.bias_variance,
        update_ratio=_latest(blocks, "update_ratio"),
    )


def _latest(blocks: list[Block], name: str) -> float | None:
    return next((v for each in reversed(blocks) if (v := getattr(each, name)) is not None), None)
