"""Where XLA's own softmax is wrong on a CPU, beside Ogive's: `python examples/jax_softmax.py`.

Inside jit XLA computes the scaled logits twice, once for the maximum and once inside the
exponential, and the second time with a fused multiply-add: the two differ by rounding, so that the
largest logit minus the maximum is not 0. With logits of 1e9 the difference is so large that the
exponential overflows, and the row is NaN; below that, it costs digits. Ogive's softmax is one call,
into which nothing is fused. The second table has the largest error of some functions in ULP.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import ogive
import ogive.jax as oj


def rows_of_nan(scale: float) -> tuple[int, int, int]:
    """Of 64 rows of finite logits times 3.3: by jax.nn jitted, by jax.nn, by Ogive jitted."""
    random = np.random.default_rng(0)
    x = jnp.asarray((random.normal(size=(64, 50)) * scale).astype(np.float32))

    def theirs(x: jax.Array, by: float) -> jax.Array:
        return jax.nn.softmax(x * by)

    def ours(x: jax.Array, by: float) -> jax.Array:
        return oj.softmax(x * by)

    found = jax.jit(theirs)(x, 3.3), theirs(x, 3.3), jax.jit(ours)(x, 3.3)
    one, two, three = (int(jnp.isnan(y).any(-1).sum()) for y in found)
    return one, two, three


def largest_error(name: str) -> tuple[float, float, float]:
    """In ULP of float32, on 100,001 numbers from -20 to 20: jax.nn jitted and not, and Ogive."""
    theirs = {"tanh": jnp.tanh}.get(name) or getattr(jax.nn, name)
    x = np.linspace(-20, 20, 100_001).astype(np.float32)
    exact = getattr(ogive, name)(x.astype(np.float64))
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)

    def error(y: jax.Array) -> float:
        return float(np.max(np.abs(np.asarray(y, np.float64) - exact) / spacing))

    ours = getattr(oj, name)
    return error(jax.jit(theirs)(x)), error(theirs(x)), error(jax.jit(ours)(x))


def main() -> int:
    print(f"JAX {jax.__version__}: rows of 64 that are NaN, of finite logits")
    right = True
    for scale in (1e6, 1e9, 4e9, 1e10):
        jitted, eager, ogives = rows_of_nan(scale)
        right &= ogives == 0
        print(
            f"  logits of {scale:.0e}: jax.nn jitted {jitted}, not jitted {eager}, Ogive {ogives}"
        )
    print("largest error in ULP, float32, -20 to 20")
    for name in ("silu", "sigmoid", "tanh", "softplus", "log_sigmoid", "elu"):
        jitted, eager, own = largest_error(name)
        right &= own <= 0.6
        print(f"  {name}: jax.nn jitted {jitted:.3g}, not jitted {eager:.3g}, Ogive {own:.2f}")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
