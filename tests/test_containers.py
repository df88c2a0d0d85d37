"""dask, xarray and pandas objects in and out; pickling; joblib."""

from __future__ import annotations

import pickle
from typing import Any

import dask.array as da
import joblib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ogive
from cases import ELEMENTWISE, ROWS, Call, assert_same_bits, check_python, public, public_modes

elementwise = pytest.mark.parametrize("call", ELEMENTWISE, ids=lambda call: call.id)
rows = pytest.mark.parametrize("call", ROWS, ids=lambda call: call.id)
X = np.random.default_rng(0).normal(0, 3, (6, 4)).astype(np.float32)
DY = np.random.default_rng(1).normal(0, 1, (6, 4)).astype(np.float32)


def given(call: Call) -> list[Any]:
    if call.inputs == 1:
        return [X]
    if call.inputs == 3:
        return [DY, np.flip(X), X]
    reduced = call.mode == "backward" and np.ndim(getattr(ogive, call.name)(X)) < 2
    return [DY[:, 0] if reduced else DY, X]


def frame(a: Any) -> Any:
    if a.ndim == 1:
        return pd.Series(a, index=list("pqrstu"), name="loss")
    return pd.DataFrame(a, index=list("pqrstu"), columns=list("ABCD"))


def labelled(a: Any) -> Any:
    return xr.DataArray(a, dims=("sample", "class")[: a.ndim], coords={"sample": range(6)})


def chunked(a: Any) -> Any:
    return da.from_array(a, chunks=(2, *a.shape[1:]))


@elementwise
def test_elementwise_functions_keep_the_container(call: Call) -> None:
    expected = call(*given(call))
    if call.name == "prelu" and call.mode == "backward":
        expected = np.asarray(expected)
    got = call(*map(frame, given(call)))
    assert isinstance(got, pd.DataFrame)
    assert got.index.tolist() == list("pqrstu")
    assert got.columns.tolist() == list("ABCD")
    assert_same_bits(got.to_numpy(), expected)
    series = call(*(frame(a)["A"] for a in given(call)))
    assert isinstance(series, pd.Series)
    assert_same_bits(series.to_numpy(), expected[:, 0])
    got = call(*map(labelled, given(call)))
    assert isinstance(got, xr.DataArray)
    assert got.dims == ("sample", "class")
    assert_same_bits(got.values, expected)
    if not (call.name == "prelu" and call.mode == "backward"):
        lazy = call(*(da.from_array(a, chunks=(4, 3)) for a in given(call)))
        assert isinstance(lazy, da.Array)
        assert lazy.dtype == np.float32
        assert_same_bits(lazy.compute(scheduler="threads"), expected)


@rows
def test_rows_keep_the_container_and_go_along_its_last_axis(call: Call) -> None:
    expected = call(*given(call))
    got = call(*map(frame, given(call)))
    assert_same_bits(np.asarray(got), expected)
    if expected.ndim == 2:
        assert isinstance(got, pd.DataFrame)
        assert got.index.tolist() == list("pqrstu")
        assert got.columns.tolist() == list("ABCD")
    got = call(*map(labelled, given(call)))
    assert_same_bits(np.asarray(got), expected)
    if expected.ndim == 2:
        assert isinstance(got, xr.DataArray)
        assert got.dims == ("sample", "class")
    lazy = call(*map(chunked, given(call)))
    assert isinstance(lazy, da.Array)
    assert_same_bits(lazy.compute(scheduler="threads"), expected)


def test_softmax_over_a_frame_sums_to_one_in_each_row_or_column_asked_for() -> None:
    table = frame(X)
    np.testing.assert_allclose(ogive.softmax(table).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(ogive.softmax(table, axis=1).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(ogive.softmax(table, axis=0).sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(ogive.softmax(table["A"]).sum(), 1, rtol=1e-6)
    assert ogive.softmax(table["A"]).name == "A"
    mixed = pd.DataFrame({"i": [1, 2], "f": [0.5, 1.5]})
    np.testing.assert_array_equal(ogive.softmax(mixed), ogive.softmax(mixed.to_numpy()))


def test_softmax_over_a_labelled_array_along_its_first_axis() -> None:
    got = ogive.softmax(labelled(X), axis=0)
    assert got.dims == ("sample", "class")
    assert_same_bits(got.values, ogive.softmax(X, axis=0))
    lazy = ogive.softmax(labelled(X).chunk({"sample": 2}))
    assert isinstance(lazy.data, da.Array)
    assert_same_bits(lazy.values, ogive.softmax(X))


def test_a_lazy_mask_masks() -> None:
    mask = X > 0
    lazy = ogive.softmax(chunked(X), where=chunked(mask))
    assert_same_bits(lazy.compute(), ogive.softmax(X, where=mask))


def test_a_number_a_row_keeps_the_labels_of_the_rows() -> None:
    expected = ogive.logsumexp(X), ogive.logsumexp(X, axis=0)
    for axis, labels in ((1, list("pqrstu")), (0, list("ABCD"))):
        series = ogive.logsumexp(frame(X), axis=axis)
        assert isinstance(series, pd.Series)
        assert series.index.tolist() == labels
        assert_same_bits(series.to_numpy(), expected[1 - axis])
        got = ogive.logsumexp(labelled(X), axis=axis)
        assert isinstance(got, xr.DataArray)
        assert got.dims == (("sample", "class")[1 - axis],)
        assert list(got.coords) == (["sample"] if axis == 1 else [])
        assert_same_bits(got.values, expected[1 - axis])
    assert isinstance(ogive.logsumexp(labelled(X).chunk({"sample": 2})).data, da.Array)
    assert np.ndim(ogive.logsumexp(frame(X)["A"])) == 0


def test_rows_of_one_element_keep_their_labels_too() -> None:
    column = X[:, :1]
    for axis, given in ((1, column), (0, column.T)):
        labels = {"x": range(6)}
        for made in (
            xr.DataArray(given, dims=("x", "y") if axis else ("y", "x"), coords=labels),
            xr.Variable(("x", "y") if axis else ("y", "x"), given), pd.DataFrame(given),
        ):  # fmt: skip
            got = ogive.logsumexp(made, axis=axis)
            assert_same_bits(np.asarray(got), X[:, 0])
            assert isinstance(made, pd.DataFrame) or got.dims == ("x",)
            assert_same_bits(np.asarray(ogive.softmax(made, axis=axis)), np.ones_like(given))


LOGIT_HEADS = [card.name for card in ogive.catalog("heads") if not card.layer]


@pytest.mark.parametrize("name", LOGIT_HEADS)
def test_the_gradient_of_a_loss_has_the_container_of_the_logits(name: str) -> None:
    judge, target = getattr(ogive.value_and_grad, name), np.eye(6, 4)
    expected = judge(X, target)[1]
    got = judge(frame(X), target)[1]
    assert isinstance(got, pd.DataFrame)
    assert got.index.tolist() == list("pqrstu")
    assert got.columns.tolist() == list("ABCD")
    assert_same_bits(got.to_numpy(), expected)
    got = judge(labelled(X), target)[1]
    assert isinstance(got, xr.DataArray)
    assert got.dims == ("sample", "class")
    assert_same_bits(got.values, expected)
    out = np.empty_like(X)
    assert judge(frame(X), target, out=out)[1] is out


@pytest.mark.parametrize("wrap", [frame, labelled, chunked, np.ndarray.tolist])
def test_heads_take_any_container(wrap: Any) -> None:
    labels = np.array([0, 1, 2, 3, 0, 1])
    z = X.astype(np.float64)
    expected = ogive.value_and_grad.cross_entropy(z, labels)
    loss, dz = ogive.value_and_grad.cross_entropy(wrap(z), wrap(labels))
    assert_same_bits(np.asarray(loss), expected[0])
    assert_same_bits(np.asarray(dz), expected[1])
    shares = ogive.softmax(z)
    expected = ogive.value_and_grad.binary_cross_entropy(z, shares)
    loss, dz = ogive.value_and_grad.binary_cross_entropy(wrap(z), wrap(shares))
    assert_same_bits(np.asarray(loss), expected[0])
    assert_same_bits(np.asarray(dz), expected[1])


PUBLIC = [(name, mode) for name in ogive.catalog.names() for mode in public_modes(name)]


@pytest.mark.parametrize(("name", "mode"), PUBLIC)
def test_functions_are_pickled_by_name(name: str, mode: str) -> None:
    function = public(name, mode)
    for protocol in range(pickle.DEFAULT_PROTOCOL, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(function, protocol)) is function


FIRST_USE = """
import pickle, sys, threading
import ogive
from ogive._numpy.api import PUBLIC_MODES, modes

sys.setswitchinterval(1e-7)
calls = [(name, mode) for name in ogive.catalog.names() for mode in modes(name)]
found = [[] for _ in range(6)]
start = threading.Barrier(len(found))

def ask(mine):
    for name, mode in calls:
        start.wait()
        mine.append(getattr(ogive if mode == "value" else getattr(ogive, mode), name))

threads = [threading.Thread(target=ask, args=(mine,)) for mine in found]
for thread in threads: thread.start()
for thread in threads: thread.join()
for call, *same in zip(calls, *found):
    name, mode = call
    assert len({id(f) for f in same}) == 1, call
    assert pickle.loads(pickle.dumps(same[0])) is same[0], call
print(len(calls))
"""


def test_functions_first_used_by_several_threads_at_once_are_one_object_and_pickle() -> None:
    assert int(check_python(FIRST_USE)) == len(PUBLIC)


@pytest.mark.parametrize("name", ogive.catalog.names())
def test_cards_are_pickled(name: str) -> None:
    card = ogive.card(name)
    assert pickle.loads(pickle.dumps(card)) == card


def test_functions_go_to_joblib_workers() -> None:
    functions = [ogive.gelu, ogive.leaky_relu, ogive.softmax, ogive.derivative.tanh]
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(f)(X) for f in functions)
    for function, result in zip(functions, results, strict=True):
        assert_same_bits(result, function(X))
    results = joblib.Parallel(n_jobs=2, prefer="threads")(
        joblib.delayed(ogive.gelu)(np.resize(X, 200_000)) for _ in range(4)
    )
    for result in results:
        assert_same_bits(result, ogive.gelu(np.resize(X, 200_000)))
