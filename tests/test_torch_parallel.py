"""Losses over classes split among ranks are the whole losses; data-parallel training goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

HERE = Path(__file__).parent


def run(world: int, tests: list[str], folder: Path) -> None:
    """The tests on that many processes; whatever one of them says when it fails."""
    command = [sys.executable, str(HERE / "torch_ranks.py")]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(world), str(folder / "rendezvous"), *tests],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=180)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, text in zip(ranks, said, strict=True):
        assert rank.returncode == 0, text[-3000:]


@pytest.mark.parametrize("world", [2, 3])
def test_losses_over_split_classes_are_whole_and_data_parallel_training_goes_on(
    world: int, tmp_path: Path
) -> None:
    tests = ["losses_match", "rows_and_halves", "refusals", "dtensors"]
    run(world, [*tests, "data_parallel"] if world == 2 else tests, tmp_path)
