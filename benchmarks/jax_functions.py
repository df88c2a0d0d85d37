"""Ogive in JAX against jax.nn and optax, jitted on the CPU: ratios of interleaved pairs.

    python benchmarks/jax_functions.py             # writes benchmarks/jax.json
    python tools/figures.py                        # and with it docs/jax.md

Each function is compiled three times: as JAX has it, with Ogive's kernels, and by Ogive's formulas
(``ogive.jax.config.elementwise = "formula"``). A pair is a block of calls of one and of the other;
the ratio is JAX's time over Ogive's. "fused" is ``f(2 x + 1) * 3``, where XLA fuses its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import typer

import machine
import ogive.jax as oj
from ogive.jax import _replace
from timing import ratios

HERE = Path(__file__).parent
SIZES = (1 << 12, 1 << 16, 1 << 20, 1 << 24)
ROWS = ((4096, 1000), (512, 32000))
NAMES = ("relu", "sigmoid", "tanh", "gelu_tanh", "silu", "softplus", "elu", "selu", "softmax")
PAIRS, BLOCK = 11, 0.01
Function = Callable[..., Any]


def block(function: Function, args: tuple[Any, ...], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        found = function(*args)
    jax.block_until_ready(found)
    return time.perf_counter() - begin


def against(theirs: Function, ours: Function, args: tuple[Any, ...]) -> list[float]:
    """Median of the ratios, and their quartiles."""
    for function in (theirs, ours):
        block(function, args, 2)
    one = max(block(theirs, args, 1), block(ours, args, 1))
    calls = max(1, int(BLOCK / one))
    times: tuple[list[float], list[float]] = ([], [])
    for pair in range(PAIRS):
        order = ((theirs, 0), (ours, 1))
        for function, which in order if pair % 2 else order[::-1]:
            times[which].append(block(function, args, calls))
    spread = ratios(*times)
    return [round(x, 3) for x in (spread.median, spread.low, spread.high)]


def compiled(make: Callable[[], Function], args: tuple[Any, ...], way: str) -> Function:
    with oj.config.use("formula" if way == "formula" else "kernel"):
        return jax.jit(make()).lower(*args).compile()


def forms(function: Function) -> dict[str, Function]:
    return {
        "value": function,
        "value and gradient": jax.value_and_grad(lambda x: jnp.sum(function(x))),
        "fused": lambda x: function(2 * x + 1) * 3,
    }


def functions() -> list[dict[str, Any]]:
    pairs = {ours.__name__: theirs for theirs, _, ours in _replace.counterparts()}
    pairs["tanh"] = jnp.tanh
    cells = []
    for name in NAMES:
        for size in SIZES:
            shape = (size // 1024, 1024) if name == "softmax" else (size,)
            x = jnp.asarray(np.random.default_rng(0).normal(size=shape).astype(np.float32))
            for form, theirs in forms(pairs[name]).items():
                peer = compiled(lambda theirs=theirs: theirs, (x,), "kernel")
                for way in ("kernel",) if name == "softmax" else ("kernel", "formula"):
                    own = forms(getattr(oj, name))[form]
                    ours = compiled(lambda own=own: own, (x,), way)
                    ratio = against(peer, ours, (x,))
                    cells.append(
                        {"name": name, "form": form, "size": size, "way": way, "ratio": ratio}
                    )
                    print(name, form, size, way, ratio, flush=True)
    return cells


def losses() -> list[dict[str, Any]]:
    cells = []
    for shape in ROWS:
        random = np.random.default_rng(1)
        z = jnp.asarray(random.normal(size=shape).astype(np.float32))
        labels = jnp.asarray(random.integers(0, shape[1], shape[0]))

        def theirs(z: Any, labels: Any) -> Any:
            return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean()

        for form, wrap in (("value", jax.jit), ("value and gradient", jax.value_and_grad)):
            made = [wrap(function) for function in (theirs, oj.cross_entropy)]
            peer, ours = (jax.jit(f).lower(z, labels).compile() for f in made)
            ratio = against(peer, ours, (z, labels))
            cells.append(
                {"name": "cross_entropy", "form": form, "size": f"{shape[0]}x{shape[1]}",
                 "way": "kernel", "ratio": ratio}
            )  # fmt: skip
            print("cross_entropy", form, shape, ratio, flush=True)
    return cells


def heads() -> list[dict[str, Any]]:
    """linear_cross_entropy in chunks against optax over the whole logits: time, and memory that
    the compiled program asks for.
    """
    rows, inputs, classes = 1024, 256, 32000
    random = np.random.default_rng(2)
    x, W = (
        jnp.asarray(random.normal(size=s).astype(np.float32)) / 16
        for s in ((rows, inputs), (classes, inputs))
    )
    labels = jnp.asarray(random.integers(0, classes, rows))

    def whole(x: Any, W: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(x @ W.T, labels).mean()

    def chunked(x: Any, W: Any) -> Any:
        return oj.linear_cross_entropy(x, W, labels, chunk_rows=256)

    made = [
        jax.jit(jax.value_and_grad(function, (0, 1))).lower(x, W).compile()
        for function in (whole, chunked)
    ]
    memory = [m.memory_analysis().temp_size_in_bytes for m in made]
    return [
        {"name": "linear_cross_entropy", "form": "value and gradient", "way": "kernel",
         "size": f"{rows}x{inputs}x{classes}", "ratio": against(*made, (x, W)), "memory": memory}
    ]  # fmt: skip


def overhead() -> dict[str, float]:
    """Microseconds of a call on 16 elements, medians of blocks: jitted, and outside jit."""
    x = jnp.ones(16)
    found = {}
    for label, function in (
        ("jax.nn.silu, jitted", jax.jit(jax.nn.silu)), ("ogive, jitted", jax.jit(oj.silu)),
        ("jax.nn.silu", jax.nn.silu), ("ogive", oj.silu),
    ):  # fmt: skip
        block(function, (x,), 50)
        each = [block(function, (x,), 500) / 500 for _ in range(9)]
        found[label] = round(float(np.median(each)) * 1e6, 1)
    return found


def main(
    out: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = HERE / "jax.json",
) -> None:
    """Measure, and write the figures."""
    cells = [*functions(), *losses(), *heads()]
    document = {
        "machine": machine.describe() | {"jax": jax.__version__, "optax": optax.__version__},
        "cells": cells, "overhead": overhead(),
    }  # fmt: skip
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
