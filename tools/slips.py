"""Slips that people make, as operators for cosmic-ray: a keyword that is not passed on, two swapped
arguments, a missing call. cosmic-ray's own operators change a sign, a number, a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from parso.python.tree import Keyword

Position = tuple[tuple[int, int], tuple[int, int]]


def at(node: Any) -> Position:
    return node.start_pos, node.end_pos


def arguments(node: Any) -> list[Any]:
    """The arguments of a call, as children of the node that holds them and the commas."""
    if node.type == "arglist":
        return [child for child in node.children if child.type != "operator"]
    if node.type == "trailer" and len(node.children) == 3 and node.children[0] == "(":
        return [] if node.children[1].type == "arglist" else [node.children[1]]
    return []


def is_keyword(argument: Any) -> bool:
    return argument.type == "argument" and argument.children[1] == "="


class DropKeyword(Operator):
    """A keyword argument that is not passed on."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        yield from (at(argument) for argument in arguments(node) if is_keyword(argument))

    def mutate(self, node: Any, index: int) -> Any:
        dropped = [argument for argument in arguments(node) if is_keyword(argument)][index]
        k = node.children.index(dropped)
        comma = node.children[k + 1 : k + 2]
        del node.children[k : k + 1 + (bool(comma) and comma[0] == ",")]
        return node

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return (
            Example("f(x, axis=1)", "f(x,)"),
            Example("f(axis=1)", "f()"),
            Example("f(axis=1, out=y)", "f(axis=1,)", occurrence=1),
        )


class SwapArguments(Operator):
    """Two adjacent positional arguments, swapped."""

    def pairs(self, node: Any) -> list[tuple[Any, Any]]:
        given = [a for a in arguments(node) if a.type != "argument"]
        return [(a, b) for a, b in pairwise(given) if a.get_code() != b.get_code()]

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        yield from (at(a) for a, _ in self.pairs(node))

    def mutate(self, node: Any, index: int) -> Any:
        a, b = self.pairs(node)[index]
        i, j = node.children.index(a), node.children.index(b)
        node.children[i], node.children[j] = b, a
        first, second = a.get_first_leaf(), b.get_first_leaf()
        first.prefix, second.prefix = second.prefix, first.prefix
        return node

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return (
            Example("f(x, y, z)", "f(y, x, z)"),
            Example("f(x, y, z)", "f(x, z, y)", occurrence=1),
        )


class DropStatement(Operator):
    """A missing statement: a call for its side effect, an augmented assignment or a raise."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type != "simple_stmt":
            return
        first = node.children[0]
        called = first.type == "atom_expr" and first.children[-1].type == "trailer"
        augmented = (
            first.type == "expr_stmt"
            and first.children[1].type == "operator"
            and (first.children[1].value not in ("=", ":"))
        )
        if called or augmented or first.type == "raise_stmt":
            yield at(first)

    def mutate(self, node: Any, index: int) -> Any:
        first = node.children[0]
        node.children[0] = Keyword("pass", first.start_pos, first.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return (
            Example("f(x)\n", "pass\n"),
            Example("x += 1\n", "pass\n"),
            Example("raise E\n", "pass\n"),
        )


class DropCall(Operator):
    """A missing call: x instead of f(x) or x.copy()."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "atom_expr" and self.without(node) is not None:
            yield at(node)

    def without(self, node: Any) -> Any:
        last = node.children[-1]
        if last.type != "trailer" or last.children[0] != "(" or node.children[0] == "await":
            return None
        if len(last.children) == 2:
            before = node.children[-2]
            named = before.type == "trailer" and before.children[0] == "."
            return "object" if named and len(node.children) > 2 else None
        return "argument" if arguments(last) and last.children[1].type != "argument" else None

    def mutate(self, node: Any, index: int) -> Any:
        if self.without(node) == "object":
            del node.children[-2:]
            return node
        argument = node.children[-1].children[1]
        argument.get_first_leaf().prefix = node.get_first_leaf().prefix + "("
        node.children = [argument]
        last = argument.get_last_leaf()
        last.value += ")"
        return node

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return (Example("y = x.copy()", "y = x"), Example("y = np.abs(x)", "y = (x)"))


SLIPS: Iterable[type[Operator]] = (DropKeyword, SwapArguments, DropStatement, DropCall)
