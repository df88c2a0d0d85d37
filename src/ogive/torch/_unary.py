"""Unary functions in torch, each built from its card and its kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ..calls.checks import check_order, check_parameter
from ..calls.codegen import generated
from ..calls.loop import modes
from ..catalog import Card, Parameter
from . import _formulas, _raw
from ._arguments import by_torch_alone, ignored, into, warn_of_ignored
from ._dispatch import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    Beside,
    ValueOf,
    applier,
    as_number,
    by_operator,
    by_torch,
    densely,
    elementwise_vmap,
    floating,
    is_plain,
    needs_operator,
    nested_forward,
    primal,
    route,
    route_of,
    unseen,
    warn_of_fallback,
    within_devices,
)
from ._library import define, on_cuda, on_the_cpu

_grad_enabled = torch.is_grad_enabled
Numbers = tuple[float, ...]


class Unary:
    """The kernels, autograd Functions and operators of one function."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.parameters = [p for p in card.parameters if p.operand]
        self.modes = modes(card.name)
        self.formula = _formulas.unary(card)
        self.value = _raw.elementwise(card.name, "value")
        self.backward = _raw.elementwise(card.name, "backward")
        self.straight = "second_derivative" not in self.modes
        self.second: Any = (
            None if self.straight else _raw.elementwise(card.name, "second_derivative")
        )
        self.slope_of: Any = None if self.straight else _formulas.slope_from_output(card)
        self.from_output: Any = (
            _raw.elementwise(card.name, "backward_from_output")
            if "backward_from_output" in self.modes and (self.straight or self.slope_of)
            else None
        )
        self.lean = _raw.Lean(card.name) if "lean" in self.modes else None
        self.in_place = _raw.in_place(card.name)
        self.bound: dict[Numbers, Bound] = {}
        self.by_number: dict[float, Bound] = {}
        self.define_operators()
        self.differentiable_backward, self.differentiable = transforms(self)

    def plan(self, numbers: Numbers, lean: bool | None) -> str:
        """What is kept for backward: the input, the output, or bits (and the output)."""
        if lean is False:
            return "input"
        if lean and self.lean is not None:
            return "bits"
        signs = zip(self.parameters, numbers, strict=True)
        if self.from_output is not None and all(n >= 0 or p.any_sign for p, n in signs):
            return "output"  # with a negative slope it would not tell the side
        if lean is None and self.lean is not None and not self.lean.needs_output:
            return "bits"  # two slopes: as exact, and a 32nd of the memory
        return "input"

    def bind(self, numbers: Numbers) -> Bound:
        """The function with its parameters fixed; kept, as models use few of them."""
        bound = self.bound.get(numbers)
        if bound is None:
            bound = Bound(self, numbers)
            if len(self.bound) < MOST_KEPT:
                self.bound[numbers] = bound
                if len(numbers) == 1:
                    self.by_number[numbers[0]] = bound
        return bound

    def pulled_back(self, dy: Tensor, x: Tensor, numbers: Numbers) -> Tensor:
        """dx with its own derivatives, whatever wraps dy."""
        if needs_operator(dy, x):
            return self.by_operator(self.backward_operator, dy, x, numbers)
        return self.differentiable_backward.apply(dy, x, *numbers)  # type: ignore[no-any-return]

    def pulled_back_from_output(self, dy: Tensor, y: Tensor, numbers: Numbers) -> Tensor:
        """The same from y, which leads on to x, being this function's result."""
        if needs_operator(dy, y):
            return self.by_operator(self.output_operator, dy, y, numbers)
        with torch.no_grad():
            dx: Tensor = self.output_operator(dy, y, *numbers)
        if self.straight:
            with torch.no_grad():
                slope = self.output_operator(torch.ones_like(y), y, *numbers)
            carrier = Beside.apply(dy * slope, y)
        else:
            carrier = dy * self.slope_of(y, *numbers)
        result: Tensor = ValueOf.apply(dx, carrier)
        return result

    def by_operator(self, pull: Any, dy: Tensor, kept: Tensor, numbers: Numbers) -> Tensor:
        """dx of whatever kind dy is; where operators do not take it, dy times the slope."""
        found: Tensor = by_operator(
            self.name, lambda dy: pull(dy, kept, *numbers),
            lambda dy: dy * pull(torch.ones_like(kept), kept, *numbers), densely(dy),
        )  # fmt: skip
        return found

    # Operators: for whatever traces, wraps or moves tensors.

    def define_operators(self) -> None:
        name, of = self.name, self
        given = "".join(f", float {p.name}" for p in self.parameters)
        count = len(self.parameters)

        def checked(run: Any, inputs: int) -> Callable[..., Any]:
            inner = _raw.same_shape(run, inputs)

            def call(*args: Any) -> Any:
                of.check_numbers(args[inputs : inputs + count])
                return inner(*args)

            return call if count else inner

        def like_last(*args: Any) -> Tensor:
            return torch.empty_like([a for a in args if isinstance(a, Tensor)][-1])

        def cuda(mode: str, inputs: int, run: Any) -> Callable[..., Any]:
            def impl(*args: Any) -> Any:
                tensors, numbers = args[:inputs], args[inputs : inputs + count]
                return on_cuda(
                    lambda kernels: kernels.unary(name, mode, tensors, numbers),
                    lambda: of.fallback(mode, tensors, numbers, run),
                )

            return impl

        second_op: Any = None
        higher_op: Any = None
        backward_op: Any = None
        output_op: Any = None
        if self.second is not None:

            def save_x(ctx: Any, inputs: Any, output: Any) -> None:
                x, *ctx.numbers = inputs
                ctx.save_for_backward(x)

            def third(ctx: Any, g: Tensor) -> tuple[Any, ...]:
                (x,) = ctx.saved_tensors
                return g * higher_op(x, *ctx.numbers, 3), *(None,) * count

            second_op = define(
                f"{name}_second_derivative", f"(Tensor x{given}) -> Tensor",
                checked(self.second, 1), like_last,
                cuda=cuda("second_derivative", 1, self.second), backward=third,
                setup_context=save_x, vmap=elementwise_vmap(lambda: second_op),
            )  # fmt: skip

            def higher(x: Tensor, *rest: Any) -> Tensor:
                *numbers, order = rest
                _raw.format_of(x.dtype)
                of.check_numbers(tuple(numbers))
                if not 0 <= order <= MOST_ORDERS:
                    raise ValueError(f"{name}: order = {order} is not between 0 and {MOST_ORDERS}")
                found = _formulas.derivative(of.card, order)(x, *numbers)
                return torch.empty_like(x).copy_(found)

            def yet_higher(ctx: Any, g: Tensor) -> tuple[Any, ...]:
                (x,), (*numbers, order) = ctx.saved_tensors, ctx.numbers
                return g * higher_op(x, *numbers, order + 1), *(None,) * (count + 1)

            higher_op = define(
                f"{name}_higher_derivative", f"(Tensor x{given}, int order) -> Tensor",
                higher, lambda x, *_: torch.empty_like(x), cuda=higher, backward=yet_higher,
                setup_context=save_x, vmap=elementwise_vmap(lambda: higher_op),
            )  # fmt: skip

        def save_all(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs[:2])
            ctx.numbers = inputs[2:]

        def second_order(ctx: Any, g: Tensor) -> tuple[Any, ...]:
            dy, x = ctx.saved_tensors
            to_dy = backward_op(g, x, *ctx.numbers)
            to_x = torch.zeros_like(x) if second_op is None else g * dy * second_op(x, *ctx.numbers)
            return to_dy, to_x, *(None,) * count

        backward_op = define(
            f"{name}_backward", f"(Tensor dy, Tensor x{given}) -> Tensor",
            checked(self.backward, 2), like_last, cuda=cuda("backward", 2, self.backward),
            backward=second_order, setup_context=save_all,
            vmap=elementwise_vmap(lambda: backward_op),
        )  # fmt: skip
        if self.from_output is not None:

            def second_order_from_output(ctx: Any, g: Tensor) -> tuple[Any, ...]:
                dy, y = ctx.saved_tensors
                to_dy, to_y = output_op(g, y, *ctx.numbers), torch.zeros_like(y)
                if not of.straight:
                    with torch.enable_grad():
                        y = y if y.requires_grad else y.detach().requires_grad_()
                        (to_y,) = torch.autograd.grad(
                            of.slope_of(y, *ctx.numbers), y, g * dy,
                            create_graph=torch.is_grad_enabled(),
                        )  # fmt: skip
                return to_dy, to_y, *(None,) * count

            output_op = define(
                f"{name}_backward_from_output", f"(Tensor dy, Tensor y{given}) -> Tensor",
                checked(self.from_output, 2), like_last,
                cuda=cuda("backward_from_output", 2, self.from_output),
                backward=second_order_from_output, setup_context=save_all,
                vmap=elementwise_vmap(lambda: output_op),
            )  # fmt: skip

        def save(ctx: Any, inputs: Any, output: Tensor) -> None:
            x, *ctx.numbers, keep_input = inputs
            plan = of.plan(tuple(ctx.numbers), False if keep_input else None)
            ctx.output = plan == "output"
            ctx.save_for_backward(output if ctx.output else x)

        def first_order(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
            (kept,) = ctx.saved_tensors
            dx = (output_op if ctx.output else backward_op)(dy, kept, *ctx.numbers)
            return dx, *(None,) * (count + 1)

        self.operator = define(
            name, f"(Tensor x{given}, bool keep_input=False) -> Tensor",
            checked(lambda x, *rest: of.value(x, *rest[:count]), 1),
            lambda x, *rest: torch.empty_like(x),
            cuda=cuda("value", 1, self.value), backward=first_order, setup_context=save,
            vmap=elementwise_vmap(lambda: of.operator),
        )  # fmt: skip
        self.backward_operator, self.output_operator = backward_op, output_op
        self.second_operator, self.higher_operator = second_op, higher_op
        if self.lean is not None:
            self.lean_operator, self.lean_backward = lean_operators(self, self.lean, given)

    def fallback(
        self, mode: str, tensors: tuple[Tensor, ...], numbers: Numbers, run: Callable[..., Any]
    ) -> Any:
        """A mode where no kernel reaches: by torch's formula, or by a copy to the CPU."""
        warn_of_fallback(self.name, tensors[-1].device.type)
        if mode == "value":
            return self.formula(*tensors, *numbers)
        if mode == "backward":
            dy, x = tensors
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                (dx,) = torch.autograd.grad(self.formula(x, *numbers), x, dy)
            return dx
        return on_the_cpu(run, *tensors, *numbers)

    def check_numbers(self, numbers: tuple[Any, ...]) -> None:
        """Refuses parameters outside their domains."""
        for parameter, number in zip(self.parameters, numbers, strict=True):
            low, high = parameter.domain
            if not low < number < high and parameter.domain != Parameter.domain:
                check_parameter(parameter, number)
        if self.card.ordered:
            given = dict(zip((p.name for p in self.parameters), numbers, strict=True))
            check_order(self.card.ordered, *(given[name] for name in self.card.ordered))

    # The call.

    def call(
        self, input: Any, numbers: tuple[Any, ...], inplace: bool, lean: bool | None
    ) -> Tensor:
        """Any way but the short one that the public function takes by itself."""
        if inplace not in (True, False):  # an argument that only torch has, in its place
            raise TypeError(f"{self.name}: inplace must be True or False, not {inplace!r}")
        numbers = tuple(
            as_number(number, f"{self.name}: {parameter.name}")
            for parameter, number in zip(self.parameters, numbers, strict=True)
        )
        if lean not in (None, True, False):
            raise ValueError(f"{self.name}: lean must be None, True or False, not {lean!r}")
        try:
            x = floating(input, self.name, dense=False)
            self.check_numbers(numbers)
        except (RuntimeError, ValueError) as refusal:
            y: Tensor = by_torch_alone(self.card, refusal, input, *numbers)
            return input.copy_(y) if inplace else y
        if inplace and x is not input:
            raise RuntimeError(
                f"{self.name}: the result cannot be written over {input.dtype} input"
            )
        way = route_of(x)
        if way == FORMULA:
            y = by_torch(self.name, self.formula, x, *numbers)
            return x.copy_(y) if inplace else y
        plan = self.plan(numbers, lean)
        if inplace:
            return self.over(x, numbers, way, plan, lean)
        if way == KERNELS:
            bound = self.bind(numbers)
            if x.requires_grad and _grad_enabled():
                return bound.keeping(plan)(x)
            return bound.value(x)
        if way == TRANSFORMS:
            return self.differentiable.apply(x, *numbers)  # type: ignore[no-any-return]
        bits = plan == "bits" and x.device.type != "cuda"

        def operator(x: Tensor) -> Tensor:
            if bits:
                return self.lean_operator(x, *numbers)[0]  # type: ignore[no-any-return]
            return self.operator(x, *numbers, lean is False)  # type: ignore[no-any-return]

        return by_operator(self.name, operator, lambda x: self.formula(x, *numbers), x)  # type: ignore[no-any-return]

    def over(self, x: Tensor, numbers: Numbers, way: int, plan: str, lean: bool | None) -> Tensor:
        """The result in the memory of x."""
        if x.is_leaf and x.requires_grad and _grad_enabled():
            raise RuntimeError(
                f"{self.name}: a leaf that requires a gradient cannot be overwritten"
            )
        if way == KERNELS and not (x.requires_grad and _grad_enabled()):
            return self.in_place(x, *numbers)
        if way == KERNELS and plan == "output":
            return self.bind(numbers).keeping("output in place")(x)
        # Backward needs x as it was.
        return x.copy_(self.call(x.clone(), numbers, False, lean))


MOST_KEPT = 64
MOST_ORDERS = 12  # each has a longer formula than the one before


class Bound:
    """One function with its parameters fixed, for tensors that need neither tracing nor transforms.

    Its autograd Functions are of the old style, without setup_context, which costs 10 us a call.
    """

    def __init__(self, of: Unary, numbers: Numbers):
        self.of, self.numbers = of, numbers
        self.value: Callable[[Tensor], Tensor] = _raw.elementwise(of.name, "value", *numbers)
        self.applied: dict[str, Callable[[Tensor], Tensor]] = {}
        self.apply = self.keeping(of.plan(numbers, None))

    def keeping(self, plan: str) -> Callable[[Tensor], Tensor]:
        """The value of a tensor that requires a gradient; `plan` says what is kept."""
        if plan not in self.applied:
            makers = {
                "input": from_input, "output": from_output, "output in place": over_input,
                "bits": from_bits,
            }  # fmt: skip
            self.applied[plan] = applier(makers[plan](self.of, self.value, self.numbers))
        return self.applied[plan]


def from_input(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> type[Function]:
    return keeping_one(of, value, numbers, "backward", of.pulled_back)


def from_output(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> type[Function]:
    return keeping_one(of, value, numbers, "backward_from_output", of.pulled_back_from_output)


def keeping_one(
    of: Unary,
    value: Callable[[Tensor], Tensor],
    numbers: Numbers,
    mode: str,
    pulled_back: Callable[..., Tensor],
) -> type[Function]:
    """The Function that keeps what the backward kernel of a mode reads: the input or the output."""
    dx_of = _raw.elementwise(of.name, mode, *numbers)
    of_output = mode == "backward_from_output"

    class KeepingOne(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = value(x)
            ctx.save_for_backward(y if of_output else x)
            return y

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (kept,) = ctx.saved_tensors
            if not _grad_enabled():
                try:
                    return dx_of(dy, kept)
                except RuntimeError:
                    if is_plain(dy) and is_plain(kept):
                        raise
            return pulled_back(dy, kept, numbers)

    return KeepingOne


def over_input(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> type[Function]:
    class OverInput(from_output(of, value, numbers)):  # type: ignore[misc]
        """Writes over x and keeps the result, which is the next layer's input anyway."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            of.in_place(x, *numbers)
            ctx.mark_dirty(x)
            ctx.save_for_backward(x)
            return x

    return OverInput


def from_bits(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> type[Function]:
    if of.lean is None:
        raise ValueError(f"{of.name} has no lean form")
    lean: _raw.Lean = of.lean

    class LinearInDy(Function):
        """dx from bits is a multiple of dy, and so is what comes back to dy."""

        @staticmethod
        def forward(dy: Tensor, strides: Any, *kept: Tensor) -> Tensor:
            return of.lean_backward(dy, *kept, strides, *numbers)  # type: ignore[no-any-return]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            _, ctx.strides, *kept = inputs
            ctx.save_for_backward(*kept)
            ctx.save_for_forward(*kept)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            kept = ctx.saved_tensors
            return pulled_back(g, ctx.strides, *kept), None, *(None for _ in kept)

        @staticmethod
        def jvp(ctx: Any, dy_t: Any, *_: Any) -> Any:
            return LinearInDy.apply(dy_t, ctx.strides, *ctx.saved_tensors)

        @staticmethod
        def vmap(info: Any, dims: Any, dy: Tensor, strides: Any, *kept: Tensor) -> Any:
            if any(dim is not None for dim in dims[2:]):
                raise NotImplementedError(f"{of.name}: bits for each sample of a batch")
            each = [LinearInDy.apply(one, strides, *kept) for one in dy.unbind(dims[0])]
            return torch.stack(each), 0

    def pulled_back(dy: Tensor, strides: Any, *kept: Tensor) -> Any:
        if needs_operator(dy, *kept):
            return by_operator(
                of.name, lambda dy: of.lean_backward(dy, *kept, strides, *numbers),
                lambda dy: dy * of.lean_backward(of_ones(dy, strides), *kept, strides, *numbers),
                densely(dy),
            )  # fmt: skip
        return LinearInDy.apply(dy, strides, *kept)

    class FromBits(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y, bits = lean.forward(x, *numbers)
            ctx.save_for_backward(*((y, bits) if lean.needs_output else (bits,)))
            ctx.strides = y.stride()
            return y

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            if not _grad_enabled():
                try:
                    return lean.backward(dy, ctx.saved_tensors, ctx.strides, *numbers)
                except RuntimeError:
                    if all(map(is_plain, (dy, *ctx.saved_tensors))):
                        raise
            elif lean.needs_output:
                raise RuntimeError(no_second(of.name))
            return pulled_back(dy, ctx.strides, *ctx.saved_tensors)

    return FromBits


def of_ones(dy: Tensor, strides: Any) -> Tensor:
    """A plain gradient of ones, which lies as the result did."""
    return torch.empty_strided(dy.shape, strides, dtype=dy.dtype, device="cpu").fill_(1)


def no_second(name: str) -> str:
    return (
        f"{name}: lean=True keeps the output and one bit, which do not tell the second derivative; "
        "call it without lean"
    )


def lean_operators(of: Unary, lean: _raw.Lean, given: str) -> tuple[Any, Any]:
    """``name_lean`` and ``name_lean_backward``."""
    name, count = of.name, len(of.parameters)
    outputs = "Tensor y, " if lean.needs_output else ""
    kept_count = 1 + lean.needs_output

    def forward(x: Tensor, *numbers: float) -> tuple[Tensor, Tensor]:
        _raw.format_of(x.dtype)
        of.check_numbers(numbers)
        return lean.forward(x, *numbers)

    def fake_forward(x: Tensor, *numbers: float) -> tuple[Tensor, Tensor]:
        return torch.empty_like(x), x.new_empty((x.numel() + 7) // 8, dtype=torch.uint8)

    def backward(dy: Tensor, *rest: Any) -> Tensor:
        *kept, strides = rest[: kept_count + 1]
        *outputs, bits = kept
        _raw.format_of(dy.dtype)
        of.check_numbers(rest[kept_count + 1 :])
        check_dense(dy.shape, strides)
        for y in outputs:
            _raw.check_shape(y, dy.shape)
            if y.dtype is not dy.dtype or y.stride() != tuple(strides):
                raise RuntimeError(f"{name}: y is not the output that was kept")
        _raw.check_shape(bits, ((dy.numel() + 7) // 8,))
        if bits.dtype is not torch.uint8 or not bits.is_contiguous():
            raise RuntimeError(f"{name}: bits are not those that were kept")
        return lean.backward(dy, kept, tuple(strides), *rest[kept_count + 1 :])

    def fake_backward(dy: Tensor, *rest: Any) -> Tensor:
        return dy.new_empty_strided(dy.shape, rest[kept_count])

    def save_backward(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[1 : 1 + kept_count])
        ctx.rest = inputs[1 + kept_count :]

    def second_order(ctx: Any, g: Tensor) -> Any:
        if lean.needs_output:
            raise RuntimeError(no_second(name))
        nones = (None,) * (kept_count + 1 + count)
        return backward_op(g, *ctx.saved_tensors, *ctx.rest), *nones

    backward_op = define(
        f"{name}_lean_backward",
        f"(Tensor dy, {outputs}Tensor bits, SymInt[] strides{given}) -> Tensor",
        backward, fake_backward, backward=second_order, setup_context=save_backward,
    )  # fmt: skip

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        y, bits = output
        ctx.mark_non_differentiable(bits)
        ctx.save_for_backward(*((y, bits) if lean.needs_output else (bits,)))
        ctx.strides, ctx.numbers = y.stride(), inputs[1:]

    def first_order(ctx: Any, dy: Tensor, _: Any) -> Any:
        dx = backward_op(dy, *ctx.saved_tensors, ctx.strides, *ctx.numbers)
        return dx, *(None,) * count

    operator = define(
        f"{name}_lean", f"(Tensor x{given}) -> (Tensor, Tensor)", forward, fake_forward,
        backward=first_order, setup_context=save,
    )  # fmt: skip
    return operator, backward_op


def check_dense(shape: torch.Size, strides: Any) -> None:
    """Refuses strides with which elements would not lie side by side, each once."""
    reach = 1
    fits = len(strides) == len(shape)
    for step, size in sorted(zip(strides, shape, strict=False)):
        fits = fits and (size == 1 or step == reach)
        reach *= size
    if not fits and reach:
        raise RuntimeError(f"strides {tuple(strides)} leave gaps in a shape of {tuple(shape)}")


def transforms(of: Unary) -> tuple[type[Function], type[Function]]:
    """Functions that torch.func and forward mode take: backward, and the value. Operators do the
    work, since what transforms hand on may be a ZeroTensor.
    """
    nones = (None,) * len(of.parameters)

    class Derivative(Function):
        """That of an order from 2 on; its own is that of the next."""

        @staticmethod
        def forward(x: Tensor, order: int, *numbers: float) -> Tensor:
            if order == 2:
                return of.second_operator(x, *numbers)  # type: ignore[no-any-return]
            return of.higher_operator(x, *numbers, order)  # type: ignore[no-any-return]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.order, *ctx.numbers = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return g * Derivative.apply(x, ctx.order + 1, *ctx.numbers), None, *nones

        @staticmethod
        def jvp(ctx: Any, x_t: Tensor, *_: Any) -> Any:
            with nested_forward():
                (x,) = map(primal, ctx.saved_tensors)
                return x_t * Derivative.apply(x, ctx.order + 1, *ctx.numbers)

    class Backward(Function):
        @staticmethod
        def forward(dy: Tensor, x: Tensor, *numbers: float) -> Tensor:
            return of.backward_operator(dy, x, *numbers)  # type: ignore[no-any-return]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            dy, x, *ctx.numbers = inputs
            ctx.save_for_backward(dy, x)
            ctx.save_for_forward(dy, x)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            dy, x = ctx.saved_tensors
            to_dy = of.pulled_back(g, x, ctx.numbers) if ctx.needs_input_grad[0] else None
            to_x = None
            if ctx.needs_input_grad[1]:
                to_x = (
                    torch.zeros_like(x)
                    if of.straight
                    else g * dy * Derivative.apply(x, 2, *ctx.numbers)
                )
            return to_dy, to_x, *nones

        @staticmethod
        def jvp(ctx: Any, dy_t: Any, x_t: Any, *_: Any) -> Tensor:
            with nested_forward():
                dy, x = map(primal, ctx.saved_tensors)
                total = torch.zeros_like(dy)
                if dy_t is not None:
                    total = total + Backward.apply(dy_t, x, *ctx.numbers)
                if x_t is not None and not of.straight:
                    total = total + x_t * dy * Derivative.apply(x, 2, *ctx.numbers)
                return total

    class Value(Function):
        @staticmethod
        def forward(x: Tensor, *numbers: float) -> Tensor:
            return of.operator(x, *numbers)  # type: ignore[no-any-return]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, *ctx.numbers = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return of.pulled_back(dy, x, ctx.numbers), *nones

        @staticmethod
        def jvp(ctx: Any, x_t: Tensor, *_: Any) -> Tensor:
            (x,) = ctx.saved_tensors
            return Backward.apply(x_t, x, *ctx.numbers)  # type: ignore[no-any-return]

    for each in (Derivative, Backward, Value):
        each.vmap = staticmethod(elementwise_vmap(partial(getattr, each, "apply")))  # type: ignore[method-assign]
    return Backward, Value


def public(
    of: Unary, forms: dict[str, Callable[..., Tensor]] | None = None
) -> Callable[..., Tensor]:
    """The function with the card's parameters in its signature, written out and compiled.

    A closure over ``*args`` would have no signature and cost half a microsecond a call. `forms` are
    the functions that torch's argument ``approximate`` chooses besides.
    """
    parameters, extra = of.parameters, ignored(of.card)
    signature = "".join(f"{p.name}={p.default!r}, " for p in parameters)
    signature += "".join(f"{name}={default!r}, " for name, default in extra)
    as_torch_s = "".join(f"{name} == {default!r} and " for name, default in extra)
    otherwise = "".join(
        f"\n    if {name} != {default!r}:\n        warn(card, {name!r}, {name})"
        for name, default in extra
    )
    names = ", ".join(p.name for p in parameters)
    kept = "one" if not parameters else f"by_number[{names}]"
    chosen = exact = approximated = same = ""
    if forms:
        same = ", approximate=approximate"
        chosen, exact = "approximate='none', ", "approximate == 'none' and "
        approximated = f"""
    if approximate != "none":
        if approximate not in forms:
            raise ValueError(f"approximate must be {{' or '.join(map(repr, ('none', *forms)))}}, "
                             f"not {{approximate!r}}")
        return forms[approximate](
            input, {names}{"," if parameters else ""} inplace, lean=lean, out=out
        )"""
    code = f"""
def {of.name}(input, {signature}inplace=False, *, {chosen}lean=None, out=None):
    if {exact}{as_torch_s}lean is None and inplace is False and out is None and route(input) == 0:
        try:
            of = {kept}
            if input.requires_grad and grad_enabled():
                return of.apply(input)
            return of.value(input)
        except (KeyError, TypeError):
            pass  # parameters that are new or no numbers, or not one of the four formats
        except RuntimeError:
            if is_plain(input):
                raise{otherwise}{approximated}
    if within_devices(input):
        with unseen():
            return again(
                input, {names}{"," if parameters else ""} inplace=inplace{same}, lean=lean, out=out
            )
    if out is not None:
        return into(
            out, {of.name!r},
            lambda x: call(x, ({names}{"," if parameters else ""}), inplace, lean), input,
        )
    return call(input, ({names}{"," if parameters else ""}), inplace, lean)
"""
    scope: dict[str, Any] = {
        "route": route, "is_plain": is_plain, "within_devices": within_devices, "unseen": unseen,
        "grad_enabled": _grad_enabled, "call": of.call,
        "by_number": of.by_number if len(parameters) == 1 else of.bound, "forms": forms,
        "into": into, "warn": warn_of_ignored, "card": of.card,
    }  # fmt: skip
    if not parameters:
        scope["one"] = of.bind(())
    scope["again"] = generated(of.name, code, scope, f"torch {of.name}")
    return scope["again"]  # type: ignore[no-any-return]
