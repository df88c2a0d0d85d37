"""Arrays larger than memory: lazy, right whatever the chunks, flat in memory; and their page."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import ogive
from cases import ELEMENTWISE, ROW_LOSSES, ROWS, Call, assert_same_bits, check_python

PAGE = Path(__file__).parent.parent / "docs" / "larger_than_memory.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
random = np.random.default_rng(0)
X = random.normal(0, 3, (60, 8)).astype(np.float32)
DY = random.normal(0, 1, (60, 8)).astype(np.float32)
LABELS = random.integers(0, 8, 60)


class Computed(Exception):
    pass


def refuse(*args: Any, **kwargs: Any) -> None:
    raise Computed


def never_computing() -> Any:
    return dask.config.set(scheduler=refuse)


def operands(call: Call, chunks: tuple[int, int]) -> list[Any]:
    arrays = [DY, np.flip(X), X][-call.inputs :]
    if call.mode.startswith("backward") and call.inputs == 2:
        arrays = [DY, X]
        if call in ROWS and np.ndim(getattr(ogive, call.name)(X)) == 1:
            return [da.from_array(DY[:, 0], chunks=chunks[:1]), da.from_array(X, chunks=chunks)]
    return [da.from_array(a, chunks=chunks) for a in arrays]


def test_the_control_refuses_to_compute() -> None:
    with never_computing(), pytest.raises(Computed):
        np.asarray(da.from_array(X))


@pytest.mark.parametrize("call", [*ELEMENTWISE, *ROWS], ids=lambda call: call.id)
def test_elementwise_functions_and_rows_wait_until_they_are_asked(call: Call) -> None:
    for chunks in ((7, 8), (60, 8)) if call in ROWS else ((7, 3), (60, 8)):
        given = operands(call, chunks)
        with never_computing():
            lazy = call(*given)
        assert isinstance(lazy, da.Array)
        want = call(*(a.compute() for a in given))
        assert lazy.dtype == want.dtype
        assert_same_bits(lazy.compute(scheduler="threads"), want)


@pytest.mark.parametrize("name", ["rrelu", "gumbel_softmax"])
@pytest.mark.parametrize("shape", [(60, 8), (480,), (3, 20, 8)])
def test_noise_is_that_of_the_whole_whatever_the_chunks(name: str, shape: Any) -> None:
    options: dict[str, Any] = {"seed": 3} | ({"training": True} if name == "rrelu" else {})
    x, dy = X.reshape(shape), DY.reshape(shape)
    for lead in (7, 60):
        chunks = (*(min(lead, n) for n in shape[:-1]), shape[-1])
        with never_computing():
            lazy_x, lazy_dy = da.from_array(x, chunks=chunks), da.from_array(dy, chunks=chunks)
            y = getattr(ogive, name)(lazy_x, **options)
            dx = getattr(ogive.backward, name)(lazy_dy, lazy_x, **options)
        assert_same_bits(y.compute(), getattr(ogive, name)(x, **options))
        assert_same_bits(dx.compute(), getattr(ogive.backward, name)(dy, x, **options))


@pytest.mark.parametrize("shape", [(), (1,), (8,), (60, 1), (60, 8)])
def test_the_gradient_of_a_learned_parameter_is_a_lazy_sum(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(1).uniform(0.1, 0.9, shape)
    with never_computing():
        dx, dweight = ogive.backward.prelu(
            da.from_array(DY, chunks=(7, 3)), da.from_array(X, chunks=(7, 3)), weight
        )
    want_dx, want = ogive.backward.prelu(DY, X, weight)
    assert_same_bits(dx.compute(), want_dx)
    assert dweight.dtype == want.dtype
    assert dweight.shape == np.shape(want)
    np.testing.assert_allclose(dweight.compute(), want, rtol=1e-6)


def test_a_row_in_several_chunks_is_refused() -> None:
    split = da.from_array(X, chunks=(7, 3))
    for call in (
        lambda: ogive.softmax(split),
        lambda: ogive.rrelu(split, training=True, seed=1),
        lambda: ogive.gumbel_softmax(split, seed=1),
    ):
        with pytest.raises(ValueError, match="multiple chunks"):
            call()


@pytest.mark.parametrize("name", ROW_LOSSES)
def test_heads_in_chunks_are_those_of_the_whole(name: str) -> None:
    head = getattr(ogive.value_and_grad, name)

    def loss_and_gradient(z: Any, target: Any) -> Any:
        return head(z, target, reduction="none")

    want = loss_and_gradient(X, LABELS)
    with never_computing():
        lazy = da.apply_gufunc(
            loss_and_gradient,
            "(k),()->(),(k)",
            da.from_array(X, chunks=(7, 8)),
            da.from_array(LABELS, chunks=7),
            output_dtypes=["float32", "float32"],
        )
    for got, expected in zip(dask.compute(*lazy), want, strict=True):
        assert_same_bits(got, expected)
    # Given dask arrays directly, a head computes at once and is right.
    loss, dz = head(da.from_array(X, chunks=(7, 8)), da.from_array(LABELS, chunks=7))
    for got, expected in zip((loss, dz), head(X, LABELS), strict=True):
        assert_same_bits(np.asarray(got), expected)


def test_xarray_stays_lazy_and_keeps_its_names() -> None:
    z = xr.DataArray(da.from_array(X, chunks=(7, 8)), dims=("sample", "class"))
    with never_computing():
        p = ogive.softmax(z)
        g = ogive.gelu(z)
        loss = xr.apply_ufunc(
            lambda z, t: ogive.cross_entropy(z, t, reduction="none"),
            z,
            xr.DataArray(da.from_array(LABELS, chunks=7), dims="sample"),
            input_core_dims=[["class"], []],
            dask="parallelized",
            output_dtypes=["float32"],
        )
    assert p.dims == g.dims == ("sample", "class")
    assert_same_bits(p.values, ogive.softmax(X))
    assert_same_bits(g.values, ogive.gelu(X))
    assert_same_bits(loss.values, ogive.cross_entropy(X, LABELS, reduction="none"))


def test_every_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    threads = ogive.get_num_threads()
    scope: dict[str, Any] = {}
    assert len(BLOCKS) >= 8
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), scope)
        if "weight" in scope and "weighted" in block:
            mean, dz = dask.compute(scope["mean"], scope["dz"])
            z, labels = dask.compute(scope["x"], scope["labels"])
            options = {"weight": scope["weight"], "ignore_index": 0}
            want = ogive.value_and_grad.cross_entropy(z, labels, **options)
            np.testing.assert_allclose(mean, want[0], rtol=1e-6)
            np.testing.assert_allclose(dz, want[1], rtol=2e-6, atol=1e-12)
    ogive.set_num_threads(threads)


FLAT = """
import resource, sys
import dask, dask.array as da, numpy as np, ogive

ogive.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rows, chunk = 1 << 17, 1 << 12   # 131072 x 1024 float32: 512 MiB in chunks of 16 MiB
x = da.zeros((rows, 1024), chunks=(chunk, 1024), dtype="float32") + np.float32(0.5)
labels = da.zeros(rows, chunks=chunk, dtype=np.int64)

def loss_and_gradient(z, t):
    return ogive.value_and_grad.cross_entropy(z, t, reduction="none")

def work(n):
    z, t = x[:n], labels[:n]
    loss, dz = da.apply_gufunc(
        loss_and_gradient, "(k),()->(),(k)", z, t, output_dtypes=["float32", "float32"]
    )
    with dask.config.set(scheduler="threads", num_workers=1):
        dask.compute(ogive.relu(z).max(), ogive.softmax(z).max(), loss.sum(), dz.min())

work(chunk)
before = peak()
work(rows)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in KiB on Linux")
def test_memory_stays_flat_over_an_array_of_four_times_what_is_allowed() -> None:
    grown = float(check_python(FLAT, timeout=60, OMP_NUM_THREADS="1"))
    assert grown < 128


@pytest.mark.parametrize("variable", ["OGIVE_NUM_THREADS", "OMP_NUM_THREADS"])
def test_workers_take_their_threads_from_the_environment(variable: str) -> None:
    code = "import ogive; print(ogive.get_num_threads())"
    environment = {"OMP_NUM_THREADS": "", variable: "1"}
    assert check_python(code, **environment).strip() == "1"
    assert os.cpu_count()
