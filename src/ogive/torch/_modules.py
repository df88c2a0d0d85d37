"""The module classes of `ogive.torch.nn`: a base for each kind of function, and one class for each
card, which follows from it; written out where torch's constructor says more than the parameters.
"""

from __future__ import annotations

import inspect
import math
import types
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn._reduction import legacy_get_string

from ..calls import codegen
from ..calls.loop import loop
from ..catalog import Card, approximations, find, names
from ._arguments import ignored
from ._linear import TORCH_S
from ._public import FUNCTIONS

HOME = f"{__package__}.nn"
"""Where the classes are found, by pickle too."""


class OfCard(nn.Module):
    """A module whose function is that of a card: ``class Softmax2d(Rows, card="softmax")``."""

    name: str
    function: Callable[..., Tensor]

    def __init_subclass__(cls, card: str = "", **more: Any):
        super().__init_subclass__(**more)
        if card:
            cls.name, cls.function, cls.__module__ = card, staticmethod(FUNCTIONS[card]), HOME
            cls.take(find(card))

    @classmethod
    def take(cls, card: Card) -> None:
        """What a kind of modules needs of a card beside the function."""

    def __prepare_scriptable__(self) -> Any:
        raise RuntimeError(
            "TorchScript cannot compile Ogive's functions: use torch.jit.trace or torch.export, or "
            "call ogive.torch.unswap(model) first"
        )


class Activation(OfCard):
    """A function of one tensor."""

    parameters_of_function: tuple[tuple[str, float], ...] = ()
    # On the class too, for modules of torch's that `swap` turns into these.
    inplace = False
    lean: bool | None = None

    def __init__(self, *args: Any, inplace: bool = False, lean: bool | None = None, **kwargs: Any):
        super().__init__()
        names = [name for name, _ in self.parameters_of_function]
        if len(args) == len(names) + 1:
            *args, inplace = args  # type: ignore[assignment]
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(names) or 'no parameters'}")
        given = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in names or name in given:
                raise TypeError(f"{type(self).__name__}() got an unexpected argument {name!r}")
            given[name] = value
        for name, default in self.parameters_of_function:
            setattr(self, name, given.get(name, default))
        self.inplace, self.lean = inplace, lean

    @classmethod
    def take(cls, card: Card) -> None:
        operands = ((p.name, p.default) for p in card.parameters if p.operand)
        cls.parameters_of_function = (*operands, *ignored(card))
        if cls.forward is nn.Module.forward:
            given = [name for name, _ in cls.parameters_of_function]
            cls.forward = forward_of_numbers(card.name, given)

    def extra_repr(self) -> str:
        shown = [f"{name}={getattr(self, name)}" for name, _ in self.parameters_of_function]
        over = ["inplace=True"] if self.inplace else []
        theirs: Any = getattr(nn, type(self).__name__, None)
        if theirs is not None:  # as torch's says it
            shown = [theirs.extra_repr(self)]
            over = [] if "inplace" in inspect.signature(theirs).parameters else over
        shown += over
        shown += [] if self.lean is None else [f"lean={self.lean}"]
        return ", ".join(filter(None, shown))


class Approximated(Activation):
    """A function whose approximations torch has under its name."""

    forms: dict[str, Callable[..., Tensor]]
    approximate = "none"

    def __init__(self, approximate: str = "none", *, lean: bool | None = None):
        super().__init__(lean=lean)
        if approximate not in self.forms:
            known = " or ".join(map(repr, self.forms))
            raise ValueError(f"approximate must be {known}, not {approximate!r}")
        self.approximate = approximate

    @classmethod
    def take(cls, card: Card) -> None:
        super().take(card)
        named = {"none": card.name, **approximations(card)}
        cls.forms = {form: FUNCTIONS[name] for form, name in named.items()}

    def forward(self, input: Tensor) -> Tensor:
        return self.forms[self.approximate](input, lean=self.lean)


class Learned(OfCard):
    """A function with a trained parameter; the state_dict is torch's."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = nn.Parameter(torch.full((num_parameters,), init, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RandomActivation(Activation):
    """A function whose parameter is random in training and fixed in evaluation."""

    generator: torch.Generator | None = None

    def __init__(self, *args: Any, generator: torch.Generator | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.generator = generator

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": None}  # a generator is no part of a checkpoint

    def forward(self, input: Tensor) -> Tensor:
        numbers = [getattr(self, name) for name, _ in self.parameters_of_function]
        return type(self).function(
            input, *numbers, self.training, self.inplace, generator=self.generator, lean=self.lean
        )


class GatedActivation(OfCard):
    """a f(b) of two tensors, or of the halves of one."""

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor, gate: Tensor | None = None) -> Tensor:
        return type(self).function(input, gate, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class ReducedRows(OfCard):
    """One number for each row along an axis."""

    temperature = 1.0

    def __init__(self, dim: int | None = -1, temperature: float = 1.0):
        super().__init__()
        self.dim, self.temperature = dim, temperature

    def forward(self, input: Tensor, where: Tensor | None = None) -> Tensor:
        return type(self).function(input, self.dim, temperature=self.temperature, where=where)

    def extra_repr(self) -> str:
        shown = f"dim={self.dim}"
        return shown if self.temperature == 1 else f"{shown}, temperature={self.temperature}"


class Rows(ReducedRows):
    """A function along an axis."""

    lean: bool | None = None

    def __init__(self, dim: int | None = -1, temperature: float = 1.0, lean: bool | None = None):
        super().__init__(dim, temperature)
        self.lean = lean

    def forward(self, input: Tensor, where: Tensor | None = None) -> Tensor:
        return type(self).function(
            input, self.dim, temperature=self.temperature, where=where, lean=self.lean
        )

    def extra_repr(self) -> str:
        shown = super().extra_repr()
        return shown if self.lean is None else f"{shown}, lean={self.lean}"


class RandomRows(OfCard):
    """A function of rows and of noise."""

    def __init__(self, tau: float = 1.0, hard: bool = False, dim: int = -1):
        super().__init__()
        self.tau, self.hard, self.dim = tau, hard, dim

    def forward(self, input: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return type(self).function(input, self.tau, self.hard, dim=self.dim, generator=generator)

    def extra_repr(self) -> str:
        return f"tau={self.tau}, hard={self.hard}, dim={self.dim}"


LEGACY = ("size_average", "reduce")


class Loss(OfCard):
    """A loss of logits and targets. Options of one number are attributes, weights buffers."""

    defaults: dict[str, Any]
    signature: inspect.Signature
    tensors: tuple[str, ...]

    @classmethod
    def take(cls, card: Card) -> None:
        _, _, *taken = inspect.signature(FUNCTIONS[card.name]).parameters.values()
        cls.signature = inspect.Signature(taken)
        cls.take_options(card, taken)
        cls.forward = forward_of_options(card.name, list(cls.defaults))

    @classmethod
    def take_options(cls, card: Card, taken: list[inspect.Parameter]) -> None:
        cls.tensors = card.weights
        cls.defaults = {p.name: p.default for p in taken if p.name not in LEGACY}
        # On the class too, for modules of torch's that `swap` turns into these.
        for name, default in cls.defaults.items():
            if name not in cls.tensors:
                setattr(cls, name, default)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            said = str(error).replace("unexpected keyword argument", "unexpected argument")
            raise TypeError(f"{type(self).__name__}() {said}") from None
        given = bound.arguments
        average, reduce = given.pop("size_average", None), given.pop("reduce", None)
        if average is not None or reduce is not None:
            given["reduction"] = legacy_get_string(average, reduce)
        self.keep({**self.defaults, **given})

    def keep(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            if name in self.tensors:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def extra_repr(self) -> str:
        return ", ".join(
            f"{name}={getattr(self, name)!r}" for name, default in self.defaults.items()
            if name not in self.tensors and getattr(self, name) != default
        )  # fmt: skip


def written_linear(cls: type, options: list[inspect.Parameter]) -> tuple[Any, Any]:
    """Constructor and forward of `LinearCrossEntropyLoss`, with its options written out."""
    names = [p.name for p in options]
    scope: dict[str, Any] = {"function": FUNCTIONS["linear_cross_entropy"], "Any": Any}
    scope |= {"Tensor": Tensor}
    what = f"torch.nn {cls.__name__}"
    built = [
        "self", "in_features: 'int'", "num_classes: 'int'", "*",
        "out_features: 'tuple[int, ...]' = ()", "bias: 'bool' = False", "device: 'Any' = None",
        "dtype: 'Any' = None", *map(str, options),
    ]  # fmt: skip
    given = codegen.items(f"{name!r}: {name}" for name in names)
    shape = "in_features, num_classes, out_features, bias, device, dtype"
    init = codegen.written("__init__", built, [f"self._build({shape}, {{{given}}})"], scope, what)
    lines = [
        "W, bias = self._shaped()",
        f"return function(input, W, target, linear_bias=bias, "
        f"{codegen.items(f'{name}=self.{name}' for name in names)})",
    ]
    taken = ["self", "input: 'Tensor'", "target: 'Tensor'"]
    forward = codegen.written("forward", taken, lines, scope, what, returns="'Tensor'")
    for method in (init, forward):
        method.__qualname__, method.__module__ = f"{cls.__name__}.{method.__name__}", HOME
    return init, forward


class LinearCrossEntropyLoss(Loss, card="linear_cross_entropy"):
    """Cross-entropy of ``linear(input)``, whose logits are never whole.

    Attributes and ``state_dict`` are those of ``torch.nn.LinearCrossEntropyLoss``, with Ogive's
    {own} beside them.
    """

    @classmethod
    def take(cls, card: Card) -> None:
        _, _, _, _, *taken = inspect.signature(FUNCTIONS[card.name]).parameters.values()
        taken.sort(key=lambda p: p.name != "reduction")  # as torch's own has them
        cls.take_options(card, taken)
        *own, last = (f"``{name}``" for name in cls.defaults if name not in TORCH_S)
        cls.__doc__ = str(cls.__doc__).format(own=f"{', '.join(own)} and {last}")
        cls.__init__, cls.forward = written_linear(cls, taken)  # type: ignore[method-assign]

    def _build(
        self, in_features: int, num_classes: int, out_features: Any, bias: bool, device: Any,
        dtype: Any, options: dict[str, Any],
    ) -> None:  # fmt: skip
        nn.Module.__init__(self)
        weight = options["weight"]
        if weight is not None and weight.shape != (num_classes,):
            raise ValueError(
                f"weight of shape {tuple(weight.shape)} does not fit {num_classes} classes"
            )
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.keep(options)
        # As torch has it: flat, and in the shape of the losses where it is used.
        self.linear = nn.Linear(
            in_features, math.prod(self.out_features, start=num_classes), bias, device, dtype
        )

    def _shaped(self) -> tuple[Tensor, Tensor | None]:
        """Weights and bias in the shape of the losses."""
        W, bias = self.linear.weight, self.linear.bias
        shape = self.num_classes, *self.out_features
        return W.reshape(*shape, W.shape[-1]), None if bias is None else bias.reshape(shape)

    def extra_repr(self) -> str:
        shown = f"in_features={self.linear.in_features}, num_classes={self.num_classes}"
        losses = f"out_features={self.out_features!r}" if self.out_features else ""
        return ", ".join(filter(None, (shown, losses, super().extra_repr())))


def forward_of_numbers(name: str, parameters: list[str]) -> Any:
    """A module's forward, written out: a loop over the parameters costs a microsecond."""
    numbers = codegen.items(f"self.{parameter}" for parameter in parameters)
    return forward_of(name, ["input"], f"{numbers}self.inplace, lean=self.lean")


def forward_of_options(name: str, options: list[str]) -> Any:
    """The same for a loss."""
    given = codegen.items(f"{option}=self.{option}" for option in options)
    return forward_of(name, ["input", "target"], given)


def forward_of(name: str, inputs: list[str], attributes: str) -> Any:
    """A module's forward: its function, of the inputs and of its own attributes."""
    call = f"return function({codegen.items(inputs)}{attributes})"
    scope: dict[str, Any] = {"function": FUNCTIONS[name]}
    return codegen.written("forward", ["self", *inputs], [call], scope, f"torch.nn {name}")


def base_of(card: Card) -> type[OfCard]:
    if card.kind == "unary":
        if approximations(card):
            return Approximated
        return Learned if card.learns else RandomActivation if card.draws else Activation
    if card.kind == "gated":
        return GatedActivation
    if card.kind == "rows" and card.draws:
        return RandomRows
    if card.kind == "rows":
        return ReducedRows if loop(card.name, "value").reduces else Rows
    return Loss


class Hardtanh(Activation, card="hard_tanh"):
    """Hard tanh, with the older names of its bounds."""

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
        *,
        lean: bool | None = None,
    ):
        for name, value in (("min", min_value), ("max", max_value)):
            if value is not None:
                warnings.warn(
                    f"keyword argument `{name}_value` is deprecated and renamed to `{name}_val`",
                    FutureWarning,
                    stacklevel=2,
                )
        min_val = min_val if min_value is None else min_value
        max_val = max_val if max_value is None else max_value
        if not min_val < max_val:
            raise ValueError(f"min_val = {min_val} must be below max_val = {max_val}")
        super().__init__(min_val, max_val, inplace, lean=lean)


class Softmax2d(Rows, card="softmax"):
    """Softmax over the channels of images, (N, C, H, W) or (C, H, W)."""

    dim = -3  # on the class too, for torch's modules, which have none

    def __init__(self) -> None:
        super().__init__(-3)

    def extra_repr(self) -> str:
        return ""


WRITTEN_OUT = (Hardtanh, Softmax2d, LinearCrossEntropyLoss)


def class_of(card: Card) -> type[nn.Module]:
    """The class of a card, under the title that its framework gives it."""

    def describe(body: dict[str, Any]) -> None:
        forms = "".join(
            f"\n``approximate={form!r}`` is ``ogive.torch.{name}``."
            for form, name in approximations(card).items()
        )
        body["__doc__"] = f"{card.summary}\n\nSee ``ogive.torch.{card.name}``.{forms}"

    return types.new_class(card.title, (base_of(card),), {"card": card.name}, describe)


CLASSES: dict[str, type[nn.Module]] = {cls.__name__: cls for cls in WRITTEN_OUT}
CLASSES |= {card.title: class_of(card) for card in map(find, names()) if card.title not in CLASSES}
"""Every class, by its name."""
