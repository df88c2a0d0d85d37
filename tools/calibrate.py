"""Measure how often a study is wrong, by many studies of ten equal activations, really trained.

    python tools/calibrate.py [--runs 100] [--only digits,noisy] [--processes 1] [--different]

In every run all ten activations are ReLU, each with its own random numbers; the code of
`ogive study` splits rows, chooses learning rates, trains networks and concludes. Any difference
that it reports is wrong. Generated data sets are new in every run, and their networks also classify
new rows, whose scores the intervals should cover. On digits an eleventh activation is a ReLU that
stops after 45 of 720 steps. It loses 3 points, which the study should find.

With `--different`, tanh, GELU and identity networks are compared with ReLU networks on one data
table of each population per run: the mean over the tables is the true difference, and 95 %
intervals should cover it.

Finished runs are lines of results/calibration.jsonl, so an interrupted calibration can continue.
Writes docs/calibration.json and the tables of docs/calibration.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import ogive
from ogive.study.answer import answer
from ogive.study.blocks import Arrays, Block, blocks
from ogive.study.conclude import _paired, conclude
from ogive.study.data import load
from ogive.study.grid import describe
from ogive.study.metrics import shares
from ogive.study.models import fit
from ogive.study.network import Network
from ogive.study.result import ModelTrial, Settings, Trial
from ogive.study.settings import settings
from ogive.study.statistics import ALPHA, SharedRows, compare, holm
from ogive.study.table import Table
from ogive.study.training import Job, tested_logits, train

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "results" / "calibration.jsonl"
SUMMARY, PAGE = ROOT / "docs" / "calibration.json", ROOT / "docs" / "calibration.md"

EQUAL = tuple(f"relu {i + 1}" for i in range(10))
WEAK = "45 steps"
DIFFERENT = ("tanh", "gelu", "identity")
FEW = 10
"""Rows of the population if no scores on it are needed."""
SPLITS = 10
DEFAULT_FAMILY = 66
"""Number of comparisons in a default study: 10 activations and 2 models at 3 depths."""

Draw = Callable[[np.random.Generator, int], tuple[NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Set:
    """A data set of the calibration."""

    what: str
    rows: int = 0
    draw: Draw | None = None
    """Draws rows of a population; None for a bundled set."""
    trains: bool = True
    """Whether networks can do better than a constant prediction."""
    recipe: tuple[tuple[str, int], ...] = (("width", 32), ("epochs", 8))
    fresh: int = 20_000
    """New rows of the population that its networks predict after training."""
    weak: bool = False
    held_out: bool = False
    """Whether it was never used to choose anything about the test."""
    different: bool = False


def noisy(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A logistic model with nonlinear terms; no classifier exceeds 76 %."""
    x = draw.standard_normal((rows, 8))
    f = 1.2 * x[:, 0] - x[:, 1] + 0.8 * x[:, 2] * x[:, 3] + 0.5 * np.abs(x[:, 4]) - 0.6
    return x, (draw.random(rows) < 1 / (1 + np.exp(-f))).astype(np.int64)


def credit(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Twenty weak features and 30 % bad risks, as in the German credit data."""
    weights = np.random.default_rng(0).standard_normal(20) * 0.25
    x = draw.standard_normal((rows, 20))
    return x, (draw.random(rows) < 1 / (1 + np.exp(-(x @ weights - 1.0)))).astype(np.int64)


def rings(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A ring around a disc, with 10 % of the labels flipped; no linear model can separate them."""
    x = draw.standard_normal((rows, 4))
    inside = (x[:, :2] ** 2).sum(axis=1) > 1.4
    return x, (inside ^ (draw.random(rows) < 0.1)).astype(np.int64)


def rare(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """One row in twenty belongs to the positive class."""
    x = draw.standard_normal((rows, 10))
    f = 1.5 * x[:, 0] + x[:, 1] * x[:, 2] - 4.0
    return x, (draw.random(rows) < 1 / (1 + np.exp(-f))).astype(np.int64)


def nothing(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels that are independent of the features."""
    return draw.standard_normal((rows, 8)), (draw.random(rows) < 0.4).astype(np.int64)


def amounts(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Friedman's function with noise; R² is 0.8 at best."""
    x = draw.random((rows, 7))
    f = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    f += 10 * x[:, 3] + 5 * x[:, 4]
    return x, f + draw.normal(0, 2.4, rows)


def heavy(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Five classes with 8 to 40 % of the rows; features from a t distribution with 2 degrees."""
    weights = np.random.default_rng(1).standard_normal((10, 5)) * 0.7
    x = draw.standard_t(2, (rows, 10))
    f = np.tanh(x) @ weights + np.array([1.2, 0.6, 0.0, -0.6, -1.2])
    f[:, 2] += np.tanh(x[:, 0] * x[:, 1])
    return x, np.asarray((f + draw.gumbel(size=f.shape)).argmax(axis=1), np.int64)


def products(draw: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A regression on products of features, two of them binary, with skewed noise."""
    x = draw.standard_normal((rows, 8))
    x[:, 5:7] = draw.random((rows, 2)) < (0.5, 0.2)
    f = 2 * x[:, 0] * x[:, 1] + 3 * x[:, 2] * x[:, 5] - 2 * x[:, 6] + np.abs(x[:, 3])
    return x, f + draw.exponential(2.0, rows) - 2.0


SETS = {
    "digits": Set(what="bundled, 1797 rows, default settings of depth 2", recipe=(), weak=True),
    "iris": Set(what="bundled, 150 rows"),
    "wine": Set(what="bundled, 178 rows"),
    "breast_cancer": Set(what="bundled, 569 rows"),
    "noisy": Set(
        what="logistic with bends, 300 rows, at best 76 %",
        rows=300,
        draw=noisy,
        fresh=4000,
        different=True,
    ),
    "credit": Set(
        what="20 weak features, 30 % bad risks, 1000 rows", rows=1000, draw=credit, different=True
    ),
    "rings": Set(
        what="ring around a disc, 10 % flipped, 400 rows",
        rows=400,
        draw=rings,
        fresh=4000,
        different=True,
    ),
    "rare": Set(what="5 % positive, compared by AUC, 1000 rows", rows=1000, draw=rare),
    "nothing": Set(what="labels without features, 300 rows", rows=300, draw=nothing, trains=False),
    "amounts": Set(what="regression with noise, 300 rows", rows=300, draw=amounts),
    "heavy": Set(
        what="5 unequal classes, heavy tails, 350 rows",
        rows=350,
        draw=heavy,
        held_out=True,
        different=True,
    ),
    "products": Set(
        what="regression with interactions, 400 rows",
        rows=400,
        draw=products,
        held_out=True,
        different=True,
    ),
}


def one_run(name: str, run: int) -> dict[str, Any]:
    """One study of ten equal activations: its sentences, and what its intervals covered."""
    kind = SETS[name]
    table, everything = _tables(name, run, kind.fresh)
    made, division = blocks(table, SPLITS, seed=run)
    recipe: dict[str, Any] = dict(kind.recipe)
    # Each "activation" has its own random stream: ten per run, and none is used twice.
    chosen = settings(table, division, activations=["relu"], depths=[2], seed=16 * run, **recipe)
    arrays = Arrays(table, made)
    fresh, after, seen = None, (lambda network, splits: None), list[float]()
    if everything is not None:
        rows = np.arange(table.rows, everything.rows)
        fresh = Arrays(everything, [Block(b.train, b.validation, rows) for b in made])

        def after(network: Network, splits: NDArray[np.intp]) -> None:
            seen.extend(_fresh_scores(fresh, network, splits, chosen))

    job = Job(activation="relu", depth=2, splits=tuple(range(SPLITS)), streams=tuple(range(10)))
    trained = train(arrays, job, chosen, after)
    trials = {
        (one, 2): [dataclasses.replace(trial, activation=one) for trial in part]
        for one, part in zip(EQUAL, _parts(trained), strict=True)
    }
    models = {"constant": [fit(arrays, "constant", split, chosen) for split in range(SPLITS)]}
    tested = SharedRows.of(made, table)
    equal = dataclasses.replace(chosen, activations=EQUAL, baseline=EQUAL[0], models=("constant",))
    found = _outcome(trials, models, tested, equal, table, kind)
    if fresh is not None:
        found |= _covered(trials, np.array(seen).reshape(10, SPLITS), tested, equal)
    if kind.weak:
        short = dataclasses.replace(chosen, steps=45, tuning_steps=45, rounds=8)
        # As in a study, it uses the same random numbers as the baseline.
        weak = train(arrays, dataclasses.replace(job, streams=(0,)), short)
        found |= _power(weak, trials, models, tested, equal)
    return {"set": name, "run": run, **found}


def different_run(name: str, run: int) -> dict[str, Any]:
    """The comparisons, on one data table, of activations that do differ from ReLU."""
    table, _ = _tables(name, run, FEW)
    made, division = blocks(table, SPLITS, seed=run)
    recipe: dict[str, Any] = dict(SETS[name].recipe)
    chosen = settings(table, division, activations=["relu"], depths=[2], seed=16 * run, **recipe)
    arrays, tested = Arrays(table, made), SharedRows.of(made, table)
    trained = {
        one: train(arrays, Job(activation=one, depth=2, splits=tuple(range(SPLITS))), chosen)
        for one in ("relu", *DIFFERENT)
    }
    found = {}
    for one in DIFFERENT:
        pair = _paired(trained[one], trained["relu"], chosen.metric, tested, chosen)
        each = compare(pair, tested)
        interval = each.interval(1 - ALPHA)
        found[one] = [each.mean, each.scale, interval.low, interval.high]
    return {"set": f"{name}, different", "run": run, "different": found}


def _tables(name: str, run: int, fresh: int) -> tuple[Table, Table | None]:
    kind = SETS[name]
    if kind.draw is None:
        return load(name), None
    draw = np.random.default_rng([99, run, *name.encode()])
    x, y = kind.draw(draw, kind.rows + fresh)
    everything = load((x, y))
    small = {
        field: getattr(everything, field)[: kind.rows]
        for field in ("y", "numbers", "categories", "texts")
    }
    return dataclasses.replace(everything, **small, groups=None), everything


def _parts(trained: Sequence[Trial]) -> list[list[Trial]]:
    return [list(trained[i : i + SPLITS]) for i in range(0, len(trained), SPLITS)]


def _fresh_scores(
    fresh: Arrays, network: Network, splits: NDArray[np.intp], chosen: Settings
) -> list[float]:
    found = []
    for split, logits in zip(splits, tested_logits(network, fresh, splits), strict=True):
        output = fresh.output(int(split), logits)
        found.append(float(shares(chosen.metric, fresh.tested(int(split)), output).mean()))
    return found


def _outcome(
    trials: dict[tuple[str, int], list[Trial]],
    models: dict[str, list[ModelTrial]],
    tested: SharedRows,
    equal: Settings,
    table: Table,
    kind: Set,
) -> dict[str, Any]:
    """The study's sentences, and which of them are wrong."""
    cells, compared, comparisons = conclude(trials, models, tested, equal)
    data = describe(table, blocks(table, SPLITS, seed=0)[1])
    said = answer(data, equal, cells, compared)
    differ = [each for each in comparisons if each.other != "constant" and each.significant]
    wrong = [f"{each.one} differs from {each.other}" for each in differ]
    false_state = "fails" if kind.trains else "trains"
    wrong += [f"{cell.activation} {cell.state}" for cell in cells if cell.state == false_state]
    words = ("is better than", "worse than", "Avoid")
    if any(word in text for word in words
           for text in (said.sentence, *(depth.sentence for depth in said.by_depth))):  # fmt: skip
        wrong.append(said.sentence)
    if said.matters == "yes":
        wrong.append("the choice matters")
    return {
        "score": float(np.mean([cell.score for cell in cells])),
        "differ": bool(differ),
        "wrong": wrong,
        "trains": sum(cell.state == "trains" for cell in cells),
        "answer": said.sentence,
    }


def _covered(
    trials: dict[tuple[str, int], list[Trial]],
    fresh: NDArray[np.float64],
    tested: SharedRows,
    equal: Settings,
) -> dict[str, Any]:
    """Whether 95 % intervals contain the values that the same networks have on new rows."""
    from ogive.study.conclude import _measured
    from ogive.study.statistics import score_interval

    shown = fresh.mean(axis=1)
    score, same, zero = [], [], []
    for one, truth in zip(EQUAL, shown, strict=True):
        interval = score_interval(
            _measured(trials[one, 2], equal.metric, tested, equal), tested, equal.metric
        )
        score.append(bool(interval.low <= truth <= interval.high))
    # Use pairs that have no network in common.
    for i in range(0, 10, 2):
        pair = _paired(trials[EQUAL[i], 2], trials[EQUAL[i + 1], 2], equal.metric, tested, equal)
        interval = compare(pair, tested).interval(1 - ALPHA)
        same.append(bool(interval.low <= shown[i] - shown[i + 1] <= interval.high))
        zero.append(bool(interval.low <= 0 <= interval.high))
    return {"score_covered": score, "difference_covered": same, "zero_covered": zero}


def _power(
    weak: list[Trial],
    trials: dict[tuple[str, int], list[Trial]],
    models: dict[str, list[ModelTrial]],
    tested: SharedRows,
    equal: Settings,
) -> dict[str, Any]:
    """Whether the weaker activation is found, in this study and in one of default size."""
    everything = {**trials, (WEAK, 2): [dataclasses.replace(t, activation=WEAK) for t in weak]}
    larger = dataclasses.replace(equal, activations=(*EQUAL, WEAK))
    comparisons = conclude(everything, models, tested, larger)[2]
    (found,) = [each for each in comparisons if (each.one, each.other) == (WEAK, EQUAL[0])]
    p = [each.p for each in comparisons if each is not found]
    # Fill up to a default study: depths without a difference, and networks that train.
    others = DEFAULT_FAMILY - len(comparisons)
    trains = [0.0] * (2 * len(EQUAL))
    default = holm([found.p, *p, *trains, *[1.0] * (others - len(trains))])[0][0]
    return {
        "weak": found.difference,
        "found": found.significant and found.difference < 0,
        "found_in_default": default < ALPHA and found.difference < 0,
    }


def summarise(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures for the tables."""
    summary: dict[str, Any] = {}
    for name, kind in SETS.items():
        found = [line for line in lines if line["set"] == name]
        if not found:
            continue
        several = [line["different"] for line in lines if line["set"] == f"{name}, different"]
        one: dict[str, Any] = {
            "what": kind.what,
            "runs": len(found),
            "score": float(np.mean([line["score"] for line in found])),
            "differ": float(np.mean([line["differ"] for line in found])),
            "wrong": float(np.mean([bool(line["wrong"]) for line in found])),
            "trains": float(np.mean([line["trains"] for line in found])) / 10,
        }
        for key in ("score_covered", "difference_covered", "zero_covered"):
            if key in found[0]:
                one[key] = float(np.mean([line[key] for line in found]))
        if "weak" in found[0]:
            one["weak"] = float(np.mean([line["weak"] for line in found]))
            one["found"] = float(np.mean([line["found"] for line in found]))
            one["found_in_default"] = float(np.mean([line["found_in_default"] for line in found]))
        if len(several) > 1:
            one["different"] = {each: _different(several, each) for each in DIFFERENT}
        summary[name] = one
    return summary


def _different(lines: Sequence[dict[str, Any]], one: str) -> dict[str, float]:
    mean, scale, low, high = np.array([line[one] for line in lines]).T
    truth = mean.mean()
    return {
        "runs": len(lines),
        "truth": float(truth),
        "spread": float(mean.std(ddof=1) / np.sqrt(np.mean(scale**2))),
        "covered": float(np.mean((low <= truth) & (truth <= high))),
    }


def table(summary: dict[str, Any]) -> str:
    """The tables of docs/calibration.md."""
    rows = [
        '| data | runs | mean score | "some differ" | any wrong sentence | covered: score | '
        "covered: difference of activations | covered: difference of these networks |",
        "|---|---|---|---|---|---|---|---|",
    ]
    percent = lambda one, key: f"{100 * one[key]:.1f} %" if key in one else ""  # noqa: E731
    for name, one in summary.items():
        rows.append(
            f"| {name}{', held out' * SETS[name].held_out}: {one['what']} | {one['runs']} | "
            f"{one['score']:.3f} | "
            f"{percent(one, 'differ')} | {percent(one, 'wrong')} | "
            f"{percent(one, 'score_covered')} | {percent(one, 'zero_covered')} | "
            f"{percent(one, 'difference_covered')} |"
        )
    if any("different" in one for one in summary.values()):
        rows += [
            "",
            "| data | activation | tables | mean difference from ReLU, points | "
            "spread over tables / stated error | covered |",
            "|---|---|---|---|---|---|",
        ]
    for name, one in summary.items():
        for other, each in one.get("different", {}).items():
            rows.append(
                f"| {name} | {other} | {each['runs']} | {100 * each['truth']:+.1f} | "
                f"{each['spread']:.2f} | {percent(each, 'covered')} |"
            )
    for one in summary.values():
        if "weak" in one:
            rows += [
                "",
                f"Power: on digits, a ReLU that stops after 45 of 720 steps is "
                f"{-100 * one['weak']:.1f} points worse. Ten splits find it in "
                f"{percent(one, 'found')} of {one['runs']} "
                "studies of 11 activations at one depth, and in "
                f"{percent(one, 'found_in_default')} where Holm's method counts the "
                f"{DEFAULT_FAMILY} comparisons of a default study.",
            ]
    return "\n".join(rows) + "\n"


def read() -> list[dict[str, Any]]:
    """Finished runs."""
    if not LINES.exists():
        return []
    found = []
    for line in LINES.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:  # incomplete, after a kill
            continue
    return found


def write(lines: Sequence[dict[str, Any]]) -> None:
    """Write the JSON file and the tables in the page."""
    summary = summarise(lines)
    SUMMARY.write_text(json.dumps(summary, indent=1) + "\n")
    begin, end = "<!-- tables: written by tools/calibrate.py -->", "<!-- end of tables -->"
    page = PAGE.read_text()
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n{table(summary)}{end}{rest.split(end)[1]}")


def _one(name: str, run: int) -> dict[str, Any]:
    ogive.set_num_threads(1)
    with threadpool_limits(1):
        if name.endswith(", different"):
            return different_run(name.removesuffix(", different"), run)
        return one_run(name, run)


def main() -> None:
    """Run the missing studies, then write and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--different", action="store_true", help="compare different activations")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    names = asked.only.split(",")
    if asked.different:
        names = [f"{name}, different" for name in names if SETS[name].different]
    LINES.parent.mkdir(exist_ok=True)
    done = {(line["set"], line["run"]) for line in read()}
    # The data sets take turns, so that an early table has all of them.
    missing = [
        (name, run) for run in range(asked.runs) for name in names if (name, run) not in done
    ]
    began = time.monotonic()
    calls = (joblib.delayed(_one)(name, run) for name, run in missing)
    results = joblib.Parallel(n_jobs=asked.processes, return_as="generator")(calls)
    for count, line in enumerate(results, 1):
        with LINES.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if count % len(names) == 0 or count == len(missing):
            minutes = (time.monotonic() - began) / count * (len(missing) - count) / 60
            print(f"{count} of {len(missing)} runs, {minutes:.0f} minutes left", flush=True)
    lines = read()
    write(lines)
    print(table(summarise(lines)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")
