"""Over four devices `ogive.jax` leaves elements and rows where they are: the same numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")

PROGRAM = """
import sys
import jax, jax.numpy as jnp, numpy as np
import ogive.jax as oj
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

kind = getattr(AxisType, sys.argv[1])
mesh = jax.make_mesh((4,), ("d",), axis_types=(kind,))
x = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
labels = jnp.arange(8) % 12

def check(function, *arrays, specs, gathers=False):
    placed = [jax.device_put(a, NamedSharding(mesh, s)) for a, s in zip(arrays, specs)]
    compiled = jax.jit(function).lower(*placed).compile()
    assert ("all-gather" in compiled.as_text()) is gathers, function
    expected = function(*map(jnp.asarray, arrays))
    np.testing.assert_allclose(np.asarray(compiled(*placed)), np.asarray(expected), 2e-6, 1e-7)

rows, classes = P("d", None), P(None, "d")
for spec in (rows, classes):
    for function in (oj.gelu, lambda x: oj.swiglu(x, x), lambda x: oj.leaky_relu(x, 0.3)):
        check(function, x, specs=[spec])
        check(jax.grad(lambda x: function(x).sum()), x, specs=[spec])
for function in (oj.softmax, oj.log_softmax, oj.logsumexp, oj.sparsemax):
    for spec in (rows, classes):
        check(function, x, specs=[spec], gathers=spec is classes)
for reduction in ("none", "mean", "sum"):
    for options in ({}, {"ignore_index": 3, "label_smoothing": 0.1}):
        def loss(z, t):
            return oj.cross_entropy(z, t, reduction=reduction, **options)
        check(loss, x, labels, specs=[rows, P("d")])
        check(jax.grad(lambda z, t: loss(z, t).sum()), x, labels, specs=[rows, P("d")])
check(lambda z, t: oj.binary_cross_entropy(z, t), x, abs(x) / 5, specs=[rows, rows])

if kind is AxisType.Auto:
    each = jax.shard_map(oj.gelu, mesh=mesh, in_specs=rows, out_specs=rows)
    np.testing.assert_array_equal(each(x), oj.gelu(jnp.asarray(x)))
    options = dict(label_smoothing=0.1, z_loss=1e-2, ignore_index=3)
    split = jax.shard_map(
        lambda z, t: oj.vocab_parallel_cross_entropy(z, t, "d", **options),
        mesh=mesh, in_specs=(classes, P()), out_specs=P(),
    )
    whole = lambda z: oj.cross_entropy(z, labels, **options)
    np.testing.assert_allclose(split(x, labels), whole(jnp.asarray(x)), 1e-6)
    np.testing.assert_allclose(
        jax.grad(split)(jnp.asarray(x), labels), jax.grad(whole)(jnp.asarray(x)), 1e-5, 1e-7
    )
    assert "all-gather" not in jax.jit(split).lower(x, labels).compile().as_text()
    confident = np.zeros((2, 12), np.float32)
    confident[:, 5] = 30
    found = split(confident, jnp.array([5, 5]))
    plain = jax.shard_map(
        lambda z, t: oj.vocab_parallel_cross_entropy(z, t, "d"),
        mesh=mesh, in_specs=(classes, P()), out_specs=P(),
    )
    np.testing.assert_allclose(plain(confident, jnp.array([5, 5])), 11 * np.exp(-30.0), 1e-5)
print("done")
"""


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_split_operands(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, timeout=300,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
    )  # fmt: skip
    assert done.stdout.endswith("done\n"), done.stderr[-2000:]
