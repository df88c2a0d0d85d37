"""The three stories in examples/ run from end to end, and end as they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=170, cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def accuracies(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"accuracy (\d+\.\d)%", text)]


def test_vanishing_gradients_are_predicted_found_and_cured(tmp_path: Path) -> None:
    text = run(tmp_path, str(EXAMPLES / "watch_vanishing.py"), str(tmp_path)).stdout
    assert "vanish" in text.split("while training")[0]
    assert "error: vanishing_gradient at" in text
    before, after = accuracies(text)
    assert before < 20 < 80 < after
    assert text.rstrip().endswith("0 errors")
    assert "vanishing_gradient" in (tmp_path / "vanishing.html").read_text()


def test_dying_relus_are_found_and_the_line_of_the_report_cures_them(tmp_path: Path) -> None:
    text = run(tmp_path, str(EXAMPLES / "watch_dying_relu.py"), str(tmp_path)).stdout
    before, after = accuracies(text)
    assert before < 60 < 80 < after
    first = text.split("\n  first: ")[1].splitlines()[0]
    assert "lr=" in first
    assert re.search(r"errors: [1-9]\d* before, 0 after", text)
    assert "Dead units" in (tmp_path / "dying_relu.html").read_text()
    assert (tmp_path / "dying_relu_cured.html").exists()


def test_a_script_that_knows_nothing_of_the_monitor_is_told_of_its_second_softmax(
    tmp_path: Path,
) -> None:
    script = EXAMPLES / "softmax_twice.py"
    assert "ogive" not in script.read_text().split('"""')[2]
    plain = run(tmp_path, str(script))
    done = run(tmp_path, "-m", "ogive", "watch", "--out", "out", str(script))
    assert done.stdout == plain.stdout
    assert "Softmax applied twice" in done.stderr
    found = json.loads((tmp_path / "out" / "report.json").read_text())["findings"]
    assert found[0]["fault"] == "wrong_head/softmax_twice"
    assert {each["severity"] for each in found[1:]} <= {"warn"}
    # The log alone gives the same report, as after a kill.
    again = run(tmp_path, "-m", "ogive", "watch", "--out", "again", "out/run.jsonl")
    assert "Softmax applied twice" in again.stderr
    assert (tmp_path / "again" / "report.json").read_text() == (
        tmp_path / "out" / "report.json"
    ).read_text()
