"""Steps of training models as they are and swapped, in pairs: time and peak memory.

    python benchmarks/swap_steps.py                        # all models; writes swap.json
    python benchmarks/swap_steps.py gpt2 llama --rounds 9 --json some.json

The GPT-2 has the head of 50,257 classes, the Llama one of 32,000: their fused steps are against the
model's own loss. A model that is in the file already is measured again only if it is named.

Every model is copied once for each way of swapping it; in a round each copy makes one step, in
turns, and only times of one round are compared. Peaks are measured in another process, one step
each, as what it holds above what it held before the step: there, freed memory goes back to the
system at once, where a heap that many steps have torn holds up to a quarter more, by chance.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import nn

import machine
import ogive.torch as ot
import torch_report
from memory import Peak
from ogive.report.writer import write_text

RESULTS = Path(__file__).with_name("swap.json")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "lean": {"lean": True}, "functional": {"functional": True},
    "fused": {"functional": True, "fuse": True},
}  # fmt: skip
TOKENS = 256


def image(config: Any, size: int = 64, **settings: Any) -> tuple[nn.Module, dict[str, Any]]:
    import transformers

    model = transformers.AutoModelForImageClassification.from_config(config(**settings))
    return model, {"pixel_values": torch.randn(8, 3, size, size), "labels": torch.arange(8) % 2}


def text(texts: int, task: str, config: Any, **settings: Any) -> Any:
    import transformers

    model = getattr(transformers, task).from_config(config(**settings))
    ids = torch.randint(3, model.config.vocab_size, (texts, TOKENS))
    return model, {"input_ids": ids, "labels": ids}


def models(texts: int) -> dict[str, Callable[[], tuple[nn.Module, dict[str, Any]]]]:
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
        "gpt2": lambda: text(texts, "AutoModelForCausalLM", t.GPT2Config, n_layer=2),
        "bert": lambda: text(texts, "AutoModelForMaskedLM", t.BertConfig, num_hidden_layers=2),
        "llama": lambda: text(
            texts, "AutoModelForCausalLM", t.LlamaConfig, hidden_size=512, intermediate_size=1408,
            num_hidden_layers=4, num_attention_heads=8,
        ),
    }  # fmt: skip


def step(model: nn.Module, inputs: dict[str, Any]) -> None:
    model.zero_grad()
    model(**inputs).loss.backward()


def copies_of(build: Callable[[], Any]) -> tuple[dict[str, nn.Module], dict[str, Any]]:
    """The model and its swapped copies, each after a step, and what they take."""
    torch.manual_seed(0)
    theirs, inputs = build()
    theirs.train()
    copies = {"torch": theirs}
    for way, options in WAYS.items():
        copies[way] = copy.deepcopy(theirs)
        ot.swap(copies[way], **options)
    for model in copies.values():
        step(model, inputs)
        model.zero_grad()
    return copies, inputs


def peaks(build: Callable[[], Any]) -> dict[str, int | None]:
    """For each way, the peak of a step in bytes."""
    copies, inputs = copies_of(build)
    found = {}
    for way, model in copies.items():
        peak = Peak()
        step(model, inputs)
        found[way] = peak.bytes()
        model.zero_grad()
    return found


def peaks_elsewhere(name: str, texts: int, threads: int) -> dict[str, int | None]:
    """The same from a process whose allocator gives all larger pieces back when they are freed."""
    words = [sys.executable, __file__, name, "--peaks", f"--texts={texts}", f"--threads={threads}"]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 18)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, int | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(build: Callable[[], Any], rounds: int) -> dict[str, Any]:
    """For each way, torch's time over its time."""
    copies, inputs = copies_of(build)
    seconds: dict[str, list[float]] = {way: [] for way in copies}
    names = list(copies)
    for k in range(rounds):
        for way in names[k % len(names) :] + names[: k % len(names)]:
            begin = time.perf_counter()
            step(copies[way], inputs)
            seconds[way].append(time.perf_counter() - begin)
    found: dict[str, Any] = {"seconds": float(np.median(seconds["torch"]))}
    for way in WAYS:
        ratios = np.array(seconds["torch"]) / np.array(seconds[way])
        found[way] = {"ratio": [float(np.quantile(ratios, q)) for q in (0.5, 0.25, 0.75)]}
    return found


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Models, all if none is named.")] = None,
    rounds: Annotated[int, typer.Option(help="Steps of each copy.")] = 7,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 1,
    texts: Annotated[int, typer.Option(help=f"Of {TOKENS} tokens each, in a step.")] = 2,
    out: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = RESULTS,
    alone: Annotated[bool, typer.Option("--peaks", help="Print one model's peaks.")] = False,
) -> None:
    torch.set_num_threads(threads)
    known = models(texts)
    if unknown := set(only or ()) - set(known):
        raise typer.BadParameter(f"no model {sorted(unknown)}; there are {', '.join(known)}")
    if alone:
        print(json.dumps(peaks(known[(only or ["resnet18"])[0]])))
        return
    found = json.loads(out.read_text())["models"] if out.exists() else {}
    for name in only or [name for name in known if name not in found]:
        found[name] = measured(known[name], rounds)
        for way, peak in peaks_elsewhere(name, texts, threads).items():
            found[name].setdefault(way, {})["peak"] = peak
        document = {
            "schema": 1, "machine": machine.describe(), "threads": threads, "rounds": rounds,
            "tokens": texts * TOKENS, "models": {k: found[k] for k in known if k in found},
        }  # fmt: skip
        write_text(out, json.dumps(document, indent=1) + "\n")
        print(torch_report.swapped(document), flush=True)


if __name__ == "__main__":
    typer.run(main)
