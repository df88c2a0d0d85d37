"""The figures in the pages are the measured ones, in their columns, and none is rounded into more.

tools/figures.py writes them from files that hold what was measured; the tables are read back.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import figures  # tools/figures.py
from ogive.report.text import share

SHARES = [
    1 - 2.0**-32, 1 - 1e-7, 1 - 4e-7, 0.99999951, 0.9999996, 0.99995, 0.5, 0.29, 0.57, 1e-7, 0.0,
    *(random.Random(0).random() for _ in range(200)),
]  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows(text: str, head: str) -> tuple[list[str], dict[str, list[str]]]:
    """The Markdown table whose first column has this head: its other heads, and rows by name."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *rest = cells(line)
        found[name] = rest
    return cells(lines[start])[1:], found


@pytest.mark.parametrize(("shown", "digits"), [(figures.share, 4), (lambda v: share(v), 2)])
def test_a_share_is_never_rounded_up(shown: Any, digits: int) -> None:
    for value in SHARES:
        text = shown(value).removesuffix(" %")
        assert len(text.partition(".")[2]) == digits, (value, text)
        percents = Decimal(text)
        below = Decimal(value) * 100 - percents
        # A float may lie a little below the number that is meant by it.
        assert -Decimal("1e-12") <= below < Decimal(10) ** -digits + Decimal("1e-12"), (value, text)
    assert shown(1.0).removesuffix(" %") in ("100", "100.00")
    assert not shown(1 - 2.0**-32).startswith("100")


def entry(at: int, inputs: int) -> str:
    return (
        f"max_ulp = {0.5 + at / 1000}\nat = 1.0\ncorrectly_rounded = {0.9 + at / 10_000}\n"
        f"inputs = {inputs}\n"
    )


def test_every_figure_of_accuracy_stands_in_its_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    (tmp_path / "tests").mkdir()
    places = [(w, d) for d in ("float32", "float64") for w in ("value", "derivative")]
    text = ""
    for n, name in enumerate(("gelu", "relu")):
        for k, (which, dtype) in enumerate(places):
            if (name, which, dtype) != ("relu", "derivative", "float64"):
                inputs = 1 << 32 if name == "gelu" or which == "value" else 4096
                text += f"[{name}.{which}.{dtype}]\n{entry(10 * n + k, inputs)}"
    text += f"[softmax.value.float32]\n{entry(99, 5)}"
    (tmp_path / "tests" / "accuracy.toml").write_text(text)
    heads, found = rows(figures.accuracy(), "function")
    assert heads == ["f32 value", "f32 derivative", "f64 value", "f64 derivative", "f32 inputs"]
    assert set(found) == {"gelu", "relu"}
    for n, (name, row) in enumerate(found.items()):
        for k, cell in enumerate(row[:4]):
            at = 10 * n + k
            right = f"{0.5 + at / 1000:.4f} ({90 + at / 100:.4f} %)"
            missing = (name, k) == ("relu", 3)
            assert cell == ("not yet swept" if missing else right), (name, heads[k])
    assert [row[4] for row in found.values()] == ["all 2^32", "4,096"]


def cell(work: str, size: str, ratio: float, **changed: Any) -> dict[str, Any]:
    named = {"output": "out", "format": "f32", "threads": "2t", "goal": 1.5} | changed
    where = f"{work}/{named['output']}/{named['format']}/{size}/{named['threads']}"
    peer = {"ratio": [ratio, ratio, ratio], "goal": named["goal"]}
    farther = {"ratio": [ratio + 7, ratio, ratio], "goal": None}
    return {"id": where, "peers": {"torch": peer, "numpy": farther}}


def test_every_figure_of_speed_stands_below_its_size_and_beside_its_work() -> None:
    made = {
        (work, size): 1.0 + 0.1 * w + 0.01 * s
        for w, work in enumerate(("relu.value", "gelu.backward", "tanh.value"))
        for s, size in enumerate(("16777216", "65536", "1048576"))
    }
    document = {
        "machine": {"cpu": "a cpu", "isa": "avx2", "cores": 2, "versions": {"torch": "2"}},
        "cells": [
            *(cell(*key, ratio) for key, ratio in made.items()),
            # What is not shown: other threads, formats, outputs, sizes, functions.
            cell("relu.value", "65536", 9.1, threads="1t"),
            cell("relu.value", "65536", 9.2, format="f64"),
            cell("relu.value", "65536", 9.3, output="new"),
            cell("relu.value", "4096", 9.4),
            cell("selu.value", "65536", 9.5),
            cell("softmax.value", "64x10", 2.5),
            cell("relu.value", "65536", 0.7, output="tensors", goal=2),
        ],
    }
    text = figures.speed(document)
    heads, found = rows(text, "work")
    assert heads == ["2^16", "2^20", "2^24"]
    assert list(found) == ["relu.value", "gelu.backward", "tanh.value"]
    for (work, size), ratio in made.items():
        place = ["65536", "1048576", "16777216"].index(size)
        assert found[work][place] == f"{ratio:.2f} torch"
    assert "| softmax.value | 2.50 torch |" in text
    _, tensors = rows(figures.speed_on_tensors(document), "work")
    assert tensors == {"relu.value": ["0.70 torch"]}
    # A goal is met from its own value on; the furthest is the least ratio over goal.
    _, goals = rows(text, "format")
    whole = [r for r in made.values()] + [9.1, 9.3, 9.4, 9.5, 2.5]
    assert goals["f32"][0] == f"{sum(r >= 1.5 for r in whole)} of {len(whole)}"
    assert goals["f32"][1] == "`relu.value/out/f32/16777216/2t` against torch: 1.00, goal 1.5"
    assert goals["f64"][0] == "1 of 1"
    assert goals["f32, torch tensors"][0] == "0 of 1"
    assert "--formats f32,f64" in text
    heads, short = rows(figures.shortfalls(document), "work")
    assert heads == ["f32", "f64", "f16", "bf16", "f32 tensors", "bf16 tensors"]
    ratios = sorted(made["relu.value", size] / 1.5 for size in ("16777216", "65536", "1048576"))
    assert short["relu.value"][:2] == [
        f"3 of 6: {ratios[0]:.2f}, {ratios[1]:.2f}",
        "0 of 1",
    ]
    assert short["relu.value"][4] == "1 of 1: 0.35, 0.35"
    assert set(short) == {"relu.value", "gelu.backward", "tanh.value"}


def test_a_goal_that_is_just_met_is_met() -> None:
    met = {"machine": {"cpu": "", "isa": "", "cores": 2}, "cells": [cell("relu.value", "9", 1.5)]}
    assert "relu" not in figures.shortfalls(met)
    _, goals = rows("\n".join(figures.verdicts(met["cells"])), "format")  # type: ignore[arg-type]
    assert goals["f32"][0] == "1 of 1"


def test_a_page_keeps_all_but_its_block_and_one_without_a_block_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "p.md"
    page.write_text("before\n<!-- figures: x -->\nold\n<!-- end of figures -->\nafter\n")
    assert figures.filled(page, "new", "", "newer") == (
        "before\n<!-- figures: x -->\nnew\n\nnewer\n<!-- end of figures -->\nafter\n"
    )
    page.write_text("nothing\n")
    with pytest.raises(SystemExit, match="no block of figures"):
        figures.filled(page, "new")


def test_the_pages_show_what_was_measured_last() -> None:
    for page, text in figures.pages():
        assert page.read_text() == text, f"run python tools/figures.py: {page.name} is stale"
