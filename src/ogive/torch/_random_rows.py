"""Rows with noise, which a seed and the element's index decide: gumbel_softmax."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from .. import _native
from ..catalog import Card
from . import _formulas, _launch
from ._arguments import warn_of_ignored
from ._checks import check_devices, checked_dim, checked_temperature, floating, refusing
from ._formats import NUMBER_OF
from ._functions import eager
from ._launch import same_dense_layout
from ._operators import define_mode, on_gpu, on_the_cpu
from ._random_slopes import checked_seed, first_indices, seed_tensor
from ._route import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    by_operator,
    by_torch,
    densely,
    is_passed_on,
    is_plain,
    pass_on,
    route_of,
)
from ._rows import differentiated, pulled_back
from ._transforms import ValueOf, outside_transforms


class RandomRows:
    """A function of a row and of noise, which a seed and the element's index decide."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.apply = keeping_noise(self)
        self.define_operators()

    def run_kernel(self, mode: str, dy: Any, x: Tensor, *rest: Any) -> Tensor:
        dim, temperature, hard, seed = rest
        if dim == x.dim() - 1 and x.numel() and same_dense_layout(x if dy is None else dy, x):
            return self.run_dense(mode, dy, x, temperature, hard, int(seed))
        rows = x.movedim(dim, -1)
        lead, n = tuple(rows.shape[:-1]), rows.shape[-1]
        out = torch.empty(rows.shape, dtype=x.dtype, device="cpu")
        noise = (temperature, int(seed), first_indices(lead, n))
        operands = (
            (rows, *noise, hard, out) if dy is None
            else (dy.movedim(dim, -1).to(x.dtype), rows, *noise, out)
        )  # fmt: skip
        _launch.rows(self.name, mode, x.dtype, n, lead, operands)
        return out.movedim(-1, dim)

    def run_dense(
        self, mode: str, dy: Any, x: Tensor, temperature: float, hard: bool, seed: int
    ) -> Tensor:
        """The same of dense rows."""
        n, size = x.size(-1), x.element_size()
        count, steps = x.numel() // n, (n * size, size)
        out = torch.empty_like(x)
        first = first_indices((count,), n)
        noise = temperature, seed, (first.data_ptr(), (8,))
        at, to = (_launch.address(x), steps), (out.data_ptr(), steps)
        operands: Any = (at, *noise, hard, to)
        if dy is not None:
            operands = (_launch.address(dy), steps), at, *noise, to
        handle = _launch.handle_of(self.name, mode)
        _native.raw_strided(handle, NUMBER_OF[x.dtype], (count,), n, operands)
        return out

    def by_formula(self, x: Tensor, dim: int, temperature: float, seed: Tensor) -> Tensor:
        """The soft result, from the same noise."""
        rows = x.movedim(dim, -1)
        shape = tuple(rows.shape)
        with nullcontext() if torch.compiler.is_compiling() else outside_transforms():
            zeros = torch.zeros(shape, dtype=torch.float64, device="cpu")
            y = self.operator(zeros, len(shape) - 1, 1.0, False, seed)
        y = y.to(x.device)
        # y is softmax of the noise g alone, so g is log y up to a constant per row: u = e^(-1/y).
        u = _formulas.exponential(-1 / y)
        z = _formulas.wide(rows)
        (soft,) = self.card.formula(
            _formulas.CONTEXT, _formulas.row(z), _formulas.row(u), temperature
        )
        found: Tensor = soft.array().to(x.dtype).movedim(-1, dim)
        return found

    def formed(self, x: Tensor, dim: int, temperature: Any, hard: bool, seed: Tensor) -> Tensor:
        """The result in torch's operations: where it is hard, with the soft one's derivatives."""
        y = self.by_formula(x, dim, temperature, seed)
        if not hard:
            return y
        best = y.detach().argmax(dim, keepdim=True)
        # By a difference of 0 (NaN in a row that holds one), which functionalize takes as well.
        return torch.zeros_like(y).scatter(dim, best, 1.0) + (y - y.detach())

    def call_random_rows(
        self, input: Any, temperature: Any, hard: bool, dim: Any, seed: Tensor
    ) -> Tensor:
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
            y = self.apply(*given)
        else:
            y = by_operator(self.name, self.operator, self.formed, *given)
        return y.reshape(()) if scalar else y

    def checked(self, x: Tensor, dim: int, temperature: Any, seed: Tensor) -> int:
        """The axis from 0 on; refuses what a direct call of an operator may get wrong."""
        _launch.format_of(x.dtype)
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
                y: Tensor = kernels.KERNELS[self.name](x, temperature, hard, int(seed), *dy)
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
        return self.run_kernel("value", None, x, dim, t, hard, seed)

    def checked_backward(
        self, dy: Tensor, x: Tensor, dim: int, t: float, hard: bool, seed: Tensor
    ) -> Tensor:
        dim = self.checked(x, dim, t, seed)
        _launch.format_of(dy.dtype)
        _launch.check_shape(dy, x.shape)
        return self.run_kernel("backward", dy, x, dim, t, hard, seed)

    def second_order(self, kept: Any, g: Tensor) -> tuple[Tensor, ...]:
        dy, x, dim, temperature, _, seed = kept
        return differentiated(
            lambda dy, x: pulled_back(
                lambda x: self.by_formula(x, dim, temperature, seed), dy, x, True
            ),
            (dy, x), g,
        )  # fmt: skip


def keeping_noise(of: RandomRows) -> Callable[..., Tensor]:
    """The eager Function of (x, dim, temperature, hard, seed)."""

    def forward(
        ctx: Any, x: Tensor, dim: int, temperature: float, hard: bool, seed: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, seed)  # as the operator does
        # A checkpoint's recomputation draws another from a generator of the user's own.
        ctx.seed = seed
        ctx.rest = dim, temperature, hard
        return of.run_kernel("value", None, x, dim, temperature, hard, seed)

    def by_kernel(ctx: Any, dy: Tensor, x: Tensor, _: Tensor) -> Tensor:
        return of.run_kernel("backward", dy, x, *ctx.rest, ctx.seed)

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


def public_random_rows(of: RandomRows) -> Callable[..., Tensor]:
    def random_rows(
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
        if is_passed_on(logits, tau):
            return pass_on(random_rows, logits, tau, hard, eps, dim, seed=seed, generator=generator)
        return of.call_random_rows(logits, tau, hard, dim, seed_tensor(seed, generator))

    random_rows.__name__ = random_rows.__qualname__ = of.name
    return random_rows
