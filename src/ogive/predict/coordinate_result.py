"""What a coordinate check found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from .network import plain


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer's output over widths."""

    layer: str
    sizes: tuple[float, ...]
    """Root mean square at the start, for each width."""
    updates: tuple[float, ...]
    """Root mean square of the change after training."""
    size_exponent: float
    """Sizes grow as the width to this power; 0 is wanted."""
    update_exponent: float
    """The same of updates."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Coordinates:
    """Sizes and updates of each layer with parameters, over widths."""

    widths: tuple[int, ...]
    steps: int
    rows: tuple[Row, ...]

    def to_json(self) -> str:
        """All numbers; null for what is not finite."""
        found = asdict(self) | {"rows": [plain(asdict(row)) for row in self.rows]}
        return json.dumps(found, indent=1, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        wide = max([len(row.layer) for row in self.rows] + [5])
        head = " ".join(f"{width:>9}" for width in self.widths)
        lines = [
            f"{'':{wide}}  size at width {'':{max(0, len(head) - 14)}}  exponent"
            f"  change after {self.steps} steps",
            f"{'layer':{wide}}  {head}  {'(0: fine)':>9}  {head}  {'exponent':>9}",
        ]
        for row in self.rows:
            sizes = " ".join(f"{value:9.3g}" for value in row.sizes)
            updates = " ".join(f"{value:9.3g}" for value in row.updates)
            lines.append(
                f"{row.layer:{wide}}  {sizes}  {row.size_exponent:+9.2f}  {updates}  "
                f"{row.update_exponent:+9.2f}"
            )
        return "\n".join(lines)
