"""The reference itself: each arithmetic against another that was derived differently."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import flint
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
import sympy as sp
from flint import arb, arb_series

from cases import other_parameters
from ogive.catalog import find, names
from ogive.formula import numpy as plots
from ogive.formula import sympy as symbolic
from ogive.formula import tape
from ogive.reference import arb as enclosures
from ogive.reference import measure, ulp
from ogive.reference.ball import Encloser, critical_points

UNARY = names("unary")
OTHER_PARAMETERS = {name: other_parameters(name)[0] for name in UNARY if other_parameters(name)}


class Series:
    """The formula in truncated power series, as written: no tape, no rewriting."""

    @property
    def pi(self) -> arb:
        return arb.pi()

    @staticmethod
    def split(x: Any, c: float, *, below: Any, above: Any) -> Any:
        return below if x[0] <= c else above

    @staticmethod
    def exp(s: Any) -> Any:
        return arb_series(s).exp()

    @staticmethod
    def expm1(s: Any) -> Any:
        return arb_series(s).exp() - 1

    @staticmethod
    def log(s: Any) -> Any:
        return arb_series(s).log()

    @staticmethod
    def log1p(s: Any) -> Any:
        return (1 + arb_series(s)).log()

    @staticmethod
    def erf(s: Any) -> Any:
        return arb_series(s).erf()

    @staticmethod
    def erfc(s: Any) -> Any:
        return arb_series(s).erfc()

    @staticmethod
    def tanh(s: Any) -> Any:
        q = (-2 * arb_series(s)).exp()
        return (1 - q) / (1 + q)

    @staticmethod
    def sqrt(s: Any) -> Any:
        return arb_series(s).sqrt() if isinstance(s, arb_series) else arb(s).sqrt()

    @staticmethod
    def sum(values: list[Any]) -> Any:
        return sum(values[1:], values[0])


def random_points(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    patterns = random.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32)
    usual = random.normal(0, 8, count).astype(np.float32)
    x = np.concatenate([patterns.view(np.float32), usual])
    return x[np.isfinite(x)]


@pytest.mark.parametrize("parameters", ["default", "other"])
@pytest.mark.parametrize("name", UNARY)
def test_derivatives_agree_with_power_series(name: str, parameters: str) -> None:
    card = find(name)
    chosen = tape.defaults(name) if parameters == "default" else OTHER_PARAMETERS.get(name, ())
    for x in np.random.default_rng(1).normal(0, 4, 40):
        with enclosures.precision(200):
            series = card.formula(Series(), arb_series([arb(x), 1], 3), *map(arb, chosen))
            series = series if isinstance(series, arb_series) else arb_series([series])
            for order in range(3):
                want = series[order] * math.factorial(order)
                assert enclosures.enclose(card, x, *chosen, order=order).overlaps(want)


@pytest.mark.parametrize("name", UNARY)
def test_enclosures_are_as_narrow_as_asked(name: str) -> None:
    for x in (1e-320, -1e-320, 1e-40, -0.75, 3.0, -88.0, 1e30, -1e308, 1e308):
        ball = enclosures.enclose(find(name), x, bits=100)
        below_every_format = abs(ball) < ulp.power(-1100)
        assert ball.is_zero() or below_every_format or ball.rel_accuracy_bits() >= 100


@pytest.mark.parametrize("name", UNARY)
def test_balls_contain_what_arb_encloses(name: str) -> None:
    card, x = find(name), random_points(700)
    every = [(), OTHER_PARAMETERS[name]] if name in OTHER_PARAMETERS else [()]
    for parameters in every:
        bounds = Encloser(card, *parameters, orders=(0, 1, 2)).bounds(x)
        for order, (low, high) in bounds.items():
            told = ~np.isnan(low)
            assert told.mean() > 0.95
            for i in np.flatnonzero(told):
                exact = enclosures.enclose(card, float(x[i]), *parameters, order=order, bits=70)
                # Next to 0 the bounds are one number that rounds as the exact result does.
                last = 2.0**-52 * abs(low[i]) if low[i] == high[i] else 0.0
                with enclosures.precision(400):
                    outside = exact < arb(low[i]) - last or exact > arb(high[i]) + last
                    assert not outside or abs(exact) < ulp.power(-900), (x[i], order)


@pytest.mark.parametrize("name", UNARY)
def test_balls_decide_nearly_everything_and_decide_it_right(name: str) -> None:
    card, x = find(name), random_points(500, seed=2)
    for order, (low, high) in Encloser(card, orders=(0, 1, 2)).bounds(x).items():
        with np.errstate(over="ignore"):
            rounded = low.astype(np.float32)
            same = rounded == high.astype(np.float32)
        assert same.mean() > 0.98
        for i in np.flatnonzero(same):
            want = enclosures.rounded(card, float(x[i]), fmt=ulp.FLOAT32, order=order)
            assert rounded[i] == want or abs(low[i]) > np.finfo(np.float32).max


def test_the_least_numbers_are_rounded_across_ties() -> None:
    """silu(x) = x/2 + x^2/4: half of an odd subnormal is a tie, which the square decides."""
    x = np.arange(1, 200, 2, dtype=np.uint32).view(np.float32)
    for sign in (1, -1):
        low, high = measure.encloser("silu").bounds(sign * x)[0]
        assert np.array_equal(low, high)
        up = np.arange(1, 200, 2) // 2 + (1 if sign > 0 else 0)
        want = sign * up.astype(np.uint32).view(np.float32)
        assert np.array_equal(low.astype(np.float32), want)


@pytest.mark.parametrize(
    ("fmt", "cast"),
    [
        (ulp.FLOAT16, lambda v: np.float16(v)),
        (ulp.FLOAT32, lambda v: np.float32(v)),
        (ulp.BFLOAT16, lambda v: np.float32(v).astype(ml_dtypes.bfloat16)),
    ],
    ids=["float16", "float32", "bfloat16"],
)
def test_rounding_into_a_format_is_that_of_the_hardware(fmt: ulp.Format, cast: Any) -> None:
    random = np.random.default_rng(4)
    values = random.normal(size=2000) * 2.0 ** random.integers(-170, 130, 2000)
    if fmt is ulp.BFLOAT16:  # through float32, so that only one rounding is at stake
        with np.errstate(over="ignore"):
            values = values.astype(np.float32).astype(np.float64)
    for v in values:
        with np.errstate(over="ignore"):
            assert fmt.round(arb(v)) == float(cast(v))


@pytest.mark.parametrize(
    ("got", "exact", "want"),
    [
        (math.nan, arb("nan"), 0),
        (math.nan, arb(1), math.inf),
        (1.0, arb("nan"), math.inf),
        (math.inf, arb("inf"), 0),
        (-math.inf, arb("inf"), math.inf),
        (1.0, arb("inf"), math.inf),
        (math.inf, arb(10) ** 40, 0),
        (float(np.finfo(np.float32).max), arb(2) ** 128, 1),
        (math.inf, arb(float(np.finfo(np.float32).max)), 1),
        (0.0, arb(0), 0),
        (-0.0, arb(0), 0),
        (2.0**-149, arb(0), 1),
        (0.0, arb(2) ** -149, 1),
        (0.0, arb(2) ** -150, 0.5),
        (1.0, 1 + arb(2) ** -24, 0.5),
        (1.0, 1 - arb(2) ** -25, 0.5),
        (1 + 2.0**-23, arb(1), 1),
    ],
)
def test_the_ulp_metric_is_total(got: float, exact: arb, want: float) -> None:
    assert ulp.error(got, exact, ulp.FLOAT32) == pytest.approx(want, rel=1e-9)


def test_roots_of_the_slope_are_found() -> None:
    assert critical_points(find("gelu")) == pytest.approx([-0.75179152469356], abs=1e-13)
    assert critical_points(find("silu")) == pytest.approx([-1.27846454276107], abs=1e-13)
    assert not critical_points(find("tanh"))
    assert critical_points(find("gelu"), order=2) == pytest.approx([-math.sqrt(2), math.sqrt(2)])
    assert not critical_points(find("softsign"), order=2)  # a jump from 2 to -2


@pytest.mark.parametrize("name", UNARY)
def test_plots_show_the_function(name: str) -> None:
    small = np.array([1e-9, 1e-4, 0.03, 0.3, 0.9])  # where series take over
    card, x = find(name), np.concatenate([np.linspace(-30, 30, 61), small, -small])
    for order, values in enumerate(
        (plots.value(card, x), plots.derivative(card, x), plots.second_derivative(card, x))
    ):
        exact = [float(enclosures.enclose(card, float(v), order=order)) for v in x]
        assert values == pytest.approx(exact, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", UNARY)
def test_the_printed_formula_is_the_function(name: str) -> None:
    card = find(name)
    operands = [p for p in card.parameters if p.operand]
    for order, x in itertools.product((0, 1), (-2.5, -0.25, 0.5, 3.0)):
        expression = symbolic.expression(card, order)
        free = sorted(expression.free_symbols - {symbolic.X}, key=str)
        assert len(free) <= len(operands)
        known = dict(zip(symbolic.parameter_symbols(card), [p.default for p in operands],
                         strict=True))  # fmt: skip
        found = float(expression.subs(known).subs(symbolic.X, sp.Float(x, 40)).evalf(30))
        want = float(enclosures.enclose(card, x, order=order))
        assert found == pytest.approx(want, rel=1e-12)
        assert symbolic.latex(card, order)


@pytest.mark.parametrize("name", names("gated"))
def test_slopes_of_gated_functions_agree_with_symbols(name: str) -> None:
    card = find(name)
    for a, b in itertools.product((-2.0, 0.75), (-2.5, 0.0, 1.5)):
        for order, exact in enumerate(enclosures.gated(card, a, b)):
            point = {symbolic.A: a, symbolic.B: sp.Float(b, 40)}
            found = float(symbolic.expression(card, order).subs(point).evalf(30))
            assert found == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("name", names("gated") + names("rows") + names("heads"))
def test_the_others_have_a_printed_formula(name: str) -> None:
    assert symbolic.latex(find(name))


def test_a_slope_found_from_the_result_is_the_slope() -> None:
    """Each step a formula may take from x to its result, with a number or a parameter beside it."""
    steps: dict[str, Callable[[Any, Any, Any], Any]] = {
        "neg": lambda m, x, c: -m.exp(x), "add": lambda m, x, c: m.exp(x) + c,
        "add to": lambda m, x, c: c + m.exp(x), "sub": lambda m, x, c: m.tanh(x) - c,
        "sub from": lambda m, x, c: c - m.tanh(x), "mul": lambda m, x, c: c * m.logistic(x),
        "mul by": lambda m, x, c: m.logistic(x) * c, "div": lambda m, x, c: m.expm1(x) / c,
        "square": lambda m, x, c: (x * c + 3) * (x * c + 3), "expm1": lambda m, x, c: m.expm1(x),
        "logistic": lambda m, x, c: m.logistic(c - x), "tanh": lambda m, x, c: m.tanh(x * c),
        "softplus": lambda m, x, c: c * m.softplus(x / c), "exp": lambda m, x, c: m.exp(-x),
        "two": lambda m, x, c: c - (m.exp(2 * x) + c) / 3, "line": lambda m, x, c: x,
        "root": lambda m, x, c: (x + m.sqrt(x * x + c)) / 2,
        "split": lambda m, x, c: m.split(x, 0, below=c * m.expm1(x), above=x),
    }  # fmt: skip
    for name, formula in steps.items():
        t = tape.Tape()
        x, y, c = t.input("x"), t.input("y"), t.parameter("c")
        result = t.node(formula(t, x, c))
        forward = tape.Program([x, c], [result, t.derivative(result, x)])
        back = tape.Program([y, c], [t.slope_from_output(result, x, y)])
        for at in (-0.75, 0.25, 0.5):
            value, slope = forward.run(enclosures.CONTEXT, [arb(at), arb(0.625)])
            (found,) = back.run(enclosures.CONTEXT, [value, arb(0.625)])
            assert float(found) == pytest.approx(float(slope), rel=1e-12), (name, at)


def test_a_formula_that_divides_by_0_is_refused_where_it_is_written() -> None:
    x = tape.Tape().input("x")
    for wrong in (lambda: x / 0, lambda: 1 / (x - x), lambda: x / (x * 0)):
        with pytest.raises(ZeroDivisionError, match="the formula divides by 0"):
            wrong()


def test_a_function_of_whole_rows_has_no_printed_slope() -> None:
    for name in names("rows") + names("heads"):
        with pytest.raises(ValueError, match=f"^{name} is not a function of one variable$"):
            symbolic.latex(find(name), 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing": 0.1, "z_loss": 1e-2},
        {"weight": [0.5, 2.0, 1.0, 0.25], "label": 1, "z_loss": 0.1, "softcap": 5.0},
        {"temperature": 0.5, "softcap": 30.0, "label_smoothing": 0.2},
    ],
)
def test_gradients_agree_with_power_series(options: dict[str, Any]) -> None:
    card, z, t = find("cross_entropy"), [1.5, -2.0, 0.25, 7.0], [0, 1, 0, 0]
    _, gradient = enclosures.head(card, z, t, **options)
    with enclosures.precision(200):
        exact = {
            k: [arb(w) for w in v] if isinstance(v, list) else arb(v) if k != "label" else v
            for k, v in options.items()
        }
        for i, slope in enumerate(gradient):
            row = [arb_series([arb(v), int(j == i)], 2) for j, v in enumerate(z)]
            assert slope.overlaps(card.formula(Series(), row, [arb(v) for v in t], **exact)[1])


def test_precision_is_left_as_it_was() -> None:
    before = flint.ctx.prec
    enclosures.enclose(find("gelu"), -3.0, bits=300)
    assert flint.ctx.prec == before
