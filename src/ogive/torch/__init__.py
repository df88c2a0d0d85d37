"""The catalog in PyTorch: the same names and the same bits, with autograd in full.

    y = ogive.torch.gelu(x)                        model = ogive.torch.swap(model)
    loss = ogive.torch.cross_entropy(z, target)    layer = ogive.torch.nn.GELU()

Functions take torch's arguments. ``lean`` says what is kept for backward: ``None`` the least that
is exact (the output, where it tells the slope; one bit an element, where the slope takes two
values; else the input), ``True`` the output and one bit for GELU, SiLU and Mish as well, and bits
instead of outputs for the ReLU family, ``False`` the input. On a GPU no bits are kept, and ``True``
is as ``None``. The gradient at a NaN is dy times a slope where bits are kept, and else NaN.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .. import _native, catalog
from . import _arguments, _drawn, _gated, _heads, _learned, _linear, _rows, _unary

__all__: list[str] = []


def _build() -> dict[str, Callable[..., Any]]:
    """Every function of the catalog, from its card and what its kernels offer."""
    made: dict[str, Callable[..., Any]] = {}
    unary: dict[str, _unary.Unary] = {}
    heads: dict[str, _heads.Head] = {}
    # The kinds one after another, and what has other forms after them.
    for card in sorted(
        map(catalog.find, catalog.names()),
        key=lambda card: (catalog.KINDS.index(card.kind), bool(_approximations(card))),
    ):
        modes = _native.entries()[card.name]
        if card.kind == "unary" and any(p.learnable for p in card.parameters):
            made[card.name] = _learned.public(_learned.Learned(card))
        elif card.kind == "unary":
            unary[card.name] = _unary.Unary(card)
            if "sampled_value" in modes:
                made[card.name] = _drawn.public(_drawn.Drawn(unary[card.name]))
            else:
                forms = {form: made[name] for form, name in _approximations(card).items()}
                made[card.name] = _unary.public(unary[card.name], forms)
        elif card.kind == "gated":
            made[card.name] = _gated.public(_gated.Gated(card, unary[card.gate]))
        elif card.kind == "rows" and any(p.name == "seed" for p in card.parameters):
            made[card.name] = _rows.drawn_public(_rows.DrawnRows(card))
        elif card.kind == "rows":
            made[card.name] = _rows.public(_rows.Rows(card))
        elif not card.inputs:
            heads[card.name] = _heads.Head(card)
            made[card.name] = _heads.public(heads[card.name])
    # The one head of other arrays than logits and target is built on the head of its logits.
    made["linear_cross_entropy"] = _linear.public(_linear.Linear(heads["cross_entropy"]))
    return made


def _approximations(card: catalog.Card) -> dict[str, str]:
    """The functions that torch has under the same name, by its argument ``approximate``."""
    own = tuple(f"{peer.name}(approximate=" for peer in card.peers if peer.framework == "torch")
    return {
        ast.literal_eval(peer.name.partition("approximate=")[2][:-1]): other.name
        for other in map(catalog.find, catalog.names(card.kind))
        for peer in other.peers
        if peer.name.startswith(own)
    }


_functions = _build()
globals().update(_functions)
_torch_s = {
    name: function
    for kind in ("unary", "rows", "heads")
    for card in map(catalog.find, catalog.names(kind))
    for name, function in _arguments.names(card, _functions[card.name])
}
globals().update(_torch_s)

from . import nn  # noqa: E402

__all__ += sorted({*_functions, *_torch_s})


def __getattr__(name: str) -> Any:  # for type checkers: the functions come from the catalog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


from ._swap import Report, swap, unswap  # noqa: E402

__all__ += ["Report", "nn", "swap", "unswap"]
from ._parallel import (  # noqa: E402
    vocab_parallel_cross_entropy,
    vocab_parallel_linear_cross_entropy,
)

__all__ += ["vocab_parallel_cross_entropy", "vocab_parallel_linear_cross_entropy"]
