"""Functions that are written out as text, for the sake of a signature or of a microsecond: to bind
arguments at call time, or to loop over them, costs more than a small array.
"""

from __future__ import annotations

import linecache
import math
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from ..catalog import Parameter


def written(
    name: str,
    taken: Iterable[str],
    lines: Iterable[str],
    scope: dict[str, Any],
    what: str,
    *,
    returns: str = "",
) -> Callable[..., Any]:
    """The function ``name``, from its parameters and the statements of its body, as text.

    ``scope`` holds the objects that they name, and afterwards the function itself; ``what`` is its
    source's name in tracebacks.
    """
    body = textwrap.indent("\n".join(filter(None, lines)).strip("\n"), "    ")
    result = f" -> {returns}" if returns else ""
    text = f"def {name}({', '.join(filter(None, taken))}){result}:\n{body}\n"
    return generated(name, text, scope, what)


def parameter(p: Parameter, hint: str = "", **defaults: Any) -> str:
    """A card's parameter in a signature, with a default of its own for a role."""
    default = defaults.get(p.role, p.default)
    return f"{p.name}: {hint} = {default!r}" if hint else f"{p.name}={default!r}"


def items(values: Iterable[str]) -> str:
    """Several items of a call or a tuple, of which there may be one or none."""
    return "".join(f"{value}, " for value in values)


def by_name(names: Iterable[str]) -> str:
    """Arguments that are passed on by keyword."""
    return ", ".join(f"{name}={name}" for name in names)


def generated(name: str, text: str, scope: dict[str, Any], what: str = "") -> Callable[..., Any]:
    """The function ``name`` that ``text`` defines, its source where tracebacks look for it.

    It is compiled first: when Ctrl-C comes while ``exec`` runs a string, Python ends by the signal
    even where the program catches KeyboardInterrupt and goes on.
    """
    filename = f"<ogive {what or name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope.setdefault("inf", math.inf)  # as repr writes it
    exec(compile(text, filename, "exec", dont_inherit=True), scope)
    function: Callable[..., Any] = scope[name]
    return function
