"""The claims of a card in words."""

from __future__ import annotations

import math

from ogive.catalog import Card

from .text import number


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
