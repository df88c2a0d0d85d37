"""A layer's logits are never whole, and the results are those of the dense formula.

The reference multiplies and sums in long double and takes the rows' formula from test_heads.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import ogive
from cases import BF16, DTYPE_IDS, DTYPES, HALVES, assert_same_bits, check_python
from ogive.catalog import find
from ogive.reference import arb as enclosures
from ogive.reference import ulp
from test_heads import CHOICES, IGNORED, LONG, cross_entropy, pairs

MODULE = importlib.import_module("ogive._numpy.linear")
GRAD = ogive.value_and_grad.linear_cross_entropy
ROWS, INPUTS, CLASSES = 7, 4, 5
random = np.random.default_rng(0)
X = random.normal(0, 2, (ROWS, INPUTS)).astype(np.float32)
W = random.normal(0, 1, (CLASSES, INPUTS)).astype(np.float32)
BIAS = random.normal(0, 1, CLASSES).astype(np.float32)
LABELS = np.array([0, 4, 2, 1, 3, 3, 0])
SHARES = random.uniform(0, 1, (ROWS, CLASSES)).astype(np.float32)

LAYER_CHOICES = CHOICES | {
    "bias": [None, BIAS],
    "accumulate": [None, "float64"],
    "chunk_rows": [None, 1, 3],
}


def dense(
    x: Any, W: Any, target: Any, options: dict[str, Any]
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Loss, gradients, and how far each may be off: the errors of the logits, of the rows and of
    the sums, to first order and doubled.
    """
    own = {name: options.get(name, values[0]) for name, values in CHOICES.items()}
    own["hard"] = target.shape == x.shape[:-1]
    bias = np.zeros(len(W)) if options.get("bias") is None else options["bias"]
    x, W, bias = (a.astype(LONG) for a in (x, W, bias))
    z = x @ W.T + bias
    loss, dz = cross_entropy(z, target, own)
    dz = np.asarray(dz)

    unit = LONG(2.0**-53 if options.get("accumulate") == "float64" else 2.0**-24)
    total = LONG(1)
    if own["reduction"] == "mean":
        kept = target != own["ignore_index"] if own["hard"] else np.ones(len(x), bool)
        own_weights = np.ones(len(W)) if own["weight"] is None or not own["hard"] else own["weight"]
        total = 1 / LONG(own_weights[target[kept]].sum() if own["hard"] else len(x))
    off = (x.shape[1] + 1) * unit * (np.abs(x) @ np.abs(W).T + np.abs(bias)).max(initial=0)
    off /= LONG(own["temperature"])
    own_weight = 1 if own["weight"] is None else own["weight"].max()
    size = own_weight * len(W) * (1 + 2 * own["z_loss"] * (1 + np.abs(z).max(initial=0)))
    of_rows = 4 * size * (off + unit) * (1 + 2 / (own["softcap"] or np.inf)) * total
    of_rows = of_rows / LONG(own["temperature"]) + unit * np.abs(dz)

    def product(a: Any, b: Any, a_off: Any = 0) -> tuple[Any, Any]:
        return a @ b, 2 * (a_off + len(b) * unit * np.abs(a)) @ np.abs(b)

    one = np.ones((len(x), 1), LONG)
    found = {
        "dx": product(dz, W, of_rows),
        "dW": product(dz.T, x, of_rows.T),
        "db": product(dz.T, one, of_rows.T),
    }
    exact = {name: pair[0] for name, pair in found.items()}
    allowed = {name: pair[1] for name, pair in found.items()}
    exact["db"], allowed["db"] = exact["db"][:, 0], allowed["db"][:, 0]
    if options.get("bias") is None:
        del exact["db"]
    shifted = np.asarray(cross_entropy(z, target, own | {"reduction": "none"})[0])
    allowed["loss"] = 4 * size * off + 0 * shifted
    if own["reduction"] == "mean":
        allowed["loss"] = allowed["loss"].max(initial=0)
    elif own["reduction"] == "sum":
        allowed["loss"] = allowed["loss"].sum()
    return loss, exact, allowed


def assert_within(got: Any, exact: Any, allowed: Any) -> None:
    """Within what the sums may lose, and one rounding."""
    __tracebackhide__ = True
    got = np.asarray(got)
    error = np.abs(got.astype(LONG) - exact)
    spacing = np.spacing(np.abs(exact).astype(got.dtype)).astype(LONG)
    assert np.all(error <= allowed + spacing), (error / (allowed + spacing)).max()


def unique(cases: list[dict[str, Any]]) -> Any:
    def described(case: dict[str, Any]) -> str:
        changed = [
            f"{k}={'…' if isinstance(v, np.ndarray) else v}"
            for k, v in case.items()
            if v is not LAYER_CHOICES[k][0]
        ]
        return ",".join(changed) or "defaults"

    seen = {described(case): case for case in cases}
    return pytest.mark.parametrize("options", seen.values(), ids=seen.keys())


@unique(pairs(LAYER_CHOICES))
def test_every_pair_of_options_gives_the_dense_result(options: dict[str, Any]) -> None:
    target = LABELS if options["hard"] else SHARES
    if not options["hard"]:
        options = options | {"ignore_index": None}
    given = {k: v for k, v in options.items() if k != "hard"}
    loss, gradients = GRAD(X, W, target, **given)
    exact_loss, exact, allowed = dense(X, W, target, options)
    assert_within(loss, exact_loss, allowed["loss"])
    for name, got in zip(("dx", "dW", "db"), gradients, strict=True):
        if name in exact:
            assert got.dtype == np.float32
            assert_within(got, exact[name], allowed[name])
        else:
            assert got is None
    value = ogive.linear_cross_entropy(X, W, target, **given)
    assert_same_bits(value, loss)
    assert np.shape(value) == ((ROWS,) if options["reduction"] == "none" else ())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": BIAS.tolist()},
        {"bias": BIAS.tolist(), "label_smoothing": 0.1, "z_loss": 0.01},
        {"weight": [0.5, 2.0, 1.0, 0.25, 3.0], "label": 1, "z_loss": 0.1, "softcap": 5.0},
        {"bias": BIAS.tolist(), "temperature": 0.5, "softcap": 30.0, "label_smoothing": 0.2},
    ],
)
def test_sums_in_float64_give_each_element_within_one_ulp(options: dict[str, Any]) -> None:
    label = 1
    t = np.eye(CLASSES)[label].tolist()
    exact, slopes = enclosures.layer(
        find("linear_cross_entropy"), X[0].tolist(), W.tolist(), t, **options
    )
    given = {k: np.float32(v) if k == "bias" else v for k, v in options.items() if k != "label"}
    loss, (dx, dW, db) = GRAD(X[:1], W, [label], **given, reduction="sum", accumulate="float64")
    got = [*dx.ravel(), *dW.ravel(), *([] if db is None else db)]
    assert ulp.error(float(loss), exact, ulp.FLOAT32) <= 1
    # A component may cancel to nothing.
    unit = enclosures.arb(2.0**-44 * max(float(abs(s)) for s in slopes))
    for value, slope in zip(got, slopes, strict=True):
        assert ulp.error(float(value), slope, ulp.FLOAT32, least_unit=unit) <= 1


@pytest.mark.parametrize("chunk", [1, 2, 5, 64, 199, 200, 1000, None])
@pytest.mark.parametrize("accumulate", ["float32", "float64"])
def test_any_chunk_gives_the_dense_result_within_the_bound(
    chunk: int | None, accumulate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = random.normal(0, 1, (200, 33)).astype(np.float32)
    layer = random.normal(0, 0.3, (301, 33)).astype(np.float32)
    labels = random.integers(0, 301, 200)
    options = {"accumulate": accumulate, "bias": layer[:, 0].copy()}
    exact_loss, exact, allowed = dense(x, layer, labels, options)
    for piece in (MODULE.PIECE, 33 * 8 * 10):  # whole, and ten or twenty classes at a time
        monkeypatch.setattr(MODULE, "PIECE", piece)
        loss, gradients = GRAD(x, layer, labels, **options, chunk_rows=chunk)
        assert_within(loss, exact_loss, allowed["loss"])
        for name, got in zip(exact, gradients, strict=True):
            assert_within(got, exact[name], allowed[name])


def test_rows_that_are_ignored_take_no_part() -> None:
    ignored = LABELS == IGNORED
    poisoned = X.copy()
    poisoned[ignored] = np.nan
    loss, (dx, dW, db) = GRAD(poisoned, W, LABELS, BIAS, ignore_index=IGNORED)
    kept_loss, (kept_dx, kept_dW, kept_db) = GRAD(X[~ignored], W, LABELS[~ignored], BIAS)
    assert_same_bits(loss, kept_loss)
    assert_same_bits(dx[~ignored], kept_dx)
    assert_same_bits(dW, kept_dW)
    assert_same_bits(db, kept_db)
    assert not dx[ignored].any()
    each = ogive.linear_cross_entropy(
        poisoned, W, LABELS, ignore_index=IGNORED, reduction="none", chunk_rows=2
    )
    assert each.shape == LABELS.shape
    assert not each[ignored].any()


@pytest.mark.parametrize("rows", [0, ROWS])
def test_a_mean_over_nothing_is_zero(rows: int) -> None:
    loss, gradients = GRAD(X[:rows], W, np.full(rows, -1), BIAS, ignore_index=-1)
    assert loss == 0
    assert [g.shape for g in gradients] == [(rows, INPUTS), W.shape, BIAS.shape]
    assert not any(g.any() for g in gradients)


def test_without_inputs_the_bias_alone_decides() -> None:
    loss, (dx, dW, db) = GRAD(X[:, :0], W[:, :0], LABELS, BIAS)
    want, dz = ogive.value_and_grad.cross_entropy(np.tile(BIAS, (ROWS, 1)), LABELS)
    assert_same_bits(loss, want)
    assert dx.shape == (ROWS, 0)
    assert dW.shape == (CLASSES, 0)
    np.testing.assert_allclose(db, dz.sum(axis=0), rtol=1e-6)


def test_rows_may_have_any_leading_shape() -> None:
    x, labels = X[:6].reshape(2, 3, INPUTS), LABELS[:6].reshape(2, 3)
    for goal in (labels, SHARES[:6].reshape(2, 3, CLASSES)):
        flat = goal.reshape(6, *goal.shape[2:])
        loss, (dx, dW, _) = GRAD(x, W, goal, reduction="none")
        want, (want_dx, want_dW, _) = GRAD(X[:6], W, flat, reduction="none")
        assert_same_bits(loss, want.reshape(2, 3))
        assert_same_bits(dx, want_dx.reshape(x.shape))
        assert_same_bits(dW, want_dW)
    one, (dx, _, _) = GRAD(X[0], W, LABELS[0])
    want, (want_dx, _, _) = GRAD(X[:1], W, LABELS[:1])
    assert_same_bits(one, want)
    assert_same_bits(dx, want_dx[0])


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_narrow_formats_are_widened_and_rounded_once(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "PIECE", 2 * INPUTS * 8)
    narrow = [a.astype(dtype) for a in (X, W, BIAS)]
    wide = [a.astype(np.float64 if dtype == np.float64 else np.float32) for a in narrow]
    for chunk in (2, 100):
        # In the widest layout every element is one product, whose sum has no order.
        for options in ({"chunk_rows": chunk}, {"chunk_rows": chunk, "accumulate": "float64"}):
            loss, got = GRAD(*narrow[:2], LABELS, narrow[2], **options)
            want_loss, want = GRAD(*wide[:2], LABELS, wide[2], **options)
            assert loss.dtype == dtype
            for a, b in zip((loss, *got), (want_loss, *want), strict=True):
                assert a.dtype == dtype
                off = np.abs(np.asarray(a).astype(LONG) - np.asarray(b).astype(LONG))
                spacing = np.spacing(np.abs(np.asarray(b)).astype(np.float32))
                if dtype in HALVES:
                    spacing = np.abs(np.asarray(b)) * 2.0 ** (-11 if dtype != BF16 else -8)
                assert np.all(off <= 1.01 * spacing + 2.0**-24)


def test_float64_arrays_are_multiplied_in_float64() -> None:
    x, layer = X.astype(np.float64) / 3, W.astype(np.float64) / 3
    exact_loss, exact, allowed = dense(x, layer, LABELS, {"accumulate": "float64"})
    for chunk in (2, 100):
        loss, gradients = GRAD(x, layer, LABELS, chunk_rows=chunk)
        assert_within(loss, exact_loss, allowed["loss"])
        for name, got in zip(exact, gradients, strict=False):
            assert got.dtype == np.float64
            assert_within(got, exact[name], allowed[name])


def test_each_gradient_has_the_format_of_its_array() -> None:
    loss, (dx, dW, db) = GRAD(X.astype(np.float16), W, LABELS, BIAS.astype(np.float64))
    assert (loss.dtype, dx.dtype, dW.dtype, db.dtype) == (
        np.float64, np.float16, np.float32, np.float64,
    )  # fmt: skip
    whole = GRAD(np.ones((2, 3), np.int8), np.ones((4, 3), np.int8), [0, 1])
    assert whole[0].dtype == whole[1][0].dtype == whole[1][1].dtype == np.float16


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "stride 2": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "reversed inputs": lambda a: a[..., ::-1].copy()[..., ::-1],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape),
    "list": lambda a: a,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk", [2, None])
def test_any_layout_of_arrays_and_results(layout: str, chunk: int | None) -> None:
    _, exact, allowed = dense(X, W, LABELS, {"bias": BIAS})
    x, layer, bias = (LAYOUTS[layout](a) for a in (X, W, BIAS))
    results = tuple(np.full_like(a, 7) for a in (X, W, BIAS))
    if layout in ("Fortran order", "stride 2", "reversed", "reversed inputs"):
        results = tuple(LAYOUTS[layout](a) for a in results)
    _, got = GRAD(x, layer, LABELS, bias, chunk_rows=chunk, out=results)
    for name, array, mine in zip(exact, got, results, strict=True):
        assert array is mine
        assert_within(array, exact[name], allowed[name])


@pytest.mark.parametrize("ignore", [None, IGNORED])
def test_gradients_may_overwrite_what_they_are_of(ignore: int | None) -> None:
    options = {"ignore_index": ignore, "chunk_rows": 3}
    loss, want = GRAD(X, W, LABELS, BIAS, **options)
    x, layer, bias = X.copy(), W.copy(), BIAS.copy()
    in_place, got = GRAD(x, layer, LABELS, bias, **options, out=(x, layer, bias))
    assert_same_bits(in_place, loss)
    for a, mine, b in zip(got, (x, layer, bias), want, strict=True):
        assert a is mine
        assert_same_bits(a, b)
    for forwards in (True, False):
        memory = np.zeros((ROWS + 1, INPUTS), np.float32)
        early, late = memory[:-1], memory[1:]
        x, into = (late, early) if forwards else (early, late)
        x[...] = X
        _, (dx, _, _) = GRAD(x, W, LABELS, BIAS, **options, out=(into, None, None))
        assert_same_bits(dx, want[0])
    shares = np.asfortranarray(SHARES[:4, :4])
    square, small = X[:4], W[:4]
    _, (want_dx, want_dW, _) = GRAD(square, small, shares.copy(), chunk_rows=1)
    _, (dx, dW, _) = GRAD(square, small, shares, chunk_rows=1, out=(None, shares))
    assert_same_bits(dx, want_dx)
    assert_same_bits(dW, want_dW)


def test_results_that_share_memory_are_refused() -> None:
    memory = np.zeros((ROWS + CLASSES, INPUTS), np.float32)
    with pytest.raises(ValueError, match="dx and dW share memory"):
        GRAD(X, W, LABELS, out=(memory[:ROWS], memory[2 : 2 + CLASSES]))
    assert not memory.any()


def test_undefined_rows_say_so_without_a_warning() -> None:
    x = X.copy()
    x[2] = np.nan
    loss, (dx, _, _) = GRAD(x, W, LABELS, reduction="none", chunk_rows=2)
    assert np.isnan(loss).tolist() == [i == 2 for i in range(ROWS)]
    assert np.isnan(dx).all(axis=1).tolist() == [i == 2 for i in range(ROWS)]


def test_threads_of_ogive_change_no_bits() -> None:
    x = random.normal(0, 1, (600, 40)).astype(np.float32)
    layer = random.normal(0, 1, (900, 40)).astype(np.float32)
    labels = random.integers(0, 900, 600)
    ogive.set_num_threads(1)
    loss, want = GRAD(x, layer, labels, layer[:, 0], chunk_rows=250)
    ogive.set_num_threads(3)
    again, got = GRAD(x, layer, labels, layer[:, 0], chunk_rows=250)
    assert_same_bits(again, loss)
    for a, b in zip(got, want, strict=True):
        assert_same_bits(a, b)


PEAK = """
import resource, numpy as np, ogive
rows, d, classes = 4096, 16, 32768
random = np.random.default_rng(0)
x = random.standard_normal((rows, d), np.float32)
W = random.standard_normal((classes, d), np.float32)
few = slice(0, 4)
def run(x, target, **options):
    return ogive.value_and_grad.linear_cross_entropy(x, W, target, **options)
run(x[few], np.arange(4))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_, (dx, dW, _) = run(x, np.arange(rows))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert np.isfinite(dx).all() and np.isfinite(dW).all()
print((after - before) * 1024 / (rows * classes * 4))
"""


def test_the_logits_are_never_whole() -> None:
    # 512 MiB of logits; the buffer holds 64 MiB of them.
    assert float(check_python(PEAK, OGIVE_NUM_THREADS="2")) < 0.25


def test_chunks_are_sized_by_what_memory_already_holds() -> None:
    def chunk(classes: int, inputs: int, dtype: Any = np.float32) -> int:
        return MODULE.checked_chunk(None, (classes, inputs), np.dtype(dtype).itemsize)  # type: ignore[no-any-return]

    assert chunk(10, 64) == (16 << 20) // 40
    assert chunk(32_768, 512) == 512
    assert chunk(128_256, 2048) == 512
    assert chunk(1 << 20, 64) == 64
    assert chunk(1 << 28, 1) == 1


NO_COMMON_FORMAT: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "no common format": (
        {"x": X.astype(np.float16), "W": W.astype(BF16)}, TypeError, ["x of float16", "bfloat16"]),
}  # fmt: skip
try:
    np.result_type(np.float16, BF16)
except TypeError:
    pass
else:  # as ml_dtypes 0.7 has it, they have one: float32
    NO_COMMON_FORMAT = {}

BAD: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "x of another width": ({"x": X[:, 1:]}, ValueError, ["(7, 3)", "(5, 4)"]),
    "a single number": ({"x": np.float32(1)}, ValueError, ["x of shape ()"]),
    "W of one dimension": ({"W": W[0]}, ValueError, ["W of shape (4,)"]),
    "W of three dimensions": ({"W": W[None]}, ValueError, ["W of shape (1, 5, 4)"]),
    "no classes": ({"W": W[:0]}, ValueError, ["(0, 4)", "classes"]),
    "bias of another length": ({"bias": BIAS[1:]}, ValueError, ["bias", "(4,)", "5"]),
    "complex x": ({"x": X + 0j}, TypeError, ["x of dtype complex64"]),
    "complex W": ({"W": W + 0j}, TypeError, ["W of dtype complex64"]),
    "object bias": ({"bias": BIAS.astype(object)}, TypeError, ["bias of dtype object"]),
    **NO_COMMON_FORMAT,
    "labels of another shape": ({"target": LABELS[1:]}, ValueError, ["(6,)", "(7,)", "(7, 5)"]),
    "a label beyond the classes": (
        {"target": LABELS + 1}, ValueError, ["target[1] = 5", "[0, 5)"]),
    "a label that is not ignored": (
        {"target": -LABELS, "ignore_index": -1}, ValueError, ["target[1] = -4", "ignore_index"]),
    "real labels": ({"target": LABELS / 2}, TypeError, ["labels must be integers"]),
    "a negative probability in a late chunk": (
        {"target": np.where(np.arange(35).reshape(7, 5) == 33, -1, SHARES), "chunk_rows": 2},
        ValueError, ["target[6, 3] = -1"]),
    "complex probabilities": ({"target": SHARES + 0j}, TypeError, ["target", "complex"]),
    "ignore_index with probabilities": (
        {"target": SHARES, "ignore_index": 1}, ValueError, ["ignore_index"]),
    "class weights of another length": ({"weight": [1, 2]}, ValueError, ["weight", "(2,)", "5"]),
    "smoothing above 1": ({"label_smoothing": 2}, ValueError, ["label_smoothing", "2"]),
    "negative z_loss": ({"z_loss": -1}, ValueError, ["z_loss"]),
    "softcap zero": ({"softcap": 0}, ValueError, ["softcap"]),
    "temperature zero": ({"temperature": 0}, ValueError, ["temperature"]),
    "unknown reduction": ({"reduction": "avg"}, ValueError, ["reduction", "'avg'"]),
    "unknown format of sums": ({"accumulate": "float16"}, ValueError, ["accumulate", "'float16'"]),
    "narrow sums of float64": (
        {"x": X.astype(float), "accumulate": "float32"}, ValueError, ["accumulate", "float64"]),
    "chunks of nothing": ({"chunk_rows": 0}, ValueError, ["chunk_rows", "0"]),
    "chunks of half a row": ({"chunk_rows": 0.5}, TypeError, ["chunk_rows", "0.5"]),
    "unknown option": ({"axis": 1}, TypeError, ["axis"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_the_error_names_what_is_wrong_and_nothing_is_written(case: str) -> None:
    changed, error, words = BAD[case]
    options = {"x": X, "W": W, "target": LABELS, "bias": BIAS} | changed
    with pytest.raises(error) as raised:
        ogive.linear_cross_entropy(**options)
    for word in words:
        assert word in str(raised.value)
    results = tuple(np.full_like(options[k], 7, np.float32) for k in ("x", "W", "bias"))
    with pytest.raises(error):
        GRAD(**options, out=results)
    assert all(np.all(a == 7) for a in results)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros_like(X), TypeError, "out must be a tuple"),
        ((np.zeros_like(X),), TypeError, "out must be a tuple"),
        ((None, None, np.zeros_like(BIAS)), ValueError, "no bias"),
        ((np.zeros_like(W), None), ValueError, r"out: dx of shape \(5, 4\)"),
        ((None, np.zeros_like(W, np.float64)), ValueError, "out: dW .*float64"),
        ((None, W.tolist()), TypeError, "out: dW must be a NumPy array"),
    ],
)
def test_an_out_that_cannot_take_the_gradients_is_refused(out: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        GRAD(X, W, LABELS, out=out)
