"""Logits that are not computed until somebody reads them.

A language model's head gives them, in training, and the model's own code makes its loss of them:
it reshapes and shifts them, caps or scales them, and calls ``cross_entropy``. All of that is
recorded, and the loss is that of the linear layer, of which the logits are never whole. Whatever
else is done with them, printing and ``argmax`` too, computes them first.

A compiler does the same while it traces: its graph has the loss, and gives the layer's inputs, of
which logits are computed after it, if they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ._operators import define
from ._public import FUNCTIONS

compiling = torch.compiler.is_dynamo_compiling
versions = define(
    "versions", "(Tensor[] tensors) -> Tensor",
    lambda tensors: torch.tensor([t._version for t in tensors]),
    lambda tensors: torch.empty(len(tensors), dtype=torch.int64),
)  # fmt: skip
"""How often tensors were written to, when a graph runs."""


class Product:
    """A linear layer's inputs and weights as they were when it was called."""

    def __init__(self, x: Tensor, W: Tensor, bias: Tensor | None):
        self.x, self.W, self.bias = x, W, bias
        # In a graph nothing is written to its own tensors.
        self.watched = [t for t in (None if compiling() else x, W, bias) if t is not None]
        self.versions = self.versions_now()
        kind = x.device.type
        self.autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None

    def versions_now(self) -> Any:
        if compiling():
            return versions([t.detach() for t in self.watched])
        return [t._version for t in self.watched]

    def is_as_then(self) -> bool:
        then = self.versions
        if compiling():  # it was called in the same graph
            return True
        return (then.tolist() if isinstance(then, Tensor) else then) == self.versions_now()  # type: ignore[no-any-return]

    def as_then(self) -> Any:
        """The context of autocast in which the layer was called."""
        kind = self.x.device.type
        if self.autocast is None:
            return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else (
                nullcontext()
            )  # fmt: skip
        return torch.autocast(kind, self.autocast)

    def logits(self, x: Tensor) -> Tensor:
        if not self.is_as_then():
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
    form: torch.dtype
    whole: Tensor | None
    """The logits, once they were computed."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func.__name__
        word = ""
        if name == "__get__":  # an attribute's
            word = getattr(getattr(func, "__self__", None), "__name__", "")
        if word == "requires_grad":
            return any(t.requires_grad for t in (args[0].rows, args[0].product.W))
        if word in KNOWN:
            return getattr(blank(args[0]), word)
        if name in ("size", "dim", "numel", "__len__", "is_floating_point", "is_complex"):
            return func(blank(args[0]), *args[1:], **kwargs)
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


class Traced(Deferred):
    """The same where a compiler traces, which makes no tensors but those that have memory.

    In its graph this is the logits themselves, for what reads them there, and else is dropped. What
    the graph gives is `unread`.
    """

    __torch_dispatch__: Any = torch._C._disabled_torch_dispatch_impl


DEFERRED = frozenset((Deferred, Traced))


def made(product: Product, rows: Tensor, steps: Any = (), dtype: Any = None) -> Any:
    """Logits of a layer's inputs, to be computed when they are read."""
    form = dtype or product.autocast or rows.dtype
    if compiling():
        return promised(logits(product, rows, steps, form), product, rows, steps, form)
    shape, device = (*rows.shape[:-1], len(product.W)), rows.device
    wrapper = Tensor._make_wrapper_subclass(Deferred, shape, dtype=form, device=device)
    return holding(wrapper, product, rows, steps, form)


def promised(data: Tensor, *what: Any) -> Any:
    return holding(data.as_subclass(Traced), *what)


def holding(z: Any, product: Product, rows: Tensor, steps: Any, form: torch.dtype) -> Any:
    z.product, z.rows, z.steps, z.form, z.whole = product, rows, steps, form, None
    return z


def unread(value: Any) -> Any:
    """What a graph gives of what a model gives: a NaN in place of all logits that were not read."""
    if isinstance(value, Traced):
        nothing = value.rows.new_full((), math.nan, dtype=value.form).expand(blank(value).shape)
        return promised(nothing, value.product, value.rows, value.steps, value.form)
    if isinstance(value, tuple):
        return tuple(map(unread, value))
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, Traced):
                value[name] = unread(item)
    return value


def blank(z: Deferred) -> Tensor:
    """A tensor of their shape and format, without memory for them."""
    x = z.rows
    return x.new_empty((), dtype=z.form).expand(*x.shape[:-1], len(z.product.W))


def like(z: Deferred, rows: Tensor | None = None, step: Any = (), dtype: Any = None) -> Any:
    """The same logits, but for their rows, one more step, or their format."""
    rows = z.rows if rows is None else rows
    return made(z.product, rows, (*z.steps, *step), dtype or z.form)


KNOWN = ("shape", "dtype", "device", "ndim", "layout", "is_cuda", "is_cpu", "is_meta", "is_sparse",
         "is_nested", "is_quantized")  # fmt: skip
"""What is known of logits that were not computed."""


def computed(value: Any) -> Any:
    """The logits, computed once."""
    if not isinstance(value, Deferred):
        return value
    if value.whole is None:
        value.whole = logits(value.product, value.rows, value.steps, value.form)
    return value.whole


def logits(product: Product, rows: Tensor, steps: Any, form: torch.dtype) -> Tensor:
    z = product.logits(rows)
    with torch.enable_grad():
        if steps:
            z = z.to(form)
        for step in steps:
            z = z.tanh() if step is None else z * step
        return z.to(form)


# What is recorded. Each gives NotImplemented where the logits must be computed.


def reshaped(func: Any, z: Deferred, *args: Any, **kwargs: Any) -> Any:
    shape = func(blank(z), *args, **kwargs).shape
    if not shape or shape[-1] != len(z.product.W):
        return NotImplemented
    return like(z, z.rows.reshape(*shape[:-1], z.rows.shape[-1]))


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
    return like(z, z.rows[index]) if rows_alone else NotImplemented


def rounded(func: Any, z: Deferred, *args: Any, **kwargs: Any) -> Any:
    """In a format that holds theirs."""
    found = func(z.rows.new_empty(0, dtype=z.form), *args, **kwargs)
    fits = torch.promote_types(z.form, found.dtype) == found.dtype
    if found.device != z.rows.device or not fits:
        return NotImplemented
    return z if found.dtype == z.form else like(z, dtype=found.dtype)


def scaled(func: Any, z: Deferred, other: Any, **kwargs: Any) -> Any:
    if kwargs or not isinstance(other, (int, float)) or not other > 0:
        return NotImplemented
    return like(z, step=(other,))


def divided(func: Any, z: Deferred, other: Any, **kwargs: Any) -> Any:
    if kwargs or not isinstance(other, (int, float)) or not other > 0:
        return NotImplemented
    return like(z, step=(1 / other,))


def capped(func: Any, z: Deferred) -> Any:
    return like(z, step=(None,))


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
    if not product.is_as_then():
        return NotImplemented  # which says so
    with product.as_then():
        loss: Tensor = FUNCTIONS["linear_cross_entropy"](
            rows if product.autocast else rows.to(z.form), product.W, computed(target),
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
    **dict.fromkeys(("mul", "__mul__", "__rmul__"), scaled),
    **dict.fromkeys(("div", "__truediv__", "true_divide"), divided),
    "__getitem__": indexed, "tanh": capped, "cross_entropy": lost,
}  # fmt: skip


def deferred(layer: Any, x: Tensor) -> Any:
    """What the layer gives of x, to be computed when it is read."""
    return made(Product(x, layer.weight, layer.bias), x)
