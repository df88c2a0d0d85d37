"""Runs JAX's own tests of jax.nn with Ogive's functions in the place of JAX's.

    python tools/jax_own_tests.py PATH                 # tests/nn_test.py of the installed version
    python tools/jax_own_tests.py PATH -k LogSumExp    # tests/lax_scipy_test.py; words for pytest

Each function of `jax.nn` that a card names is replaced by one that calls `ogive.jax`, under
jax.nn's signature, as are logsumexp and softmax of `jax.scipy.special`. What Ogive does not have
(logsumexp's `b` and `return_sign`, complex numbers) stays JAX's. Printed are the tests that fail,
and how many of those that pass called Ogive: the others are of initializers, attention and so on,
and say nothing about it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import pytest

import ogive.jax as oj
from ogive.jax import _replace

calls: list[str] = []
theirs = {name: getattr(jax.nn, name) for name in ("logsumexp",)}


def noted(name: str, function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Ogive's function, whose calls are counted."""
    own = getattr(oj, name) if function is None else function

    def called(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return own(*args, **kwargs)

    called.__name__ = name
    return called


def gelu(x: Any, approximate: bool = True) -> Any:
    return noted("gelu_tanh" if approximate else "gelu")(x)


def glu(x: Any, axis: int = -1) -> Any:
    return noted("glu")(*jnp.split(jnp.asarray(x), 2, axis))


def as_rows(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The array with the axes, all for None, as its last one; and where they were."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(x.ndim - len(axes), x.ndim))
    moved = jnp.moveaxis(x, axes, last)
    return moved.reshape(*moved.shape[: x.ndim - len(axes)], -1), axes


def over_axes(name: str) -> Callable[..., Any]:
    def function(x: Any, axis: Any = -1, where: Any = None) -> Any:
        mask = None if where is None else jnp.broadcast_to(where, jnp.shape(x))
        if isinstance(axis, int):
            return noted(name)(x, axis=axis, where=mask)
        rows, axes = as_rows(x, axis)
        y = noted(name)(rows, where=None if mask is None else as_rows(mask, axis)[0])
        last = tuple(range(x.ndim - len(axes), x.ndim))
        return jnp.moveaxis(y.reshape(jnp.moveaxis(x, axes, last).shape), last, axes)

    return function


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
              return_sign: bool = False, where: Any = None) -> Any:  # fmt: skip
    a = jnp.asarray(a)
    if b is not None or return_sign or jnp.iscomplexobj(a):
        return theirs["logsumexp"](a, axis, b, keepdims, return_sign, where)
    rows, axes = as_rows(a, axis)
    mask = None if where is None else as_rows(jnp.broadcast_to(where, a.shape), axis)[0]
    found = noted("logsumexp")(rows, where=mask)
    return jnp.expand_dims(found, axes) if keepdims else found


def replace() -> None:
    for _, path, ours in _replace.counterparts():
        name = path.rpartition(".")[2]
        setattr(jax.nn, name, noted(name, ours))
    jax.nn.gelu, jax.nn.glu, jax.nn.logsumexp = gelu, glu, logsumexp
    for name in ("softmax", "log_softmax"):
        setattr(jax.nn, name, over_axes(name))
    jax.scipy.special.logsumexp = jax.nn.logsumexp
    jax.scipy.special.softmax = jax.nn.softmax
    if hasattr(jax.nn, "swish"):
        jax.nn.swish = jax.nn.silu
    if hasattr(jax.nn, "hard_swish"):
        jax.nn.hard_swish = jax.nn.hard_silu


class Reached:
    """Counts the tests that pass, by whether they called Ogive."""

    def __init__(self) -> None:
        self.with_ogive = self.without = 0

    def pytest_runtest_setup(self) -> None:
        self.before = len(calls)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" and report.passed:
            if len(calls) > self.before:
                self.with_ogive += 1
            else:
                self.without += 1


def main() -> int:
    path, reached = Path(sys.argv[1]).resolve(), Reached()
    replace()
    options = ["-q", "-p", "no:cacheprovider", str(path), *sys.argv[2:]]
    code = pytest.main(options, plugins=[reached])
    counts = {name: calls.count(name) for name in dict.fromkeys(calls)}
    print("calls of Ogive:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    print(f"passed: {reached.with_ogive} that call Ogive, {reached.without} that do not")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
