"""The same bits, whatever the position, stride, length, threads, instruction set or FTZ mode."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np
import pytest

import ogive
from cases import (
    CAN_FLUSH,
    DRAWN_ROWS,
    DTYPE_IDS,
    DTYPES,
    ELEMENTWISE,
    FLUSH,
    HEADS,
    PLAIN_ROWS,
    ROWS,
    SAMPLED,
    Call,
    HeadCall,
    assert_same_bits,
    bits,
    flushing_subnormals,
    operands,
    other_parameters,
    read_mxcsr,
    run_python,
    values,
)
from ogive.calls.rules import inputs

LENGTHS = [*range(71), 255, 256, 257, 511, 512, 513]
ROW_LENGTHS = [*range(1, 36), 255, 256, 257, 1000]
LARGE = 200_003  # three threads share it, and no vector width divides it

elementwise = pytest.mark.parametrize("call", ELEMENTWISE, ids=lambda call: call.id)
rows = pytest.mark.parametrize("call", ROWS, ids=lambda call: call.id)
heads = pytest.mark.parametrize("run", HEADS, ids=lambda run: run.id)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


def alone(call: Call, arrays: list[Any]) -> Any:
    """The call on one element at a time."""
    return np.concatenate([call(*(a[i : i + 1] for a in arrays)) for i in range(len(arrays[0]))])


def spread(array: Any, step: int) -> Any:
    """The same values, `step` elements apart in memory; a negative step is a reversed view."""
    memory = np.zeros(len(array) * abs(step), array.dtype)
    view = memory[::step] if step > 0 else memory[::-1][:: abs(step)]
    view[...] = array
    return view


@elementwise
@every_dtype
def test_an_element_has_the_same_bits_alone_and_in_any_vector(call: Call, dtype: Any) -> None:
    arrays = operands(call, dtype, count=530)
    expected = alone(call, arrays)
    for length in LENGTHS:
        for offset in (0, 1, 2, 3, 7, 16):
            part = slice(offset, offset + length)
            got = call(*(a[part] for a in arrays))
            assert_same_bits(got, expected[part], f"length {length}, offset {offset}")


@elementwise
@every_dtype
def test_strides_do_not_change_bits(call: Call, dtype: Any) -> None:
    arrays = operands(call, dtype)
    expected = call(*arrays)
    for length in (1, 7, 31, 64, 256, 300, 600):
        for step in (-1, 2, -2, 3, 5):
            got = call(*(spread(a[:length], step) for a in arrays))
            assert_same_bits(got, expected[:length], f"length {length}, stride {step}")
            out = spread(np.ones(length, dtype), step)
            call(*(a[:length] for a in arrays), out=out)
            assert_same_bits(out, expected[:length], f"length {length}, out stride {step}")


@elementwise
@every_dtype
def test_threads_do_not_change_bits(call: Call, dtype: Any) -> None:
    few = operands(call, dtype)
    expected = np.resize(call(*few), LARGE)
    arrays = [np.resize(a, LARGE) for a in few]
    wide = [spread(a, 2) for a in arrays]
    for threads in (1, 2, 3):
        ogive.set_num_threads(threads)
        assert_same_bits(call(*arrays), expected, f"{threads} threads")
        assert_same_bits(call(*wide), expected, f"{threads} threads, stride 2")


VARIED = [call for call in ELEMENTWISE if other_parameters(call.name)]


@pytest.mark.parametrize("call", VARIED, ids=lambda call: call.id)
@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=lambda dtype: dtype.__name__)
def test_parameters_that_vary_give_the_bits_of_each_alone(call: Call, dtype: Any) -> None:
    """Vectors of one set of parameters, of several, and of some that fast paths do not take."""
    operand = [p for p in ogive.card(call.name).parameters if p.operand]
    far = tuple(p.default if p.domain[0] > 0 else p.default * 2.0**-400 for p in operand)
    sets = np.array([[p.default for p in operand], *other_parameters(call.name), far])
    which = np.concatenate([np.zeros(250, int), np.arange(450) // 3 % len(sets)])
    arrays = [np.resize(a, 700) for a in operands(call, np.dtype(dtype))]
    alone = [call(*arrays, **dict(zip((p.name for p in operand), map(float, each), strict=True)))
             for each in sets]  # fmt: skip
    expected = np.choose(which, alone)
    given = sets[which].T
    for step in (1, -2):
        each = {p.name: spread(v, step) for p, v in zip(operand, given, strict=True)}
        assert_same_bits(call(*arrays, **each), expected, f"step {step}")


@pytest.mark.parametrize("call", SAMPLED, ids=lambda call: call.id)
@every_dtype
def test_drawn_slopes_depend_on_the_position_alone(call: Call, dtype: Any) -> None:
    arrays = [np.resize(a, LARGE) for a in operands(call, dtype)]
    ogive.set_num_threads(1)
    expected = call(*arrays)
    for length in (0, 1, 2, 5, 63, 255, 256, 257, 1000):
        assert_same_bits(call(*(a[:length] for a in arrays)), expected[:length], f"{length}")
    shape = (LARGE // 7, 7)
    for threads in (1, 2, 3):
        ogive.set_num_threads(threads)
        assert_same_bits(call(*(spread(a, 3) for a in arrays)), expected, f"{threads} threads")
        split = call(*(a[: shape[0] * 7].reshape(shape) for a in arrays))
        assert_same_bits(split.ravel(), expected[: shape[0] * 7], f"{threads} threads, 2-d")


def batch(call: Call, dtype: Any, count: int, length: int) -> list[Any]:
    """Rows of finite logits of every size, and upstream gradients where the call takes them."""
    random = np.random.default_rng(count * 1000 + length)
    x = (random.normal(0, 1, (count, length)) * random.choice([0.1, 3, 40], (count, 1))).astype(
        dtype
    )
    reduces = call.mode == "backward" and ogive_reduces(call.name)
    dy = random.normal(0, 1, (count,) if reduces else (count, length)).astype(dtype)
    return [x] if call.inputs == 1 else [dy, x]


def ogive_reduces(name: str) -> bool:
    return name in PLAIN_ROWS and np.ndim(getattr(ogive, name)(np.zeros(2))) == 0


@rows
@every_dtype
def test_a_row_has_the_same_bits_alone_and_in_any_batch(call: Call, dtype: Any) -> None:
    for length in ROW_LENGTHS:
        arrays = batch(call, dtype, 5, length)
        whole = call(*arrays)
        for i in range(5):
            assert_same_bits(call(*(a[i] for a in arrays)), whole[i], f"row {i} of {length}")
        turned = [np.asfortranarray(a) if a.ndim == 2 else spread(a, 2) for a in arrays]
        assert_same_bits(call(*turned), whole, f"Fortran order, {length}")
        apart = [np.repeat(a, 2, axis=-1)[..., ::2] for a in arrays]
        assert_same_bits(call(*apart), whole, f"stride 2, {length}")


def test_stores_past_the_caches_do_not_change_the_bits_of_rows() -> None:
    """Results of 35 MB are streamed into memory that is there; those of 50 rows are not."""
    z = 3 * np.random.default_rng(5).standard_normal((8700, 1001)).astype(np.float32)
    z[::7] *= 30
    labels = np.arange(len(z)) % z.shape[1]
    y, dz = np.ones_like(z), np.ones_like(z)
    ogive.softmax(z, out=y)
    ogive.value_and_grad.cross_entropy(z, labels, reduction="sum", out=dz)
    for i in range(0, len(z), 50):
        some, own = z[i : i + 50], labels[i : i + 50]
        assert_same_bits(y[i : i + 50], ogive.softmax(some))
        _, slopes = ogive.value_and_grad.cross_entropy(some, own, reduction="sum")
        assert_same_bits(dz[i : i + 50], slopes)


@rows
@every_dtype
def test_threads_do_not_change_the_bits_of_rows(call: Call, dtype: Any) -> None:
    for count, length in ((20_011, 10), (131, 1003)):
        arrays = batch(call, dtype, count, length)
        ogive.set_num_threads(1)
        expected = call(*arrays)
        for threads in (2, 3):
            ogive.set_num_threads(threads)
            assert_same_bits(call(*arrays), expected, f"{threads} threads, {count}x{length}")


@heads
@every_dtype
def test_threads_strides_and_batches_do_not_change_the_bits_of_heads(
    run: HeadCall, dtype: Any
) -> None:
    random = np.random.default_rng(5)
    for count, length in ((20_011, 10), (131, 1003)):
        z = (random.normal(0, 2, (count, length))).astype(dtype)
        ogive.set_num_threads(1)
        loss, dz = run(z, reduction="none")
        total, _ = run(z, reduction="sum") if dtype != np.float16 else (None, None)
        for threads in (2, 3):
            ogive.set_num_threads(threads)
            got_loss, got_dz = run(z, reduction="none")
            assert_same_bits(got_loss, loss, f"loss, {threads} threads")
            assert_same_bits(got_dz, dz, f"gradient, {threads} threads")
            if total is not None:
                assert_same_bits(run(z, reduction="sum")[0], total, f"sum, {threads} threads")
        got_loss, got_dz = run(np.asfortranarray(z), reduction="none")
        assert_same_bits(got_loss, loss, "loss, Fortran order")
        assert_same_bits(got_dz, dz, "gradient, Fortran order")
        got_loss, got_dz = run(z[:1], reduction="none")
        assert_same_bits(got_loss, loss[:1], "loss of one row")
        assert_same_bits(got_dz, dz[:1], "gradient of one row")


def test_the_gradient_of_a_learned_parameter_has_the_same_bits_in_any_layout() -> None:
    random = np.random.default_rng(3)
    dy, x = random.normal(0, 1, (2, 40, 30, 50)).astype(np.float32)
    weight = random.uniform(0, 1, (30, 1))
    for name in ogive.catalog.names("unary"):
        if not ogive.card(name).learns:
            continue
        backward = getattr(ogive.backward, name)
        for w in (weight, 0.25):
            ogive.set_num_threads(1)
            expected = backward(dy, x, w)[1]
            for threads in (1, 2, 3):
                ogive.set_num_threads(threads)
                assert_same_bits(backward(dy, x, w)[1], expected, f"{threads} threads")
            turned = backward(np.asfortranarray(dy), np.asfortranarray(x), w)[1]
            assert_same_bits(turned, expected, "Fortran order")


def everything() -> dict[str, str]:
    """A digest of the bits of every call, by name."""
    digests = {}

    def note(key: str, *results: Any) -> None:
        data = b"".join(np.ascontiguousarray(bits(r)).tobytes() for r in results)
        digests[key] = hashlib.sha256(data).hexdigest()[:16]

    for dtype in DTYPES:
        for call in [*ELEMENTWISE, *SAMPLED]:
            note(f"{call.id}-{dtype.name}", call(*operands(call, dtype, count=3000)))
        for name in dir(ogive.lean):
            x, kept = values(dtype, count=3001), inputs(ogive.card(name), "lean_backward")
            y, mask = getattr(ogive.lean, name)(x)
            given = {"dy": values(dtype, count=3001, finite=True), "y": y, "mask": mask}
            note(f"lean-{name}-{dtype.name}", y)
            digests[f"mask-{name}-{dtype.name}"] = hashlib.sha256(mask.tobytes()).hexdigest()[:16]
            backward = getattr(ogive.lean_backward, name)
            note(f"lean_backward-{name}-{dtype.name}", backward(*(given[k] for k in kept)))
        for call in [*ROWS, *DRAWN_ROWS]:
            results = [call(*batch(call, dtype, 8, n)) for n in (1, 2, 3, 10, 33, 257, 1000)]
            note(f"{call.id}-{dtype.name}", *results)
        for run in HEADS:
            for how in ("mean", "none"):
                z = batch(ROWS[0], dtype, 50, 33)[0]
                note(f"{run.id}-{how}-{dtype.name}", *run(z, reduction=how))
    return digests


@pytest.fixture(scope="module")
def digests_here() -> dict[str, str]:
    return everything()


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_every_instruction_set_gives_the_same_bits(isa: str, digests_here: Any) -> None:
    code = "import json, test_bits; print(json.dumps(test_bits.everything()))"
    done = run_python(code, OGIVE_ISA=isa)
    if f"OGIVE_ISA={isa}: this machine has" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    assert there.keys() == digests_here.keys()
    assert [key for key in there if there[key] != digests_here[key]] == []


def test_the_instruction_set_asked_for_is_the_one_in_use() -> None:
    done = run_python("import ogive; print(ogive.isa())", OGIVE_ISA="baseline")
    assert done.stdout.strip() == "baseline"
    done = run_python("import ogive", OGIVE_ISA="quantum")
    assert "OGIVE_ISA=quantum: this machine has baseline" in done.stderr
    assert done.returncode == 1


needs_flush = pytest.mark.skipif(not CAN_FLUSH, reason="sets MXCSR through glibc on x86-64")


@needs_flush
@elementwise
@every_dtype
def test_a_flush_to_zero_mode_changes_no_bits_and_is_left_as_it_was(call: Call, dtype: Any) -> None:
    arrays = operands(call, dtype)
    many = [np.resize(a, LARGE) for a in arrays]
    expected, expected_many = call(*arrays), call(*many)
    with flushing_subnormals():
        got = call(*arrays)
        got_many = call(*many)
        after = read_mxcsr()
    assert after & FLUSH == FLUSH
    assert_same_bits(got, expected)
    assert_same_bits(got_many, expected_many)


@needs_flush
@rows
@every_dtype
def test_a_flush_to_zero_mode_changes_no_bits_of_rows(call: Call, dtype: Any) -> None:
    arrays = batch(call, dtype, 9, 33)
    with np.errstate(all="ignore"):
        arrays[-1][1] = np.linspace(0, -110, 33).astype(dtype)  # subnormal shares in f32
    expected = call(*arrays)
    with flushing_subnormals():
        got = call(*arrays)
        after = read_mxcsr()
    assert after & FLUSH == FLUSH
    assert_same_bits(got, expected)


@needs_flush
@pytest.mark.parametrize("how", ["mean", "sum", "none"])
@heads
@pytest.mark.parametrize("dtype", DTYPES[1:], ids=DTYPE_IDS[1:])
def test_a_flush_to_zero_mode_changes_no_bits_of_heads(run: HeadCall, how: str, dtype: Any) -> None:
    z = np.zeros((3, 2), dtype)
    z[:, 0] = 95  # a loss of e^-95, subnormal in f32
    expected = run(z[:1], reduction=how), run(z, reduction=how)
    with flushing_subnormals():
        got = run(z[:1], reduction=how), run(z, reduction=how)
        after = read_mxcsr()
    assert after & FLUSH == FLUSH
    for (loss, dz), (expected_loss, expected_dz) in zip(got, expected, strict=True):
        assert_same_bits(loss, expected_loss, "loss")
        assert_same_bits(dz, expected_dz, "gradient")


def test_the_values_tried_include_what_is_hard() -> None:
    for dtype in DTYPES:
        tried = values(dtype).astype(np.float64)
        assert np.isnan(tried).any()
        assert np.isinf(tried).any()
        assert ((tried != 0) & (np.abs(tried) < 1e-6)).any()
    assert os.environ.get("OGIVE_ISA") is None or ogive.isa() == os.environ["OGIVE_ISA"]
