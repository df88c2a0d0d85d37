"""A card's formula as a SymPy expression, and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ogive.catalog import Card

X, A, B = sp.symbols("x a b", real=True)
_INDEX, _OUTPUT = sp.Symbol("j", integer=True), sp.Symbol("i", integer=True)
_INPUT = sp.Symbol("k", integer=True)


class Context:
    """Arithmetic on SymPy expressions."""

    pi = sp.pi
    exp, log, sqrt, tanh, erf, erfc = map(
        staticmethod, (sp.exp, sp.log, sp.sqrt, sp.tanh, sp.erf, sp.erfc)
    )

    @staticmethod
    def expm1(a: Any) -> Any:
        return sp.exp(a) - 1

    @staticmethod
    def log1p(a: Any) -> Any:
        return sp.log(1 + a)

    @staticmethod
    def split(x: Any, c: float, *, below: Any, above: Any) -> Any:
        return sp.Piecewise((below, x <= c), (above, True))

    @staticmethod
    def sum(values: Sequence[Any]) -> Any:
        return sp.Add(*values)


class _Symbolic(Context):
    """Sums over a row of unknown length, or over a layer's inputs, from one general element."""

    @staticmethod
    def sum(values: Sequence[Any]) -> Any:
        (term,) = values
        index, last = (_INPUT, "d") if _INPUT in term.free_symbols else (_INDEX, "n")
        return sp.Sum(term, (index, 1, sp.Symbol(last, integer=True, positive=True)))

    @staticmethod
    def threshold(values: Sequence[Any], power: int) -> Any:
        return sp.Symbol("tau", real=True)


def expression(card: Card, order: int = 0) -> sp.Expr:
    """The formula of a card, by its kind.

    Unary: f (or a derivative) in ``x`` and the parameters. Gated: y in ``a`` and ``b``, or its
    derivative by one of them for order 1 and 2. Rows: y_i. Heads: one row's loss at the defaults.
    """
    if card.kind == "unary":
        found = sp.sympify(card.formula(Context(), X, *parameter_symbols(card)))
        for _ in range(order):
            found = _differentiate(found)
        return found
    if card.kind == "gated":
        y = sp.piecewise_fold(sp.sympify(card.formula(Context(), A, B)))
        return _differentiate(y, (A, B)[order - 1]) if order else y
    if order:
        raise ValueError(f"{card.name} is not a function of one variable")
    x = sp.IndexedBase("z" if card.kind == "heads" else "x", real=True)[_INDEX]
    if card.kind == "rows":
        drawn = [[sp.IndexedBase("u", positive=True)[_INDEX]]] if card.draws else []
        result = card.formula(_Symbolic(), [x], *drawn)
        return result[0].subs(_INDEX, _OUTPUT) if isinstance(result, list) else result
    if not card.over_rows:  # single logits
        return sp.sympify(
            card.formula(Context(), sp.Symbol("z", real=True), sp.Symbol("t", real=True))
        )
    t = sp.IndexedBase("t", real=True)[_INDEX]
    if card.layer:  # a linear layer is shown as one symbol
        inputs = sp.IndexedBase("x", real=True)[_INPUT]
        W = sp.IndexedBase("W", real=True)[_INDEX, _INPUT]
        loss = sp.sympify(card.formula(_Symbolic(), [inputs], [[W]], [t]))
        product = sp.IndexedBase("Wx", real=True)[_INDEX]
        return loss.xreplace({_Symbolic.sum([W * inputs]): product})
    return sp.sympify(card.formula(_Symbolic(), [x], [t]))


def parameter_symbols(card: Card) -> list[sp.Symbol]:
    """The symbols that stand for a unary function's parameters in its expression."""
    operands = [p for p in card.parameters if p.operand]
    return [sp.Symbol(p.symbol or p.name, positive=True) for p in operands]


def _differentiate(f: sp.Expr, x: sp.Symbol = X) -> sp.Expr:
    if isinstance(f, sp.Piecewise):
        # Differentiate each branch, so that the derivative at a break comes from its own branch.
        return sp.Piecewise(*((_differentiate(branch, x), where) for branch, where in f.args))
    return sp.simplify(sp.diff(f, x))


def latex(card: Card, order: int = 0) -> str:
    """LaTeX of `expression`."""
    found: str = sp.latex(expression(card, order))
    return found
