"""What is refused, once for every framework: numbers, labels, weights and options that do not fit.

Shapes come as tuples of int, whatever array they are of; checks of elements take NumPy arrays.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Literal, get_args

import numpy as np

from ..catalog import Parameter
from .arrays import as_out, as_parameter, as_plain, at, check_real, first, is_dask, is_labelled
from .ufuncs import rounded

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = get_args(Reduction)
Hessian = Literal["exact", "abs", "upper"]
HESSIANS = get_args(Hessian)


# Parameters of unary functions.

PLAIN = (int, float)
MOST_CHECKED = 1 << 16
"""Larger arrays of parameters are not checked, which would cost as much as the function itself."""


def check_parameter(parameter: Parameter, given: Any) -> None:
    """Refuse a parameter (a number or a small array) outside the domain that the card states."""
    held = given.data if is_labelled(given) else given
    if is_dask(held) or np.size(held) > MOST_CHECKED:
        return
    values = np.asarray(np.ma.filled(held, parameter.default))
    check_real(values.dtype, parameter.name)
    if values.dtype.kind == "V":
        values = values.astype(np.float64)
    bad = ~np.asarray(parameter.holds(values))
    if bad.any():
        index = first(bad)
        raise ValueError(
            f"{at(parameter.name, index)} = {values[index]}: it must be in {parameter.interval}"
        )


def check_order(names: tuple[str, ...], low: Any, high: Any) -> None:
    """Refuse two plain numbers if the first exceeds the second; for arrays the kernels give NaN."""
    if type(low) in PLAIN and type(high) in PLAIN and low > high:
        raise ValueError(f"{names[0]} = {low} is above {names[1]} = {high}")


# Rows.


def seed_key(name: str, seed: Any) -> Any:
    """An integer of any size as the generator's 64-bit key."""
    if seed is None:
        raise ValueError(f"{name}: seed is needed, so that backward draws the same numbers")
    try:
        key = operator.index(seed)
    except TypeError:
        raise TypeError(f"{name}: seed must be an integer, not {seed!r}") from None
    return np.uint64(key & 0xFFFFFFFFFFFFFFFF).view(np.int64)


def checked_switch(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def checked_dim(dim: Any, x: Any, name: str) -> int:
    """An axis of an array or a tensor as torch counts them, from 0; a number has one too."""
    if not isinstance(dim, int):
        raise TypeError(f"{name}: dim must be an integer, not {dim!r}")
    axes = max(len(x.shape), 1)
    if not -axes <= dim < axes:
        raise IndexError(
            f"{name}: dim = {dim} is out of range for x of shape {tuple(x.shape)}: it must be in "
            f"[{-axes}, {axes - 1}]"
        )
    return dim % axes


def check_mask(mask: Shape, dtype: Any, is_bool: bool, shape: Shape, prefix: str = "") -> None:
    """Refuses what is no mask of rows of some shape."""
    if not is_bool:
        raise TypeError(f"{prefix}where must be a boolean mask, not of dtype {dtype}")
    if not broadcasts(mask, shape):
        raise ValueError(f"{prefix}where of shape {mask} does not fit x of shape {shape}")


def is_temperature(t: Any) -> Any:
    """Whether a number may divide logits; of an array or a tensor, which of them may."""
    return (t > 0) & (t < math.inf)


def row_temperature(temperature: Any, lead: Shape) -> Any:
    """A temperature that is positive, and no larger than one for each row; as float64."""
    if type(temperature) is float and is_temperature(temperature):
        return temperature
    values = np.asarray(as_parameter(as_plain(temperature, "temperature"), "temperature"))
    fine = is_temperature(values)
    if not fine.all():
        index = first(~fine)
        raise ValueError(
            f"{at('temperature', index)} must be positive and finite, not {values[index]}"
        )
    if not broadcasts(values.shape, lead):
        raise ValueError(f"temperature of shape {values.shape} does not fit the rows' {lead}")
    return values


def broadcasts(shape: Shape, to: Shape) -> bool:
    """Whether an array of one shape can stand for one of another."""
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(n in (1, m) for n, m in pairs)


# Options of losses.


def checked_number(parameter: Parameter, value: Any) -> float:
    """An option that must be one real number of its domain."""
    name = parameter.name
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
    if not parameter.holds(number):
        raise ValueError(f"{name} must be in {parameter.interval}, not {number!r}")
    return number


def checked_reduction(reduction: Any) -> Reduction:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return reduction  # type: ignore[no-any-return]


def checked_hessian(hessian: Any) -> float:
    """The kind of Hessian, as kernels number them."""
    if not isinstance(hessian, str) or hessian not in HESSIANS:
        raise ValueError(f"hessian must be 'exact', 'abs' or 'upper', not {hessian!r}")
    return float(HESSIANS.index(hessian))


def checked_ignore_index(ignore_index: Any) -> int | None:
    try:
        return None if ignore_index is None else operator.index(ignore_index)
    except TypeError:
        raise TypeError(f"ignore_index must be an integer, not {ignore_index!r}") from None


# Shapes of losses.


def check_classes(shape: Shape, axis: int) -> None:
    if shape[axis] == 0:
        raise ValueError(f"logits of shape {shape} have no classes along axis {axis}")


def check_class_weights(name: str, weights: Shape, shape: Shape, axis: int) -> None:
    """Refuses what is not one weight for each class."""
    if weights != (shape[axis],):
        raise ValueError(
            f"{name} of shape {weights} does not fit {shape[axis]} classes of logits of shape "
            f"{shape}"
        )


def check_element_weights(name: str, weights: Shape, shape: Shape) -> None:
    if not broadcasts(weights, shape):
        raise ValueError(f"{name} of shape {weights} does not fit logits of shape {shape}")


def mode_of_target(
    target: Shape, dtype: Any, integers: bool, shape: Shape, axis: int, ignore_index: Any
) -> str:
    """The kernel's mode for rows of logits of some shape; refuses targets that are neither labels
    nor probabilities of them.
    """
    if target == shape:
        if ignore_index is not None:
            raise ValueError("ignore_index applies to integer labels, not to probabilities")
        return "probabilities"
    lead = shape[:axis] + shape[axis + 1 :]
    if target != lead:
        raise ValueError(
            f"target of shape {target} fits logits of shape {shape} neither as labels "
            f"{lead} nor as probabilities {shape}"
        )
    if not integers:
        raise TypeError(
            f"target of dtype {str(dtype).removeprefix('torch.')} and shape {target}: labels must "
            f"be integers, and probabilities must have the logits' shape {shape}"
        )
    return "labels"


def check_element_target(target: Shape, shape: Shape) -> None:
    if target != shape:
        raise ValueError(f"target of shape {target} does not fit logits of shape {shape}")


# Elements of losses.


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
    if not (target.size and up_to(target, most)):
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


UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def up_to(values: Array, most: float) -> bool:
    """Whether all values are finite, from 0 to `most`, by one reduction; False where one is -0."""
    if values.dtype.kind in "biu":
        return within(values, 0, most)
    # The bits of floats from 0 on, as integers, have the order of their values; those of NaN and of
    # negative numbers are larger. NumPy compares integers in vectors, halves one by one.
    bits = UNSIGNED.get(values.dtype.itemsize)
    if bits is None or not values.dtype.isnative:
        return False
    largest, bound = values.view(bits).max(), np.array(most, values.dtype).view(bits)
    return bool(largest < bound if most == math.inf else largest <= bound)


def within(values: Array, low: float, high: float) -> bool:
    """Whether all of some elements lie between two bounds."""
    with np.errstate(invalid="ignore"):
        return bool(values.min().item() >= low and values.max().item() <= high)


class LabelError(ValueError, IndexError):
    """A label that no class has: a ValueError as NumPy's users expect, torch's an IndexError."""


def label_error(place: str, label: int, classes: int, ignore_index: int | None) -> LabelError:
    return LabelError(
        f"{place} = {label}: labels must be in [0, {classes}) for {classes} classes"
        + ("" if ignore_index is None else f", or ignore_index = {ignore_index}")
    )


def checked_labels(target: Array, classes: int, ignore_index: int | None) -> Array:
    """Labels as int64, with -1 for rows that are ignored."""
    ignore_index = checked_ignore_index(ignore_index)
    no_class = ignore_index is None or not 0 <= ignore_index < classes
    if no_class and target.size and within(target, 0, classes - 1):
        return target.astype(np.int64, copy=not target.flags.aligned)
    # Before anything is marked: a format of unsigned numbers has no -1. What int64 does not hold is
    # told by the numbers as they came.
    labels = target.astype(np.int64)
    given = target if target.dtype.kind == "u" else labels
    ignored = np.zeros(target.shape, np.bool_) if ignore_index is None else given == ignore_index
    bad = ~ignored & ((target < 0) | (target >= classes))
    if bad.any():
        index = first(bad)
        raise label_error(at("target", index), target[index], classes, ignore_index)
    labels[ignored] = -1
    return labels


# Where results go.


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


def checked_outs(out: Any, z: Array) -> tuple[Array, Array]:
    """Where the gradient and the Hessian's diagonal go."""
    if out is None:
        out = (None, None)
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError("out must be a tuple (dz, h), each an array or None")
    dz, h = (checked_out(o, z, f"out: {name}") for o, name in zip(out, ("dz", "h"), strict=True))
    if np.may_share_memory(dz, h):
        raise ValueError("out: dz and h share memory")
    return dz, h
