"""Run the benchmark, and write docs/diagnosis.md and docs/diagnosis.json.

    PYTHONPATH=tests python -m diagnosis [--only REGEX] [--kinds planted,sound] [--print]

Finished trainings are lines of results/diagnosis.jsonl; one that the same code has made before is
not made again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import replace

import torch

from .ladders import LADDERS, UNSEEN
from .plan import Plan
from .planted import PLANTED
from .rows import ROOT, Row, code_digest, key_of, read, run, write
from .sound import SOUND
from .tables import publish
from .training import train

KEPT = ROOT / "results/diagnosis.jsonl"


def work() -> Iterator[tuple[str, Plan, str]]:
    """Every training: its kind, its plan, its strength on a ladder."""
    for plan in PLANTED:
        yield "planted", plan, ""
    for plan in SOUND:
        yield "sound", plan, ""
    for plan, _ in UNSEEN:
        yield "unseen", plan, ""
    for ladder in LADDERS:
        for strength, plan in ladder.rungs:
            yield "ladder", plan, f"{strength:g}"
    for plan in PLANTED:
        yield "twin", plan.twin, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="trainings whose name this finds")
    parser.add_argument("--kinds", default="planted,sound,ladder,unseen,twin")
    parser.add_argument("--print", action="store_true", help="write no documents")
    options = parser.parse_args()
    torch.set_num_threads(1)
    KEPT.parent.mkdir(exist_ok=True)
    code = code_digest()
    known = {
        row.key: row
        for row in (read(KEPT.read_text().splitlines()) if KEPT.exists() else [])
        if row.extra.get("code") == code
    }
    rows: list[Row] = []
    trained: dict[str, Row] = {}
    """By the training alone: the strongest rung of a ladder is often a planted fault."""
    for kind, plan, strength in work():
        if kind not in options.kinds.split(",") or not re.search(options.only, plan.name):
            continue
        key = key_of(plan, kind)
        row, alone = known.get(key), repr(replace(plan, name=""))
        if row is None and kind == "ladder" and alone in trained:
            row = replace(trained[alone], kind=kind, name=plan.name, strength=strength)
        if row is None:
            twin = train(plan.twin)[1] if kind in ("planted", "unseen") else None
            row = run(plan, kind, twin, cure=kind == "planted")
            row = replace(row, key=key, strength=strength, extra={"code": code})
            with KEPT.open("a") as file:
                print(write(row), file=file)
            print(line(row), flush=True)
        rows.append(row)
        trained[alone] = row
    if not (options.print or options.only):
        publish(rows)


def line(row: Row) -> str:
    """For the terminal."""
    mark = {True: "ok", False: "--"}[row.named if row.fault else not row.errors]
    told = ", ".join(
        f"{f.severity[0]}:{f.fault}@{f.layer}{'' if f.true else ' UNTRUE'}" for f in row.findings
    )
    rest = f" twin {row.twin:.2f}" if row.twin is not None else ""
    rest += f" cured {row.cured:.2f}" if row.cured is not None else ""
    labels = ", ".join(f"{key}={value:.3g}" for key, value in row.labels.items())
    return (
        f"{mark} {row.kind:8} {row.name[:44]:44} {row.fault:28} {row.score:5.2f}{rest}"
        f"{'' if row.same else ' NOT THE SAME BITS'} {row.seconds:.1f}s\n"
        f"      labels {labels}\n      watch  {told}\n      rules  {row.rules}\n"
        f"      cure   {row.cure}"
    )


if __name__ == "__main__":
    sys.exit(main())
