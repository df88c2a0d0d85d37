"""Formulas as MathML, which browsers render without fonts, scripts or a network."""

from __future__ import annotations

from functools import cache
from typing import Any

from markupsafe import Markup

from ogive.catalog import Card, find


def _display(expression: object, left: str) -> Markup:
    from sympy.printing.mathml import MathMLPresentationPrinter

    class Printer(MathMLPresentationPrinter):  # type: ignore[misc]
        """Adds a layout for cases, which SymPy's printer lacks."""

        def _print_Piecewise(self, piecewise: Any) -> Any:
            table = self.dom.createElement("mtable")
            for branch, condition in piecewise.args:
                row = self.dom.createElement("mtr")
                where = self.dom.createElement("mrow")
                words = self.dom.createElement("mtext")
                otherwise = condition == True  # noqa: E712  (a SymPy object)
                words.appendChild(
                    self.dom.createTextNode("otherwise" if otherwise else "for\N{NO-BREAK SPACE}")
                )
                where.appendChild(words)
                if not otherwise:
                    where.appendChild(self._print(condition))
                for part in (self._print(branch), where):
                    cell = self.dom.createElement("mtd")
                    cell.appendChild(part)
                    row.appendChild(cell)
                table.appendChild(row)
            brace = self.dom.createElement("mo")
            for attribute in ("stretchy", "symmetric", "fence"):
                brace.setAttribute(attribute, "true")
            brace.appendChild(self.dom.createTextNode("{"))
            cases = self.dom.createElement("mrow")
            cases.appendChild(brace)
            cases.appendChild(table)
            return cases

    body = Printer({"mul_symbol": "None"})._print(expression).toxml()
    # The standard's double-struck e is unfamiliar to readers.
    body = body.replace("&ExponentialE;", "e").replace("<mo>-</mo>", "<mo>−</mo>")
    return Markup(f'<math display="block"><mrow>{left}<mo>=</mo>{body}</mrow></math>')


@cache
def formulas(name: str) -> tuple[Markup, ...]:
    """f of a function, and f′ of a unary one."""
    from ogive.formula.sympy import expression

    card = find(name)
    if card.kind == "heads":
        return (_display(expression(card), "<mi>loss</mi>"),)
    arguments = "<mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow>"  # as high as x alone
    if card.kind == "gated":
        left = (
            "<mi>y</mi>",
            *(
                f"<mfrac><mrow><mo>∂</mo><mi>y</mi></mrow><mrow><mo>∂</mo>"
                f"<mi>{x}</mi></mrow></mfrac>"
                for x in "ab"
            ),
        )
        return tuple(_display(expression(card, i), text) for i, text in enumerate(left))
    if card.kind == "rows":
        return (_display(expression(card), f"<mi>f</mi>{arguments}"),)
    return (
        _display(expression(card), f"<mi>f</mi>{arguments}"),
        _display(expression(card, 1), f"<mi>f</mi><mo>′</mo>{arguments}"),
    )


def latex(card: Card) -> str:
    """The formula's LaTeX source, for copying."""
    import ogive.formula.sympy as formula

    return formula.latex(card)
