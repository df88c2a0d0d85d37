"""The cells of the benchmark table, derived from the catalog, and their operands."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

import ogive
from ogive import catalog
from ogive.calls.formats import DTYPES

Array = np.ndarray[Any, Any]

FORMATS = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}
SIZES = (1 << 12, 1 << 16, 1 << 20, 1 << 24)
SHAPES = ((65536, 10), (4096, 1000), (2048, 32000), (512, 128256))
TENSORS = "tensors"
TENSOR_FORMATS = ("f32", "bf16")
"""The formats in which networks are trained on a CPU."""
CALL_ELEMENTS = 16
"""Few enough that only the call itself takes time."""
ALLOCATED_FROM = 1 << 20
"""Smaller allocations come from memory that is already mapped, and take as long as a call."""

MODES = ("value", "backward", "backward_from_output", "value_and_grad")
"""Derivatives are left out, being backward with dy = 1, and Jacobians, being backward per row."""


@dataclass(frozen=True)
class Cell:
    function: str
    kind: str
    mode: str
    output: str
    """``out``: into a resident array; ``allocated``: into a new array; ``tensors``: into a new
    tensor of torch, with backward by autograd.
    """
    format: str
    shape: tuple[int, ...]
    threads: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def id(self) -> str:
        """The text that ``--only`` searches: ``gelu.backward/out/f32/4096/2t``."""
        parts = f"{self.function}.{self.mode}", self.output, self.format, self.size
        return "/".join([*parts, f"{self.threads}t"])

    @property
    def size(self) -> str:
        return "x".join(map(str, self.shape))


def dtype_of(format: str) -> np.dtype[Any]:
    return DTYPES[FORMATS[format]]


def function_of(name: str, mode: str) -> Callable[..., Any]:
    """Ogive's public function."""
    home = ogive if mode == "value" else getattr(ogive, mode)
    function: Callable[..., Any] = getattr(home, name)
    card = catalog.find(name)
    if card.kind == "rows" and card.draws:
        return partial(function, seed=7)
    return function


def has_mode(name: str, mode: str) -> bool:
    return name in dir(ogive if mode == "value" else getattr(ogive, mode))


def takes_out(function: Callable[..., Any]) -> bool:
    return isinstance(function, np.ufunc) or "out" in inspect.signature(function).parameters


def cells(
    formats: Sequence[str],
    threads: Sequence[int],
    sizes: Sequence[int] = SIZES,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
) -> Iterator[Cell]:
    """Every cell of the table; cells with the same operands are adjacent.

    The first format is measured in all cells; the others, and tensors, only with the most threads.
    """
    for format in formats:
        for name in catalog.names("unary"):
            yield Cell(name, "unary", "value", "allocated", format, (CALL_ELEMENTS,), 1)
        for count in threads if format == formats[0] else (max(threads),):
            for shape in [*((size,) for size in sizes), *shapes]:
                for mode in MODES:
                    for card in map(catalog.find, catalog.names()):
                        if has_mode(card.name, mode) and fits(card, mode, shape):
                            for output in outputs(card, mode, shape):
                                yield Cell(card.name, card.kind, mode, output, format, shape, count)
                        if (
                            count == max(threads)
                            and format in TENSOR_FORMATS
                            and on_tensors(card, mode)
                            and has_shape(card, shape)
                        ):
                            yield Cell(card.name, card.kind, mode, TENSORS, format, shape, count)


def on_tensors(card: catalog.Card, mode: str) -> bool:
    """Whether the card names something in PyTorch to compare with."""
    if not importlib.util.find_spec("torch") or all(p.framework != "torch" for p in card.peers):
        return False
    return mode in (("value_and_grad",) if card.kind == "heads" else ("value", "backward"))


def fits(card: catalog.Card, mode: str, shape: tuple[int, ...]) -> bool:
    if card.kind == "rows" and mode == "backward" and has_mode(card.name, "backward_from_output"):
        return False  # frameworks keep the output of these, as a user would
    return has_shape(card, shape)


def has_shape(card: catalog.Card, shape: tuple[int, ...]) -> bool:
    if card.kind == "heads" and "z" not in inspect.signature(getattr(ogive, card.name)).parameters:
        return False  # a layer with its loss, which layer.py measures
    return (len(shape) == 2) == (card.kind == "rows" or has_classes(card))


def has_classes(card: catalog.Card) -> bool:
    """Whether a head's targets are labels of classes along an axis."""
    return card.kind == "heads" and card.has("axis")


def outputs(card: catalog.Card, mode: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    if not takes_out(function_of(card.name, mode)):
        return ("allocated",)
    if card.kind != "unary" or math.prod(shape) < ALLOCATED_FROM or mode != "value":
        return ("out",)
    return "out", "allocated"


@lru_cache(maxsize=5)
def normals(shape: tuple[int, ...], format: str, seed: int) -> Array:
    """Normal numbers of standard deviation 3, which reach both tails; repeated for large arrays."""
    few = 3 * np.random.default_rng(seed).standard_normal(min(math.prod(shape), (1 << 18) - 1))
    return np.resize(few.astype(dtype_of(format)), shape)


@lru_cache(maxsize=2)
def resident(shape: tuple[int, ...], format: str, index: int = 0) -> Array:
    """Array `index` of a cell's results."""
    return np.ones(shape, dtype_of(format))


def inputs(cell: Cell) -> tuple[Array, ...]:
    """The arguments of a cell's functions."""
    x = normals(cell.shape, cell.format, 1)
    if cell.kind == "heads":
        return x, targets(cell)
    if cell.kind == "gated":
        gate = normals(cell.shape, cell.format, 2)
        return (x, gate) if cell.mode == "value" else (normals(cell.shape, cell.format, 4), x, gate)
    if cell.mode == "value":
        return (x,)
    if cell.mode == "backward":
        reduces = function_of(cell.function, "value")(x[:1]).shape != x[:1].shape
        return normals(cell.shape[:-1] if reduces else cell.shape, cell.format, 2), x
    return normals(cell.shape, cell.format, 2), function_of(cell.function, "value")(x)


def targets(cell: Cell) -> Array:
    if has_classes(catalog.find(cell.function)):
        return np.random.default_rng(3).integers(0, cell.shape[-1], cell.shape[:-1])
    return (normals(cell.shape, cell.format, 1) > 0).astype(dtype_of(cell.format))


def out_for(cell: Cell) -> Any:
    """Where the results go: one array, a pair of arrays, or None."""
    if cell.output != "out":
        return None
    one = cell.shape[-1:]
    if cell.kind == "rows" and cell.mode == "value":
        one = np.shape(function_of(cell.function, "value")(np.ones(one, dtype_of(cell.format))))
        return resident((*cell.shape[:-1], *one), cell.format)
    if cell.kind == "gated" and cell.mode == "backward":
        return tuple(resident(cell.shape, cell.format, index) for index in (0, 1))
    return resident(cell.shape, cell.format)
