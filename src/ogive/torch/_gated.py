"""Gated functions a f(b) in torch: both gradients from one read, and only a and b kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from .. import _native
from ..catalog import Card
from . import _formulas, _launch
from ._checks import check_devices, checked_dim, floating
from ._formats import NUMBER_OF
from ._functions import eager, pulled_at_once
from ._launch import Ints, same_dense_layout
from ._operators import define_mode, on_gpu
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
    needs_operator,
    pass_on,
    route,
    route_of,
    unrecorded,
)
from ._transforms import ValueOf, elementwise_vmap, value_alone
from ._unary import Unary

grad_enabled = torch.is_grad_enabled


class Gated:
    public: Callable[..., Tensor]

    def __init__(self, card: Card, gate: Unary):
        self.card, self.name, self.gate = card, card.name, gate
        self.formula = _formulas.gated(card)
        self.value = _launch.elementwise(card.name, "value")
        self.backward = _launch.elementwise(card.name, "backward")
        self.handles = {m: _launch.handle_of(card.name, m) for m in ("value", "backward")}
        self.apply = of_two_tensors(self)
        self.at_once = _launch.at_once(card.name, "value", unless=SEEN_BY, learn=self.apply)
        self.apply_to_halves = of_both_halves(self)
        self.define_operators()
        self.value_alone = value_alone(self.operator, elementwise_vmap)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """a f(b) from parts that have every derivative."""
        y: Tensor = a * self.gate.differentiable.apply(b)
        return y

    def pulled_back(self, dy: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Both gradients with their own derivatives, whatever wraps dy."""
        if needs_operator(dy, a, b):
            return by_operator(  # type: ignore[no-any-return]
                self.name, lambda dy: self.backward_operator(dy, a, b),
                lambda dy: tuple(
                    dy * slope for slope in self.backward_operator(torch.ones_like(b), a, b)
                ),
                densely(dy),
            )  # fmt: skip
        with torch.no_grad():
            da, db = self.backward_operator(dy, a, b)
        to_a = dy * self.gate.differentiable.apply(b)
        to_b = self.gate.differentiable_backward.apply(dy * a, b)
        return ValueOf.apply(da, to_a), ValueOf.apply(db, to_b)

    def of_halves(self, x: Tensor, dim: int, dy: Tensor | None = None) -> Tensor:
        """The value of the halves of x along an axis, or dx: each half is read, and written, where
        it lies.
        """
        if not same_dense_layout(x if dy is None else dy, x):
            a, b = x.chunk(2, dim)
            return self.value(a, b) if dy is None else torch.cat(self.backward(dy, a, b), dim)
        loop, shape, step, whole, half = dense_halves(x.shape, dim, x.element_size())
        at = _launch.address(x)
        operands: Any = (at, whole), (at + step, whole)
        if dy is None:
            found = x.new_empty(shape)
            operands = *operands, (found.data_ptr(), half)
        else:
            found = torch.empty_like(x)
            at = found.data_ptr()
            operands = (_launch.address(dy), half), *operands, (at, whole), (at + step, whole)
        handle = self.handles["value" if dy is None else "backward"]
        _native.raw_strided(handle, NUMBER_OF[x.dtype], loop, 1, operands)
        return found

    def call_on_halves(self, x: Any, dim: int) -> Tensor:
        if route(x) == KERNELS and x.dtype in NUMBER_OF:
            try:
                dim = checked_halves(x, dim, self.name)
                if grad_enabled() and x.requires_grad:
                    return self.apply_to_halves(x, dim)
                return self.of_halves(x, dim)
            except RuntimeError:
                if is_plain(x):
                    raise
        if is_passed_on(x):
            return pass_on(self.public, x, None, dim)
        a, b = halves(floating(x, self.name), dim, self.name)
        return self.call_gated(a, b)

    def call_gated(self, a: Any, b: Any) -> Tensor:
        a, b = floating(a, self.name), floating(b, self.name)
        check_devices(self.name, a=a, b=b)
        if a.dtype is not b.dtype:
            dtype = torch.promote_types(a.dtype, b.dtype)
            a, b = a.to(dtype), b.to(dtype)
        if a.shape != b.shape:
            a, b = torch.broadcast_tensors(a, b)
        way = route_of(a, b)
        if way == KERNELS:
            if (a.requires_grad or b.requires_grad) and torch.is_grad_enabled():
                return self.apply(a, b)
            return self.value(a, b)  # type: ignore[no-any-return]
        if way == TRANSFORMS:
            value = self.value_alone.apply(a.detach(), b.detach())
            return ValueOf.apply(value, self.product(a, b))  # type: ignore[no-any-return]
        if way == FORMULA:
            return by_torch(self.name, self.formula, a, b)  # type: ignore[no-any-return]
        return by_operator(self.name, self.operator, self.formula, a, b)  # type: ignore[no-any-return]

    def define_operators(self) -> None:
        self.backward_operator = define_mode(
            self.card, "backward", _launch.same_shape(self.backward, 3), self.second_order,
            cuda=lambda dy, a, b: on_gpu(
                self.name, "backward", b,
                lambda kernels: kernels.gated(self.name, "backward", (dy, a, b), ()),
                lambda: self.gradients_by_formula(dy, a, b),
            ),
            elementwise=True,
        )  # fmt: skip
        self.operator = define_mode(
            self.card, "value", _launch.same_shape(self.value, 2),
            lambda kept, dy: self.backward_operator(dy, *kept),
            cuda=lambda a, b: on_gpu(
                self.name, "value", b,
                lambda kernels: kernels.gated(self.name, "value", (a, b), ()),
                lambda: self.formula(a, b),
            ),
            elementwise=True,
        )  # fmt: skip

    def gradients_by_formula(self, dy: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            given = [t.detach().requires_grad_() for t in (a, b)]
            return torch.autograd.grad(self.formula(*given), given, dy)

    def second_order(self, kept: Any, to_a: Any, to_b: Any) -> tuple[Any, Any, Any]:
        """Back through da = dy f(b) and db = dy a f'(b)."""
        (dy, a, b), gate = kept, self.gate
        g_dy, g_a, g_b = 0, 0, 0
        if to_a is not None:
            g_dy = g_dy + to_a * gate.operator(b)
            g_b = g_b + gate.backward_operator(to_a * dy, b)
        if to_b is not None:
            slope = gate.backward_operator(to_b, b)
            g_dy, g_a = g_dy + a * slope, g_a + dy * slope
            if not gate.straight:
                g_b = g_b + to_b * dy * a * gate.second_operator(b)
        return g_dy, g_a if to_b is not None else None, g_b


def of_two_tensors(of: Gated) -> Callable[..., Tensor]:
    """The eager Function of a and b."""

    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return of.value(a, b)  # type: ignore[no-any-return]

    return eager(
        forward,
        lambda ctx, dy, a, b: of.backward(dy, a, b),
        lambda ctx, dy, a, b: of.pulled_back(dy, a, b),
        quick=pulled_at_once(of.name, "backward"),
    )


def of_both_halves(of: Gated) -> Callable[..., Tensor]:
    """That of one tensor, which alone is kept: its gradient is made whole, not put together."""

    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.dim = dim
        return of.of_halves(x, dim)

    return eager(
        forward,
        lambda ctx, dy, x: of.of_halves(x, ctx.dim, dy),
        lambda ctx, dy, x: torch.cat(of.pulled_back(dy, *x.chunk(2, ctx.dim)), ctx.dim),
        others=1,
    )


def public_gated(of: Gated) -> Callable[..., Tensor]:
    def gated(a: Any, b: Any = None, dim: int = -1) -> Tensor:
        if b is None or isinstance(b, int):  # both halves in one tensor, as torch's glu has them
            return of.call_on_halves(a, dim if b is None else b)
        y: Tensor | None = of.at_once(a, b) if unrecorded() else None
        if y is not None:
            return y
        if is_passed_on(a, b):
            return pass_on(gated, a, b)
        return of.call_gated(a, b)

    gated.__name__ = gated.__qualname__ = of.name
    of.public = gated
    return gated


@lru_cache(256)
def dense_halves(shape: torch.Size, dim: int, size: int) -> tuple[Ints, Ints, int, Ints, Ints]:
    """For a dense tensor's halves: the loop over them, the shape of one, how far the second lies
    from the first, and the strides within the whole and within a half; all in bytes.
    """
    inner = math.prod(shape[dim:]) // 2
    step = inner * size
    half = (*shape[:dim], shape[dim] // 2, *shape[dim + 1 :])
    return (math.prod(shape[:dim]), inner), half, step, (2 * step, size), (step, size)


def halves(x: Tensor, dim: int, name: str) -> tuple[Tensor, Tensor]:
    """The halves along an axis; the second one gates."""
    a, b = x.chunk(2, checked_halves(x, dim, name))
    return a, b


def checked_halves(x: Tensor, dim: int, name: str) -> int:
    """The axis, counted from 0, that is halved."""
    if x.dim() == 0:
        raise RuntimeError(f"{name} does not take a tensor without dimensions")
    axis = checked_dim(dim, x, name)
    if x.size(axis) % 2:
        raise RuntimeError(
            f"{name}: halving needs an even size, but axis {dim} of shape {tuple(x.shape)} has "
            f"{x.size(axis)}"
        )
    return axis
