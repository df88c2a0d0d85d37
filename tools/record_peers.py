"""Records what other frameworks return for the explorer page, in src/ogive/report/peers.json.

    python tools/record_peers.py

The calls are those that the cards name, with Ogive's default parameters, in float32 on a CPU.
Values and points are float32 in base64, little-endian. Slopes are autograd's and jax.vjp's.
Needs torch, jax and scipy.
"""

from __future__ import annotations

import base64
import datetime
import json
import platform
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import scipy.special
import torch

from ogive.catalog import Card, find, names
from ogive.catalog.card import Peer
from ogive.report import peer_values

Floats = np.ndarray[Any, np.dtype[np.float32]]

ARGUMENTS = {
    ("gelu", "jax.nn.gelu"): "approximate=False",
    ("gelu_tanh", "jax.nn.gelu"): "approximate=True",
    ("prelu", "torch.nn.functional.prelu"): "torch.tensor([0.25])",
    ("threshold", "torch.nn.functional.threshold"): "1.0, 0.0",
    ("softmax", "torch.nn.functional.softmax"): "-1",
    ("log_softmax", "torch.nn.functional.log_softmax"): "-1",
    ("softmin", "torch.nn.functional.softmin"): "-1",
    ("logsumexp", "torch.logsumexp"): "-1",
    ("logsumexp", "jax.nn.logsumexp"): "-1",
    ("softmax", "scipy.special.softmax"): "-1",
    ("log_softmax", "scipy.special.log_softmax"): "-1",
    ("logsumexp", "scipy.special.logsumexp"): "-1",
    ("cross_entropy", "torch.nn.functional.cross_entropy"): "label, reduction='none'",
    (
        "binary_cross_entropy",
        "torch.nn.functional.binary_cross_entropy_with_logits",
    ): "torch.ones_like(z), reduction='none'",
}
"""What a call takes after its first argument, where that is not Ogive's default."""
CALLS = {
    ("identity", "torch.nn.Identity"): "torch.nn.Identity()(x)",
    ("glu", "torch.nn.functional.glu"): "torch.nn.functional.glu(torch.cat([a, b]), 0)",
    ("glu", "jax.nn.glu"): "jax.nn.glu(jax.numpy.concatenate([a, b]), 0)",
    ("bilinear", "torch.mul"): "torch.mul(a, b)",
}
SKIPPED = ("gumbel_softmax", "linear_cross_entropy", "focal", "sigmoid_focal")
"""Random, or of another form."""
VERSIONS = {"torch": torch.__version__, "jax": jax.__version__, "scipy": scipy.__version__}


def points() -> Floats:
    """Near 0, the middle, the tails and huge numbers, of both signs."""
    right = [*np.geomspace(1e-44, 0.05, 12), *np.arange(0.125, 12.1, 0.125)]
    right += [*np.arange(12.5, 24.1, 0.5), *np.arange(26, 112, 2), *np.geomspace(150, 3.4e38, 24)]
    half = np.array(right, np.float32)
    return np.concatenate([-half[::-1], half])


def call(card: Card, name: str) -> str:
    """The expression that calls a peer, of x, of a and b, or of z."""
    if (card.name, name) in CALLS:
        return CALLS[card.name, name]
    variable = "z" if card.kind in ("rows", "heads") else "x"
    if re.search(r"\b[abx]\b", name):
        return name
    if name.endswith(")"):
        return name.replace("(", f"({variable}, ", 1)
    extra = ARGUMENTS.get((card.name, name), "")
    return f"{name}({variable}{', ' * bool(extra)}{extra})"


def of_x(card: Card, expression: str, x: Any, stack: Callable[..., Any], ones: Any) -> Any:
    """The expression at x: of rows and losses the first class's, with logits (x, 0)."""
    known = {"torch": torch, "jax": jax, "scipy": scipy, "x": x, "a": ones, "b": x, "z": x}
    if card.over_rows:
        known |= {"z": stack([x, 0 * ones], -1), "label": torch.zeros(len(x), dtype=torch.int64)}
    y = eval(expression, known)
    return y[..., 0] if y.ndim == 2 else y


def torch_values(card: Card, expression: str, at: Floats) -> tuple[Floats, Floats | None]:
    x = torch.tensor(at, requires_grad=True)
    y = of_x(card, expression, x, torch.stack, torch.ones(len(at)))
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach().numpy(), slope.numpy()


def jax_values(card: Card, expression: str, at: Floats) -> tuple[Floats, Floats | None]:
    def f(x: Any) -> Any:
        ones = jax.numpy.ones_like(x)
        return of_x(card, expression, x, jax.numpy.stack, ones)

    y, pull = jax.vjp(f, jax.numpy.asarray(at))
    return np.asarray(y), np.asarray(pull(jax.numpy.ones_like(y))[0])


def scipy_values(card: Card, expression: str, at: Floats) -> tuple[Floats, Floats | None]:
    with np.errstate(all="ignore"):
        return of_x(card, expression, at, np.stack, np.ones_like(at)), None


VALUES = {"torch": torch_values, "jax": jax_values, "scipy": scipy_values}


def recorded(card: Card) -> list[Peer]:
    """The peers of a card that can be called here."""
    return [p for p in card.peers if p.framework in VALUES and card.name not in SKIPPED]


def calls(card: Card) -> list[str]:
    return [call(card, peer.name) for peer in recorded(card)]


def record(card: Card, at: Floats) -> Iterator[dict[str, str]]:
    for peer, expression in zip(recorded(card), calls(card), strict=True):
        value, slope = VALUES[peer.framework](card, expression, at)
        assert value.dtype == np.float32, (card.name, expression)
        found = {"framework": peer.framework, "call": expression, "f": packed(value)}
        yield found if slope is None else {**found, "slope": packed(slope)}


def packed(values: Floats) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def main() -> None:
    at = points()
    peers = {card.name: list(record(card, at)) for card in map(find, names())}
    found = {
        "recorded": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "versions": {name: version.split("+")[0] for name, version in VERSIONS.items()},
        "points": packed(at),
        "peers": {name: each for name, each in peers.items() if each},
    }
    peer_values.FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
