"""On the CPU `ogive.jax` gives the bits of `ogive`: every function, mode, format and option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import ogive  # noqa: E402
import ogive.jax as oj  # noqa: E402
from ogive.calls import rules  # noqa: E402
from ogive.calls.formats import DTYPES  # noqa: E402
from ogive.calls.loop import modes  # noqa: E402
from ogive.catalog import find, names  # noqa: E402

FORMATS = [name for name in DTYPES if name != "float64"]
MODES = ("value", "derivative", "second_derivative", "backward", "backward_from_output")
EXTREMES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e30, -1e30, 88.0, -88.0, 17.0, 0.5]


def numbers(dtype: Any, shape: Any, seed: int = 0, extremes: bool = True) -> np.ndarray:
    x = np.random.default_rng(seed).normal(0, 3, shape)
    flat = x.reshape(-1)
    if extremes and flat.size > len(EXTREMES):
        flat[: len(EXTREMES)] = EXTREMES
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def bits(x: Any) -> np.ndarray:
    array = np.asarray(x)
    return array.view({2: np.uint16, 4: np.uint32, 8: np.uint64}[array.dtype.itemsize])


def check_same(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    same = bits(found) == bits(expected)
    same |= np.isnan(found) & np.isnan(expected)
    assert same.all(), (found[~same][:5], expected[~same][:5])


def of_mode(package: Any, mode: str, name: str) -> Any:
    return getattr(package if mode == "value" else getattr(package, mode), name)


def in_domain(name: str) -> list[tuple[float, ...]]:
    """Parameters: the defaults, and others."""
    parameters = [p for p in find(name).parameters if p.operand]
    default = tuple(p.default for p in parameters)
    other = tuple(p.default * 1.5 if p.default else 0.75 for p in parameters)
    return [default, other] if parameters else [()]


CASES = [
    (name, mode) for kind in ("unary", "gated") for name in names(kind)
    for mode in MODES if mode in modes(name)
]  # fmt: skip


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_elements(name: str, mode: str, dtype: str) -> None:
    count = len(rules.inputs(find(name), mode))
    for shape in ((), (37,), (3, 700)) if dtype == "float32" else ((3, 700),):
        arrays = [numbers(DTYPES[dtype], shape, k) for k in range(count)]
        for given in in_domain(name):
            found = of_mode(oj, mode, name)(*map(jnp.asarray, arrays), *given)
            expected = of_mode(ogive, mode, name)(*arrays, *given)
            if find(name).learns and mode == "backward":
                np.testing.assert_allclose(
                    np.asarray(found[1], float), float(expected[1]), 2e-2, 1e-6, equal_nan=True
                )  # by XLA's sum
                found, expected = found[0], expected[0]
            both = [y if isinstance(y, tuple) else (y,) for y in (found, expected)]
            for ours, theirs in zip(*both, strict=True):
                check_same(ours, theirs)


@pytest.mark.parametrize("name", ["gelu", "leaky_relu", "swiglu"])
def test_elements_that_threads_share(name: str) -> None:
    count = len(rules.inputs(find(name), "value"))
    arrays = [numbers(np.float32, 200_003, k) for k in range(count)]
    check_same(getattr(oj, name)(*map(jnp.asarray, arrays)), getattr(ogive, name)(*arrays))


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", [n for n in names("rows") if not find(n).draws])
def test_rows(name: str, dtype: str) -> None:
    shapes = (((7,), 0), ((3, 5), -1), ((2, 3, 40), 1), ((9, 1000), -1))
    for shape, axis in shapes if dtype == "float32" else shapes[2:]:
        x = numbers(DTYPES[dtype], shape, extremes=False)
        mask = np.random.default_rng(1).random(shape) < 0.7
        lead = x.shape[:axis] + x.shape[axis:][1:] if axis >= 0 else x.shape[:-1]
        temperature = np.random.default_rng(2).uniform(0.5, 2, lead).astype(np.float32)
        for options in ({}, {"temperature": 0.7}, {"where": mask}, {"temperature": temperature}):
            given = {k: jnp.asarray(v) if np.ndim(v) else v for k, v in options.items()}
            found = getattr(oj, name)(jnp.asarray(x), axis=axis, **given)
            check_same(found, getattr(ogive, name)(x, axis=axis, **options))


@pytest.mark.parametrize("name", [n for n in names("rows") if not find(n).draws])
def test_gradients_of_rows(name: str) -> None:
    x, dy = numbers(np.float32, (6, 33), extremes=False), numbers(np.float32, (6, 33), 1, False)
    y, pull = jax.vjp(getattr(oj, name), jnp.asarray(x))
    dy = dy[..., 0] if y.ndim == 1 else dy
    mode = "backward" if find(name).pull_back is None else "backward_from_output"
    expected = of_mode(ogive, mode, name)(dy, x if mode == "backward" else np.asarray(y))
    check_same(pull(jnp.asarray(dy))[0], expected)


@pytest.mark.parametrize("name", names("unary"))
def test_gradients_of_elements(name: str) -> None:
    x, dy = numbers(np.float32, 500), numbers(np.float32, 500, 1, False)
    y, pull = jax.vjp(getattr(oj, name), jnp.asarray(x))
    found = pull(jnp.asarray(dy))[0]
    candidates = [of_mode(ogive, "backward", name)(dy, x)]
    if find(name).learns:
        candidates = [candidates[0][0]]
    if "backward_from_output" in modes(name):
        candidates.append(of_mode(ogive, "backward_from_output", name)(dy, np.asarray(y)))
    same = [
        (bits(found) == bits(c)) | np.isnan(np.asarray(found)) & np.isnan(c) for c in candidates
    ]
    assert any(s.all() for s in same)


@pytest.mark.parametrize("name", [n for n in names() if find(n).draws])
def test_drawn_from_the_same_seed(name: str) -> None:
    x = numbers(np.float32, (4, 50), extremes=False)
    options: dict[str, Any] = {"training": True} if find(name).kind == "unary" else {}
    for seed in (0, 7, 2**40 + 1):
        expected = getattr(ogive, name)(x, seed=seed, **options)
        check_same(getattr(oj, name)(jnp.asarray(x), seed=seed, **options), expected)
    seed = oj.key_seed(jax.random.key(3))
    by_key = getattr(oj, name)(jnp.asarray(x), seed=jax.random.key(3), **options)
    check_same(by_key, getattr(ogive, name)(x, seed=int(seed), **options))


LOSSES = [n for n in names("heads") if not find(n).layer]
OPTIONS: list[dict[str, Any]] = [
    {}, {"label_smoothing": 0.1}, {"z_loss": 1e-3}, {"softcap": 5.0}, {"temperature": 1.5},
    {"gamma": 1.5}, {"alpha": None}, {"alpha": 0.6},
]  # fmt: skip


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, reduction: str, dtype: str) -> None:
    card = find(name)
    random = np.random.default_rng(3)
    for shape, axis in (((4, 5, 3), 1), ((1, 2000), -1), ((70_000, 3), -1)):
        if shape[0] > 1000 and (dtype != "float32" or reduction == "none"):
            continue
        if shape[0] == 1 and dtype != "float32":
            continue
        z = numbers(DTYPES[dtype], shape, extremes=False)
        targets = [random.random(shape).astype(DTYPES[dtype])]
        if card.over_rows:
            lead = np.moveaxis(z, axis, -1).shape[:-1]
            targets = [random.integers(0, shape[axis], lead), targets[0] / targets[0].dtype.type(2)]
        for target in targets:
            hard = target.dtype.kind == "i"
            for options in OPTIONS if shape[0] < 10 else OPTIONS[:1]:
                if not set(options) <= {p.name for p in card.parameters}:
                    continue
                more = {"axis": axis} if card.over_rows else {}
                if hard:
                    more["ignore_index"] = 1
                if "weight" in card.weights and shape[0] < 10:
                    size = shape[axis] if card.over_rows else shape
                    more["weight"] = random.uniform(0.5, 2, size).astype(np.float32)
                call = {"reduction": reduction, **options, **more}
                expected = getattr(ogive.value_and_grad, name)(z, target, **call)
                given = {k: jnp.asarray(v) if np.ndim(v) else v for k, v in call.items()}
                args = jnp.asarray(z), jnp.asarray(target)
                found = getattr(oj.value_and_grad, name)(*args, **given)
                for ours, theirs in zip(found, expected, strict=True):
                    check_same(ours, theirs)
                check_same(getattr(oj, name)(*args, **given), expected[0])


def test_sums_that_leave_the_range() -> None:
    z = np.full((5, 3), 3e38, np.float32)
    z[:, 1] = -3e38
    for reduction in ("mean", "sum"):
        found = oj.value_and_grad.cross_entropy(jnp.asarray(z), jnp.full(5, 1), reduction=reduction)
        expected = ogive.value_and_grad.cross_entropy(z, np.full(5, 1), reduction=reduction)
        for ours, theirs in zip(found, expected, strict=True):
            check_same(ours, theirs)
