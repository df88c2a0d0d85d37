"""Write the measured figures into the pages that show them, from the files that hold them.

    python tools/figures.py  # after `make exhaustive` and `make bench`, `bench-torch`, `bench-swap`

Accuracy comes from tests/accuracy.toml, speed from the JSON files in benchmarks/.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
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
RIGHT = ("gelu", "silu", "tanh", "softplus", "mish")
FAST = (
    "gelu.value",
    "relu.value",
    "silu.backward",
    "softmax.value",
    "cross_entropy.value_and_grad",
)
"""The rows of README."""
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


WORDS = {
    "README.md": {
        "right": "Largest error in ULP (`make exhaustive`; float32: all 2^32 inputs; float64: "
        "samples):",
        "right heads": "function | f32 value | f32 derivative | f64 value | f64 derivative",
        "fast": "Time of the closest peer over Ogive's, f32, {cores} threads, into an array "
        "that is there (`make bench`; {cpu}, {isa}; {peers}; above 1 Ogive is faster):",
        "fast heads": "work | 2^16; 65536x10 | 2^20; 4096x1000 | 2^24; 2048x32000",
        "goals": "Goals met (never slower than any peer, or faster by a stated factor): {goals}. "
        "Slower than a peer in this table's full form: {slower}.",
        "tensors": "{format} torch tensors", "list": ", ",
    },
    "README.zh.md": {
        "right": "最大误差，单位 ULP（`make exhaustive`；float32：全部 2^32 个输入；"
        "float64：抽样）：",
        "right heads": "函数 | f32 值 | f32 导数 | f64 值 | f64 导数",
        "fast": "最快的同类库所用时间与 Ogive 之比，f32，{cores} 个线程，结果写入已有数组"
        "（`make bench`；{cpu}，{isa}；{peers}；大于 1 表示 Ogive 更快）：",
        "fast heads": "运算 | 2^16；65536x10 | 2^20；4096x1000 | 2^24；2048x32000",
        "goals": "达到的目标（不慢于任何同类库，或快出规定的倍数）：{goals}。"
        "完整表格中慢于同类库的有：{slower}。",
        "tensors": "{format} torch 张量", "list": "、",
    },
}  # fmt: skip
"""What stands around the figures of README in each language."""


def readme(words: dict[str, str], results: dict[str, Any]) -> str:
    """README's two tables: some errors, and some ratios with how many goals are met."""
    table = tomllib.loads((ROOT / "tests" / "accuracy.toml").read_text())
    lines = [words["right"], "", *heading(words["right heads"])]
    for name in RIGHT:
        kinds = [table[name][which] for which in ("value", "derivative")]
        cells = [kind[dtype]["max_ulp"] for dtype in ("float32", "float64") for kind in kinds]
        lines.append(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")
    machine, works = results["machine"], named(results, tensors=False)
    between = words["list"]
    peers = between.join(
        f"{name} {machine['versions'][name]}" for name in ("torch", "numpy", "jax", "onnxruntime")
    )
    lines += ["", words["fast"].format(**machine, peers=peers), ""]
    lines += heading(words["fast heads"])
    for work in FAST:
        sizes = SIZES if SIZES[0] in works[work] else ("65536x10", "4096x1000", "2048x32000")
        lines.append(f"| {work} | {' | '.join(closest(works[work][size]) for size in sizes)} |")
    goals = [
        f"{words['tensors'].format(format=format) if tensors else format} {met} / {of}"
        for format, tensors, met, of, _ in goals_met(results["cells"])
    ]
    slower = between.join(work for work in works if is_slower(works[work]))
    lines += ["", words["goals"].format(goals=between.join(goals), slower=slower)]
    return "\n".join(lines)


def heading(heads: str) -> list[str]:
    return [f"| {heads} |", "|---" * (heads.count("|") + 1) + "|"]


def is_slower(sizes: dict[str, dict[str, Any]]) -> bool:
    """Whether a peer is faster at some size, by more than chance."""
    ratios = [p["ratio"][0] for cell in sizes.values() for p in cell["peers"].values()]
    return min(ratios, default=1.0) < 0.95


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


JAX_SIZES = {4096: "2^12", 65536: "2^16", 1048576: "2^20", 16777216: "2^24"}


def in_jax(results: dict[str, Any]) -> str:
    """Ratios against jax.nn, function by function, and what calls and memory cost."""
    machine, cells = results["machine"], results["cells"]
    found = {(c["name"], c["form"], c["way"], c["size"]): c["ratio"][0] for c in cells}
    lines = [
        f"Time of jax.nn's function over Ogive's, both jitted, f32, medians of interleaved pairs "
        f"(`python benchmarks/jax_functions.py`; JAX {machine['jax']}, {machine['cpu']}, "
        f"{machine['isa']}, {machine['cores']} cores; above 1 Ogive is faster). Value / value and "
        "gradient / between two operations that XLA fuses:",
        "",
        f"| function | {' | '.join(JAX_SIZES.values())} |",
        f"|---|{'---|' * len(JAX_SIZES)}",
    ]
    forms = ("value", "value and gradient", "fused")
    for name in dict.fromkeys(c["name"] for c in cells if c["form"] == "fused"):
        each = [
            " / ".join(f"{found[name, form, 'kernel', size]:.2f}" for form in forms)
            for size in JAX_SIZES
        ]
        lines.append(f"| {name} | {' | '.join(each)} |")
    means = []
    for form in forms:
        of_way = [
            [ratio for (_, f, w, _), ratio in found.items() if (f, w) == (form, way)]
            for way in ("kernel", "formula")
        ]
        kernel, formula = (math.exp(sum(map(math.log, r)) / len(r)) for r in of_way)
        means.append(f"{form} {kernel:.2f} by kernel, {formula:.2f} by formula")
    losses = [
        f"{c['form']} {c['size']} {c['ratio'][0]:.2f}"
        for c in cells
        if c["name"] == "cross_entropy"
    ]
    (head,) = (c for c in cells if c["name"] == "linear_cross_entropy")
    whole, chunked = (round(bytes_ / 2**20) for bytes_ in head["memory"])
    calls = ", ".join(f"{name} {us} us" for name, us in results["overhead"].items())
    return "\n".join(
        [
            *lines, "", f"Geometric means over all sizes: {'; '.join(means)}.", "",
            f"Cross-entropy against optax {machine['optax']}: {', '.join(losses)}. The linear head "
            f"({head['size']}) with gradients against optax over whole logits: time "
            f"{head['ratio'][0]:.2f}, memory of the compiled step {whole} MiB against {chunked}. "
            f"A call on 16 elements: {calls}.",
        ]
    )  # fmt: skip


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
    for format, tensors, met, of, (_, where, name, peer) in goals_met(cells):
        worst = f"`{where}` against {name}: {peer['ratio'][0]:.2f}, goal {peer['goal']:g}"
        through = ", torch tensors" if tensors else ""
        lines.append(f"| {format}{through} | {met} of {of} | {worst} |")
    return lines


Distance = tuple[float, str, str, dict[str, Any]]
"""The ratio over its goal, the cell, the peer's name, the peer."""


def goals_met(cells: list[dict[str, Any]]) -> Iterator[tuple[str, bool, int, int, Distance]]:
    """For each format, of arrays and of tensors: goals met, goals, the furthest from its own."""
    for tensors, format in product((False, True), FORMATS):
        some = [
            cell
            for cell in cells
            if cell["id"].split("/")[2] == format and is_tensors(cell) is tensors
        ]
        found = list(distances(some))
        if found:
            met = sum(distance >= 1 for distance, *_ in found)
            yield format, tensors, met, len(found), min(found, key=lambda one: one[0])


def distances(cells: list[dict[str, Any]]) -> Iterator[Distance]:
    """Wherever there is a goal."""
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
        docs / "jax.md": [measured("jax.json", in_jax)],
        ROOT / "benchmarks" / "README.md": [measured("results.json", shortfalls)],
        docs / "torch.md": [
            measured("results.json", speed_on_tensors),
            measured("training.json", torch_report.training),
            measured("heads.json", torch_report.heads),
            measured("swap.json", torch_report.swapped),
        ],
    }
    for name, words in WORDS.items():
        found[ROOT / name] = [measured("results.json", partial(readme, words))]
    for page, parts in found.items():
        yield page, filled(page, *parts)


def main() -> None:
    for page, text in pages():
        page.write_text(text)


if __name__ == "__main__":
    main()
