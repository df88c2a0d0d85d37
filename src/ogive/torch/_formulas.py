"""Cards' formulas in torch's operations: for devices without a kernel, and for derivatives of any
order.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ogive

from ..catalog import Card, find
from ..formula.tensors import Exponential, Formulas, Row
from ._formats import HALVES


class TorchArrays:
    """`ogive.formula.tensors.Arrays`; see there for what each is."""

    exp, expm1, log, log1p = torch.exp, torch.expm1, torch.log, torch.log1p
    tanh, cosh, sqrt, abs = torch.tanh, torch.cosh, torch.sqrt, torch.abs
    erf, erfc, sigmoid, logaddexp = torch.erf, torch.erfc, torch.sigmoid, torch.logaddexp
    where, isnan, isfinite = torch.where, torch.isnan, torch.isfinite
    zeros_like, full_like, broadcast_to = torch.zeros_like, torch.full_like, torch.broadcast_to

    @staticmethod
    def is_array(x: Any) -> bool:
        return isinstance(x, Tensor)

    @staticmethod
    def cast(x: Tensor, dtype: torch.dtype) -> Tensor:
        return x.to(dtype)

    @staticmethod
    def wide(x: Tensor) -> Tensor:
        return x.float() if x.dtype in HALVES else x

    @staticmethod
    def double(x: Tensor) -> Tensor:
        return x.double()

    @staticmethod
    def number(value: float, like: Tensor) -> Tensor:
        return torch.as_tensor(value, dtype=like.dtype, device=like.device)

    @staticmethod
    def constant(x: Tensor) -> Tensor:
        return x.detach()

    @staticmethod
    def at_least_0(x: Tensor) -> Tensor:
        return torch.clamp(x, min=0)

    @staticmethod
    def epsilon(x: Tensor) -> float:
        return torch.finfo(x.dtype).eps

    @staticmethod
    def logsumexp(x: Tensor) -> Tensor:
        return torch.logsumexp(x, -1, keepdim=True)

    @staticmethod
    def total(x: Tensor) -> Tensor:
        return x.sum(-1, keepdim=True)

    @staticmethod
    def greatest(x: Tensor) -> Tensor:
        return x.amax(-1, keepdim=True)

    @staticmethod
    def any_of(mask: Tensor) -> Tensor:
        return mask.any(-1, keepdim=True)

    @staticmethod
    def falling(x: Tensor) -> Tensor:
        return x.sort(-1, descending=True).values

    @staticmethod
    def running(x: Tensor) -> Tensor:
        return x.cumsum(-1)

    @staticmethod
    def places(x: Tensor) -> Tensor:
        return x.new_ones(x.shape[-1]).cumsum(0)  # of x's kind, as arange is not for a DTensor

    @staticmethod
    def take(x: Tensor, index: Tensor) -> Tensor:
        return torch.gather(x, -1, index)

    @staticmethod
    def labels(target: Tensor) -> Tensor:
        return target.long().clamp(min=0).unsqueeze(-1)

    @staticmethod
    def one_hot(index: Tensor, z: Tensor) -> Tensor:
        return torch.zeros_like(z).scatter(-1, index, 1.0)


ARRAYS: Any = TorchArrays()
FORMULAS = Formulas(ARRAYS)
CONTEXT = FORMULAS.context
OfTensors = Callable[..., Tensor]
derivative: Callable[[Card, int], OfTensors] = FORMULAS.derivative
slope_from_output: Callable[[Card], OfTensors | None] = FORMULAS.slope_from_output
pull_back: Callable[[Card], OfTensors] = FORMULAS.pull_back
head: Callable[[Card, bool], OfTensors] = FORMULAS.head
wide: OfTensors = ARRAYS.wide


def exponential(log: Tensor) -> Exponential:
    return Exponential(ARRAYS, log)


def row(values: Tensor | Exponential) -> Row:
    return Row(ARRAYS, values)


def unary(card: Card) -> Callable[..., Tensor]:
    """f(x, *parameters) by torch's own function, or by the card's formula where torch has none."""
    for peer in card.peers:
        if peer.framework == "torch":
            function = peer_function(peer.name, "x")
            if not isinstance(function, type):  # a module, as for identity
                return function
    return FORMULAS.unary(card)


def peer_function(text: str, variable: str) -> Callable[..., Tensor]:
    """The function that a card names as torch's: a path, a path with options, or an expression."""
    tree = ast.parse(text, mode="eval").body
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if variable in names:
        code = f"lambda {variable}: {text}"
    elif isinstance(tree, ast.Call):
        options = ", ".join(ast.unparse(word) for word in tree.keywords)
        code = f"lambda x, *rest: {ast.unparse(tree.func)}(x, *rest, {options})"
    else:
        code = text
    function: Callable[..., Tensor] = eval(
        compile(code, f"<ogive {text}>", "eval"), {"torch": torch}
    )
    return function


def gated(card: Card) -> Callable[[Tensor, Tensor], Tensor]:
    gate = unary(find(card.gate))
    return lambda a, b: a * gate(b)


def rows(card: Card) -> Callable[..., Tensor]:
    """f(x, temperature, where) along the last axis."""
    nothing = getattr(ogive, card.name)([0.0], where=[False])
    return FORMULAS.rows(card, float(np.ravel(nothing)[0]), np.ndim(nothing) == 0)
