"""Every function of the catalog in PyTorch, by name: built from its card and its kernels' modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import catalog
from ..catalog import KINDS
from ..catalog import approximations as approximations
from . import _arguments, _heads, _linear
from ._gated import Gated, public_gated
from ._learned import Learned, public_learned
from ._random_rows import RandomRows, public_random_rows
from ._random_slopes import RandomSlopes, public_random_slopes
from ._rows import Rows, public_reduced_rows, public_rows
from ._unary import Unary, public_unary


def build() -> dict[str, Callable[..., Any]]:
    """Every function of the catalog, from its card and what its kernels offer."""
    made: dict[str, Callable[..., Any]] = {}
    unary: dict[str, Unary] = {}
    heads: dict[str, _heads.Head] = {}
    # The kinds one after another, and what is built on others of its kind last.
    for card in sorted(
        map(catalog.find, catalog.names()),
        key=lambda card: (KINDS.index(card.kind), bool(approximations(card)), card.layer),
    ):
        if card.kind == "unary" and card.learns:
            made[card.name] = public_learned(Learned(card))
        elif card.kind == "unary":
            unary[card.name] = Unary(card)
            if card.draws:
                made[card.name] = public_random_slopes(RandomSlopes(unary[card.name]))
            else:
                forms = {form: made[name] for form, name in approximations(card).items()}
                made[card.name] = public_unary(unary[card.name], forms)
        elif card.kind == "gated":
            made[card.name] = public_gated(Gated(card, unary[card.gate]))
        elif card.kind == "rows" and card.draws:
            made[card.name] = public_random_rows(RandomRows(card))
        elif card.kind == "rows":
            rows = Rows(card)
            made[card.name] = public_reduced_rows(rows) if rows.reduces else public_rows(rows)
        elif card.layer:
            made[card.name] = _linear.public(_linear.Linear(heads[card.loss_of]))
        else:
            heads[card.name] = _heads.Head(card)
            made[card.name] = _heads.public(heads[card.name])
    for function in made.values():
        function.__module__ = __package__  # where fx and pickle find it
    return made


def found_by_name(functions: dict[str, Callable[..., Any]]) -> None:
    """Makes functions say where they are found, by pickle too, and what they are. Of a function
    with several names, the last counts.
    """
    for name, function in functions.items():
        function.__module__ = __package__
        function.__name__ = function.__qualname__ = name
        if function.__doc__ is None and name in catalog.kinds():
            card = catalog.find(name)
            function.__doc__ = f"{card.summary}\n\nSee ``ogive.{name}``."


FUNCTIONS = build()
TORCH_NAMES = {
    name: function
    for kind in ("unary", "rows", "heads")
    for card in map(catalog.find, catalog.names(kind))
    for name, function in _arguments.names(card, FUNCTIONS[card.name])
}
"""Some of them again, as torch calls them."""
found_by_name(TORCH_NAMES | FUNCTIONS)
