"""Write the table of measured figures in README.md from the files that hold them.

    python tools/figures.py    # after `make exhaustive` and `make bench`

Accuracy comes from tests/accuracy.toml, speed from benchmarks/results.json.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- figures: .*? -->\n).*?(<!-- end of figures -->)", re.DOTALL)
WORKS = (
    "relu.value",
    "sigmoid.value",
    "tanh.value",
    "gelu.value",
    "silu.value",
    "softplus.value",
    "elu.value",
    "gelu.backward",
    "softmax.value",
    "cross_entropy.value_and_grad",
)


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
                entry = kinds[which][dtype]
                cells.append(f"{entry['max_ulp']:.4f} ({share(entry['correctly_rounded'])})")
        inputs = kinds["value"]["float32"]["inputs"]
        scope = "all 2^32" if inputs == 1 << 32 else f"{inputs:,}"
        lines.append(f"| {name} | {' | '.join(cells)} | {scope} |")
    return "\n".join(lines)


def share(value: float) -> str:
    # Rounded down, so that 100 % says every single one.
    return "100 %" if value == 1 else f"{int(value * 1e6) / 1e4:.4f} %"


def speed() -> str:
    """The ratios of the largest resident array, for a handful of functions."""
    path = ROOT / "benchmarks" / "results.json"
    if not path.exists():
        return ""
    results = json.loads(path.read_text())
    machine = results["machine"]
    chosen: dict[tuple[str, int], dict[str, Any]] = {}
    for cell in results["cells"]:
        work = f"{cell['function']}.{cell['mode']}"
        if cell["format"] == "f32" and cell["output"] != "allocated" and work in WORKS:
            elements = 1
            for length in cell["shape"]:
                elements *= length
            if elements >= 1 << 20:
                chosen.setdefault((work, cell["threads"]), cell)
    peers = ("numpy", "scipy", "torch")
    lines = [
        f"Time of a peer over Ogive's (`make bench`; {machine['cpu']}, {machine['isa']}, "
        f"{machine['cores']} cores; median of interleaved pairs, quartiles; above 1 Ogive is "
        "faster):",
        "",
        f"| work, f32 | size | threads | {' | '.join(peers)} |",
        f"|---|---|---|{'---|' * len(peers)}",
    ]
    for work in WORKS:
        for threads in (1, 2):
            cell = chosen.get((work, threads))
            if cell is None:
                continue
            ratios = {p["peer"]: p["ratio"] for p in cell["peers"]}
            shown = [
                f"{r['median']:.2f} ({r['low']:.2f}–{r['high']:.2f})"
                if (r := ratios.get(p))
                else ""
                for p in peers
            ]
            size = " x ".join(map(str, cell["shape"]))
            lines.append(f"| {work} | {size} | {threads} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    body = "\n\n".join(part for part in (accuracy(), speed()) if part)
    new, count = BLOCK.subn(lambda found: f"{found[1]}{body}\n{found[2]}", text)
    if count != 1:
        raise SystemExit("README.md has no block of figures")
    readme.write_text(new)


if __name__ == "__main__":
    main()
