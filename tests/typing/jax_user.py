"""A program of a JAX user. Type checkers must accept it, but for the lines marked as wrong."""

from typing import assert_type

from jax import Array

import ogive.jax


def program(x: Array, labels: Array) -> None:
    assert_type(ogive.jax.gelu(x), Array)
    assert_type(ogive.jax.celu(x, alpha=x), Array)
    assert_type(ogive.jax.softmax(x, axis=-1, temperature=2.0, where=x > 0), Array)
    assert_type(ogive.jax.cross_entropy(x, labels, reduction="none"), Array)
    assert_type(ogive.jax.derivative.gelu(x), Array)
    assert_type(ogive.jax.backward.gelu(x, x), Array)
    assert_type(ogive.jax.backward.swiglu(x, x, x), tuple[Array, Array])
    assert_type(ogive.jax.value_and_grad.cross_entropy(x, labels), tuple[Array, Array])

    # What must not pass.
    ogive.jax.gleu(x)  # wrong: attr-defined, reportAttributeAccessIssue
    ogive.jax.derivative.gleu(x)  # wrong: attr-defined, reportAttributeAccessIssue
    ogive.jax.gelu(x, approximate=True)  # wrong: call-arg, reportCallIssue
    ogive.jax.cross_entropy(x, labels, reduction="avg")  # wrong: arg-type, reportArgumentType
    ogive.jax.softmax(x, axis="last")  # wrong: arg-type, reportArgumentType
