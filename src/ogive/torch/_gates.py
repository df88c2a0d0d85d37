"""``act(b) * a`` in a module's forward, turned into a gated function, which keeps a and b alone.

The source of forward is read, and written again with calls of `gated` in place of such products;
all else in it stays. What an activation is, and whether it has a gated form, is asked when forward
runs: a module may have got hooks, or another activation.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .. import catalog
from ..calls.codegen import generated
from ._adapters import ADAPTERS, adapters, hashable
from ._functional import Adapted
from ._modules import Activation
from ._public import FUNCTIONS, approximations
from ._stand_in import original
from ._unreached import card_by_values

UNITS = {card.gate: FUNCTIONS[card.name] for card in map(catalog.find, catalog.names("gated"))}
"""Gated functions, by the function of their gate."""

FORMS = approximations(catalog.find("gelu"))

METHODS: dict[Any, str] = {}
"""Methods of modules that compute a function of the catalog, by what they gave on probe values."""


def gated(act: Any, b: Any, a: Any) -> Any:
    """act(b) a."""
    fits = isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape
    unit = UNITS.get(function_of(act) or "") if fits else None
    return act(b) * a if unit is None else unit(a, b)


def function_of(act: Any) -> str | None:
    """The function of the catalog that a module, a function or a method is, if nothing else comes
    of a call of it.
    """
    if isinstance(act, Activation):
        if act.inplace or act._forward_hooks or act._forward_pre_hooks or act._backward_hooks:
            return None
        return FORMS.get(getattr(act, "approximate", "none"), act.name)
    if isinstance(act, types.MethodType):
        return METHODS.get(original(act.__func__))
    if isinstance(act, Adapted):
        act = act.torch_function
    adapter: Any = ADAPTERS.get(act) if hashable(act) else None
    return None if adapter is None else adapter.__name__


def units_of(module: torch.nn.Module) -> set[str]:
    """The gated functions that a module's forward, rewritten, calls."""
    found = set()
    for callee in callees(type(module)):
        act = callee(module)
        if isinstance(act, types.MethodType) and act.__self__ is module:
            card = card_by_values(act)
            if card is not None:
                METHODS[original(act.__func__)] = card.name
        unit: Any = UNITS.get(function_of(act) or "")
        if unit is not None:
            found.add(unit.__name__)
    return found


def callees(cls: Any) -> list[Callable[[Any], Any]]:
    """What the products in a class's forward call, of an instance."""
    found = rewriting(cls)
    return [] if found is None else found[1]


def rewritten(cls: Any) -> Callable[..., Any]:
    """The forward of a class with its gated products fused."""
    found = rewriting(cls)
    assert found is not None
    return found[0]


def source_of(function: Any) -> ast.FunctionDef | None:
    """A function as it is written; None where its source is not to be had, or another's."""
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return None
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return definition if isinstance(definition, ast.FunctionDef) else None


@cache
def rewriting(cls: Any) -> tuple[Callable[..., Any], list[Callable[[Any], Any]]] | None:
    """Both, or None if there are no such products to be seen."""
    forward = cls.forward
    definition = source_of(forward)
    if definition is None or forward.__code__.co_freevars or definition.decorator_list:
        return None
    products = Products(definition, forward.__globals__)
    products.visit(definition)
    if not products.callees:
        return None
    undress(definition)
    text = ast.unparse(ast.fix_missing_locations(definition))
    maker = f"def make({PRODUCT}):\n{textwrap.indent(text, '    ')}\n    return {definition.name}\n"
    inner: Any = generated("make", maker, {}, f"fused {cls.__qualname__}")(gated)
    made = types.FunctionType(
        inner.__code__, forward.__globals__, forward.__name__, forward.__defaults__,
        inner.__closure__,
    )  # fmt: skip
    made.__kwdefaults__ = forward.__kwdefaults__
    return made, products.callees


PRODUCT = "ogive_gated_product"
"""What `gated` is called in the code that is written."""


def undress(definition: ast.FunctionDef) -> None:
    """Takes away what is evaluated when a function is defined: annotations and defaults."""
    definition.returns, given = None, definition.args
    for argument in ast.walk(given):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    given.defaults = [ast.Constant(None) for _ in given.defaults]
    given.kw_defaults = [default and ast.Constant(None) for default in given.kw_defaults]


class Products(ast.NodeTransformer):
    """Writes calls of `gated` in place of ``act(b) * a``, also where act(b) has a name, which is
    set and read once.
    """

    def __init__(self, definition: ast.FunctionDef, scope: dict[str, Any]):
        self.itself, self.scope = definition.args.args[0].arg, scope
        self.callees: list[Callable[[Any], Any]] = []
        names = [node for node in ast.walk(definition) if isinstance(node, ast.Name)]
        read = Counter(node.id for node in names if isinstance(node.ctx, ast.Load))
        written = Counter(node.id for node in names if not isinstance(node.ctx, ast.Load))
        self.named = {
            target.id: node
            for node in ast.walk(definition) if isinstance(node, ast.Assign)
            for target in node.targets[:1] if isinstance(target, ast.Name)
            if len(node.targets) == read[target.id] == written[target.id] == 1
        }  # fmt: skip

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Mult):
            return node
        for act, other in ((node.left, node.right), (node.right, node.left)):
            assigned = self.named.get(act.id) if isinstance(act, ast.Name) else None
            call = act if assigned is None else assigned.value
            callee = self.callee(call)
            if callee is None or not isinstance(call, ast.Call):
                continue
            self.callees.append(callee)
            b = call.args[0]
            if assigned is not None:
                assigned.value, b = b, act
            # In the order in which they were evaluated.
            pairs = [("b", b), ("a", other)] if act is node.left else [("a", other), ("b", b)]
            return ast.Call(
                ast.Name(PRODUCT, ast.Load()), [call.func],
                [ast.keyword(name, value) for name, value in pairs],
            )  # fmt: skip
        return node

    def callee(self, call: ast.expr) -> Callable[[Any], Any] | None:
        """What is called with one argument: something that self has, or a function that Ogive has
        too. As a function of self.
        """
        plain = isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords
        if not plain or isinstance(call.args[0], ast.Starred):  # type: ignore[attr-defined]
            return None
        path = attributes(call.func)  # type: ignore[attr-defined]
        if path[:1] == [self.itself] and len(path) == 2:
            return lambda module: getattr(module, path[1], None)
        value = self.scope.get(path[0]) if path else None
        for word in path[1:]:
            value = getattr(value, word, None)
        return (lambda _: value) if hashable(value) and value in adapters() else None


def attributes(node: ast.expr) -> list[str]:
    """``a.b.c`` as its names; nothing of another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (path := attributes(node.value)):
        return [*path, node.attr]
    return []
