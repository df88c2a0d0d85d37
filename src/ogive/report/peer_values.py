"""What other frameworks returned, as tools/record_peers.py recorded it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("peers.json")


@cache
def recorded() -> dict[str, Any]:
    """The date, the versions, the points, and each function's calls with their results."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
