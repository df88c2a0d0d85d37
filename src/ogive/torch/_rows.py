"""Rows in torch: softmax and its kin along any axis, with a temperature and a mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

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
    value_alone,
    values_of,
    within_devices,
)
from ._drawn import checked_seed, drawn_seed, first_indices
from ._formats import NUMBER_OF
from ._functions import eager
from ._library import (
    LIBRARY,
    autograd_inside,
    define,
    define_mode,
    on_gpu,
    on_the_cpu,
    schema,
)
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
        self.apply, self.apply_along_last = along_any_axis(self), along_last_axis(self)
        self.define_operators()
        self.value_alone = value_alone(self.operator, vmap_of_rows)

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

    def gradient(
        self, dy: Tensor, kept: Tensor, dim: int, temperature: Any, where: Any, of_output: bool
    ) -> Tensor:
        """dx with derivatives of its own, or for many dy at a time."""
        if of_output:
            carrier = self.pull_back(dy, kept, dim, temperature)
        else:
            further = torch.is_grad_enabled()
            carrier = self.gradient_by_formula(dy, kept, dim, temperature, where, further)
        if not is_plain(dy):
            return carrier
        with torch.no_grad():
            mode = "backward_from_output" if of_output else "backward"
            dx = self.run(mode, dy, kept, dim, temperature, where)
        return ValueOf.apply(dx, carrier)  # type: ignore[no-any-return]

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
            value = self.value_alone.apply(x.detach(), dim, temperature, None)
            return ValueOf.apply(value, carrier)  # type: ignore[no-any-return]
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
        card = self.card
        self.backward_operator = define_mode(
            card, "backward", self.checked_backward, self.second_order,
            cuda=self.on_cuda("backward", lambda dy, x, d, t, w: self.gradient_by_formula(
                dy, x, d, t, w, False)),
        )  # fmt: skip
        self.output_operator: Any = None
        if self.from_output is not None:
            self.output_operator = define_mode(
                card, "backward_from_output", self.checked_backward_from_output,
                self.second_order_from_output,
                cuda=self.on_cuda("backward_from_output", self.pull_back),
            )  # fmt: skip
        value_on_cuda = self.on_cuda("value", self.by_formula)
        self.operator = define_mode(
            card, "value", lambda *args: self.checked_value(*args[:4]), self.first_order,
            keeps=self.kept_for_backward, fake=self.fake_value,
            cuda=lambda *args: value_on_cuda(*args[:4]),
            vmap=vmap_of_rows(lambda: self.operator),
            signature=schema(card, "value").replace(")", ", bool keep_input=False)", 1),
        )  # fmt: skip
        self.at_temperatures = define(
            f"{self.name}_at_temperatures",
            schema(card, "value").replace("float temperature", "Tensor temperature"),
            self.checked_value, self.fake_value, cuda=self.value_at_temperatures,
            backward=self.gradients_at_temperatures, setup_context=save_inputs,
            vmap=vmap_of_rows(lambda: self.at_temperatures),
        )  # fmt: skip

    def on_cuda(self, mode: str, formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The implementation of a mode: by Triton's kernel, or by a formula."""
        count = loop(self.name, mode).tensors

        def implementation(*args: Any) -> Tensor:
            tensors, (dim, temperature, *mask) = args[:count], args[count:]
            last = tensors[-1]

            def by_kernel(kernels: Any) -> Tensor:
                rows = tuple(t.movedim(dim, -1) for t in tensors)
                y: Tensor = kernels.rows(self.name, mode, rows, (temperature,))
                return y if y.dim() < last.dim() else y.movedim(-1, dim)

            plain = last.dim() > 0 and all(where is None for where in mask)
            y: Tensor = on_gpu(
                self.name, mode, last.movedim(dim, -1) if last.dim() else last, by_kernel,
                lambda: formula(*args), plain=plain,
            )  # fmt: skip
            return y.contiguous() if self.reduces and mode == "value" else laid_out_as(last, y)

        return implementation

    def checked_value(self, x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
        dim, t = self.checked(x, dim, t, where)
        return self.run("value", x, x, dim, t, where)

    def value_at_temperatures(self, x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
        self.checked(x, dim, t, where)
        with autograd_inside():
            return self.by_formula(x, dim, t, where)

    def checked_backward(self, dy: Tensor, x: Tensor, dim: int, t: float, where: Any) -> Tensor:
        dim, t = self.checked(x, dim, t, where, dy)
        return self.run("backward", self.counted(dy, where), x, dim, t, where)

    def checked_backward_from_output(self, dy: Tensor, y: Tensor, dim: int, t: float) -> Tensor:
        dim, t = self.checked(y, dim, t, None, dy)
        return self.run("backward_from_output", dy, y, dim, t, None)

    def fake_value(self, x: Tensor, dim: int, *_: Any) -> Tensor:
        if not self.reduces:
            return torch.empty_like(x)
        dim = checked_dim(dim, x, self.name)
        return x.new_empty([s for axis, s in enumerate(x.shape) if axis != dim])

    def kept_for_backward(self, inputs: Any, output: Any) -> tuple[Any, ...]:
        """What the operator keeps, the options, and whether that is the output."""
        x, dim, temperature, where, keep_input = inputs
        of_output = self.from_output is not None and not keep_input
        return output if of_output else x, dim, temperature, where, of_output

    def first_order(self, kept: Any, dy: Tensor) -> Tensor:
        saved, dim, temperature, where, of_output = kept
        if of_output:
            dy = self.counted(dy, where)
            return self.output_operator(dy, saved, dim, temperature)  # type: ignore[no-any-return]
        return self.backward_operator(dy, saved, dim, temperature, where)  # type: ignore[no-any-return]

    def second_order(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        _, _, *options = kept
        return differentiated(
            lambda dy, x: self.gradient_by_formula(dy, x, *options, True), kept[:2], g
        )

    def second_order_from_output(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        _, _, *options = kept
        return differentiated(lambda dy, y: self.pull_back(dy, y, *options), kept[:2], g)

    def gradients_at_temperatures(self, ctx: Any, dy: Tensor) -> Any:
        *given, where = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[2]]
        with torch.enable_grad():
            x, t = (
                v.view_as(v) if v.requires_grad else v.detach().requires_grad_(want)
                for v, want in zip(given, wanted, strict=True)
            )
            y = self.by_formula(x, ctx.dim, t, where)
            found = iter(
                torch.autograd.grad(
                    y, [v for v, want in zip((x, t), wanted, strict=True) if want], dy,
                    create_graph=torch.is_grad_enabled(),
                )
            )  # fmt: skip
        dx, dt = (next(found) if want else None for want in wanted)
        return dx, None, dt, None


def save_inputs(ctx: Any, inputs: Any, output: Any) -> None:
    x, ctx.dim, temperature, where = inputs
    ctx.save_for_backward(x, temperature, where)


def differentiated(
    gradient: Callable[[Tensor, Tensor], Tensor], given: Sequence[Tensor], g: Tensor
) -> tuple[Tensor, ...]:
    """What g pulls back to through a gradient, a formula of (dy, x)."""
    with torch.enable_grad():
        dy, x = (t if t.requires_grad else t.detach().requires_grad_() for t in given)
        return torch.autograd.grad(
            gradient(dy, x), (dy, x), g, allow_unused=True, create_graph=torch.is_grad_enabled()
        )


def vmap_of_rows(operator: Callable[[], Any]) -> Callable[..., Any]:
    """The vmap rule of an operator of (x, dim, temperature, where); it may not exist yet."""

    def rule(info: Any, dims: Any, x: Tensor, dim: int, t: Any, where: Any, *keep: Any) -> Any:
        x = batch_first(x, dims[0], info.batch_size)
        axes = x.dim() - 1
        dim = dim % max(axes, 1)
        t = along_batch(t, dims[2], max(axes - 1, 0))
        where = along_batch(where, dims[3], axes)
        if axes == 0:  # rows of one element
            where = where.unsqueeze(-1) if isinstance(where, Tensor) else None
            return operator()(x.unsqueeze(1), 1, t, where, *keep).reshape(x.shape), 0
        return operator()(x, dim + 1, t, where, *keep), 0

    return rule


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


def along_any_axis(of: Rows) -> Callable[..., Tensor]:
    """The eager Function of (x, dim, temperature, where, keep_input)."""

    def forward(
        ctx: Any, x: Tensor, dim: int, temperature: Any, where: Any, keep_input: bool
    ) -> Tensor:
        y = of.run("value", x, x, dim, temperature, where)
        ctx.of_output = of.from_output is not None and not keep_input
        ctx.save_for_backward(y if ctx.of_output else x, where)
        ctx.dim, ctx.temperature = dim, temperature
        return y

    def by_kernel(ctx: Any, dy: Tensor, kept: Tensor, where: Any) -> Tensor:
        mode = "backward_from_output" if ctx.of_output else "backward"
        return of.run(mode, of.counted(dy, where), kept, ctx.dim, ctx.temperature, where)

    def by_graph(ctx: Any, dy: Tensor, kept: Tensor, where: Any) -> Tensor:
        dy = of.counted(densely(dy), where)
        return of.gradient(dy, kept, ctx.dim, ctx.temperature, where, ctx.of_output)

    return eager(forward, by_kernel, by_graph, others=4)


def along_last_axis(of: Rows) -> Callable[[Tensor], Tensor]:
    """A shorter one for what small tensors mostly are: along the last axis, at temperature 1,
    without a mask.
    """
    of_output = of.from_output is not None
    mode = "backward_from_output" if of_output else "backward"
    value, slope = of.dense["value"], of.dense[mode]

    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = value(x)
        if y is None:
            y = of.run("value", x, x, x.dim() - 1, 1.0, None)
        ctx.save_for_backward(y if of_output else x)
        return y

    def by_kernel(ctx: Any, dy: Tensor, kept: Tensor) -> Tensor:
        dx = slope(dy, kept)
        return of.run(mode, dy, kept, kept.dim() - 1, 1.0, None) if dx is None else dx

    def by_graph(ctx: Any, dy: Tensor, kept: Tensor) -> Tensor:
        return of.gradient(densely(dy), kept, kept.dim() - 1, 1.0, None, of_output)

    return eager(forward, by_kernel, by_graph)


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
        self.function = of_noisy_rows(self)
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
        self.backward_operator = define_mode(
            self.card, "backward", self.checked_backward, self.second_order,
            fake=lambda dy, *given: self.fake(*given), cuda=self.on_cuda(self.checked_backward),
        )  # fmt: skip
        self.operator = define_mode(
            self.card, "value", self.checked_value,
            lambda kept, dy: self.backward_operator(dy, *kept),
            fake=self.fake, cuda=self.on_cuda(self.checked_value),
        )  # fmt: skip

    def on_cuda(self, run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def implementation(*args: Any) -> Tensor:
            *tensors, dim, temperature, hard, seed = args

            def by_kernel(kernels: Any) -> Tensor:
                *dy, x = (t.movedim(dim, -1) for t in tensors)
                y: Tensor = getattr(kernels, self.name)(x, temperature, hard, int(seed), *dy)
                return y.movedim(-1, dim)

            return on_gpu(  # type: ignore[no-any-return]
                self.name, "value", tensors[-1], by_kernel, lambda: on_the_cpu(run, *args)
            )

        return implementation

    def fake(self, x: Tensor, dim: int, *_: Any) -> Tensor:
        dim = checked_dim(dim, x, self.name)
        return x.new_empty(x.movedim(dim, -1).shape).movedim(-1, dim)

    def checked_value(self, x: Tensor, dim: int, t: float, hard: bool, seed: Tensor) -> Tensor:
        dim = self.checked(x, dim, t, seed)
        return self.run("value", None, x, dim, t, hard, seed)

    def checked_backward(
        self, dy: Tensor, x: Tensor, dim: int, t: float, hard: bool, seed: Tensor
    ) -> Tensor:
        dim = self.checked(x, dim, t, seed)
        _raw.format_of(dy.dtype)
        _raw.check_shape(dy, x.shape)
        return self.run("backward", dy, x, dim, t, hard, seed)

    def second_order(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        dy, x, dim, temperature, _, seed = kept
        return differentiated(
            lambda dy, x: pulled_back(
                lambda x: self.by_formula(x, dim, temperature, seed), dy, x, True
            ),
            (dy, x), g,
        )  # fmt: skip


def of_noisy_rows(of: DrawnRows) -> Callable[..., Tensor]:
    """The eager Function of (x, dim, temperature, hard, seed)."""

    def forward(
        ctx: Any, x: Tensor, dim: int, temperature: float, hard: bool, seed: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, seed)  # as the operator does
        # A checkpoint's recomputation draws another from a generator of the user's own.
        ctx.seed = seed
        ctx.rest = dim, temperature, hard
        return of.run("value", None, x, dim, temperature, hard, seed)

    def by_kernel(ctx: Any, dy: Tensor, x: Tensor, _: Tensor) -> Tensor:
        return of.run("backward", dy, x, *ctx.rest, ctx.seed)

    def by_graph(ctx: Any, dy: Tensor, x: Tensor, _: Tensor) -> Tensor:
        (dim, temperature, _), seed = ctx.rest, ctx.seed
        dy, further = densely(dy), torch.is_grad_enabled()
        dx = pulled_back(lambda x: of.by_formula(x, dim, temperature, seed), dy, x, further)
        if not is_plain(dy):
            return dx
        with torch.no_grad():
            value = by_kernel(ctx, dy, x, seed)
        return ValueOf.apply(value, dx)  # type: ignore[no-any-return]

    return eager(forward, by_kernel, by_graph, others=4)


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
