"""The benchmark's arithmetic on made-up times, and one tiny run. Nothing here is about speed."""

import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import ogive

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # as `python benchmarks/run.py` has it

import cells  # noqa: E402
import goals  # noqa: E402
import peers  # noqa: E402
import record  # noqa: E402
import run  # noqa: E402
import scaling  # noqa: E402
import table  # noqa: E402
import turns  # noqa: E402
from timing import Effort, Spread, Timed, race, ratios, share  # noqa: E402

LARGE = cells.Cell("relu", "unary", "value", "out", "f32", (1 << 24,), 2)


def replayed(times):
    """A contestant that reports these times in turn."""
    return iter(times).__next__


def test_ratio_is_the_median_of_pairs_not_the_ratio_of_medians():
    # The machine slows down tenfold in the second round: pairs do not notice.
    spread = ratios([2.0, 30.0, 2.0], [1.0, 10.0, 2.0])
    assert spread == Spread(2.0, 1.5, 2.5)


def test_unpaired_times_are_refused():
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_every_round_samples_each_contestant_and_starts_with_another():
    order = []
    contestants = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    times = race(contestants, Effort(sample=0, cell=100, least=1, most=3), clock=lambda: 0.0)
    assert "".join(order) == "abcbcacab"
    assert times == {name: [1.0] * 3 for name in "abc"}


@pytest.mark.parametrize(("cell", "rounds"), [(0.0, 2), (1.5, 3), (100.0, 5)])
def test_rounds_stop_when_time_is_up_but_not_before_the_least(cell, rounds):
    ticks = iter(range(100))
    effort = Effort(sample=0, cell=cell, least=2, most=5)
    times = race({"a": replayed([1.0] * 9)}, effort, clock=lambda: float(next(ticks)))
    assert len(times["a"]) == rounds


def test_a_time_is_of_one_call():
    calls = []
    sampler = Timed(lambda: calls.append(None), Effort(1e-4, 0, 1, 1), settle=0.0)
    before = len(calls)
    seconds = sampler()
    assert len(calls) - before == sampler.loops + 1, "one untimed call goes before"
    assert 0 < seconds < 1e-4


def test_record_compares_peers_and_copies_round_by_round():
    times = {"ogive": [1.0, 2.0], "torch": [3.0, 6.0], "copy": [0.5, 1.0]}
    made = record.record(LARGE, times, cores=[1.9, 2.0])
    (torch,) = made.peers
    assert (torch.peer, torch.ratio.median, torch.pairs) == ("torch", 3.0, 2)
    assert (torch.goal, torch.met) == (1.5, True)
    assert made.copies["copy"].median == 2.0
    assert made.cores == pytest.approx(1.95)


@pytest.mark.parametrize(("others", "disturbed"), [(None, False), (0.05, False), (0.8, True)])
def test_a_cell_is_marked_where_other_processes_were_busy(others, disturbed):
    made = record.record(LARGE, {"ogive": [1.0], "numpy": [1.0]}, [1.0], others)
    assert made.disturbed is disturbed
    assert ("~" in table.against(made, "numpy")) is disturbed


def test_the_promise_holds_where_no_goal_speaks():
    assert goals.goal(LARGE, "torch") == 1.5
    one_thread = cells.Cell("relu", "unary", "value", "out", "f32", (1 << 24,), 1)
    assert goals.goal(one_thread, "torch") == goals.PROMISE
    unheard_of = cells.Cell("softsign", "unary", "value", "out", "f32", (1 << 12,), 2)
    assert goals.goal(unheard_of, "numpy") == goals.PROMISE


@pytest.mark.parametrize(
    ("mode", "elements", "goal"),
    [("value", 1 << 16, 1.0), ("value", 1 << 24, 2), ("backward", 1 << 24, 1.3)],
)
def test_tensors_have_the_goals_of_what_their_calls_do(mode, elements, goal):
    cell = cells.Cell("relu", "unary", mode, "tensors", "f32", (elements,), 2)
    assert goals.goal(cell, "torch") == goal


def test_what_torch_has_is_compared_through_tensors():
    found = {
        (cell.function, cell.mode): "torch" in peers.calls(cell, cells.inputs(cell), None)
        for cell in small_cells()
        if cell.output == "tensors"
    }
    alone = {"identity", "bilinear", "gumbel_softmax", "focal", "sigmoid_focal"}
    assert {name for (name, _), has in found.items() if not has} == alone
    for name in ("gelu", "prelu", "swiglu", "softmax"):
        assert found[name, "value"]
        assert found[name, "backward"]
    assert found["cross_entropy", "value_and_grad"]


def test_a_call_has_a_goal_in_microseconds_and_none_per_peer():
    cell = cells.Cell("relu", "unary", "value", "allocated", "f32", (16,), 1)
    cheap = record.record(cell, {"ogive": [3e-7], "numpy": [1e-7]}, [1.0])
    dear = record.record(cell, {"ogive": [5e-7], "numpy": [1e-6]}, [1.0])
    assert (cheap.verdicts(), dear.verdicts()) == ([True], [False])


def test_every_function_of_the_catalog_has_a_cell_in_each_of_its_modes():
    found = {(cell.function, cell.mode) for cell in cells.cells(("f32",), (1,))}
    layers = {card.name for card in ogive.catalog() if card.layer}  # which layer.py measures
    assert {name for name, _ in found} == set(ogive.catalog.names()) - layers
    for mode in ("backward_from_output", "value_and_grad"):
        home = getattr(ogive, mode)
        assert {name for name, its in found if its == mode} == set(dir(home)) - layers


def test_ids_of_cells_are_unique():
    ids = [cell.id for cell in cells.cells(tuple(cells.FORMATS), (1, 2))]
    assert len(ids) == len(set(ids))


def small_cells():
    return list(cells.cells(("f32",), (1,), sizes=(40,), shapes=((6, 10),)))


@pytest.mark.parametrize("cell", small_cells(), ids=lambda cell: cell.id)
def test_peers_compute_what_ogive_computes(cell):
    def arrays(result):
        parts = result if isinstance(result, tuple) else (result,)
        return [
            np.array(p.detach().numpy() if hasattr(p, "detach") else p) for p in map(held, parts)
        ]

    def held(result):
        return result.numpy() if type(result).__name__ == "OrtValue" else result

    calls = peers.calls(cell, cells.inputs(cell), cells.out_for(cell))
    own = arrays(calls.pop("ogive")())
    for name, call in calls.items():
        for ours, theirs in zip(own, arrays(call()), strict=True):
            assert ours.shape == theirs.shape, name
            assert theirs.dtype == np.float32, name
            np.testing.assert_allclose(theirs, ours, rtol=2e-3, atol=1e-5, err_msg=name)


def stays(megabytes_before, megabytes):
    """A contestant that has memory before its turns, takes more in them, and tells when."""
    held = np.ones(megabytes_before << 20, np.uint8)

    def turn():
        begin = time.monotonic()
        assert np.ones(megabytes << 20, np.uint8)[held[0]] == 1
        return 1.0, (begin, time.monotonic())

    return turn


def fails():
    raise SystemExit("as it should")


def test_processes_work_one_at_a_time_and_each_round_starts_with_another():
    found = turns.take_turns({"a": partial(stays, 1, 1), "b": partial(stays, 1, 1)}, 3)
    spans = {(*span, name) for name, account in found.items() for span in account.results}
    assert [name for *_, name in sorted(spans)] == ["a", "b", "b", "a", "a", "b"]
    ends = [end for _, end, _ in sorted(spans)]
    assert all(end < begin for end, (begin, *_) in zip(ends, sorted(spans)[1:], strict=False))
    assert multiprocessing.active_children() == []


def test_a_peak_is_of_the_turns_alone():
    found = turns.peaks({"small": partial(stays, 64, 16), "large": partial(stays, 16, 48)})
    for name, megabytes in (("small", 16), ("large", 48)):
        assert found[name] is None or found[name] / 2**20 == pytest.approx(megabytes, abs=4)


def test_a_process_that_fails_ends_the_others():
    with pytest.raises(turns.FailedError, match="the process of b ended"):
        turns.take_turns({"a": partial(stays, 1, 1), "b": fails}, 3)
    assert multiprocessing.active_children() == []


def test_the_first_round_of_turns_is_not_compared():
    torch = turns.Account(seconds=[9.0, 3.0, 6.0])
    assert turns.Account(seconds=[1.0, 2.0, 2.0]).behind(torch) == Spread(2.25, 1.875, 2.625)


def test_training_takes_one_course_whoever_computes():
    training = pytest.importorskip("torch_training").training
    from ogive.torch._loss_eager import FEW

    accounts = {}
    for functions in ("torch", "ogive", "lean"):
        turn = training("resnet", functions)
        seconds, results = zip(*(turn() for _ in range(3)), strict=True)
        accounts[functions] = turns.Account(list(seconds), list(results))
    entry = importlib.import_module("torch_training").entry
    made = {f: entry("resnet", f, own, accounts["torch"], 0) for f, own in accounts.items()}
    assert made["torch"]["difference"] == 0
    assert made["ogive"]["difference"] < 1e-4
    assert made["lean"]["difference"] < 1e-4
    # But for the gradient of the logits, which are few.
    logits = 4 * FEW
    assert made["ogive"]["kept_bytes"] <= made["torch"]["kept_bytes"] + logits
    assert made["lean"]["kept_bytes"] < made["torch"]["kept_bytes"]


@pytest.mark.parametrize(
    ("head", "shape"), [("cross_entropy", (6, 10)), ("linear_cross_entropy", (6, 4, 10))]
)
def test_losses_of_pytorch_agree(head, shape):
    heads = pytest.importorskip("torch_heads")
    turns_of = {name: heads.contest(head, shape, name) for name in heads.contestants(head)}
    accounts = {}
    for name, turn in turns_of.items():
        seconds, results = zip(turn(), turn(), strict=True)
        accounts[name] = turns.Account(list(seconds), list(results))
    made = heads.entry(head, shape, accounts, dict.fromkeys(accounts))
    assert made["peers"].keys() == accounts.keys() - {"ogive"}
    for name, peer in made["peers"].items():
        assert peer["difference"] < 1e-6, name
        assert peer["pairs"] == 1
        assert peer["ratio"][0] > 0


def bench(*arguments):
    command = [sys.executable, str(BENCHMARKS / "run.py"), *arguments]
    wide = {**os.environ, "COLUMNS": "150"}  # so that no message is broken into lines
    return subprocess.run(command, capture_output=True, text=True, env=wide)


def test_a_small_run_prints_ratios_and_writes_the_json(tmp_path):
    results = tmp_path / "results.json"
    only = r"^(tanh|softmax|binary_cross_entropy)\..*(/16/|/256/|x1000)"
    done = bench("--quick", "--sizes", "256", "--only", only, "--json", str(results))
    assert done.returncode == 0, done.stderr
    assert "tanh" in done.stdout
    assert "goals met" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]

    document = json.loads(results.read_text())
    assert document["schema"] == record.SCHEMA
    assert document["machine"]["isa"] == ogive.isa()
    assert document["machine"]["versions"]["numpy"] == np.__version__
    functions = {cell["id"].split(".")[0] for cell in document["cells"]}
    assert functions == {"tanh", "softmax", "binary_cross_entropy"}
    for cell in document["cells"]:
        assert min(cell["us"]) > 0
        assert cell["peers"]
        for peer in cell["peers"].values():
            median, low, high = peer["ratio"]
            assert 0 < low <= median <= high
            assert peer["pairs"] >= 1


def test_a_run_that_was_cut_off_goes_on_and_measures_no_cell_twice(tmp_path, monkeypatch):
    cells_of_run = list(cells.cells(("f32",), (1,), sizes=(40,), shapes=()))[:4]
    measured = []

    def measure(cell, effort):
        if len(measured) == 3:
            raise KeyboardInterrupt
        measured.append(cell.id)
        return record.record(cell, {"ogive": [1e-6, 2e-6], "torch": [3e-6, 4e-6]}, [1.0])

    monkeypatch.setattr(run, "measure", measure)
    journal = run.Journal(tmp_path / "results.json", ["commit"])
    with pytest.raises(KeyboardInterrupt):
        run.run(cells_of_run, Effort(0, 1, 1, 1), 60, journal)
    with journal.path.open("a") as file:
        file.write('{"id": "cut o')  # as an interrupted write leaves it
    again = run.Journal(tmp_path / "results.json", ["commit"])
    measured.clear()
    records = run.run(cells_of_run, Effort(0, 1, 1, 1), 60, again)
    assert measured == [cells_of_run[3].id]
    assert [one.cell for one in records] == cells_of_run
    assert records[0].as_json() == records[3].as_json() | {"id": records[0].cell.id}
    assert run.Journal(tmp_path / "results.json", ["another"]).found() == {}


def test_small_calls_from_pytorch_are_compared_in_pairs():
    tables = pytest.importorskip("torch_tables")
    found = tables.overhead(Effort(sample=1e-5, cell=0.1, least=3, most=3))
    assert {name for name, *_ in found} == tables.peers().keys()
    for name, *spreads in found:
        for spread in spreads:
            assert 0 < spread.low <= spread.median <= spread.high, name


def test_a_contestant_far_behind_is_sampled_once():
    times = race(
        {"a": lambda: 0.1, "slow": lambda: 5.0},
        Effort(sample=0, cell=1, least=3, most=3),
        clock=lambda: 0.0,
    )
    assert (len(times["a"]), len(times["slow"])) == (3, 1)
    made = record.record(LARGE, {"ogive": times["a"], "torch": times["slow"]}, [1.0])
    assert (made.peers[0].pairs, made.peers[0].ratio.median) == (1, 50.0)


def test_cells_share_the_time_that_is_left():
    full = Effort(sample=2e-3, cell=0.4, least=3, most=9)
    assert share(full, 1000, 10).cell == 0.4
    assert share(full, 1, 10).cell == pytest.approx(0.1)
    assert share(full, -5, 10).cell > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "no_such_function"], "no cell matches"),
        (["--only", "("], "not a regular expression"),
        (["--formats", "f8"], "unknown format 'f8'"),
        (["--threads", "two"], "whole numbers"),
        (["--json", "/no/such/folder/results.json"], "there is no folder"),
    ],
)
def test_bad_options_are_told_before_anything_is_measured(arguments, message):
    done = bench(*arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_the_exponent_is_the_slope_of_the_logarithms():
    work = [10, 100, 1000]
    found = scaling.exponent(work, [3e-9 * n**1.5 for n in work])
    assert list(found.values()) == pytest.approx([1.5, 1.5, 1.5])


def test_scaling_counts_the_bytes_a_call_needs():
    needed = scaling.measure(lambda: np.ones(1 << 23, np.uint8))["bytes"]
    assert needed is None or needed == pytest.approx(1 << 23, rel=0.1)


def test_a_small_scaling_run_writes_times_and_exponents(tmp_path, capsys):
    results = tmp_path / "scaling.json"
    scaling.main("relu", 1 << 18, results)
    series = json.loads(results.read_text())["series"]
    assert {(one["work"], one["output"]) for one in series} == {
        (work, output) for work in ("relu", "cross_entropy") for output in ("out", "allocated")
    }
    assert all(p["seconds"] > 0 for one in series for p in one["points"])
    assert "exponent" in capsys.readouterr().out


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """tools/figures.py at work in a folder of its own."""
    path = BENCHMARKS.parent / "tools" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    return module


def test_the_readme_names_the_closest_peer_and_the_worst_cell(tmp_path, figures):
    made = record.record(
        cells.Cell("relu", "unary", "value", "out", "f32", (1 << 20,), 2),
        {"ogive": [1.0], "torch": [1.25], "numpy": [0.5]},
        [1.0],
    )
    tensors = record.record(
        cells.Cell("relu", "unary", "value", "tensors", "f32", (1 << 24,), 2),
        {"ogive": [1.0], "torch": [1.75]},
        [1.0],
    )
    rows = record.record(
        cells.Cell("softmax", "rows", "value", "out", "f32", (65536, 10), 2),
        {"ogive": [1.0], "torch": [30.0]},
        [1.0],
    )
    document = {
        "machine": {"cpu": "a processor", "isa": "avx2", "cores": 2, "versions": {"torch": "2"}},
        "cells": [made.as_json(), rows.as_json(), tensors.as_json()],
    }
    (tmp_path / "benchmarks" / "results.json").write_text(json.dumps(document))
    text = figures.measured("results.json", figures.speed)
    assert "| relu.value | 0.50 numpy |" in text
    assert "| softmax.value | 30.00 torch |" in text
    assert "| f32 | 2 of 3 | `relu.value/out/f32/1048576/2t` against numpy: 0.50, goal 1 |" in text
    where = "`relu.value/tensors/f32/16777216/2t` against torch: 1.75, goal 2"
    assert f"| f32, torch tensors | 0 of 1 | {where} |" in text
    assert "1.75 torch" not in text
    assert "| relu.value | 1.75 torch |" in figures.measured(
        "results.json", figures.speed_on_tensors
    )
    short = figures.measured("results.json", figures.shortfalls)
    assert "| relu.value | 1 of 2: 0.50, 0.50 |  |  |  | 1 of 1: 0.88, 0.88 |  |" in short
    assert "softmax" not in short


def test_a_page_gets_the_figures_of_pytorch(tmp_path, figures):
    peer = turns.Account([9.0, 3.0, 6.0], [(2.0, 1 << 20), (1.5, None), (1.0, None)])
    own = turns.Account([9.0, 2.0, 3.0], [(2.0, 1 << 19), (1.5, None), (1.1, None)])
    entry = importlib.import_module("torch_training").entry
    document = {
        "machine": {"cpu": "a processor", "isa": "avx2", "versions": {"torch": "2"}},
        "threads": 2, "steps": 3,
        "trainings": [entry("gpt", "lean", own, peer, 3 << 20)],
    }  # fmt: skip
    (tmp_path / "benchmarks" / "training.json").write_text(json.dumps(document))
    page = tmp_path / "torch.md"
    page.write_text("# Page\n<!-- figures: here -->\nlast year's\n<!-- end of figures -->\nrest\n")
    report = importlib.import_module("torch_report")
    page.write_text(figures.filled(page, figures.measured("training.json", report.training)))
    text = page.read_text()
    line = (
        "| gpt | Ogive, `lean=True` | 2.000000 → 1.100000 | 1.0e-01 | 1.75 (1.62–1.88) "
        "| 0.5 MiB | 3.0 MiB |"
    )
    assert line in text
    assert "last year" not in text
    assert text.endswith("<!-- end of figures -->\nrest\n")
    spread = {"peak": 1 << 20, "ratio": [1.25, 1.0, 1.5]}
    steps = {
        **{k: document[k] for k in ("machine", "threads")}, "rounds": 7, "tokens": 512,
        "models": {"gpt2": {"seconds": 0.5, "torch": {"peak": 3 << 20}, "fused": spread}},
    }  # fmt: skip
    line = "| gpt2 | fused | 0.50 s | 1.25 (1.00–1.50) | 3.0 MiB | 1.0 MiB |"
    assert line in report.swapped(steps)
    assert figures.measured("absent.json", report.training) == ""

    heads = importlib.import_module("torch_heads")
    accounts = {"ogive": turns.Account([9, 1], [2]), "F.cross_entropy": turns.Account([9, 4], [2])}
    peak = {"ogive": 1 << 20, "F.cross_entropy": None}
    made = heads.entry("cross_entropy", (4096, 1000), accounts, peak)
    text = report.heads({**document, "heads": [made]})
    line = "| cross_entropy | 4096x1000 | `F.cross_entropy` | 4.00 (4.00–4.00) |  | 1.0 MiB |"
    assert line in text
