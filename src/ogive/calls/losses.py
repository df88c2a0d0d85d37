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
from typing import Any, NamedTuple, Protocol

import numpy as np

from .. import _native
from ..catalog import Card, find
from . import checks, codegen
from .arrays import as_logits, as_plain, checked_axis, row_last
from .checks import Array, Reduction, Shape
from .formats import NUMBER_OF
from .loop import loop
from .ufuncs import rounded, ufunc


class Plan(NamedTuple):
    """What a call comes to, after all checks."""

    mode: str
    """The kernel's: "labels" or "probabilities", whichever the target holds."""
    goal: Any
    """Labels as int64, below 0 where a row does not count; or probabilities."""
    weights: list[Any]
    """Arrays of float64, or None."""
    numbers: tuple[float, ...]
    """The other options, as the kernel takes them."""
    total: Any
    """What a mean divides by, else 1; an array where there are several calls."""


class Elements(Protocol):
    """How a framework checks the elements of its arrays, and in what form the driver has them."""

    def weights(self, name: str, values: Any) -> Array:
        """Weights as float64."""

    def labels(self, target: Any, classes: int, ignore_index: Any) -> Array:
        """Labels as int64, below 0 for rows that are ignored."""

    def probabilities(self, target: Any, dtype: Any, most: float) -> Any:
        """Target probabilities, from 0 to `most`, in the format of the logits."""


class Loss:
    """A loss of logits: its options and the order in which kernels take them."""

    def __init__(self, card: Card):
        self.card, self.name, self.over_rows = card, card.name, card.over_rows
        self.options = {p.name: p for p in card.parameters if p.role != "axis"}
        by_role = {p.role: name for name, p in self.options.items()}
        self.label = by_role.get("label", "")
        """The option that names the label of rows that do not count; "" where there is none."""
        self.weights = card.weights
        self.class_weight = by_role.get("weights", "") if self.over_rows else ""
        """The option with a weight for each class; "" where there is none."""
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
        self, shape: Shape, axis: int, weights: Sequence[Any],
        target: Shape, dtype: Any, integers: bool, ignore_index: Any, samples: int = 0,
    ) -> str:  # fmt: skip
        """Refuses shapes and kinds that do not fit logits of some shape; the kernel's mode. The
        first `samples` axes of weights are of calls of their own.
        """
        if self.over_rows:
            checks.check_classes(shape, axis)
        for name, own in zip(self.weights, weights, strict=True):
            if own is not None and self.over_rows:
                checks.check_class_weights(name, tuple(own.shape[samples:]), shape, axis)
            elif own is not None:
                checks.check_element_weights(name, tuple(own.shape[samples:]), shape)
        if self.over_rows:
            return checks.mode_of_target(target, dtype, integers, shape, axis, ignore_index)
        checks.check_element_target(target, shape)
        return "probabilities"

    def plan(
        self, elements: Elements, mode: str, shape: Shape, axis: int, dtype: Any, target: Any,
        weights: Sequence[Any], ignore_index: Any, numbers: tuple[float, ...],
        reduction: Reduction, samples: int = 0,
    ) -> Plan:  # fmt: skip
        """What a call comes to whose shapes and kinds fit. The first `samples` axes of all arrays
        are of calls of their own, and `shape` and `axis` are those of one of them.
        """
        own: list[Any] = [
            w if w is None else elements.weights(name, w)
            for name, w in zip(self.weights, weights, strict=True)
        ]
        if mode == "labels":
            goal: Any = elements.labels(target, shape[axis], ignore_index)
        else:
            goal = elements.probabilities(target, dtype, self.most)
        total: Any = 1.0
        if reduction == "mean" and mode == "labels":
            weight, total = mean_weights(goal, own[0] if own else None, samples)
            own = [weight][: len(own)]
        elif reduction == "mean":
            total = float(math.prod(shape) // (shape[axis] if self.over_rows else 1)) or math.inf
            sizes = [largest(w) for w in own if w is not None]
            # Times the power of two, if it takes one, with which no weighted loss leaves the range.
            shift = min(900 - math.frexp(math.prod(sizes))[1], 0)
            if shift:
                own[-1] = np.ldexp(1.0 if own[-1] is None else own[-1], shift)
                total, scale = math.ldexp(total, shift), math.ldexp(1.0, shift)
                numbers = tuple(
                    v * scale if k in self.unweighted else v for k, v in enumerate(numbers)
                )
        return Plan(mode, goal, own, numbers, total)

    def run(
        self, plan: Plan, rows: Array, goal: Array, *, loss: Array, dz: Any = None, h: Any = None,
        kind: float | None = None,
    ) -> None:  # fmt: skip
        """The kernel on arrays that share their leading dimensions, of a plan with another goal;
        `dz` may be the logits.
        """
        mode, _, weights, numbers, total = plan
        each = [
            1.0 if w is None else w if isinstance(w, float) else np.broadcast_to(w, rows.shape)
            for w in weights
        ]
        operands = (rows, goal, *self.between(each, numbers), inverse(total))
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


class ArrayElements:
    """NumPy's arrays, as `Elements`."""

    weights = staticmethod(checks.checked_weights)
    labels = staticmethod(checks.checked_labels)
    probabilities = staticmethod(checks.checked_probabilities)


ARRAYS = ArrayElements()


def planned(
    of: Loss, elements: Elements, shape: Shape, axis: int, dtype: Any, target: Any,
    weights: Sequence[Any], ignore_index: Any, numbers: tuple[Any, ...], reduction: Any,
) -> tuple[Reduction, Plan]:  # fmt: skip
    """The plan for NumPy arrays, after all checks of them and of options."""
    how, values = checks.checked_reduction(reduction), of.checked_numbers(*numbers)
    own = [
        w if w is None else as_plain(w, name) for name, w in zip(of.weights, weights, strict=True)
    ]
    given = target if type(target) is np.ndarray else as_plain(target, "target")
    mode = of.checked_mode(
        shape, axis, own, given.shape, given.dtype, given.dtype.kind in "biu", ignore_index
    )
    plan = of.plan(elements, mode, shape, axis, dtype, given, own, ignore_index, values, how)
    return how, plan


def evaluate(
    of: Loss, z: Any, target: Any, axis: Any, weights: Sequence[Any], ignore_index: Any,
    numbers: tuple[Any, ...], reduction: Any, gradient: bool, kind: float | None, out: Any,
) -> Any:  # fmt: skip
    """The loss, with its gradient and a kind of Hessian where asked."""
    logits = as_logits(z, of.name)
    axis = checked_axis(logits.ndim, axis, of.name) if of.over_rows else -1
    lay: Callable[[Array, int], Array] = row_last if of.over_rows else at_least_a_row
    shape = logits.shape
    how, plan = planned(
        of, ARRAYS, shape, axis, logits.dtype, target, weights, ignore_index, numbers, reduction
    )
    goal = plan.goal if plan.mode == "labels" else lay(plan.goal, axis)
    dz = h = None
    if kind is not None:
        dz, h = checks.checked_outs(out, logits)
    elif gradient:
        dz = checks.checked_out(out, logits)
    rows = lay(logits, axis)
    slopes, bends = (a if a is None else lay(a, axis) for a in (dz, h))
    if not of.over_rows and kind is None and are_packed(rows, goal, slopes, plan.weights):
        value = packed(of, plan, rows, goal, slopes, how)
        value = value.reshape(shape)[()] if how == "none" else value
    else:
        loss = np.empty(rows.shape[:-1] if of.over_rows else rows.shape)
        of.run(plan, rows, goal, loss=loss, dz=slopes, h=bends, kind=kind)
        value = reduced(
            loss if of.over_rows else loss.reshape(shape), how, plan.total, logits.dtype
        )
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


def packed(of: Loss, plan: Plan, z: Array, goal: Array, dz: Any, how: Reduction) -> Any:
    """The loss of one long row, shared among threads."""
    if dz is not None:
        z, goal, dz = without_overlap(z, dz), without_overlap(goal, dz), dz.reshape(-1)
    z, goal = z.reshape(-1), goal.reshape(-1)

    def run(some: slice, shape: Shape, loss: Array) -> None:
        of.run(
            plan, z[some].reshape(shape), goal[some].reshape(shape), loss=loss,
            dz=None if dz is None else dz[some].reshape(shape),
        )  # fmt: skip

    if z.size <= ROW:
        loss = np.empty(z.size)
        of.run(plan, z, goal, loss=loss, dz=dz)
        return reduced(loss, how, plan.total, z.dtype)
    chunks = in_chunks(z.size, run, how == "none")
    if how == "none":
        return rounded(next(chunks), z.dtype)
    return sum_of(chunks, plan.total, z.dtype)


def in_chunks(
    size: int, run: Callable[[slice, Shape, Array], None], whole: bool = False
) -> Iterator[Array]:
    """The losses of elements that lie one after the other: all of them with `whole`, else chunk by
    chunk in a buffer that stays in the cache. ``run(some, shape, loss)`` is the kernel on a slice,
    seen as rows that threads share.
    """
    loss = np.empty(size if whole else min(size, CHUNK))
    for begin in range(0, size, max(len(loss), 1)):
        end = min(begin + len(loss), size)
        middle = end - (end - begin) % ROW
        for some, shape in (slice(begin, middle), (-1, ROW)), (slice(middle, end), (-1,)):
            if some.start < some.stop:
                run(some, shape, loss[some.start - begin : some.stop - begin].reshape(shape))
        yield loss[: end - begin]


# What a mean divides by.


def mean_weights(labels: Array, weights: Any, samples: int = 0) -> tuple[Any, Any]:
    """Class weights and what a mean over labels divides by, the weights of the rows that count, or
    inf where none does. Where these leave the range, both are multiplied by one power of two,
    which changes no mean. Of several calls, those of each.
    """
    if samples:
        return mean_weights_of_each(labels, weights, samples)
    kept = labels >= 0
    if weights is None:
        return None, float(np.count_nonzero(kept)) or np.inf
    counted = weights[labels[kept]]
    with np.errstate(over="ignore"):
        total = float(np.sum(counted))
    if 2.0**-60 <= abs(total) <= 2.0**60:
        return weights, total
    return balanced(weights, counted) if counted.any() else (weights, total or np.inf)


def mean_weights_of_each(labels: Array, weights: Any, samples: int) -> tuple[Any, Array]:
    lead = labels.shape[:samples]
    calls = labels.reshape(math.prod(lead), math.prod(labels.shape[samples:]))
    if weights is None:
        counts = np.count_nonzero(calls >= 0, axis=1).astype(np.float64).reshape(lead)
        return None, np.where(counts == 0, np.inf, counts)
    own = np.broadcast_to(weights, (*lead, weights.shape[-1]))
    each = [
        mean_weights(*of_call) for of_call in zip(calls, own.reshape(len(calls), -1), strict=True)
    ]
    scaled = np.stack([weight for weight, _ in each])
    return scaled.reshape(own.shape), np.array([total for _, total in each]).reshape(lead)


def balanced(weights: Array, counted: Array) -> tuple[Array, float]:
    """Weights and the sum of those that count, by which a mean divides, both times one power of
    two with which neither one over the sum nor a weighted loss leaves the range.
    """
    # No further up than the weights of classes that do not occur can go.
    room = 1000 - math.frexp(largest(weights))[1]
    shift = min(-math.frexp(largest(counted))[1], room)
    return np.ldexp(weights, shift), float(np.sum(np.ldexp(counted, shift)))


def largest(weights: Array) -> float:
    """The largest magnitude."""
    return float(np.max(np.abs(weights), initial=0.0))


def inverse(total: float) -> float:
    """What a mean's gradient is multiplied by; weights that cancel give inf, as in torch."""
    return 1 / total if total else math.copysign(math.inf, total)


# Sums.

DOUBLE = np.dtype(np.float64)
CHUNK = 1 << 17
"""Losses are summed in chunks of this size, then the chunk sums: the result does not depend on the
caller or its threads."""


def reduced(
    loss: Array, reduction: Reduction, total: Any, dtype: np.dtype[Any], samples: int = 0
) -> Any:
    """Losses to what was asked for; a mean over nothing, of total inf, is 0."""
    if reduction == "none":
        return rounded(loss, dtype)
    if samples:
        return reduced_each(loss, total, dtype, samples)
    losses = loss.reshape(-1)
    if losses.size <= CHUNK:
        value = summed(losses, total, dtype)
        if math.isfinite(value):
            return value
    return sum_of((losses[i : i + CHUNK] for i in range(0, losses.size, CHUNK)), total, dtype)


def reduced_each(loss: Array, total: Any, dtype: np.dtype[Any], samples: int) -> Array:
    """The sum, over the total, of the losses of each of several calls."""
    lead = loss.shape[:samples]
    calls = loss.reshape(math.prod(lead), math.prod(loss.shape[samples:]))
    totals = np.broadcast_to(total, lead).reshape(-1)
    if calls.shape[1] <= CHUNK:
        values: Array = summed(calls, totals, dtype)
        if np.isfinite(values).all():
            return values.reshape(lead)
    each = [reduced(own, "mean", by, dtype) for own, by in zip(calls, totals, strict=True)]
    return np.array(each, dtype).reshape(lead)


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


def summed(terms: Array, divisor: Any = 1.0, dtype: Any = DOUBLE) -> Any:
    """The sum of a row of doubles in its fixed order, over a divisor."""
    return ufunc("summed", "value")(terms, divisor, signature=(DOUBLE, DOUBLE, np.dtype(dtype)))


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
