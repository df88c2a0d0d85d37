"""Loss heads as the user calls them, and the checks that heads in the catalog share.

A head's file in catalog/heads defines ``evaluate(z, target, *options, gradient, out)``, or another
first few arguments, which its card then describes. Everything wrong with the input is found there,
by the checks below, before a kernel writes anything.
"""

from __future__ import annotations

import importlib
import inspect
import math
import operator
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, get_args

import numpy as np

from . import _native
from ._ufuncs import rounded, ufunc
from .calls.arrays import as_out, as_plain, at, check_real, first, rewrap
from .calls.formats import NUMBER_OF
from .catalog import Card

Array = np.ndarray[Any, Any]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = get_args(Reduction)
Hessian = Literal["exact", "abs", "upper"]
HESSIANS = get_args(Hessian)

# What each mode takes beside the options of the loss.
EXTRA = {"value": (), "value_and_grad": ("out",), "value_grad_hess": ("hessian", "out")}


def function(card: Card, mode: str) -> Callable[..., Any]:
    """The value of a head, alone or with its gradient, or with its Hessian's diagonal too."""
    evaluate = importlib.import_module(f"ogive.catalog.heads.{card.name}").evaluate
    default = {"hessian": HESSIANS[0]} if "hessian" in EXTRA[mode] else {}
    hidden = {"gradient", "hessian", "out"} - set(EXTRA[mode])

    def call(*args: Any, **kwargs: Any) -> Any:
        options = default | kwargs
        for name in hidden & options.keys():
            raise TypeError(f"{card.name}() got an unexpected keyword argument {name!r}")
        if default:
            checked_hessian(options["hessian"])
        return evaluate(*args, gradient=mode != "value", **options)

    signature = inspect.signature(evaluate)
    shown = [
        p.replace(default=default.get(p.name, p.default))
        for p in signature.parameters.values()
        if p.name not in hidden
    ]
    call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return call if mode == "value" else keeping_the_container(call)


def keeping_the_container(call: Callable[..., Any]) -> Callable[..., Any]:
    """Gives gradient and Hessian the container (xarray, pandas) that the logits came in."""

    @wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = call(*args, **kwargs)
        z = args[0] if args else kwargs.get("z")
        if isinstance(z, np.ndarray) or kwargs.get("out") is not None:
            return found
        loss, *arrays = found
        return loss, *(rewrap(z, a) if isinstance(a, np.ndarray) else a for a in arrays)

    return wrapped


def checked_number(
    name: str, value: Any, low: float, high: float = math.inf, *, open_low: bool = False
) -> float:
    """An option that must be one real number within bounds."""
    if type(value) is not float:
        number_like = isinstance(value, (int, float, np.generic, np.ndarray))
        if not number_like or np.ndim(value) or isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be a number, not {value!r}")
        if not isinstance(value, (int, float)):
            check_real(as_plain(value, name).dtype, name)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} = {value} is beyond float64") from None
    inside = (low < number if open_low else low <= number) and number <= high
    if not inside or math.isinf(number):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{']' if high < math.inf else ')'}"
        raise ValueError(f"{name} must be in {interval}, not {number!r}")
    return number


def checked_reduction(reduction: str) -> Reduction:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return reduction  # type: ignore[return-value]


def checked_hessian(hessian: Any) -> float:
    """The kind of Hessian, as kernels number them."""
    if not isinstance(hessian, str) or hessian not in HESSIANS:
        raise ValueError(f"hessian must be 'exact', 'abs' or 'upper', not {hessian!r}")
    return float(HESSIANS.index(hessian))


def checked_weights(name: str, values: Any, least: float = -math.inf) -> Array:
    """Weights as float64: finite, and at least `least`. Those of losses may be negative."""
    array = as_plain(values, name)
    check_real(array.dtype, name)
    weights = array.astype(np.float64)
    good = (weights >= least) & (np.abs(weights) < math.inf)
    if not good.all():
        bad = ~good
        index, bound = first(bad), "" if least == -math.inf else f" and >= {least:g}"
        raise ValueError(f"{at(name, index)} = {weights[index]}: weights must be finite{bound}")
    return weights


def checked_probabilities(target: Array, dtype: np.dtype[Any], most: float) -> Array:
    """Target probabilities in the logits' format: not NaN, from 0 to `most`."""
    check_real(target.dtype, "target")
    # One look at both ends tells it of most arrays; a NaN comes through to both.
    if target.dtype.kind == "V" or not (target.size and within(target, 0, min(most, LARGEST))):
        with np.errstate(invalid="ignore"):  # bfloat16 compares a NaN with a warning
            bad = ~((target >= 0) & (target <= most))
        if most == math.inf:
            bad |= target == math.inf
        if bad.any():
            index = first(bad)
            bound = "finite and >= 0" if most == math.inf else f"between 0 and {most:g}"
            raise ValueError(
                f"{at('target', index)} = {target[index]}: probabilities must be {bound}"
            )
    if target.dtype == dtype and target.flags.aligned:
        return target
    with np.errstate(over="ignore"):
        cast = rounded(target, dtype) if target.dtype == np.float64 else target.astype(dtype)
    beyond = ~np.isfinite(cast)
    if beyond.any():
        index = first(beyond)
        raise ValueError(f"{at('target', index)} = {target[index]}: too large for {dtype} logits")
    return np.asarray(cast)


LARGEST = float(np.finfo(np.float64).max)


def within(values: Array, low: float, high: float) -> bool:
    """Whether all of some elements lie between two bounds."""
    with np.errstate(invalid="ignore"):
        return bool(values.min().item() >= low and values.max().item() <= high)


class LabelError(ValueError, IndexError):
    """A label that no class has: a ValueError as NumPy's users expect, torch's an IndexError."""


def checked_ignore_index(ignore_index: Any) -> int | None:
    try:
        return None if ignore_index is None else operator.index(ignore_index)
    except TypeError:
        raise TypeError(f"ignore_index must be an integer, not {ignore_index!r}") from None


def checked_labels(target: Array, classes: int, ignore_index: int | None) -> Array:
    """Labels as int64, with -1 for rows that are ignored."""
    ignore_index = checked_ignore_index(ignore_index)
    apart = ignore_index is None or not 0 <= ignore_index < classes
    if apart and target.size and within(target, 0, classes - 1):
        return target.astype(np.int64, copy=not target.flags.aligned)
    # Before anything is marked: a format of unsigned numbers has no -1. What int64 does not hold is
    # told by the numbers as they came.
    labels = target.astype(np.int64)
    given = target if target.dtype.kind == "u" else labels
    ignored = np.zeros(target.shape, np.bool_) if ignore_index is None else given == ignore_index
    bad = ~ignored & ((target < 0) | (target >= classes))
    if bad.any():
        index = first(bad)
        raise LabelError(
            f"{at('target', index)} = {target[index]}: labels must be in [0, {classes}) "
            f"for {classes} classes"
            + ("" if ignore_index is None else f", or ignore_index = {ignore_index}")
        )
    labels[ignored] = -1
    return labels


def checked_out(out: Any, z: Array, name: str = "out") -> Array:
    """Where the gradient goes: the caller's array, which may be the logits themselves."""
    if out is None:
        return np.empty(z.shape, z.dtype)
    held = as_out(out, name)
    if out.shape != z.shape or out.dtype != z.dtype:
        raise ValueError(
            f"{name} of shape {out.shape} and dtype {out.dtype} does not fit the gradient's "
            f"{z.shape} and {z.dtype}"
        )
    if not out.flags.aligned:
        raise ValueError(f"{name} is not aligned")
    return held


def checked_outs(out: Any, z: Array, hessian: bool) -> tuple[Any, Any]:
    """Where the gradient and, if asked for, the Hessian go."""
    if not hessian:
        return checked_out(out, z), None
    if out is None:
        out = (None, None)
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError("out must be a tuple (dz, h), each an array or None")
    dz, h = (checked_out(o, z, f"out: {name}") for o, name in zip(out, ("dz", "h"), strict=True))
    if np.may_share_memory(dz, h):
        raise ValueError("out: dz and h share memory")
    return dz, h


def run(
    name: str,
    mode: str,
    dtype: np.dtype[Any],
    *inputs: Any,
    loss: Array,
    dz: Any,
    h: Any = None,
    kind: float | None = None,
) -> None:
    """Calls the kernel on arrays that share their leading dimensions, and on single floats; with
    a kind of Hessian, the kernel that writes that too.
    """
    for out in (dz, h):
        if out is not None:
            inputs = tuple(apart(operand, out) for operand in inputs)
    if kind is None:
        _native.call(name, mode, NUMBER_OF[dtype], (*inputs, loss, dz))
    else:
        _native.call(name, f"{mode}_hessian", NUMBER_OF[dtype], (*inputs, kind, loss, dz, h))


def apart(operand: Any, out: Array) -> Any:
    """The operand, or a copy of it where `out` overlaps it other than element by element."""
    if not isinstance(operand, np.ndarray) or not np.may_share_memory(operand, out):
        return operand
    same = out.ctypes.data == operand.ctypes.data and out.strides == operand.strides
    return operand if same and out.shape == operand.shape else operand.copy()


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


def reduced(loss: Array, reduction: Reduction, total: float, dtype: np.dtype[Any]) -> Any:
    """Per-row losses to what was asked for; a mean over nothing, of total inf, is 0."""
    if reduction == "none":
        return rounded(loss, dtype)
    losses = loss.reshape(-1)
    divisor = total if reduction == "mean" else 1.0
    value = summed_in_chunks(losses, divisor, dtype)
    if not math.isfinite(value) and np.isfinite(losses).all():  # it may be the sum alone
        with np.errstate(over="ignore"):
            value = np.ldexp(summed_in_chunks(losses * 2.0**-64, divisor), 64)
        value = rounded(value, dtype)
    return value


def summed_in_chunks(losses: Array, divisor: float, dtype: Any = np.float64) -> Any:
    if losses.size > CHUNK:
        pieces = range(0, losses.size, CHUNK)
        losses = np.array([summed(losses[i : i + CHUNK]) for i in pieces])
    return summed(losses, divisor, dtype)


def inverse(total: float) -> float:
    """What a mean's gradient is multiplied by; weights that cancel give inf, as in torch."""
    return 1 / total if total else math.copysign(math.inf, total)


CHUNK = 1 << 17
"""So many losses are summed at once; then the sums are. It makes no difference who sums them."""


def summed(terms: Array, divisor: float = 1.0, dtype: Any = np.float64) -> Any:
    """The sum of a row of doubles in its fixed order, over a divisor."""
    types = (np.dtype(np.float64), np.dtype(np.float64), np.dtype(dtype))
    return ufunc("summed", "value")(terms, divisor, signature=types)
