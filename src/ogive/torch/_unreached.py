"""Why torch's code, or another library's, still computes something that Ogive could."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .. import catalog
from ..catalog import Card
from . import nn
from ._counterparts import counterpart_by_name, normal, shown, titles


def reasons(module: torch.nn.Module, functional: bool) -> Iterator[str]:
    """Why torch's code, or another library's, still computes something that Ogive could."""
    kind = type(module)
    word = normal(kind.__name__).removesuffix("activation")
    base = next((b for b in kind.__mro__[1:] if counterpart_by_name(b) is not None), None)
    if isinstance(module, torch.jit.ScriptModule):
        if normal(module.original_name) in titles():
            yield "it is compiled to TorchScript, with torch's functions in it"
    elif isinstance(module, torch.nn.TransformerEncoderLayer):
        yield (
            "in evaluation torch may compute the whole layer in one call: its activation and "
            "softmax are then torch's"
        )
    elif kind is torch.nn.MultiheadAttention:
        yield "torch.nn.MultiheadAttention: torch computes its softmax with the matrix products"
    elif kind.__module__ == torch.nn.ReLU.__module__:
        yield f"{shown(kind)} has no counterpart"
    elif torch.nn.utils.parametrize.is_parametrized(module) and base is not None:
        yield f"{shown(base)} is parametrised: swap the model before"
    elif base is not None and any(b.__name__ == "FSDPModule" for b in kind.__mro__):
        yield f"{shown(base)} has a class of FSDP's: swap the model before fully_shard"
    elif base is not None:
        yield f"{shown(kind)} is a {shown(base)} with a forward of its own"
    elif kind.__module__.split(".")[0] in ("torch", "ogive"):
        return
    elif (title := computed(module, word)) is not None:
        yield (
            f"{shown(kind)} gives what ogive.torch.nn.{title}() gives, on probe values: it can be "
            "put in its place"
        )
    elif titles().get(word, "Identity") != "Identity" and not functional:
        yield f"{shown(kind)} calls functions: functional=True reaches torch's"


def computed(module: torch.nn.Module, word: str) -> str | None:
    """The class of `nn` that gives the same on probe values as a module named like a function."""
    named = any(normal(name) in word for name in catalog.names("unary"))
    if not named or any(True for _ in itertools.chain(module.children(), module.parameters())):
        return None
    card = card_by_values(functools.partial(type(module).forward, module))  # without hooks
    return None if card is None else card.title


def card_by_values(run: Callable[[Tensor], Tensor]) -> Card | None:
    """The function of the catalog that gives the same as another on probe values."""
    x = torch.linspace(-6, 6, 97, dtype=torch.float64)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            y = run(x.clone())
            for card in map(catalog.find, catalog.names("unary")):
                same = getattr(nn, card.title)().double()
                if not card.draws and torch.allclose(same(x), y, 1e-7, 1e-9):
                    return card
    except Exception:  # it takes something else
        return None
    return None
