"""Formulas over an array module that is neither torch's nor JAX's: NumPy's, in twenty lines."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import special

import ogive
from ogive.catalog import Card
from ogive.formula.tensors import Formulas

X = np.random.default_rng(3).normal(0, 3, (4, 6))


class Numpy:
    """What a framework brings: see `ogive.formula.tensors.Arrays`."""

    erf, erfc, sigmoid = special.erf, special.erfc, special.expit

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    is_array = staticmethod(lambda x: isinstance(x, np.ndarray))
    cast = staticmethod(lambda x, dtype: x.astype(dtype))
    wide = constant = staticmethod(lambda x: x)
    double = staticmethod(lambda x: x.astype(np.float64))
    number = staticmethod(lambda value, like: np.asarray(value, like.dtype))
    epsilon = staticmethod(lambda x: float(np.finfo(x.dtype).eps))
    at_least_0 = staticmethod(lambda x: np.maximum(x, 0))
    logsumexp = staticmethod(lambda x: special.logsumexp(x, -1, keepdims=True))
    total = staticmethod(lambda x: x.sum(-1, keepdims=True))
    greatest = staticmethod(lambda x: x.max(-1, keepdims=True))
    any_of = staticmethod(lambda mask: mask.any(-1, keepdims=True))
    falling = staticmethod(lambda x: -np.sort(-x))
    running = staticmethod(lambda x: x.cumsum(-1))
    places = staticmethod(lambda x: np.arange(1.0, x.shape[-1] + 1))
    take = staticmethod(lambda x, index: np.take_along_axis(x, index, -1))
    labels = staticmethod(lambda target: np.maximum(target, 0)[..., None])
    one_hot = staticmethod(lambda index, z: 1.0 * (np.arange(z.shape[-1]) == index))


FORMULAS = Formulas(Numpy())


@pytest.mark.parametrize("card", ogive.catalog("unary"), ids=lambda card: card.name)
def test_unary_formulas_and_their_derivatives(card: Card) -> None:
    x, numbers = X.ravel(), [p.default for p in card.parameters if p.operand]
    found = FORMULAS.unary(card)(x, *numbers), FORMULAS.derivative(card, 1)(x, *numbers)
    for got, mode in zip(found, (ogive, ogive.derivative), strict=True):
        np.testing.assert_allclose(got, getattr(mode, card.name)(x, *numbers), 1e-7, 1e-9)


@pytest.mark.parametrize("card", ogive.catalog("rows"), ids=lambda card: card.name)
def test_formulas_of_rows(card: Card) -> None:
    if card.draws:
        pytest.skip("of noise as well")
    f, where = getattr(ogive, card.name), X < 4
    nothing = f([0.0], where=[False])
    formula = FORMULAS.rows(card, float(np.ravel(nothing)[0]), np.ndim(nothing) == 0)
    np.testing.assert_allclose(formula(X, 1.5), f(X, temperature=1.5), 1e-12, 1e-12)
    np.testing.assert_allclose(formula(X, 1.0, where), f(X, where=where), 1e-12, 1e-12)
    if card.pull_back is not None:
        dy, y = np.cos(X), f(X)
        got = FORMULAS.pull_back(card)(dy, y, 1.0)
        exact = getattr(ogive.backward_from_output, card.name)(dy, y)
        np.testing.assert_allclose(got, exact, 1e-9, 1e-12)


def test_formulas_of_losses() -> None:
    labels = np.array([0, 5, 2, 3])
    losses = FORMULAS.head(ogive.card("cross_entropy"), True)(X, labels, label_smoothing=0.1)
    exact = ogive.cross_entropy(X, labels, label_smoothing=0.1, reduction="none")
    np.testing.assert_allclose(losses, exact, 1e-12)


def test_no_framework_is_imported() -> None:
    code = "import sys, ogive.formula.tensors as t; assert not {'torch', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
