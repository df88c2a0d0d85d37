"""The accuracy contract, measured against proved bounds, and the ratchet of tests/accuracy.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ogive
from ogive.catalog import find, names
from ogive.reference import arb, measure, ulp
from ogive.reference.ball import Measured

RECORD: dict[str, Any] = tomllib.loads((Path(__file__).parent / "accuracy.toml").read_text())
UNARY = names("unary")
ROWS = list(measure.rows())
STRIDE, WIDE_STRIDE = 1021, 8167  # the wide one for what is asked for more seldom
SECOND = ("second_derivative",)
CURVED = [name for name in UNARY if set(SECOND) <= set(measure.results(name))]


def recorded(name: str, which: str, dtype: str) -> dict[str, Any] | None:
    """What the sweep found; None for a function that is newer than the last sweep."""
    found: dict[str, Any] | None = RECORD.get(name, {}).get(which, {}).get(dtype)
    return found


def hold(name: str, dtype: str, figures: dict[str, Measured], limit: float | None = None) -> None:
    """The contract, and no step back behind what has been measured before."""
    for which, found in figures.items():
        what = f"{name} {which} {dtype}: {found.worst} ULP at {found.worst_at!r}"
        assert found.worst <= (limit or measure.CONTRACT[dtype, which]), what
        record = recorded(name, which, dtype)
        if record is None:
            continue
        assert found.worst <= record["max_ulp"], f"{what}, recorded {record['max_ulp']}"
        if record["correctly_rounded"] == 1 and record["inputs"] >= found.count:
            assert found.wrong == 0, f"{what}: {found.wrong} misrounded, recorded none"


@pytest.mark.parametrize("fmt", [ulp.FLOAT16, ulp.BFLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("name", UNARY)
def test_every_half_is_correctly_rounded(name: str, fmt: ulp.Format) -> None:
    for which, found in measure.every_half(find(name), fmt, measure.results(name)).items():
        assert found.wrong == 0, f"{name} {which}: {found}"


@pytest.mark.parametrize("name", UNARY)
def test_float32_keeps_the_contract_at_every_1021st_pattern(name: str) -> None:
    patterns = np.arange(0, 1 << 32, STRIDE, dtype=np.uint64).astype(np.uint32)
    hold(name, "float32", measure.float32(find(name), patterns))


@pytest.mark.parametrize("name", CURVED)
def test_second_derivatives_keep_the_contract_at_every_8167th_pattern(name: str) -> None:
    patterns = np.arange(0, 1 << 32, WIDE_STRIDE, dtype=np.uint64).astype(np.uint32)
    hold(name, "float32", measure.float32(find(name), patterns, SECOND))


@pytest.mark.parametrize("name", UNARY)
def test_float32_keeps_the_contract_around_every_cutoff(name: str) -> None:
    card = find(name)
    hold(name, "float32", measure.float32(card, measure.around(card)))
    if name in CURVED:
        hold(name, "float32", measure.float32(card, measure.around(card, SECOND), SECOND))


@pytest.mark.parametrize("name", UNARY)
def test_float64_keeps_the_contract(name: str) -> None:
    hold(name, "float64", measure.float64(find(name)))
    if name in CURVED:
        hold(name, "float64", measure.float64(find(name), SECOND))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("name", names("rows"))
def test_every_element_of_a_row_is_within_one_ulp(name: str, row: measure.Row) -> None:
    figures = {"value": measure.row_error(find(name), row)}
    hold(name, "float32", figures, measure.ROWS_CONTRACT)


@pytest.mark.parametrize("row", ROWS[:-1], ids=lambda row: row.name)
@pytest.mark.parametrize("name", names("heads"))
def test_loss_and_gradient_are_within_one_ulp(name: str, row: measure.Row) -> None:
    hold(name, "float32", measure.head_error(find(name), row), measure.ROWS_CONTRACT)


@pytest.mark.parametrize("fmt", [ulp.FLOAT16, ulp.BFLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 1000])
def test_rows_of_halves_are_rounded_once_from_a_float(n: int, fmt: ulp.Format) -> None:
    """Their floats are right to an ulp of floats, which may only turn what is next to a tie."""
    rng = np.random.default_rng(n)
    scale = np.array([1, 3, 20, 0.01]).repeat(10)[:, None]
    z = (rng.standard_normal((40, n)) * scale).astype(fmt.dtype)
    labels = rng.integers(0, n, 40)
    x = z.astype(np.longdouble)
    largest = x.argmax(axis=-1)[:, None]
    d = x - np.take_along_axis(x, largest, -1)
    e = np.exp(d)
    rest = np.where(np.arange(n) == largest, 0, e).sum(axis=-1, keepdims=True)
    label = np.take_along_axis(d, labels[:, None], -1)
    others = np.where(np.arange(n) == labels[:, None], 0, e).sum(axis=-1, keepdims=True)
    exact = {
        "softmax": e / (1 + rest),
        "log_softmax": d - np.log1p(rest),
        "logsumexp": (x - d)[:, :1] + np.log1p(rest),
        "loss": np.log1p(rest) - label,
        "gradient": np.where(np.arange(n) == labels[:, None], -others, e) / (1 + rest),
    }
    loss, gradient = ogive.value_and_grad.cross_entropy(z, labels, reduction="none")
    found = {
        "softmax": ogive.softmax(z),
        "log_softmax": ogive.log_softmax(z),
        "logsumexp": ogive.logsumexp(z)[:, None],
        "loss": loss[:, None],
        "gradient": gradient,
    }
    for name, want in exact.items():
        ulps = np.abs(found[name].astype(np.longdouble) - want) / fmt.spacing(
            want.astype(np.float64)
        )
        assert ulps.max() < 0.501, f"{name}: {ulps.max()}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_gradient_row_of_cross_entropy_sums_to_zero(row: measure.Row) -> None:
    for target in {0, row.z.size // 2, row.z.size - 1}:
        _, gradient = ogive.value_and_grad.cross_entropy(row.z[None], [target])
        # The sum of n rounded numbers is off by half an ulp of each; exact numbers sum to 0.
        rounding = np.spacing(np.abs(gradient)).astype(np.float64).sum() / 2
        allowed = max(rounding, float(np.spacing(np.abs(gradient).max())))
        assert abs(gradient.astype(np.float64).sum()) <= allowed


@pytest.mark.parametrize(
    ("offset", "want"),
    [(0, 2.0611536e-09), (1e8, None)],
    ids=["confident", "confident far from 0"],
)
def test_a_confident_row_keeps_its_loss(offset: float, want: float | None) -> None:
    z = np.array([[20, 0]], dtype=np.float32) + np.float32(offset)
    loss, gradient = ogive.value_and_grad.cross_entropy(z, [0])
    exact, slopes = arb.head(find("cross_entropy"), z[0].tolist(), [1, 0])
    assert float(loss) == ulp.FLOAT32.round(exact.mid())
    assert want is None or float(loss) == np.float32(want)
    assert gradient[0].tolist() == [ulp.FLOAT32.round(s.mid()) for s in slopes]
    assert float(gradient.astype(np.float64).sum()) == 0


@pytest.mark.parametrize("name", UNARY)
def test_a_single_result_one_ulp_off_is_noticed(name: str) -> None:
    """The control: were a kernel off by one ulp anywhere, the sweep would say so and where."""
    card, every = find(name), measure.results(name)
    reference = measure.encloser(name, every)
    x = np.arange(0, 1 << 32, 65_537 * 7, dtype=np.uint64).astype(np.uint32).view(np.float32)
    bounds = reference.bounds(x)
    for which in every:
        order = measure.ORDERS[which]
        results = measure.function(card, which)(x)
        honest = reference.judge(x, results, bounds[order], ulp.FLOAT32, order)
        for victim in np.random.default_rng(0).choice(np.flatnonzero(np.isfinite(results)), 5):
            planted = results.copy()
            planted[victim] = np.nextafter(planted[victim], np.float32(np.inf))
            found = reference.judge(x, planted, bounds[order], ulp.FLOAT32, order)
            assert found.wrong == honest.wrong + 1 or float(results[victim]) != arb.rounded(
                card, float(x[victim]), fmt=ulp.FLOAT32, order=order
            )
            error, right = reference.measure(
                float(x[victim]), float(planted[victim]), ulp.FLOAT32, order
            )
            assert not right
            # Next to a power of two, arb's bound may count the ulps below it, half as large.
            assert found.worst >= error / 2 * (1 - 1e-6)
