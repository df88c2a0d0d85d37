"""Losses and gradients under every pair of options, against the formulas written out in NumPy.

The formulas here are plain and run in long double on the float values of the input; they share
nothing with the kernels or the cards.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, HALVES, assert_same_bits

LONG = np.longdouble
CLASSES = 5
LABELS = np.array([0, 4, 2, 1, 3, 3, 0])
IGNORED = 1
SHARES = np.random.default_rng(1).uniform(0, 1, (len(LABELS), CLASSES)).astype(np.float32)
WEIGHT = np.array([1.0, 0.5, 2.0, 0.0, 3.0])
LOGITS = np.random.default_rng(0).normal(0, 4, (len(LABELS), CLASSES)).astype(np.float32)

CHOICES: dict[str, list[Any]] = {
    "hard": [True, False],
    "weight": [None, WEIGHT],
    "ignore_index": [None, IGNORED],
    "label_smoothing": [0.0, 0.1, 1.0],
    "z_loss": [0.0, 0.01],
    "softcap": [None, 3.0],
    "temperature": [1.0, 0.5, 2.5],
    "reduction": ["mean", "sum", "none"],
}


def pairs(choices: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Every value of every option together with every value of every other."""
    default = {name: options[0] for name, options in choices.items()}
    combined = [default]
    for a, b in itertools.combinations(choices, 2):
        combined += [default | {a: x, b: y} for x, y in itertools.product(choices[a], choices[b])]
    combined += [dict(zip(choices, v, strict=True)) for v in itertools.product(
        *(options[-1:] if name != "hard" else options for name, options in choices.items())
    )]  # fmt: skip
    return combined


def described(options: dict[str, Any]) -> str:
    default = {name: values[0] for name, values in (CHOICES | BINARY_CHOICES).items()}
    return ",".join(
        f"{k}={'…' if isinstance(v, np.ndarray) else v}"
        for k, v in options.items()
        if v is not default[k]
    ) or "defaults"  # fmt: skip


BINARY_CHOICES: dict[str, list[Any]] = {
    "pos_weight": [None, 2.5, np.linspace(0, 3, CLASSES)],
    "weight": [None, 0.5, np.linspace(0, 2, CLASSES)],
    "label_smoothing": [0.0, 0.1, 1.0],
    "reduction": ["mean", "sum", "none"],
}


def unique(cases: list[dict[str, Any]]) -> Any:
    seen = {described(case): case for case in cases}
    return pytest.mark.parametrize("options", seen.values(), ids=seen.keys())


def cross_entropy(z: Any, target: Any, o: dict[str, Any]) -> tuple[Any, Any]:
    """Loss and gradient with respect to z by the definitions, in long double."""
    z = z.astype(LONG)
    hard, eps, cap, tau = (
        o["hard"],
        LONG(o["label_smoothing"]),
        o["softcap"],
        LONG(o["temperature"]),
    )
    w = np.ones(z.shape[1], LONG) if o["weight"] is None else o["weight"].astype(LONG)
    t = np.eye(z.shape[1], dtype=LONG)[target] if hard else target.astype(LONG)
    kept = np.ones(len(z), bool)
    if hard and o["ignore_index"] is not None:
        kept = target != o["ignore_index"]
    q = w * (t * (1 - eps) + eps / z.shape[1])
    own = w[target] if hard else np.ones(len(z), LONG)

    bounded = z if cap is None else LONG(cap) * np.tanh(z / LONG(cap))
    slope = 1 if cap is None else 1 - np.tanh(z / LONG(cap)) ** 2
    s = bounded / tau
    lse = np.log(np.exp(s).sum(axis=1))
    p = np.exp(s - lse[:, None])
    loss = (q * (lse[:, None] - s)).sum(axis=1) + own * LONG(o["z_loss"]) * lse**2
    by_s = q.sum(axis=1)[:, None] * p - q + (own * 2 * LONG(o["z_loss"]) * lse)[:, None] * p
    loss, dz = loss * kept, by_s * slope / tau * kept[:, None]
    total = (own * kept).sum() if o["reduction"] == "mean" else 1
    if o["reduction"] == "none":
        return loss, dz
    return loss.sum() / total, dz / total


def keywords(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k != "hard"}


def assert_close(got: Any, exact: Any, ulps: float = 1.0) -> None:
    """Within `ulps` of the exact value, or of 2^-46 of the largest (formulas here cancel)."""
    __tracebackhide__ = True
    got = np.asarray(got)
    error = np.abs(got.astype(LONG) - exact)
    spacing = np.spacing(np.abs(np.asarray(exact)).astype(got.dtype)).astype(LONG)
    assert np.all(error <= ulps * spacing + 2.0**-46 * np.max(np.abs(exact))), (got, exact)


@unique(pairs(CHOICES))
def test_cross_entropy_under_every_pair_of_options(options: dict[str, Any]) -> None:
    hard = options["hard"]
    target = LABELS if hard else SHARES
    if not hard and options["ignore_index"] is not None:
        with pytest.raises(ValueError, match="ignore_index applies to integer labels"):
            ogive.cross_entropy(LOGITS, target, **keywords(options))
        options = options | {"ignore_index": None}
    loss, dz = ogive.value_and_grad.cross_entropy(LOGITS, target, **keywords(options))
    exact_loss, exact_dz = cross_entropy(LOGITS, target, options)
    assert dz.dtype == np.float32
    assert np.asarray(loss).dtype == np.float32
    assert_close(loss, exact_loss)
    assert_close(dz, exact_dz)
    assert_same_bits(ogive.cross_entropy(LOGITS, target, **keywords(options)), loss)


@unique(pairs(BINARY_CHOICES))
def test_binary_cross_entropy_under_every_pair_of_options(options: dict[str, Any]) -> None:
    z, t = LOGITS.astype(LONG), SHARES.astype(LONG)
    eps = LONG(options["label_smoothing"])
    positive = LONG(1) * (1 if options["pos_weight"] is None else options["pos_weight"])
    weight = LONG(1) * (1 if options["weight"] is None else options["weight"])
    t = t * (1 - eps) + eps / 2
    exact = weight * (positive * t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z))
    exact_dz = weight * ((1 - t) / (1 + np.exp(-z)) - positive * t / (1 + np.exp(z)))
    if options["reduction"] != "none":
        exact = exact.sum()
    if options["reduction"] == "mean":
        exact, exact_dz = exact / z.size, exact_dz / z.size
    loss, dz = ogive.value_and_grad.binary_cross_entropy(LOGITS, SHARES, **options)
    assert_close(loss, exact)
    assert_close(dz, exact_dz)
    assert_same_bits(ogive.binary_cross_entropy(LOGITS, SHARES, **options), loss)
    in_place = LOGITS.copy()
    ogive.value_and_grad.binary_cross_entropy(in_place, SHARES, **options, out=in_place)
    assert_same_bits(in_place, dz)


@pytest.mark.parametrize("classes", [1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 100, 1003])
@pytest.mark.parametrize("hard", [True, False])
def test_any_number_of_classes_gives_the_right_loss_in_every_row(classes: int, hard: bool) -> None:
    random = np.random.default_rng(classes)
    z = random.normal(0, 3, (9, classes)).astype(np.float32)
    shares = random.choice([0.0, 0.25, 1.0], (9, classes)).astype(np.float32)
    labels = random.integers(0, classes, 9)
    t = np.eye(classes)[labels] if hard else shares
    s = z.astype(LONG)
    lse = np.log(np.exp(s).sum(axis=1, keepdims=True))
    loss, dz = ogive.value_and_grad.cross_entropy(z, labels if hard else shares, reduction="none")
    assert_close(loss, (t * (lse - s)).sum(axis=1))
    assert_close(dz, t.sum(axis=1, keepdims=True) * np.exp(s - lse) - t)


def test_a_confident_row_keeps_its_loss_and_its_gradient() -> None:
    loss, dz = ogive.value_and_grad.cross_entropy(np.float32([[20, 0]]), [0])
    assert loss == np.float32(2.0611536e-09)
    assert loss == np.float32(math.log1p(math.exp(-20)))
    assert dz.sum() == 0
    assert dz[0, 1] > 0


def test_a_common_offset_costs_no_more_than_float32_logits_lose() -> None:
    z = np.float32([[1e8 + 16, 1e8, 1e8 - 24]])
    assert (z - z[0, 1]).tolist() == [[16, 0, -24]]
    plain = ogive.value_and_grad.cross_entropy(np.float32([[16, 0, -24]]), [0])
    moved = ogive.value_and_grad.cross_entropy(z, [0])
    assert_same_bits(moved[0], plain[0])
    assert_same_bits(moved[1], plain[1])


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_every_format_rounds_the_exact_result_once(dtype: Any) -> None:
    z = LOGITS.astype(dtype)
    options = {name: values[0] for name, values in CHOICES.items()} | {"reduction": "none"}
    exact_loss, exact_dz = cross_entropy(z, LABELS, options)
    loss, dz = ogive.value_and_grad.cross_entropy(z, LABELS, reduction="none")
    assert loss.dtype == dz.dtype == dtype
    if dtype in HALVES:
        assert_same_bits(loss, exact_loss.astype(np.float64).astype(dtype))
        assert_same_bits(dz, exact_dz.astype(np.float64).astype(dtype))
    else:
        assert_close(loss, exact_loss, 4 if dtype == np.float64 else 1)
        assert_close(dz, exact_dz, 4 if dtype == np.float64 else 1)
    mean = ogive.cross_entropy(z, LABELS)
    assert np.asarray(mean).dtype == dtype
    both = ogive.value_and_grad.binary_cross_entropy(z, (LOGITS > 0).astype(int))
    assert both[1].dtype == np.asarray(both[0]).dtype == dtype


def test_integer_logits_are_promoted_as_exp_promotes() -> None:
    for integers in (np.int8, np.int16, np.int32, np.int64):
        z = np.array([[1, 2, 3]], integers)
        loss, dz = ogive.value_and_grad.cross_entropy(z, [1])
        assert loss.dtype == dz.dtype == np.exp(z).dtype


def test_classes_may_lie_along_any_axis() -> None:
    random = np.random.default_rng(2)
    z = random.normal(0, 3, (4, 5, 6, 7)).astype(np.float32)
    for axis in range(-4, 4):
        last = np.moveaxis(z, axis, -1)
        labels = random.integers(0, z.shape[axis], last.shape[:-1])
        expected, expected_dz = ogive.value_and_grad.cross_entropy(
            last.reshape(-1, z.shape[axis]), labels.ravel(), reduction="none"
        )
        loss, dz = ogive.value_and_grad.cross_entropy(z, labels, axis=axis, reduction="none")
        assert_same_bits(loss.ravel(), expected)
        assert_same_bits(np.moveaxis(dz, axis, -1).reshape(expected_dz.shape), expected_dz)
        shares = np.moveaxis(np.eye(z.shape[axis])[labels], -1, axis)
        soft, soft_dz = ogive.value_and_grad.cross_entropy(z, shares, axis=axis, reduction="none")
        assert_same_bits(soft, loss)
        assert_same_bits(soft_dz, dz)


def test_rows_that_do_not_sum_to_one_have_the_gradient_of_their_own_sum() -> None:
    t = np.float32([[0.5, 2.0, 0.25]])
    z = np.float32([[0.3, -0.2, 1.0]])
    _, dz = ogive.value_and_grad.cross_entropy(z, t)
    a = np.exp(z.astype(LONG)) / np.exp(z.astype(LONG)).sum()
    assert_close(dz, a * t.sum() - t)


def test_the_gradient_out_may_overlap_the_logits_or_the_target_otherwise() -> None:
    memory = np.zeros((len(LABELS) + 1, CLASSES), np.float32)
    memory[1:] = LOGITS
    expected = ogive.value_and_grad.cross_entropy(LOGITS, LABELS)[1]
    ogive.value_and_grad.cross_entropy(memory[1:], LABELS, out=memory[:-1])
    assert_same_bits(memory[:-1], expected)
    expected = ogive.value_and_grad.cross_entropy(LOGITS, SHARES)[1]
    for forwards in (True, False):
        memory[slice(1, None) if forwards else slice(-1)] = SHARES
        target, out = (memory[1:], memory[:-1]) if forwards else (memory[:-1], memory[1:])
        ogive.value_and_grad.cross_entropy(LOGITS, target, out=out)
        assert_same_bits(out, expected)


def test_labels_of_any_integer_type_and_layout() -> None:
    expected = ogive.cross_entropy(LOGITS, LABELS)
    for kind in "bhilqBHILQ":
        assert_same_bits(ogive.cross_entropy(LOGITS, LABELS.astype(kind)), expected)
    assert_same_bits(ogive.cross_entropy(LOGITS, LABELS.astype(">i4")), expected)
    assert_same_bits(ogive.cross_entropy(LOGITS, LABELS[::-1].copy()[::-1]), expected)
    assert_same_bits(ogive.cross_entropy(LOGITS, LABELS.tolist()), expected)
