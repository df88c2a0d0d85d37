"""Write the measured figures into the pages that show them, from the files that hold them.

    python tools/figures.py  # after `make exhaustive` and `make bench`, `bench-torch`, `bench-swap`

Accuracy comes from tests/accuracy.toml, speed from the JSON files in benchmarks/.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import torch_report  # noqa: E402

BLOCK = re.compile(r"(<!-- figures: .*? -->\n).*?(<!-- end of figures -->)", re.DOTALL)
NAMED = ("relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "elu", "mish", "exp")
SIZES = ("65536", "1048576", "16777216")
FORMATS = ("f32", "f64", "f16", "bf16")


def accuracy() -> str:
    """One row per function: the largest error, and the share of correctly rounded results."""
    table = tomllib.loads((ROOT / "tests" / "accuracy.toml").read_text())
    lines = [
        "Largest error in ULP, with the share of correctly rounded results; f16 and bf16 are "
        "correctly rounded throughout, rows and losses of them within 0.501 "
        "(`make exhaustive`, `tests/accuracy.toml`):",
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
    # Rounded down, so that 100 % means all.
    return "100 %" if value == 1 else f"{int(value * 1e6) / 1e4:.4f} %"


def speed(results: dict[str, Any]) -> str:
    """The ratios of some works, and a summary of the whole table."""
    machine = results["machine"]
    works = named(results, tensors=False)
    measured = dict.fromkeys(cell["id"].split("/")[2] for cell in results["cells"])
    whole = set(measured) == set(FORMATS)
    part = "" if whole else f", so far with `--formats {','.join(measured)}`"
    lines = [
        f"Time of a peer over Ogive's, median of interleaved pairs: the closest peer in each cell, "
        f"f32, into a resident array, {machine['cores']} threads (`make bench`{part}; "
        f"{machine['cpu']}, {machine['isa']}; above 1 Ogive is faster; where it falls short, "
        "function by function: `benchmarks/README.md`):",
        "",
        *tables(works),
        "",
        *verdicts(results["cells"]),
    ]
    return "\n".join(lines)


def speed_on_tensors(results: dict[str, Any]) -> str:
    """The same in PyTorch; empty if it was not measured."""
    machine, works = results["machine"], named(results, tensors=True)
    if not works:
        return ""
    lines = [
        f"Time of torch's function over that of `ogive.torch`, on the same tensors, f32, "
        f"{machine['cores']} threads, torch {machine['versions']['torch']} (`make bench`; "
        f"{machine['cpu']}, {machine['isa']}; above 1 Ogive is faster). Results are new tensors; "
        "backward is autograd's, through a graph recorded before:",
        "",
        *tables(works),
    ]
    return "\n".join(lines)


def is_tensors(cell: dict[str, Any]) -> bool:
    return "/tensors/" in cell["id"]


def named(results: dict[str, Any], tensors: bool) -> dict[str, dict[str, dict[str, Any]]]:
    """The cells that are shown, by work and size."""
    works: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in results["cells"]:
        work, output, format, size, threads = cell["id"].split("/")
        name, mode = work.split(".")
        shown = "x" in size or (name in NAMED and mode in ("value", "backward") and size in SIZES)
        kind = tensors or output == "out" or "x" in size
        if (
            format == "f32"
            and threads == f"{results['machine']['cores']}t"
            and is_tensors(cell) is tensors
            and kind
            and shown
        ):
            works.setdefault(work, {})[size] = cell
    return works


def size_name(size: str) -> str:
    """2^16 for 65536; the shape of rows as it is."""
    return f"2^{int(size).bit_length() - 1}" if size.isdigit() else size


def tables(works: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The tables of elementwise works and of works over rows."""
    rows = [w for w in works if any("x" in size for size in works[w])]
    return [*table([w for w in works if w not in rows], works), "", *table(rows, works)]


def table(chosen: list[str], works: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    sizes = sorted({size for work in chosen for size in works[work]}, key=lambda s: (len(s), s))
    heads = [*map(size_name, sizes)]
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
    """For each format, how many goals are met, and the cell that is furthest from its goal."""
    lines = ["| format | goals met | the furthest from its goal |", "|---|---|---|"]
    for tensors, format in product((False, True), FORMATS):
        some = [
            cell
            for cell in cells
            if cell["id"].split("/")[2] == format and is_tensors(cell) is tensors
        ]
        found = list(distances(some))
        if not found:
            continue
        met = sum(distance >= 1 for distance, *_ in found)
        _, where, name, peer = min(found, key=lambda one: one[0])
        worst = f"`{where}` against {name}: {peer['ratio'][0]:.2f}, goal {peer['goal']:g}"
        through = ", torch tensors" if tensors else ""
        lines.append(f"| {format}{through} | {met} of {len(found)} | {worst} |")
    return lines


def distances(
    cells: list[dict[str, Any]],
) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
    """(the ratio over its goal, cell, peer's name, peer) wherever there is a goal."""
    for cell in cells:
        for name, peer in cell["peers"].items():
            if peer["goal"] is not None:
                yield peer["ratio"][0] / peer["goal"], cell["id"], name, peer


def shortfalls(results: dict[str, Any]) -> str:
    """Every work that misses a goal: for how many cells and peers, and by how much."""
    kinds = [(format, False) for format in FORMATS] + [("f32", True), ("bf16", True)]
    works: dict[str, dict[tuple[str, bool], list[float]]] = {}
    for cell in results["cells"]:
        work, _, format, *_ = cell["id"].split("/")
        kind = format, is_tensors(cell)
        works.setdefault(work, {}).setdefault(kind, []).extend(d for d, *_ in distances([cell]))
    heads = [format + (" tensors" if tensors else "") for format, tensors in kinds]
    lines = [
        f"Goals missed, of those there are, and the least and the median of ratio over goal among "
        f"the missed ({results['machine']['cpu']}, {results['machine']['isa']}):",
        "",
        f"| work | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    for work, of in sorted(works.items()):
        if any(ratio < 1 for ratios in of.values() for ratio in ratios):
            lines.append(f"| {work} | {' | '.join(missed(of.get(kind, [])) for kind in kinds)} |")
    return "\n".join(lines)


def missed(ratios: list[float]) -> str:
    short = sorted(ratio for ratio in ratios if ratio < 1)
    if not short:
        return "" if not ratios else f"0 of {len(ratios)}"
    return f"{len(short)} of {len(ratios)}: {short[0]:.2f}, {median(short):.2f}"


def measured(name: str, as_markdown: Callable[[dict[str, Any]], str]) -> str:
    """A file of figures as Markdown; empty if there is none."""
    path = ROOT / "benchmarks" / name
    return as_markdown(json.loads(path.read_text())) if path.exists() else ""


def filled(page: Path, *parts: str) -> str:
    """A page's text with new figures in its block."""
    body = "\n\n".join(part for part in parts if part)
    new, count = BLOCK.subn(lambda found: f"{found[1]}{body}\n{found[2]}", page.read_text())
    if count != 1:
        raise SystemExit(f"{page.name} has no block of figures")
    return new


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with figures, and its text with the present ones."""
    docs = ROOT / "docs"
    found = {
        docs / "accuracy.md": [accuracy()],
        docs / "speed.md": [measured("results.json", speed)],
        ROOT / "benchmarks" / "README.md": [measured("results.json", shortfalls)],
        docs / "torch.md": [
            measured("results.json", speed_on_tensors),
            measured("training.json", torch_report.training),
            measured("heads.json", torch_report.heads),
            measured("swap.json", torch_report.swapped),
        ],
    }
    for page, parts in found.items():
        yield page, filled(page, *parts)


def main() -> None:
    for page, text in pages():
        page.write_text(text)


if __name__ == "__main__":
    main()
