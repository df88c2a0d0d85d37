"""Plots curves in a terminal with braille dots: two columns and four rows per character.

These forty lines replace a plotting library of 3 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800


def plot(
    x: np.ndarray, y: np.ndarray, *, width: int, height: int, view: tuple[float, float]
) -> list[str]:
    """Plot one curve: ``height`` lines of ``width`` characters, the highest values on top.

    Parts outside ``view`` and values that are not finite are left out.
    """
    cells = np.full((height, width), _EMPTY)
    low, high = view
    # Take several samples per dot column, so that steep parts stay connected.
    fine = np.linspace(x[0], x[-1], 64 * width)
    values = np.interp(fine, x, y)
    columns = np.round((fine - x[0]) / (x[-1] - x[0]) * (2 * width - 1)).astype(int)
    inside = np.isfinite(values) & (values >= low) & (values <= high)
    levels = np.round((high - values[inside]) / (high - low) * (4 * height - 1)).astype(int)
    for column, level in set(zip(columns[inside].tolist(), levels.tolist(), strict=True)):
        cells[level // 4, column // 2] |= _DOTS[level % 4][column % 2]
    return ["".join(map(chr, line)) for line in cells]


def overlay(layers: Sequence[list[str]]) -> list[list[tuple[str, int]]]:
    """Merge plots of one size: for each character, its dots and the first layer that has any.

    The layer is -1 for an empty character.
    """
    merged = []
    for lines in zip(*layers, strict=True):
        row = []
        for characters in zip(*lines, strict=True):
            codes = [ord(character) for character in characters]
            owner = next((i for i, code in enumerate(codes) if code != _EMPTY), -1)
            dots = 0
            for code in codes:
                dots |= code
            row.append((chr(dots), owner))
        merged.append(row)
    return merged
