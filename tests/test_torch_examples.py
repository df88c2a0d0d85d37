"""The examples for PyTorch run, and show what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

EXAMPLES = Path(__file__).parents[1] / "examples"


def shown(name: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_swap_keeps_less_and_gives_it_back() -> None:
    text = shown("torch_swap.py")
    assert "torch.nn.GELU -> ogive.torch.nn.GELU" in text
    before, after = map(int, re.findall(r"(\d+) bytes with torch's, (\d+) now", text)[0])
    assert after < 0.7 * before
    assert "torch's again" in text


def test_a_fused_head_learns() -> None:
    losses = [float(x) for x in re.findall(r"loss (\d+\.\d+)", shown("torch_fused_head.py"))]
    assert losses[-1] < 0.6 * losses[0]


def test_two_processes_have_the_whole_loss() -> None:
    found = re.findall(
        r"loss (\S+) \(whole (\S+)\), gradient within (\S+)", shown("torch_vocab_parallel.py")
    )
    assert len(found) == 2
    for loss, whole, apart in found:
        assert float(loss) == pytest.approx(float(whole), rel=1e-5)
        assert float(apart) < 1e-6
