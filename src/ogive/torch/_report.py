"""What `swap` says that it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch


@dataclass(frozen=True)
class Table:
    """Rows under a header, as text, as rich's table and as HTML."""

    rows: Sequence[tuple[str, str, str]]
    header = "module", "was", "is, or why not"

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(2)]
        return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c}" for a, b, c in lines)

    __repr__ = __str__

    def __rich__(self) -> Any:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(*self.header)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _repr_html_(self) -> str:
        def line(tag: str, cells: Sequence[str]) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line("td", row) for row in self.rows)
        return f"<table><thead>{line('th', self.header)}</thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class Change:
    """One thing that was changed."""

    path: str
    before: str
    after: str
    kept: str = ""
    """What it keeps for backward; empty of what is no module."""

    @property
    def told(self) -> str:
        """What stands there now, and what it keeps."""
        return f"{self.after}, keeps {self.kept}" if self.kept else self.after


@dataclass
class Report:
    """What `swap` changed, and what it could not change and why. It keeps no model alive."""

    changed: list[Change] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    _model: Any = field(default=lambda: None, repr=False, compare=False)

    @property
    def model(self) -> torch.nn.Module:
        found = self._model()
        if found is None:
            raise RuntimeError("the model of this report is gone")
        return found  # type: ignore[no-any-return]

    def table(self) -> Table:
        """What `changed` and `kept` say, for a terminal (rich, too) and a notebook."""
        rows = [(c.path or "(the model)", c.before, c.told) for c in self.changed]
        rows += [(path or "(the model)", "left as it is", why) for path, why in self.kept]
        return Table(rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"changed": self.changed, "kept": self.kept}

    def __str__(self) -> str:
        lines = [f"{len(self.changed)} changed"]
        lines += [f"  {c.path or '(the model)'}: {c.before} -> {c.told}" for c in self.changed]
        if self.kept:
            lines.append(f"{len(self.kept)} left as they are")
            lines += [f"  {path or '(the model)'}: {why}" for path, why in self.kept]
        return "\n".join(lines)
