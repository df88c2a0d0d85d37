"""Logits that are not computed until somebody reads them.

A language model's head gives them, in training, and the model's own code makes its loss of them:
it reshapes and shifts them, caps or scales them, and calls ``cross_entropy``. All of that is
recorded, and the loss is that of the linear layer, of which the logits are never whole. Whatever
else is done with them, printing and ``argmax`` too, computes them first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ._public import FUNCTIONS


class Product:
    """A linear layer's inputs and weights as they were when it was called."""

    def __init__(self, x: Tensor, W: Tensor, bias: Tensor | None):
        self.x, self.W, self.bias = x, W, bias
        self.versions = self.versions_now()
        kind = x.device.type
        self.autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None

    def versions_now(self) -> tuple[int, ...]:
        return tuple(t._version for t in (self.x, self.W, self.bias) if t is not None)

    def as_then(self) -> Any:
        """The context of autocast in which the layer was called."""
        kind = self.x.device.type
        if self.autocast is None:
            return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else (
                nullcontext()
            )  # fmt: skip
        return torch.autocast(kind, self.autocast)

    def logits(self, x: Tensor) -> Tensor:
        if self.versions_now() != self.versions:
            raise RuntimeError(
                "these logits were not read before the weights of their layer changed, and cannot "
                "be computed any more: read them before the optimiser's step, or call "
                "swap(model, fuse=False)"
            )
        with self.as_then(), torch.enable_grad():
            return torch.nn.functional.linear(x, self.W, self.bias)


class Deferred(Tensor):
    """Logits of a layer, or of some of its rows: to be scaled, capped and rounded to a format."""

    product: Product
    rows: Tensor
    """The layer's inputs, of which these are the logits."""
    steps: tuple[float | None, ...]
    """What is done to the logits: multiplied by a number, or None for tanh."""
    whole: Tensor | None
    """The logits, once they were computed."""

    @staticmethod
    def __new__(
        cls: Any, product: Product, rows: Tensor, steps: Any = (), dtype: Any = None
    ) -> Deferred:
        shape = (*rows.shape[:-1], len(product.W))
        dtype = dtype or product.autocast or rows.dtype
        made: Any = Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=rows.device)
        made.product, made.rows, made.steps, made.whole = product, rows, steps, None
        return made  # type: ignore[no-any-return]

    def like(self, rows: Tensor | None = None, step: Any = (), dtype: Any = None) -> Deferred:
        rows = self.rows if rows is None else rows
        return Deferred(self.product, rows, (*self.steps, *step), dtype or self.dtype)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func.__name__
        of = getattr(func, "__self__", None)  # of an attribute's getter
        if name == "__get__" and getattr(of, "__name__", "") == "requires_grad":
            return any(t.requires_grad for t in (args[0].rows, args[0].product.W))
        if name in ("size", "dim", "numel", "__len__", "is_floating_point", "is_complex") or (
            name == "__get__" and getattr(of, "__name__", "") in KNOWN
        ):
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        recorded = RECORDED.get(name)
        if recorded is not None and isinstance(args[0], Deferred) and args[0].whole is None:
            found = recorded(func, *args, **kwargs)
            if found is not NotImplemented:
                return found
        args, kwargs = tree_map(computed, (args, kwargs))
        return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """For what sees no subclass: C++, autograd Functions."""
        args, kwargs = tree_map(computed, (args, kwargs or {}))
        return func(*args, **kwargs)


KNOWN = ("shape", "dtype", "device", "ndim", "layout", "is_cuda", "is_cpu", "is_meta", "is_sparse",
         "is_nested", "is_quantized")  # fmt: skip
"""What is known of logits that were not computed."""


def computed(value: Any) -> Any:
    """The logits, computed once."""
    if not isinstance(value, Deferred):
        return value
    if value.whole is None:
        with torch._C.DisableTorchFunctionSubclass():
            dtype = value.dtype
        z = value.product.logits(value.rows)
        with torch.enable_grad():
            if value.steps:
                z = z.to(dtype)
            for step in value.steps:
                z = z.tanh() if step is None else z * step
            value.whole = z.to(dtype)
    return value.whole


# What is recorded. Each gives NotImplemented where the logits must be computed.


def reshaped(func: Any, z: Deferred, *args: Any, **kwargs: Any) -> Any:
    shape = func(torch.empty(z.shape, device="meta"), *args, **kwargs).shape
    if not shape or shape[-1] != z.shape[-1]:
        return NotImplemented
    return z.like(z.rows.reshape(*shape[:-1], z.rows.shape[-1]))


def indexed(func: Any, z: Deferred, index: Any) -> Any:
    """Some of the rows, whole."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (Tensor, list)) for part in parts[1:]) or None in parts[1:]:
        return NotImplemented
    if isinstance(parts[0], Tensor):
        consumed = parts[0].dim() if parts[0].dtype == torch.bool else 1
        rows_alone = len(parts) == 1 and consumed < z.dim()
    elif all(isinstance(part, (int, slice)) or part is Ellipsis for part in parts):
        whole = parts[-1] == slice(None)
        rows_alone = whole if Ellipsis in parts else whole or len(parts) < z.dim()
    else:
        return NotImplemented
    return z.like(z.rows[index]) if rows_alone else NotImplemented


def rounded(func: Any, z: Deferred, *args: Any, **kwargs: Any) -> Any:
    """In a format that holds theirs."""
    with torch._C.DisableTorchFunctionSubclass():
        dtype, device = z.dtype, z.device
    found = func(torch.empty(0, dtype=dtype, device=device), *args, **kwargs)
    if found.device != device or torch.promote_types(dtype, found.dtype) != found.dtype:
        return NotImplemented
    return z if found.dtype == dtype else z.like(dtype=found.dtype)


def scaled(func: Any, z: Deferred, other: Any, **kwargs: Any) -> Any:
    if kwargs or not isinstance(other, (int, float)) or not other > 0:
        return NotImplemented
    return z.like(step=(1 / other if "div" in func.__name__ else other,))


def capped(func: Any, z: Deferred) -> Any:
    return z.like(step=(None,))


def lost(
    func: Any, z: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """The loss, by the linear layer."""
    numbers = as_options(z.steps)
    if numbers is None or z.dim() != 2 or size_average is not None or reduce is not None:
        return NotImplemented
    product, rows = z.product, z.rows
    if product.versions_now() != product.versions:
        return NotImplemented  # which says so
    with torch._C.DisableTorchFunctionSubclass():
        dtype = z.dtype
    with product.as_then():
        loss: Tensor = FUNCTIONS["linear_cross_entropy"](
            rows if product.autocast else rows.to(dtype), product.W, computed(target),
            linear_bias=product.bias, weight=computed(weight), reduction=reduction,
            ignore_index=ignore_index, label_smoothing=label_smoothing, **numbers,
        )  # fmt: skip
    return loss


def as_options(steps: tuple[float | None, ...]) -> dict[str, float] | None:
    """The steps as softcap and temperature, c tanh(z/c)/T; None if they are something else."""
    factors = [1.0]
    for step in steps:
        if step is None:
            factors.append(1.0)
        else:
            factors[-1] *= step
    if len(factors) == 1:
        return {"temperature": 1 / factors[0]}
    if len(factors) == 2:
        inner, outer = factors
        return {"softcap": 1 / inner, "temperature": 1 / (inner * outer)}
    return None


RECORDED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("view", "reshape", "flatten", "unsqueeze", "squeeze"), reshaped),
    **dict.fromkeys(("float", "to", "double", "contiguous"), rounded),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "div", "__truediv__", "true_divide"), scaled),
    "__getitem__": indexed, "tanh": capped, "cross_entropy": lost,
}  # fmt: skip


def deferred(layer: Any, x: Tensor) -> Any:
    """What the layer gives of x, to be computed when it is read."""
    return Deferred(Product(x, layer.weight, layer.bias), x)
