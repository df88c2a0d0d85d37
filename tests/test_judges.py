"""The judges of accuracy overlook nothing: one wrong result of any kind is counted and measured.

Each result is replaced in turn: NaN, an infinity of either sign, the other sign, 0, a neighbour.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from flint import arb

import lean as sweep  # tools/lean.py
import ogive
from ogive.catalog import find, names
from ogive.reference import gated, measure, ulp
from ogive.reference.ball import Measured

INF, NAN = math.inf, math.nan
FORMATS = list(ulp.FORMATS.values())


def wrongs(right: float, fmt: ulp.Format) -> Iterator[tuple[float, float]]:
    """What may stand in a result's place, and the least error in ulps that it must have."""
    if math.isnan(right):
        yield from ((0.0, INF), (1.0, INF), (INF, INF), (-INF, INF))
        return
    yield NAN, INF
    if math.isinf(right):
        yield from ((-right, 1e3), (0.0, 1e3), (math.copysign(1.0, right), 1e3))
        return
    yield from ((INF, 1e3), (-INF, 1e3))
    unit = float(fmt.spacing(np.array(right)))
    if right != 0:
        yield from ((-right, 2 * abs(right) / unit * 0.99 - 1), (0.0, abs(right) / unit * 0.99 - 1))
    yield right + 8 * unit, 3.0
    yield right - 8 * unit, 3.0


@pytest.fixture
def planting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float, str], None]:
    """Replaces result number `at` of Ogive's function by a wrong one, in one of its modes."""
    real = measure.function

    def plant(at: int, wrong: float, mode: str) -> None:
        def function(card: Any, which: str) -> Callable[..., Any]:
            def planted(*given: Any, **options: Any) -> Any:
                found = np.array(real(card, which)(*given, **options))
                if which == mode:
                    found.reshape(-1)[at] = wrong
                return found

            return planted

        monkeypatch.setattr(measure, "function", function)

    return plant


def seen(honest: Measured, found: Measured, least: float, what: Any) -> None:
    # One more is wrong, if it was not before: float32 may be misrounded.
    assert found.wrong >= 1, (what, found)
    assert found.wrong - honest.wrong in ((1,) if honest.wrong == 0 else (0, 1)), (what, found)
    assert found.worst >= least, (what, found)
    assert found.count == honest.count


POINTS = (INF, -INF, NAN, 0.0, 1.5, -2.0, 100.0, -100.0, 1e-30)


@pytest.mark.parametrize("fmt", [ulp.FLOAT32, ulp.FLOAT64], ids=lambda fmt: fmt.name)
@pytest.mark.parametrize("name", ["softplus", "tanh", "relu", "exp", "log_sigmoid"])
def test_a_wrong_result_of_a_unary_function_is_seen(
    name: str, fmt: ulp.Format, planting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = find(name)
    x = np.array(POINTS, fmt.dtype)
    monkeypatch.setattr(measure, "float64_points", lambda *given: x)

    def judged() -> dict[str, Measured]:
        if fmt is ulp.FLOAT64:
            return measure.float64(card)
        return measure.float32(card, x.view(np.uint32))

    honest = judged()
    for mode in measure.FIRST_TWO:
        right = np.asarray(measure.function(card, mode)(x), np.float64)
        for at, wrong in ((i, w) for i in range(len(x)) for w in wrongs(float(right[i]), fmt)):
            if (
                fmt is ulp.FLOAT32
                and not math.isfinite(float(np.float32(wrong[0])))
                and (math.isfinite(wrong[0]))
            ):
                continue
            planting(at, wrong[0], mode)
            found = judged()
            monkeypatch.setattr(measure, "function", REAL)
            seen(honest[mode], found[mode], wrong[1], (mode, x[at], wrong))
            # It is told where; of a NaN, which equals nothing, that it is one.
            place = found[mode].worst_at
            assert place == x[at] or (math.isnan(place) and math.isnan(x[at])), (mode, x[at], found)


REAL = measure.function


@pytest.mark.parametrize("fmt", [ulp.FLOAT16, ulp.BFLOAT16], ids=lambda fmt: fmt.name)
def test_a_wrong_half_is_seen(fmt: ulp.Format, planting: Any) -> None:
    """All 65,536 results are judged at once, from the first to the last."""
    card, x = find("softplus"), fmt.every()
    honest = measure.every_half(card, fmt)["value"]
    assert honest.count == 1 << 16
    right = measure.function(card, "value")(x).astype(np.float64)
    for at in (0, 1, 255, 256, 0x3C00, 0x8000, 0xBC01, 0xFBFF, 0xFFFF):
        for wrong, least in wrongs(float(right[at]), fmt):
            planting(at, wrong, "value")
            seen(honest, measure.every_half(card, fmt)["value"], least, (x[at], wrong))


@pytest.mark.parametrize("name", names("rows"))
def test_a_wrong_element_of_a_row_is_seen(name: str, planting: Any) -> None:
    card, row = find(name), measure.Row("a", np.array([1.5, -2.0, 0.25, 3.0], np.float32))
    honest = measure.row_error(card, row)
    options = {"seed": measure.SEED} if card.draws else {}
    right = np.ravel(REAL(card, "value")(row.z, **options))
    for at, value in enumerate(right):
        for wrong, least in wrongs(float(value), ulp.FLOAT32):
            planting(at, wrong, "value")
            seen(honest, measure.row_error(card, row), least, (name, at, wrong))


@pytest.mark.parametrize("name", names("heads"))
def test_a_wrong_loss_or_gradient_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card, row = find(name), measure.Row("a", np.array([1.5, -2.0, 0.25], np.float32))
    honest, real = measure.head_error(card, row), getattr(ogive.value_and_grad, name)
    planted: tuple[int, int, float] = (0, 0, 0.0)
    kept: list[Any] = []

    def judge(*given: Any, **options: Any) -> Any:
        loss, gradient = real(*given, **options)
        many = isinstance(gradient, tuple)
        parts = [np.array(loss), np.array(gradient[0] if many else gradient)]
        kept[:] = [np.ravel(part).copy() for part in parts]
        which, at, wrong = planted
        if which >= 0:
            parts[which].reshape(-1)[at] = wrong
        return parts[0], (parts[1], *gradient[1:]) if many else parts[1]

    monkeypatch.setattr(measure, "ogive", SimpleNamespace(
        value_and_grad=SimpleNamespace(**{name: judge})))  # fmt: skip
    planted = (-1, 0, 0.0)
    assert measure.head_error(card, row) == honest
    right = list(kept)
    for which, mode in enumerate(measure.FIRST_TWO):
        for at, value in enumerate(right[which]):
            for wrong, least in wrongs(float(value), ulp.FLOAT32):
                planted = which, at, wrong
                found = measure.head_error(card, row)
                seen(honest[mode], found[mode], least, (name, mode, at, wrong))
                other = measure.FIRST_TWO[1 - which]
                assert found[other] == honest[other]


@pytest.mark.parametrize("fmt", [*FORMATS[:3], None], ids=lambda fmt: fmt.name if fmt else "f64")
@pytest.mark.parametrize("name", names("gated")[:2])
def test_a_wrong_result_of_a_gated_function_is_seen(
    name: str, fmt: ulp.Format | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, real = find(name), gated.results
    a = np.array([1.5, -0.75, 3.0])
    dy, b = np.array([2.0, 1.0, -0.5]), np.array([0.5, -3.0, 20.0])

    def judged() -> dict[str, Measured]:
        if fmt is None:
            return gated.float64(card, count=1)
        return gated.measure(card, *(v.astype(fmt.dtype) for v in (dy, a, b)), fmt)

    honest, right = judged(), []

    def results(*given: Any) -> Any:
        right[:] = real(*given)
        return right

    monkeypatch.setattr(gated, "results", results)
    judged()
    for which, mode in enumerate(gated.RESULTS):
        for at in range(3 if fmt else 1):  # the latter are judged by arb, one by one
            value = float(right[which][at])
            for wrong, least in wrongs(value, fmt or ulp.FLOAT64):

                def planted(
                    *given: Any, which: int = which, at: int = at, wrong: float = wrong
                ) -> Any:
                    found = [np.array(part) for part in real(*given)]
                    found[which][at] = wrong
                    return found

                monkeypatch.setattr(gated, "results", planted)
                found = judged()
                monkeypatch.setattr(gated, "results", results)
                judged()
                seen(honest[mode], found[mode], least, (name, mode, at, wrong))


@pytest.mark.parametrize("fmt", FORMATS[:3], ids=lambda fmt: fmt.name)
def test_what_overflows_rightly_is_no_error(
    fmt: ulp.Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three results of a function whose gate is a straight line far out."""
    card, large = find("swiglu"), np.array([2.0 ** (fmt.greatest // 2 + 2)], fmt.dtype)
    found = gated.measure(card, large, large, large, fmt)
    for mode in gated.RESULTS:
        assert (found[mode].worst, found[mode].wrong, found[mode].count) == (0, 0, 1), mode
    top = np.array([math.ldexp(2 - math.ldexp(1, 1 - fmt.precision), fmt.greatest)], fmt.dtype)
    monkeypatch.setattr(gated, "results", lambda *given: [top] * 3)
    for each in gated.measure(card, large, large, large, fmt).values():
        assert each.wrong == 1
        assert each.worst >= 1


VALUES = (NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 5e-324, 3.0e38, 65504.0)


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_the_distance_is_a_number_for_any_two_values(fmt: ulp.Format) -> None:
    """Never NaN, which every comparison would overlook; 0 for equals alone; larger further away."""
    wide = [arb(0, 1e-3), arb(1, 1e-9), arb("inf"), arb("-inf"), arb("nan")]
    for got, exact in itertools.product(VALUES, [arb(v) for v in VALUES] + wide):
        error = ulp.error(got, exact, fmt)
        assert error >= 0, (got, exact)
        if exact.is_nan() or math.isnan(got):
            assert error == (0 if exact.is_nan() and math.isnan(got) else INF), (got, exact)
        elif not exact.is_finite():
            assert error == (0 if got == float(exact) else INF), (got, exact)
        elif math.isfinite(got) and exact.rad() == 0:
            assert (error == 0) == (arb(got) == exact), (got, exact)
        elif math.isinf(got):
            # Rightly only where the exact number rounds to it, sign and all.
            overflows = math.isinf(fmt.round(arb(exact.abs_lower()))) and exact * got > 0
            assert (error == 0) == bool(overflows), (got, exact)


@pytest.mark.parametrize("fmt", [ulp.FLOAT16, ulp.BFLOAT16, ulp.FLOAT32], ids=lambda f: f.name)
def test_units_and_rounding_of_arrays_are_those_of_numbers(fmt: ulp.Format) -> None:
    draw = np.random.default_rng(0)
    sizes = 2.0 ** draw.uniform(fmt.least - fmt.precision - 1, fmt.greatest + 1.5, 400)
    # Halfway between an even number and an odd one, both ways; of subnormals too.
    first, top = 2 ** (fmt.precision - 1), 2**fmt.precision - 1
    ties = [(k + 0.5) * 2.0 ** (1 - fmt.precision) for k in (first, first + 1, first + 2, top)]
    ties += [(k + 0.5) * 2.0 ** (fmt.least - fmt.precision + 1) for k in range(4)]
    top = math.ldexp(2 - math.ldexp(1, 1 - fmt.precision), fmt.greatest)
    ends = [top, top * (1 + 2.0 ** -(fmt.precision + 1)), math.ldexp(1, fmt.greatest + 1), INF, 0.0]
    ends += [math.ldexp(1, fmt.least), math.ldexp(1, fmt.least - fmt.precision + 1)]
    x = np.array([*sizes, *ties, *ends])
    x = np.concatenate([x, -x])
    got = fmt.round_all(x)
    for value, rounded, unit in zip(x.tolist(), got.tolist(), fmt.spacing(x).tolist(), strict=True):
        assert rounded == fmt.round(arb(value)), value
        if math.isfinite(value) and value:
            power = min(max(math.frexp(value)[1] - 1, fmt.least), fmt.greatest)
            assert unit == 2.0 ** (power - fmt.precision + 1), value
    assert math.isnan(fmt.round_all(np.array([NAN]))[0])


def test_sums_keep_the_worst_wherever_it_came() -> None:
    """Parts of a sweep are merged in any order; counts add up."""
    parts = [Measured(5, 0.5, 1.0, 1, 2), Measured(7, INF, 2.0, 3, 4), Measured(9, 0.7, 3.0, 5, 6)]
    for order in itertools.permutations(parts):
        one, other, third = order
        assert one.merge(other).merge(third) == Measured(21, INF, 2.0, 9, 12)


@pytest.mark.parametrize("name", sweep.FUNCTIONS[:1])
def test_a_nan_of_a_lean_backward_is_the_worst_error_of_all(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.array([0.5, 1.0, -2.0], np.float32)
    real = getattr(ogive.lean_backward, name)
    for at in range(3):

        def wrong(*given: Any, at: int = at) -> Any:
            found = real(*given)
            found[at] = np.nan
            return found

        monkeypatch.setattr(sweep.ogive.lean_backward, name, wrong, raising=False)
        nan = sweep.errors(name, x, ulp.FLOAT32)
        monkeypatch.undo()
        good = sweep.errors(name, x, ulp.FLOAT32)
        for found in (nan, nan.merge(good), good.merge(nan), nan.merge(good).merge(good)):
            assert not found.max_error <= 1e9, (at, found)
            assert found.max_error_at == x[at]


def bits(values: Any) -> npt.NDArray[np.uint32]:
    return np.asarray(values, np.float32).view(np.uint32)


def test_points_reach_both_ends_and_both_sides_of_every_place() -> None:
    """What is measured at all: infinities, NaN, zeros, subnormals, and both sides of a break."""
    card = find("elu")
    wide = measure.float64_points(card)
    assert {INF, -INF, 0.0, 5e-324, -5e-324, np.finfo(float).max, -np.finfo(float).max} <= set(wide)
    assert np.isnan(wide).sum() == 1
    for place in (0.0,):
        near = wide[np.abs(wide - place) < 1e-2] - place
        assert (near > 0).any()
        assert (near < 0).any()
    patterns = set(measure.around(card, width=2).tolist())
    for value in (0.0, -0.0, INF, -INF):
        centre = int(bits(value))
        assert {(centre + d) % (1 << 32) for d in range(-2, 3)} <= patterns
    rows = {row.name: row.z for row in measure.rows(huge=False)}
    assert len({len(z) for z in rows.values()}) >= 6
    assert max(float(np.ptp(z)) for z in rows.values()) >= 200


@pytest.mark.parametrize("fmt", FORMATS[:3], ids=lambda fmt: fmt.name)
def test_operands_of_gated_functions_are_of_every_exponent_and_of_both_signs(
    fmt: ulp.Format,
) -> None:
    x = gated.operands(fmt, 40_000, 0).astype(np.float64)
    assert np.isfinite(x).all()
    for sign in (-1, 1):
        powers = np.unique(np.frexp(x[np.sign(x) == sign])[1] - 1)
        assert set(range(fmt.least, fmt.greatest + 1)) <= set(powers.tolist())
    assert 0.4 < (np.abs(np.abs(x) - 1.5) < 1.5).mean() < 0.9  # half of them as in networks
    if fmt is not ulp.FLOAT32:
        with np.errstate(invalid="ignore"):
            every = fmt.every().astype(np.float64)
        near = np.sort(np.repeat(every[np.abs(every) <= gated.FAR], 2))
        np.testing.assert_array_equal(np.sort(gated.halves(fmt, 2).astype(np.float64)), near)


def test_cutoffs_are_where_a_rounded_result_becomes_subnormal_0_or_its_limit() -> None:
    """Sigmoid is e^x far to the left, and 1 - e^-x far to the right."""
    ends = (
        25 * math.log(2),  # 1 - 2^-25 is rounded to 1
        -126 * math.log(2),
        -150 * math.log(2),  # half of the least subnormal is rounded to 0
    )
    found = measure.cutoffs(find("sigmoid"), ("value",))
    for end in ends:
        nearest = np.float32(end)
        if abs(float(nearest)) < abs(end):
            nearest = np.nextafter(nearest, np.float32(math.copysign(INF, end)))
        assert int(nearest.view(np.uint32)) in found, end
    assert len(found) == len(ends)
