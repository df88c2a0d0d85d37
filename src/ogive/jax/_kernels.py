"""Kernels as primitives of JAX: Ogive's own on the CPU, called by XLA on its threads, and the
formula's twin everywhere else.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

import ogive

from .. import _native
from ..calls import rules
from ..calls.loop import loop, modes
from ..catalog import find
from . import _formulas, _partition
from ._config import config
from ._formulas import FORMULAS, FORWARD, twin
from ._warn import warn_of_formula

Array = Any
Fixed = tuple[float | int | bool | None, ...]
"""The numbers of a call in the order of its operands; None where the number is an array."""


@cache
def why_no_kernels() -> str:
    """Registers the handlers with XLA; why that cannot be, or nothing."""
    try:
        for name, address in _native.xla_handlers().items():
            target = jax.ffi.pycapsule(ctypes.c_void_p(address))
            jax.ffi.register_ffi_target(name, target, platform="cpu")
    except Exception as error:  # whatever an unknown version of JAX does instead
        return f"{type(error).__name__}: {error}"
    return ""


def bits_of(fixed: Fixed) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as the handler reads them: the bits of each, and which are fixed."""
    bits = np.zeros(len(fixed), np.int64)
    for k, number in enumerate(fixed):
        if isinstance(number, float):
            bits[k] = np.float64(number).view(np.int64)
        elif number is not None:
            bits[k] = number
    return bits, np.array([number is not None for number in fixed], np.int64)


# ------------------------------------------------------------------------------ the primitive

kernel_p = Primitive("ogive_kernel")
kernel_p.multiple_results = True


def call(name: str, mode: str, tensors: Sequence[Array], numbers: Sequence[Any] = ()) -> Array:
    """One mode of one function, elementwise or along the last axis.

    Tensors have one shape, but for dy of rows that each give one number. A number is Python's, or
    an array: one for all, one for each element or row, or a mask.
    """
    by_kernel = not why_no_kernels() and config.kernels_for(name)
    found = bind(name, mode, tensors, numbers, by_kernel)
    return found[0] if len(found) == 1 else tuple(found)


def tensors_of(name: str, mode: str) -> int:
    return 2 if mode == FORWARD else loop(name, mode).tensors


def operands(fixed: Fixed, arrays: Sequence[Array]) -> list[Any]:
    """Fixed numbers and arrays in the kernel's order."""
    rest = iter(arrays)
    return [next(rest) if number is None else number for number in fixed]


def by_twin(*arrays: Array, name: str, mode: str, fixed: Fixed, by_kernel: bool) -> list[Array]:
    count = tensors_of(name, mode)
    tensors, own = arrays[:count], operands(fixed, arrays[count:])
    if not over_rows(name, mode):  # in twins numbers have the width of the tensors
        own = [n.astype(jnp.promote_types(n.dtype, jnp.float32)) if hasattr(n, "dtype") else n
               for n in own]  # fmt: skip
    found = twin(name, mode)(*tensors, *own)
    return list(found) if isinstance(found, tuple) else [found]


def of_results(*avals: Any, name: str, mode: str, fixed: Fixed, by_kernel: bool) -> list[Any]:
    tensors = avals[: tensors_of(name, mode)]
    like = tensors[-1]
    shape = like.shape
    reduces = loop(name, "value").reduces
    if reduces and mode in ("value", FORWARD):
        shape = shape[:-1]
    weak = all(aval.weak_type for aval in tensors)
    results = 1 if mode == FORWARD else len(loop(name, mode).results)
    return [_partition.result(like, shape, avals, weak)] * results


def outside_jit(primitive: Primitive) -> Callable[..., Any]:
    """A primitive's own call: compiled, once for its parameters."""

    @cache
    def compiled(**parameters: Any) -> Any:
        return jax.jit(partial(primitive.bind, **parameters))

    def call(*arrays: Array, **parameters: Any) -> Any:
        function = compiled(**parameters)
        if not jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return function(*arrays)
        with jax.disable_jit(False):  # else it would call the primitive again, without end
            return function(*arrays)

    return call


kernel_p.def_impl(outside_jit(kernel_p))
kernel_p.def_abstract_eval(of_results)


# ----------------------------------------------------------------------------------- lowering


def by_twin_with_warning(*arrays: Array, **parameters: Any) -> list[Array]:
    if parameters["mode"] != FORWARD and parameters["by_kernel"]:
        warn_of_formula(parameters["name"], why_no_kernels())
    return by_twin(*arrays, **parameters)


def lowered_to_kernel(ctx: Any, *values: Any, **parameters: Any) -> Any:
    if not parameters["by_kernel"] or parameters["mode"] == FORWARD:
        return mlir.lower_fun(by_twin, multiple_results=True)(ctx, *values, **parameters)
    if _partition.over_devices(ctx):
        split = partial(_partition.elementwise_or_rows, inner_p, tensors_of)
        return mlir.lower_fun(split, multiple_results=True)(ctx, *values, **parameters)
    return lowered_here(ctx, *values, **parameters)


def lowered_here(ctx: Any, *values: Any, name: str, mode: str, fixed: Fixed, **_: Any) -> Any:
    bits, which = bits_of(fixed)
    rule = jax.ffi.ffi_lowering("ogive_kernel")
    return rule(ctx, *values, kernel=name, mode=mode, numbers=bits, fixed=which)


mlir.register_lowering(kernel_p, mlir.lower_fun(by_twin_with_warning, multiple_results=True))
mlir.register_lowering(kernel_p, lowered_to_kernel, platform="cpu")

# The same on one shard, inside `custom_partitioning`.
inner_p = Primitive("ogive_kernel_on_shard")
inner_p.multiple_results = True
inner_p.def_abstract_eval(of_results)
mlir.register_lowering(inner_p, lowered_here, platform="cpu")
_partition.lowered_for_devices(kernel_p)


# -------------------------------------------------------------------------------- derivatives


def linear_in_dy(mode: str) -> bool:
    return mode == FORWARD or rules.pulls_back(mode)


def bind(
    name: str, mode: str, tensors: Sequence[Array], numbers: Sequence[Any], by_kernel: bool
) -> list[Array]:
    fixed = tuple(None if hasattr(n, "dtype") else n for n in numbers)
    arrays = [n for n in numbers if hasattr(n, "dtype")]
    found: list[Array] = kernel_p.bind(
        *tensors, *arrays, name=name, mode=mode, fixed=fixed, by_kernel=by_kernel
    )
    return found


def jvp(primals: Any, tangents: Any, **parameters: Any) -> Any:
    found = kernel_p.bind(*primals, **parameters)
    sums: list[Any] = [None] * len(found)

    def add(terms: Sequence[Any]) -> None:
        for k, term in enumerate(terms):
            if term is not None:
                sums[k] = term if sums[k] is None else sums[k] + term

    by_formula = []
    for k, t in enumerate(tangents):
        if isinstance(t, ad.Zero) or t.dtype == jax.dtypes.float0:
            continue
        terms = along(k, t, primals, found, **parameters)
        if terms is None:
            by_formula.append(k)
        else:
            add(terms)
    if by_formula:

        def of_some(*some: Array) -> list[Array]:
            given = list(primals)
            for k, value in zip(by_formula, some, strict=True):
                given[k] = value
            return by_twin(*given, **parameters)

        at, moves = ([given[k] for k in by_formula] for given in (primals, tangents))
        add(jax.jvp(of_some, at, moves)[1])
    return found, [zero_like(y) if t is None else t for y, t in zip(found, sums, strict=True)]


def zero_like(y: Array) -> ad.Zero:
    """The tangent of what does not move."""
    return ad.Zero(jax.typeof(y).to_tangent_aval())


def along(
    k: int, t: Array, primals: Any, found: Any, *, name: str, mode: str, fixed: Fixed,
    by_kernel: bool,
) -> list[Any] | None:  # fmt: skip
    """The tangents of the results along that of operand k, by kernels; None where the formula is
    to be differentiated.
    """
    card, count = find(name), tensors_of(name, mode)
    tensors, numbers = primals[:count], operands(fixed, primals[count:])

    def kernel(mode: str, *tensors: Array, numbers: Sequence[Any] = numbers) -> list[Array]:
        return bind(name, mode, tensors, numbers, by_kernel)

    if linear_in_dy(mode) and k == 0:
        return kernel(mode, t, *tensors[1:])
    if k >= count:
        return None
    if mode.startswith("sampled"):
        return kernel("sampled_backward", t, *tensors) if mode == "sampled_value" else [None]
    if card.kind == "gated" and mode == "value":
        return [kernel("backward", t, *tensors)[k]]
    if card.kind == "rows" and mode == "value":
        return [pushed_forward(name, t, tensors[0], found[0], numbers, by_kernel)]
    if card.kind == "rows" and card.draws:
        return [along_sample(name, t, tensors, numbers, by_kernel)]
    if card.kind != "unary":
        return None
    if mode == "value":
        if keeps_output(name, numbers):
            return kernel("backward_from_output", t, found[0])
        return kernel("backward", t, *tensors)
    if mode in ("derivative", "backward"):
        if "second_derivative" not in modes(name):
            return [None]  # straight pieces
        (second,) = kernel("second_derivative", tensors[-1])
        return [t * second if mode == "derivative" else tensors[0] * (t * second)]
    return None


def keeps_output(name: str, numbers: Sequence[Any]) -> bool:
    """Whether backward reads y, the least that is exact; else x."""
    known = FORMULAS.slope_from_output(find(name)) is not None
    if any(hasattr(n, "dtype") for n in numbers):
        return False
    return rules.keeping(find(name), output=known).kept(numbers, None) == "output"


def pushed_forward(
    name: str, t: Array, x: Array, y: Array, numbers: Sequence[Any], by_kernel: bool
) -> Array:
    """The tangent of y along that of rows x."""
    mode = _formulas.pulling(name)
    mask = numbers[-1] if loop(name, "value").masked else True
    if mask is not True:
        t = jnp.where(mask, t, 0)
    kept = y if rules.reads_output(mode) else x
    own = numbers[: len(loop(name, mode).numbers)]
    if is_symmetric(name):
        return bind(name, mode, [t, kept], own, by_kernel)[0]
    (pushed,) = bind(name, FORWARD, [t, kept], own, by_kernel)
    return pushed if mask is True or pushed.ndim < x.ndim else jnp.where(mask, pushed, 0)


def along_sample(
    name: str, t: Array, tensors: Sequence[Array], numbers: Sequence[Any], by_kernel: bool
) -> Array:
    """The tangent of dx along the logits of a random softmax, which the output determines."""
    (y,) = bind(name, "value", tensors[1:], [*numbers, False], by_kernel)
    (ty,) = bind(name, "backward", [t, tensors[1]], numbers, by_kernel)
    pull = twin("softmax", "backward_from_output")
    _, tangent = jax.jvp(lambda y: pull(tensors[0], y, numbers[0]), (y,), (ty,))
    found: Array = tangent
    return found


@cache
def is_symmetric(name: str) -> bool:
    """Whether the Jacobian of a function of rows is its own transpose, as softmax's is."""
    if find(name).draws:
        return True  # softmax's
    if loop(name, "value").reduces:
        return False
    jacobian = getattr(ogive.jacobian, name)(np.array([0.3, -0.2, 0.9]))
    return bool(np.allclose(jacobian, jacobian.T))


def transpose(
    cotangents: Any, *primals: Any, name: str, mode: str, fixed: Fixed, by_kernel: bool
) -> Any:
    (dy, *rest) = primals
    if not ad.is_undefined_primal(dy) or any(map(ad.is_undefined_primal, rest)):
        raise NotImplementedError(f"ogive.jax: the transpose of {name} ({mode}) in other operands")
    back = mode
    if find(name).kind == "rows" and not is_symmetric(name):
        back = _formulas.pulling(name) if mode == FORWARD else FORWARD
    total: Any = None
    for k, ct in enumerate(cotangents):  # gated functions have two, da and db
        if not isinstance(ct, ad.Zero):
            term = kernel_p.bind(ct, *rest, name=name, mode=back, fixed=fixed, by_kernel=by_kernel)
            total = term[k] if total is None else total + term[k]
    return [ad.Zero(dy.aval) if total is None else total] + [None] * len(rest)


ad.primitive_jvps[kernel_p] = jvp
ad.primitive_transposes[kernel_p] = transpose


def over_rows(name: str, mode: str) -> bool:
    return mode == FORWARD or not loop(name, mode).elementwise


def batch(arrays: Any, axes: Any, *, name: str, mode: str, fixed: Fixed, **parameters: Any) -> Any:
    """One call on arrays with an axis more, in front."""
    (size,) = {a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None}
    count = tensors_of(name, mode)
    moved = [
        a if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(arrays, axes, strict=True)
    ]
    tensors = [
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else a
        for a, axis in zip(moved[:count], axes[:count], strict=True)
    ]
    whole = tensors[-1].shape
    each = zip(number_operands(name, mode), fixed, strict=True)
    open_ = [kind for kind, number in each if number is None]
    numbers = []
    for a, axis, kind in zip(moved[count:], axes[count:], open_, strict=True):
        to = whole if kind.row or not over_rows(name, mode) else whole[:-1]
        if axis is None and a.ndim == 0:
            numbers.append(a)
        elif axis is None:
            numbers.append(jnp.broadcast_to(a, to))
        else:
            lead = (a.shape[0], *(1,) * (len(to) - a.ndim), *a.shape[1:])
            numbers.append(jnp.broadcast_to(a.reshape(lead), to))
    found = kernel_p.bind(*tensors, *numbers, name=name, mode=mode, fixed=fixed, **parameters)
    return found, [0] * len(found)


def number_operands(name: str, mode: str) -> tuple[Any, ...]:
    return loop(name, _formulas.pulling(name) if mode == FORWARD else mode).numbers


batching.primitive_batchers[kernel_p] = batch
