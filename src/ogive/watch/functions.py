"""What a call of torch is, by its name: a linear map, an activation, a loss, or between these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ogive import catalog
from ogive.catalog import Card

SAME = {
    "view", "reshape", "flatten", "transpose", "permute", "contiguous", "squeeze", "unsqueeze",
    "clone", "to", "float", "double", "half", "bfloat16", "type_as", "unflatten", "chunk", "split",
    "unbind", "expand", "movedim", "swapaxes", "detach", "view_as", "reshape_as", "expand_as",
    "__getitem__", "moveaxis", "flip", "roll", "select", "narrow", "cpu", "cuda",
    "pad_packed_sequence", "swapdims", "ravel", "masked_select", "index_select", "t", "type",
}  # fmt: skip
"""The result has the entries of what is given: one linear map after another stays linear."""

DROPOUT = {
    "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout",
    "feature_alpha_dropout",
}  # fmt: skip

NORMS = {
    "layer_norm", "rms_norm", "batch_norm", "group_norm", "instance_norm", "local_response_norm",
    "normalize",
}  # fmt: skip

BLENDS = {
    "add", "sub", "mul", "div", "__add__", "__radd__", "__iadd__", "__sub__", "__rsub__",
    "__isub__", "__mul__", "__rmul__", "__imul__", "__truediv__", "true_divide", "addcmul",
    "add_", "sub_", "mul_", "div_", "cat", "concat", "stack", "max_pool1d", "max_pool2d",
    "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d", "interpolate", "mean",
    "sum", "max", "amax", "pad", "pixel_shuffle", "lerp", "masked_fill", "masked_fill_", "where",
    "scatter", "index_add", "boolean_dispatch", "_max_pool1d", "_max_pool2d", "upsample",
    "max_pool2d_with_indices", "__neg__", "neg", "__pow__", "pow",
}  # fmt: skip
"""Units keep their place, but linear maps before and after are no longer one."""

CONVOLUTIONS = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"
}  # fmt: skip

RECURRENT = {
    "lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN",
    "lstm_cell": "LSTMCell", "gru_cell": "GRUCell", "rnn_tanh_cell": "RNNCell",
    "rnn_relu_cell": "RNNCell",
}  # fmt: skip

SOFTMAX = {"softmax": "softmax", "log_softmax": "log_softmax", "gumbel_softmax": "softmax",
           "softmin": "softmax", "sparsemax": "softmax", "entmax15": "softmax"}  # fmt: skip

NOT_ACTIVATIONS = {"exp", "identity", "linear", "erf", "bilinear"}
"""Functions of the catalog that networks use for other things: linear is a layer here."""


@dataclass(frozen=True)
class Loss:
    """What a loss function takes."""

    takes: str
    """logits, log-probabilities, probabilities, or values."""
    rows: bool = False
    """Classes lie along an axis; else each entry is a decision or a value of its own."""


LOSSES = {
    "cross_entropy": Loss("logits", True),
    "linear_cross_entropy": Loss("logits", True),
    "nll_loss": Loss("log-probabilities", True),
    "binary_cross_entropy_with_logits": Loss("logits"),
    "binary_cross_entropy": Loss("probabilities"),
    "focal": Loss("logits", True),
    "sigmoid_focal": Loss("logits"),
    "soft_margin_loss": Loss("logits"),
    "mse_loss": Loss("values"),
    "l1_loss": Loss("values"),
    "smooth_l1_loss": Loss("values"),
    "huber_loss": Loss("values"),
}


def word(function: Any) -> str:
    """The name of a function of torch, without the overload of an operator."""
    name = getattr(function, "__name__", "")
    return name if name[:2] == "__" else name.partition(".")[0].lstrip("_")


@cache
def activation_card(name: str) -> Card | None:
    """The catalog's function of a name, where networks use it as an activation."""
    name = name.rstrip("_")
    if name in NOT_ACTIVATIONS:
        return None
    try:
        card = catalog.find(name)
    except ValueError:
        return None
    return card if card.kind in ("unary", "gated") and card.name not in NOT_ACTIVATIONS else None


@dataclass(frozen=True)
class Activation:
    """One call of an activation: enough to compute it again, on other entries."""

    card: Card
    parameters: Mapping[str, float]
    call: Callable[[Tensor], Tensor]
    """Of a tensor of rows and units."""
    in_place: bool

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def gate(self) -> Card:
        """The function itself, or of a gated unit a f(b) the function f."""
        return catalog.find(self.card.gate) if self.card.kind == "gated" else self.card

    @property
    def bounded(self) -> bool:
        """Both ends are flat: a unit at either end is saturated."""
        claims = self.gate.claims
        if claims is None:
            return False
        low, high = claims.range
        return abs(low) < float("inf") and abs(high) < float("inf")

    @property
    def flat(self) -> bool:
        """Its slope is exactly 0 on a half-line or beyond: a unit there is dead."""
        return self.gate.name in {
            "relu", "relu6", "relu_squared", "threshold", "hard_tanh", "hard_sigmoid", "hard_swish"
        }  # fmt: skip

    @property
    def steepest(self) -> float:
        """sup |f'|"""
        claims = self.gate.claims
        return claims.lipschitz if claims is not None else 1.0


def activation_of(
    name: str, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Activation | None:
    """The activation that a call computes, or None."""
    if name in ("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_"):
        return _clamped(name, args, kwargs)
    card = activation_card(name)
    if card is None or not args or not isinstance(args[0], Tensor):
        return None
    rest, given = args[1:], dict(kwargs)
    in_place = name.endswith("_") or bool(given.get("inplace"))
    if card.kind == "gated":
        return Activation(card, {}, GATES[card.gate], False)
    parameters, operands = {}, [p for p in card.parameters if p.operand]
    for place, parameter in enumerate(operands):
        value = rest[place] if len(rest) > place else given.get(parameter.name, parameter.default)
        # A learned slope is told by its default: its numbers stay on the device.
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            parameters[parameter.name] = float(value)
    places = {"relu": 0, "relu6": 0, "silu": 0, "mish": 0, "selu": 0, "hard_swish": 0,
              "hard_sigmoid": 0, "elu": 1, "celu": 1, "leaky_relu": 1, "threshold": 2,
              "hard_tanh": 2}  # fmt: skip
    at = places.get(card.name)
    in_place = in_place or bool(
        at is not None and len(rest) > at and rest[at] is True and callable(function)
    )
    if card.name == "gelu" and "tanh" in (given.get("approximate"), *rest[:1]):
        card = catalog.find("gelu_tanh")
    if card.name == "hard_tanh" and (parameters.get("min_val"), parameters.get("max_val")) == (
        0,
        6,
    ):
        card, parameters = catalog.find("relu6"), {}
    if card.name == "threshold" and parameters.get("threshold") == parameters.get("value") == 0:
        card, parameters = catalog.find("relu"), {}
    if card.name == "rrelu":
        lower, upper = parameters.get("lower", 1 / 8), parameters.get("upper", 1 / 3)
        return Activation(
            card, parameters, lambda z: F.rrelu(z, lower, upper, False), in_place
        )  # random slopes are not drawn a second time
    own = {p.name: p.default for p in operands}
    told = {key: value for key, value in parameters.items() if value != own[key]}
    rest = tuple(each.detach() if isinstance(each, Tensor) else each for each in rest)
    return Activation(card, told, lambda z: function(z.clone(), *rest, **given), in_place)


GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid, "relu": F.relu, "gelu": F.gelu, "silu": F.silu,
    "identity": torch.clone,
}  # fmt: skip


def _clamped(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Activation | None:
    low = args[1] if len(args) > 1 else kwargs.get("min")
    high = args[2] if len(args) > 2 else kwargs.get("max")
    if isinstance(low, (int, float)) and low == 0 and (high is None or name.startswith("clamp_m")):
        return Activation(catalog.find("relu"), {}, F.relu, name.endswith("_"))
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (-1, 1):
        return Activation(catalog.find("hard_tanh"), {}, F.hardtanh, name.endswith("_"))
    return None
