"""Unary functions with a parameter that networks train: PReLU."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import _native
from ..calls.arrays import broadcast_axes, order_of_sums
from ..catalog import Card
from . import _formulas, _launch
from ._arguments import torch_function
from ._checks import as_number, check_devices, floating
from ._formats import NUMBER_OF
from ._functions import eager
from ._launch import Ints, has_dense_layout, same_dense_layout
from ._operators import autograd_inside, decompose, define_mode, on_gpu
from ._route import (
    FORMULA,
    KERNELS,
    SEEN_BY,
    TRANSFORMS,
    by_operator,
    by_torch,
    densely,
    is_batched,
    is_passed_on,
    needs_operator,
    pass_on,
    route_of,
    unrecorded,
)
from ._transforms import Beside, ValueOf, outside_transforms

grad_enabled = torch.is_grad_enabled


class Learned:
    """The value and both gradients of f(x, weight)."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        (self.parameter,) = card.parameters
        self.of_one = {m: _launch.elementwise(card.name, m) for m in ("value", "backward")}
        self.of_many = {m: _launch.with_tensor_parameters(card.name, m) for m in self.of_one}
        self.slopes = _launch.handle_of(card.name, "backward")
        self.products = _launch.handle_of(card.name, "parameter_backward")
        self.apply = of_trained_weight(self)
        self.at_once = _launch.at_once(
            card.name, "value", given=False, unless=SEEN_BY, learn=self.apply
        )
        self.define_operators()

    def formula(self, x: Tensor, weight: Tensor) -> Tensor:
        y: Tensor = self.card.formula(_formulas.CONTEXT, x, weight.to(x.dtype))
        return y

    def value(self, x: Tensor, weight: Tensor) -> Tensor:
        if weight.numel() == 1:
            return self.of_one["value"](x, weight.item())  # type: ignore[no-any-return]
        if has_dense_layout(x) and of_channels(weight, x):
            y = torch.empty_like(x)
            self.run_dense("value", weight, x, y)
            return y
        return self.of_many["value"](x, weight)

    def check_operands(self, x: Tensor, weight: Tensor) -> None:
        """Refuses what a direct call of an operator may get wrong."""
        _launch.format_of(x.dtype)
        if weight.is_complex():
            raise RuntimeError(f"{self.name}: weight must be of real numbers, not {weight.dtype}")
        if weight.numel() != 1:
            weight.expand(x.shape)

    def checked_value(self, x: Tensor, weight: Tensor) -> Tensor:
        self.check_operands(x, weight)
        return self.value(x, weight)

    def to_x(self, dy: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        if weight.numel() == 1:
            return self.of_one["backward"](dy, x, weight.item())  # type: ignore[no-any-return]
        if same_dense_layout(dy, x) and of_channels(weight, x):
            dx = torch.empty_like(x)
            self.run_dense("backward", weight, dy, x, dx)
            return dx
        return self.of_many["backward"](dy, x, weight)

    def run_dense(self, mode: str, weight: Tensor, *tensors: Tensor) -> None:
        """A kernel on dense tensors of one shape, the result the last."""
        x = tensors[-1]
        shape, steps, weight_steps = dense_steps(tuple(x.shape), x.element_size())
        wide = _launch.wide(weight).contiguous()
        *read, y = [(_launch.address(t), steps) for t in tensors]
        operands = (*read, (wide.data_ptr(), weight_steps), y)
        _native.raw_strided(
            _launch.handle_of(self.name, mode), NUMBER_OF[x.dtype], shape, 1, operands
        )  # fmt: skip

    def gradients(self, dy: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        self.check_operands(x, weight)
        _launch.format_of(dy.dtype)
        _launch.check_shape(dy, x.shape)
        return self.to_x(dy, x, weight), self.to_weight(dy, x, weight)

    def to_weight(self, dy: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """dy df/dweight summed in float64, in one order, over the axes weight is repeated along."""
        if same_dense_layout(dy, x) and of_channels(weight, x):
            return self.to_channels(dy, x, weight)
        shape = x.shape
        dtype = torch.promote_types(dy.dtype, x.dtype)
        dy, x = (t.resolve_neg().to(dtype) for t in (dy, x))
        if weight.numel() == 1:  # one long row
            dy, x = dy.reshape(-1), x.reshape(-1)
            sum_ = torch.empty((), dtype=torch.float64, device="cpu")
            step = x.element_size()
            _native.raw_strided(
                self.products, NUMBER_OF[dtype], (), len(x),
                ((_launch.address(dy), (step * dy.stride(0),)),
                 (_launch.address(x), (step * x.stride(0),)),
                 float(weight.item()), (sum_.data_ptr(), ())),
            )  # fmt: skip
            return sum_.to(weight.dtype).reshape(weight.shape)
        wide = _launch.wide(weight)
        summed = broadcast_axes(tuple(weight.shape), tuple(shape))
        rest: Ints = ()
        if summed:
            longest, rest = order_of_sums(summed, tuple(shape))
            rows = [t.movedim(longest, -1) for t in (dy, x, wide.expand(shape))]
        else:
            rows = [t.unsqueeze(-1) for t in (dy, x, wide.expand(shape))]
        lead = tuple(rows[0].shape[:-1])
        total = torch.empty(lead, dtype=torch.float64, device="cpu")
        _launch.rows(
            self.name, "parameter_backward", dtype, rows[0].shape[-1], lead, (*rows, total)
        )
        if rest:  # NumPy's order of summation, as everywhere else
            total = torch.from_numpy(np.asarray(np.add.reduce(total.numpy(), axis=rest)))
        return total.reshape(weight.shape).to(weight.dtype)

    def to_channels(self, dy: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """The same in the same order, of dense tensors."""
        plan = dense_sums(tuple(x.shape), x.element_size())
        wide = _launch.wide(weight).contiguous()
        total = torch.empty(plan.lead, dtype=torch.float64, device="cpu")
        _native.raw_strided(
            self.products, NUMBER_OF[x.dtype], plan.lead, plan.n,
            ((_launch.address(dy), plan.steps), (_launch.address(x), plan.steps),
             (wide.data_ptr(), plan.weight_steps), (total.data_ptr(), plan.total_steps)),
        )  # fmt: skip
        if plan.rest:
            total = torch.from_numpy(np.asarray(np.add.reduce(total.numpy(), axis=plan.rest)))
        return total.reshape(weight.shape).to(weight.dtype)

    def of_one_dense(
        self, dy: Tensor, x: Tensor, weight: Tensor, wants_x: bool, wants_weight: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """Both gradients of dense tensors with one weight."""
        dx = dw = None
        form, n, number = NUMBER_OF[x.dtype], x.numel(), float(weight.item())
        at = _launch.address(dy), _launch.address(x)
        if wants_x:
            dx = torch.empty_like(x)
            _native.raw_flat(self.slopes, form, n, *at, number, dx.data_ptr())
        if wants_weight:
            sum_ = ctypes.c_double()
            address = ctypes.addressof(sum_)
            if n:  # one long row
                _native.raw_rows(self.products, form, 1, n, *at, number, address)
            dw = torch.full_like(weight, sum_.value)
        return dx, dw

    def pulled_back(self, dy: Tensor, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
        """The gradients with derivatives of their own, whatever wraps dy."""
        if needs_operator(dy, x, weight):
            dx, dw = self.by_operator(densely(dy), x, self.shaped(weight, x))
            return dx, dw.reshape(weight.shape)
        again, wanted = torch.is_grad_enabled(), [t.requires_grad for t in (x, weight)]
        with outside_transforms(), torch.enable_grad():
            both = x, self.shaped(weight, x).expand(x.shape)
            given = [t for t in both if t.requires_grad]
            y = self.formula(*both).sum()
            each = iter(torch.autograd.grad(y, given, create_graph=again))
        found: list[Any] = [Beside.apply(dy * next(each), x) if want else None for want in wanted]
        if found[1] is not None:
            summed = found[1].sum_to_size(self.shaped(weight, x).shape)
            found[1] = summed.reshape(weight.shape).to(weight.dtype)
        if is_batched(dy):  # a transform: the slopes are two, and as exact as the kernel's
            return tuple(found)
        with torch.no_grad():
            dx, dw = self.gradients(dy, x, self.shaped(weight, x))
            values = dx, dw.reshape(weight.shape)
        return tuple(
            None if c is None else ValueOf.apply(v, c) for v, c in zip(values, found, strict=True)
        )

    def by_operator(self, dy: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of whatever kind dy is; where operators do not take it, dy times each."""

        def product(dy: Tensor) -> tuple[Tensor, Tensor]:
            each = weight.expand(x.shape)
            dx, dw = self.backward_operator(torch.ones_like(x), x, each)
            return dy * dx, (dy * dw).sum_to_size(weight.shape)

        found: tuple[Tensor, Tensor] = by_operator(
            self.name, lambda dy: self.backward_operator(dy, x, weight), product, dy
        )
        return found

    def checked_weight(self, weight: Any, x: Tensor) -> Tensor:
        """One weight, or one for each channel."""
        if not isinstance(weight, Tensor):
            number = as_number(weight, f"{self.name}: {self.parameter.name}")
            return torch.tensor(number, dtype=torch.float64, device=x.device)
        if not weight.is_floating_point():
            raise RuntimeError(
                f"{self.name}: {self.parameter.name} must be of floating-point numbers, not of "
                f"{weight.dtype}"
            )
        if weight.numel() == 1:
            return weight
        if weight.dim() != 1:
            raise RuntimeError(
                f"{self.name}: {self.parameter.name} must have one dimension, not {weight.dim()}"
            )
        channels = x.shape[1] if x.dim() > 1 else 1
        if len(weight) != channels:
            raise RuntimeError(
                f"{self.name}: {self.parameter.name} has {len(weight)} elements, but x of shape "
                f"{tuple(x.shape)} has {channels} channels along axis 1"
            )
        return weight

    def shaped(self, weight: Tensor, x: Tensor) -> Tensor:
        """The weights in the shape that broadcasts against x."""
        return weight.reshape(() if weight.numel() == 1 else (-1, *(1,) * (x.dim() - 2)))

    def call_learned(self, input: Any, weight: Any) -> Tensor:
        x = floating(input, self.name)
        weight = self.checked_weight(weight, x)
        check_devices(self.name, x=x, weight=weight)
        way = route_of(x, weight)
        if way == KERNELS:
            return self.by_kernel(x, weight)
        weight = self.shaped(weight, x)
        if way in (TRANSFORMS, FORMULA):  # two branches of a where: as exact as the kernel
            return by_torch(self.name, self.formula, x, weight)  # type: ignore[no-any-return]
        return by_operator(self.name, self.operator, self.formula, x, weight)  # type: ignore[no-any-return]

    def by_kernel(self, x: Tensor, weight: Tensor) -> Tensor:
        if grad_enabled() and (x.requires_grad or weight.requires_grad):
            return self.apply(x, weight)
        return self.value(x, self.shaped(weight, x))

    def define_operators(self) -> None:
        self.backward_operator = define_mode(
            self.card, "backward", self.gradients, self.second_order, cuda=self.gradients_on_cuda,
            fake=lambda dy, x, weight: (torch.empty_like(x), torch.empty_like(weight)),
        )  # fmt: skip
        self.operator = define_mode(
            self.card, "value", self.checked_value,
            lambda kept, dy: self.backward_operator(dy, *kept),
            cuda=lambda x, weight: on_gpu(
                self.name, "value", x,
                lambda kernels: kernels.unary(self.name, "value", (x,), (weight,)),
                lambda: self.formula(x, weight),
            ),
        )  # fmt: skip
        decompose(self.operator, self.decomposed)

    def decomposed(self, x: Tensor, weight: Tensor) -> Tensor:
        function = torch_function(self.card)
        if weight.dim() > 1 or function is None:  # one for each channel, as the kernel takes it
            return self.formula(x, weight)
        return function(x, weight)  # type: ignore[no-any-return]

    def gradients_on_cuda(self, dy: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        def by_formula(*wanted: int) -> tuple[Tensor, ...]:
            given = [t.detach().requires_grad_() for t in (x, weight)]
            with torch.enable_grad():
                y = self.formula(*given)
            return torch.autograd.grad(y, [given[k] for k in wanted], dy)

        def by_kernel(kernels: Any) -> tuple[Tensor, ...]:
            dx = kernels.unary(self.name, "backward", (dy, x), (weight,))
            with autograd_inside():
                return dx, *by_formula(1)  # the weight's is a sum, which torch has

        return on_gpu(  # type: ignore[no-any-return]
            self.name, "backward", x, by_kernel, lambda: by_formula(0, 1)
        )

    def second_order(self, kept: Any, *g: Tensor) -> tuple[Any, ...]:
        with torch.enable_grad():
            given = [t if t.requires_grad else t.detach().requires_grad_() for t in kept]
            first = torch.autograd.grad(
                self.formula(*given[1:]), given[1:], given[0], create_graph=True
            )
            return torch.autograd.grad(
                first, given, g, allow_unused=True, create_graph=torch.is_grad_enabled()
            )


def of_channels(weight: Tensor, x: Tensor) -> bool:
    """Whether there is a weight for each channel of x, and so more than one."""
    channels = weight.numel()
    return (
        channels > 1 and x.dim() > 1 and x.size(1) == channels == weight.size(0)
        and weight.dim() == x.dim() - 1
    )  # fmt: skip


@lru_cache(256)
def dense_steps(shape: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """A dense tensor's shape as three axes, channels the middle one; its strides in bytes and those
    of the channels' weights.
    """
    outer, channels, rest = shape[0], shape[1], math.prod(shape[2:])
    return (outer, channels, rest), (channels * rest * size, rest * size, size), (0, 8, 0)


class Sums(NamedTuple):
    """How a dense tensor is summed to one number per channel: rows of n along its longest other
    axis, and their sums along the rest.
    """

    lead: Ints
    n: int
    steps: Ints
    weight_steps: Ints
    total_steps: Ints
    rest: Ints


@lru_cache(256)
def dense_sums(shape: Ints, size: int) -> Sums:
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    summed = broadcast_axes((shape[1], *(1 for _ in shape[2:])), shape)
    longest, rest = order_of_sums(summed, shape)
    axes = [axis for axis in range(len(shape)) if axis != longest]
    lead = tuple(shape[axis] for axis in axes)
    return Sums(
        lead,
        shape[longest],
        tuple(strides[axis] * size for axis in (*axes, longest)),
        tuple(8 * (axis == 1) for axis in (*axes, longest)),
        tuple(8 * math.prod(lead[axis + 1 :]) for axis in range(len(lead))),
        rest,
    )


def of_trained_weight(of: Learned) -> Callable[..., Tensor]:
    """The eager Function of x and weight."""

    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return of.value(x, weight if weight.numel() == 1 else of.shaped(weight, x))

    def by_kernel(ctx: Any, dy: Tensor, x: Tensor, weight: Tensor) -> Any:
        wants_x, wants_weight = ctx.needs_input_grad
        if weight.numel() == 1 and same_dense_layout(dy, x):
            return of.of_one_dense(dy, x, weight, wants_x, wants_weight)
        shaped = of.shaped(weight, x)
        dx = of.to_x(dy, x, shaped) if wants_x else None
        dw = of.to_weight(dy, x, shaped).reshape(weight.shape) if wants_weight else None
        return dx, dw

    return eager(forward, by_kernel, lambda ctx, dy, x, weight: of.pulled_back(dy, x, weight))


def public_learned(of: Learned) -> Callable[..., Tensor]:
    def learned(input: Any, weight: Any, *, lean: bool | None = None) -> Tensor:
        if isinstance(weight, Tensor) and unrecorded():
            y: Tensor | None = of.at_once(input, weight)
            if y is not None:
                return y
        if is_passed_on(input, weight):
            return pass_on(learned, input, weight, lean=lean)
        return of.call_learned(input, weight)

    learned.__name__ = learned.__qualname__ = of.name
    return learned
