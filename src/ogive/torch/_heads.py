"""Loss heads in torch: value and gradient from one native pass, and only the gradient kept.

The checks, the options and the reduction are those of NumPy's heads, which read the tensors'
memory; torch's threads do the work.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from .. import _heads, _native
from .._ufuncs import BFLOAT16
from ..catalog import Card
from . import _formulas, _raw
from ._dispatch import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    ValueOf,
    applier,
    at_hand,
    check_devices,
    checked_dim,
    floating,
    is_batched,
    route,
    route_of,
    warn_of_fallback,
)
from ._drawn import ONE_THREAD
from ._library import define, on_cuda
from ._raw import FORMATS, lie_alike

IGNORED = -100
"""torch's label of rows that do not count."""


@contextmanager
def torch_threads() -> Iterator[None]:
    """Calls on arrays share their work among torch's threads, not among Ogive's own."""
    before = _native.use_outside(True)
    try:
        yield
    finally:
        _native.use_outside(before)


def as_array(t: Tensor) -> Any:
    """A CPU tensor's memory as an array."""
    t = t.detach().resolve_neg()
    if t.dtype == torch.bfloat16:
        if BFLOAT16 is None:
            raise RuntimeError("losses of bfloat16 logits need ml_dtypes: pip install ml_dtypes")
        return t.view(torch.int16).numpy().view(BFLOAT16)
    return t.numpy()


def as_tensor(array: Any) -> Tensor:
    array = np.asarray(array)
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


class Form(NamedTuple):
    """What is known of a tensor without a look at its elements."""

    shape: torch.Size
    dtype: torch.dtype

    def stand_in(self) -> Any:
        """An array of that shape and kind, of zeros that take no memory."""
        without = BFLOAT16 is None and self.dtype == torch.bfloat16
        one = as_array(torch.zeros((), dtype=torch.float32 if without else self.dtype))
        return np.broadcast_to(one, self.shape)


class Head:
    """One loss of logits and targets."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        module = importlib.import_module(f"ogive.catalog.heads.{card.name}")
        self.evaluate = module.evaluate
        taken = inspect.signature(self.evaluate).parameters
        self.over_rows = "axis" in taken
        self.options = {
            name: p for name, p in taken.items()
            if name not in ("z", "target", "axis", "gradient", "hessian", "out")
        }  # fmt: skip
        self.formula = _formulas.head(card, self.over_rows)
        self.numbers: Any = getattr(module, "checked_options", None)
        if self.numbers is not None:
            self.taken = tuple(inspect.signature(self.numbers).parameters)
            self.usual = tuple(taken[name].default for name in self.taken)
            self.usual_numbers = self.numbers(*self.usual)
            self.weights = tuple(name for name in self.options if name.endswith("weight"))
            self.ones = (1.0,) * len(self.weights)
            mode = "labels" if self.over_rows else "probabilities"
            self.handle = _raw.handle_of(self.name, mode)
            self.summed = _raw.handle_of("summed", "value")
        self.apply = applier(head_function(self))
        self.define_operators()

    def run(
        self, z: Tensor, target: Tensor, dim: int, options: dict[str, Any], gradient: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The loss and, if asked for, its gradient."""
        if self.numbers is not None and (dim == z.dim() - 1 or not self.over_rows):
            done = self.run_dense(z, target, options, gradient)
            if done is not None:
                return done
        given = {k: as_array(v) if isinstance(v, Tensor) else v for k, v in options.items()}
        if self.over_rows:
            given["axis"] = dim
        with torch_threads():
            found = self.evaluate(as_array(z), as_array(target), gradient=gradient, **given)
        if not gradient:
            return as_tensor(found), None
        return as_tensor(found[0]), as_tensor(found[1])

    def run_dense(
        self, z: Tensor, target: Tensor, options: dict[str, Any], gradient: bool
    ) -> tuple[Tensor, Tensor | None] | None:
        """The same without weights where all lies dense, of int64 labels or an element's own
        probability: no detour through arrays, which small tensors pay more for than for their loss.
        None for the rest, errors included.
        """
        how, losses_count = options["reduction"], target.numel()
        if how not in ("mean", "sum") or not 0 < losses_count <= _heads.CHUNK or z.dim() == 0:
            return None
        if not self.only_numbers(options):
            return None
        if self.over_rows:
            rows, n = losses_count, z.size(-1)
            goal = checked_labels(z, target, options["ignore_index"])
            if goal is None:
                return None
            labels, kept = goal
        else:
            # One long row, which is one thread's.
            rows, n, labels, kept = 1, losses_count, target, losses_count
            if n > ONE_THREAD or target.shape != z.shape or not lie_alike(target, z):
                return None
            least, most = (t.item() for t in torch.aminmax(target))
            if not (least >= 0 and most <= 1):  # of which a NaN is neither
                return None
        given = [options[name] for name in self.taken]
        usual = all(map(operator.is_, given, self.usual))
        numbers = self.usual_numbers if usual else self.numbers(*given)
        total = float(kept) if how == "mean" else 1.0
        losses = torch.empty(losses_count, dtype=torch.float64)
        dz = torch.empty_like(z) if gradient else None
        _native.raw_rows(
            self.handle, FORMATS[z.dtype], rows, n, z.data_ptr(), labels.data_ptr(), *self.ones,
            *numbers, 1 / total if total else 0.0, losses.data_ptr(),
            None if dz is None else dz.data_ptr(),
        )  # fmt: skip
        loss = z.new_empty(())
        at = losses.data_ptr(), total or 1.0, loss.data_ptr()
        _native.raw_rows(self.summed, FORMATS[z.dtype], 1, losses_count, *at)
        return loss, dz

    def check(self, z: Tensor, target: Tensor, dim: int, options: dict[str, Any]) -> None:
        """Refuses what a run on the CPU would, but for the elements' values: to ask a device for
        those would be to wait for it.
        """
        given = tuple(
            (name, Form(v.shape, v.dtype) if isinstance(v, Tensor) else v)
            for name, v in options.items()
        )
        check_forms(self, Form(z.shape, z.dtype), Form(target.shape, target.dtype), dim, given)

    def by_formula(self, z: Tensor, target: Tensor, dim: int, options: dict[str, Any]) -> Tensor:
        """The same in torch's operations."""
        reduction = _heads.checked_reduction(options["reduction"])
        rest = {k: v for k, v in options.items() if k not in ("reduction", "ignore_index")}
        rows = z.movedim(dim, -1) if self.over_rows else z
        hard = self.over_rows and target.dim() < z.dim()
        if self.over_rows and not hard:
            target = target.movedim(dim, -1)
        if hard:
            kept = counted(target, options.get("ignore_index"))
            if options.get("ignore_index") is not None:
                rows = rows.masked_fill(~kept.unsqueeze(-1), 0)
            target = torch.where(kept, target, -1)
        loss = self.formula(rows, target, **rest)
        if reduction == "none":
            return loss.to(z.dtype)
        total: Any = loss.numel()
        if hard:
            weight = options.get("weight")
            total = total_weight(target, kept, weight, rows.shape[-1]).to(loss.dtype)
        found = loss.sum()
        if reduction == "mean":
            found = found / (total if hard else max(total, 1))
        return found.to(z.dtype)

    def only_numbers(self, options: dict[str, Any]) -> bool:
        """Whether there are no weights, and no option is a tensor, which may learn."""
        for name in self.weights:
            if options[name] is not None:
                return False
        return not any(isinstance(options[name], Tensor) for name in self.taken)

    def is_plain(self, z: Any, target: Any, options: dict[str, Any]) -> bool:
        """Whether there is nothing to look at but numbers: no transform, no autocast, no weights,
        nothing that learns but the logits; and classes, if any, lie along the last of two axes.
        """
        if self.numbers is None or route(z) != KERNELS or not at_hand(target):
            return False
        if z.dtype not in (torch.float32, torch.float64) or target.requires_grad:
            return False
        if not self.only_numbers(options):
            return False
        return not self.over_rows or (z.dim() == 2 and target.dtype is torch.int64)

    def call(
        self, input: Any, target: Any, dim: int | None, create_graph: bool, **options: Any
    ) -> Tensor:
        z = floating(input, self.name)
        if not isinstance(target, Tensor):
            raise TypeError(f"{self.name}: target must be a Tensor, not {type(target).__name__}")
        if z.dtype in (torch.float16, torch.bfloat16) and torch.is_autocast_enabled(z.device.type):
            z = z.float()  # as torch's losses do
        where = 0
        if self.over_rows:
            where = checked_dim(min(1, z.dim() - 1) if dim is None else dim, z, self.name)
        if "ignore_index" in options:
            options["ignore_index"] = ignored(options["ignore_index"], target)
        tensors = [t for t in (z, target, *options.values()) if isinstance(t, Tensor)]
        if any(t.device != z.device for t in tensors):
            check_devices(self.name, logits=z, target=target, **options)
        way = route_of(*tensors)
        if way in (TRANSFORMS, FORMULA) or any(
            t.requires_grad for t in tensors[1:] if torch.is_grad_enabled()
        ):
            return self.by_formula(z, target, where, options)
        if z.device.type not in ("cpu", "cuda", "meta"):
            warn_of_fallback(self.name, z.device.type)
            return self.by_formula(z, target, where, options)
        gradient = z.requires_grad and torch.is_grad_enabled()
        if way == KERNELS:
            if not gradient:
                return self.run(z, target, where, options, False)[0]
            if create_graph:
                with torch.no_grad():
                    value = self.run(z, target, where, options, False)[0]
                return ValueOf.apply(value, self.by_formula(z, target, where, options))  # type: ignore[no-any-return]
            return self.apply(z, target, where, options)  # type: ignore[no-any-return]
        ordered = [options[name] for name in self.options]
        loss: Tensor = self.operator(z, target, where, *ordered, gradient)[0]
        return loss

    def define_operators(self) -> None:
        of = self
        kinds = {int: "int", float: "float", str: "str", Any: "Tensor?", int | None: "int?",
                 float | None: "float?"}  # fmt: skip
        hints = typing.get_type_hints(self.evaluate)
        given = "".join(f", {kinds[hints[name]]} {name}" for name in self.options)

        def cpu(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            options = dict(zip(of.options, values, strict=True))
            loss, dz = of.run(z, target, dim, options, gradient)
            return loss, z.new_empty(0) if dz is None else dz

        def fake(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            options = dict(zip(of.options, values, strict=True))
            shape = [s for axis, s in enumerate(z.shape) if axis != dim or not of.over_rows]
            loss = z.new_empty(shape if options["reduction"] == "none" else [])
            return loss, z.new_empty(z.shape if gradient else (0,))

        def cuda(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            options = dict(zip(of.options, values, strict=True))
            of.check(z, target, dim, options)

            def by_triton(kernels: Any) -> tuple[Tensor, Tensor]:
                kernel = getattr(kernels, of.name, None)
                if kernel is None:
                    raise NotImplementedError
                run = over_rows if of.over_rows else over_elements
                return run(kernel, z, target, dim, options, gradient)

            def by_torch() -> tuple[Tensor, Tensor]:
                warn_of_fallback(of.name, z.device.type)
                with torch.enable_grad():
                    x = z.detach().requires_grad_()
                    loss = of.by_formula(x, target, dim, options)
                    if not gradient:
                        return loss.detach(), z.new_empty(0)
                    (dz,) = torch.autograd.grad(loss.sum(), x)
                return loss.detach(), dz.contiguous()

            found: tuple[Tensor, Tensor] = on_cuda(by_triton, by_torch)
            return found

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.dim, ctx.count = inputs[2], len(inputs)
            ctx.mark_non_differentiable(output[1])
            ctx.save_for_backward(output[1])

        def backward(ctx: Any, dy: Tensor, _: Any) -> Any:
            (dz,) = ctx.saved_tensors
            return of.scaled(dz, dy, ctx.dim), *(None,) * (ctx.count - 1)

        self.operator = define(
            self.name,
            f"(Tensor z, Tensor target, int dim{given}, bool gradient) -> (Tensor, Tensor)",
            cpu, fake, cuda=cuda, backward=backward, setup_context=save,
        )  # fmt: skip

    def scaled(self, dz: Tensor, dy: Tensor, dim: int) -> Tensor:
        if dy.dim() and self.over_rows and dy.dim() < dz.dim():
            dy = dy.unsqueeze(dim)
        return dz * dy


def checked_labels(z: Tensor, target: Tensor, ignored: Any) -> tuple[Tensor, int] | None:
    """Labels as the kernel takes them, and how many count; None if something is amiss, or looks
    other than it does mostly.
    """
    if target.dtype is not torch.int64 or not target.is_contiguous() or not lie_alike(z, z):
        return None
    n = z.size(-1)
    if target.shape != z.shape[:-1] or n == 0 or not (ignored is None or type(ignored) is int):
        return None
    labels = torch.empty_like(target)
    at = target.data_ptr(), target.numel(), n, ignored, labels.data_ptr()
    kept = _native.raw_labels(*at)
    return None if kept < 0 else (labels, kept)


@lru_cache(256)
def check_forms(
    of: Head, z: Form, target: Form, dim: int, options: tuple[tuple[str, Any], ...]
) -> None:
    """The CPU's own checks, on stand-ins; on none of the rows once the shapes fit each other."""
    given, shape = dict(options), z.shape
    fits, smallest = target.shape == shape, (0,) * len(shape)
    if of.over_rows:
        given["axis"] = dim
        lead = shape[:dim] + shape[dim + 1 :]
        labels = target.shape == lead and not target.dtype.is_floating_point
        fits = (fits or labels) and 0 not in shape[dim : dim + 1]
        smallest = tuple(n if axis == dim else 0 for axis, n in enumerate(shape))
        target_smallest = (0,) * len(lead) if labels else smallest
    else:
        target_smallest = smallest
    for name, form in options:
        if isinstance(form, Form):
            given[name] = form.stand_in()
            if of.over_rows:
                fits = fits and form.shape == shape[dim : dim + 1]
            elif broadcasts(form.shape, shape):
                del given[name]
            else:
                fits = False
    if fits:
        z, target = z._replace(shape=smallest), target._replace(shape=target_smallest)  # type: ignore[arg-type]
    of.evaluate(z.stand_in(), target.stand_in(), gradient=False, **given)


def broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    try:
        return bool(torch.broadcast_shapes(shape, to) == to)
    except RuntimeError:
        return False


def ignored(ignore_index: int | None, target: Tensor) -> int | None:
    """The label that does not count. Among probabilities there is none; as in torch, to name a
    class is an error there, and its default is not.
    """
    if not target.is_floating_point():
        return ignore_index
    if ignore_index is not None and ignore_index >= 0:
        raise ValueError(
            f"ignore_index = {ignore_index} applies to integer labels, not to probabilities"
        )
    return None


def counted(target: Tensor, ignore_index: int | None) -> Tensor:
    """Which labels are not the one that is ignored."""
    if ignore_index is None:
        return torch.ones_like(target, dtype=torch.bool)
    return target != ignore_index


def total_weight(target: Tensor, kept: Tensor, weight: Tensor | None, classes: int) -> Tensor:
    """What a mean over labels divides by: the weights of the rows that count, or 1 for none."""
    counts = kept
    if weight is not None:
        wide = weight if weight.device.type == "mps" else weight.double()  # which has no double
        counts = torch.where(kept, wide[target.clamp(0, classes - 1).long()], 0)
    total = counts.sum()
    return torch.where(total == 0, 1, total)


Result = tuple[Tensor, Tensor]


def over_rows(
    kernel: Any, z: Tensor, target: Tensor, dim: int, options: dict[str, Any], gradient: bool
) -> Result:
    """Loss and gradient by a GPU's kernel for rows of classes."""
    rest = dict(options)
    how = rest.pop("reduction")
    rows = z.movedim(dim, -1)
    lead, classes = rows.shape[:-1], rows.shape[-1]
    total: Any = max(lead.numel(), 1)
    if target.shape == z.shape:
        flat = target.movedim(dim, -1).to(z.dtype).reshape(-1, classes)
    else:
        flat = target.long().reshape(-1)
        if how == "mean":
            kept = counted(flat, options["ignore_index"])
            total = total_weight(flat, kept, options["weight"], classes).double()
    factor = 1 / total if how == "mean" else 1.0
    losses, dz = kernel(rows.reshape(-1, classes), flat, **rest, factor=factor, gradient=gradient)
    if dz is not None:
        dz = dz.reshape(rows.shape).movedim(-1, dim).contiguous()
    if how == "none":
        return losses.reshape(lead).to(z.dtype), nothing_if_none(dz, z)
    loss = losses.sum()
    return (loss / total if how == "mean" else loss).to(z.dtype), nothing_if_none(dz, z)


def over_elements(
    kernel: Any, z: Tensor, target: Tensor, dim: int, options: dict[str, Any], gradient: bool
) -> Result:
    """The same for logits that have a loss each."""
    rest = dict(options)
    how = rest.pop("reduction")
    total = max(z.numel(), 1)
    loss, dz = kernel(
        z, target.to(z.dtype), **rest, factor=1 / total if how == "mean" else 1.0,
        gradient=gradient, summed=how != "none",
    )  # fmt: skip
    return (loss / total if how == "mean" else loss).to(z.dtype), nothing_if_none(dz, z)


def nothing_if_none(dz: Tensor | None, z: Tensor) -> Tensor:
    return z.new_empty(0) if dz is None else dz


# torch's own, and private: whether the backward that runs leaves the graph for another.
asked_again: Callable[[], bool] = torch._C._autograd._get_current_graph_task_keep_graph


def head_function(of: Head) -> type[Function]:
    class HeadFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, z: Tensor, target: Tensor, dim: int, options: dict[str, Any]
        ) -> Tensor:
            loss, dz = of.run(z, target, dim, options, True)
            ctx.save_for_backward(dz)
            ctx.dim = dim
            return loss

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            if torch.is_grad_enabled():
                raise RuntimeError(
                    f"{of.name} keeps its gradient and not the logits: for a second derivative "
                    "call it with create_graph=True"
                )
            (dz,) = ctx.saved_tensors
            # The gradient of a loss itself is dz as it stands, without another pass, if nobody can
            # ask for it again.
            itself = not (is_batched(dy) or dy.dim() or asked_again()) and dy.item() == 1
            return dz if itself else of.scaled(dz, dy, ctx.dim), None, None, None

    return HeadFunction


def public(of: Head) -> Callable[..., Tensor]:
    """(input, target, weight=None, *, dim=…, …) with torch's default for ignore_index."""
    defaults = {name: p.default for name, p in of.options.items()}
    if "ignore_index" in defaults:
        defaults["ignore_index"] = IGNORED

    def function(
        input: Any, target: Any, weight: Any = None, *, create_graph: bool = False, **options: Any
    ) -> Tensor:
        dim = options.pop("dim", None) if of.over_rows else None
        for name in options:
            if name not in defaults:
                raise TypeError(f"{of.name}() got an unexpected keyword argument {name!r}")
        given = {**defaults, "weight": weight, **options}
        if dim is None and not create_graph and of.is_plain(input, target, given):
            if input.requires_grad and torch.is_grad_enabled():
                return of.apply(input, target, 1, given)  # type: ignore[no-any-return]
            return of.run(input, target, 1, given, False)[0]
        return of.call(input, target, dim, create_graph, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    head = list(inspect.signature(function).parameters.values())[:3]
    rest = {"dim": None} if of.over_rows else {}
    rest |= {k: v for k, v in defaults.items() if k != "weight"} | {"create_graph": False}
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*head, *(inspect.Parameter(k, keyword, default=v) for k, v in rest.items())]
    )
    function.__name__ = function.__qualname__ = of.name
    return function
