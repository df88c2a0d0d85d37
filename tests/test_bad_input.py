"""Bad input: the right exception, naming argument, row and value; and nothing half-written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, ELEMENTWISE, HALVES, PLAIN_ROWS, ROWS, Call

Z = np.arange(12, dtype=np.float32).reshape(4, 3)
LABELS = np.array([0, 1, 2, 0])
cross = ogive.cross_entropy
binary = ogive.binary_cross_entropy

# What is called, with what, and the words the message must contain.
BAD: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], list[str]]] = {
    "label too large": (
        "cross_entropy", (Z, [0, 1, 3, 7]), {}, ValueError, ["target[2] = 3", "[0, 3)"]),
    "label negative": (
        "cross_entropy", (Z, [0, -1, 2, 0]), {}, ValueError, ["target[1] = -1"]),
    "label not ignored": (
        "cross_entropy", (Z, [0, -1, 2, 0]), {"ignore_index": -100}, ValueError,
        ["target[1] = -1", "ignore_index = -100"]),
    "label in two dimensions": (
        "cross_entropy", (np.zeros((2, 2, 3)), [[0, 1], [2, 5]]), {}, ValueError,
        ["target[1, 1] = 5"]),
    "label beyond int64": (
        "cross_entropy", (Z, np.array([0, 1, 2**64 - 1, 0], np.uint64)), {"ignore_index": -1},
        ValueError, ["target[2] = 18446744073709551615"]),
    "labels of another shape": (
        "cross_entropy", (Z, [0, 1]), {}, ValueError, ["(2,)", "(4, 3)"]),
    "labels that are floats": (
        "cross_entropy", (Z, [0.0, 1.0, 2.0, 0.0]), {}, TypeError, ["target", "float64"]),
    "probabilities of another shape": (
        "cross_entropy", (Z, np.ones((4, 4))), {}, ValueError, ["(4, 4)", "(4, 3)"]),
    "negative probability": (
        "cross_entropy", (Z, -np.eye(4, 3)), {}, ValueError, ["target[0, 0] = -1"]),
    "NaN probability": (
        "cross_entropy", (Z, np.full((4, 3), np.nan)), {}, ValueError, ["target[0, 0] = nan"]),
    "infinite probability": (
        "cross_entropy", (Z, np.full((4, 3), np.inf)), {}, ValueError, ["target[0, 0] = inf"]),
    "probability beyond the format": (
        "cross_entropy", (Z, np.full((4, 3), 1e300)), {}, ValueError, ["target[0, 0] = 1e+300"]),
    "complex probabilities": (
        "cross_entropy", (Z, np.ones((4, 3), complex)), {}, TypeError, ["target", "complex128"]),
    "object labels": (
        "cross_entropy", (Z, np.array([0, 1, None, 0], object)), {}, TypeError, ["object"]),
    "text labels": (
        "cross_entropy", (Z, ["a", "b", "c", "d"]), {}, TypeError, ["target"]),
    "complex logits": (
        "cross_entropy", (Z + 0j, LABELS), {}, TypeError, ["complex64", "real"]),
    "object logits": ("cross_entropy", (Z.astype(object), LABELS), {}, TypeError, ["object"]),
    "no classes": ("cross_entropy", (np.zeros((4, 0)), LABELS), {}, ValueError, ["(4, 0)"]),
    "a single number": ("cross_entropy", (1.0, 0), {}, ValueError, ["cross_entropy: axis"]),
    "axis out of range": ("cross_entropy", (Z, LABELS), {"axis": 2}, ValueError, ["axis", "2"]),
    "class weights of another length": (
        "cross_entropy", (Z, LABELS), {"weight": [1, 2]}, ValueError, ["weight", "(2,)", "3"]),
    "infinite class weight": (
        "cross_entropy", (Z, LABELS), {"weight": [1, np.inf, 1]}, ValueError, ["weight[1] = inf"]),
    "NaN class weight": (
        "cross_entropy", (Z, LABELS), {"weight": [1, 1, np.nan]}, ValueError, ["weight[2] = nan"]),
    "complex class weight": (
        "cross_entropy", (Z, LABELS), {"weight": [1j, 1, 1]}, TypeError, ["weight"]),
    "smoothing above 1": (
        "cross_entropy", (Z, LABELS), {"label_smoothing": 1.5}, ValueError,
        ["label_smoothing", "1.5"]),
    "smoothing NaN": (
        "cross_entropy", (Z, LABELS), {"label_smoothing": np.nan}, ValueError, ["label_smoothing"]),
    "smoothing text": (
        "cross_entropy", (Z, LABELS), {"label_smoothing": "a"}, TypeError, ["label_smoothing"]),
    "negative z_loss": ("cross_entropy", (Z, LABELS), {"z_loss": -1}, ValueError, ["z_loss", "-1"]),
    "softcap zero": ("cross_entropy", (Z, LABELS), {"softcap": 0}, ValueError, ["softcap", "0"]),
    "temperature zero": (
        "cross_entropy", (Z, LABELS), {"temperature": 0}, ValueError, ["temperature"]),
    "temperature infinite": (
        "cross_entropy", (Z, LABELS), {"temperature": np.inf}, ValueError, ["temperature", "inf"]),
    "unknown reduction": (
        "cross_entropy", (Z, LABELS), {"reduction": "avg"}, ValueError, ["reduction", "'avg'"]),
    "ignore_index that is no integer": (
        "cross_entropy", (Z, LABELS), {"ignore_index": 1.5}, TypeError, ["ignore_index", "1.5"]),
    "ignore_index with probabilities": (
        "cross_entropy", (Z, np.eye(4, 3)), {"ignore_index": 1}, ValueError, ["ignore_index"]),
    "unknown option": ("cross_entropy", (Z, LABELS), {"smooth": 1}, TypeError, ["smooth"]),
    "binary target of another shape": (
        "binary_cross_entropy", (Z, np.ones(3)), {}, ValueError, ["(3,)", "(4, 3)"]),
    "binary target above 1": (
        "binary_cross_entropy", (Z, np.full((4, 3), 2)), {}, ValueError, ["target[0, 0] = 2"]),
    "binary target negative": (
        "binary_cross_entropy", (Z, -np.eye(4, 3)), {}, ValueError, ["target[0, 0] = -1"]),
    "binary target NaN": (
        "binary_cross_entropy", (Z, np.full((4, 3), np.nan)), {}, ValueError, ["nan"]),
    "binary weight that does not fit": (
        "binary_cross_entropy", (Z, np.eye(4, 3)), {"weight": np.ones(2)}, ValueError,
        ["weight", "(2,)", "(4, 3)"]),
    "binary pos_weight NaN": (
        "binary_cross_entropy", (Z, np.eye(4, 3)), {"pos_weight": np.nan}, ValueError,
        ["pos_weight = nan"]),
    "binary complex logits": (
        "binary_cross_entropy", (Z + 0j, np.eye(4, 3)), {}, TypeError, ["complex64"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_head_names_what_is_wrong_and_writes_nothing(case: str) -> None:
    name, args, options, error, words = BAD[case]
    with pytest.raises(error) as raised:
        getattr(ogive, name)(*args, **options)
    for word in words:
        assert word in str(raised.value)
    out = np.full_like(np.asarray(args[0]), 7)
    kept = out.copy()
    with pytest.raises(error):
        getattr(ogive.value_and_grad, name)(*args, **options, out=out)
    assert np.array_equal(out, kept)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("name", [card.name for card in ogive.catalog("heads") if not card.layer])
def test_probabilities_of_any_format_are_checked_without_a_warning(name: str, dtype: Any) -> None:
    z = np.zeros((4, 3), dtype)
    for of in (*DTYPES, np.dtype(np.int64), np.dtype(np.uint64)):
        bad = [-1.0, np.nan, np.inf] if of.kind in "fV" else [-1.0] if of.kind == "i" else []
        bad += [10.0**18] if of not in HALVES and dtype == np.float16 else []  # too large for it
        for value in bad:
            target = np.zeros((4, 3), of)
            target[2, 1] = value
            with pytest.raises(ValueError, match=r"target\[2, 1\] = "):
                getattr(ogive, name)(z, target)


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.zeros((4, 2), np.float32), ValueError),
        (np.zeros((4, 3), np.float64), ValueError),
        (np.zeros((4, 3), ">f4"), ValueError),
        ([[0.0] * 3] * 4, TypeError),
    ],
    ids=["shape", "dtype", "byte order", "not an array"],
)
def test_an_out_that_cannot_take_the_gradient_is_refused(out: Any, error: Any) -> None:
    with pytest.raises(error, match="out"):
        ogive.value_and_grad.cross_entropy(Z, LABELS, out=out)
    assert not np.any(out)


def test_a_read_only_or_unaligned_out_is_refused() -> None:
    read_only = np.zeros_like(Z)
    read_only.flags.writeable = False
    memory = np.zeros(Z.nbytes + 1, np.uint8)
    unaligned = memory[1:].view(np.float32).reshape(Z.shape)
    for out in (read_only, unaligned):
        with pytest.raises(ValueError, match="out"):
            ogive.value_and_grad.cross_entropy(Z, LABELS, out=out)
        assert not out.any()


REFUSED = {
    "complex": (np.ones((2, 3), complex), "complex"),
    "complex64": (np.ones((2, 3), np.complex64), "complex"),
    "object": (np.array([[1.0, None]], object), "object"),
    "longdouble": (np.ones((2, 3), np.longdouble), "long double"),
    "text": (np.array([["a", "b"]]), ""),
    "time": (np.array([["2020-01-01"]], "M8[D]"), ""),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("call", [*ELEMENTWISE, *ROWS], ids=lambda call: call.id)
def test_what_is_not_real_is_refused_with_a_reason(call: Call, kind: str) -> None:
    x, word = REFUSED[kind]
    if np.dtype(np.longdouble).itemsize == 8 and kind == "longdouble":
        pytest.skip("long double is double here")
    arrays = [x] * call.inputs
    if call.id == "backward-logsumexp":
        arrays[0] = x[:, 0]
    with pytest.raises(TypeError) as raised:
        call(*arrays)
    if word:
        assert word in str(raised.value)
        assert call.name in str(raised.value)


def test_an_unknown_function_gets_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"'gelo'.*gelu"):
        ogive.card("gelo")
    with pytest.raises(ValueError, match=r"unknown function 'zzzzzz'"):
        ogive.card("zzzzzz")
    with pytest.raises(TypeError, match="int"):
        ogive.card(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_rows_name_what_does_not_fit(name: str) -> None:
    function, backward = getattr(ogive, name), getattr(ogive.backward, name)
    with pytest.raises(ValueError, match=r"axis"):
        function(Z, axis=2)
    for axis in (0.0, "0", None, (0,)):
        with pytest.raises(TypeError, match=f"{name}: axis must be an integer"):
            function(Z, axis=axis)
    with pytest.raises(ValueError, match=r"\(2,\).*\(4, 3\)"):
        function(Z, where=np.ones(2, bool))
    with pytest.raises(TypeError, match="boolean"):
        function(Z, where=np.ones(3))
    for temperature in (0, -1, np.nan, np.inf, "hot", 10**400):
        with pytest.raises((ValueError, TypeError), match="temperature"):
            function(Z, temperature=temperature)
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        function(Z, out=np.empty((4, 2), np.float32))
    with pytest.raises(ValueError, match=r"\(7,\).*\(4"):
        backward(np.ones(7, np.float32), Z)
    from_output = getattr(ogive.backward_from_output, name, None)
    for shape in ((7,), (2, 3), (5, 3), (4, 3, 1)):
        dy = np.ones(shape, np.float32)
        for function in filter(None, (backward, from_output)):
            with pytest.raises(ValueError, match="dy of shape"):
                function(dy, Z)


BOUNDED = [
    (call, p)
    for call in ELEMENTWISE
    for p in ogive.card(call.name).parameters
    if p.operand and p.domain != (-np.inf, np.inf)
]


@pytest.mark.parametrize(("call", "p"), BOUNDED, ids=lambda v: getattr(v, "id", v.name))
def test_a_parameter_outside_its_domain_is_refused(call: Call, p: Any) -> None:
    arrays = [np.ones(3, np.float32)] * call.inputs
    outside = [np.nan, *(end for end in p.domain), *(end - 1 for end in p.domain[:1])]
    for value in outside:
        out = np.full(3, 7, np.float32)
        for given in (value, np.float64(value), np.array(value)):
            with pytest.raises(ValueError, match=rf"{p.name} = {value}"):
                call(*arrays, **{p.name: given}, out=out)
        with pytest.raises(ValueError, match=rf"{p.name}\[1\] = {value}"):
            call(*arrays, **{p.name: np.array([p.default, value, value])}, out=out)
        assert out.tolist() == [7, 7, 7]
    call(*arrays, **{p.name: np.full(3, p.default)})


@pytest.mark.parametrize("call", ROWS, ids=lambda call: call.id)
def test_rows_refuse_an_out_or_a_temperature_that_does_not_fit(call: Call) -> None:
    reduced = call.id == "backward-logsumexp"
    arrays = [Z[:, 0] if reduced else Z, Z][2 - call.inputs :]
    shape = np.shape(call(*arrays))
    read_only = np.zeros(shape, np.float32)
    read_only.flags.writeable = False
    for out, error, words in (
        (np.zeros((4, 2), np.float32), ValueError, r"out.*\(4, 2\)"),
        (np.zeros((2, *shape), np.float32), ValueError, r"out.*\(2, 4"),
        (np.zeros(shape, np.int64), TypeError, "out.*int64"),
        (np.zeros(shape, bool), TypeError, "out.*bool"),
        (read_only, ValueError, "out is read-only"),
        ([0.0] * 4, TypeError, "out.*list"),
    ):
        with pytest.raises(error, match=words):
            call(*arrays, out=out)
        assert not np.any(out)
    for temperature in (np.ones(3), np.ones((2, 4)), np.ones((4, 1))):
        with pytest.raises(ValueError, match=r"temperature of shape .* does not fit .*\(4,\)"):
            call(*arrays, temperature=temperature)
    assert call(*arrays, temperature=np.ones(1)).shape == shape


def test_rrelu_needs_a_seed_and_equal_shapes_in_training() -> None:
    with pytest.raises(ValueError, match="seed"):
        ogive.rrelu(Z, training=True)
    with pytest.raises(TypeError):
        ogive.rrelu(Z, training=True, seed=1.5)
    with pytest.raises(ValueError, match=r"\(3,\).*\(4, 3\)"):
        ogive.backward.rrelu(Z[0], Z, training=True, seed=1)


@pytest.mark.parametrize("swapped", [False, True], ids=("native", "byte-swapped"))
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_probabilities_are_checked_to_the_last_bit(dtype: Any, swapped: bool) -> None:
    kind = np.dtype(dtype)
    if swapped and kind.kind == "V":
        pytest.skip("NumPy swaps no bytes of bfloat16")
    one, tiny = kind.type(1), np.nextafter(kind.type(0), kind.type(1))
    good = np.array([0, -0.0, tiny, one, np.nextafter(one, kind.type(0)), 0.5], kind)
    z = np.linspace(-2, 2, good.size).astype(kind)
    target = good.astype(kind.newbyteorder()) if swapped else good
    loss = ogive.binary_cross_entropy(z, target)
    assert np.isfinite(np.float64(loss))
    spaced = np.repeat(target, 2)[::2]
    assert ogive.binary_cross_entropy(z, spaced) == loss
    for wrong in (
        np.nextafter(one, kind.type(2)),
        -tiny,
        -one,
        kind.type(np.nan),
        kind.type(np.inf),
    ):
        for place in (0, good.size - 1):
            bad = target.copy()
            bad[place] = wrong
            with pytest.raises(ValueError, match=rf"target\[{place}\] = .*probabilities must be"):
                ogive.binary_cross_entropy(z, bad)
