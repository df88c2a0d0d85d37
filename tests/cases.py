"""What the tests share: every public call of the catalog, values worth trying, bits, FTZ.

Everything is found through the catalog, so a new function is covered by every test at once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

import ogive
from ogive._numpy.api import PUBLIC_MODES
from ogive.calls import formats
from ogive.catalog import Card, Parameter

BF16 = np.dtype(ml_dtypes.bfloat16)
DTYPES, HALVES = tuple(formats.NUMBER_OF), formats.HALVES
DTYPE_IDS = [dtype.name for dtype in DTYPES]


@dataclass(frozen=True)
class Call:
    """One public mode of one function. Arguments come in the order of the public call."""

    name: str
    mode: str
    inputs: int
    """Arrays it takes: x, or dy and x, or dy and y; a and b, or dy, a and b."""
    variant: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    result: int = 0
    """Which of several results: dx, without dweight; da or db."""
    ignores: tuple[int, ...] = ()
    """Arrays that do not enter that result."""

    @property
    def id(self) -> str:
        return "-".join(filter(None, (self.mode, self.name, self.variant)))

    @property
    def function(self) -> Any:
        return public(self.name, self.mode)

    def __call__(self, *arrays: Any, **kwargs: Any) -> Any:
        if self.inputs == 3 and "out" in kwargs:
            kwargs["out"] = tuple(kwargs["out"] if i == self.result else None for i in range(2))
        result = self.function(*arrays, **self.options, **kwargs)
        return result[self.result] if isinstance(result, tuple) else result


def public(name: str, mode: str) -> Any:
    """ogive.gelu, ogive.backward.gelu, …"""
    return getattr(ogive if mode == "value" else getattr(ogive, mode), name)


def public_modes(name: str) -> list[str]:
    return [
        mode
        for mode in PUBLIC_MODES
        if name in dir(ogive if mode == "value" else getattr(ogive, mode))
    ]


def calls(kind: str) -> list[Call]:
    return [
        Call(name, mode, 2 if mode.startswith("backward") else 1)
        for name in ogive.catalog.names(kind)
        for mode in public_modes(name)
        if mode not in ("jacobian", "lean", "lean_backward")
    ]


# Without those that draw noise, whose results depend on the place of a row.
PLAIN_ROWS = [card.name for card in ogive.catalog("rows") if not card.draws]
UNARY = calls("unary")
GATED = [
    call
    for name in ogive.catalog.names("gated")
    for call in (
        Call(name, "value", 2),
        Call(name, "backward", 3, "da", result=0, ignores=(1,)),
        Call(name, "backward", 3, "db", result=1),
    )
]
ELEMENTWISE = [*UNARY, *GATED]
ROWS = [call for call in calls("rows") if call.name in PLAIN_ROWS]
# Rows that draw noise: their results depend on the place of a row, by intention.
DRAWN_ROWS = [
    Call(call.name, call.mode, call.inputs, "drawn", {"seed": 7})
    for call in calls("rows")
    if call.name not in PLAIN_ROWS
]
# The one unary form whose result depends on the position of an element, by intention.
SAMPLED = [
    Call(call.name, call.mode, call.inputs, "training", {"training": True, "seed": 7})
    for call in UNARY
    if ogive.card(call.name).draws
]


def other_parameters(name: str) -> list[tuple[float, ...]]:
    """Parameters of a unary function beside its defaults: of both signs, and 0, where it may."""
    chosen = []
    for factor, shift in ((2.5, 0.3), (0.125, None), (1.7, -0.5)):
        operands = [p for p in ogive.card(name).parameters if p.operand]
        chosen.append(
            tuple(
                p.default * factor
                if p.domain[0] == 0
                else p.default + shift * (i + 1)
                if shift
                else 0.0
                for i, p in enumerate(operands)
            )
        )
    return [parameters for parameters in chosen if parameters]


def other_number(p: Parameter) -> float:
    """A number of a parameter's domain that is not its default."""
    low, high = p.domain
    if math.isfinite(high):
        return low + 0.3 * (high - low)
    return 0.75 * p.default if p.default else low + 0.75


@dataclass(frozen=True)
class HeadCall:
    """Value and gradient of a loss for a two-dimensional batch of logits."""

    card: Card
    variant: str
    """"labels" or "shares" by themselves; "options": every number another than its default;
    "weights": of classes or elements, and a label that is ignored."""

    @property
    def id(self) -> str:
        return f"{self.card.name}-{self.variant}"

    def target(self, z: Any) -> Any:
        if self.card.over_rows and self.variant != "shares":
            return np.arange(len(z)) % z.shape[1]
        return (np.arange(z.size).reshape(z.shape) % 5 / 4).astype(z.dtype)

    def options(self, z: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for p in self.card.parameters:
            if self.variant == "options" and p.role == "number":
                found[p.name] = other_number(p)
            elif self.variant == "weights" and p.role == "weights":
                found[p.name] = (np.arange(z.shape[1]) % 7 + 1) / 4
            elif self.variant == "weights" and p.role == "label":
                found[p.name] = 1
        return found

    def __call__(self, z: Any, **more: Any) -> Any:
        function = public(self.card.name, "value_and_grad")
        return function(z, self.target(z), **self.options(z), **more)


def head_calls() -> list[HeadCall]:
    """Each loss of logits: with each kind of target, with other numbers, with weights."""
    return [
        HeadCall(card, variant)
        for card in ogive.catalog("heads")
        if not card.layer
        for variant in ("labels", "shares", "options", "weights")
        if (card.over_rows or variant != "labels") and (card.has("number") or variant != "options")
    ]


HEADS = head_calls()
# Losses of logits by what a result follows from: a row of classes, or an element.
ROW_LOSSES, ELEMENT_LOSSES = (
    [card.name for card in ogive.catalog("heads") if card.over_rows == rows and not card.layer]
    for rows in (True, False)
)


def values(dtype: np.dtype[Any], *, count: int = 600, finite: bool = False) -> Any:
    """Zeros, subnormals, ordinary numbers, the largest and, unless `finite`, inf and NaN."""
    info = ml_dtypes.finfo(dtype)
    least, normal, most = (
        float(v) for v in (info.smallest_subnormal, info.smallest_normal, info.max)
    )
    chosen = [0.0, least, 3 * least, normal - least, normal, 1e-3, 0.5, 1.0, 3.0, 9.0, 20.0, 100.0]
    chosen += [most / 2, most, *([] if finite else [math.inf, math.nan])]
    random = np.random.default_rng(11)
    ordinary = random.normal(0, 3, count // 2)
    wide = np.exp2(random.uniform(math.log2(least), math.log2(most), count))
    signs = random.choice([-1.0, 1.0], count)
    both = np.concatenate([chosen, [-v for v in chosen], ordinary, wide * signs])
    with np.errstate(all="ignore"):
        chosen_values = random.permutation(both[:count]).astype(dtype)
        if finite:
            chosen_values[~np.isfinite(chosen_values)] = 1
    return chosen_values


def operands(call: Call, dtype: np.dtype[Any], *, count: int = 600) -> list[Any]:
    """Independent values for each array that the call takes; all but the last are finite."""
    finite = values(dtype, count=count, finite=True)
    others = [finite[::-1].copy(), np.roll(finite, 1)][: call.inputs - 1]
    return [*others, values(dtype, count=count)]


def flat(found: Any) -> list[Any]:
    """Loss and derivatives as a list, without what was not asked for."""
    if isinstance(found, (tuple, list)):
        return [each for part in found for each in flat(part)]
    return [] if found is None else [found]


def bits(array: Any) -> Any:
    """The bits as integers, every NaN the same: which NaN comes out is not promised."""
    array = np.asarray(array)
    unsigned = array.view(f"u{array.dtype.itemsize}").copy()
    unsigned[np.isnan(array)] = 1 << (8 * array.dtype.itemsize - 2)
    return unsigned


def assert_same_bits(got: Any, expected: Any, what: str = "") -> None:
    __tracebackhide__ = True
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, what
    assert got.shape == expected.shape, what
    different = bits(got) != bits(expected)
    if different.any():
        where = tuple(np.argwhere(different)[0])
        raise AssertionError(
            f"{what}: {np.count_nonzero(different)} of {different.size} differ, "
            f"first at {where}: {got[where]!r} instead of {expected[where]!r}"
        )


FLUSH = 0x8040  # MXCSR: FTZ and DAZ
CAN_FLUSH = platform.machine() in ("x86_64", "AMD64") and platform.libc_ver()[0] == "glibc"


def read_mxcsr() -> int:
    """This thread's SSE control and status word, which glibc keeps at the end of fenv_t."""
    environment = (ctypes.c_uint32 * 8)()
    ctypes.CDLL(None).fegetenv(environment)
    return environment[7]


def write_mxcsr(word: int) -> None:
    environment = (ctypes.c_uint32 * 8)()
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    libm.fegetenv(environment)
    environment[7] = word
    libm.fesetenv(environment)


@contextmanager
def flushing_subnormals() -> Iterator[None]:
    """As other libraries leave a thread behind: subnormal results and operands count as 0."""
    before = read_mxcsr()
    write_mxcsr(before | FLUSH)
    try:
        yield
    finally:
        write_mxcsr(before)


def run_python(
    code: str, *, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs code in an interpreter of its own, where tests and benchmarks can be imported."""
    here = os.path.dirname(os.path.abspath(__file__))
    folders = os.pathsep.join([here, os.path.join(os.path.dirname(here), "benchmarks")])
    env = {k: v for k, v in os.environ.items() if k not in ("OGIVE_ISA", "OGIVE_NUM_THREADS")}
    env |= {"PYTHONPATH": folders, **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check_python(code: str, **kwargs: Any) -> str:
    """Standard output of code that must succeed."""
    done = run_python(code, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout
