"""Triton source of a card's formula and of its derivatives, written from its tape.

A tape is run in a context that writes each operation down as a call of the function of that name
in a module of arithmetic (`pairs`, `full` or `single`). No function of the catalog is named here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from ogive.formula.tape import Node, Program, ordered

_PI = Decimal("3.14159265358979323846264338327950288419716939937510")
_FOLDED = ("add", "sub", "mul", "div", "neg", "sqrt", "pi", "const")


def written(
    program: Program, names: Sequence[str], results: Sequence[str], pairs: bool = False
) -> list[str]:
    """The program's steps as lines of Triton source.

    Parameters
    ----------
    program
        What is to be computed.
    names
        The variables that hold its inputs, in order.
    results
        The variables that its results are given to.
    pairs
        For the module `pairs`, whose functions are told of what their result's range is.
    """
    inputs = [program.nodes[i] for i in program.inputs]
    kind = _PairWriter if pairs else _Writer
    writer = kind(dict(zip(inputs, names, strict=True)), set(inputs[1:]))
    found = [writer.variable(program.nodes[i]) for i in program.results]
    return [*writer.lines, *(f"{r} = {v}" for r, v in zip(results, found, strict=True))]


def is_exact(program: Program) -> bool:
    """Whether every format computes it without an error: inputs, small integers and choices."""
    return (
        all(
            node.op in ("split", "neg")
            or program.place[node] in program.inputs
            or (node.constant is not None and node.constant.denominator == 1)
            for node in program.nodes
        )
        and len(program.inputs) == 1
    )


class _Writer:
    def __init__(self, inputs: dict[Node, str], parameters: set[Node]):
        self.lines: list[str] = []
        self._known = dict(inputs)
        self._parameters = parameters

    def _is_parameter(self, node: Node) -> bool:
        """Whether it follows from the parameters, and from at least one of them."""
        leaves = [n for n in ordered([node]) if not n.args and constant(n) is None]
        return bool(leaves) and self._parameters.issuperset(leaves)

    def variable(self, result: Node) -> str:
        """The variable that holds a node, after the lines that compute it."""
        for node in ordered([result]):
            if node not in self._known and (call := self._call(node)) is not None:
                self._known[node] = name = f"v{len(self.lines)}"
                self.lines.append(f"{name} = {call}")
        return self._known[result]

    def _call(self, node: Node) -> str | None:
        if (value := constant(node)) is not None:
            return f"m.number({float(value)!r})"
        rewritten = self._rewritten(node)
        if rewritten is not None:
            return rewritten
        if node.op == "sum":
            first, *rest = (self._known[a] for a in node.args)
            for each in rest:
                first = f"m.add({first}, {each})"
            return first
        return f"m.{node.op}({', '.join(self._known[a] for a in node.args)})"

    def _rewritten(self, node: Node) -> str | None:
        """Operations that have a shorter form where their argument is of one kind."""
        if node.op == "mul" and any(map(self._is_parameter, node.args)):
            return f"m.scaled({', '.join(self._known[a] for a in node.args)})"
        if node.op == "div" and self._is_parameter(node.args[1]):
            return f"m.ratio({', '.join(self._known[a] for a in node.args)})"
        if node.op == "add" and (
            (c := constant(node.args[k := 0])) or (c := constant(node.args[k := 1]))
        ):
            return f"m.plus({self._known[node.args[1 - k]]}, {float(c)!r})"
        if node.op == "div" and (c := constant(node.args[1])) is not None:
            a, value = self._known[node.args[0]], float(c)
            mantissa = abs(Fraction(value).numerator)
            power_of_two = mantissa & (mantissa - 1) == 0
            if power_of_two and node.args[0].op == "mul":  # whose product might overflow
                first, second = (self._known[each] for each in node.args[0].args)
                return f"m.mul({first}, m.mul({second}, m.number({1 / value!r})))"
            if power_of_two or node.args[1].constant is None:  # or not a rational number
                return f"m.mul({a}, m.number({float(1 / c)!r}))"
            return f"m.over({a}, {value!r}, {1 / value!r})"
        if node.op in ("sech2", "tanh") and node.args[0].op == "softplus":
            return f"m.{node.op}_of_softplus({self._known[node.args[0].args[0]]})"
        if node.op == "sech2" and (half := _halved(node.args[0])) is not None:
            return f"m.bell({self._known[half]})"
        return None


class _PairWriter(_Writer):
    """Steps in pairs of floats. Where a node is a factor or a term of the result, its range is
    that of the result, which may need an exponent beside the pair (`pairs`); elsewhere it is the
    argument of a function that is flat, or far below 1, where a float's range ends.
    """

    def __init__(self, inputs: dict[Node, str], parameters: set[Node]):
        super().__init__(inputs, parameters)
        self._names = inputs
        self._ranges: dict[tuple[Node, bool], str] = {}

    def variable(self, result: Node) -> str:
        return self._of(result, ranged=True)

    def _of(self, node: Node, ranged: bool) -> str:
        if (node, ranged) not in self._ranges:
            if node in self._names and (node in self._parameters or not ranged):
                name = self._names[node]
            elif node in self._names:
                name = f"{self._names[node]}_factor"
            else:
                call = self._pair_call(node, ranged)
                name = f"v{len(self.lines)}"
                self.lines.append(f"{name} = {call}")
            self._ranges[node, ranged] = name
        return self._ranges[node, ranged]

    def _pair_call(self, node: Node, ranged: bool) -> str:
        if (value := constant(node)) is not None:
            return f"m.number({', '.join(map(repr, pair_of(value)))})"
        found = self._algebra(node, ranged)
        return found if found is not None else self._function(node, ranged)

    def _algebra(self, node: Node, ranged: bool) -> str | None:
        args = node.args
        match node.op:
            case "split":
                x, c = (self._raw(a) for a in args[:2])
                return f"m.split({x}, {c}, {', '.join(self._of(a, ranged) for a in args[2:])})"
            case "sum":
                first, *rest = (self._of(a, ranged) for a in args)
                for each in rest:
                    first = f"m.add({first}, {each})"
                return first
            case "add" if found := _value_and_slope(*args) or _value_and_slope(*args[::-1]):
                function, a, w = found
                below, by = self._of(a, False), self._of(w, False)
                return f"m.{function}({below}, {by}, {'ranged' if ranged else 'False'})"
            case "mul" | "div" if (scaled := self._scaled(node, ranged)) is not None:
                return scaled
            case "div" if (of := _root_slope(node)) is not None:
                y, c = (self._of(each, ranged) for each in of)
                return f"m.root_slope({y}, {c})"
            case "div" if self._is_parameter(args[1]):
                return f"m.div({self._of(args[0], True)}, {self._of(args[1], True)})"
            case "add" | "sub" | "mul" | "div" | "neg" | "sqrt" | "root_sum" | "root_share":
                return f"m.{node.op}({', '.join(self._of(a, ranged) for a in args)})"
        return None

    def _scaled(self, node: Node, ranged: bool) -> str | None:
        """A product with a constant, or a quotient by one, that has a shorter form."""
        for which, c in enumerate(node.args):
            value = constant(c)
            if value is None or (node.op == "div" and which == 0):
                continue
            other = self._of(node.args[1 - which], ranged)
            by = float(value) if node.op == "mul" else float(1 / value)
            if math.frexp(by)[0] in (0.5, -0.5):
                return f"m.scale({other}, {by!r})"
            if node.op == "div" and pair_of(value)[1] == 0:
                return f"m.over({other}, {float(value)!r}, {pair_of(1 / value)[0]!r})"
            if node.op == "div":
                inverse = ", ".join(map(repr, pair_of(1 / value)))
                return f"m.mul({other}, m.number({inverse}))"
        return None

    def _raw(self, node: Node) -> str:
        """What a branch is chosen by: an input as it was read."""
        if node.op == "neg":
            return f"m.neg({self._raw(node.args[0])})"
        if node in self._names and node not in self._parameters:
            return f"({self._names[node]}_given,)"
        return self._of(node, True)

    def _function(self, node: Node, ranged: bool) -> str:
        (a,) = node.args
        op = node.op
        if op in ("sech2", "tanh") and a.op == "softplus":
            (a,), op = a.args, f"{op}_of_softplus"
        elif op == "sech2" and (half := _halved(a)) is not None:
            a, op = half, "bell"
        elif op in ("erfc", "gauss") and (less := _over_root_2(a)) is not None:
            a, op = less, f"{op}_root2"
        below = self._of(a, ranged and op in PASSING)
        return f"m.{op}({below}, {'ranged' if ranged else 'False'})"


PASSING = ("expm1", "softplus", "tanh", "erf", "tanh_gap")
"""Functions whose results are as small or as large as their arguments somewhere."""


def _value_and_slope(value: Node, term: Node) -> tuple[str, Node, Node] | None:
    """(f, a, w), where the term is w times the derivative by a of the value f(a)."""
    coefficient, factors = _factors(term)
    match value.op, value.args:
        case "logistic", (a,):
            slopes = [f for f in factors if f.op == "sech2" and _same_size(_halved(f.args[0]), a)]
            function, wanted, coefficient = "logistic_plus", 1, 4 * coefficient
        case "erfc", (u,) if (b := _over_root_2(u)) is not None:
            a = b
            slopes = [f for f in factors if f.op == "gauss" and f.args[0] is u]
            function, wanted = "erfc_root2_plus", 1
        case "tanh", (inner,) if inner.op == "softplus":
            (a,) = inner.args
            slopes = [f for f in factors if f.op == "logistic" and f.args[0] is a]
            slopes += [f for f in factors if f.op == "sech2" and f.args[0] is inner]
            function, wanted = "tanh_of_softplus_plus", 2
        case _:
            return None
    if len(slopes) != wanted:
        return None
    w = value.tape.node(coefficient)
    for each in factors:
        w = w if each in slopes else w * each
    return function, a, w


def _factors(node: Node) -> tuple[Fraction, list[Node]]:
    """A product as a rational number and the rest of its factors."""
    if node.constant is not None:
        return node.constant, []
    match node.op, node.args:
        case "neg", (a,):
            coefficient, rest = _factors(a)
            return -coefficient, rest
        case "mul", (a, b):
            (first, some), (second, more) = _factors(a), _factors(b)
            return first * second, some + more
        case "div", (a, b) if b.constant is not None:
            coefficient, rest = _factors(a)
            return coefficient / b.constant, rest
    return Fraction(1), [node]


def _same_size(a: Node | None, b: Node) -> bool:
    """Whether one is the other or minus it."""
    return a is not None and (a is b or -a is b or a is -b)


def _halved(a: Node) -> Node | None:
    """b, where a is b/2 or -b/2 (for an even function)."""
    half = a.args[0] if a.op == "neg" else a
    return half.args[0] if half.op == "div" and half.args[1].constant == 2 else None


def _over_root_2(a: Node) -> Node | None:
    """b, where a is b/sqrt 2."""
    if a.op == "neg" and (b := _over_root_2(a.args[0])) is not None:
        return -b
    root = a.op == "div" and a.args[1].op == "sqrt" and a.args[1].args[0].constant == 2
    return a.args[0] if root else None


def _root_slope(node: Node) -> tuple[Node, Node] | None:
    """y and c, where a quotient is 2/(1 + c/y/y), which rounds off what breaks a tie."""
    two, rest = node.args
    if two.constant == 2 and rest.op == "add" and rest.args[0].constant == 1:
        outer = rest.args[1]
        inner = outer.args[0] if outer.op == "div" else outer
        if outer.op == inner.op == "div" and outer.args[1] is inner.args[1]:
            return outer.args[1], inner.args[0]
    return None


def pair_of(value: Decimal) -> tuple[float, float]:
    """The float nearest to a number, and that nearest to the rest."""
    high = _float32(float(value))
    return high, _float32(float(value - Decimal(high)))


def _float32(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


def constant(node: Node) -> Decimal | None:
    """The number that a node is, to 40 digits, or None where it depends on an input."""
    if node.op not in _FOLDED:
        return None
    with localcontext() as context:
        context.prec = 45
        if node.constant is not None:
            return Decimal(node.constant.numerator) / Decimal(node.constant.denominator)
        if node.op == "pi":
            return _PI
        values = [constant(a) for a in node.args]
        if not values or any(v is None for v in values):
            return None
        folded: Decimal = _FOLD[node.op](*values)
        return folded


_FOLD: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "sqrt": lambda a: a.sqrt(),
}
