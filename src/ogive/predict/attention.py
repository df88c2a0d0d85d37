"""Attention logits before training: their standard deviation and the largest to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import ogive

from .errors import PredictError
from .network import check_whole, is_number
from .quadrature import Floats


@dataclass(frozen=True, kw_only=True)
class AttentionLogits:
    """Of q k^T / sqrt(head_dim), over draws of the weights."""

    head_dim: int
    tokens: int
    std: float
    maximum: float
    """Expected largest of the tokens x tokens logits of one head."""


def attention_logits(
    head_dim: int,
    tokens: int,
    *,
    query_variance: float = 1.0,
    key_variance: float = 1.0,
    mean_square: float = 1.0,
) -> AttentionLogits:
    """What attention logits to expect from an initialisation.

    A logit is a sum of head_dim products, so its tails are heavier than a normal variable's: they
    are integrated over the length of the query. All logits count as independent, which makes the
    maximum an upper estimate.

    Parameters
    ----------
    head_dim
        Entries of a query and of a key.
    tokens
        Length of the sequence.
    query_variance, key_variance
        fan_in times the variance of the two projections' weights: 1/3 for PyTorch's Linear, 1 for
        Glorot's in a square layer.
    mean_square
        Of the entries of what is projected: 1 after a normalisation.

    Examples
    --------
    >>> found = attention_logits(64, 128)
    >>> round(found.std, 2), round(found.maximum, 1)
    (1.0, 4.2)
    """
    check_whole("head_dim", head_dim)
    check_whole("tokens", tokens)
    given = {
        "query_variance": query_variance, "key_variance": key_variance, "mean_square": mean_square
    }  # fmt: skip
    for name, value in given.items():
        if not (is_number(value) and value > 0):
            raise PredictError(f"{name} must be a positive number, not {value!r}")
    std = math.sqrt(query_variance * key_variance) * mean_square
    return AttentionLogits(
        head_dim=head_dim, tokens=tokens, std=std, maximum=std * _largest(head_dim, tokens**2)
    )


def _largest(head_dim: int, count: int) -> float:
    """Expected maximum of `count` logits of variance 1."""
    # Given the query, a logit is normal with variance |q|^2/d: chi-squared of d degrees over d.
    squares = np.linspace(0, 1, 2002)[1:-1] * (head_dim + 12 * math.sqrt(2 * head_dim) + 60)
    log_density = (head_dim / 2 - 1) * np.log(squares) - squares / 2
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    scale = np.sqrt(squares / head_dim)
    x = np.linspace(0, 60, 6001)
    tail = np.array([_tail(at / scale) @ weight for at in x])
    below = np.exp(count * np.log1p(-tail))
    # E max = int_0^inf (1 - F^n) - int_0^inf F(-x)^n, and F(-x) = tail(x).
    return float(np.trapezoid(1 - below - tail**count, x))


def _tail(z: Floats) -> Floats:
    """The normal probability above z, for z >= 0: gelu(-z) is -z times it, tails included."""
    return np.where(z > 0, ogive.gelu(-z) / np.where(z > 0, -z, 1.0), 0.5)
