"""Write the measured figures in README.md and docs/torch.md from the files that hold them.

    python tools/figures.py    # after `make exhaustive`, `make bench`, benchmarks/torch_*.py

Accuracy comes from tests/accuracy.toml, speed from the JSON files in benchmarks/.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import torch_report  # noqa: E402

BLOCK = re.compile(r"(<!-- figures: .*? -->\n).*?(<!-- end of figures -->)", re.DOTALL)
NAMED = ("relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "elu", "mish", "exp")
SIZES = ("65536", "1048576", "16777216")


def accuracy() -> str:
    """One row a function: the largest error, and the share of results that are the nearest."""
    table = tomllib.loads((ROOT / "tests" / "accuracy.toml").read_text())
    lines = [
        "Largest error in ULP, with the share of correctly rounded results; f16 and bf16 are "
        "correctly rounded throughout (`make exhaustive`, `tests/accuracy.toml`):",
        "",
        "| function | f32 value | f32 derivative | f64 value | f64 derivative | f32 inputs |",
        "|---|---|---|---|---|---|",
    ]
    for name, kinds in table.items():
        if "float64" not in kinds.get("value", {}):
            continue
        cells = []
        for dtype in ("float32", "float64"):
            for which in ("value", "derivative"):
                entry = kinds.get(which, {}).get(dtype)
                figure = entry and f"{entry['max_ulp']:.4f} ({share(entry['correctly_rounded'])})"
                cells.append(figure or "not yet swept")
        inputs = [kind["float32"]["inputs"] for kind in kinds.values() if "float32" in kind]
        scope = "all 2^32" if inputs and min(inputs) == 1 << 32 else f"{min(inputs, default=0):,}"
        lines.append(f"| {name} | {' | '.join(cells)} | {scope} |")
    return "\n".join(lines)


def share(value: float) -> str:
    # Rounded down, so that 100 % says every single one.
    return "100 %" if value == 1 else f"{int(value * 1e6) / 1e4:.4f} %"


def speed() -> str:
    """The ratios of a few works, and how the whole table stands."""
    path = ROOT / "benchmarks" / "results.json"
    if not path.exists():
        return ""
    results = json.loads(path.read_text())
    machine = results["machine"]
    works: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in results["cells"]:
        work, output, format, size, threads = cell["id"].split("/")
        name, mode = work.split(".")
        shown = "x" in size or (name in NAMED and mode in ("value", "backward") and size in SIZES)
        resident = output == "out" or "x" in size
        if format == "f32" and threads == f"{machine['cores']}t" and resident and shown:
            works.setdefault(work, {})[size] = cell
    measured = dict.fromkeys(cell["id"].split("/")[2] for cell in results["cells"])
    lines = [
        f"Time of a peer over Ogive's, median of interleaved pairs: the closest peer in each cell, "
        f"f32, into a resident array, {machine['cores']} threads (`make bench`, so far with "
        f"`--formats {','.join(measured)}`; {machine['cpu']}, {machine['isa']}; above 1 Ogive is "
        "faster):",
        "",
        *table([w for w in works if not any("x" in size for size in works[w])], works),
        "",
        *table([w for w in works if any("x" in size for size in works[w])], works),
        "",
        *verdicts(results["cells"]),
    ]
    return "\n".join(lines)


def table(chosen: list[str], works: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    sizes = sorted({size for work in chosen for size in works[work]}, key=lambda s: (len(s), s))
    heads = [f"2^{int(s).bit_length() - 1}" if s.isdigit() else s for s in sizes]
    lines = [f"| work | {' | '.join(heads)} |", f"|---|{'---|' * len(sizes)}"]
    for work in chosen:
        cells = [works[work].get(size, {"peers": {}}) for size in sizes]
        if not any(cell["peers"] for cell in cells):
            continue  # no framework has it
        lines.append(f"| {work} | {' | '.join(map(closest, cells))} |")
    return lines


def closest(cell: dict[str, Any]) -> str:
    if not cell["peers"]:
        return ""
    name, peer = min(cell["peers"].items(), key=lambda found: found[1]["ratio"][0])
    return f"{peer['ratio'][0]:.2f} {name}"


def verdicts(cells: list[dict[str, Any]]) -> list[str]:
    """Per format: goals met, and the cell that is furthest from its own."""
    lines = ["| format | goals met | the furthest from its goal |", "|---|---|---|"]
    for format in ("f32", "f64", "f16", "bf16"):
        found = [
            (peer["ratio"][0] / peer["goal"], cell["id"], name, peer)
            for cell in cells
            if cell["id"].split("/")[2] == format
            for name, peer in cell["peers"].items()
            if peer["goal"] is not None
        ]
        if not found:
            continue
        met = sum(distance >= 1 for distance, *_ in found)
        _, where, name, peer = min(found, key=lambda one: one[0])
        worst = f"`{where}` against {name}: {peer['ratio'][0]:.2f}, goal {peer['goal']:g}"
        lines.append(f"| {format} | {met} of {len(found)} | {worst} |")
    return lines


def measured(name: str, as_markdown: Callable[[dict[str, Any]], str]) -> str:
    """A file of figures as Markdown; nothing, where nobody has measured."""
    path = ROOT / "benchmarks" / name
    return as_markdown(json.loads(path.read_text())) if path.exists() else ""


def write(page: Path, *parts: str) -> None:
    """Fills a page's one block of figures."""
    body = "\n\n".join(part for part in parts if part)
    new, count = BLOCK.subn(lambda found: f"{found[1]}{body}\n{found[2]}", page.read_text())
    if count != 1:
        raise SystemExit(f"{page.name} has no block of figures")
    page.write_text(new)


def main() -> None:
    write(ROOT / "README.md", accuracy(), speed())
    write(
        ROOT / "docs" / "torch.md",
        measured("training.json", torch_report.training),
        measured("heads.json", torch_report.heads),
    )


if __name__ == "__main__":
    main()
