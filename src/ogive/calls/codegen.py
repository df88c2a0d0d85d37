"""Functions that are written out as text, for the sake of a signature or of a microsecond."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any


def generated(name: str, text: str, scope: dict[str, Any], what: str = "") -> Callable[..., Any]:
    """The function ``name`` that ``text`` defines, its source where tracebacks look for it.

    It is compiled first: when Ctrl-C comes while ``exec`` runs a string, Python ends by the signal
    even where the program catches KeyboardInterrupt and goes on.
    """
    filename = f"<ogive {what or name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec", dont_inherit=True), scope)
    function: Callable[..., Any] = scope[name]
    return function
