"""`ogive.jax` in use: errors, formats, what is kept, layers, and logits in chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.experimental import checkify  # noqa: E402

import ogive  # noqa: E402
import ogive.jax as oj  # noqa: E402

X = jnp.asarray(np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32))
LABELS = jnp.array([0, 6, 3, 1, 2])

REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: oj.gelu("x"), TypeError, "expected an array or a number, not str"),
    (lambda: oj.gelu(X.astype(complex)), TypeError, "not complex64"),
    (lambda: oj.swiglu(X, X[:, :3]), ValueError, r"shapes \(5, 7\) and \(5, 3\)"),
    (lambda: oj.softplus(X, -1.0), ValueError, r"beta = -1.0"),
    (lambda: oj.hard_tanh(X, 2.0, 1.0), ValueError, "min_val = 2.0 is above max_val = 1.0"),
    (lambda: oj.rrelu(X, training=True), ValueError, "seed is needed"),
    (lambda: oj.rrelu(X, training=1), TypeError, "training must be True or False"),
    (lambda: oj.softmax(X, axis=2), IndexError, "axis 2 is out of bounds"),
    (lambda: oj.softmax(X, temperature=0.0), ValueError, "temperature must be positive"),
    (lambda: oj.softmax(X, where=X), TypeError, "where must be a boolean mask"),
    (lambda: oj.softmax(X, where=X[:, :3] > 0), ValueError, "does not fit x"),
    (lambda: oj.cross_entropy(X, LABELS[:3]), ValueError, "fits logits of shape"),
    (lambda: oj.cross_entropy(X, LABELS * 1.0), TypeError, "labels must"),
    (lambda: oj.cross_entropy(X, LABELS.at[1].set(7)), IndexError, r"target\[1\] = 7"),
    (lambda: oj.cross_entropy(X, -abs(X)), ValueError, r"target\[0, 0\] = -"),
    (lambda: oj.cross_entropy(X, LABELS, reduction="avg"), ValueError, "not 'avg'"),
    (lambda: oj.cross_entropy(X, LABELS, weight=X[0, :3]), ValueError, "does not fit 7 classes"),
    (lambda: oj.cross_entropy(X, LABELS, label_smoothing=2.0), ValueError, "label_smoothing"),
    (lambda: oj.cross_entropy(X, LABELS, ignore_index=1.5), TypeError, "ignore_index"),
    (lambda: oj.binary_cross_entropy(X, X), ValueError, "between 0 and 1"),
    (lambda: oj.linear_cross_entropy(X, X[:, :3], LABELS), ValueError, "does not fit W"),
    (lambda: oj.linear_cross_entropy(X, X, LABELS[:2]), ValueError, "labels of shape"),
    (lambda: oj.linear_cross_entropy(X, X, LABELS), IndexError, r"target\[1\] = 6"),
    (lambda: oj.config.use("fast").__enter__(), ValueError, "'kernel' or 'formula'"),
    (lambda: oj.gelo, AttributeError, "gelo"),
]  # fmt: skip


@pytest.mark.parametrize("which", range(len(REFUSED)))
def test_what_is_refused_is_named(which: int) -> None:
    call, kind, says = REFUSED[which]
    with pytest.raises(kind, match=says):
        call()


@pytest.mark.parametrize("which", [1, 2, 3, 8, 9, 10, 11, 12, 15, 16])
def test_it_is_refused_when_traced(which: int) -> None:
    call, kind, says = REFUSED[which]
    with pytest.raises(kind, match=says):
        jax.jit(call)()


def test_a_label_that_is_no_class_makes_its_row_nan_under_jit() -> None:
    loss, dz = jax.jit(lambda z, t: oj.value_and_grad.cross_entropy(z, t, reduction="none"))(
        X, LABELS.at[1].set(7).at[3].set(-1)
    )
    assert np.isnan(loss).tolist() == [False, True, False, True, False]
    assert np.isnan(dz).all(1).tolist() == [False, True, False, True, False]
    assert np.isnan(jax.jit(oj.cross_entropy)(X, LABELS.at[1].set(7)))


def test_checked_tells_row_and_value() -> None:
    checked = checkify.checkify(jax.jit(lambda z, t: oj.cross_entropy(z, t, checked=True)))
    assert checked(X, LABELS)[0].get() is None
    said = checked(X, LABELS.at[3].set(9))[0].get()
    assert said is not None
    assert "target[3] = 9: labels must be in [0, 7)" in said


def test_float64_is_as_numpy_s() -> None:
    with jax.enable_x64():
        x = jnp.asarray(np.random.default_rng(1).normal(size=300))
        assert x.dtype == jnp.float64
        for name in ("gelu", "tanh", "softmax", "logsumexp"):
            found = getattr(oj, name)(x)
            np.testing.assert_array_equal(found, getattr(ogive, name)(np.asarray(x)))
        z = x.reshape(30, 10)
        labels = jnp.arange(30) % 10
        found = oj.value_and_grad.cross_entropy(z, labels, label_smoothing=0.1)
        expected = ogive.value_and_grad.cross_entropy(
            np.asarray(z), np.asarray(labels), label_smoothing=0.1
        )
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["gelu", "softmax", "cross_entropy"])
def test_jit_may_be_disabled(name: str) -> None:
    """As it is for debugging; the kernels are compiled all the same."""
    more = () if name != "cross_entropy" else (jnp.arange(4) % 3,)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)

    def loss(x: Any) -> Any:
        return jnp.sum(getattr(oj, name)(x, *more) ** 2)

    expected = jax.value_and_grad(loss)(x)
    with jax.disable_jit():
        found = jax.value_and_grad(loss)(x)
    np.testing.assert_allclose(found[0], expected[0], 1e-6)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("name", ["silu", "swiglu"])
def test_tangents_may_be_numbers(name: str) -> None:
    """A number's tangent is one too, and no array."""
    function = getattr(oj, name)
    given = (1.5, 0.5)[: 1 if name == "silu" else 2]
    arrays = tuple(map(jnp.asarray, given))
    found = jax.jvp(function, given, given)
    assert found == jax.jvp(function, arrays, arrays)
    mixed = jax.jvp(lambda x: function(*arrays[1:], x), given[:1], given[:1])
    assert mixed == jax.jvp(lambda x: function(*arrays[1:], x), arrays[:1], arrays[:1])


def test_weak_types_empty_arrays_and_donation() -> None:
    assert oj.gelu(2.0).weak_type
    assert (oj.gelu(2.0) * X.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    assert oj.gelu(3).dtype == jnp.float32
    for name in ("gelu", "softmax", "log_softmax"):
        assert getattr(oj, name)(jnp.zeros((0, 4))).shape == (0, 4)
        assert getattr(oj, name)(jnp.zeros((4, 0))).shape == (4, 0)
    assert oj.logsumexp(jnp.zeros((3, 0))).tolist() == [-np.inf] * 3
    assert oj.cross_entropy(jnp.zeros((0, 4)), jnp.zeros(0, int)) == 0
    given = jnp.asarray(np.ones((300, 300), np.float32))
    found = jax.jit(oj.gelu, donate_argnums=0)(given)
    np.testing.assert_array_equal(found, oj.gelu(jnp.ones((300, 300))))


def residuals(function: Any, *args: Any) -> list[tuple[int, ...]]:
    _, pull = jax.vjp(function, *args)
    return [a.shape for a in jax.tree.leaves(pull) if hasattr(a, "shape")]


def test_the_least_is_kept() -> None:
    assert residuals(oj.tanh, X) == [X.shape]
    assert residuals(oj.gelu, X) == [X.shape]
    assert residuals(oj.softmax, X) == [X.shape]
    z = jnp.ones((50, 40))
    kept = residuals(lambda z: oj.cross_entropy(z, jnp.zeros(50, int)), z)
    assert sum(np.prod(shape) for shape in kept) <= z.size + 50


def test_a_learned_slope_and_a_traced_one_have_gradients() -> None:
    slope = jnp.full(7, 0.25)
    found = jax.grad(lambda w: oj.prelu(X, w).sum())(slope)
    np.testing.assert_allclose(found, np.minimum(X, 0).sum(0), rtol=1e-6)
    _, expected = ogive.backward.prelu(np.ones_like(X), np.asarray(X), np.asarray(slope))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    by_hand = jax.grad(lambda beta: jnp.sum(jax.nn.softplus(beta * X) / beta))(1.5)
    by_ogive = jax.grad(lambda beta: oj.softplus(X, beta).sum())(1.5)
    np.testing.assert_allclose(by_ogive, by_hand, rtol=1e-5)
    eps = jax.grad(lambda eps: oj.cross_entropy(X, LABELS, label_smoothing=eps))(0.1)
    up, down = (oj.cross_entropy(X, LABELS, label_smoothing=0.1 + h) for h in (1e-2, -1e-2))
    np.testing.assert_allclose(eps, (up - down) / 2e-2, rtol=1e-3)


def test_the_choice_of_a_formula_reaches_what_is_traced() -> None:
    with oj.config.use("formula"):
        text = jax.jit(lambda x: oj.gelu(x) + 1).lower(X).compile().as_text()
    assert "ogive_kernel" not in text
    assert "ogive_kernel" in jax.jit(lambda x: oj.gelu(x) + 1).lower(X).compile().as_text()
    assert oj.config.elementwise == "kernel"


def test_other_platforms_get_the_formula() -> None:
    for function, args in ((oj.gelu, (X,)), (oj.softmax, (X,)), (oj.cross_entropy, (X, LABELS))):
        oj._warn._warned.clear()
        with pytest.warns(RuntimeWarning, match="by its formula"):
            sent = jax.export.export(jax.jit(function), platforms=["cuda"])(*args)
        assert "custom_call @ogive" not in sent.mlir_module()


@pytest.mark.parametrize("chunk", [1, 2, 4, 5, 100, None])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_layer_in_chunks_is_the_layer(chunk: int | None, reduction: str) -> None:
    random = np.random.default_rng(2)
    W = jnp.asarray(random.normal(size=(9, 7)).astype(np.float32))
    b = jnp.asarray(random.normal(size=9).astype(np.float32))
    weight = jnp.asarray(random.uniform(0.5, 2, 9).astype(np.float32))
    options: dict[str, Any] = {
        "ignore_index": 3, "label_smoothing": 0.1, "z_loss": 1e-2, "softcap": 4.0,
        "reduction": reduction,
    }  # fmt: skip
    for own in ({}, {"weight": weight}):
        call = {**options, **own}

        def chunked(x: Any, W: Any, b: Any, call: Any = call) -> Any:
            return jnp.sum(oj.linear_cross_entropy(x, W, LABELS, b, chunk_rows=chunk, **call) * 1.5)

        def whole(x: Any, W: Any, b: Any, call: Any = call) -> Any:
            return jnp.sum(oj.cross_entropy(x @ W.T + b, LABELS, **call) * 1.5)

        found = jax.value_and_grad(chunked, (0, 1, 2))(X, W, b)
        expected = jax.value_and_grad(whole, (0, 1, 2))(X, W, b)
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, 3e-5, 1e-6)
        loss, (dx, _, _) = oj.value_and_grad.linear_cross_entropy(
            X, W, LABELS, b, chunk_rows=chunk, **call
        )
        np.testing.assert_allclose(jnp.sum(loss) * 1.5, expected[0], 3e-6)
        if reduction != "none":
            np.testing.assert_allclose(dx * 1.5, expected[1][0], 3e-5, 1e-6)


def test_a_layer_never_holds_all_logits() -> None:
    x, W = jnp.ones((4096, 16)), jnp.ones((1000, 16))
    labels = jnp.zeros(4096, int)

    def memory(loss: Any) -> int:
        compiled = jax.jit(jax.grad(loss, (0, 1))).lower(x, W).compile()
        return int(compiled.memory_analysis().temp_size_in_bytes)

    chunked = memory(lambda x, W: oj.linear_cross_entropy(x, W, labels, chunk_rows=128))
    whole = memory(lambda x, W: oj.cross_entropy(x @ W.T, labels))
    assert chunked < whole / 4
    assert chunked < 4096 * 1000 * 4 / 4


LIBRARIES = ["equinox", "nnx"]


def library(name: str) -> Any:
    pytest.importorskip({"equinox": "equinox", "nnx": "flax"}[name])
    import importlib

    return importlib.import_module(f"ogive.jax.{name}")


@pytest.mark.parametrize("name", LIBRARIES)
def test_layers(name: str) -> None:
    modules = library(name)
    x = jnp.asarray(np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32))
    np.testing.assert_array_equal(modules.SwiGLU()(x), oj.swiglu(x[:, :3], x[:, 3:]))
    np.testing.assert_array_equal(modules.PReLU(6)(x), oj.prelu(x, jnp.full(6, 0.25)))
    np.testing.assert_array_equal(modules.Softmax(axis=0)(x), oj.softmax(x, axis=0))
    labels = jnp.array([0, 1, 2, 3])
    loss = modules.CrossEntropyLoss(label_smoothing=0.1, reduction="none")
    expected = oj.cross_entropy(x, labels, label_smoothing=0.1, reduction="none")
    np.testing.assert_array_equal(loss(x, labels), expected)
    with pytest.raises(TypeError, match="has no option 'alpha'"):
        modules.GELU(alpha=1)
    with pytest.raises(ValueError, match="no two equal halves"):
        modules.GLU()(x[:, :5])
    with pytest.raises(ValueError, match="a key is needed"):
        modules.RReLU(training=True)(x)


def test_equinox_trains_and_swaps() -> None:
    modules = library("equinox")
    eqx = pytest.importorskip("equinox")
    slope = eqx.filter_grad(lambda p: p(-jnp.ones((2, 4))).sum())(modules.PReLU(4)).weight
    assert slope.tolist() == [-2.0] * 4
    mlp = eqx.nn.MLP(2, 1, 8, 2, jax.nn.gelu, key=jax.random.key(0))
    done = modules.swap(mlp)
    assert done.changed == [(".activation", "jax.nn.gelu", "ogive.jax.gelu_tanh")]
    assert done.left == []
    own = modules.swap(eqx.tree_at(lambda m: m.final_activation, mlp, lambda x: x * 2))
    assert [path for path, _ in own.left] == [".final_activation"]
    x = jnp.array([0.3, -0.7])
    np.testing.assert_allclose(done.model(x), mlp(x), rtol=1e-5)
    assert mlp.activation is jax.nn.gelu


def test_nnx_trains_and_swaps() -> None:
    modules = library("nnx")
    nnx = pytest.importorskip("flax.nnx")
    layer = modules.PReLU(4)
    grads = nnx.grad(lambda p: p(-jnp.ones((2, 4))).sum())(layer)
    assert np.asarray(grads["weight"][...]).tolist() == [-2.0] * 4
    model = nnx.Sequential(nnx.Linear(2, 8, rngs=nnx.Rngs(0)), jax.nn.silu, abs)
    x = jnp.ones((3, 2))
    before = model(x)
    done = modules.swap(model)
    assert done.changed == [("layers.1", "jax.nn.silu", "ogive.jax.silu")]
    np.testing.assert_allclose(model(x), before, rtol=1e-6)
    rngs = nnx.Rngs(0)
    random = modules.RReLU(training=True, rngs=rngs)
    assert not np.array_equal(random(-x), random(-x))
