"""The figures of torch_training.py, torch_heads.py and swap_steps.py as Markdown, from their JSON
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAMES = {"torch": "torch", "ogive": "Ogive", "lean": "Ogive, `lean=True`"}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def where(document: dict[str, Any]) -> str:
    machine = document["machine"]
    torch = machine["versions"]["torch"]
    return f"{machine['cpu']}, {machine['isa']}, {document['threads']} threads, torch {torch}"


def ratio(spread: Sequence[float]) -> str:
    median, low, high = spread
    return f"{median:.2f} ({low:.2f}–{high:.2f})"


def size(count: int | None) -> str:
    return "" if count is None else f"{count / 2**20:,.1f} MiB"


def training(document: dict[str, Any]) -> str:
    rows = []
    for one in document["trainings"]:
        own = one["functions"] == "torch"
        rows.append([
            one["network"],
            NAMES[one["functions"]],
            f"{one['losses'][0]:.6f} → {one['losses'][-1]:.6f}",
            "" if own else f"{one['difference']:.1e}",
            "" if own else ratio(one["ratio"]),
            size(one["kept_bytes"]),
            size(one["peak_bytes"]),
        ])  # fmt: skip
    head = (
        "network", "functions", "loss, first and last", "largest relative difference",
        "torch's time over Ogive's", "kept for backward", "peak memory",
    )  # fmt: skip
    said = (
        f"{document['steps']} steps of AdamW from one seed, in processes that take turns step by "
        f"step ({where(document)}). Time: median over pairs of the same step, with quartiles; "
        "above 1 Ogive is faster. Kept: what the graph holds at the end of forward, weights aside. "
        "Peak: memory in use beyond that before the first step, gradients and AdamW's two moments "
        "included."
    )
    return f"{said}\n\n{table(head, rows)}"


def by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def heads(document: dict[str, Any]) -> str:
    rows = [
        (
            one["head"], by(one["shape"]), f"`{peer}`", ratio(found["ratio"]),
            size(found["peak_bytes"]), size(one["peak_bytes"]),
        )
        for one in document["heads"]
        for peer, found in one["peers"].items()
    ]  # fmt: skip
    head = ("loss", "rows x classes", "against", "its time over Ogive's", "its peak", "Ogive's")
    said = (
        "Loss and gradients, float32, forward and backward, in processes that take turns "
        f"({where(document)}). Time: median over pairs, with quartiles; above 1 Ogive is faster. "
        "Peak: memory in use beyond the operands. A layer with its loss has rows x inputs x "
        "classes; chunked is with `options=LinearCrossEntropyOptions()`."
    )
    return f"{said}\n\n{table(head, rows)}"


def swapped(document: dict[str, Any]) -> str:
    models = document["models"]
    ways = [way for way in next(iter(models.values())) if way not in ("seconds", "torch")]
    rows = [
        (
            name, way, f"{found['seconds']:.2f} s", ratio(found[way]["ratio"]),
            size(found["torch"]["peak"]), size(found[way]["peak"]),
        )
        for name, found in models.items()
        for way in ways
    ]  # fmt: skip
    head = (
        "model", "swapped", "torch's step", "torch's time over Ogive's", "torch's peak", "Ogive's",
    )  # fmt: skip
    said = (
        "Forward and backward of models of transformers as they are and swapped, "
        f"{document['rounds']} steps of each in turns ({where(document)}; `make bench-swap`). "
        "Plain is `swap(model)`, fused `swap(model, functional=True, fuse=True)`. Texts are of "
        f"{document['tokens']} tokens; GPT-2's head has 50,257 classes, Llama's 32,000. Time: "
        "median over steps of one turn, with quartiles; above 1 Ogive is faster. Peak: memory in "
        "use beyond that before the step, gradients included."
    )
    return f"{said}\n\n{table(head, rows)}"
