"""Stand-ins for the device's library of functions, and a fused multiply-add that is one.

Triton's interpreter has neither: it calls no external function, and rounds a product before it
adds. Both are needed to run the kernels as they are, where there is no GPU.
"""

# mypy: ignore-errors
from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def _on_arrays(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        with np.errstate(all="ignore"):
            data = np.asarray(function(x.handle.data), dtype=x.handle.data.dtype)
        return tl.core.tensor(interpreter.TensorHandle(data, x.handle.dtype), x.type)

    return call


exp, expm1, log, log1p, tanh = map(_on_arrays, (np.exp, np.expm1, np.log, np.log1p, np.tanh))
erf, erfc = map(_on_arrays, (_erf, _erfc))


def fused(x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once: through the exact product and sum of their halves."""
    with np.errstate(all="ignore"):
        if x.dtype == np.float32:
            product = x.astype(np.float64) * y  # exact
            total = product + z
            # Two roundings differ from one where the first gives a tie of the second.
            tie = total.view(np.int64) & 0x1FFFFFFF == 0x10000000
            if np.any(tie | (np.abs(total) < np.finfo(np.float32).tiny)):
                total = _to_odd_sum(product, z.astype(np.float64))
            return total.astype(np.float32)
        if x.dtype != np.float64:
            return x * y + z
        product = x * y
        low = _product_error(x, y, product)
        total = product + z
        back = total - product
        missing = (product - (total - back)) + (z - back)
        result = total + _to_odd_sum(missing, low)
        return np.where(np.isfinite(result) & np.isfinite(low), result, total)


def _to_odd_sum(a: Any, b: Any) -> Any:
    """a + b with its last bit set where it is not exact, so that one more rounding is right."""
    total = a + b
    back = total - a
    missing = (a - (total - back)) + (b - back)
    bits = total.view(np.int64)
    step = np.where((missing > 0) == (total > 0), 1, -1)
    move = (missing != 0) & np.isfinite(missing) & (bits & 1 == 0)
    return np.where(move, bits + step, bits).view(np.float64)


def _product_error(x: Any, y: Any, product: Any) -> Any:
    def halves(a: Any) -> tuple[Any, Any]:
        high = (a.view(np.int64) & ~np.int64((1 << 27) - 1)).view(np.float64)
        return high, a - high

    (xh, xl), (yh, yl) = halves(x), halves(y)
    return ((xh * yh - product) + xh * yl + xl * yh) + xl * yl


def _create_fma(self: Any, x: Any, y: Any, z: Any) -> Any:
    given = x.data, y.data, z.data
    if x.data.dtype != np.float32:
        given = tuple(map(np.ascontiguousarray, np.broadcast_arrays(*given)))
    return interpreter.TensorHandle(fused(*given), z.dtype.scalar)


interpreter.InterpreterBuilder.create_fma = _create_fma


def _reduced_in_halves(self: Any, given: Any) -> Any:
    """A reduction by a function of one's own: one half with the other at a time, where the
    interpreter's goes through the elements one by one.
    """
    tensors, axis = self.unravel(given, self.axis)
    data = [np.moveaxis(t.handle.data, axis, 0) for t in tensors]
    while len(data[0]) > 1:
        half = len(data[0]) // 2
        parts = [
            self.to_tensor(np.ascontiguousarray(d[some]), t.dtype)
            for some in (slice(half), slice(half, None))
            for d, t in zip(data, tensors, strict=True)
        ]
        found = self.combine_fn.fn(*parts)
        data = [f.handle.data for f in (found if isinstance(found, tuple) else (found,))]
    if self.keep_dims:
        raise NotImplementedError("a reduction that keeps its axis")
    return [self.to_tensor(d[0], t.dtype) for d, t in zip(data, tensors, strict=True)]


interpreter.ReduceOps.generic_reduce = _reduced_in_halves


def _unwarned(run: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of the interpreter that is as silent on infinities as a GPU."""

    @wraps(run)
    def silent(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return run(*args)

    return silent


for _name in ("unary_op", "binary_op", "ternary_op", "create_fp_trunc", "create_fp_ext"):
    setattr(
        interpreter.InterpreterBuilder,
        _name,
        _unwarned(getattr(interpreter.InterpreterBuilder, _name)),
    )


def _call_within_a_kernel(self: Any, *args: Any, **kwargs: Any) -> Any:
    """A function that a kernel calls. The interpreter's own way patches the language for each anew,
    which takes most of the time; for ours the kernel's launch has done so.
    """
    if not self.fn.__module__.startswith(str(__package__)):
        interpreter._patch_lang(self.fn)
    try:
        return self.rewrite()(*args, **kwargs)
    except Exception as error:
        raise interpreter.InterpreterError(repr(error)) from error


interpreter.InterpretedFunction.__call__ = _call_within_a_kernel
