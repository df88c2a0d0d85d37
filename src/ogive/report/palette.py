"""The style of each activation, the same in every chart, and the colours of the pages.

Hues remain distinguishable with the common colour blindnesses. Thirteen colours alone would not, so
similar shades also differ in dash and marker. Every colour has a counterpart for dark pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Style:
    """The style of one activation's lines and points."""

    light: str
    dark: str
    dash: str
    marker: str


STYLES = {
    "relu": Style("#0068a8", "#4fa9e3", "solid", "circle"),
    "leaky_relu": Style("#2a9fd6", "#86d0f7", "6 3", "triangle"),
    "prelu": Style("#35557f", "#8fb0dc", "8 3 2 3", "diamond"),
    "rrelu": Style("#a8439c", "#e08ad6", "2 2", "star"),
    "gelu": Style("#c94f00", "#f58f4b", "solid", "square"),
    "silu": Style("#b98200", "#f0bd45", "6 3", "inverted_triangle"),
    "elu": Style("#11703b", "#5fc386", "solid", "hex"),
    "selu": Style("#2f9a8b", "#74d6c7", "6 3", "plus"),
    "softplus": Style("#85851f", "#cdcd62", "2 2", "x"),
    "sigmoid": Style("#b8173a", "#ff6b80", "solid", "square_cross"),
    "tanh": Style("#6a3fc0", "#ab8ff5", "solid", "asterisk"),
    "softsign": Style("#7a4a16", "#cf9a5f", "2 2", "y"),
    "identity": Style("#6f7780", "#a3abb5", "2 4", "cross"),
}

_OTHERS = (
    Style("#404a8c", "#9aa5f0", "8 2 2 2", "circle_cross"),
    Style("#4d7a00", "#a9d65c", "8 2 2 2", "square_pin"),
    Style("#a03a2a", "#f09a8a", "8 2 2 2", "diamond_cross"),
    Style("#00707d", "#5cccd8", "8 2 2 2", "circle_x"),
)

INK = ("#1f2630", "#e6e9ee")
"""Text in charts, (light page, dark page)."""
SOFT = ("#59636f", "#a7b0bb")
"""Axes and secondary marks."""
GRID = ("#e4e7eb", "#2e353e")
SHADE = ("#c9d0d8", "#56616d")
"""Densities and neutral areas."""

CURVES = {
    "f": STYLES["relu"],
    "f′": replace(STYLES["gelu"], dash="7 3"),
    "f″": replace(STYLES["elu"], dash="2 2"),
}
"""Value, derivative, second derivative on a card."""

UNITS = (
    SHADE,
    INK,
    (STYLES["silu"].light, STYLES["silu"].dark),
    (STYLES["sigmoid"].light, STYLES["sigmoid"].dark),
)
"""Units of a layer by their code: learning, dead, dormant, saturated; distinct in greyscale too."""

MISSING = "#9aa1a9"
"""A cell of a heat map without a finite value."""


def style(name: str) -> Style:
    """The style of a function; if none is defined, one is derived from its name."""
    return STYLES.get(name) or _OTHERS[sum(name.encode()) % len(_OTHERS)]


def twins() -> dict[str, str]:
    """Maps light to dark colours, for the script that follows the reader's colour scheme."""
    styles = (*STYLES.values(), *_OTHERS)
    return dict((INK, SOFT, GRID, SHADE)) | {each.light: each.dark for each in styles}
