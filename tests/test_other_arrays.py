"""What is no plain NumPy array: every function takes its numbers, or says what to give instead."""

from __future__ import annotations

import array
import inspect
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import xarray as xr

import ogive
from cases import BF16, assert_same_bits, flat, public, public_modes
from ogive.calls.rules import inputs

random = np.random.default_rng(0)
X, DY, OTHER = random.normal(0, 2, (3, 4, 5))
LABELS = np.array([0, 4, 2, 1])
CALLS = [(name, mode) for name in ogive.catalog.names() for mode in public_modes(name)]
pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
every_call = pytest.mark.parametrize(("name", "mode"), CALLS)


def kind(name: str) -> str:
    return ogive.catalog.kinds()[name]


def arguments(name: str, mode: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays that a function takes, by name and in their order, and what else it needs."""
    card = ogive.card(name)
    options: dict[str, Any] = {"seed": 7} if card.draws and kind(name) == "rows" else {}
    if kind(name) == "heads":
        if card.layer:
            return {"x": X, "W": np.vstack([OTHER, DY[:1]]), "target": LABELS}, options
        return {"logits": X, "target": LABELS if card.over_rows else (X > 0) * 1.0}, options
    if kind(name) == "gated":
        return ({"dy": DY} if mode == "backward" else {}) | {"a": X, "b": OTHER}, options
    if mode == "lean_backward":
        y, mask = getattr(ogive.lean, name)(X)
        given = {"dy": DY, "y": y}
        return {k: given[k] for k in inputs(ogive.card(name), mode) if k != "mask"}, {"mask": mask}
    reduces = kind(name) == "rows" and np.ndim(getattr(ogive, name)(X, **options)) == 1
    dy = {"dy": DY[:, 0] if reduces else DY} if mode.startswith("backward") else {}
    return dy | {"y" if mode == "backward_from_output" else "x": X}, options


def called(name: str, mode: str, wraps: dict[str, Any], **options: Any) -> list[Any]:
    """The results, with each argument named in `wraps` put through its function."""
    given, needed = arguments(name, mode)
    put = [wraps.get(k, lambda a: a)(a) for k, a in given.items()]
    mask = [needed.pop("mask")] if "mask" in needed else []
    return flat(public(name, mode)(*put, *mask, **needed, **options))


def is_elementwise(name: str, mode: str) -> bool:
    """A plain ufunc, or little more, whose containers NumPy asks by itself."""
    return kind(name) in ("unary", "gated") and mode not in ("lean", "lean_backward")


def read_only(a: Any) -> Any:
    a = a.copy()
    a.flags.writeable = False
    return a


def nullable(a: Any) -> Any:
    return pd.DataFrame(a).convert_dtypes() if a.ndim == 2 else pd.array(a)


def arrow(a: Any) -> Any:
    return pd.DataFrame(a).convert_dtypes(dtype_backend="pyarrow").squeeze()


def matrix(a: Any) -> Any:
    return np.asmatrix(a) if a.ndim == 2 else a


TAKEN: dict[str, Callable[[Any], Any]] = {
    "list": lambda a: a.tolist(),
    "arrays": lambda a: list(a),
    "buffer": lambda a: memoryview(np.ascontiguousarray(a)),
    "standard library": lambda a: array.array("dq"[a.dtype.kind == "i"], a) if a.ndim == 1 else a,
    "matrix": matrix,
    "memory map": lambda a: a.view(np.memmap),
    "records of nothing": lambda a: a.view(np.recarray),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder("S")),
    "read-only": read_only,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "unaligned": lambda a: unaligned(a),
    "frame": lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a),
    "index": lambda a: pd.Index(a) if a.ndim == 1 else a,
    "categories": lambda a: pd.Series(a, dtype="category") if a.dtype.kind == "i" else a,
    "nullable": nullable,
    "arrow": arrow,
    "labelled": lambda a: xr.DataArray(a, dims=("sample", "class")[: a.ndim]),
    "variable": lambda a: xr.Variable(("sample", "class")[: a.ndim], a),
    "dask": lambda a: da.from_array(a, chunks=(2, *a.shape[1:])),
    "polars": lambda a: pl.DataFrame(a) if a.ndim == 2 else pl.Series(a),
}


@every_call
def test_numbers_in_any_container_give_the_same_bits(name: str, mode: str) -> None:
    given, _ = arguments(name, mode)
    want = called(name, mode, {})
    lean = mode in ("lean", "lean_backward")
    several = is_elementwise(name, mode) and (len(given) > 1 or ogive.card(name).parameters)
    for wrap, make in TAKEN.items():
        wraps = dict.fromkeys(given, make)
        if wrap == "dask" and lean:
            with pytest.raises(TypeError, match="map_blocks"):  # a chunk's mask says nothing
                called(name, mode, wraps)
        elif wrap in ("nullable", "arrow") and several:
            # pandas makes objects of such a frame beside another operand.
            with pytest.raises(TypeError, match=r"objects.*x\.astype\(float\)"):
                called(name, mode, wraps)
        else:
            for a, b in zip(called(name, mode, wraps), want, strict=True):
                assert_same_bits(np.asarray(a, np.asarray(b).dtype), b, wrap)


@pytest.mark.parametrize("mode", public_modes("rrelu"))
def test_noise_by_place_in_any_container(mode: str) -> None:
    if mode in ("lean", "lean_backward"):
        return  # which draw nothing
    drawn = {"training": True, "seed": 3}
    given, _ = arguments("rrelu", mode)
    (want,) = called("rrelu", mode, {}, **drawn)
    for wrap, make in TAKEN.items():
        (got,) = called("rrelu", mode, dict.fromkeys(given, make), **drawn)
        assert_same_bits(np.asarray(got), want, wrap)
    for wrap, words in REFUSED.values():
        for argument in given:
            with pytest.raises((TypeError, ValueError), match=words):
                called("rrelu", mode, {argument: wrap}, **drawn)


class Metres(np.ndarray[Any, Any]):
    """An array with a unit, which lets no function be applied to it but those it knows."""

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented


class Length:
    """The same without being an array."""

    def __init__(self, values: Any):
        self.values = values

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.values

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented


def ragged(a: Any) -> Any:
    return [*a.tolist()[1:], [0.0, [1.0]]]


def with_gap(a: Any) -> Any:
    a = pd.DataFrame(a).convert_dtypes() if a.ndim == 2 else pd.Series(a).convert_dtypes()
    a.iloc[(1,) * a.ndim] = pd.NA
    return a


def polars_with_gap(a: Any) -> Any:
    values = a.tolist()
    if a.ndim == 1:
        return pl.Series([values[0], None, *values[2:]])
    values[1][1] = None
    return pl.DataFrame(values, orient="row")


def arrow_with_gap(a: Any) -> Any:
    values = a.T.tolist()
    if a.ndim == 1:
        return pa.array([values[0], None, *values[2:]])
    values[1][1] = None
    return pa.table({str(k): column for k, column in enumerate(values)})


def structured(a: Any) -> Any:
    return a.astype([("value", a.dtype)])


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "masked": (lambda a: np.ma.array(a, mask=a > 1), r"masked array.*x\.filled"),
    "masked in dask": (
        lambda a: da.from_array(np.ma.array(a, mask=a > 1), chunks=a.shape), r"masked array"),
    "sparse matrix": (lambda a: scipy.sparse.csr_matrix(a), r"csr_matrix.*x\.toarray\(\)"),
    "sparse array": (lambda a: scipy.sparse.coo_array(a), r"coo_array.*x\.toarray\(\)"),
    "objects": (lambda a: a.astype(object), "object"),
    "text": (lambda a: a.astype(str), "<U|not supported for the input types"),
    "time": (lambda a: a.astype("m8[s]"), r"timedelta64|not supported for the input types"),
    "structured": (structured, "value|not supported for the input types"),
    "records": (lambda a: structured(a).view(np.recarray), "record|not supported"),
    "complex": (lambda a: a + 0j, "complex"),
    "long double": (lambda a: a.astype(np.longdouble), "long ?double|float128|not supported"),
    "ragged": (ragged, "inhomogeneous"),
    "nothing": (lambda a: None, "None"),
    "a set": (lambda a: {1.0, 2.0}, "set"),
    "a unit": (lambda a: a.view(Metres), "Metres"),
    "a length": (Length, "Length"),
    "delayed": (lambda a: dask.delayed(a), "Delayed"),
    "a data set": (lambda a: xr.Dataset({"data": (("p", "q")[: a.ndim], a)}), "Dataset"),
    "a gap": (with_gap, r"\[1(, 1)?\] is missing.*fillna"),
    "a gap in pyarrow": (arrow_with_gap, r"\[1(, 1)?\] is missing.*fill_null"),
    "a lazy frame": (lambda a: pl.LazyFrame({"a": [1.0]}), "LazyFrame"),
    "a gap in polars": (polars_with_gap, r"\[1(, 1)?\] is missing.*fill_null"),
}  # fmt: skip
LONG_DOUBLE_IS_DOUBLE = np.dtype(np.longdouble).itemsize == 8
HONOURED = (
    "masked",
    "masked in dask",
    "a data set",
    "a gap",
    "a gap in polars",
    "a gap in pyarrow",
)


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", ogive.catalog.names())
def test_what_has_no_plain_numbers_is_refused_with_a_reason(name: str, what: str) -> None:
    wrap, words = REFUSED[what]
    for mode in public_modes(name):
        if what in HONOURED and is_elementwise(name, mode):
            continue  # NumPy asks the container itself
        for argument, value in arguments(name, mode)[0].items():
            if what == "long double" and (value.dtype.kind == "i" or LONG_DOUBLE_IS_DOUBLE):
                continue
            with pytest.raises((TypeError, ValueError), match=words) as raised:
                called(name, mode, {argument: wrap})
            if not is_elementwise(name, mode) and "not supported for" not in str(raised.value):
                assert argument in str(raised.value) or name in str(raised.value)


def test_an_integer_beyond_64_bits_is_named_with_what_to_do() -> None:
    for name, mode in CALLS:
        if is_elementwise(name, mode):
            continue  # NumPy refuses it
        for argument in arguments(name, mode)[0]:
            with pytest.raises(
                ValueError, match="is an integer beyond 64 bits: give it as a float"
            ):
                print(name, mode, argument, called(name, mode, {argument: lambda a: 2**70}))


@pytest.mark.parametrize(
    ("name", "mode"),
    [call for call in CALLS if is_elementwise(*call) and call != ("prelu", "backward")],
)
def test_elementwise_functions_leave_masked_and_missing_elements_so(name: str, mode: str) -> None:
    given, _ = arguments(name, mode)
    mask = X > 1
    for argument in given:
        for got, want in zip(
            called(name, mode, {argument: lambda a: np.ma.array(a, mask=mask)}),
            called(name, mode, {}),
            strict=True,
        ):
            assert isinstance(got, np.ma.MaskedArray)
            assert (got.mask == mask).all()
            assert_same_bits(got.data[~mask], want[~mask])
    row = {k: lambda a: pd.Series(abs(a[0])).convert_dtypes() for k in given}
    gap = row | {argument: lambda a: with_gap(abs(a[0]))}
    for got, want in zip(called(name, mode, gap), called(name, mode, row), strict=True):
        assert got.isna().tolist() == [False, True, False, False, False]
        assert_same_bits(got.drop(1).to_numpy(float), want.drop(1).to_numpy(float))


PARAMETERS = [
    (name, mode, p.name)
    for name, mode in CALLS
    for p in ogive.card(name).parameters
    if p.role in ("weights", "bias") or (p.operand and (kind(name) == "unary" or p.holds(2.0)))
]
every_parameter = pytest.mark.parametrize(("name", "mode", "parameter"), PARAMETERS)


def role(name: str, parameter: str) -> str:
    (found,) = (p.role for p in ogive.card(name).parameters if p.name == parameter)
    return found


def usual(name: str, mode: str, parameter: str) -> Any:
    """What a parameter may be: numbers that all formats hold."""
    per_element = kind(name) == "unary" and mode not in ("lean", "lean_backward")
    if per_element or role(name, parameter) in ("weights", "bias"):
        return np.array([1.0, 2.0, 0.5, 1.0, 2.0]) if kind(name) != "unary" or per_element else 2.0
    return np.array([1.0, 2.0, 0.5, 4.0]) if kind(name) == "rows" else np.array(2.0)


def unaligned(a: Any) -> Any:
    memory = np.zeros(a.nbytes + 1, np.uint8)
    view = memory[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


FORMS: dict[str, Callable[[Any], Any]] = {
    "float16": lambda a: a.astype(np.float16),
    "bfloat16": lambda a: a.astype(BF16),
    "float32": lambda a: a.astype(np.float32),
    "byte-swapped": lambda a: a.astype(">f8"),
    "byte-swapped halves": lambda a: a.astype(">f2"),
    "read-only": read_only,
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "unaligned": unaligned,
    "unaligned floats": lambda a: unaligned(a.astype(np.float32)),
    "list": lambda a: a.tolist(),
    "number of NumPy's": lambda a: a if a.ndim else np.float32(a),
    "number of bfloat16": lambda a: a if a.ndim else BF16.type(a),
}


@every_parameter
def test_a_parameter_may_have_any_format_and_layout(name: str, mode: str, parameter: str) -> None:
    # A lower bound stays below the upper one.
    lower = parameter in ogive.card(name).ordered[:1]
    numbers = [np.asarray(usual(name, mode, parameter)), np.array(2.0)]
    if lower:
        numbers = [number if number.ndim else np.array(-number) for number in numbers]
    if role(name, parameter) in ("weights", "bias") and ogive.card(name).over_rows:
        numbers.pop()  # a number for each class
    for number in numbers:
        want = called(name, mode, {}, **{parameter: number})
        for form, make in FORMS.items():
            got = called(name, mode, {}, **{parameter: make(number)})
            for a, b in zip(got, want, strict=True):
                # The gradient of an array of weights has its format.
                assert_same_bits(np.asarray(a), np.asarray(b).astype(np.asarray(a).dtype), form)
        whole = np.ceil(number)
        want = called(name, mode, {}, **{parameter: whole})
        for code in "bhilq" if lower else "bBhHiIlLqQ":
            got = called(name, mode, {}, **{parameter: whole.astype(code)})
            for a, b in zip(got, want, strict=True):
                assert_same_bits(np.asarray(a), np.asarray(b).astype(np.asarray(a).dtype), code)


@every_parameter
def test_a_parameter_that_is_no_real_number_is_refused(
    name: str, mode: str, parameter: str
) -> None:
    number = np.asarray(usual(name, mode, parameter))
    bad = [number + 0j, number.astype(object), number.astype(str), number.astype("M8[s]"), "1", {1}]
    if number.ndim and not LONG_DOUBLE_IS_DOUBLE:
        bad.append(number.astype(np.longdouble))
    for value in bad:
        with pytest.raises(TypeError, match=parameter):
            called(name, mode, {}, **{parameter: value})
    if not is_elementwise(name, mode) or mode == "backward":
        masked = np.ma.array(number, mask=number > 1)
        if (name, mode) == ("prelu", "backward") or not is_elementwise(name, mode):
            with pytest.raises(TypeError, match=f"{parameter}.*mask"):
                called(name, mode, {}, **{parameter: masked})


MASKABLE = [
    (name, mode)
    for name, mode in CALLS
    if ogive.card(name).has("mask") and mode != "backward_from_output"
]


@pytest.mark.parametrize(("name", "mode"), MASKABLE)
def test_a_mask_may_have_any_container_and_layout(name: str, mode: str) -> None:
    where = X < 1
    want = called(name, mode, {}, where=where)
    for wrap in TAKEN:
        if wrap in ("standard library", "buffer", "byte-swapped"):
            continue  # which know no booleans
        for a, b in zip(called(name, mode, {}, where=TAKEN[wrap](where)), want, strict=True):
            assert_same_bits(np.asarray(a), b, wrap)
    for bad in (np.ma.array(where, mask=where), scipy.sparse.csr_matrix(where), with_gap(where)):
        with pytest.raises((TypeError, ValueError), match="where"):
            called(name, mode, {}, where=bad)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode)
        for name, mode in CALLS
        if "out" in inspect.signature(public(name, mode)).parameters
        and not is_elementwise(name, mode)
    ],
)
def test_what_is_written_to_must_not_be_masked(name: str, mode: str) -> None:
    """Where NumPy writes, the mask becomes that of the result; elsewhere it would stay."""
    masked = np.ma.array(np.full(X.shape, 5.0), mask=True)
    length = 3 if ogive.card(name).layer else {"lean": 2, "value_grad_hess": 2}.get(mode)
    out: Any = masked if length is None else (masked, *[None] * (length - 1))
    with pytest.raises(TypeError, match=r"out.* is a masked array.*out\.data"):
        called(name, mode, {}, out=out)
    np.testing.assert_array_equal(masked.data, np.full(X.shape, 5.0))
