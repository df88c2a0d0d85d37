"""Triton source of a card's formula and of its derivatives, written from its tape.

A tape is run in a context that writes each operation down as a call of the function of that name
in a module of arithmetic (`double`, `full` or `single`). No function of the catalog is named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from ogive.formula.tape import Node, Program, ordered

_PI = Decimal("3.14159265358979323846264338327950288419716939937510")
_FOLDED = ("add", "sub", "mul", "div", "neg", "sqrt", "pi", "const")


def written(
    program: Program, names: Sequence[str], results: Sequence[str], indent: str = "    "
) -> str:
    """The program's steps as Triton source.

    Parameters
    ----------
    program
        What is to be computed.
    names
        The variables that hold its inputs, in order.
    results
        The variables that its results are given to.
    """
    inputs = [program.nodes[i] for i in program.inputs]
    writer = _Writer(dict(zip(inputs, names, strict=True)), set(inputs[1:]))
    found = [writer.variable(program.nodes[i]) for i in program.results]
    lines = [*writer.lines, *(f"{r} = {v}" for r, v in zip(results, found, strict=True))]
    return "".join(f"{indent}{line}\n" for line in lines)


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
        if node.op == "sech2":
            half = node.args[0]
            half = half.args[0] if half.op == "neg" else half
            if half.op == "div" and half.args[1].constant == 2:
                return f"m.bell({self._known[half.args[0]]})"
        return None


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
