"""Unary functions in torch, each built from its card and its kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ..calls import codegen, rules
from ..calls.checks import check_order, check_parameter
from ..calls.loop import loop, modes
from ..catalog import Card, Parameter
from . import _formulas, _launch
from ._arguments import by_torch_alone, ignored, into, torch_function, warn_of_ignored
from ._checks import as_number, floating
from ._functions import eager, pulled_at_once
from ._launch import has_no_gaps
from ._operators import decompose, define_mode, on_gpu, on_the_cpu
from ._placement import is_distributed
from ._route import (
    FORMULA,
    KERNELS,
    SEEN_BY,
    TRANSFORMS,
    by_operator,
    by_torch,
    densely,
    is_passed_on,
    needs_operator,
    pass_on,
    route_of,
    unrecorded,
)
from ._transforms import Beside, ValueOf, elementwise_vmap, nested_forward, primal, saving

_grad_enabled = torch.is_grad_enabled
Numbers = tuple[float, ...]


class Unary:
    """The kernels, autograd Functions and operators of one function."""

    def __init__(self, card: Card):
        self.card, self.name = card, card.name
        self.parameters = [p for p in card.parameters if p.operand]
        self.modes = modes(card.name)
        self.formula = _formulas.unary(card)
        self.value = _launch.elementwise(card.name, "value")
        self.backward = _launch.elementwise(card.name, "backward")
        self.straight = "second_derivative" not in self.modes
        self.second: Any = (
            None if self.straight else _launch.elementwise(card.name, "second_derivative")
        )
        self.slope_of: Any = None if self.straight else _formulas.slope_from_output(card)
        self.keeping = rules.keeping(card, output=self.straight or self.slope_of is not None)
        self.from_output: Any = (
            _launch.elementwise(card.name, "backward_from_output") if self.keeping.output else None
        )
        self.lean = _launch.Lean(card.name) if self.keeping.bits else None
        self.in_place = _launch.in_place(card.name)
        self.bound: dict[Numbers, Bound] = {}
        self.at_once: dict[Numbers, Callable[[Any], Tensor | None]] = {}
        self.by_number: dict[float, Callable[[Any], Tensor | None]] = {}
        self.define_operators()
        self.differentiable_backward, self.differentiable = transforms(self)

    def bind(self, numbers: Numbers) -> Bound:
        """The function with its parameters fixed; kept, as models use few of them."""
        bound = self.bound.get(numbers)
        if bound is None:
            bound = Bound(self, numbers)
            if len(self.bound) < MOST_KEPT:
                self.bound[numbers], self.at_once[numbers] = bound, bound.at_once
                if len(numbers) == 1:
                    self.by_number[numbers[0]] = bound.at_once
        return bound

    def pulled_back(self, dy: Tensor, x: Tensor, numbers: Numbers) -> Tensor:
        """dx with its own derivatives, whatever wraps dy."""
        if needs_operator(dy, x):
            return self.by_operator(self.backward_operator, dy, x, numbers)
        return self.differentiable_backward.apply(dy, x, *numbers)  # type: ignore[no-any-return]

    def pulled_back_from_output(self, dy: Tensor, y: Tensor, numbers: Numbers) -> Tensor:
        """The same from y, which is this function's result and so part of x's graph."""
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
        card = self.card
        self.second_operator: Any = None
        if self.second is not None:
            self.second_operator = self.define(
                "second_derivative", self.second,
                lambda kept, g: g * self.higher_operator(*kept, 3),
            )  # fmt: skip
            self.higher_operator = define_mode(
                card, "second_derivative", self.higher,
                lambda kept, g: g * self.higher_operator(*kept[:-1], kept[-1] + 1),
                cuda=self.higher, elementwise=True, suffix="higher_derivative",
                more="int order",
            )  # fmt: skip
        self.backward_operator = self.define("backward", self.backward, self.second_order)
        if self.from_output is not None:
            self.output_operator = self.define(
                "backward_from_output", self.from_output, self.second_order_from_output
            )
        self.operator = self.define(
            "value", self.value, self.first_order, keeps=self.kept_for_backward,
            more="bool keep_input=False",
        )  # fmt: skip
        given, by_torch_s = 1 + len(self.parameters), torch_function(card, self.formula)
        decompose(self.operator, lambda *args: by_torch_s(*args[:given]))
        if self.lean is not None:
            self.lean_operator, self.lean_backward = lean_operators(self, self.lean)

    def define(
        self, mode: str, run: Callable[..., Any], pull_back: Callable[..., Any], **more: Any
    ) -> Any:
        """The operator of a mode: checked on the CPU, and by Triton's kernel where there is one."""
        inputs = loop(self.name, mode).tensors
        end = inputs + len(self.parameters)
        of_same_shape = _launch.same_shape(run, inputs)

        def on_cpu(*args: Any) -> Any:
            self.check_numbers(args[inputs:end])
            return of_same_shape(*args[:end])

        def on_cuda(*args: Any) -> Any:
            tensors, numbers = args[:inputs], args[inputs:end]
            return on_gpu(
                self.name, mode, tensors[-1],
                lambda kernels: kernels.unary(self.name, mode, tensors, numbers),
                lambda: self.fallback(mode, tensors, numbers, run),
            )  # fmt: skip

        return define_mode(
            self.card, mode, on_cpu, pull_back, cuda=on_cuda, elementwise=True, **more
        )

    def higher(self, x: Tensor, *rest: Any) -> Tensor:
        """The derivative of an order, by the formula."""
        *numbers, order = rest
        _launch.format_of(x.dtype)
        self.check_numbers(tuple(numbers))
        if not 0 <= order <= MOST_ORDERS:
            raise ValueError(f"{self.name}: order = {order} is not between 0 and {MOST_ORDERS}")
        found = _formulas.derivative(self.card, order)(x, *numbers)
        return torch.empty_like(x).copy_(found)

    def kept_for_backward(self, inputs: Any, output: Tensor) -> tuple[Any, ...]:
        """What the operator keeps, the parameters, and which of the two that is."""
        x, *numbers, keep_input = inputs
        kept = self.keeping.kept(numbers, False if keep_input else None)
        return output if kept == "output" else x, *numbers, kept

    def first_order(self, kept: Any, dy: Tensor) -> Tensor:
        *given, of = kept
        operator = self.output_operator if of == "output" else self.backward_operator
        return operator(dy, *given)  # type: ignore[no-any-return]

    def second_order(self, kept: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        """Back through dy f'(x)."""
        dy, x, *numbers = kept
        to_dy = self.backward_operator(g, x, *numbers)
        if self.straight:
            return to_dy, torch.zeros_like(x)
        return to_dy, g * dy * self.second_operator(x, *numbers)

    def second_order_from_output(self, kept: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        """The same where f' is a function of y."""
        dy, y, *numbers = kept
        to_dy, to_y = self.output_operator(g, y, *numbers), torch.zeros_like(y)
        if not self.straight:
            with torch.enable_grad():
                y = y if y.requires_grad else y.detach().requires_grad_()
                (to_y,) = torch.autograd.grad(
                    self.slope_of(y, *numbers), y, g * dy, create_graph=torch.is_grad_enabled()
                )
        return to_dy, to_y

    def fallback(
        self, mode: str, tensors: tuple[Tensor, ...], numbers: Numbers, run: Callable[..., Any]
    ) -> Any:
        """A mode where no kernel reaches: by torch's formula, or by a copy to the CPU."""
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
            if parameter.domain != Parameter.domain and not parameter.holds(number):
                check_parameter(parameter, number)
        if self.card.ordered:
            given = dict(zip((p.name for p in self.parameters), numbers, strict=True))
            check_order(self.card.ordered, *(given[name] for name in self.card.ordered))

    # The call.

    def call_unary(
        self, input: Any, numbers: tuple[Any, ...], inplace: bool, lean: bool | None
    ) -> Tensor:
        """Every way but the fast path, which the public function takes by itself."""
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
        kept = self.keeping.kept(numbers, lean)
        if inplace:
            return self.over(x, numbers, way, kept, lean)
        if way == KERNELS:
            bound = self.bind(numbers)
            if x.requires_grad and _grad_enabled():
                return bound.keeping(kept)(x)
            return bound.value(x)
        if way == TRANSFORMS:
            return self.differentiable.apply(x, *numbers)  # type: ignore[no-any-return]
        bits = kept == "bits" and x.device.type != "cuda" and not is_distributed(x)

        def operator(x: Tensor) -> Tensor:
            if bits:
                return self.lean_operator(x, *numbers)[0]  # type: ignore[no-any-return]
            return self.operator(x, *numbers, lean is False)  # type: ignore[no-any-return]

        return by_operator(self.name, operator, lambda x: self.formula(x, *numbers), x)  # type: ignore[no-any-return]

    def over(self, x: Tensor, numbers: Numbers, way: int, kept: str, lean: bool | None) -> Tensor:
        """The result in the memory of x."""
        if x.is_leaf and x.requires_grad and _grad_enabled():
            raise RuntimeError(
                f"{self.name}: a leaf that requires a gradient cannot be overwritten"
            )
        if way == KERNELS and not (x.requires_grad and _grad_enabled()):
            return self.in_place(x, *numbers)
        if way == KERNELS and (kept == "output" or (kept == "bits" and has_no_gaps(x))):
            return self.bind(numbers).keeping(f"{kept} in place")(x)
        # Backward needs the old x.
        return x.copy_(self.call_unary(x.clone(), numbers, False, lean))


MOST_KEPT = 64
MOST_ORDERS = 12  # each has a longer formula than the one before


class Bound:
    """A function with its parameters fixed, for tensors that are neither traced nor transformed."""

    def __init__(self, of: Unary, numbers: Numbers):
        self.of, self.numbers = of, numbers
        self.value: Callable[[Tensor], Tensor] = _launch.elementwise(of.name, "value", *numbers)
        self.applied: dict[str, Callable[[Tensor], Tensor]] = {}
        self.at_once = _launch.at_once(
            of.name, "value", *numbers, unless=SEEN_BY,
            learn=self.keeping(of.keeping.kept(numbers, None)),
        )  # fmt: skip

    def keeping(self, kept: str) -> Callable[[Tensor], Tensor]:
        """The value of a tensor that requires a gradient, and what is kept for that."""
        if kept not in self.applied:
            makers: dict[str, Callable[..., Any]] = {
                "input": from_input, "output": from_output, "output in place": over_input,
                "bits": from_bits, "bits in place": partial(from_bits, over=True),
            }  # fmt: skip
            self.applied[kept] = makers[kept](self.of, self.value, self.numbers)
        return self.applied[kept]


def from_input(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> Any:
    """Keeps the input."""
    dx_of = _launch.elementwise(of.name, "backward", *numbers)

    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return value(x)

    return eager(
        forward,
        lambda ctx, dy, x: dx_of(dy, x),
        lambda ctx, dy, x: of.pulled_back(dy, x, numbers),
        quick=pulled_at_once(of.name, "backward", *numbers),
    )


def from_output(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> Any:
    """Keeps the output, which is the next layer's input anyway."""
    dx_of = _launch.elementwise(of.name, "backward_from_output", *numbers)

    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = value(x)
        if y is x:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        return y

    return eager(
        forward,
        lambda ctx, dy, y: dx_of(dy, y),
        lambda ctx, dy, y: of.pulled_back_from_output(dy, y, numbers),
        quick=pulled_at_once(of.name, "backward_from_output", *numbers),
    )


def over_input(of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers) -> Any:
    """The same, with the output in the memory of the input."""
    return from_output(of, lambda x: of.in_place(x, *numbers), numbers)


def from_bits(
    of: Unary, value: Callable[[Tensor], Tensor], numbers: Numbers, over: bool = False
) -> Any:
    """Keeps a bit per element, and the output if the function needs it; `over` the input."""
    if of.lean is None:
        raise ValueError(f"{of.name} has no lean form")
    lean: _launch.Lean = of.lean
    run = lean.over if over else lean.forward

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
            return by_graph(ctx, g, *kept), None, *(None for _ in kept)

        @staticmethod
        def jvp(ctx: Any, dy_t: Any, *_: Any) -> Any:
            return LinearInDy.apply(dy_t, ctx.strides, *ctx.saved_tensors)

        @staticmethod
        def vmap(info: Any, dims: Any, dy: Tensor, strides: Any, *kept: Tensor) -> Any:
            if any(dim is not None for dim in dims[2:]):
                raise NotImplementedError(f"{of.name}: bits for each sample of a batch")
            each = [LinearInDy.apply(one, strides, *kept) for one in dy.unbind(dims[0])]
            return torch.stack(each), 0

    def by_graph(ctx: Any, dy: Tensor, *kept: Tensor) -> Any:
        strides = ctx.strides
        if needs_operator(dy, *kept):
            return by_operator(
                of.name, lambda dy: of.lean_backward(dy, *kept, strides, *numbers),
                lambda dy: dy * of.lean_backward(of_ones(dy, strides), *kept, strides, *numbers),
                densely(dy),
            )  # fmt: skip
        return LinearInDy.apply(dy, strides, *kept)

    def forward(ctx: Any, x: Tensor) -> Tensor:
        y, bits = run(x, *numbers)
        if over:
            ctx.mark_dirty(x)
        ctx.save_for_backward(*((y, bits) if lean.needs_output else (bits,)))
        ctx.strides = y.stride()
        return y

    def once_or_by_graph(ctx: Any, dy: Tensor, *kept: Tensor) -> Any:
        if lean.needs_output and _grad_enabled():
            raise RuntimeError(no_second(of.name))
        return by_graph(ctx, dy, *kept)

    return eager(
        forward,
        lambda ctx, dy, *kept: lean.backward(dy, kept, ctx.strides, *numbers),
        once_or_by_graph,
    )


def of_ones(dy: Tensor, strides: Any) -> Tensor:
    """A gradient of ones with the strides of the result."""
    return torch.empty_strided(dy.shape, strides, dtype=dy.dtype, device="cpu").fill_(1)


def no_second(name: str) -> str:
    return (
        f"{name}: lean=True keeps the output and one bit, which do not tell the second derivative; "
        "call it without lean"
    )


def lean_operators(of: Unary, lean: _launch.Lean) -> tuple[Any, Any]:
    """``name_lean`` and ``name_lean_backward``."""
    name, kept_count = of.name, 1 + lean.needs_output

    def lean_value(x: Tensor, *numbers: float) -> tuple[Tensor, Tensor]:
        _launch.format_of(x.dtype)
        of.check_numbers(numbers)
        return lean.forward(x, *numbers)

    def fake_value(x: Tensor, *numbers: float) -> tuple[Tensor, Tensor]:
        return torch.empty_like(x), x.new_empty((x.numel() + 7) // 8, dtype=torch.uint8)

    def lean_backward(dy: Tensor, *rest: Any) -> Tensor:
        *kept, strides = rest[: kept_count + 1]
        *outputs, bits = kept
        _launch.format_of(dy.dtype)
        of.check_numbers(rest[kept_count + 1 :])
        check_dense(dy.shape, strides)
        for y in outputs:
            _launch.check_shape(y, dy.shape)
            if y.dtype is not dy.dtype or y.stride() != tuple(strides):
                raise RuntimeError(f"{name}: y is not the output that was kept")
        _launch.check_shape(bits, ((dy.numel() + 7) // 8,))
        if bits.dtype is not torch.uint8 or not bits.is_contiguous():
            raise RuntimeError(f"{name}: bits are not those that were kept")
        return lean.backward(dy, kept, tuple(strides), *rest[kept_count + 1 :])

    def fake_backward(dy: Tensor, *rest: Any) -> Tensor:
        return dy.new_empty_strided(dy.shape, rest[kept_count])

    def second_order(kept: Any, g: Tensor) -> Any:
        if lean.needs_output:
            raise RuntimeError(no_second(name))
        return backward_operator(g, *kept)

    backward_operator = define_mode(
        of.card, "lean_backward", lean_backward, second_order, fake=fake_backward,
        keeps=lambda inputs, output: inputs[1:],
    )  # fmt: skip

    def kept_of_value(inputs: Any, output: Any) -> tuple[Any, ...]:
        y, bits = output
        return *((y, bits) if lean.needs_output else (bits,)), y.stride(), *inputs[1:]

    operator = define_mode(
        of.card, "lean", lean_value, lambda kept, dy, _: backward_operator(dy, *kept),
        fake=fake_value, keeps=kept_of_value,
    )  # fmt: skip
    return operator, backward_operator


def check_dense(shape: torch.Size, strides: Any) -> None:
    """Refuses strides that leave gaps between elements, or overlap."""
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

        setup_context = saving(0, 1)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (x,), (order, *numbers) = ctx.saved_tensors, ctx.rest
            return g * Derivative.apply(x, order + 1, *numbers), None, *nones

        @staticmethod
        def jvp(ctx: Any, x_t: Tensor, *_: Any) -> Any:
            order, *numbers = ctx.rest
            with nested_forward():
                (x,) = map(primal, ctx.saved_tensors)
                return x_t * Derivative.apply(x, order + 1, *numbers)

    class Backward(Function):
        @staticmethod
        def forward(dy: Tensor, x: Tensor, *numbers: float) -> Tensor:
            return of.backward_operator(dy, x, *numbers)  # type: ignore[no-any-return]

        setup_context = saving(0, 2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            dy, x = ctx.saved_tensors
            to_dy = of.pulled_back(g, x, ctx.rest) if ctx.needs_input_grad[0] else None
            to_x = None
            if ctx.needs_input_grad[1]:
                to_x = (
                    torch.zeros_like(x)
                    if of.straight
                    else g * dy * Derivative.apply(x, 2, *ctx.rest)
                )
            return to_dy, to_x, *nones

        @staticmethod
        def jvp(ctx: Any, dy_t: Any, x_t: Any, *_: Any) -> Tensor:
            with nested_forward():
                dy, x = map(primal, ctx.saved_tensors)
                total = torch.zeros_like(dy)
                if dy_t is not None:
                    total = total + Backward.apply(dy_t, x, *ctx.rest)
                if x_t is not None and not of.straight:
                    total = total + x_t * dy * Derivative.apply(x, 2, *ctx.rest)
                return total

    class Value(Function):
        @staticmethod
        def forward(x: Tensor, *numbers: float) -> Tensor:
            return of.operator(x, *numbers)  # type: ignore[no-any-return]

        setup_context = saving(0, 1)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return of.pulled_back(dy, x, ctx.rest), *nones

        @staticmethod
        def jvp(ctx: Any, x_t: Tensor, *_: Any) -> Tensor:
            (x,) = ctx.saved_tensors
            return Backward.apply(x_t, x, *ctx.rest)  # type: ignore[no-any-return]

    for each in (Derivative, Backward, Value):
        each.vmap = staticmethod(elementwise_vmap(partial(getattr, each, "apply")))  # type: ignore[method-assign]
    return Backward, Value


def public_unary(
    of: Unary, forms: dict[str, Callable[..., Tensor]] | None = None
) -> Callable[..., Tensor]:
    """The function with the card's parameters in its signature. `forms` are the functions that
    torch's argument ``approximate`` chooses besides.
    """
    names, extra = [p.name for p in of.parameters], ignored(of.card)
    numbers = codegen.items(names)
    as_usual = [f"{name} == {default!r}" for name, default in extra]
    as_usual += ["lean is None", "inplace is False", "out is None", "unrecorded()"]
    warnings = "".join(
        f"\nif {name} != {default!r}: warn(card, {name!r}, {name})" for name, default in extra
    )
    chosen = approximated = same = ""
    if forms:
        chosen, same = "approximate='none'", "approximate=approximate, "
        as_usual.insert(0, "approximate == 'none'")
        approximated = f"""
if approximate != "none":
    if approximate not in forms:
        raise ValueError(f"approximate must be {{' or '.join(map(repr, ('none', *forms)))}}, "
                         f"not {{approximate!r}}")
    return forms[approximate](input, {numbers}inplace, lean=lean, out=out)"""
    found = """
    y = at_once(input)
    if y is not None:
        return y"""
    if names:
        found = f"""
    try:
        of = at_once[{", ".join(names)}]
    except (KeyError, TypeError):
        pass  # parameters that are new or no numbers
    else:
        y = of(input)
        if y is not None:
            return y"""
    lines = f"""
if {" and ".join(as_usual)}:{found}{warnings}{approximated}
if is_passed_on(input):
    return pass_on(again, input, {numbers}inplace=inplace, {same}lean=lean, out=out)
if out is not None:
    return into(out, {of.name!r}, lambda x: call(x, ({numbers}), inplace, lean), input)
return call(input, ({numbers}), inplace, lean)"""
    scope: dict[str, Any] = {
        "unrecorded": unrecorded, "is_passed_on": is_passed_on, "pass_on": pass_on,
        "call": of.call_unary, "at_once": of.by_number if len(names) == 1 else of.at_once,
        "forms": forms,
        "into": into, "warn": warn_of_ignored, "card": of.card,
    }  # fmt: skip
    if not names:
        scope["at_once"] = of.bind(()).at_once
    taken = ["input", *map(codegen.parameter, of.parameters)]
    taken += [f"{name}={default!r}" for name, default in extra]
    taken += ["inplace=False", "*", chosen, "lean=None", "out=None"]
    scope["again"] = codegen.written(of.name, taken, [lines], scope, f"torch {of.name}")
    return scope["again"]  # type: ignore[no-any-return]
