"""Steps of training models as they are and swapped, in pairs: time and peak memory.

    python benchmarks/swap_steps.py                        # all models, some minutes
    python benchmarks/swap_steps.py gpt2 llama --rounds 9 --json some.json

Every model is copied once for each way of swapping it; in a round each copy makes one step, in
turns, and only times of one round are compared. Peaks are measured after that, one step each, as
what the process holds above what it held before the step.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import nn

import ogive.torch as ot
from memory import Peak
from timing import Spread

WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "lean": {"lean": True}, "functional": {"functional": True},
    "fused": {"functional": True, "fuse": True},
}  # fmt: skip
TOKENS = 256


def image(config: Any, size: int = 64, **settings: Any) -> tuple[nn.Module, dict[str, Any]]:
    import transformers

    model = transformers.AutoModelForImageClassification.from_config(config(**settings))
    return model, {"pixel_values": torch.randn(8, 3, size, size), "labels": torch.arange(8) % 2}


def text(task: str, config: Any, rows: int = 2, **settings: Any) -> Any:
    import transformers

    model = getattr(transformers, task).from_config(config(**settings))
    ids = torch.randint(3, model.config.vocab_size, (rows, TOKENS))
    return model, {"input_ids": ids, "labels": ids}


def models() -> dict[str, Callable[[], tuple[nn.Module, dict[str, Any]]]]:
    """The shapes of the small ones that people train; text models with few layers of full width."""
    import transformers as t

    return {
        "resnet18": lambda: image(
            t.ResNetConfig, layer_type="basic", depths=[2] * 4, hidden_sizes=[64, 128, 256, 512]
        ),
        "efficientnet_b0": lambda: image(
            t.EfficientNetConfig, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280,
            image_size=64,
        ),
        "mobilenet_v2": lambda: image(t.MobileNetV2Config),
        "vit_tiny": lambda: image(
            t.ViTConfig, hidden_size=192, num_hidden_layers=12, num_attention_heads=3,
            intermediate_size=768, image_size=64, patch_size=8,
        ),
        "gpt2": lambda: text("AutoModelForCausalLM", t.GPT2Config, n_layer=2),
        "bert": lambda: text("AutoModelForMaskedLM", t.BertConfig, num_hidden_layers=2),
        "llama": lambda: text(
            "AutoModelForCausalLM", t.LlamaConfig, hidden_size=512, intermediate_size=1408,
            num_hidden_layers=4, num_attention_heads=8,
        ),
    }  # fmt: skip


def step(model: nn.Module, inputs: dict[str, Any]) -> None:
    model.zero_grad()
    model(**inputs).loss.backward()


def measured(build: Callable[[], Any], rounds: int) -> dict[str, Any]:
    """For each way, torch's time over its time, and peaks in bytes."""
    torch.manual_seed(0)
    theirs, inputs = build()
    theirs.train()
    copies = {"torch": theirs}
    for way, options in WAYS.items():
        copies[way] = copy.deepcopy(theirs)
        ot.swap(copies[way], **options)
    for model in copies.values():
        step(model, inputs)
    seconds: dict[str, list[float]] = {way: [] for way in copies}
    names = list(copies)
    for k in range(rounds):
        for way in names[k % len(names) :] + names[: k % len(names)]:
            begin = time.perf_counter()
            step(copies[way], inputs)
            seconds[way].append(time.perf_counter() - begin)
    found: dict[str, Any] = {"seconds": float(np.median(seconds["torch"]))}
    for way, model in copies.items():
        model.zero_grad()
        peak = Peak()
        step(model, inputs)
        found[way] = {"peak": peak.bytes()}
        if way != "torch":
            ratios = np.array(seconds["torch"]) / np.array(seconds[way])
            found[way]["ratio"] = [float(np.quantile(ratios, q)) for q in (0.5, 0.25, 0.75)]
        model.zero_grad()
    return found


def table(results: dict[str, Any]) -> str:
    """Ratios with their quartiles, and peaks in MiB."""
    lines = [
        f"| model | torch, a step | {' | '.join(WAYS)} | peak: torch | {' | '.join(WAYS)} |",
        "|---" * (3 + 2 * len(WAYS)) + "|",
    ]
    for name, found in results.items():
        ratios = [Spread(*found[way]["ratio"]) for way in WAYS]
        peaks = [found[way]["peak"] for way in ("torch", *WAYS)]
        cells = [f"{r.median:.2f} ({r.low:.2f}–{r.high:.2f})" for r in ratios]
        shown = ["–" if p is None else f"{p / 2**20:,.0f} MiB" for p in peaks]
        lines.append(f"| {name} | {found['seconds']:.2f} s | {' | '.join([*cells, *shown])} |")
    return "\n".join(lines)


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Models, all if none is named.")] = None,
    rounds: Annotated[int, typer.Option(help="Steps of each copy.")] = 7,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 1,
    out: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = Path("swap.json"),
) -> None:
    torch.set_num_threads(threads)
    results = json.loads(out.read_text()) if out.exists() else {}
    for name, build in models().items():
        if not only or name in only:
            results[name] = measured(build, rounds)
            out.write_text(json.dumps(results, indent=1))
            print(table({name: results[name]}), flush=True)
    print(table(results))


if __name__ == "__main__":
    typer.run(main)
