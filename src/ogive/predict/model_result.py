"""What is predicted of a PyTorch model, line by line of its module tree."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import ogive

from .network import plain


@dataclass(frozen=True, kw_only=True)
class Line:
    """One call of a module, and what it returned."""

    path: str
    """As in ``named_modules``; empty for the model itself."""
    depth: int
    """How deep in the tree."""
    module: str
    predicted: float | None = None
    """Mean square K of the output's entries, from weights alone."""
    measured: float | None = None
    """The same, of one batch."""
    predicted_gradient: float | None = None
    """|dL/d output|^2 over that at the model's output."""
    measured_gradient: float | None = None
    entries: int = 0
    restarted: str = ""
    """The function from whose measured result predictions start again here."""
    parted: bool = False
    """Whether predicted and measured K differ by more than a factor of 2."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelPrediction:
    """A module tree with predicted and measured numbers beside each line."""

    name: str
    parameters: int
    lines: tuple[Line, ...]
    parts_at: str | None
    """The first layer at which K leaves the prediction by more than a factor of 2."""
    gradient_parts_at: str | None
    """From the output back, the first at which squared gradients do by more than 4."""
    sentence: str

    def to_json(self) -> str:
        """All numbers; null where there is none."""
        found = asdict(self) | {"lines": [plain(asdict(line)) for line in self.lines]}
        return json.dumps(found, indent=1, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *_tree(self)])

    def __rich_console__(self, console: Any, options: Any) -> Any:
        return ogive._display().model_prediction(self, options.max_width)

    def _repr_html_(self) -> str:
        found: str = ogive._display().prediction_html(self)
        return found


def _tree(found: ModelPrediction) -> list[str]:
    names = [label(each) for each in found.lines]
    wide = max([len(each) for each in names] + [6])
    head = f"{'module':{wide}}  {'K':>10} {'measured':>10}  {'gradient':>10} {'measured':>10}"
    rows = [head]
    for name, each in zip(names, found.lines, strict=True):
        numbers = [each.predicted, each.measured, each.predicted_gradient, each.measured_gradient]
        cells = [f"{'–' if value is None else f'{value:.3g}':>10}" for value in numbers]
        mark = " <- parts here" if each.path == found.parts_at and each.parted else ""
        again = f" (from {each.restarted})" if each.restarted else ""
        rows.append(f"{name:{wide}}  {cells[0]} {cells[1]}  {cells[2]} {cells[3]}{again}{mark}")
    return rows


def label(each: Line) -> str:
    """``  0: Linear(4, 8)``, indented as in the tree."""
    name = each.path.rpartition(".")[2]
    return "  " * each.depth + (f"{name}: {each.module}" if name else each.module)
