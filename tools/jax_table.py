"""What works with each function of `ogive.jax`: writes docs/jax_table.md.

    python tools/jax_table.py

Each cell compares a transform of Ogive's function with the same transform of its formula in JAX's
operations, or with the function itself where the transform must not change it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

import ogive.jax as oj
from ogive.catalog import find, names
from ogive.jax import _kernels, _loss_kernels

PAGE = Path(__file__).parent.parent / "docs" / "jax_table.md"
NAMES = [*names()]
Function = Callable[[Any], Any]


def made(name: str, dtype: Any = np.float32) -> tuple[Function, Any]:
    """A function of one array, and such an array."""
    card = find(name)
    random = np.random.default_rng(4)
    x = jnp.asarray(random.normal(0.1, 1.2, (4, 6)), dtype)
    function = getattr(oj, name)
    if card.kind == "gated":
        return lambda x: function(x, jnp.flip(x, -1) + 0.3), x
    if card.kind == "unary" and card.draws:
        return lambda x: function(x, training=True, seed=5), x
    if card.kind == "rows" and card.draws:
        return lambda x: function(x, seed=5), x
    if card.layer:
        W = jnp.asarray(random.normal(0, 1, (5, 6)), dtype)
        labels = jnp.asarray(random.integers(0, 5, 4))
        return lambda x: function(x, W, labels[: x.shape[0]], chunk_rows=3), x
    if card.kind == "heads" and card.over_rows:
        labels = jnp.asarray(random.integers(0, 6, 4))
        return lambda x: function(x, labels[: x.shape[0]]), x
    if card.kind == "heads":
        target = jnp.asarray(random.random((4, 6)), dtype)
        return lambda x: function(x, target[: x.shape[0]]), x
    return function, x


def same(found: Any, expected: Any, tolerance: float = 0.0) -> None:
    np.testing.assert_allclose(
        np.asarray(found, np.float64), np.asarray(expected, np.float64), tolerance, tolerance
    )


def close_to(order: int, mode: str) -> Callable[[str], None]:
    def check(name: str) -> None:
        function, x = made(name)
        check_grads(function, (x,), order, (mode,), atol=2e-2, rtol=2e-2, eps=1e-2)

    return check


def jitted(name: str) -> None:
    function, x = made(name)
    same(jax.jit(function)(x), function(x))


def total(function: Function) -> Function:
    return lambda x: jnp.sum(function(x))


def gradient(name: str) -> None:
    function, x = made(name)
    value, found = jax.value_and_grad(total(function))(x)
    same(value, jnp.sum(function(x)), 1e-6)
    same(jax.jit(jax.grad(total(function)))(x), found)
    if not find(name).draws:
        with by_formulas():
            same(found, jax.grad(total(function))(x), 1e-5)


def jacobians(name: str) -> None:
    function, x = made(name)
    same(jax.jacfwd(function)(x[:1]), jax.jacrev(function)(x[:1]), 1e-6)


@contextmanager
def by_formulas() -> Iterator[None]:
    """Functions are their formulas, differentiated by JAX: neither kernels nor rules of ours."""
    primitives = (
        (_kernels.kernel_p, _kernels.by_twin),
        (_loss_kernels.loss_p, _loss_kernels.by_twin),
    )
    for primitive, instead in primitives:
        primitive.bind = instead
    try:
        yield
    finally:
        for primitive, _ in primitives:
            del primitive.bind


def hessian(name: str) -> None:
    function, x = made(name)
    found = jax.hessian(total(function))(x[:1])
    if not find(name).draws:
        with by_formulas():
            same(found, jax.hessian(total(function))(x[:1]), 1e-4)
    same(jax.jacrev(jax.jacrev(total(function)))(x[:1]), found, 2e-5)


def mapped(name: str) -> None:
    function, x = made(name)
    if find(name).kind == "heads":
        many = jnp.stack([x, x + 1, -x])
        same(jax.vmap(function)(many), jnp.stack([function(each) for each in many]), 1e-6)
        same(jax.vmap(jax.grad(function))(many)[1], jax.grad(function)(many[1]), 1e-6)
        return
    shape = (3, *x.shape)
    many = jnp.broadcast_to(x, shape) * jnp.arange(1.0, 4.0).reshape(3, 1, 1)
    one_by_one = jnp.stack([function(each) for each in many])
    same(jax.vmap(function)(many), one_by_one)
    same(jax.vmap(function, 2, 2)(jnp.moveaxis(many, 0, 2)), jnp.moveaxis(one_by_one, 0, 2)
         if one_by_one.ndim > 2 else one_by_one) if one_by_one.ndim > 2 else None  # fmt: skip
    pulled = jax.vmap(jax.grad(total(function)))(many)
    same(pulled, jnp.stack([jax.grad(total(function))(each) for each in many]), 1e-6)
    same(jax.vmap(jax.vmap(function))(jnp.stack([many, many]))[0], one_by_one)


def checkpointed(name: str) -> None:
    function, x = made(name)
    same(jax.grad(jax.checkpoint(total(function)))(x), jax.grad(total(function))(x))


def looped(name: str) -> None:
    function, x = made(name)
    _, found = jax.lax.scan(lambda carry, each: (carry, function(each)), 0, jnp.stack([x, x / 2]))
    same(found, jnp.stack([function(x), function(x / 2)]))
    same(jax.lax.cond(True, function, function, x), function(x))


def exported(name: str) -> None:
    function, x = made(name)
    targets = ("ogive_kernel", "ogive_loss")
    allowed = [jax.export.DisabledSafetyCheck.custom_call(target) for target in targets]
    sent = jax.export.export(jax.jit(function), disabled_checks=allowed)(x).serialize()
    same(jax.export.deserialize(sent).call(x), function(x))


def shaped(name: str) -> None:
    function, x = made(name)
    found, y = jax.eval_shape(function, x), function(x)
    assert (found.shape, found.dtype) == (y.shape, y.dtype)
    assert "ogive" in str(jax.make_jaxpr(function)(x))


def halved(name: str) -> None:
    for dtype in (jnp.bfloat16, jnp.float16):
        function, x = made(name, dtype)
        y = function(x)
        assert y.dtype == dtype
        same(y, function(x.astype(jnp.float32)) if find(name).kind != "heads" else y, 0.05)
        assert jax.grad(total(function))(x).dtype == dtype


def formula(name: str) -> None:
    function, x = made(name)
    with oj.config.use("formula"):
        same(jax.jit(lambda x: function(x))(x), function(x), 1e-5)


def sharded(name: str) -> None:
    why = over_devices()[name]
    assert not why, why


@cache
def over_devices() -> dict[str, str]:
    """What is wrong with each function over four devices, found in a process that has them."""
    done = subprocess.run(
        [sys.executable, __file__, "--over-devices"], capture_output=True, text=True, check=True,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def wrong_over_devices(name: str) -> str:
    """A function and its gradient, of rows that four devices share: nothing may be gathered."""
    mesh = jax.make_mesh((4,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d", None))
    function, x = made(name)
    for each in (function, jax.grad(total(function))):
        compiled = jax.jit(each).lower(jax.device_put(x, split)).compile()
        if "all-gather" in compiled.as_text():
            return "its operands are gathered"
        same(compiled(jax.device_put(x, split)), each(x), 2e-6)
    return ""


CHECKS: dict[str, Callable[[str], None]] = {
    "jit": jitted, "grad": gradient, "check_grads rev": close_to(2, "rev"),
    "check_grads fwd": close_to(2, "fwd"), "jacfwd, jacrev": jacobians, "hessian": hessian,
    "vmap": mapped, "checkpoint": checkpointed, "scan, cond": looped, "export": exported,
    "eval_shape": shaped, "halves": halved, "formula": formula,
    "sharded": sharded,
}  # fmt: skip
TRANSFORMS = list(CHECKS)


def missing(name: str, transform: str) -> str:
    """Why a transform is not there for a function, or nothing."""
    card = find(name)
    forward = ("check_grads fwd", "jacfwd, jacrev", "hessian", "check_grads rev")
    if card.layer and transform in forward:
        return "keeps its gradient: first derivatives in reverse mode alone"
    if card.layer and transform == "export":
        return "as its loss"
    if transform == "sharded" and card.kind == "unary" and card.draws:
        return "its noise goes by the place in the whole array, which is put together"
    if transform == "sharded" and card.layer:
        return "its chunks are of whole rows: use shard_map"
    jumps = card.claims is not None and card.claims.smoothness < 1
    if "check_grads" in transform and (jumps or (card.kind == "rows" and card.draws)):
        return "finite differences meet a kink"
    if "check_grads" in transform and name in ("sparsemax", "entmax15", "sparsemax_loss", "reglu"):
        return "finite differences meet a kink"
    if transform == "formula" and (card.kind not in ("unary", "gated") or card.draws):
        return "of elements alone"
    return ""


def check(name: str, transform: str) -> None:
    CHECKS[transform](name)


def table() -> str:
    lines = [
        "# ogive.jax: what works with each function",
        "",
        f"`python tools/jax_table.py` made this page (JAX {jax.__version__}, CPU); tests run the",
        "same checks. A letter stands for a reason below.",
        "",
        f"| function | {' | '.join(TRANSFORMS)} |",
        f"|---|{'---|' * len(TRANSFORMS)}",
    ]
    reasons: dict[str, str] = {}
    for name in NAMES:
        cells = []
        for transform in TRANSFORMS:
            why = missing(name, transform)
            if why:
                reasons[why] = "abcdefgh"[
                    list(reasons).index(why) if why in reasons else len(reasons)
                ]
                cells.append(reasons[why])
                continue
            check(name, transform)
            cells.append("✓")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", *(f"- {letter}: {why}." for why, letter in reasons.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--over-devices"]:
        print(json.dumps({n: wrong_over_devices(n) for n in NAMES if not missing(n, "sharded")}))
    else:
        PAGE.write_text(table())
