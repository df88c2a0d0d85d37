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
    tests = ["losses_match", "losses_are_float32_under_autocast", "rows_and_halves"]
    tests += ["masked_classes", "ignored_rows_count_nowhere", "class_weights_of_any_size"]
    tests += ["refusals", "dtensors", "groups_of_some_ranks"]
    run(world, [*tests, "data_parallel"] if world == 2 else tests, tmp_path)


def test_functions_take_shards_and_a_swapped_model_tensor_parallel(tmp_path: Path) -> None:
    tests = ["functions_of_shards", "losses_of_shards", "a_swapped_model_in_tensor_parallel"]
    run(2, tests, tmp_path)


def test_what_a_rank_knows_of_masked_rows() -> None:
    from ogive.torch._parallel import GAP, LOSS, LSE, OWNED, Options, _facts

    inf = torch.inf
    z = torch.tensor([[-inf, 1.0, 2.0], [-inf, 1.0, 2.0], [-inf, -inf, -inf], [30.0, 0.0, -inf]])
    options = Options(
        **{p.name: p.default for p in LOSS.options.values() if p.name in Options._fields}
    )
    found = _facts(z, torch.tensor([7, 3, 4, 3]), 3, options)
    torch.testing.assert_close(found[:, LSE], torch.logsumexp(z.double(), -1))
    assert found[:, OWNED].tolist() == [0, 1, 1, 1]
    assert found[:3, GAP].tolist() == [0, inf, inf]
    assert abs(float(found[3, GAP]) / 9.357622968839737e-14 - 1) < 1e-9
