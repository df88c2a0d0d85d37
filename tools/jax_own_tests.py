"""Runs JAX's own tests of jax.nn with Ogive's functions in the place of JAX's.

    python tools/jax_own_tests.py PATH                 # tests/nn_test.py of the installed version
    python tools/jax_own_tests.py PATH -k LogSumExp    # tests/lax_scipy_test.py; words for pytest

Each function of `jax.nn` that a card names is replaced by one that calls `ogive.jax`, under
jax.nn's signature; logsumexp and softmax with `where` and `initial` too. Printed are the tests that
fail, and how many tests called Ogive.
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
theirs = {name: getattr(jax.nn, name) for name in ("gelu", "softmax", "log_softmax", "logsumexp")}


def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return function(*args, **kwargs)

    called.__name__ = name
    return called


def gelu(x: Any, approximate: bool = True) -> Any:
    return oj.gelu_tanh(x) if approximate else oj.gelu(x)


def of_one_axis(name: str) -> Callable[..., Any]:
    """Rows along one axis are Ogive's; several axes at once, JAX's."""

    def function(x: Any, axis: Any = -1, where: Any = None) -> Any:
        if not isinstance(axis, int):
            return theirs[name](x, axis=axis, where=where)
        mask = None if where is None else jnp.broadcast_to(where, jnp.shape(x))
        return getattr(oj, name)(x, axis=axis, where=mask)

    return function


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
              return_sign: bool = False, where: Any = None) -> Any:  # fmt: skip
    if b is not None or return_sign or not isinstance(axis, int):
        return theirs["logsumexp"](a, axis, b, keepdims, return_sign, where)
    found = oj.logsumexp(a, axis=axis, where=where)
    return jnp.expand_dims(found, axis) if keepdims else found


def replace() -> None:
    for _, path, ours in _replace.counterparts():
        name = path.rpartition(".")[2]
        setattr(jax.nn, name, noted(name, ours))
    for name, function in (
        ("gelu", gelu), ("softmax", of_one_axis("softmax")), ("logsumexp", logsumexp),
        ("log_softmax", of_one_axis("log_softmax")),
    ):  # fmt: skip
        setattr(jax.nn, name, noted(name, function))
    jax.scipy.special.logsumexp = jax.nn.logsumexp
    jax.scipy.special.softmax = jax.nn.softmax
    if hasattr(jax.nn, "swish"):
        jax.nn.swish = jax.nn.silu
    if hasattr(jax.nn, "hard_swish"):
        jax.nn.hard_swish = jax.nn.hard_silu


def main() -> int:
    path = Path(sys.argv[1]).resolve()
    replace()
    code = pytest.main(["-q", "-p", "no:cacheprovider", str(path), *sys.argv[2:]])
    counts = {name: calls.count(name) for name in dict.fromkeys(calls)}
    print("calls of Ogive:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
