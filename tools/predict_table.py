"""Predicted against measured gradient ratios, over the catalog and the initialisations.

    python tools/predict_table.py [--seeds 10] [--width 512] [--depth 20] [--write]

Real networks of NumPy: z -> W f(z), square, no biases, one standard normal input; the gradient at
the last z is a standard normal vector. --write puts the table into docs/predict.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import ogive
from ogive.predict import Network, network

INITS = ("torch", "glorot", "he", "gain")
PARAMETERS: dict[str, dict[str, float]] = {
    "leaky_relu": {"negative_slope": 0.3},
    "elu": {"alpha": 0.5},
}
DOCS = Path(__file__).parent.parent / "docs" / "predict.md"
MARKS = "<!-- table: tools/predict_table.py -->", "<!-- end of table -->"

LARGE = 1e6
"""A K beyond which no prediction is promised."""

CHANCE = 0.3
"""A spread beyond which networks of one width have no common ratio."""


class Draws:
    """The weights of a few networks, drawn once and scaled for each initialisation."""

    def __init__(self, seed: int, width: int, depth: int, inputs: int = 1) -> None:
        draw = np.random.default_rng(seed)
        self.x = draw.standard_normal((inputs, width))
        self.dz = draw.standard_normal((inputs, width))
        self.weights = [
            draw.standard_normal((width, width), dtype=np.float32) for _ in range(depth)
        ]

    def log10_ratio(self, name: str, weight_variance: float, **parameters: float) -> float:
        """log10 of the norm of the gradient at the first z over that at the last."""
        scale = math.sqrt(weight_variance / self.x.shape[1])
        f, backward = getattr(ogive, name), getattr(ogive.backward, name)
        z = [self.x]
        with np.errstate(all="ignore"):
            for weight in self.weights:
                z.append(f(z[-1], **parameters) @ weight * scale)
            dz = self.dz
            for weight, at in zip(self.weights[::-1], z[-2::-1], strict=True):
                dz = backward(dz @ weight.T * scale, at, **parameters)
                dz = dz[0] if isinstance(dz, tuple) else dz
            size = float(np.linalg.norm(dz) / np.linalg.norm(self.dz))
        return math.log10(size) if size > 0 else -math.inf


def predicted(name: str, init: str, depth: int, width: int) -> Network | None:
    """The prediction; None where the function has no such initialisation."""
    try:
        return network(name, depth, init=init, width=width, **PARAMETERS.get(name, {}))
    except ValueError:
        return None


def excluded(found: Network) -> str:
    """Why nothing is promised, or nothing."""
    if not max(found.mean_square) < LARGE:
        return "K above 1e6"
    if found.spread is None or not found.spread < CHANCE:
        return "chance decides at this width"
    return ""


def rows(
    names: list[str], inits: tuple[str, ...], seeds: int, width: int, depth: int
) -> Iterator[tuple[str, Network, list[float]]]:
    """Each activation with each initialisation: the prediction, and what real networks show."""
    asked = [(name, found) for name in names for init in inits
             if (found := predicted(name, init, depth, width))]  # fmt: skip
    ratios: list[list[float]] = [[] for _ in asked]
    for seed in range(seeds):
        draws = Draws(seed, width, depth)
        for at, (name, found) in enumerate(asked):
            if not excluded(found):
                given = PARAMETERS.get(name, {})
                ratios[at].append(draws.log10_ratio(name, found.weight_variance, **given))
    for (name, found), measured in zip(asked, ratios, strict=True):
        yield name, found, measured


def table(seeds: int, width: int, depth: int) -> tuple[str, float]:
    """The table in Markdown, and the largest difference per 10 layers."""
    lines = [
        "| activation | init | last K | predicted | measured | spread predicted | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    worst = 0.0
    for name, found, measured in rows(ogive.catalog.names("unary"), INITS, seeds, width, depth):
        given = ", ".join(f"{key} {value:g}" for key, value in found.parameters.items())
        start = f"| {name}{f' ({given})' if given else ''} | {found.init} "
        start += f"| {found.mean_square[-1]:.3g} | {found.log10_gradient_ratio:.2f} "
        if why := excluded(found):
            lines.append(start + f"| {why} | | |")
            continue
        mean = float(np.mean(measured))
        worst = max(worst, abs(mean - found.log10_gradient_ratio) / (depth / 10))
        deviation = float(np.std(measured, ddof=1))
        lines.append(start + f"| {mean:.2f} | {found.spread:.2f} | {deviation:.2f} |")
    return "\n".join(lines), worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    text, worst = table(given.seeds, given.width, given.depth)
    said = (
        f"Depth {given.depth}, width {given.width}, mean of {given.seeds} networks; the largest "
        f"difference is {worst:.3f} per 10 layers."
    )
    print(text, said, sep="\n\n")
    if given.write:
        before, _, rest = DOCS.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        body = f"{MARKS[0]}\n{said}\n\n{text}\n{MARKS[1]}"
        DOCS.write_text(before + body + after, encoding="utf-8")


if __name__ == "__main__":
    main()
