"""Swap every architecture of timm and a list of other libraries' models, and write a table of it.

    python tools/swap_models.py timm --out some.jsonl          # one of each family
    python tools/swap_models.py timm --every --out some.jsonl  # all of them, in hours
    python tools/swap_models.py transformers --only llama --out some.jsonl
    python tools/swap_models.py --write some.jsonl             # docs/swap_models.md

It needs timm, torchvision, diffusers and transformers, which Ogive does not. Models are built small
from configurations, with random weights, in float64, where torch's formulas and Ogive's differ by
rounding alone, or by that of float32 where a model asks for it (the softmax of attention): a larger
difference in an output or a gradient is a fault. What is there in the file is not run again.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

ROOT = Path(__file__).parent.parent
sys.path.append(str(Path(__file__).parent))

import ogive.torch as ot  # noqa: E402
from ogive.torch._adapters import adapters, hashable  # noqa: E402
from ogive.torch._counterparts import normal  # noqa: E402
from ogive.torch._modules import OfCard  # noqa: E402
from ogive.torch._unreached import computed  # noqa: E402
from swap_zoo import Build, Inputs, zoo  # noqa: E402

PAGE = ROOT / "docs" / "swap_models.md"
LIBRARIES = ("timm", "transformers", "torchvision", "diffusers")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "functional": {"functional": True}, "lean": {"functional": True, "lean": True},
    "fused": {"functional": True, "fuse": True},
}  # fmt: skip
LARGEST = 1e-5
"""Difference, relative to the largest number of an output or a gradient, that is no fault."""

ROUNDING = 1e-11
"""By how much a model may differ from itself: torch's sums depend on where memory lies."""


class Left(TorchFunctionMode):
    """Counts the functions that Ogive has too and torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if hashable(func) and func in adapters():
            self.calls[func.__name__] = self.calls.get(func.__name__, 0) + 1
        return func(*args, **(kwargs or {}))


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The floating-point tensors in what a forward gives."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_of(item)
    elif hasattr(value, "sample"):
        yield from tensors_of(value.sample)


def outputs_of(model: nn.Module, inputs: Inputs) -> list[Tensor]:
    """What it gives in training, with the same dropout and running statistics each time."""
    state = {name: b.clone() for name, b in model.named_buffers()}
    torch.manual_seed(1)
    found = list(tensors_of(model(**inputs)))
    for name, b in model.named_buffers():
        b.data.copy_(state[name])
    return found


@torch.no_grad()
def forward(model: nn.Module, inputs: Inputs) -> list[Tensor]:
    return outputs_of(model, inputs)


def step(model: nn.Module, inputs: Inputs) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The outputs and gradients of a step in training."""
    model.zero_grad()
    found = outputs_of(model, inputs)
    loss = found[0] if found[0].dim() == 0 else sum(weighed(y) for y in found)
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return [y.detach().clone() for y in found], gradients


def weighed(y: Tensor) -> Tensor:
    return (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)).sum()


def difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest relative to each tensor's largest number; one that all but vanishes beside the
    others counts relative to them.
    """
    whole = max((float(b.abs().max()) for b in expected if b.numel()), default=0.0)
    worst = 0.0
    for a, b in zip(found, expected, strict=True):
        if b.numel():
            scale = max(float(b.abs().max()), 1e-4 * whole, 1e-300)
            worst = max(worst, float((a - b).abs().max()) / scale)
    return worst


def unnamed(model: nn.Module, report: ot.Report) -> list[str]:
    """Modules that compute a function of the catalog, of which the report says nothing."""
    named = {c.path for c in report.changed} | {path for path, _ in report.kept}
    found = []
    for path, module in model.named_modules():
        if path in named or isinstance(module, (OfCard, nn.Identity)) or any(module.children()):
            continue
        word = normal(type(module).__name__).removesuffix("activation")
        if computed(module, word) is not None:
            found.append(f"{path}: {type(module).__name__}")
    return found


def judged(build: Build) -> dict[str, Any]:
    """What every way of swapping does to a model."""
    torch.manual_seed(0)
    model, inputs = build()
    model = model.double().train()
    inputs = {
        k: v.double() if isinstance(v, Tensor) and v.is_floating_point() else v
        for k, v in inputs.items()
    }
    outputs, gradients = step(model, inputs)
    again = forward(model, inputs)
    exact = all(map(torch.equal, outputs, again))  # or memory lies otherwise, and sums differ
    if not exact and difference(again, outputs) > ROUNDING:
        return {"fault": "the model itself gives other numbers each time"}
    result: dict[str, Any] = {}
    kinds = [type(m) for m in model.modules()]
    for way, options in WAYS.items():
        report = ot.swap(model, **options)
        try:
            found, slopes = step(model, inputs)
        except RuntimeError as error:
            ot.unswap(model)
            result[way] = {"fault": str(error).partition(":")[0]}
            continue
        with Left() as left:
            forward(model, inputs)
        entry = {
            "changed": len(report.changed),
            "kept": [why for _, why in report.kept], "left": left.calls,
            "unnamed": unnamed(model, report), "outputs": difference(found, outputs),
            "gradients": difference(
                [slopes[n] for n in gradients], [gradients[n] for n in gradients]
            ) if slopes.keys() == gradients.keys() else "others",
        }  # fmt: skip
        ot.unswap(model)
        back = forward(model, inputs)
        same = all(map(torch.equal, back, outputs)) if exact else (
            difference(back, outputs) <= ROUNDING
        )  # fmt: skip
        entry["unswapped"] = same and [type(m) for m in model.modules()] == kinds
        result[way] = entry
    _, slopes = step(model, inputs)
    if exact:
        entry["unswapped"] &= all(torch.equal(slopes[n], gradients[n]) for n in gradients)
    return result


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults(entry: dict[str, Any]) -> list[str]:
    """What is wrong about one way of swapping."""
    if "fault" in entry:
        return [entry["fault"]]
    found = []
    for what in ("outputs", "gradients"):
        value = entry[what]
        if not isinstance(value, float) or not value <= LARGEST:
            shown = value if isinstance(value, str) else f"{value:.0e}"
            found.append(f"{what} differ: {shown}")
    if not entry["unswapped"]:
        found.append("unswap does not restore it")
    if entry["unnamed"]:
        found.append(f"not in the report: {', '.join(entry['unnamed'][:3])}")
    return found


def page(results: Path) -> str:
    """The table of a file's results."""
    entries = [json.loads(line) for line in results.read_text().splitlines()]
    latest = {entry["model"]: entry for entry in entries}
    parts = [HEAD.format(torch=torch.__version__.split("+")[0])]
    for library in LIBRARIES:
        rows = [e for label, e in latest.items() if label.startswith(f"{library}: ")]
        if not rows:
            continue
        whole = [e for e in rows if not outcome(e)]
        parts.append(f"\n## {library}\n{len(whole)} of {len(rows)} as they should be.\n\n{COLUMNS}")
        parts += [row(e) for e in rows]
    return "\n".join(parts) + "\n"


HEAD = f"""# swap on models of other libraries

`python tools/swap_models.py` made this page (torch {{torch}}). Each model is built small, with
random weights, in float64, and trained for one step as it is and swapped: plain,
`functional=True`, that with `lean=True`, that with `fuse=True` (– where it was not tried). The
differences are the largest of these ways, relative to the largest number of each output and
gradient; where a model asks for float32 (the softmax of attention) its rounding is in them. A model
is as it should be if no difference is above {LARGEST:.0e}, `unswap` gives the bits and classes that
it had, and the report names every module that computes a function of the catalog. "By torch" are
functions that torch goes on computing in the functional model. Architectures of timm with gated
MLPs are two blocks deep."""
COLUMNS = (
    "| model | modules | functions | fused | outputs | gradients | left, and why |\n"
    "|---|---|---|---|---|---|---|"
)


def row(entry: dict[str, Any]) -> str:
    name = entry["model"].partition(": ")[2]
    if "fault" in entry:
        return f"| {name} | | | | | | **{entry['fault']}** |"
    ways = [entry[way] for way in WAYS if "fault" not in entry.get(way, {"fault": ""})]
    worst = [max(float(w[what]) for w in ways) for what in ("outputs", "gradients")]
    functional = entry["functional"]
    calls = sum(entry["plain"]["left"].values()) - sum(functional["left"].values())
    reasons = sorted(set(functional["kept"]))
    told = "; ".join(dict.fromkeys(why.partition(":")[0] for why in reasons))
    by_torch = ", ".join(sorted(functional["left"]))
    notes = [outcome(entry), told, f"by torch: {by_torch}" if by_torch else ""]
    fused = entry["fused"]["changed"] - functional["changed"] if "fused" in entry else "–"
    return (
        f"| {name} | {entry['plain']['changed']} | {calls or ''} | {fused or ''} | "
        f"{worst[0]:.0e} | {worst[1]:.0e} | {'; '.join(filter(None, notes))} |"
    )


def outcome(entry: dict[str, Any]) -> str:
    """What is wrong, of all ways."""
    if "fault" in entry:
        return str(entry["fault"])
    return "; ".join(
        f"**{way}: {fault}**" for way in WAYS if way in entry for fault in faults(entry[way])
    )


def main(
    library: Annotated[str, typer.Argument(help=f"One of {', '.join(LIBRARIES)}.")] = "timm",
    out: Annotated[Path, typer.Option(help="A line of JSON per model.")] = Path("swapped.jsonl"),
    only: Annotated[str, typer.Option(help="Models with this in their name.")] = "",
    every: Annotated[bool, typer.Option(help="Every architecture of timm.")] = False,
    seconds: Annotated[int, typer.Option(help="The longest for one model.")] = 240,
    write: Annotated[Path | None, typer.Option(help="Write the page of this file.")] = None,
) -> None:
    if write is not None:
        PAGE.write_text(page(write), encoding="utf-8")
        return
    lines = out.read_text().splitlines() if out.exists() else []
    done = {json.loads(line)["model"] for line in lines}
    warnings.simplefilter("ignore")
    failed = False
    for name, build in zoo(library, every):
        label = f"{library}: {name}"
        if label in done or only not in name:
            continue
        try:
            with limited(seconds):
                result = judged(build)
        except Exception as error:
            result = {"fault": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}
        with out.open("a") as file:
            file.write(json.dumps({"model": label, **result}) + "\n")
        wrong = {
            way: faults(result[way]) for way in WAYS if way in result and faults(result[way])
        } or result.get("fault")
        failed |= bool(wrong)
        print(label, wrong or "as it should be", flush=True)
        gc.collect()
    sys.exit(failed)


if __name__ == "__main__":
    typer.run(main)
