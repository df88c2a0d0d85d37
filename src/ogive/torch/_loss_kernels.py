"""Losses of plain CPU tensors by their kernels: checked, planned and reduced as NumPy's
(`calls.losses`), launched on torch's threads, with what comes from upstream in the gradient.
"""

from __future__ import annotations

import math
import operator
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import _native
from ..calls import checks
from ..calls.arrays import checked_axis, not_real
from ..calls.losses import CHUNK, DOUBLE, Loss, Plan, in_chunks, inverse, mean_weights, sum_of
from . import _launch
from ._formats import HALVES, NUMBER_OF
from ._launch import ONE_THREAD, same_dense_layout
from ._loss_elements import (
    INTEGERS,
    LONGS,
    NARROWED,
    TENSORS,
    Options,
    across,
    as_array,
    fitted,
    narrowed,
    reduced,
    sum_at,
)

Result = tuple[Tensor, Tensor | None]
"""The loss, and its gradient where it was asked for."""


class Scratch(threading.local):
    """Memory for labels and losses of a few rows, each thread's own."""

    def __init__(self, most: int):
        self.most, self.memory = most, np.empty((2, most))
        self.labels: int = self.memory.ctypes.data
        self.losses = self.labels + 8 * most

    def known(self, count: int) -> Any:
        """The labels as an array."""
        return self.memory[0, :count].view(np.int64)


SCRATCH = Scratch(1024)


class Kernels:
    """The kernels of one loss."""

    def __init__(self, of: Loss):
        self.of, self.name, self.over_rows = of, of.name, of.over_rows
        self.numbers = tuple(p.name for p in of.numbers)
        self.usual = tuple(p.default for p in of.numbers)
        self.usual_numbers = of.checked_numbers(*self.usual)
        self.handle = _launch.handle_of(self.name, "labels" if of.over_rows else "probabilities")
        self.unweighted = (1.0,) * len(of.weights)
        self.usual_between = of.between(self.unweighted, self.usual_numbers)
        self.between_of = lru_cache(256, typed=True)(
            lambda *numbers: of.between(self.unweighted, of.checked_numbers(*numbers))
        )

    def run(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None = None, samples: int = 0,
    ) -> Result:  # fmt: skip
        """The loss and, if asked for, its gradient; with `upstream` only the latter, times that.

        The first `samples` axes of all tensors are of calls of their own; `dim` counts without
        them.
        """
        if samples and any(isinstance(options[name], Tensor) for name in self.numbers):
            return self.run_in_turn(z, target, dim, options, gradient, upstream, samples)
        how, of = checks.checked_reduction(options["reduction"]), self.of
        numbers, ignored = self.checked_numbers(options), options.get(of.label)
        weights = [options[name] for name in of.weights]
        last = dim == z.dim() - 1 if self.over_rows else all(w is None for w in weights)
        if last and not samples:
            weight, between = options.get(of.class_weight), of.between(self.unweighted, numbers)
            done = self.run_few(z, target, weight, how, ignored, between, gradient, upstream)
            if done is not None:
                return done
        shape = z.shape[samples:]
        mode = self.check(shape, target, dim, options, samples)
        plan = of.plan(
            TENSORS, mode, shape, dim, z.dtype, target, weights, ignored, numbers, how, samples
        )
        by, after = factor_of(plan.total, upstream, z.dtype)
        if upstream is not None and not isinstance(by, Tensor) and not by:
            return upstream, torch.zeros_like(z)
        dz = torch.empty_like(z) if gradient else None
        launch = self.launch_rows if self.over_rows else self.launch_elements
        pulled = upstream is not None
        loss = launch(z, plan, by, after, dz, samples + dim, samples, how, pulled)
        return loss if upstream is None else upstream, dz

    def run_in_turn(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None, samples: int,
    ) -> Result:  # fmt: skip
        """Calls that differ in more than their tensors, one after the other."""
        each = [
            self.run(
                z[k], target[k], dim,
                {name: v[k] if isinstance(v, Tensor) else v for name, v in options.items()},
                gradient, None if upstream is None else upstream[k], samples - 1,
            )
            for k in range(len(z))
        ]  # fmt: skip
        losses, slopes = zip(*each, strict=True)
        return torch.stack(losses), torch.stack(slopes) if gradient else None

    def run_few(
        self, z: Tensor, target: Tensor, weight: Tensor | None, how: str, ignored: Any,
        between: Iterable[Any], gradient: bool, upstream: Tensor | None,
    ) -> Result | None:  # fmt: skip
        """The fast path for a few dense rows (classes last) or elements. For small tensors the
        general path's checks cost more than the loss. None where it does not apply, or where
        something is wrong.
        """
        count = target.numel()
        if not 0 < count <= CHUNK or not z.is_contiguous() or z.is_neg():
            return None
        room = SCRATCH if count <= SCRATCH.most else Scratch(count)
        if self.over_rows:
            if target.dim() + 1 != z.dim() or target.dtype not in INTEGERS:
                return None
            *lead, n = z.shape
            if n == 0 or tuple(lead) != target.shape or not (ignored is None or ignored in LONGS):
                return None
            if target.dtype is not torch.int64 or not target.is_contiguous() or target.is_neg():
                if target.dtype is torch.uint64:
                    return None
                target = target.resolve_neg().long().contiguous()
            rows, goal = count, room.labels
            kept = _native.raw_labels(_launch.address(target), count, n, ignored, goal)
            if kept < 0:
                return None
        else:
            # One long row, which is one thread's.
            rows, n, kept, goal = 1, count, count, _launch.address(target)
            if n > ONE_THREAD or target.shape != z.shape or not same_dense_layout(target, z):
                return None
            least, most = torch.aminmax(target)
            if not (least.item() >= 0 and most.item() <= 1):  # of which a NaN is neither
                return None
        total = (float(kept) or math.inf) if how == "mean" else 1.0
        if weight is not None:
            if weight.dim() != 1 or len(weight) != n:
                return None
            weights = checks.checked_weights(self.of.class_weight, as_array(weight))
            if how == "mean":
                weights, total = mean_weights(room.known(count), weights)
        factor: Any = inverse(total)
        after: Any = None
        by: Any = None
        if upstream is not None:
            factor, after = factor_of(total, upstream, z.dtype)
            if not isinstance(factor, Tensor):
                if not factor:  # which float lanes do not take either
                    return upstream, torch.zeros_like(z)
            elif not self.over_rows:
                return None
            else:
                by, factor = factor, (_launch.address(factor),)
                after = after if after is None else after.unsqueeze(-1)
                room.known(count)[by.view(-1).numpy() == 0] = -1
        form, losses = NUMBER_OF[z.dtype], room.losses
        dz = torch.empty_like(z) if gradient else None
        into = None if dz is None else dz.data_ptr()
        if weight is None:
            aims: Any = (goal,) if self.over_rows else goal
            operands = _launch.address(z), aims, *between, factor, losses, into
            _native.raw_rows(self.handle, form, rows, n, *operands)
        else:
            size, (_, *numbers) = z.element_size(), between
            steps = n * size, size
            _native.raw_strided(self.handle, form, (rows,), n, (
                (_launch.address(z), steps), (goal, (8,)), (weights.ctypes.data, (0, 8)), *numbers,
                factor if by is None else (*factor, (8,)), (losses, (8,)),
                None if into is None else (into, steps),
            ))  # fmt: skip
        if upstream is not None:
            return upstream, dz if dz is None or after is None else dz.mul_(after)
        if how == "none":
            loss = torch.empty(target.shape, dtype=z.dtype)
            _native.raw_flat(NARROWED, form, count, (losses,), loss.data_ptr())
            return loss, dz
        found = sum_at(losses, count, total, z.dtype)
        return None if found is None else (found, dz)

    def launch_rows(
        self, z: Tensor, plan: Plan, by: Any, after: Any, dz: Tensor | None, axis: int,
        samples: int, how: checks.Reduction, pulled: bool,
    ) -> Tensor:  # fmt: skip
        """The loss of rows of any layout, of no meaning if it is `pulled` back to; the gradient
        goes to `dz`.
        """
        rows, labels = z.movedim(axis, -1), plan.mode == "labels"
        lead, classes = rows.shape[:-1], rows.shape[-1]
        goal = torch.from_numpy(plan.goal) if labels else plan.goal.movedim(axis, -1)
        factor = across(by, lead) if isinstance(by, Tensor) else by
        if isinstance(factor, Tensor) and pulled and labels:
            # Nothing comes from upstream; and float lanes take no factor of 0.
            goal = goal.masked_fill_(factor == 0, -1)
        losses = torch.empty(lead, dtype=torch.float64)
        operands = rows, goal, *self.between(plan, rows.shape, samples), factor, losses
        into = dz if dz is None else dz.movedim(axis, -1)
        _launch.rows(self.name, plan.mode, z.dtype, classes, lead, (*operands, into))
        if dz is not None and after is not None:
            dz.mul_(across(after, lead).unsqueeze(axis) if isinstance(after, Tensor) else after)
        if dz is not None and isinstance(factor, Tensor) and not labels:
            without(dz, factor.unsqueeze(axis))
        return losses if pulled else reduced(losses, how, plan.total, z.dtype, samples)

    def launch_elements(
        self, z: Tensor, plan: Plan, by: Any, after: Any, dz: Tensor | None, axis: int,
        samples: int, how: checks.Reduction, pulled: bool,
    ) -> Tensor:  # fmt: skip
        """The same of elements with a loss each."""
        by, after = (across(x, z.shape) if isinstance(x, Tensor) else x for x in (by, after))
        factors = by
        if isinstance(by, Tensor) and (z.dtype not in HALVES or not self.of.factor_each):
            # Float lanes want one factor for all; halves, whose digits are few, are rounded once.
            rest: Tensor = by if after is None else by * after
            by, after = 1.0, rest.to(z.dtype) if how == "none" else rest
        given = [z, plan.goal, *self.between(plan, z.shape, samples), by, dz]
        packed = all(t.is_contiguous() for t in given if isinstance(t, Tensor))
        if packed:  # one long row
            given = [t.reshape(-1) if isinstance(t, Tensor) else t for t in given]

        def run(some: slice, shape: Sequence[int], losses: Any) -> None:
            *tensors, into = (t[some].reshape(shape) if isinstance(t, Tensor) else t for t in given)
            operands = *tensors, torch.from_numpy(losses), into
            n, lead = losses.shape[-1], losses.shape[:-1]
            _launch.rows(self.name, plan.mode, z.dtype, n, lead, operands)

        loss: Tensor
        if packed and not samples and z.numel() > CHUNK and (pulled or how != "none"):
            chunks = in_chunks(z.numel(), run)
            if pulled:
                deque(chunks, 0)  # for the gradient alone
                loss = z
            else:
                found = sum_of(chunks, plan.total, DOUBLE)
                loss = narrowed(torch.as_tensor(found), z.dtype)
        else:
            losses = np.empty(z.shape)
            if packed:
                losses = next(in_chunks(z.numel(), run, True), losses).reshape(z.shape)
            elif z.numel():
                run(slice(None), z.shape, losses)
            loss = torch.from_numpy(losses)
            loss = loss if pulled else reduced(loss, how, plan.total, z.dtype, samples)
        if dz is not None and after is not None:
            dz.mul_(after)
        if dz is not None and isinstance(factors, Tensor):
            without(dz, factors)
        return loss

    def checked_numbers(self, options: Options) -> tuple[float, ...]:
        """The options of one number, as the kernel takes them."""
        given = [options[name] for name in self.numbers]
        if all(map(operator.is_, given, self.usual)):
            return self.usual_numbers
        numbers = self.of.checked_numbers(*(
            v.item() if isinstance(v, Tensor) and v.dim() == 0 else v for v in given
        ))  # fmt: skip
        return self.usual_numbers if numbers == self.usual_numbers else numbers

    def between(self, plan: Plan, shape: Sequence[int], samples: int) -> tuple[Any, ...]:
        """The kernel's operands between target and factor, in its order."""
        weights = [
            1.0 if w is None else w if isinstance(w, float) else fitted(w, shape, samples)
            for w in plan.weights
        ]
        return self.of.between(weights, plan.numbers)

    def check(
        self, shape: Sequence[int], target: Tensor, dim: int, options: Options, samples: int = 0
    ) -> str:
        """Refuses shapes, formats and options that do not fit logits of that shape, without a look
        at the elements: a device would be waited for. The kernel's mode.
        """
        checks.checked_reduction(options["reduction"])
        if self.over_rows:
            dim = checked_axis(len(shape), dim, self.name)
        weights = [options[name] for name in self.of.weights]
        for name, t in (*zip(self.of.weights, weights, strict=True), ("target", target)):
            if t is not None and t.dtype.is_complex:
                raise not_real(name, t.dtype)
        return self.of.checked_mode(
            tuple(shape), dim, weights, tuple(target.shape[samples:]), target.dtype,
            target.dtype in INTEGERS, options.get(self.of.label), samples,
        )  # fmt: skip

    def scaled(self, dz: Tensor, dy: Tensor, dim: int, into: Tensor | None = None) -> Tensor:
        """A gradient that was made in forward, times what comes from upstream."""
        if dy.dim() and self.over_rows and dy.dim() < dz.dim():
            dy = dy.unsqueeze(dim)
        found = torch.mul(dz, dy, out=into)
        return torch.where(dy == 0, 0, found) if into is None else without(found, dy)


def factor_of(total: Any, upstream: Tensor | None, dtype: torch.dtype) -> tuple[Any, Any]:
    """What the kernel multiplies the gradient by, and what it is multiplied by afterwards, if by
    anything.
    """
    several = isinstance(total, np.ndarray)
    base: Any = torch.from_numpy(total).reciprocal() if several else inverse(total)
    if upstream is None:
        return base, None
    if not any(upstream.stride()):  # one number for all
        number = upstream.reshape(-1)[0].item() if upstream.numel() else 1.0
        if not isinstance(base, Tensor):
            factor, after = split(base * number)
            return factor, None if after == 1 else after
        by = base * number
    else:
        by = torch.empty(upstream.shape, dtype=torch.float64).copy_(upstream)
        if isinstance(base, Tensor) or base != 1:
            by = by.mul_(base)
    if not by.numel():
        return by, None
    least, most = (t.item() for t in torch.aminmax(by))
    if least == most:
        return split(least)
    if least >= 0:
        return by, None
    return by.abs(), torch.where(by < 0, -1, 1).to(dtype)  # float lanes take none below 0


LEAST = 2.0**-30
"""Float lanes take no factors below this."""


def split(factor: float) -> tuple[float, float]:
    """A factor that float lanes take, and the sign and the power of two that are left of it."""
    sign = -1.0 if factor < 0 else 1.0
    if not 0 < abs(factor) < LEAST:
        return abs(factor), sign
    rest, exponent = math.frexp(abs(factor))
    return rest, math.ldexp(sign, exponent)


def without(dz: Tensor, dy: Tensor) -> Tensor:
    """dz, 0 where nothing comes from upstream: also where it is not a number."""
    nothing = dy == 0
    return dz.masked_fill_(nothing, 0) if nothing.any() else dz
