"""Every public function of the NumPy side with its arguments, and other values for each of them.

Functions come from the catalog, arguments from signatures, values from one table, VARIED. Numbers
are multiples of 1/16, which every format holds.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

import ogive
from cases import flat, other_number, public, public_modes
from fuzz_numpy import BAD_OPTIONS
from ogive.calls import rules
from ogive.catalog import Card
from ogive.catalog.card import BELOW_ZERO

OF_NUMPY = ("dtype", "casting", "order", "subok")
"""Keywords that a ufunc has beside out and where, and that **kwargs stands for."""
FORMS = ("out", "where", *OF_NUMPY)
"""What says where elements go and in which format; of rows `where` says which take part."""


@dataclass(frozen=True)
class Function:
    """One mode of one function."""

    card: Card
    mode: str

    def __str__(self) -> str:
        return f"{self.mode}.{self.card.name}"

    @cached_property
    def call(self) -> Callable[..., Any]:
        return public(self.card.name, self.mode)  # type: ignore[no-any-return]

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The arrays that it takes."""
        card, mode = self.card, self.mode
        if card.kind == "heads":
            return tuple(name for name, _ in card.inputs) or ("z", "target")
        return rules.inputs(card, mode)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """All that it takes, in order; **kwargs as the keywords it stands for."""
        if isinstance(self.call, np.ufunc):
            return (*self.inputs, "out", "where", *OF_NUMPY)
        names: list[str] = []
        for p in inspect.signature(self.call).parameters.values():
            names += OF_NUMPY if p.kind is p.VAR_KEYWORD else (p.name,)
        return tuple(names)

    @cached_property
    def by_position(self) -> tuple[str, ...]:
        """What may be given by position."""
        if isinstance(self.call, np.ufunc):
            return (*self.inputs, "out")
        found = inspect.signature(self.call).parameters.values()
        return tuple(p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD)

    @property
    def reduces(self) -> bool:
        """Whether a row gives one number."""
        if self.card.kind != "rows" or self.draws:
            return False
        return np.ndim(public(self.card.name, "value")(np.zeros(2))) == 0

    @property
    def has_axis(self) -> bool:
        return self.card.has("axis")

    @property
    def draws(self) -> bool:
        """Whether it takes a seed, which evaluation does not."""
        return self.card.draws and "lean" not in self.mode

    @property
    def draws_in_training(self) -> bool:
        """Whether it draws nothing unless told that it trains."""
        return self.draws and self.card.kind == "unary"

    def with_keywords(self, arguments: Mapping[str, Any]) -> Any:
        """Called with as little by position as it lets one."""
        if isinstance(self.call, np.ufunc):
            rest = {k: v for k, v in arguments.items() if k not in self.inputs}
            return self.call(*(arguments[k] for k in self.inputs), **rest)
        return self.call(**arguments)

    def with_positions(self, arguments: Mapping[str, Any]) -> Any:
        """Called with as much by position as it lets one."""
        own = {} if isinstance(self.call, np.ufunc) else inspect.signature(self.call).parameters
        last = max(k for k, name in enumerate(self.by_position) if name in arguments)
        names = self.by_position[: last + 1]
        given = [arguments[k] if k in arguments else own[k].default for k in names]
        rest = {k: v for k, v in arguments.items() if k not in names}
        return self.call(*given, **rest)


FUNCTIONS = [
    Function(card, mode)
    for kind in ("unary", "gated", "rows", "heads")
    for card in ogive.catalog(kind)
    for mode in public_modes(card.name)
]


def numbers(what: str, shape: tuple[int, ...]) -> Any:
    """Multiples of 1/16 within ±3.75, none of them 0; up to 120 of them all different."""
    random = np.random.default_rng(zlib.crc32(what.encode()))
    every = np.arange(-60, 61)
    every = random.permutation(every[every != 0])
    return np.resize(every, shape) / 16


@dataclass
class Problem:
    """A call of a function: defaults, but for what is chosen by name and place in VARIED."""

    function: Function
    dtype: Any
    chosen: Mapping[str, int] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    inner: int = 2
    """Inputs of a layer."""

    def __post_init__(self) -> None:
        if not self.shape:
            elementwise = self.function.card.kind in ("unary", "gated")
            self.shape = (4, 3, 2) if elementwise else (2, 3, 4)
        self.axis = self.choice("axis") if "axis" in self.chosen else -1
        self.n = self.shape[self.axis]
        self.lead = tuple(np.delete(self.shape, self.axis).tolist())
        self.options = self.values_of_options()
        self.x = self.numbers("x")
        self.arrays = self.values_of_arrays()
        self.arguments = {**self.arrays, **self.options}

    def choice(self, name: str) -> Any:
        return varied(self.function, name)(self)[self.chosen[name]]

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> Any:
        """Numbers for an array, others where it is among what is chosen."""
        alike = {"x": ("x", "y", "mask", "a", "z")}.get(name, (name,))
        other = any(k in self.chosen for k in alike)
        shape = self.shape if shape is None else shape
        return numbers(f"{name} {other}", shape).astype(self.dtype)

    def values_of_options(self) -> dict[str, Any]:
        taken = self.function.parameters
        names = [k for k in taken if k not in self.function.inputs and k not in FORMS]
        if self.function.card.kind == "rows":
            names += ["where"] if "where" in taken else []
        given = {k: self.choice(k) for k in names if k in self.chosen}
        if self.function.draws:
            given = {"seed": 7, **given}
            if self.function.draws_in_training and "seed" in self.chosen:
                given["training"] = True
        return given

    def values_of_arrays(self) -> dict[str, Any]:
        card, mode = self.function.card, self.function.mode
        if card.kind == "heads":
            return self.of_head()
        found = {"x": self.x, "a": self.x, "b": self.numbers("b")}
        y, mask = None, None
        # What is given back of forward depends on the options that forward had.
        shared = {k: v for k, v in self.options.items() if k != "where"}
        if "lean" in mode:
            y, mask = public(card.name, "lean")(self.x, **shared)
        elif mode == "backward_from_output":
            y = public(card.name, "value")(self.x, **shared)
        reduces = self.function.reduces and mode == "backward"
        found |= {"y": y, "mask": mask, "dy": self.numbers("dy", self.lead if reduces else None)}
        return {name: found[name] for name in self.function.inputs}

    def of_head(self) -> dict[str, Any]:
        n, found = self.n, {"z": self.x}
        if self.function.card.layer:
            shapes = {"x": (*self.lead, self.inner), "W": (n, self.inner)}
            found = {k: self.numbers(k, shape) / 4 for k, shape in shapes.items()}
        found["target"] = np.arange(int(np.prod(self.lead))).reshape(self.lead) % n
        if not self.classes:
            found["target"] = (np.abs(self.numbers("t")) / 4).astype(self.dtype)
        if "target" in self.chosen:
            found["target"] = self.choice("target")
        ignored = self.options.get("ignore_index")
        if ignored is not None and ignored < 0 and found["target"].dtype.kind == "i":
            found["target"] = np.where(found["target"] == 0, ignored, found["target"])
        return found

    @property
    def classes(self) -> bool:
        """Whether the target may be labels."""
        return self.function.card.over_rows

    def targets(self) -> list[Any]:
        shares = np.abs(numbers("shares", self.shape)) / 4
        if self.classes:
            labels = np.arange(int(np.prod(self.lead)))[::-1].reshape(self.lead) % self.n
            return [shares.astype(self.dtype), labels.astype(np.uint8)]
        return [shares.astype(self.dtype), (shares > 0.5).astype(np.int64)]

    def wrong_targets(self) -> list[Any]:
        """With a label or a probability that there is not, and of another shape."""
        if not self.classes:
            return [np.full(self.shape, 1.5), np.full(self.shape, -0.1), np.zeros(self.shape[:1])]
        labels, shares = np.zeros(self.lead, int), np.full(self.shape, 0.25)
        wrong: list[Any] = [np.zeros(self.lead), labels[:1], np.zeros(())]
        for label in (self.n, -1, 2**40):
            wrong.append(labels.copy())
            wrong[-1][(-1,) * labels.ndim] = label
        for share in (-0.1, np.nan, np.inf):
            wrong.append(shares.copy())
            wrong[-1][(-1,) * shares.ndim] = share
        return wrong

    def weights(self, what: str) -> list[Any]:
        """Weights of classes, or of elements."""
        if self.classes:
            return [np.linspace(0.25, 2, self.n), np.arange(self.n) * 0.5]
        return [0.5, np.linspace(0.25, 2, self.shape[-1]), np.abs(numbers(what, self.shape))]

    def other_format(self) -> Any:
        """The other float; but NumPy narrows nothing where some operands are float64 anyway."""
        parameters = any(p.operand for p in self.function.card.parameters)
        return np.dtype(np.float64 if self.dtype == np.float32 or parameters else np.float32)

    def operand(self, name: str) -> list[Any]:
        """A parameter of an elementwise function: another number, and arrays that broadcast."""
        (p,) = (p for p in self.function.card.parameters if p.name == name)
        low = p.domain[0] == 0 or p.default > 0.5
        number = p.default * 1.5 if low else p.default + 0.25
        if "lean" in self.function.mode:
            return [number, number * 0.75 if low else number + 0.5]  # one number for all
        row, column = np.arange(self.shape[-1]) / 64, np.arange(self.shape[-2])[:, None] / 32
        return [number, number + row, number + column]


Values = Callable[[Problem], list[Any]]


def constant(*values: Any) -> Values:
    return lambda problem: list(values)


def masks(problem: Problem) -> list[Any]:
    """A mask of the whole shape, and one of a row or along the axis, which broadcasts."""
    whole = np.arange(int(np.prod(problem.shape))).reshape(problem.shape) % 3 != 1
    row = [1] * len(problem.shape)
    row[problem.axis] = problem.n
    return [whole, (np.arange(problem.n) % 4 != 1).reshape(row)]


ANOTHER = constant("other numbers")
VARIED: dict[str, Values] = {
    **dict.fromkeys(("x", "dy", "y", "mask", "a", "b", "z", "W"), ANOTHER),
    "target": Problem.targets,
    "axis": constant(0, 1, -2),
    "temperature": lambda p: [0.5, 2.0] if p.function.card.kind == "heads" else
        [0.5, 0.5 + np.arange(np.prod(p.lead)).reshape(p.lead) * 0.23],
    "where": masks,
    "hard": constant(True),
    "seed": constant(11, -3, 2**64 + 5),
    "training": constant(True),
    "weight": lambda p: p.weights("weight"),
    "pos_weight": lambda p: p.weights("pos_weight"),
    "bias": lambda p: [numbers("bias", (p.n,)).astype(p.dtype)],
    "ignore_index": lambda p: [1, p.n - 1, -1, 0],
    "label_smoothing": constant(0.25, 1.0),
    "z_loss": constant(0.125),
    "softcap": constant(3.0),
    "reduction": constant("sum", "none"),
    "gamma": constant(0.0, 1.5, 3.0),
    "alpha": constant(None, 0.75),
    "accumulate": constant("float64", "float32"),
    "chunk_rows": constant(1, 4),
    "hessian": constant("abs", "upper"),
    "out": constant("in C order", "in Fortran order", "over an input"),
    "dtype": lambda p: [p.other_format()],
    "casting": constant("no", "unsafe"),
    "order": constant("F", "C"),
    "subok": constant(False),
}  # fmt: skip
"""Values of every argument other than its default, for a problem whose axis is known."""


WRONG: dict[str, Values] = {
    # Every number has an answer; shapes that do not fit are in tests/test_bad_input.py.
    **dict.fromkeys(("x", "dy", "y", "mask", "a", "b", "z", "W"), constant()),
    "training": constant(),  # as a truth value, which everything has
    **{name: constant(*values) for name, values in BAD_OPTIONS.items()},
    "axis": constant(3, -4, 0.5, None),
    "target": lambda p: p.wrong_targets(),
    "where": constant([[0.5]], "x"),
    "hard": constant(1, None),
    "seed": constant(None, 1.5),
    "weight": lambda p: [np.full(p.n, np.nan), np.ones(p.n + 1)],
    "pos_weight": lambda p: [np.inf, np.ones(p.n + 1)],
    "bias": lambda p: [np.ones(p.n + 1)],
    "ignore_index": constant(0.5, "1"),
    "accumulate": constant("float16", 32),
    "chunk_rows": constant(0, -1, 1.5),
    "hessian": constant("diagonal", None, 1),
    "out": constant([1.0], np.zeros(7)),
}
"""Values of every argument that have no answer and are refused."""


def wrong(problem: Problem, name: str) -> list[Any]:
    """Values of an argument outside its domain; none where every value has an answer."""
    if problem.function.card.kind == "unary":
        for p in problem.function.card.parameters:
            if p.name == name and p.operand:
                below = [-0.5] if p.domain[0] == BELOW_ZERO else []
                return below or [end for end in p.domain if np.isfinite(end)]
    of_numpy = problem.function.card.kind in ("unary", "gated") and name in FORMS
    if of_numpy:
        return []
    if name not in WRONG:
        (p,) = (p for p in problem.function.card.parameters if p.name == name)
        return [np.nan, "1", 10**400, *(end for end in p.domain if not p.holds(end))]
    return WRONG[name](problem)


def varied(function: Function, name: str) -> Values:
    """The values of an argument; parameters in the formula of an elementwise function have theirs
    by what the card says of them.
    """
    own = {p.name for p in function.card.parameters if p.operand}
    if function.card.kind == "unary" and name in own:
        return lambda problem: problem.operand(name)
    if name not in VARIED:  # an option of a loss
        return constant(*(other_number(p) for p in function.card.parameters if p.name == name))
    return VARIED[name]


# What calls return.


def arrays_in(found: Any) -> list[Any]:
    return [np.asanyarray(a) for a in flat(found)]


def results(problem: Problem, found: Any) -> list[Any]:
    """The arrays among results that `out` may give a place."""
    kind, mode = problem.function.card.kind, problem.function.mode
    if kind == "heads":
        _, *gradients = found
        return [a for a in arrays_in(gradients) if a is not None]
    if kind == "unary" and mode == "backward" and isinstance(found, tuple):
        return [found[0]]
    return arrays_in(found)


def as_out(problem: Problem, arrays: list[Any]) -> Any:
    """`out` as the function takes it."""
    mode, kind = problem.function.mode, problem.function.card.kind
    if len(arrays) > 1 or mode == "lean" or problem.function.card.layer:
        return tuple(arrays)
    assert kind != "heads" or mode == "value_and_grad"
    return arrays[0]
