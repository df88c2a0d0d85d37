"""Rows in torch: softmax and its kin along any axis, with a temperature and a mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..calls import rules
from ..calls.loop import loop, modes
from ..calls.rules import Kept
from ..catalog import Card
from . import _formulas, _launch
from ._arguments import by_torch_alone, implicit_dim, into, torch_function
from ._checks import (
    Temperature,
    check_devices,
    check_fits,
    checked_dim,
    checked_mask,
    checked_temperature,
    floating,
    learns,
    refusing,
)
from ._functions import eager, pulled_at_once
from ._launch import laid_out_as
from ._operators import LIBRARY, autograd_inside, decompose, define, define_mode, on_gpu, schema
from ._route import (
    FORMULA,
    KERNELS,
    SEEN_BY,
    TRANSFORMS,
    by_operator,
    by_torch,
    densely,
    is_passed_on,
    is_plain,
    kind_of,
    pass_on,
    refuse_freed,
    route_of,
    unrecorded,
)
from ._transforms import ValueOf, elementwise_vmap, value_alone, vmap_of_rows

grad_enabled = torch.is_grad_enabled


class Rows:
    """The kernels, autograd Functions and operators of one function of rows."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.modes = modes(card.name)
        self.reduces = loop(card.name, "value").reduces
        self.formula = _formulas.rows(card)
        self.keeping = rules.keeping(card, output=card.pull_back is not None)
        self.from_output = _formulas.pull_back(card) if self.keeping.output else None
        self.dense: dict[str, Callable[..., Tensor | None]] = {
            mode: _launch.dense_rows(self.name, mode)
            for mode in self.modes
        }  # fmt: skip
        self.apply = along_any_axis(self)
        self.at_once = _launch.at_once(
            self.name, "value", *plain_options(self.name, "value"), unless=SEEN_BY,
            learn=along_last_axis(self),
        )  # fmt: skip
        self.define_operators()
        self.value_alone = value_alone(self.operator, vmap_of_rows)

    def run_rows(
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
            number = _launch.wide(temperature).expand(lead)
        operands += [rows, number]
        if not rules.reads_output(mode):
            mask: Any = True
            if where is not None:
                mask = (where.reshape(1) if scalar else where.expand(x.shape)).movedim(dim, -1)
            operands.append(mask)
        operands.append(out if small else out.movedim(dim, -1))
        _launch.rows(self.name, mode, x.dtype, n, lead, operands)
        return out.reshape(()) if scalar and not small else out

    def fast_value(self, x: Any, dim: Any) -> Tensor | None:
        """Fast path: last axis, defaults, plain tensor; None if it does not apply."""
        if type(dim) is not int or not unrecorded():
            return None
        if dim != -1 and (not isinstance(x, Tensor) or dim != x.dim() - 1):
            return None
        return self.at_once(x)  # type: ignore[no-any-return]

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
        self, dy: Tensor, kept: Tensor, dim: int, temperature: Any, where: Any, of: Kept
    ) -> Tensor:
        """dx with derivatives of its own, or for many dy at a time."""
        if of == "output":
            carrier = self.pull_back(dy, kept, dim, temperature)
        else:
            further = torch.is_grad_enabled()
            carrier = self.gradient_by_formula(dy, kept, dim, temperature, where, further)
        if not is_plain(dy):
            return carrier
        with torch.no_grad():
            dx = self.run_rows(rules.PULLS_BACK[of], dy, kept, dim, temperature, where)
        return ValueOf.apply(dx, carrier)  # type: ignore[no-any-return]

    def counted(self, dy: Tensor, where: Any) -> Tensor:
        """dy without what came to masked elements, whose results depend on nothing."""
        return dy if where is None or self.reduces else dy.masked_fill(~where, 0)

    def pull_back(self, dy: Tensor, y: Tensor, dim: int, temperature: Any) -> Tensor:
        if y.dim() == 0:
            return self.pull_back(dy.reshape(1), y.reshape(1), 0, temperature).reshape(())
        dx = self.from_output(dy.movedim(dim, -1), y.movedim(dim, -1), temperature)  # type: ignore[misc]
        return dx.movedim(-1, dim)

    def call_rows(
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
                return self.apply(*given, lean is False)
            return self.run_rows("value", x, *given)
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
            value = self.run_rows("value", x, x, dim, temperature, where)
        return ValueOf.apply(value, self.by_formula(x, dim, temperature, where))  # type: ignore[no-any-return]

    def checked_options(
        self, x: Tensor, dim: int, temperature: Any, where: Any, dy: Tensor | None = None
    ) -> tuple[int, Any]:
        """The axis from 0 on, and the temperature; refuses what a direct call of an operator may
        get wrong.
        """
        dim = checked_dim(dim, x, self.name)
        _launch.format_of(x.dtype)
        if where is not None:
            checked_mask(where, x, self.name)
        lead = (*x.shape[:dim], *x.shape[dim + 1 :])
        if isinstance(temperature, Tensor):
            check_devices(self.name, x=x, temperature=temperature)
            check_fits(temperature, lead, self.name)
        if dy is not None:
            _launch.format_of(dy.dtype)
            _launch.check_shape(dy, lead if self.reduces else x.shape)
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
            more="bool keep_input=False",
        )  # fmt: skip
        decompose(self.operator, self.decomposed)
        self.at_temperatures = define(
            f"{self.name}_at_temperatures",
            schema(card, "value", tensors=card.named("number")),
            self.checked_value, self.fake_value, cuda=self.value_at_temperatures,
            backward=self.gradients_at_temperatures, setup_context=save_inputs,
            vmap=vmap_of_rows(lambda: self.at_temperatures),
        )  # fmt: skip

    def decomposed(self, x: Tensor, dim: int, t: float, where: Any, *_: Any) -> Tensor:
        function = torch_function(self.card)
        if t == 1 and where is None and function is not None:
            return function(x, dim)  # type: ignore[no-any-return]
        return self.by_formula(x, dim, t, where)

    def on_cuda(self, mode: str, formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The implementation of a mode: by Triton's kernel, or by a formula."""
        count = loop(self.name, mode).tensors

        def implementation(*args: Any) -> Tensor:
            tensors, (dim, temperature, *mask) = args[:count], args[count:]
            last = tensors[-1]
            where = mask[0] if mask else None
            dy = tensors[0] if count > 1 else None
            dim, temperature = self.checked_options(last, dim, temperature, where, dy)

            def by_kernel(kernels: Any) -> Tensor:
                # A number is a row of one.
                shape = last.shape or (1,)
                rows = [t if t.dim() < last.dim() else t.reshape(shape).movedim(dim, -1)
                        for t in tensors]  # fmt: skip
                keep = where if where is None else where.broadcast_to(shape).movedim(dim, -1)
                y: Tensor = kernels.rows(self.name, mode, rows, (temperature,), keep)
                y = y if y.dim() < len(shape) else y.movedim(-1, dim)
                return y if last.dim() else y.reshape(())

            y: Tensor = on_gpu(self.name, mode, last, by_kernel, lambda: formula(*args))
            return y.contiguous() if self.reduces and mode == "value" else laid_out_as(last, y)

        return implementation

    def checked_value(self, x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
        dim, t = self.checked_options(x, dim, t, where)
        return self.run_rows("value", x, x, dim, t, where)

    def value_at_temperatures(self, x: Tensor, dim: int, t: Any, where: Any) -> Tensor:
        self.checked_options(x, dim, t, where)
        with autograd_inside():
            return self.by_formula(x, dim, t, where)

    def checked_backward(self, dy: Tensor, x: Tensor, dim: int, t: float, where: Any) -> Tensor:
        dim, t = self.checked_options(x, dim, t, where, dy)
        return self.run_rows("backward", self.counted(dy, where), x, dim, t, where)

    def checked_backward_from_output(self, dy: Tensor, y: Tensor, dim: int, t: float) -> Tensor:
        dim, t = self.checked_options(y, dim, t, None, dy)
        return self.run_rows("backward_from_output", dy, y, dim, t, None)

    def fake_value(self, x: Tensor, dim: int, *_: Any) -> Tensor:
        if not self.reduces:
            return torch.empty_like(x)
        dim = checked_dim(dim, x, self.name)
        return x.new_empty([s for axis, s in enumerate(x.shape) if axis != dim])

    def kept_for_backward(self, inputs: Any, output: Any) -> tuple[Any, ...]:
        """What the operator keeps, the options, and which of the two that is."""
        x, dim, temperature, where, keep_input = inputs
        kept = self.keeping.kept((), False if keep_input else None)
        return output if kept == "output" else x, dim, temperature, where, kept

    def first_order(self, kept: Any, dy: Tensor) -> Tensor:
        saved, dim, temperature, where, of = kept
        if of == "output":
            dy = self.counted(dy, where)
            return self.output_operator(dy, saved, dim, temperature)  # type: ignore[no-any-return]
        return self.backward_operator(dy, saved, dim, temperature, where)  # type: ignore[no-any-return]

    def second_order(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        *given, dim, temperature, where = kept
        return differentiated(
            lambda dy, x: self.gradient_by_formula(dy, x, dim, temperature, where, True), given, g
        )

    def second_order_from_output(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        *given, dim, temperature = kept
        return differentiated(lambda dy, y: self.pull_back(dy, y, dim, temperature), given, g)

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


def is_one(temperature: Any) -> bool:
    return type(temperature) is float and temperature == 1.0


def along_any_axis(of: Rows) -> Callable[..., Tensor]:
    """The eager Function of (x, dim, temperature, where, keep_input)."""

    def forward(
        ctx: Any, x: Tensor, dim: int, temperature: Any, where: Any, keep_input: bool
    ) -> Tensor:
        y = of.run_rows("value", x, x, dim, temperature, where)
        ctx.kept = of.keeping.kept((), False if keep_input else None)
        ctx.save_for_backward(y if ctx.kept == "output" else x, where)
        ctx.dim, ctx.temperature = dim, temperature
        return y

    def by_kernel(ctx: Any, dy: Tensor, kept: Tensor, where: Any) -> Tensor:
        mode = rules.PULLS_BACK[ctx.kept]
        return of.run_rows(mode, of.counted(dy, where), kept, ctx.dim, ctx.temperature, where)

    def by_graph(ctx: Any, dy: Tensor, kept: Tensor, where: Any) -> Tensor:
        dy = of.counted(densely(dy), where)
        return of.gradient(dy, kept, ctx.dim, ctx.temperature, where, ctx.kept)

    return eager(forward, by_kernel, by_graph, others=4)


def along_last_axis(of: Rows) -> Callable[[Tensor], Tensor]:
    """A shorter one for what small tensors mostly are: along the last axis, at temperature 1,
    without a mask.
    """
    keeps = of.keeping.kept((), None)
    mode = rules.PULLS_BACK[keeps]
    value = _launch.at_once(of.name, "value", *plain_options(of.name, "value"))

    def forward(ctx: Any, x: Tensor) -> Tensor:
        y: Tensor | None = value(x)
        if y is None:
            y = of.run_rows("value", x, x, x.dim() - 1, 1.0, None)
        ctx.save_for_backward(y if keeps == "output" else x)
        return y

    def by_kernel(ctx: Any, dy: Tensor, kept: Tensor) -> Tensor:
        return of.run_rows(mode, dy, kept, kept.dim() - 1, 1.0, None)

    def by_graph(ctx: Any, dy: Tensor, kept: Tensor) -> Tensor:
        return of.gradient(densely(dy), kept, kept.dim() - 1, 1.0, None, keeps)

    quick = pulled_at_once(of.name, mode, *plain_options(of.name, mode))
    return eager(forward, by_kernel, by_graph, quick=quick)


def plain_options(name: str, mode: str) -> tuple[float | bool, ...]:
    """A kernel's numbers at temperature 1 and without a mask."""
    return 1.0, *(True,) * loop(name, mode).masked


def pulled_back(
    formula: Callable[[Tensor], Tensor], dy: Tensor, x: Tensor, create_graph: bool
) -> Tensor:
    """dx by torch's derivative of a formula; dy may stand for many gradients, x may not."""
    with torch.enable_grad():
        # A view has none of the hooks of x; and a transform forbids to ask for a new gradient.
        x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        (dx,) = torch.autograd.grad(formula(x), x, dy, create_graph=create_graph)
    return dx


def _returned(temperature: Tensor) -> Tensor:
    checked_temperature(temperature)
    return temperature.clone()


_check: Any = define(
    "checked_temperature", "(Tensor temperature) -> Tensor", _returned, torch.empty_like,
    vmap=elementwise_vmap(lambda: _check),
)  # fmt: skip
LIBRARY.impl("checked_temperature", _returned, "CUDA")


def public_rows(of: Rows) -> Callable[..., Tensor]:
    def rows_function(
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
            found = of.fast_value(input, dim)
            if found is not None:
                return found
        if dim is None and isinstance(input, Tensor):
            dim = implicit_dim(of.name, input)
        if isinstance(_stacklevel, torch.dtype):  # in the place where torch.softmax has it
            dtype = _stacklevel
        if is_passed_on(input, temperature, where):
            return pass_on(
                rows_function, input, dim, dtype=dtype, temperature=temperature, where=where,
                lean=lean, out=out,
            )  # fmt: skip
        x = input if dtype is None else input.to(dtype)
        if out is not None:
            return into(out, of.name, lambda x: of.call_rows(x, dim, temperature, where, lean), x)
        return of.call_rows(x, dim, temperature, where, lean)

    rows_function.__name__ = rows_function.__qualname__ = of.name
    return rows_function


def public_reduced_rows(of: Rows) -> Callable[..., Tensor]:
    def reduced_rows(
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
            return into(out, of.name, partial(reduced_rows, **given), input)
        whole = isinstance(dim, int)
        y = of.fast_value(input, dim) if whole and is_one(temperature) and where is None else None
        if y is None and is_passed_on(input, temperature, where):
            return pass_on(reduced_rows, input, dim, keepdim, temperature=temperature, where=where)
        if not isinstance(dim, int):
            return over_axes(of, input, dim, keepdim, temperature, where)
        if y is None:
            y = of.call_rows(input, dim, temperature, where, None)
        return y.unsqueeze(dim) if keepdim and input.dim() else y

    reduced_rows.__name__ = reduced_rows.__qualname__ = of.name
    return reduced_rows


def over_axes(
    of: Rows, x: Any, dims: Sequence[int], keepdim: bool, temperature: Temperature, where: Any
) -> Tensor:
    """A function that reduces rows, with the elements of several axes as one row."""
    x = floating(x, of.name)
    if not isinstance(dims, (tuple, list)):
        raise TypeError(f"{of.name}: dim must be an integer, or several, not {dims!r}")
    axes = [checked_dim(dim, x, of.name) for dim in dims or range(x.dim())]
    if len(set(axes)) < len(axes):
        raise RuntimeError(f"{of.name}: dim = {tuple(dims)} names an axis twice")
    if not x.dim():
        return of.call_rows(x, 0, temperature, where, None)
    last = range(x.dim() - len(axes), x.dim())
    rows, mask = (
        t if t is None else t.movedim(axes, tuple(last)).flatten(last[0])
        for t in (x, where if where is None else checked_mask(where, x, of.name).expand(x.shape))
    )
    y = of.call_rows(rows, -1, temperature, mask, None)
    for axis in sorted(axes) if keepdim else ():
        y = y.unsqueeze(axis)
    return y
