"""A card in words: plain text for a Python prompt, its formula as source code, its claims."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap

from .card import Card

WIDTH = 80


def text(card: Card) -> str:
    """The whole card: title, summary, formula, parameters, claims, names elsewhere and notes."""
    also = f" ({', '.join(card.aliases)})" if card.aliases else ""
    parts = [f"{card.title}: ogive.{card.name}{also}", *_wrapped(card.summary), ""]
    parts += textwrap.indent(formula_text(card), "    ").splitlines()
    tables = {
        "Parameters": [(f"{p.name} = {p.default!r}", p.doc) for p in card.parameters],
        "Claims": facts(card),
        "Elsewhere": [
            (peer.name, f"{peer.framework}{', ' * bool(peer.differs)}{peer.differs}")
            for peer in card.peers
        ],
    }
    for title, rows in tables.items():
        if rows:
            parts += ["", title]
            wide = max(len(left) for left, _ in rows)
            for left, right in rows:
                first, *rest = _wrapped(right, WIDTH - wide - 4) or [""]
                parts.append(f"  {left:{wide}}  {first}".rstrip())
                parts += [" " * (wide + 4) + line for line in rest]
    for title, said in (("At the edges", card.edges), ("Notes", card.notes)):
        if said:
            parts += ["", title, *(f"  {line}" for line in _wrapped(said, WIDTH - 2))]
    return "\n".join(parts)


def _wrapped(said: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(said, max(width, 24), break_on_hyphens=False)


def formula_text(card: Card) -> str:
    """The body of the card's formula, as source code."""
    try:
        source = textwrap.dedent(inspect.getsource(card.formula))
    except OSError:  # a program that was delivered without its sources
        return f"(ogive.catalog.{card.kind}.{card.name}, whose source is not here)"
    function = ast.parse(source).body[0]
    return "\n".join(
        ast.unparse(statement) for statement in getattr(function, "body", [])
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    )  # fmt: skip


def facts(card: Card) -> list[tuple[str, str]]:
    """The claims of a card in words, each proved or refuted by a test."""
    claims = card.claims
    if claims is None:
        gate = [("gate", card.gate)] if card.gate else []
        return gate + [(claim.replace("_", " "), "yes") for claim in card.row_claims]
    return [
        ("range", f"{number(claims.range[0], 5)} to {number(claims.range[1], 5)}"),
        ("at −∞, at +∞", " and ".join(number(each, 5) for each in claims.limits)),
        (
            "slope at −∞, at +∞",
            " and ".join(number(each, 5) for each in claims.derivative_limits),
        ),
        ("steepest slope", number(claims.lipschitz, 5)),
        ("never decreases", "yes" if claims.monotone else "no"),
        ("symmetry", claims.parity or "none"),
        ("centred on zero for N(0, 1)", "yes" if claims.zero_centred else "no"),
        (
            "continuous derivatives",
            "all"
            if claims.smoothness == math.inf
            else "none"
            if claims.smoothness == 0
            else "none, and it jumps"
            if claims.smoothness < 0
            else number(claims.smoothness),
        ),
        *(
            (f"slope taken at {number(at)}", number(slope, 5))
            for at, slope in zip(claims.breaks, claims.derivative_at_breaks, strict=True)
        ),
        *(
            (f"second derivative taken at {number(at)}", number(bend, 5))
            for at, bend in zip(claims.breaks, claims.second_derivative_at_breaks, strict=False)
        ),
    ]


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table cell; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if 10**digits <= abs(value) < 1e7:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")
