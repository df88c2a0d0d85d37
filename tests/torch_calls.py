"""What each argument of each public function of ogive.torch is tried with, and what is then right.

One table, by name, of values beside the default. What is right is told in float64 by NumPy's
functions, whose arguments are tested against formulas elsewhere; masks, axes, defaults and torch's
own arguments are put into their terms here. Found through the catalog and the signatures: an
argument that the table does not know makes tests/test_torch_every_argument.py fail.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ogive
import ogive.torch as ot
from ogive.catalog import Card

Given = dict[str, Any]
ROW = 3
"""The size of every axis of rows and logits: a mix-up of axes shows in numbers, not in an error."""


@dataclass(frozen=True)
class Fresh:
    """An argument that each call needs a new one of."""

    make: Callable[[], Any]


def fresh(given: Given) -> Given:
    return {name: v.make() if isinstance(v, Fresh) else v for name, v in given.items()}


@dataclass
class Public:
    """A public function, what it must be given, and what else its arguments may be."""

    name: str
    function: Callable[..., Any]
    card: Card
    kind: str
    first: Given
    reference: Callable[[Given], Any]
    """The result in float64, of the same arguments as NumPy's arrays and numbers."""
    varied: dict[str, list[Any]] = field(default_factory=dict)
    higher: bool = True
    """Whether second derivatives and transforms are promised."""

    def __str__(self) -> str:
        return self.name

    def __post_init__(self) -> None:
        numbers = numbers_of(self.card)
        table = {**VALUES, **OF_KIND.get(self.kind, {})}
        for name in inspect.signature(self.function).parameters:
            if name in table:
                self.varied[name] = table[name]
            elif name in numbers:
                self.varied[name] = [1.5 * numbers[name] + 0.25]

    def arguments(self) -> list[str]:
        return list(inspect.signature(self.function).parameters)

    def right(self, given: Given) -> Any:
        """The reference's result; OverflowError and the like are for the caller."""
        return np.asarray(self.reference({name: plain(value) for name, value in given.items()}))


def plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().numpy().copy()
    return value


def some(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers, of which none lies near a kink."""
    generator = torch.Generator().manual_seed(100 + seed)
    x = 1.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
    quarter = (x * 4).round() / 4
    return torch.where((x - quarter).abs() < 0.01, x + 0.03, x)


def positive(*shape: int, seed: int = 0) -> Tensor:
    return 0.4 + some(*shape, seed=seed).abs() / 2


def chances(*shape: int, seed: int = 0) -> Tensor:
    return torch.sigmoid(some(*shape, seed=seed))


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def labels(*shape: int) -> Tensor:
    """Labels of which none is ignored, and every class is one."""
    return (torch.arange(int(np.prod(shape))) * 2 % 7 % ROW).reshape(shape)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def numbers_of(card: Card) -> dict[str, float]:
    """The parameters of a unary function and their defaults, torch's own ones among them."""
    found = {p.name: p.default for p in card.parameters if p.operand}
    return {**found, **dict(pair for peer in card.peers for pair in peer.ignored)}


def by_torch_s_name(name: str) -> Card:
    word = name.rstrip("_")
    return next(
        card for card in ogive.catalog()
        if getattr(ot, card.name) is getattr(ot, word, None)
        or any(peer.name.rpartition(".")[2] == word for peer in card.peers)
    )  # fmt: skip


MASK = torch.tensor([[1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=torch.bool)
IGNORED = torch.tensor([[0, -100, 2], [2, 1, 1], [-100, 0, 2]])
VALUES: Given = {
    # of a unary function
    "negative_slope": [0.2, -0.5],
    "lower": [0.0625],
    "upper": [0.75],
    "threshold": [0.5],  # some inputs lie between it and its default
    "inplace": [True],
    "approximate": ["tanh"],
    "lean": [True, False],
    "out": [Fresh(lambda: torch.empty(0, dtype=torch.float64))],
    # of what draws
    "training": [True],
    "seed": [5],
    "generator": [Fresh(seeded)],
    "tau": [0.7, number(1.5)],
    "hard": [True],
    "eps": [1e-3],
    # of rows
    "dim": [0, 1],
    "_stacklevel": [5],
    "dtype": [torch.float32],
    "keepdim": [True],
    "temperature": [0.7, number(1.5)],
    "where": [MASK],
    # of losses
    "size_average": [False],
    "reduce": [False],
    "reduction": ["sum", "none"],
    "ignore_index": [ROW - 1, None],
    "label_smoothing": [0.2],
    "z_loss": [0.1],
    "softcap": [1.5, number(2.5)],
    "gamma": [1.5, number(2.0), number(2.5)],
    "alpha": [0.4],
    "weight": [positive(ROW, seed=7)],
    "pos_weight": [positive(ROW, seed=8)],
    "create_graph": [False],
}
OF_KIND: dict[str, Given] = {
    "learned": {"weight": [0.3, some(ROW, seed=3)]},
    "gated": {"b": [some(4, 1, 2, seed=4), 0], "dim": [0]},
    "rows": {"temperature": [0.7, number(1.5), positive(ROW, seed=5)], "dim": [0, 1]},
    "reduces": {"dim": [0, (0, 2)], "temperature": [0.7, number(1.5), positive(ROW, seed=5)]},
    "elements": {"weight": [positive(ROW, 1, seed=7)], "alpha": [0.4, None, number(0.7)],
                 "target": [labels(ROW, ROW, ROW).gt(0)]},
    "over rows": {
        "target": [IGNORED, chances(ROW, ROW, ROW, seed=6), labels(ROW, ROW).to(torch.uint8)],
    },
    "linear": {
        "target": [IGNORED[0], chances(ROW, ROW, seed=6)],
        "linear_bias": [some(ROW, seed=9)],
        "options": [torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)],
        "chunk_rows": [1, 2],
        "softcap": [1.5], "temperature": [0.7],
    },
    "parallel": {
        "target": [IGNORED], "ignore_index": [ROW - 1, None], "vocab_start": [0], "group": [None],
        "bias_shard": [some(ROW, seed=9)], "chunk_rows": [1, 2],
        "softcap": [1.5], "temperature": [0.7],
    },
}  # fmt: skip


def as_axis(given: Given, default: int) -> Given:
    """NumPy's name of ``dim``, and none of what is torch's alone."""
    rest = {k: v for k, v in given.items() if k not in TORCH_S_ALONE}
    dim = given.get("dim", default)
    return {**rest, "axis": default if dim is None else dim}


TORCH_S_ALONE = (
    "dim", "inplace", "lean", "out", "_stacklevel", "dtype", "eps", "create_graph", "size_average",
    "reduce", "approximate", "keepdim", "generator",
)  # fmt: skip


def of_unary(card: Card, given: Given) -> Any:
    form = f"{card.name}_tanh" if given.get("approximate") == "tanh" else card.name
    defaults = {p.name: p.default for p in card.parameters if p.operand}
    numbers = [given.get(name, default) for name, default in defaults.items()]
    return getattr(ogive, form)(given["input"], *numbers)


def of_learned(card: Card, given: Given) -> Any:
    weight = np.asarray(given["weight"])
    return getattr(ogive, card.name)(
        given["input"], weight.reshape(-1, 1) if weight.ndim else weight
    )


def of_drawn(card: Card, given: Given) -> Any:
    rest = {k: v for k, v in given.items() if k in ("lower", "upper", "training")}
    seed = key(given) if given.get("training") else None
    return getattr(ogive, card.name)(given["input"], **rest, seed=seed)


def key(given: Given) -> int:
    """The seed: given, or the number that torch's generator has next."""
    if given.get("seed") is not None:
        return int(given["seed"])
    return int(torch.randint((1 << 63) - 1, (), generator=given.get("generator")))


def of_gated(card: Card, given: Given) -> Any:
    a, b, dim = given["a"], given.get("b"), given.get("dim", -1)
    if b is None or isinstance(b, int):
        a, b = np.split(a, 2, dim if b is None else b)
    return getattr(ogive, card.name)(*np.broadcast_arrays(a, b))


def of_rows(card: Card, given: Given) -> Any:
    rest = as_axis(given, -1)
    x, axis = rest.pop("input"), rest.pop("axis")
    if isinstance(axis, tuple):  # several axes: one row
        axes = [a % x.ndim for a in axis]
        kept = [a for a in range(x.ndim) if a not in axes]
        mask = rest.pop("where", None)
        shape = [x.shape[a] for a in kept]
        x, *masks = (
            np.broadcast_to(m, x.shape).transpose(*kept, *axes).reshape(*shape, -1)
            for m in (x, mask) if m is not None
        )  # fmt: skip
        y = of_rows(card, {"input": x, "dim": -1, **rest, **({"where": masks[0]} if masks else {})})
        return np.expand_dims(y, axes) if given.get("keepdim") else y
    y = getattr(ogive, card.name)(x, axis=axis, **rest)
    return np.expand_dims(y, axis) if given.get("keepdim") else y


def of_drawn_rows(card: Card, given: Given) -> Any:
    return getattr(ogive, card.name)(
        given["logits"], axis=given.get("dim", -1), temperature=float(given.get("tau", 1)),
        hard=given.get("hard", False), seed=key(given),
    )  # fmt: skip


def of_head(card: Card, given: Given) -> Any:
    over_rows = card.over_rows
    rest = as_axis(given, 1)
    if "reduce" in given or "size_average" in given:
        summed = given.get("size_average", True)
        rest["reduction"] = "none" if not given.get("reduce", True) else "mean" if summed else "sum"
    z, target, axis = rest.pop("input"), rest.pop("target"), rest.pop("axis")
    if over_rows:
        rest["axis"] = axis
    if card.has("label") and target.dtype.kind != "f":
        rest.setdefault("ignore_index", -100)
    for name, value in rest.items():
        rest[name] = float(value) if isinstance(value, np.ndarray) and not value.ndim else value
    target = target.astype(z.dtype) if target.dtype.kind == "b" else target
    return getattr(ogive, card.name)(z, target, **rest)


def of_linear(given: Given) -> Any:
    rest = {k: v for k, v in given.items() if k not in ("chunk_rows", "options", "group")}
    z = rest.pop("input") @ (rest.pop("linear_weight")).T
    bias = rest.pop("linear_bias", None)
    if rest.get("ignore_index", -100) is None:  # torch's own function has it so
        del rest["ignore_index"]
    z = z if bias is None else z + bias
    return of_head(ogive.card("cross_entropy"), {**rest, "input": z, "dim": z.ndim - 1})


def of_shards(given: Given) -> Any:
    """All classes on the one rank that there is."""
    rest = {k: v for k, v in given.items() if k not in ("group", "vocab_start", "chunk_rows")}
    if "logits_shard" in rest:
        rest["input"] = rest.pop("logits_shard")
    else:
        if rest.get("reduction") == "none":
            raise ValueError("it keeps no gradient for each row")
        bias = rest.pop("bias_shard", 0.0)
        rest["input"] = rest["input"] @ rest.pop("weight_shard").T + bias
    return of_head(ogive.card("cross_entropy"), {**rest, "dim": rest["input"].ndim - 1})


def public() -> Iterator[Public]:
    """Every public function once, whatever its names."""
    seen: set[int] = set()
    for name in sorted(ot.__all__, key=lambda n: (n not in ogive.catalog.names(), n)):
        function = getattr(ot, name)
        own = inspect.isfunction(function) and name not in ("swap", "unswap", "init_")
        if own and id(function) not in seen:
            seen.add(id(function))
            yield of(name, function)


def of(name: str, function: Callable[..., Any]) -> Public:
    split = name.startswith("vocab_parallel")
    whole = name.removeprefix("vocab_parallel_")
    card = ogive.card(whole) if whole in ogive.catalog.names() else by_torch_s_name(name)
    cube = some(ROW, ROW, ROW)
    x, W = some(ROW, ROW, 2, seed=1), some(ROW, 2, seed=2)
    reference: Callable[..., Any]
    if split:
        kind, reference = "parallel", of_shards
        first = {"input": x, "weight_shard": W} if card.layer else {"logits_shard": cube}
        first["target"] = labels(ROW, ROW)
    elif card.kind == "unary":
        kind, reference, first = "unary", partial(of_unary, card), {"input": some(2, ROW, 2)}
        if card.draws:
            reference = partial(of_drawn, card)
        elif card.learns:
            kind, reference, first["weight"] = "learned", partial(of_learned, card), some(1)
    elif card.kind == "gated":
        kind, reference, first = "gated", partial(of_gated, card), {"a": some(4, ROW, 2)}
    elif card.kind == "rows" and card.draws:
        kind, reference, first = "drawn rows", partial(of_drawn_rows, card), {"logits": cube}
    elif card.kind == "rows":
        kind, reference, first = "rows", partial(of_rows, card), {"input": cube}
        if "keepdim" in inspect.signature(function).parameters:
            kind = "reduces"
    elif card.layer:
        kind, reference = "linear", of_linear
        first = {"input": x[0], "linear_weight": W, "target": labels(ROW)}
    else:
        kind, reference = "elements", partial(of_head, card)
        first = {"input": cube, "target": chances(ROW, ROW, ROW, seed=6)}
        if card.over_rows:
            kind, first["target"] = "over rows", labels(ROW, ROW)
    return Public(name, function, card, kind, first, reference, higher=not split)


PUBLIC = list(public())
