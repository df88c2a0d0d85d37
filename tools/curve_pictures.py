"""A picture of each function as inline SVG, whose colours are the page's, in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import ogive
from ogive.catalog import Card
from ogive.catalog.text import number
from ogive.report.curves import curves

WIDTH, HEIGHT, MARGIN = 560, 300, 34
SPAN = (-6.0, 6.0)
TALL = (-3.0, 6.0)
"""What is plotted at most; curves that leave it are cut off."""


@dataclass(frozen=True)
class Curve:
    label: str
    y: np.ndarray


def picture(card: Card) -> str:
    """A figure for a page in Markdown; empty where a function has no curve of one variable."""
    sampled = sampled_curves(card)
    if sampled is None:
        return ""
    x, lines, caption = sampled
    return f"```{{raw}} html\n{figure(x, lines, caption)}\n```"


def sampled_curves(card: Card) -> tuple[np.ndarray, list[Curve], str] | None:
    """What is plotted of a function: x, the curves, and what they are in words."""
    if card.kind == "unary":
        found = curves(card)
        lines = [
            Curve("f", found.value), Curve("f′", found.slope), Curve("f″", found.curvature),
        ]  # fmt: skip
        return found.x, lines, f"{card.title}, its derivative and its second derivative"
    x = np.linspace(*SPAN, 241)
    if card.kind == "gated":
        ones = np.ones_like(x)
        da, db = getattr(ogive.backward, card.name)(ones, ones, x)
        lines = [Curve("y = ∂y/∂a", da), Curve("∂y/∂b", db)]
        return x, lines, f"{card.title} of a = 1 and b, and its derivatives"
    if card.draws or card.layer:
        return None
    logits = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)
    if card.kind == "rows":
        y = getattr(ogive, card.name)(logits)
        y = y[:, 0] if y.ndim == 2 else y
        slope = getattr(ogive.jacobian, card.name)(logits)
        slope = slope[:, 0, 0] if slope.ndim == 3 else slope[:, 0]
        lines = [Curve("y of x", y), Curve("∂y/∂x", slope)]
        return x, lines, f"{card.title} of the row (x, 0, 0): the first result, and its derivative"
    head = getattr(ogive.value_and_grad, card.name)
    if card.over_rows:
        loss, dz = head(logits, np.zeros(len(x), int), reduction="none")
        lines = [Curve("loss", loss), Curve("∂loss/∂z", dz[:, 0])]
        return x, lines, f"{card.title} of the logits (z, 0, 0) for the first class"
    loss, dz = head(x, np.ones_like(x), reduction="none")
    return x, [Curve("loss", loss), Curve("∂loss/∂z", dz)], f"{card.title} of z for the target 1"


def figure(x: np.ndarray, lines: Sequence[Curve], caption: str) -> str:
    """Curves with axes, a legend and a caption."""
    every = np.concatenate([line.y for line in lines])
    every = every[np.isfinite(every)]
    low = max(min(float(every.min()), -0.25), TALL[0])
    high = min(max(float(every.max()), 1.1), TALL[1])
    pad = (high - low) / 20
    ends = low - pad, high + pad
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{caption}">',
        f'<clipPath id="inside"><rect x="{MARGIN}" y="6" width="{WIDTH - MARGIN - 8}" '
        f'height="{HEIGHT - MARGIN - 6}"/></clipPath>',
        *axes(ends),
        '<g clip-path="url(#inside)">',
        *(
            f'<path class="line-{at}" d="{path(x, line.y, ends)}"/>'
            for at, line in enumerate(lines)
        ),
        "</g>",
        "</svg>",
    ]
    legend = " ".join(
        f'<span class="line-{at}">{line.label}</span>' for at, line in enumerate(lines)
    )
    return (
        f'<figure class="curves">{"".join(parts)}<figcaption>{legend} {caption}</figcaption>'
        "</figure>"
    )


def across(x: float) -> float:
    share = (x - SPAN[0]) / (SPAN[1] - SPAN[0])
    return MARGIN + share * (WIDTH - MARGIN - 8)


def down(y: float, ends: tuple[float, float]) -> float:
    return 6 + (ends[1] - y) / (ends[1] - ends[0]) * (HEIGHT - MARGIN - 6)


def axes(ends: tuple[float, float]) -> list[str]:
    """Grid lines and their numbers; those at 0 are stronger."""
    parts = []
    for at in range(-6, 7, 2):
        zero = ' class="zero"' if at == 0 else ""
        px = across(at)
        parts.append(f'<path{zero} d="M{px:.1f} 6V{HEIGHT - MARGIN}"/>')
        below = HEIGHT - MARGIN + 18
        parts.append(f'<text x="{px:.1f}" y="{below}" text-anchor="middle">{number(at)}</text>')
    step = 1 if ends[1] - ends[0] > 3 else 0.5
    for k in range(int(np.ceil(ends[0] / step)), int(np.floor(ends[1] / step)) + 1):
        zero = ' class="zero"' if k == 0 else ""
        py = down(k * step, ends)
        parts.append(f'<path{zero} d="M{MARGIN} {py:.1f}H{WIDTH - 8}"/>')
        parts.append(
            f'<text x="{MARGIN - 6}" y="{py + 4:.1f}" text-anchor="end">{number(k * step)}</text>'
        )
    return ['<g class="grid">', *parts, "</g>"]


def path(x: np.ndarray, y: np.ndarray, ends: tuple[float, float]) -> str:
    """The curve, with gaps at jumps; what lies far outside is moved nearer, where it is cut off."""
    far = ends[1] - ends[0]
    y = np.clip(y, ends[0] - far, ends[1] + far)
    commands, pen = [], "M"
    for at, value in zip(x, y, strict=True):
        if np.isnan(value):
            pen = "M"
            continue
        commands.append(f"{pen}{across(at):.1f} {down(value, ends):.1f}")
        pen = "L"
    return "".join(commands)
