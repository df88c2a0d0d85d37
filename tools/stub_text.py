"""What all stubs are written with: their first line, their imports, and values as they read."""

from __future__ import annotations

import json
import re
from typing import Any

HEAD = "# Written by tools/stub.py; do not edit.\n"
HOMES = {
    "collections.abc": ("Callable", "Sequence"),
    "typing": ("Any", "Literal", "TypeVar", "Unpack", "overload"),
    "numpy.typing": ("ArrayLike", "DTypeLike", "NDArray"),
    "._types": (
        "Arrays", "Binary", "F", "Keywords", "Mask", "Numbers", "Reduction", "TypedKeywords",
        "Unary",
    ),
}  # fmt: skip
"""Where the names come from that the declarations use."""


def literal(value: Any) -> str:
    """A default or a choice, with strings in double quotes as the literals have them."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def written(base: str, declarations: str, above: str = "") -> str:
    """The declarations under the imports of what they name, but for what `above` imports."""
    used = set(re.findall(r"\w+", re.sub(r'"[^"]*"', "", base + declarations)))
    used -= set(re.findall(r"\w+", above))
    lines = ["import numpy as np"] * ("np" in used)
    for home, names in HOMES.items():
        found = [name for name in names if name in used]
        lines += [f"from {home} import {', '.join(found)}"] if found else []
    return above + "\n".join([*lines, "", base + declarations])
