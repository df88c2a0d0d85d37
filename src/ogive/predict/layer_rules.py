"""What each function of torch does to entries, and to gradients on their way back.

A rule makes the state of a call's result from those of its operands and from the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ogive import catalog

from .errors import PredictError
from .functions import Function, resolve
from .gaussian import moments_of

SAME = {
    "view", "reshape", "flatten", "transpose", "permute", "contiguous", "squeeze", "unsqueeze",
    "clone", "to", "float", "double", "half", "type_as", "unflatten", "chunk", "split", "unbind",
    "expand", "movedim", "swapaxes", "detach", "cat", "stack", "concat", "repeat", "roll", "t",
    "select", "narrow", "view_as", "reshape_as", "flip", "expand_as", "__getitem__", "moveaxis",
    "tensor_split", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "upsample", "T", "mT",
}  # fmt: skip
"""Functions whose result has the entries of what they are given."""


@dataclass
class State:
    """What is predicted of a tensor's entries, and how gradients came to it."""

    mean: float
    square: float
    sources: list[tuple[State, float]] = field(default_factory=list)
    """What it was made of, and the factor on the squared gradient on the way back to each."""
    restarted: str = ""
    """Why predictions start again here from measured numbers."""
    size: int = 1
    """Number of entries."""
    gradient: float = 0.0
    """Predicted: sum of squares, over that at the output."""
    measured_gradient: float | None = None
    anchored: bool = False
    """Whether the gradient predicted before it starts from the measured one."""

    @property
    def variance(self) -> float:
        return max(self.square - self.mean**2, 1e-300)


def measure(tensor: Tensor) -> tuple[float, float]:
    values = tensor.detach().double()
    return float(values.mean()), float((values * values).mean())


@dataclass
class Call:
    name: str
    result: Tensor
    before: list[tuple[Tensor, State | None]]
    args: Any
    kwargs: Any

    @property
    def source(self) -> State:
        state = self.before[0][1]
        if state is None:
            raise PredictError("no floats")
        return state

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


Rule = Callable[[Call], State | None]


def rule_of(name: str) -> Rule | None:
    if name in SAME:
        return _same
    if name in RULES:
        return RULES[name]
    try:
        card = catalog.find(_word(name))
    except ValueError:
        return None
    return _activation if card.kind in ("unary", "gated") else None


def _word(name: str) -> str:
    """A function's name without the library and the overload of an operator."""
    parts = name.split(".")
    return parts[parts[0] == "ogive" and len(parts) > 1].rstrip("_")


def _same(call: Call) -> State:
    known = [state for _, state in call.before if state is not None]
    parts = known if call.name in ("cat", "stack", "concat") else known[:1]
    total = sum(each.size for each in parts)
    mean = sum(each.mean * each.size for each in parts) / total
    square = sum(each.square * each.size for each in parts) / total
    return State(mean, square, [(each, each.size / total) for each in parts])


def _linear(call: Call) -> State:
    weight = call.argument(1, "weight").detach().double()
    bias = call.argument(2, "bias")
    return _mapped(call, weight.flatten(1), bias, len(weight), 1.0)


def _convolved(call: Call) -> State:
    weight = call.argument(1, "weight").detach().double()
    data = call.argument(0, "input")
    # Padding is 0: at the border a part of the weights meets nothing.
    kernel = weight.shape[2:]
    ones = torch.ones((1, 1, *data.shape[2:]), dtype=torch.float64)
    options = [call.argument(3, "stride", 1), call.argument(4, "padding", 0),
               call.argument(5, "dilation", 1)]  # fmt: skip
    filled = getattr(F, f"conv{len(kernel)}d")(
        ones, torch.full((1, 1, *kernel), 1 / math.prod(kernel), dtype=torch.float64), None,
        *options,
    )  # fmt: skip
    return _mapped(call, weight.flatten(1), call.argument(2, "bias"), len(weight),
                   float(filled.mean()))  # fmt: skip


def _mapped(call: Call, weight: Tensor, bias: Tensor | None, outputs: int, filled: float) -> State:
    """A linear map of entries that vary independently around a common mean."""
    source = call.source
    rows = weight.sum(dim=1) * filled
    mean, square = float(rows.mean()) * source.mean, 0.0
    common = rows * source.mean
    if bias is not None:
        common = common + bias.detach().double()
        mean = float(common.mean())
    square = float((common**2).mean())
    size = float((weight**2).sum()) / outputs
    square += size * filled * source.variance
    return State(mean, square, [(source, size * filled)])


def _conv1d_of_gpt2(call: Call) -> State:
    """bias + x @ weight."""
    bias, _, weight = call.args[:3]
    call.before = [each for each in call.before if each[0] is call.args[1]]
    weight = weight.detach().double().T
    return _mapped(call, weight, bias, len(weight), 1.0)


def _added(call: Call) -> State | None:
    scale = call.kwargs.get("alpha", 1)
    return _sum(call, scale)


def _subtracted(call: Call) -> State | None:
    return _sum(call, -call.kwargs.get("alpha", 1))


def _sum(call: Call, sign: float) -> State | None:
    if len(call.before) == 1:  # and a number
        other = next((a for a in call.args[:2] if isinstance(a, (int, float))), None)
        if other is None:
            return None
        source = call.source
        flipped = sign < 0 and not isinstance(call.args[0], Tensor)
        mean = other - source.mean if flipped else source.mean + sign * other
        return State(mean, source.variance + mean**2, [(source, 1.0)])
    (_, a), (_, b) = call.before[:2]
    if a is None or b is None:
        return None
    mean = a.mean + sign * b.mean
    square = a.variance + sign**2 * b.variance + mean**2
    # A gradient is summed over what was broadcast, which independent entries add up.
    return State(mean, square, [(a, 1.0), (b, sign**2)])


def _multiplied(call: Call) -> State | None:
    if len(call.before) == 1:
        numbers = [a for a in call.args[:2] if isinstance(a, (int, float))]
        if not numbers:
            return None
        factor = 1 / numbers[0] if call.name.endswith("div") else numbers[0]
        source = call.source
        return State(factor * source.mean, factor**2 * source.square, [(source, factor**2)])
    (_, a), (_, b) = call.before[:2]
    if a is None or b is None or call.name.endswith("div"):
        return None
    return State(a.mean * b.mean, a.square * b.square, [(a, b.square), (b, a.square)])


def _divided(call: Call) -> State | None:
    call.name = "div"
    return _multiplied(call) if isinstance(call.args[0], Tensor) else None


def _normalised(call: Call) -> State:
    """Each group of entries gets mean 0 and variance 1, then a weight and a bias.

    What gradients are divided by is taken from the batch, as the function itself does.
    """
    place = 2 if call.name in ("layer_norm", "group_norm", "rms_norm") else 3
    weight, bias = call.argument(place, "weight"), call.argument(place + 1, "bias")
    centred = call.name != "rms_norm"
    if not centred:
        bias = None
    source = call.source
    scale = 1.0 if weight is None else float((weight.detach().double() ** 2).mean())
    shift = (0.0, 0.0) if bias is None else measure(bias)
    mean = shift[0]
    if not centred:
        kept = source.mean / math.sqrt(source.square)
        mean += kept * (1.0 if weight is None else measure(weight)[0])
    inverse = float((1 / (_group_sizes(call, centred) + 1e-12)).mean())
    return State(mean, scale + shift[1], [(source, scale * inverse)])


def _group_sizes(call: Call, centred: bool) -> Tensor:
    """Variance (or mean square) of each group that is normalised, with the function's eps."""
    data = call.before[0][0].detach().double()
    if call.name in ("layer_norm", "rms_norm"):
        groups = data.flatten(-len(call.argument(1, "normalized_shape")))
        eps = call.argument(4 if centred else 3, "eps", 1e-5 if centred else None)
    elif call.name == "group_norm":
        groups = data.reshape(len(data), call.argument(1, "num_groups"), -1)
        eps = call.argument(4, "eps", 1e-5)
    elif call.name == "instance_norm":
        groups, eps = data.flatten(2), call.argument(7, "eps", 1e-5)
    else:
        groups, eps = data.transpose(0, 1).flatten(1), call.argument(7, "eps", 1e-5)
    middle = groups.mean(-1, keepdim=True) if centred else 0.0
    return ((groups - middle) ** 2).mean(-1) + (eps or 0.0)


def _batch_normalised(call: Call) -> State | None:
    training = call.argument(5, "training", False)
    if training:
        return _normalised(call)
    running_mean, running = call.argument(1, "running_mean"), call.argument(2, "running_var")
    if running is None:
        return _normalised(call)
    weight, bias = call.argument(3, "weight"), call.argument(4, "bias")
    eps = call.argument(7, "eps", 1e-5)
    scale = 1 / (running.detach().double() + eps).sqrt()
    if weight is not None:
        scale = scale * weight.detach().double()
    shift = -running_mean.detach().double() * scale
    if bias is not None:
        shift = shift + bias.detach().double()
    source = call.source
    factor = float((scale**2).mean())
    common = scale * source.mean + shift
    square = factor * source.variance + float((common**2).mean())
    return State(float(common.mean()), square, [(source, factor)])


def _dropped(call: Call) -> State:
    p = call.argument(1, "p", 0.5)
    training = call.argument(2, "training", True)
    factor = 1 / (1 - p) if training and 0 <= p < 1 else 1.0
    source = call.source
    return State(source.mean, source.square * factor, [(source, factor)])


def _activation(call: Call) -> State | None:
    card = catalog.find(_word(call.name))
    form = catalog.approximations(card).get(call.kwargs.get("approximate"))
    card = card if form is None else catalog.find(form)
    if card.kind == "gated":
        return _gated(call, card.gate)
    given: dict[str, Any] = {}
    operands = [p for p in card.parameters if p.operand]
    for place, parameter in enumerate(operands, 1):
        value = call.argument(place, parameter.name, parameter.default)
        if isinstance(value, Tensor):
            value = float(value.detach().double().mean())
        given[parameter.name] = float(value)
    return _through(call.source, resolve(card, **given))


def _through(source: State, function: Function) -> State:
    here = moments_of(function, source.variance, source.mean)
    return State(here.mean, here.square, [(source, here.slope_square)])


def _gated(call: Call, gate: str) -> State:
    """The halves of one tensor, or two tensors: a f(b)."""
    known = [state for _, state in call.before if state is not None]
    a, b = known[0], known[-1]
    inner = moments_of(resolve(gate), b.variance, b.mean)
    square = a.square * inner.square
    if a is b:
        # Half the entries each.
        factor = (inner.square + a.square * inner.slope_square) / 2
        return State(a.mean * inner.mean, square, [(a, 2 * factor)])
    return State(a.mean * inner.mean, square,
                 [(a, inner.square), (b, a.square * inner.slope_square)])  # fmt: skip


def _looked_up(call: Call) -> State | None:
    weights = [state for _, state in call.before if state is not None]
    return State(weights[-1].mean, weights[-1].square, []) if weights else None


RULES: dict[str, Rule] = {
    "linear": _linear, "addmm": _conv1d_of_gpt2,
    "conv1d": _convolved, "conv2d": _convolved, "conv3d": _convolved,
    "add": _added, "__add__": _added, "__radd__": _added, "__iadd__": _added,
    "sub": _subtracted, "__sub__": _subtracted, "__rsub__": _subtracted,
    "mul": _multiplied, "__mul__": _multiplied, "__rmul__": _multiplied, "__imul__": _multiplied,
    "div": _divided, "__truediv__": _divided, "true_divide": _divided,
    "layer_norm": _normalised, "group_norm": _normalised, "instance_norm": _batch_normalised,
    "rms_norm": _normalised, "batch_norm": _batch_normalised,
    "dropout": _dropped, "dropout1d": _dropped, "dropout2d": _dropped, "dropout3d": _dropped,
    "feature_dropout": _dropped, "embedding": _looked_up,
}  # fmt: skip
