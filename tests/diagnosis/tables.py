"""From trainings to the published tables: docs/diagnosis.md and docs/diagnosis.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from . import packages
from .labels import THRESHOLDS
from .ladders import LADDERS, UNSEEN
from .published import MEANS
from .rows import ROOT, Row, read, write

PAGE, DATA = ROOT / "docs/diagnosis.md", ROOT / "docs/diagnosis.json"
MARK = "<!-- tables: written by tests/diagnosis -->"

GOALS = {
    "recall": (0.95, "planted faults that are found"),
    "named": (0.88, "of all planted faults, named first"),
    "heads": (1.0, "wrong heads named exactly, first"),
    "false_errors": (0.02, "sound trainings with an error"),
    "untrue": (0.0, "findings that no measurement confirms, of all"),
    "cures": (0.80, "of faults that do harm: the first cure raises the score"),
}
"""With what is at least, or at most, wanted."""

AT_MOST = ("false_errors", "untrue")

RAISES = 0.02
"""Points of held-out score from which a cure has helped."""


def planted(rows: Iterable[Row]) -> list[Row]:
    """Trainings whose planted fault is there by measurement."""
    return [row for row in rows if row.kind == "planted" and row.planted_level]


def sound(rows: Iterable[Row]) -> list[Row]:
    """Trainings without a planted fault that end about as good as a linear model, or better."""
    return [row for row in rows if row.kind in ("sound", "twin") and row.trains]


def helped(row: Row) -> bool:
    return row.cured is not None and row.cured - row.score >= RAISES


def figures(rows: list[Row]) -> dict[str, tuple[int, int]]:
    """Each goal's count and total."""
    faulty, healthy = planted(rows), sound(rows)
    heads = [row for row in faulty if row.fault.startswith("wrong_head")]
    findings = [each for row in rows for each in row.findings]
    harmed = [row for row in faulty if row.harmed]
    return {
        "recall": (sum(row.seen for row in faulty), len(faulty)),
        "named": (sum(row.named for row in faulty), len(faulty)),
        "heads": (sum(row.named for row in heads), len(heads)),
        "false_errors": (sum(bool(row.errors) for row in healthy), len(healthy)),
        "untrue": (sum(not each.true for each in findings), len(findings)),
        "cures": (sum(map(helped, harmed)), len(harmed)),
    }


def met(name: str, found: tuple[int, int]) -> bool:
    """Whether a goal is reached."""
    share, goal = found[0] / found[1], GOALS[name][0]
    return share <= goal if name in AT_MOST else share >= goal


def tools(rows: list[Row]) -> dict[str, dict[str, tuple[int, int]]]:
    """Of each tool: faulty trainings with any alarm, with the right name, sound ones with any."""
    faulty, healthy = planted(rows), sound(rows)
    found = {
        "ogive watch, errors and warnings": _tool(
            faulty, healthy, lambda row: {f.fault for f in row.findings}
        ),
        "ogive watch, errors alone": _tool(
            faulty, healthy, lambda row: {f.fault for f in row.errors}
        ),
    }
    for name in sorted({tool for row in rows for tool in row.rules}):
        found[name] = _tool(
            faulty, healthy,
            lambda row, name=name: {  # type: ignore[misc]
                fault for rule in row.rules.get(name, ()) for fault in MEANS.get(rule, (rule,))
            },
        )  # fmt: skip
    return found


def _tool(
    faulty: list[Row], healthy: list[Row], faults: Callable[[Row], set[str]]
) -> dict[str, tuple[int, int]]:
    return {
        "alarmed": (sum(bool(faults(row)) for row in faulty), len(faulty)),
        "named": (sum(row.fault in faults(row) for row in faulty), len(faulty)),
        "false alarms": (sum(bool(faults(row)) for row in healthy), len(healthy)),
    }


def page(rows: list[Row]) -> str:
    """The text of docs/diagnosis.md, whose beginning is written by hand."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip("\n")
    parts = (_figures, _tools, _packages, _faults, _ladders, _unseen, _planted, _sound)
    return "\n\n".join([head, MARK, *(part(rows) for part in parts)]) + "\n"


def publish(rows: list[Row]) -> None:
    """Write both documents, from rows as JSON keeps them."""
    lines = [json.loads(write(replace(row, seconds=0.0, key="", extra={}))) for row in rows]
    rows = read(map(json.dumps, lines))
    PAGE.write_text(page(rows), encoding="utf-8")
    found = {"figures": figures(rows), "tools": tools(rows), "trainings": lines}
    text = json.dumps(found, ensure_ascii=False)
    DATA.write_text(re.sub(r'(\{"kind")', r"\n\1", text) + "\n", encoding="utf-8")


def table(titles: str, lines: Iterable[Iterable[Any]]) -> str:
    """Of Markdown; titles are divided by bars."""
    count = titles.count("|") + 1
    cells = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join([f"| {titles} |", "|" + "---|" * count, *cells])


def share(found: tuple[int, int]) -> str:
    count, total = found
    return f"{count} of {total} ({100 * count / total:.1f} %)" if total else "none"


def _figures(rows: list[Row]) -> str:
    found = figures(rows)
    lines = [
        (words, f"{'at most' if name in AT_MOST else 'at least'} {100 * goal:g} %",
         share(found[name]), "yes" if met(name, found[name]) else "**no**")
        for name, (goal, words) in GOALS.items()
    ]  # fmt: skip
    faulty, healthy = planted(rows), sound(rows)
    harmless = [row for row in faulty if not row.harmed and not row.fault.startswith("wrong_head")]
    own = sum(row.kind == "sound" for row in healthy)
    left = [row for row in rows if row.kind == "sound" and not row.trains]
    called = sum(bool(row.errors) for row in harmless)
    warned = sum(bool(row.findings) for row in healthy)
    notes = [
        f"Of {len(faulty)} planted faults, {len(harmless)} (wrong heads not counted) do no harm to "
        f"the score; of these, {called} are called an error.",
        f"Of {len(healthy)} sound trainings, {own} were written as such, and {len(healthy) - own} "
        f"are sound twins of planted ones; {warned} of them get a warning or more.",
        f"{sum(row.same for row in rows)} of {len(rows)} watched trainings ended with the same "
        "bits as without the monitor.",
    ]
    if left:
        notes.append(
            f"Not counted as sound, by their score: {', '.join(row.name for row in left)} "
            f"({sum(bool(row.errors) for row in left)} with an error)."
        )
    return "## Figures\n\n" + table("| goal | measured | met", lines) + "\n\n" + "\n".join(notes)


def _tools(rows: list[Row]) -> str:
    lines = [
        (name, share(found["alarmed"]), share(found["named"]), share(found["false alarms"]))
        for name, found in tools(rows).items()
    ]
    return "## Beside published rules\n\n" + table(
        "| planted: any alarm | planted: the right name among the alarms | sound: any alarm", lines
    )


def _packages(rows: list[Row]) -> str:
    lines = packages.lines(
        [(f"planted: {row.name}", row.fault) for row in planted(rows)],
        [f"{row.kind}: {row.name}" for row in sound(rows)],
    )
    return PACKAGES + table(
        "| planted: any alarm | planted: the right name among the alarms | sound: any alarm | "
        "ended by an error of the package", lines
    )  # fmt: skip


PACKAGES = (
    "## Beside published packages\n\n"
    "The packages themselves on the same trainings, by `tests/diagnosis/packages.py`, as "
    "their documentation says to use them, with their own settings (torch-audit looks at "
    "every 25th step; its default is every 1000th). Warnings and worse are alarms; torch-"
    "audit's on hardware and the optimiser's settings are left out; neural-observatory and "
    "torchmortem report at the end. An alarm counts as the right name for every fault that it "
    "could mean. trainscope looks for spikes of the loss, and claims no more. Rules above see "
    "functions too and are made from sources: the two tables need not agree.\n\n"
)


def _faults(rows: list[Row]) -> str:
    faulty = planted(rows)
    lines = []
    for fault in dict.fromkeys(row.fault for row in faulty):
        own = [row for row in faulty if row.fault == fault]
        harmed = [row for row in own if row.harmed]
        lines.append(
            (f"`{fault}`", len(own), sum(r.seen for r in own), sum(r.named for r in own),
             f"{sum(map(helped, harmed))} of {len(harmed)}")
        )  # fmt: skip
    return "## By fault\n\n" + table("fault | trainings | found | named first | cured", lines)


def _ladders(rows: list[Row]) -> str:
    lines = []
    for ladder in LADDERS:
        own = [row for row in rows if row.kind == "ladder" and row.fault == ladder.fault]
        if not own:
            continue
        seen = [row for row in own if row.seen]
        rungs = ", ".join(
            f"{row.strength}: {_number(row)}{'' if row.seen else ' (not seen)'}" for row in own
        )
        lines.append((f"`{ladder.fault}`", ladder.what, rungs, seen[-1].strength if seen else "-"))
    return (
        "## Ladders\n\nEach fault in falling strength, with the number measured without the "
        "monitor where it passes the threshold of a warning (else \"-\": by definition there is no "
        "fault).\n\n"
        + table("fault | strength | rungs | weakest seen", lines)
    )  # fmt: skip


def _number(row: Row) -> str:
    if row.fault not in row.labels:
        return "-"
    return f"{row.labels[row.fault]:.2g}" if row.fault in THRESHOLDS else "yes"


def _unseen(rows: list[Row]) -> str:
    lines = []
    for plan, why in UNSEEN:
        row = next((r for r in rows if r.kind == "unseen" and r.name == plan.name), None)
        if row is None:
            continue
        told = ", ".join(f"{f.severity} `{f.fault}`" for f in row.findings) or "nothing"
        lines.append((plan.name, plan.fault, f"{row.score:.2f}", f"{row.twin:.2f}", told, why))
    return "## What is not seen\n\n" + table(
        "training | what is wrong | score | sound twin | watch says | why", lines
    )


def _alarms(row: Row) -> str:
    return "; ".join(f"{tool}: {', '.join(names)}" for tool, names in row.rules.items() if names)


def _planted(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        if row.kind != "planted":
            continue
        first = row.findings[0] if row.findings else None
        told = f"{first.severity} `{first.fault}`" if first else "nothing"
        others = len(row.findings) - 1
        mark = {True: "first", False: "found" if row.seen else "**missed**"}[row.named]
        cured = "-" if row.cured is None else f"{row.cured:.2f}"
        number = _number(row) if row.planted_level else "**not there**"
        rules = "; ".join(
            f"{tool[:1]}: {', '.join(names)}" for tool, names in row.rules.items() if names
        )
        lines.append((
            row.name, f"{row.net}, {row.style}", f"`{row.fault}` {number}",
            f"{row.score:.2f}", f"{row.twin:.2f}",
            told + (f" and {others} more" if others > 0 else ""), mark,
            f"`{row.cure}`" if row.cure else "", cured, rules,
        ))  # fmt: skip
    return "## Planted\n\n" + table(
        "training | network, style | planted, measured | score | sound twin | watch says first | "
        "planted fault is | first cure | cured | published rules", lines,
    )  # fmt: skip


def _sound(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        if row.kind != "sound":
            continue
        told = ", ".join(dict.fromkeys(
            f"{f.severity} `{f.fault}`{'' if f.true else ' (untrue)'}" for f in row.findings
        ))  # fmt: skip
        rules = "; ".join(
            f"{tool[:1]}: {', '.join(names)}" for tool, names in row.rules.items() if names
        )
        lines.append((row.name, f"{row.net}, {row.style}, {row.act}", f"{row.score:.2f}",
                      f"{row.limit:.2f}", told, rules))  # fmt: skip
    return "## Sound\n\n" + table(
        "training | network, style, activation | score | linear model | watch says | "
        "published rules", lines,
    )  # fmt: skip
