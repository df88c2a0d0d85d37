"""Every function of the catalog as a curve: a program of one number that gives f, f′ and f″.

Unary functions are curves already. A gated function is one along its gate or along the value that
is gated, the other held. Rows and losses are those of two classes, as functions of the margin: how
far the logit of the first class lies above that of the second, which is 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ogive.catalog import Card, find
from ogive.catalog.card import ABOVE_ONE, BELOW_ZERO, Parameter

from .tape import Node, Program, Tape, with_parameters

UNIT = (BELOW_ZERO, ABOVE_ONE)
OPEN_UNIT = (0.0, 1.0)


@dataclass(frozen=True)
class Curve:
    """One way to read a function as a curve."""

    variable: str
    parameters: tuple[Parameter, ...]
    """What the program takes after the variable."""
    program: Program
    """f, f′ and f″."""


class TwoClasses(Tape):
    """A tape with the identities that logits of two classes meet, so that their tails are right:
    ``e^a/(e^a + e^b) = logistic(a - b)``, ``softplus(a) - a = softplus(-a)``,
    ``1 - logistic(a) = logistic(-a)``, ``log(logistic(a)) = -softplus(-a)`` and
    ``v v - t t = (v - t)(v + t)``.
    """

    def __getattr__(self, name: str) -> Callable[[Any], Node]:
        plain = super().__getattr__(name)

        def call(value: Any) -> Node:
            a = self.node(value)
            if a.constant == 0 and name in ("exp", "tanh"):
                return self.node(1 if name == "exp" else 0)
            if name == "log" and a.op == "logistic":
                return -self.softplus(-a.args[0])
            if name == "log" and (powers := self._powers(a)):
                first, second = powers
                return first if second is None else second + self.softplus(first - second)
            if name == "log" and a.op == "exp":
                return a.args[0]
            return plain(a)

        return call

    def _powers(self, a: Node) -> tuple[Node, Node] | None:
        """The exponents of a sum of two powers of e, of which 1 is one."""
        if a.op not in ("add", "sum") or len(a.args) != 2:
            return None
        found = [
            self.node(0) if each.constant == 1 else each.args[0] if each.op == "exp" else None
            for each in a.args
        ]
        first, second = sorted(found, key=lambda n: n is not None and n.constant == 0)
        return None if first is None or second is None else (first, second)

    def sum(self, values: Iterable[Any]) -> Node:
        terms = [n for n in map(self.node, values) if n.constant != 0]
        return self.add(*terms) if len(terms) == 2 else super().sum(terms)

    def subtract(self, a: Node, b: Node) -> Node:
        if a.op == "softplus" and a.args[0] is b:
            return self.softplus(-b)
        if b.op == "softplus" and b.args[0] is a:
            return -self.softplus(-a)
        if a.constant == 1 and b.op == "logistic":
            return self.logistic(-b.args[0])
        if a.op == b.op == "mul" and a.args[0] is a.args[1] and b.args[0] is b.args[1]:
            return (a.args[0] - b.args[0]) * (a.args[0] + b.args[0])
        return super().subtract(a, b)

    def divide(self, a: Node, b: Node) -> Node:
        if powers := self._powers(b):
            exponent = self.node(0) if a.constant == 1 else a.args[0] if a.op == "exp" else None
            if exponent is not None and exponent in powers:
                other = powers[1 - powers.index(exponent)]
                return self.logistic(exponent - other)
        return super().divide(a, b)


@cache
def curves(name: str) -> tuple[Curve, ...]:
    """The ways to read a function as a curve, the usual one first."""
    card = find(name)
    if card.kind == "unary":
        operands = tuple(p for p in card.parameters if p.operand)
        return (Curve("x", operands, with_parameters(name, (0, 1, 2))),)
    if card.kind == "gated":
        return tuple(_gated(card, *way) for way in (("b", "a"), ("a", "b")))
    if card.kind == "rows":
        return (_row(card),)
    given = [p for p in card.parameters if p.operand]
    without = [p for p in given if p.default is not None]
    return tuple(
        _loss(card, each) for each in ([without] if without == given else [without, given])
    )


def _curve(tape: Tape, variable: str, parameters: Sequence[Parameter], y: Any) -> Curve:
    x = tape.input(variable)
    nodes = [tape.node(y)]
    while len(nodes) < 3:
        nodes.append(tape.derivative(nodes[-1], x))
    inputs = [x, *(tape.parameter(p.name) for p in parameters)]
    return Curve(variable, tuple(parameters), Program(inputs, nodes))


def _gated(card: Card, along: str, held: str) -> Curve:
    tape = Tape()
    parameter = Parameter(
        name=held, default=1.0, doc="The value that is gated." if held == "a" else "The gate."
    )
    inputs = {along: tape.input(along), held: tape.parameter(held)}
    return _curve(tape, along, [parameter], card.formula(tape, inputs["a"], inputs["b"]))


def _row(card: Card) -> Curve:
    tape = TwoClasses()
    own = {p.name: p for p in card.parameters if p.operand}
    takes = list(inspect.signature(card.formula).parameters)[2:]
    noise = [
        Parameter(name=f"u{k}", default=0.5, doc="Uniform number of a class.", domain=OPEN_UNIT)
        for k in (1, 2) if "u" in takes
    ]  # fmt: skip
    parameters = [*own.values(), *noise]
    nodes = {p.name: tape.parameter(p.name) for p in parameters}
    z = [tape.input("x"), tape.node(0)]
    options: dict[str, Any] = {name: nodes[name] for name in takes if name in nodes}
    if noise:
        options["u"] = [nodes[p.name] for p in noise]
    if "temperature" in own and "temperature" not in takes:  # it divides the logits
        z = [z[0] / nodes["temperature"], z[1]]
    y = card.formula(tape, z, **options)
    return _curve(tape, "x", parameters, y[0] if isinstance(y, list) else y)


def _loss(card: Card, options: Sequence[Parameter]) -> Curve:
    tape = TwoClasses()
    target = Parameter(
        name="target", default=1.0, doc="Probability of the first class.", domain=UNIT
    )
    options = [p if p.default is not None else replace(p, default=10.0) for p in options]
    x, t = tape.input("x"), tape.parameter("target")
    given = {p.name: tape.parameter(p.name) for p in options}
    formula = find(card.loss_of).formula if card.layer else card.formula
    if not card.over_rows:
        y = formula(tape, x, t, **given)
    else:
        y = formula(tape, [x, tape.node(0)], [t, 1 - t], **given)
    return _curve(tape, "x", [target, *options], y)
