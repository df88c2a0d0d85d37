"""A small transformer trained with the functions of jax.nn and with Ogive's, side by side.

`python examples/jax_transformer.py`: the losses of 50 steps, the time of a step as a ratio of
interleaved steps, and the memory that the compiled step asks for. The block is causal attention
and a gated feed-forward layer; the text is Python's own list of keywords, letter by letter.
"""

from __future__ import annotations

import keyword
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ogive.jax as oj

STEPS, WIDTH, LENGTH, BATCH = 50, 64, 32, 16
TEXT = " ".join(keyword.kwlist * 40)
LETTERS = sorted(set(TEXT))


def batches() -> Any:
    numbers = np.array([LETTERS.index(letter) for letter in TEXT])
    random = np.random.default_rng(0)
    while True:
        starts = random.integers(0, len(numbers) - LENGTH - 1, BATCH)
        yield jnp.asarray(np.stack([numbers[at : at + LENGTH + 1] for at in starts]))


def made(seed: int = 0) -> dict[str, jax.Array]:
    """Weights of one block and a head that is tied to the embedding."""
    shapes = {
        "embedding": (len(LETTERS), WIDTH), "place": (LENGTH, WIDTH), "qkv": (WIDTH, 3 * WIDTH),
        "out": (WIDTH, WIDTH), "gate": (WIDTH, 2 * WIDTH), "up": (WIDTH, 2 * WIDTH),
        "down": (2 * WIDTH, WIDTH),
    }  # fmt: skip
    keys = jax.random.split(jax.random.key(seed), len(shapes))
    return {
        name: jax.random.normal(key, shape) / np.sqrt(shape[0] if name != "place" else 100)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def normed(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)


def logits(
    weights: dict[str, jax.Array], letters: jax.Array, softmax: Callable[..., Any], silu: Any
) -> jax.Array:
    x = weights["embedding"][letters] + weights["place"]
    q, k, v = jnp.split(normed(x) @ weights["qkv"], 3, -1)
    scores = jnp.einsum("bqd,bkd->bqk", q, k) / np.sqrt(WIDTH)
    causal = jnp.tril(jnp.ones((LENGTH, LENGTH), bool))
    attention = softmax(scores, where=jnp.broadcast_to(causal, scores.shape))
    x = x + attention @ v @ weights["out"]
    z = normed(x)
    x = x + (silu(z @ weights["gate"]) * (z @ weights["up"])) @ weights["down"]
    return normed(x) @ weights["embedding"].T


def loss_of_jax(weights: dict[str, jax.Array], text: jax.Array) -> jax.Array:
    z = logits(weights, text[:, :-1], jax.nn.softmax, jax.nn.silu)
    log_p = jax.nn.log_softmax(z)
    return -jnp.mean(jnp.take_along_axis(log_p, text[:, 1:, None], -1))


def loss_of_ogive(weights: dict[str, jax.Array], text: jax.Array) -> jax.Array:
    z = logits(weights, text[:, :-1], oj.softmax, oj.silu)
    return oj.cross_entropy(z, text[:, 1:])


def step_of(loss: Any, weights: Any, text: jax.Array) -> Any:
    def step(weights: Any, text: jax.Array) -> Any:
        value, gradient = jax.value_and_grad(loss)(weights, text)
        return value, jax.tree.map(lambda w, g: w - 0.3 * g, weights, gradient)

    return jax.jit(step).lower(weights, text).compile()


def main() -> int:
    texts = batches()
    steps = [step_of(loss, made(), next(texts)) for loss in (loss_of_jax, loss_of_ogive)]
    weights, losses, seconds = [made(), made()], ([], []), ([], [])  # type: ignore[var-annotated]
    for count in range(STEPS):
        text = next(texts)
        for which in (0, 1) if count % 2 else (1, 0):
            begin = time.perf_counter()
            value, weights[which] = jax.block_until_ready(steps[which](weights[which], text))
            seconds[which].append(time.perf_counter() - begin)
            losses[which].append(float(value))
    for name, own, step in zip(("jax.nn", "Ogive"), losses, steps, strict=True):
        memory = step.memory_analysis().temp_size_in_bytes
        shown = ", ".join(f"{own[k]:.6f}" for k in (0, 9, 24, STEPS - 1))
        print(f"{name:7} losses {shown}; memory of a step {memory / 1024:.0f} KiB")
    ratios = [a / b for a, b in zip(*seconds, strict=True)][5:]
    print(f"time of a step, jax.nn over Ogive: {statistics.median(ratios):.2f}")
    same = max(abs(a - b) for a, b in zip(*losses, strict=True))
    print(f"largest difference of the losses {same:.1e}")
    return 0 if losses[1][-1] < losses[1][0] / 2 and same < 1e-3 else 1


if __name__ == "__main__":
    raise SystemExit(main())
