"""One place per function: a pair of files with the same stem. See README.md beside this file."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import sys
from functools import cache
from types import ModuleType
from typing import get_args

from .card import Card, Claims, Kind, Parameter, Peer

__all__ = [
    "Card", "Claims", "Kind", "Parameter", "Peer", "approximations", "find", "kinds", "names",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)


@cache
def kinds() -> dict[str, Kind]:
    """Every function's kind by name, in alphabetical order within unary, gated, rows, heads."""
    # Not a listing of files: some programs hold only compiled modules, or hold them in an archive.
    return {
        module.name: kind
        for kind in KINDS
        for module in pkgutil.iter_modules([os.path.join(folder, kind) for folder in __path__])
    }


def names(kind: Kind | None = None) -> list[str]:
    """Names of the functions, or of those of one kind."""
    return [name for name, its in kinds().items() if kind in (None, its)]


@cache
def _aliases() -> dict[str, str]:
    return {alias: name for name in kinds() for alias in _load(name).aliases}


@cache
def _load(name: str) -> Card:
    module = importlib.import_module(f".{kinds()[name]}.{name}", __package__)
    card: Card = module.card
    return card


def find(name: str) -> Card:
    """The card of a function, by name or alias.

    Raises
    ------
    ValueError
        No function has that name; the message suggests the nearest ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    key = name.strip().lower().replace("-", "_")
    if key not in kinds():
        key = _aliases().get(key, key)
    if key not in kinds():
        import difflib  # only an error needs it

        near = difflib.get_close_matches(key, [*kinds(), *_aliases()], n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `ogive list` shows all"
        raise ValueError(f"unknown function {name!r}{hint}")
    return _load(key)


@cache
def _approximations() -> dict[str, dict[str, str]]:
    """By torch's function, the functions that its argument ``approximate`` chooses."""
    found: dict[str, dict[str, str]] = {}
    for card in map(_load, kinds()):
        for peer in card.peers:
            path, _, form = peer.name.partition("(approximate=")
            if form:
                found.setdefault(path, {})[ast.literal_eval(form[:-1])] = card.name
    return found


def approximations(card: Card) -> dict[str, str]:
    """The functions that torch has under a card's name, by its argument ``approximate``."""
    of = _approximations()
    own = (peer.name for peer in card.peers if peer.framework == "torch")
    return next((of[name] for name in own if name in of), {})


class _Catalog(ModuleType):
    """This package, which answers a call with its cards: ``ogive.catalog()``."""

    def __call__(self, kind: Kind | None = None) -> list[Card]:
        """The cards of all functions, or of those of one kind."""
        return [_load(name) for name in names(kind)]


sys.modules[__name__].__class__ = _Catalog
