"""Rows in torch: softmax and its kin along any axis, with a temperature and a mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from .. import _native
from ..calls.loop import loop, modes
from ..catalog import Card
from . import _formulas, _raw
from ._arguments import by_torch_alone, implicit_dim, into, warn_of_ignored
from ._dispatch import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    ValueOf,
    applier,
    as_number,
    by_operator,
    by_torch,
    check_devices,
    checked_dim,
    densely,
    elementwise_vmap,
    floating,
    is_plain,
    is_wrapped,
    kind_of,
    outside_transforms,
    refuse_freed,
    route,
    route_of,
    unseen,
    values_of,
    warn_of_fallback,
    within_devices,
)
from ._drawn import checked_seed, drawn_seed, first_indices
from ._formats import NUMBER_OF
from ._library import LIBRARY, autograd_inside, define, on_cuda, on_the_cpu
from ._raw import lie_alike

Temperature = float | Tensor

grad_enabled = torch.is_grad_enabled


class Rows:
    """The kernels, autograd Functions and operators of one function of rows."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.modes = modes(card.name)
        self.reduces = loop(card.name, "value").reduces
        self.formula = _formulas.rows(card)
        self.from_output = (
            _formulas.pull_back(card)
            if "backward_from_output" in self.modes and card.pull_back is not None
            else None
        )
        self.dense: dict[str, Callable[..., Tensor | None]] = {
            mode: _raw.dense_rows(self.name, mode)
            for mode in ("value", "backward", "backward_from_output") if mode in self.modes
        }  # fmt: skip
        self.apply, self.apply_along_last = map(applier, rows_function(self))
        self.kernel = transformed_value(self)
        self.define_operators()

    def run(
        self, mode: str, given: Tensor, x: Tensor, dim: int, temperature: Temperature, where: Any
    ) -> Tensor:
        """A kernel: `given` is dy, or x itself for the value; x is y for backward from it."""
        if where is None and type(temperature) is float and dim == x.dim() - 1:
            tensors = (x,) if mode == "value" else (given, x)
            found = self.dense[mode](*tensors, temperature)
            if found is not None:
                return found
        x, given = x.resolve_neg(), given.resolve_neg().to(x.dtype)
        if not x.numel():  # it has no address that a kernel could be given
            if not (self.reduces and mode == "value"):
                return torch.empty_like(x)
            # The logarithm of a sum of nothing, for each row.
            return x.new_full((*x.shape[:dim], *x.shape[dim + 1 :]), -math.inf)
        scalar = x.dim() == 0
        if scalar:
            x = x.reshape(1)
            given = given if self.reduces and mode != "value" else given.reshape(1)
        rows = x.movedim(dim, -1)
        lead, n = tuple(rows.shape[:-1]), rows.shape[-1]
        small = self.reduces and mode == "value"
        out = x.new_empty(lead) if small else torch.empty_like(x)
        operands: list[Any] = [] if mode == "value" else [
            given if self.reduces else given.movedim(dim, -1)
        ]  # fmt: skip
        number: Any = temperature
        if isinstance(temperature, Tensor):
            number = _raw.wide(temperature).expand(lead)
        operands += [rows, number]
        if mode != "backward_from_output":
            mask: Any = True
            if where is not None:
                mask = (where.reshape(1) if scalar else where.expand(x.shape)).movedim(dim, -1)
            operands.append(mask)
        operands.append(out if small else out.movedim(dim, -1))
        _raw.rows(self.name, mode, x.dtype, n, lead, operands)
        return out.reshape(()) if scalar and not small else out

    def at_once(self, x: Any, dim: Any) -> Tensor | None:
        """The value of a plain tensor along its last axis, without a further look; else None."""
        if route(x) != KERNELS or x.dtype not in NUMBER_OF or x.dim() == 0:
            return None
        if type(dim) is not int or not (dim == -1 or dim == x.dim() - 1) or x.is_nested:
            return None
        try:
            if x.requires_grad and grad_enabled():
                return self.apply_along_last(x)  # type: ignore[no-any-return]
            return self.dense["value"](x)
        except RuntimeError:
            if is_plain(x):
                raise
        return None

    def along(self, dim: int, formula: Callable[..., Tensor], *tensors: Any) -> Tensor:
        """A formula along the last axis, along another."""
        moved = [t.movedim(dim, -1) if isinstance(t, Tensor) and t.dim() else t for t in tensors]
        y = formula(*moved)
        return y if self.reduces or not y.dim() else y.movedim(-1, dim)

    def by_formula(self, x: Tensor, dim: int, temperature: Any, where: Any) -> Tensor:
        if x.dim() == 0:
            where = where if where is None else where.reshape(1)
            return self.by_formula(x.reshape(1), 0, temperature, where).reshape(())
        rows = x.movedim(dim, -1)
        mask = None if where is None else where.expand(x.shape).movedim(dim, -1)
        y = self.formula(rows, temperature, mask)
        return y if self.reduces else y.movedim(-1, dim)

    def gradient_by_formula(
        self, dy: Tensor, x: Tensor, dim: int, temperature: Any, where: Any, create_graph: bool
    ) -> Tensor:
        return pulled_back(
            lambda x: self.by_formula(x, dim, temperature, where), dy, x, create_graph
        )

    def counted(self, dy: Tensor, where: Any) -> Tensor:
        """dy without what came to masked elements, whose results depend on nothing."""
        return dy if where is None or self.reduces else dy.masked_fill(~where, 0)

    def pull_back(self, dy: Tensor, y: Tensor, dim: int, temperature: Any) -> Tensor:
        if y.dim() == 0:
            return self.pull_back(dy.reshape(1), y.reshape(1), 0, temperature).reshape(())
        dx = self.from_output(dy.movedim(dim, -1), y.movedim(dim, -1), temperature)  # type: ignore[misc]
        return dx.movedim(-1, dim)

    def call(
        self, input: Any, dim: Any, temperature: Any, where: Tensor | None, lean: Any
    ) -> Tensor:
        try:
            x = floating(input, self.name)
        except RuntimeError as refusal:
            return self.by_torch_alone(refusal, input, dim, temperature, where)
        dim = checked_dim(dim, x, self.name)
        refuse_freed(*(t for t in (temperature, where) if isinstance(t, Tensor)))
        if where is not None:
            where = checked_mask(where, x, self.name)
        if isinstance(temperature, Tensor):
            check_devices(self.name, x=x, temperature=temperature)
            check_fits(temperature, (*x.shape[:dim], *x.shape[dim + 1 :]), self.name)
        way = route_of(*(t for t in (x, temperature, where) if isinstance(t, Tensor)))
        temperature = checked_temperature(temperature)
        given = x, dim, temperature, where
        if way == KERNELS:
            if learns(temperature):
                return self.with_temperature(*given)
            if x.requires_grad and torch.is_grad_enabled():
                return self.apply(*given, lean is False)  # type: ignore[no-any-return]
            return self.run("value", x, *given)
        if way == TRANSFORMS:
            carrier = self.by_formula(*given)
            if isinstance(temperature, Tensor) or where is not None:
                return carrier
            return ValueOf.apply(self.kernel.apply(x.detach(), dim, temperature), carrier)  # type: ignore[no-any-return]
        operator = partial(self.operator, keep_input=lean is False)
        if isinstance(temperature, Tensor):
            operator = self.at_temperatures
        try:
            if way == FORMULA:
                return by_torch(self.name, self.by_formula, x, dim, refusing(temperature), where)  # type: ignore[no-any-return]
            return by_operator(self.name, operator, self.by_formula, *given)  # type: ignore[no-any-return]
        except RuntimeError:
            if x.layout is torch.strided:
                raise
            refused = RuntimeError(f"{self.name} takes dense tensors, not {kind_of(x)} ones")
            return self.by_torch_alone(refused, x, dim, temperature, where)

    def by_torch_alone(
        self, refusal: Exception, x: Any, dim: Any, temperature: Any, where: Any
    ) -> Tensor:
        """What torch's function gives of tensors that ours does not take, if it is all it takes."""
        if where is not None or isinstance(temperature, Tensor) or temperature != 1:
            raise refusal
        return by_torch_alone(self.card, refusal, x, dim)

    def with_temperature(self, x: Tensor, dim: int, temperature: Tensor, where: Any) -> Tensor:
        """Where the temperature has a derivative too, which the formula knows."""
        with torch.no_grad():
            value = self.run("value", x, x, dim, temperature, where)
        return ValueOf.apply(value, self.by_formula(x, dim, temperature, where))  # type: ignore[no-any-return]

    def checked(
        self, x: Tensor, dim: int, temperature: Any, where: Any, dy: Tensor | None = None
    ) -> tuple[int, Any]:
        """The axis from 0 on, and the temperature; refuses what a direct call of an operator may
        get wrong.
        """
        dim = checked_dim(dim, x, self.name)
        _raw.format_of(x.dtype)
        if where is not None:
            checked_mask(where, x, self.name)
        lead = (*x.shape[:dim], *x.shape[dim + 1 :])
        if isinstance(temperature, Tensor):
            check_devices(self.name, x=x, temperature=temperature)
            check_fits(temperature, lead, self.name)
        if dy is not None:
            _raw.format_of(dy.dtype)
            _raw.check_shape(dy, lead if self.reduces else x.shape)
        return dim, checked_temperature(temperature)

    def define_operators(self) -> None:
        name, of = self.name, self
        options = "int dim, float temperature, Tensor? where"

        def cuda(mode: str, formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def impl(*args: Any) -> Tensor:
                *tensors, dim, temperature = args[: -1 if mode != "backward_from_output" else None]
                where = args[-1] if mode != "backward_from_output" else None
                last = tensors[-1]

                def run(kernels: Any) -> Tensor:
                    masked = where is not None
                    if masked or not last.dim() or not kernels.supported(name, mode, last):
                        raise NotImplementedError
                    rows = tuple(t.movedim(dim, -1) for t in tensors)
                    y: Tensor = kernels.rows(name, mode, rows, (temperature,))
                    return y if y.dim() < last.dim() else y.movedim(-1, dim)

                def otherwise() -> Tensor:
                    warn_of_fallback(name, last.device.type)
                    return formula(*args)

                y: Tensor = on_cuda(run, otherwise)
                return y.contiguous() if of.reduces and mode == "value" else laid_out_as(last, y)

            return impl

        def save_all(ctx: Any, inputs: Any, output: Any) -> None:
            dy, x, *ctx.rest = inputs
            ctx.save_for_backward(dy, x)

        def second_order(ctx: Any, g: Tensor) -> Any:
            dy, x = ctx.saved_tensors
            with torch.enable_grad():
                dy, x = (t if t.requires_grad else t.detach().requires_grad_() for t in (dy, x))
                if len(ctx.rest) == 3:
                    dim, temperature, where = ctx.rest
                    dx = of.gradient_by_formula(dy, x, dim, temperature, where, True)
                else:
                    dx = of.pull_back(dy, x, *ctx.rest)
                to_dy, to_x = torch.autograd.grad(
                    dx, (dy, x), g, allow_unused=True, create_graph=torch.is_grad_enabled()
                )
            return to_dy, to_x, *(None,) * len(ctx.rest)

        def value(x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
            dim, t = of.checked(x, dim, t, where)
            return of.run("value", x, x, dim, t, where)

        def value_on_cuda(x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
            of.checked(x, dim, t, where)
            with autograd_inside():
                return of.by_formula(x, dim, t, where)

        def backward(dy: Tensor, x: Tensor, dim: int, t: float, where: Any) -> Tensor:
            dim, t = of.checked(x, dim, t, where, dy)
            return of.run("backward", of.counted(dy, where), x, dim, t, where)

        backward_op = define(
            f"{name}_backward", f"(Tensor dy, Tensor x, {options}) -> Tensor",
            backward, lambda dy, x, *_: torch.empty_like(x),
            cuda=cuda("backward", lambda dy, x, d, t, w: of.gradient_by_formula(
                dy, x, d, t, w, False)),
            backward=second_order, setup_context=save_all,
        )  # fmt: skip
        output_op = None
        if self.from_output is not None:

            def from_output(dy: Tensor, y: Tensor, dim: int, t: float) -> Tensor:
                dim, t = of.checked(y, dim, t, None, dy)
                return of.run("backward_from_output", dy, y, dim, t, None)

            output_op = define(
                f"{name}_backward_from_output",
                "(Tensor dy, Tensor y, int dim, float temperature) -> Tensor",
                from_output, lambda dy, y, *_: torch.empty_like(y),
                cuda=cuda("backward_from_output", of.pull_back),
                backward=second_order, setup_context=save_all,
            )  # fmt: skip

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.dim, ctx.temperature, where, keep_input = inputs
            ctx.output = output_op is not None and not keep_input
            ctx.save_for_backward(output if ctx.output else x, where)

        def first_order(ctx: Any, dy: Tensor) -> Any:
            kept, where = ctx.saved_tensors
            if output_op is not None and ctx.output:
                dx = output_op(of.counted(dy, where), kept, ctx.dim, ctx.temperature)
            else:
                dx = backward_op(dy, kept, ctx.dim, ctx.temperature, where)
            return dx, None, None, None, None

        def fake(x: Tensor, dim: int, *_: Any) -> Tensor:
            if not of.reduces:
                return torch.empty_like(x)
            dim = checked_dim(dim, x, name)
            return x.new_empty([s for axis, s in enumerate(x.shape) if axis != dim])

        def vmap_of(call: Callable[[], Any]) -> Callable[..., Any]:
            def vmap(
                info: Any, dims: Any, x: Tensor, dim: int, t: Any, where: Any, *keep: Any
            ) -> Any:
                x = batch_first(x, dims[0], info.batch_size)
                axes = x.dim() - 1
                dim = dim % max(axes, 1)
                t = along_batch(t, dims[2], max(axes - 1, 0))
                where = along_batch(where, dims[3], axes)
                if axes == 0:  # rows of one element
                    where = where.unsqueeze(-1) if isinstance(where, Tensor) else None
                    return call()(x.unsqueeze(1), 1, t, where, *keep).reshape(x.shape), 0
                return call()(x, dim + 1, t, where, *keep), 0

            return vmap

        self.operator = define(
            name, f"(Tensor x, {options}, bool keep_input=False) -> Tensor",
            lambda x, dim, t, where, _=False: value(x, dim, t, where), fake,
            cuda=lambda *args: cuda("value", of.by_formula)(*args[:4]),
            backward=first_order, setup_context=save, vmap=vmap_of(lambda: of.operator),
        )  # fmt: skip

        def save_given(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.dim, temperature, where = inputs
            ctx.save_for_backward(x, temperature, where)

        def by_formula(ctx: Any, dy: Tensor) -> Any:
            *given, where = ctx.saved_tensors
            wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[2]]
            with torch.enable_grad():
                x, t = (
                    v.view_as(v) if v.requires_grad else v.detach().requires_grad_(want)
                    for v, want in zip(given, wanted, strict=True)
                )
                y = of.by_formula(x, ctx.dim, t, where)
                found = iter(
                    torch.autograd.grad(
                        y, [v for v, want in zip((x, t), wanted, strict=True) if want], dy,
                        create_graph=torch.is_grad_enabled(),
                    )
                )  # fmt: skip
            dx, dt = (next(found) if want else None for want in wanted)
            return dx, None, dt, None

        self.at_temperatures = define(
            f"{name}_at_temperatures", "(Tensor x, int dim, Tensor temperature, Tensor? where)"
            " -> Tensor", value, fake, cuda=value_on_cuda, backward=by_formula,
            setup_context=save_given, vmap=vmap_of(lambda: of.at_temperatures),
        )  # fmt: skip


def batch_first(t: Tensor, dim: int | None, size: int) -> Tensor:
    return t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)


def along_batch(t: Any, dim: int | None, axes: int) -> Any:
    """What broadcasts against tensors of so many axes and the batch before them."""
    if not isinstance(t, Tensor) or dim is None:
        return t
    t = t.movedim(dim, 0)
    return t.reshape(t.shape[0], *(1,) * (axes - t.dim() + 1), *t.shape[1:])


def is_one(temperature: Any) -> bool:
    return type(temperature) is float and temperature == 1.0


def rows_function(of: Rows) -> tuple[type[Function], type[Function]]:
    """The Function along any axis, and a shorter one for what small tensors mostly are: along the
    last axis, at temperature 1, without a mask.
    """

    def pulled_back_further(
        dy: Tensor, kept: Tensor, dim: int, temperature: Any, where: Any, from_output: bool
    ) -> Tensor:
        """dx with derivatives of its own, or for many dy at a time."""
        further, many = grad_enabled(), not is_plain(dy)
        dy = densely(dy)
        if from_output:
            carrier = of.pull_back(dy, kept, dim, temperature)
        else:
            carrier = of.gradient_by_formula(dy, kept, dim, temperature, where, further)
        if many:
            return carrier
        with torch.no_grad():
            mode = "backward_from_output" if from_output else "backward"
            dx = of.run(mode, dy, kept, dim, temperature, where)
        return ValueOf.apply(dx, carrier)  # type: ignore[no-any-return]

    keeps_output = of.from_output is not None
    mode = "backward_from_output" if keeps_output else "backward"
    value, backward_of = of.dense["value"], of.dense[mode]

    class AlongLast(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = value(x)
            if y is None:
                y = of.run("value", x, x, x.dim() - 1, 1.0, None)
            ctx.save_for_backward(y if keeps_output else x)
            return y

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (kept,) = ctx.saved_tensors
            dim = kept.dim() - 1
            if not grad_enabled():
                try:
                    dx = backward_of(dy, kept)
                    return of.run(mode, dy, kept, dim, 1.0, None) if dx is None else dx
                except RuntimeError:
                    if is_plain(dy) and is_plain(kept):
                        raise
            return pulled_back_further(dy, kept, dim, 1.0, None, keeps_output)

    class RowsFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, x: Tensor, dim: int, temperature: Any, where: Any, keep_input: bool
        ) -> Tensor:
            y = of.run("value", x, x, dim, temperature, where)
            ctx.output = of.from_output is not None and not keep_input
            ctx.save_for_backward(y if ctx.output else x, where)
            ctx.dim, ctx.temperature = dim, temperature
            return y

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (kept, where), dim, temperature = ctx.saved_tensors, ctx.dim, ctx.temperature
            mode = "backward_from_output" if ctx.output else "backward"
            dy = of.counted(densely(dy), where)
            nones = (None,) * 4
            if not grad_enabled():
                try:
                    return of.run(mode, dy, kept, dim, temperature, where), *nones
                except RuntimeError:
                    if is_plain(dy) and is_plain(kept):
                        raise
            dx = pulled_back_further(dy, kept, dim, temperature, where, ctx.output)
            return dx, *nones

    return RowsFunction, AlongLast


def transformed_value(of: Rows) -> Any:
    class Kernel(Function):
        """The value alone; `ValueOf` knows its derivatives."""

        @staticmethod
        def forward(x: Tensor, dim: int, temperature: float) -> Tensor:
            return of.operator(x, dim, temperature, None)  # type: ignore[no-any-return]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            return None, None, None

        @staticmethod
        def vmap(info: Any, dims: Any, x: Tensor, dim: int, temperature: float) -> Any:
            x = x.movedim(dims[0], 0)
            if x.dim() == 1:
                return Kernel.apply(x.unsqueeze(1), 1, temperature).reshape(x.shape), 0
            return Kernel.apply(x, dim + 1, temperature), 0

    return Kernel


def pulled_back(
    formula: Callable[[Tensor], Tensor], dy: Tensor, x: Tensor, create_graph: bool
) -> Tensor:
    """dx by torch's derivative of a formula; dy may stand for many gradients, x may not."""
    with torch.enable_grad():
        # A view has none of the hooks of x; and a transform forbids to ask for a new gradient.
        x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        (dx,) = torch.autograd.grad(formula(x), x, dy, create_graph=create_graph)
    return dx


def laid_out_as(x: Tensor, y: Tensor) -> Tensor:
    """y in the order of memory that a new tensor like x has."""
    if x.is_contiguous() and y.is_contiguous():
        return y
    out = torch.empty_like(x)
    return y if y.stride() == out.stride() else out.copy_(y)


def learns(temperature: Any) -> bool:
    """Whether somebody may want a derivative by the temperature."""
    return isinstance(temperature, Tensor) and (
        (temperature.requires_grad and torch.is_grad_enabled())
        or is_wrapped(temperature)
        or (
            forward_ad._current_level >= 0
            and forward_ad.unpack_dual(temperature).tangent is not None
        )
    )


def checked_temperature(temperature: Any, name: str = "temperature") -> Temperature:
    """One positive number, or a tensor of them. What a tensor holds that is traced is known later:
    operators look again.
    """
    if not isinstance(temperature, Tensor):
        number = as_number(temperature, name)
        if not 0 < number < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {temperature!r}")
        return number
    if temperature.is_complex() or temperature.dtype == torch.bool:
        raise TypeError(f"temperature must be of real numbers, not of {temperature.dtype}")
    known = values_of(temperature)
    if known is None:
        return temperature
    with outside_transforms():
        if not bool(((known > 0) & (known < math.inf)).all()):
            shown = float(known) if known.dim() == 0 else known
            raise ValueError(f"{name} must be positive and finite, not {shown}")
    if temperature.dim() or learns(temperature):
        return temperature
    return float(temperature)


def refusing(temperature: Temperature) -> Temperature:
    """A temperature that is checked when what is compiled runs, if it is traced."""
    if not isinstance(temperature, Tensor) or not torch.compiler.is_compiling():
        return temperature
    known = temperature.detach()
    refused: Tensor = torch.ops.ogive.checked_temperature(known)
    return temperature + (refused - known)


def _returned(temperature: Tensor) -> Tensor:
    checked_temperature(temperature)
    return temperature.clone()


_check: Any = define(
    "checked_temperature", "(Tensor temperature) -> Tensor", _returned, torch.empty_like,
    vmap=elementwise_vmap(lambda: _check),
)  # fmt: skip
LIBRARY.impl("checked_temperature", _returned, "CUDA")


def check_fits(temperature: Tensor, lead: Sequence[int], name: str) -> None:
    try:
        temperature.expand(lead)
    except RuntimeError:
        raise ValueError(
            f"{name}: temperature of shape {tuple(temperature.shape)} does not fit rows of shape "
            f"{tuple(lead)}"
        ) from None


def checked_mask(where: Tensor, x: Tensor, name: str) -> Tensor:
    if not isinstance(where, Tensor):
        raise TypeError(f"{name}: where must be a Tensor, not {type(where).__name__}")
    if where.dtype != torch.bool:
        raise TypeError(f"{name}: where must be a boolean mask, not of dtype {where.dtype}")
    check_devices(name, x=x, where=where)
    try:
        where.expand(x.shape)
    except RuntimeError:
        raise ValueError(
            f"{name}: where of shape {tuple(where.shape)} does not fit x of shape {tuple(x.shape)}"
        ) from None
    return where


def public(of: Rows) -> Callable[..., Tensor]:
    if not of.reduces:

        def function(
            input: Any,
            dim: int | None = -1,
            _stacklevel: int | torch.dtype = 3,
            dtype: torch.dtype | None = None,
            *,
            temperature: Temperature = 1.0,
            where: Tensor | None = None,
            lean: bool | None = None,
            out: Tensor | None = None,
        ) -> Tensor:
            plain = dtype is None and lean is None and where is None and out is None
            if plain and type(_stacklevel) is int and is_one(temperature):
                found = of.at_once(input, dim)
                if found is not None:
                    return found
            if dim is None:
                dim = implicit_dim(of.name, input)
            if isinstance(_stacklevel, torch.dtype):  # in the place where torch.softmax has it
                dtype = _stacklevel
            if within_devices(input, temperature, where):
                with unseen():
                    return function(
                        input, dim, dtype=dtype, temperature=temperature, where=where, lean=lean,
                        out=out,
                    )  # fmt: skip
            x = input if dtype is None else input.to(dtype)
            if out is not None:
                return into(out, of.name, lambda x: of.call(x, dim, temperature, where, lean), x)
            return of.call(x, dim, temperature, where, lean)

    else:

        def function(  # type: ignore[misc]
            input: Any,
            dim: int | Sequence[int] = -1,
            keepdim: bool = False,
            *,
            temperature: Temperature = 1.0,
            where: Tensor | None = None,
            out: Tensor | None = None,
        ) -> Tensor:
            if out is not None:
                given: dict[str, Any] = {"dim": dim, "keepdim": keepdim}
                given |= {"temperature": temperature, "where": where}
                return into(out, of.name, partial(function, **given), input)
            whole = isinstance(dim, int)
            y = of.at_once(input, dim) if whole and is_one(temperature) and where is None else None
            if y is None and within_devices(input, temperature, where):
                with unseen():
                    return function(input, dim, keepdim, temperature=temperature, where=where)  # type: ignore[arg-type]
            if not isinstance(dim, int):
                return over_axes(of, input, dim, keepdim, temperature, where)
            if y is None:
                y = of.call(input, dim, temperature, where, None)
            return y.unsqueeze(dim) if keepdim and input.dim() else y

    function.__name__ = function.__qualname__ = of.name
    return function


def over_axes(
    of: Rows, x: Any, dims: Sequence[int], keepdim: bool, temperature: Temperature, where: Any
) -> Tensor:
    """What reduces a row, over the elements of several axes as one row."""
    x = floating(x, of.name)
    if not isinstance(dims, (tuple, list)):
        raise TypeError(f"{of.name}: dim must be an integer, or several, not {dims!r}")
    axes = [checked_dim(dim, x, of.name) for dim in dims or range(x.dim())]
    if len(set(axes)) < len(axes):
        raise RuntimeError(f"{of.name}: dim = {tuple(dims)} names an axis twice")
    if not x.dim():
        return of.call(x, 0, temperature, where, None)
    last = range(x.dim() - len(axes), x.dim())
    rows, mask = (
        t if t is None else t.movedim(axes, tuple(last)).flatten(last[0])
        for t in (x, where if where is None else checked_mask(where, x, of.name).expand(x.shape))
    )
    y = of.call(rows, -1, temperature, mask, None)
    for axis in sorted(axes) if keepdim else ():
        y = y.unsqueeze(axis)
    return y


class DrawnRows:
    """A function of a row and of noise, which a seed and the element's index decide."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.function = applier(drawn_function(self))
        self.define_operators()

    def run(self, mode: str, dy: Any, x: Tensor, *rest: Any) -> Tensor:
        dim, temperature, hard, seed = rest
        if dim == x.dim() - 1 and x.numel() and lie_alike(x if dy is None else dy, x):
            return self.run_dense(mode, dy, x, temperature, hard, int(seed))
        rows = x.movedim(dim, -1)
        lead, n = tuple(rows.shape[:-1]), rows.shape[-1]
        out = torch.empty(rows.shape, dtype=x.dtype, device="cpu")
        noise = (temperature, int(seed), first_indices(lead, n))
        operands = (
            (rows, *noise, hard, out) if dy is None
            else (dy.movedim(dim, -1).to(x.dtype), rows, *noise, out)
        )  # fmt: skip
        _raw.rows(self.name, mode, x.dtype, n, lead, operands)
        return out.movedim(-1, dim)

    def run_dense(
        self, mode: str, dy: Any, x: Tensor, temperature: float, hard: bool, seed: int
    ) -> Tensor:
        """The same where rows lie one after the other."""
        n, size = x.size(-1), x.element_size()
        count, steps = x.numel() // n, (n * size, size)
        out = torch.empty_like(x)
        first = first_indices((count,), n)
        noise = temperature, seed, (first.data_ptr(), (8,))
        at, to = (_raw.address(x), steps), (out.data_ptr(), steps)
        operands: Any = (at, *noise, hard, to)
        if dy is not None:
            operands = (_raw.address(dy), steps), at, *noise, to
        handle = _raw.handle_of(self.name, mode)
        _native.raw_strided(handle, NUMBER_OF[x.dtype], (count,), n, operands)
        return out

    def by_formula(self, x: Tensor, dim: int, temperature: float, seed: Tensor) -> Tensor:
        """The soft result, from the same noise."""
        rows = x.movedim(dim, -1)
        n = rows.shape[-1]
        shape = tuple(rows.shape)
        with nullcontext() if torch.compiler.is_compiling() else outside_transforms():
            zeros = torch.zeros(shape, dtype=torch.float64, device="cpu")
            y = self.operator(zeros, len(shape) - 1, 1.0, False, seed)
        y = y.to(x.device)
        # y is softmax of the noise g alone, so g is log y up to a number a row: u = e^(-1/y).
        u = _formulas.Exponential(-1 / y)
        z = _formulas.wide(rows)
        (soft,) = self.card.formula(
            _formulas.CONTEXT, _formulas.Row(z, n), _formulas.Row(u, n), temperature
        )
        found: Tensor = soft.tensor().to(x.dtype).movedim(-1, dim)
        return found

    def formed(self, x: Tensor, dim: int, temperature: Any, hard: bool, seed: Tensor) -> Tensor:
        """The result in torch's operations: where it is hard, with the soft one's derivatives."""
        y = self.by_formula(x, dim, temperature, seed)
        if not hard:
            return y
        best = y.detach().argmax(dim, keepdim=True)
        # By a difference of 0 (NaN in a row that holds one), which functionalize takes as well.
        return torch.zeros_like(y).scatter(dim, best, 1.0) + (y - y.detach())

    def call(self, input: Any, temperature: Any, hard: bool, dim: Any, seed: Tensor) -> Tensor:
        x = floating(input, self.name)
        scalar = x.dim() == 0
        dim = checked_dim(dim, x, self.name)
        if isinstance(temperature, Tensor):
            if temperature.dim():
                raise TypeError(f"{self.name}: tau must be one number")
            check_devices(self.name, x=x, temperature=temperature)
        way = route_of(*(t for t in (x, temperature) if isinstance(t, Tensor)))
        temperature = checked_temperature(temperature, "tau")
        if not isinstance(hard, bool):
            raise TypeError(f"hard must be True or False, not {hard!r}")
        if scalar:
            x = x.reshape(1)
        given = x, dim, temperature, hard, seed
        y: Tensor
        if isinstance(temperature, Tensor) or way in (TRANSFORMS, FORMULA):
            y = by_torch(self.name, self.formed, x, dim, refusing(temperature), hard, seed)
        elif way == KERNELS:
            y = self.function(*given)
        else:
            y = by_operator(self.name, self.operator, self.formed, *given)
        return y.reshape(()) if scalar else y

    def checked(self, x: Tensor, dim: int, temperature: Any, seed: Tensor) -> int:
        """The axis from 0 on; refuses what a direct call of an operator may get wrong."""
        _raw.format_of(x.dtype)
        checked_temperature(temperature)
        checked_seed(seed)
        if x.dim() == 0:
            raise RuntimeError(f"{self.name}: x must have an axis")
        return checked_dim(dim, x, self.name)

    def define_operators(self) -> None:
        name, of = self.name, self
        options = "int dim, float temperature, bool hard, Tensor seed"

        def fake(*args: Any) -> Tensor:
            x = [a for a in args if isinstance(a, Tensor)][-2]
            dim = checked_dim(args[-4], x, name)
            rows = x.movedim(dim, -1)
            return x.new_empty(rows.shape).movedim(-1, dim)

        def cuda(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def impl(*args: Any) -> Tensor:
                *tensors, dim, temperature, hard, seed = args

                def by_triton(kernels: Any) -> Tensor:
                    *dy, x = (t.movedim(dim, -1) for t in tensors)
                    y: Tensor = getattr(kernels, name)(x, temperature, hard, int(seed), *dy)
                    return y.movedim(-1, dim)

                def otherwise() -> Tensor:
                    warn_of_fallback(name, args[0].device.type)
                    return on_the_cpu(run, *args)  # type: ignore[no-any-return]

                found: Tensor = on_cuda(by_triton, otherwise)
                return found

            return impl

        def backward(dy: Tensor, x: Tensor, dim: int, t: float, hard: bool, seed: Tensor) -> Tensor:
            dim = of.checked(x, dim, t, seed)
            _raw.format_of(dy.dtype)
            _raw.check_shape(dy, x.shape)
            return of.run("backward", dy, x, dim, t, hard, seed)

        def save_all(ctx: Any, inputs: Any, output: Any) -> None:
            dy, x, *ctx.rest, seed = inputs
            ctx.save_for_backward(dy, x, seed)

        def second_order(ctx: Any, g: Tensor) -> Any:
            dy, x, seed = ctx.saved_tensors
            dim, temperature, _ = ctx.rest
            with torch.enable_grad():
                dy, x = (t if t.requires_grad else t.detach().requires_grad_() for t in (dy, x))
                y = of.by_formula(x, dim, temperature, seed)
                (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
                found = torch.autograd.grad(dx, (dy, x), g, create_graph=torch.is_grad_enabled())
            return *found, None, None, None, None

        backward_op = define(
            f"{name}_backward", f"(Tensor dy, Tensor x, {options}) -> Tensor", backward, fake,
            cuda=cuda(backward), backward=second_order, setup_context=save_all,
        )  # fmt: skip

        def value(x: Tensor, dim: int, t: float, hard: bool, seed: Tensor) -> Tensor:
            dim = of.checked(x, dim, t, seed)
            return of.run("value", None, x, dim, t, hard, seed)

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            x, *ctx.rest, seed = inputs
            ctx.save_for_backward(x, seed)

        def first_order(ctx: Any, dy: Tensor) -> Any:
            x, seed = ctx.saved_tensors
            return backward_op(dy, x, *ctx.rest, seed), None, None, None, None

        self.operator = define(
            name, f"(Tensor x, {options}) -> Tensor", value, fake,
            cuda=cuda(value), backward=first_order, setup_context=save,
        )  # fmt: skip


def drawn_function(of: DrawnRows) -> type[Function]:
    class DrawnFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, x: Tensor, dim: int, temperature: float, hard: bool, seed: Tensor
        ) -> Tensor:
            ctx.save_for_backward(x, seed)  # as the operator does
            # A checkpoint's recomputation draws another from a generator of the user's own.
            ctx.seed = seed
            ctx.rest = dim, temperature, hard
            return of.run("value", None, x, dim, temperature, hard, seed)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (x, _), seed = ctx.saved_tensors, ctx.seed
            dy = densely(dy)
            further, many = torch.is_grad_enabled(), not (is_plain(dy) and is_plain(x))
            if not (further or many):
                return of.run("backward", dy, x, *ctx.rest, seed), None, None, None, None
            dim, temperature, _ = ctx.rest
            dx = pulled_back(lambda x: of.by_formula(x, dim, temperature, seed), dy, x, further)
            if not many:
                with torch.no_grad():
                    value = of.run("backward", dy, x, *ctx.rest, seed)
                dx = ValueOf.apply(value, dx)
            return dx, None, None, None, None

    return DrawnFunction


def drawn_public(of: DrawnRows) -> Callable[..., Tensor]:
    def function(
        logits: Any,
        tau: float = 1.0,
        hard: bool = False,
        eps: float = 1e-10,
        dim: int = -1,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if eps != 1e-10:  # the noise is finite without it
            warn_of_ignored(of.card, "eps", eps)
        if within_devices(logits, tau):
            with unseen():
                return function(logits, tau, hard, eps, dim, seed=seed, generator=generator)
        return of.call(logits, tau, hard, dim, drawn_seed(seed, generator))

    function.__name__ = function.__qualname__ = of.name
    return function
