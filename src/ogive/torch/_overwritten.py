"""Activations whose results a model writes over: ``y = self.act(x)``, then ``y += shortcut``.

Backward must not need such a result. It is read in the sources of forwards, as far as that goes:
what a name stands for is followed from call to call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import torch

from ._counterparts import counterpart
from ._gates import attributes, source_of
from ._stand_in import original


class Call(NamedTuple):
    """A call of something that self has: where it is, and what it is given first."""

    path: tuple[str, ...]
    given: frozenset[Call]


Calls = frozenset[Call]
NOTHING: Calls = frozenset()


def overwritten(model: torch.nn.Module) -> set[torch.nn.Module]:
    """The modules that give what is written over."""
    modules = list(model.modules())
    return {m for owner in modules for m in givers(owner, reading(owner).written)}


def givers(owner: torch.nn.Module, calls: Calls) -> Iterator[torch.nn.Module]:
    """The modules whose results those of some calls are."""
    for call in calls:
        module: Any = owner
        for name in call.path:
            module = getattr(module, name, None)
        if isinstance(module, torch.nn.Module):
            yield from ends(module)
            if passes(module):
                yield from givers(owner, call.given)


def ends(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """A module, and the modules within whose results it gives."""
    yield module
    if forward_of(module) is not torch.nn.Sequential.forward:
        yield from givers(module, reading(module).returned)
        return
    for child in reversed(list(module.children())):
        yield from ends(child)
        if not passes(child):
            return


def passes(module: torch.nn.Module) -> bool:
    """Whether it may give its input itself, as dropout does and stochastic depth."""
    inside = any(True for _ in (*module.parameters(), *module.children()))
    return not inside and counterpart(type(module)) is None


class Reading:
    """What the source of a forward says of results: which are written over, and which it gives."""

    def __init__(self, definition: ast.FunctionDef | None):
        self.written = self.returned = NOTHING
        if definition is not None:
            self.itself = definition.args.args[0].arg if definition.args.args else ""
            self.follow(definition.body, {})

    def follow(self, statements: list[ast.stmt], known: dict[str, Calls]) -> None:
        """Statements one after another; `known` are the names, and what they stand for."""
        for s in statements:
            match s:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    known[name] = self.calls(value, known)
                case (
                    ast.Assign(targets=[ast.Subscript(value=target)])
                    | ast.AugAssign(target=ast.Name() | ast.Attribute() as target)
                    | ast.AugAssign(target=ast.Subscript(value=target))
                ):
                    self.written |= self.calls(target, known)
                case ast.Expr(ast.Call(func=ast.Attribute(value=target, attr=method))):
                    if method.endswith("_") and not method.endswith("__"):
                        self.written |= self.calls(target, known)
                case ast.Return(value=ast.expr() as value):
                    self.returned |= self.calls(value, known)
                case ast.If(body=body, orelse=other) | ast.For(body=body, orelse=other):
                    taken = dict(known)
                    self.follow(body, taken)
                    self.follow(other, known)
                    for name, calls in taken.items():
                        known[name] = known.get(name, NOTHING) | calls
                case ast.With(body=body):
                    self.follow(body, known)

    def calls(self, value: ast.expr, known: dict[str, Calls]) -> Calls:
        """Those whose result an expression may be."""
        match value:
            case ast.Name(id=name):
                return known.get(name, NOTHING)
            case ast.IfExp(body=body, orelse=other):
                return self.calls(body, known) | self.calls(other, known)
            case ast.Call(func=called, args=args):
                path = attributes(called)
                if path[:1] == [self.itself] and len(path) > 1:
                    given = self.calls(args[0], known) if args else NOTHING
                    return frozenset((Call(tuple(path[1:]), given),))
        return NOTHING


def forward_of(module: Any) -> Any:
    compiled = isinstance(module, torch.jit.ScriptModule)  # its class has none to show
    return None if compiled else original(type(module).forward)


def reading(module: Any) -> Reading:
    return read(forward_of(module))


@cache
def read(forward: Any) -> Reading:
    return Reading(source_of(forward))
