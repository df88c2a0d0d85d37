"""Unary functions with a parameter that is random in training: RReLU. And the seeds of all that is
random.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from .. import _native
from ..calls.loop import loop
from . import _launch
from ._checks import as_number, floating
from ._formats import NUMBER_OF
from ._functions import eager
from ._launch import ONE_THREAD, same_dense_layout
from ._operators import define_mode, on_gpu, on_the_cpu
from ._route import (
    FORMULA,
    KERNELS,
    OPERATOR,
    by_operator,
    densely,
    has_no_operator,
    is_passed_on,
    kind_of,
    needs_operator,
    pass_on,
    route_of,
)
from ._transforms import elementwise_vmap, saving
from ._unary import Unary, public_unary

SEEDS = (1 << 63) - 1


def seed_tensor(seed: int | None, generator: torch.Generator | None) -> Tensor:
    """The key of the counter-based generator: the seed, or a random number of torch's generator."""
    if seed is not None:
        try:
            number = operator.index(seed)
        except TypeError:
            raise TypeError(f"seed must be an integer, not {seed!r}") from None
        return key_of(number)
    if generator is None:
        return torch.randint(SEEDS, (), device="cpu")
    return torch.randint(SEEDS, (), generator=generator, device=generator.device).cpu()


def key_of(seed: int) -> Tensor:
    return torch.tensor(seed, dtype=torch.int64, device="cpu")


def checked_seed(seed: Tensor) -> int:
    if seed.numel() != 1 or seed.is_floating_point() or seed.is_complex():
        raise TypeError(
            f"seed must be one integer, not a tensor of {seed.dtype} of shape {tuple(seed.shape)}"
        )
    return int(seed)


def first_indices(lead: tuple[int, ...], n: int) -> Tensor:
    """The index, in C order, of each row's first element."""
    rows = math.prod(lead)
    kept = few_first_indices(rows, n) if rows <= KEPT_ROWS else np.arange(rows) * n
    return torch.from_numpy(kept).reshape(lead)


KEPT_ROWS = 256


@lru_cache(64)
def few_first_indices(rows: int, n: int) -> Any:
    return np.arange(rows, dtype=np.int64) * n


class RandomSlopes:
    """The training form, in which each element's slope is drawn from the seed and its index."""

    def __init__(self, of: Unary):
        self.of, self.name = of, of.name
        self.evaluate = public_unary(of)
        self.handles = {
            m: _launch.handle_of(self.name, f"sampled_{m}") for m in ("value", "backward")
        }
        self.define_operators()
        self.transformed, self.apply = random_functions(self)

    def run_kernel(self, mode: str, tensors: tuple[Tensor, ...], numbers: Any, seed: int) -> Tensor:
        like = tensors[-1]
        n = like.numel()
        if 0 < n <= ONE_THREAD and same_dense_layout(tensors[0], like):
            found = torch.empty_like(like)
            step = (like.element_size(),)
            read = [(_launch.address(t), step) for t in tensors]
            result = found.data_ptr(), step
            _native.raw_strided(
                self.handles[mode], NUMBER_OF[like.dtype], (), n,
                (*read, *numbers, seed, 0, result),
            )  # fmt: skip
            return found
        rows = [(t.reshape(1) if like.dim() == 0 else t).to(like.dtype) for t in tensors]
        out = torch.empty(rows[0].shape, dtype=like.dtype, device="cpu")
        lead, n = tuple(out.shape[:-1]), out.shape[-1]
        operands = (*rows, *numbers, seed, first_indices(lead, n), out)
        _launch.rows(self.name, f"sampled_{mode}", like.dtype, n, lead, operands)
        return out.reshape(like.shape)

    def random_value(self, x: Tensor, lower: float, upper: float, seed: Any) -> Tensor:
        key = checked_seed(seed) if isinstance(seed, Tensor) else seed
        return self.run_kernel("value", (x,), (lower, upper), key)

    def random_backward(
        self, dy: Tensor, x: Tensor, lower: float, upper: float, seed: Any
    ) -> Tensor:
        key = checked_seed(seed) if isinstance(seed, Tensor) else seed
        return self.run_kernel("backward", (dy, x), (lower, upper), key)

    def define_operators(self) -> None:
        self.backward_operator = self.define(
            "backward", self.random_backward, self.first_order, lambda inputs, output: inputs[1:]
        )
        self.operator = self.define(
            "value", self.random_value, self.first_order, lambda inputs, output: inputs
        )

    def define(self, mode: str, run: Any, pull_back: Any, keeps: Any) -> Any:
        def on_cuda(*args: Any) -> Any:
            *tensors, low, high, seed = args
            return on_gpu(
                self.name, mode, tensors[-1],
                lambda kernels: kernels.sampled(
                    self.name, mode, tuple(tensors), low, high, int(seed)
                ),
                lambda: on_the_cpu(run, *args),
            )  # fmt: skip

        def fake(*args: Any) -> Tensor:
            return torch.empty_like(args[0], memory_format=torch.contiguous_format)

        checked = _launch.same_shape(run, loop(self.name, f"sampled_{mode}").tensors)
        return define_mode(
            self.of.card, f"sampled_{mode}", checked, pull_back, keeps=keeps, fake=fake,
            cuda=on_cuda,
        )  # fmt: skip

    def first_order(self, kept: Any, dy: Tensor) -> Tensor:
        """dx, which is linear in dy: what comes back to dy is the same of it."""
        return self.backward_operator(dy, *kept)  # type: ignore[no-any-return]

    def train(self, input: Any, numbers: tuple[float, ...], seed: Tensor) -> Tensor:
        x = floating(input, self.name)
        way = route_of(x)
        if has_no_operator(x):
            raise RuntimeError(f"{self.name} draws no slopes for {kind_of(x)} tensors")
        if way == FORMULA:
            raise NotImplementedError(
                f"{self.name}: slopes are not drawn under torch.func inside torch.compile, nor "
                "under torch.func.functionalize"
            )
        if way == OPERATOR:

            def refused(x: Tensor) -> Tensor:
                raise RuntimeError(f"{self.name} draws no slopes for {kind_of(x)} tensors")

            return by_operator(  # type: ignore[no-any-return]
                self.name, lambda x: self.operator(x, *numbers, seed), refused, x
            )
        if way == KERNELS:
            if x.requires_grad and torch.is_grad_enabled():
                return self.apply(x, *numbers, int(seed))  # type: ignore[no-any-return]
            lower, upper = numbers
            return self.random_value(x, lower, upper, seed)
        return self.transformed.apply(x, *numbers, int(seed))  # type: ignore[no-any-return]


def random_functions(of: RandomSlopes) -> tuple[Any, Any]:
    """The Function that torch.func and forward mode take, and the eager one."""

    class Backward(Function):
        @staticmethod
        def forward(dy: Tensor, x: Tensor, lower: float, upper: float, seed: int) -> Tensor:
            return of.backward_operator(dy, x, lower, upper, key_of(seed))  # type: ignore[no-any-return]

        setup_context = saving(1, 2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return pulled_back(g, x, *ctx.rest), None, None, None, None

        @staticmethod
        def jvp(ctx: Any, dy_t: Any, *_: Any) -> Any:
            (x,) = ctx.saved_tensors
            return torch.zeros_like(x) if dy_t is None else Backward.apply(
                dy_t, x, *ctx.rest
            )  # fmt: skip

    class Value(Function):
        @staticmethod
        def forward(x: Tensor, lower: float, upper: float, seed: int) -> Tensor:
            return of.operator(x, lower, upper, key_of(seed))  # type: ignore[no-any-return]

        setup_context = saving(0, 1)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return pulled_back(dy, x, *ctx.rest), None, None, None

        @staticmethod
        def jvp(ctx: Any, x_t: Tensor, *_: Any) -> Any:
            (x,) = ctx.saved_tensors
            return Backward.apply(x_t, x, *ctx.rest)

    def pulled_back(dy: Tensor, x: Tensor, lower: float, upper: float, seed: int) -> Any:
        if needs_operator(dy, x):
            key = key_of(seed)
            return by_operator(
                of.name, lambda dy: of.backward_operator(dy, x, lower, upper, key),
                lambda dy: dy * of.random_backward(torch.ones_like(x), x, lower, upper, key),
                densely(dy),
            )  # fmt: skip
        return Backward.apply(dy, x, lower, upper, seed)

    of_each = elementwise_vmap(lambda: Backward.apply)

    def vmap(info: Any, dims: Any, dy: Tensor, x: Tensor, *rest: Any) -> Any:
        if dims[1] is not None:
            return of_each(info, dims, dy, x, *rest)
        # One x for many dy: the slopes that were drawn for it, not new ones for each.
        slope = Backward.apply(torch.ones_like(x), x, *rest)
        return dy.movedim(dims[0], 0) * slope, 0

    Backward.vmap = staticmethod(vmap)  # type: ignore[method-assign]
    Value.vmap = staticmethod(elementwise_vmap(lambda: Value.apply))  # type: ignore[method-assign]

    def forward(ctx: Any, x: Tensor, lower: float, upper: float, seed: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.rest = lower, upper, seed
        return of.random_value(x, lower, upper, seed)

    eager_value = eager(
        forward,
        lambda ctx, dy, x: of.random_backward(dy, x, *ctx.rest),
        lambda ctx, dy, x: pulled_back(dy, x, *ctx.rest),
        others=3,
    )
    return Value, eager_value


def public_random_slopes(of: RandomSlopes) -> Callable[..., Tensor]:
    low, high = (p.default for p in of.of.parameters)

    def random_slopes(
        input: Any,
        lower: float = low,
        upper: float = high,
        training: bool = False,
        inplace: bool = False,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        lean: bool | None = None,
    ) -> Tensor:
        numbers = (
            as_number(lower, f"{of.name}: lower"), as_number(upper, f"{of.name}: upper")
        )  # fmt: skip
        if numbers[0] > numbers[1]:
            raise ValueError(f"{of.name}: lower = {lower} is above upper = {upper}")
        if is_passed_on(input):
            return pass_on(
                random_slopes, input, lower, upper, training, inplace, seed=seed,
                generator=generator, lean=lean,
            )  # fmt: skip
        if not training:
            return of.evaluate(input, *numbers, inplace, lean=lean)
        key = seed_tensor(seed, generator)
        if not inplace:
            return of.train(input, numbers, key)
        if floating(input, of.name) is not input:
            raise RuntimeError(f"{of.name}: the result cannot be written over {input.dtype} input")
        kept = input.requires_grad and torch.is_grad_enabled()  # backward needs it as it was
        return input.copy_(of.train(input.clone() if kept else input, numbers, key))

    random_slopes.__name__ = random_slopes.__qualname__ = of.name
    return random_slopes
