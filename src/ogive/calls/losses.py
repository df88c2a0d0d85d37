"""Losses by one driver: check, plan, run, reduce. What a loss takes follows from its card.

``Loss`` serves every framework; ``evaluate`` is the driver for NumPy arrays. Everything wrong with
the input is found before a kernel writes anything.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from .. import _native
from ..catalog import Card, find
from . import checks, codegen
from .arrays import as_logits, as_plain, checked_axis, row_last
from .checks import Array, Reduction, Shape
from .formats import NUMBER_OF
from .loop import loop
from .ufuncs import rounded, ufunc


class Loss:
    """A loss of logits: its options and the order in which kernels take them."""

    def __init__(self, card: Card):
        self.card, self.name, self.over_rows = card, card.name, card.over_rows
        self.weights = card.weights
        self.numbers = tuple(p for p in card.parameters if p.role == "number")
        self.most = math.inf if self.over_rows else 1.0
        """The largest target probability."""
        mode = "labels" if self.over_rows else "probabilities"
        *between, factor = loop(card.name, mode).operands[2:]
        self.factor_each = factor.row
        """The factor of the gradient may differ from element to element."""
        self.checked_numbers = written_checks(self.numbers)
        self.between = written_order([operand.row for operand in between])
        # The factors of terms that weights of classes do not multiply.
        self.unweighted = tuple(k for k, p in enumerate(self.numbers) if p.unweighted)

    def checked_mode(
        self, shape: Shape, axis: int, weights: Iterable[Shape | None],
        target: Shape, dtype: Any, integers: bool, ignore_index: Any,
    ) -> str:  # fmt: skip
        """Refuses shapes and kinds that do not fit logits of some shape; the kernel's mode."""
        if self.over_rows:
            checks.check_classes(shape, axis)
        for name, own in zip(self.weights, weights, strict=True):
            if own is not None and self.over_rows:
                checks.check_class_weights(name, own, shape, axis)
            elif own is not None:
                checks.check_element_weights(name, own, shape)
        if self.over_rows:
            return checks.mode_of_target(target, dtype, integers, shape, axis, ignore_index)
        checks.check_element_target(target, shape)
        return "probabilities"

    def mean(
        self, mode: str, goal: Any, weights: list[Any], numbers: tuple[float, ...]
    ) -> tuple[list[Any], tuple[float, ...], float]:
        """Weights, numbers and what a mean divides by, on a scale where nothing overflows."""
        if not self.over_rows:
            total, sizes = float(goal.size) or math.inf, [w for w in weights if w is not None]
            if sizes and goal.size:
                size = math.prod(float(np.max(np.abs(w))) for w in sizes)
                last = 1.0 if weights[-1] is None else weights[-1]
                weights[-1], total, _ = lowered(last, size, total)
            return weights, numbers, total
        (weight,) = weights
        weight, total, scale = mean_weights(mode, goal, weight)
        if scale != 1.0:
            numbers = tuple(v * scale if k in self.unweighted else v for k, v in enumerate(numbers))
        return [weight], numbers, total

    def run(
        self, mode: str, rows: Array, goal: Array, weights: Sequence[Any],
        numbers: Sequence[float], factor: float, *, loss: Array, dz: Any = None, h: Any = None,
        kind: float | None = None,
    ) -> None:  # fmt: skip
        """The kernel on arrays that share their leading dimensions; `dz` may be the logits."""
        each = [
            1.0 if w is None else w if isinstance(w, float) else np.broadcast_to(w, rows.shape)
            for w in weights
        ]
        operands = (rows, goal, *self.between(each, numbers), factor)
        for out in (dz, h):
            if out is not None:
                operands = tuple([without_overlap(operand, out) for operand in operands])
        form = NUMBER_OF[rows.dtype]
        if kind is None:
            _native.call(self.name, mode, form, (*operands, loss, dz))
        else:
            _native.call(self.name, f"{mode}_hessian", form, (*operands, kind, loss, dz, h))


@cache
def loss_of(name: str) -> Loss:
    return Loss(find(name))


def written_checks(numbers: tuple[Any, ...]) -> Callable[..., tuple[float, ...]]:
    """A function that checks the options that are numbers and returns the kernel's operands. It is
    generated, so that a float within its domain costs two comparisons.
    """
    each = []
    for k, p in enumerate(numbers):
        fits = f"type({p.name}) is float and {p.fits(p.name)}"
        if p.as_operands is not None:
            fits = f"{p.name} is None or {fits}"
        checked = f"{p.name} if {fits} else number(parameters[{k}], {p.name})"
        each.append(checked if p.as_operands is None else f"*as_{p.name}({checked})")
    lines = [f"return ({codegen.items(each)})"]
    scope = {"number": checks.checked_number, "parameters": numbers}
    scope |= {f"as_{p.name}": p.as_operands for p in numbers}
    taken = [p.name for p in numbers]
    return codegen.written("checked_numbers", taken, lines, scope, "options of a loss")


def written_order(rows: Sequence[bool]) -> Callable[..., tuple[Any, ...]]:
    """Weights and numbers in the order of a kernel's operands: weights are those with a row."""
    place = {True: count(), False: count()}
    each = codegen.items(f"{'weights' if row else 'numbers'}[{next(place[row])}]" for row in rows)
    taken, lines = ["weights", "numbers"], [f"return ({each})"]
    return codegen.written("between", taken, lines, {}, f"operands {each}")


def evaluate(
    of: Loss, z: Any, target: Any, axis: Any, weights: Sequence[Any], ignore_index: Any,
    numbers: tuple[Any, ...], reduction: Any, gradient: bool, kind: float | None, out: Any,
) -> Any:  # fmt: skip
    """The loss, with its gradient and a kind of Hessian where asked."""
    logits = as_logits(z, of.name)
    axis = checked_axis(logits.ndim, axis, of.name) if of.over_rows else -1
    lay: Callable[[Array, int], Array] = row_last if of.over_rows else at_least_a_row
    how, shape = checks.checked_reduction(reduction), logits.shape
    values = of.checked_numbers(*numbers)
    own: list[Any] = [
        w if w is None else checks.checked_weights(name, w)
        for name, w in zip(of.weights, weights, strict=True)
    ]
    given = as_plain(target, "target")
    mode = of.checked_mode(
        shape, axis, [None if w is None else w.shape for w in own],
        given.shape, given.dtype, given.dtype.kind in "biu", ignore_index,
    )  # fmt: skip
    if mode == "labels":
        goal = checks.checked_labels(given, shape[axis], ignore_index)
    else:
        goal = lay(checks.checked_probabilities(given, logits.dtype, of.most), axis)
    total = 1.0
    if how == "mean":
        own, values, total = of.mean(mode, goal, own, values)

    dz = h = None
    if kind is not None:
        dz, h = checks.checked_outs(out, logits)
    elif gradient:
        dz = checks.checked_out(out, logits)
    rows = lay(logits, axis)
    slopes, bends = (a if a is None else lay(a, axis) for a in (dz, h))
    factor = inverse(total)
    if not of.over_rows and kind is None and are_packed(rows, goal, slopes, own):
        value = packed(of, rows, goal, slopes, (values, factor), how, total)
        value = value.reshape(shape)[()] if how == "none" else value
    else:
        loss = np.empty(rows.shape[:-1] if of.over_rows else rows.shape)
        of.run(mode, rows, goal, own, values, factor, loss=loss, dz=slopes, h=bends, kind=kind)
        value = reduced(loss if of.over_rows else loss.reshape(shape), how, total, logits.dtype)
    return value if dz is None else (value, dz) if h is None else (value, dz, h)


def at_least_a_row(array: Array, axis: int) -> Array:
    """Kernels walk along the last axis; a single number is a row of one."""
    return array if array.ndim else array.reshape(1)


def without_overlap(operand: Any, out: Array) -> Any:
    """The operand, or a copy of it where `out` overlaps it other than element by element."""
    if (
        type(operand) is float
        or not isinstance(operand, np.ndarray)
        or not np.may_share_memory(operand, out)
    ):
        return operand
    same = out.ctypes.data == operand.ctypes.data and out.strides == operand.strides
    return operand if same and out.shape == operand.shape else operand.copy()


# Losses of single elements.

ROW = 1 << 12
"""Elements of a piece that one thread takes."""


def are_packed(z: Array, goal: Array, dz: Any, weights: list[Any]) -> bool:
    """Whether elements without weights lie one after the other."""
    packed = z.flags.c_contiguous and goal.flags.c_contiguous
    packed = packed and (dz is None or dz.flags.c_contiguous)
    return bool(packed and z.size and all(w is None for w in weights))


def packed(
    of: Loss, z: Array, goal: Array, dz: Any, options: tuple[tuple[float, ...], float],
    how: Reduction, total: float,
) -> Any:  # fmt: skip
    """The loss of one long row, shared among threads. The losses that are summed go chunk by chunk
    through a buffer that stays in the cache.
    """
    if dz is not None:
        z, goal, dz = without_overlap(z, dz), without_overlap(goal, dz), dz.reshape(-1)
    z, goal = z.reshape(-1), goal.reshape(-1)
    size = z.size if how == "none" else min(z.size, CHUNK)
    loss, weights = np.empty(size), (None,) * len(of.weights)

    def chunks() -> Iterator[Array]:
        for begin in range(0, z.size, size):
            end = min(begin + size, z.size)
            middle = end - (end - begin) % ROW
            for some, shape in (slice(begin, middle), (-1, ROW)), (slice(middle, end), (-1,)):
                if some.start < some.stop:
                    of.run(
                        "probabilities", z[some].reshape(shape), goal[some].reshape(shape), weights,
                        *options, loss=loss[some.start - begin : some.stop - begin].reshape(shape),
                        dz=None if dz is None else dz[some].reshape(shape),
                    )  # fmt: skip
            yield loss[: end - begin]

    if z.size <= ROW:
        of.run("probabilities", z, goal, weights, *options, loss=loss, dz=dz)
        return reduced(loss, how, total, z.dtype)
    if size == z.size:
        (loss,) = chunks()
        return reduced(loss, how, total, z.dtype)
    return sum_of(chunks(), total, z.dtype)


# What a mean divides by.


def total_weight(mode: str, goal: Array, weights: Any) -> float:
    """What a mean divides by: the weights of the rows that count, or inf where none does."""
    if mode == "probabilities":
        return float(np.prod(goal.shape[:-1])) or np.inf
    kept = goal >= 0
    if weights is None:
        return float(np.count_nonzero(kept)) or np.inf
    own = weights[goal[kept]]
    total = float(np.sum(own))
    return total if total or own.any() else np.inf


def mean_weights(mode: str, goal: Array, weights: Any) -> tuple[Any, float, float]:
    """Class weights, what a mean divides by, and what rows without a class count, on a scale where
    nothing leaves the range: all three times one power of two, which changes no mean.
    """
    if weights is None:
        return None, total_weight(mode, goal, None), 1.0
    if mode == "probabilities":
        size = float(np.max(np.abs(weights)))
        return lowered(weights, size, total_weight(mode, goal, None))
    with np.errstate(over="ignore"):
        total = total_weight(mode, goal, weights)
    if not 2.0**-60 <= abs(total) <= 2.0**60:
        counted = weights[goal[goal >= 0]]
        if counted.any():
            weights, total = balanced(weights, counted)
    return weights, total, 1.0


def balanced(weights: Array, counted: Array) -> tuple[Array, float]:
    """Weights and the sum of those that count, by which a mean divides, both times one power of
    two with which neither one over the sum nor a weighted loss leaves the range.
    """
    size = float(np.max(np.abs(counted), initial=0.0))
    # No further up than the weights of classes that do not occur can go.
    room = 1000 - math.frexp(float(np.max(np.abs(weights))))[1]
    shift = min(-math.frexp(size)[1], room)
    return np.ldexp(weights, shift), float(np.sum(np.ldexp(counted, shift)))


def lowered(weights: Any, size: float, total: float) -> tuple[Any, float, float]:
    """Weights, at most `size`, and the number of losses in a mean, both times the power of two
    that comes third, with which no weighted loss leaves the range.
    """
    shift = min(900 - math.frexp(size)[1], 0)
    if shift == 0:
        return weights, total, 1.0
    return np.ldexp(weights, shift), math.ldexp(total, shift), math.ldexp(1.0, shift)


def inverse(total: float) -> float:
    """What a mean's gradient is multiplied by; weights that cancel give inf, as in torch."""
    return 1 / total if total else math.copysign(math.inf, total)


# Sums.

CHUNK = 1 << 17
"""Losses are summed in chunks of this size, then the chunk sums: the result does not depend on the
caller or its threads."""


def reduced(loss: Array, reduction: Reduction, total: float, dtype: np.dtype[Any]) -> Any:
    """Losses to what was asked for; a mean over nothing, of total inf, is 0."""
    if reduction == "none":
        return rounded(loss, dtype)
    losses = loss.reshape(-1)
    if losses.size <= CHUNK:
        value = summed(losses, total, dtype)
        if math.isfinite(value):
            return value
    return sum_of((losses[i : i + CHUNK] for i in range(0, losses.size, CHUNK)), total, dtype)


def sum_of(chunks: Iterable[Array], divisor: float, dtype: np.dtype[Any]) -> Any:
    """The sum of losses over a divisor."""
    sums, small = [], []
    for losses in chunks:
        total = summed(losses)
        sums.append(total)
        small.append(total * 2.0**-64 if math.isfinite(total) else summed(losses * 2.0**-64))
    value = summed(np.array(sums), divisor, dtype)
    if math.isfinite(value):
        return value
    with np.errstate(over="ignore"):  # it may be the sum alone that leaves the range
        return rounded(np.ldexp(summed(np.array(small), divisor), 64), dtype)


def summed(terms: Array, divisor: float = 1.0, dtype: Any = np.float64) -> Any:
    """The sum of a row of doubles in its fixed order, over a divisor."""
    types = (np.dtype(np.float64), np.dtype(np.float64), np.dtype(dtype))
    return ufunc("summed", "value")(terms, divisor, signature=types)


# Layers, whose logits exist a few rows at a time.

FEW_ROWS = 512
"""With fewer, adding partial dW takes more than a twentieth of the products' time."""
SMALL, LARGE = 16 << 20, 256 << 20


def checked_chunk(chunk_rows: Any, shape: tuple[int, ...], itemsize: int) -> int:
    """How many rows at a time, for weights of that shape and logits of that format."""
    if chunk_rows is None:
        row = max(1, shape[0]) * itemsize
        most = max(LARGE, math.prod(shape) * itemsize // 4)
        return max(1, min(max(FEW_ROWS, SMALL // row), most // row))
    try:
        chunk: int = operator.index(chunk_rows)
    except TypeError:
        raise TypeError(f"chunk_rows must be an integer, not {chunk_rows!r}") from None
    if chunk < 1:
        raise ValueError(f"chunk_rows must be at least 1, not {chunk}")
    return chunk
