"""One training from every side: measured, watched, judged by published rules, and cured."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import ogive

from .cures import cured
from .labels import HURTS, Probe, conclude, is_true, level
from .plan import Plan
from .published import Recorder
from .training import skill_limit, train

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Found:
    """A finding of the monitor."""

    fault: str
    severity: str
    layer: str
    cause: str
    true: bool
    """Whether a measurement without the monitor confirms it."""


@dataclass(kw_only=True)
class Row:
    """A training and what was made of it."""

    kind: str
    """planted, twin, sound, ladder or unseen."""
    name: str
    fault: str
    how: str
    net: str
    style: str
    act: str
    score: float
    limit: float
    """What a linear model scores."""
    labels: dict[str, float]
    """Faults by definition, measured without the monitor, with their numbers."""
    findings: list[Found]
    rules: dict[str, list[str]]
    """Published rules that alarm, by tool."""
    same: bool
    """Whether the watched training ended with the same bits."""
    twin: float | None = None
    """Score of the sound twin."""
    cure: str = ""
    cured: float | None = None
    strength: str = ""
    seconds: float = 0.0
    key: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def harmed(self) -> bool:
        """Whether the fault does harm: by score, or because training ended in no numbers."""
        return self.twin is not None and self.twin - self.score >= HURTS

    @property
    def trains(self) -> bool:
        """Whether the network is about as good as a linear model: nothing hurts it much."""
        return self.score >= self.limit - HURTS

    @property
    def planted_level(self) -> str:
        return level(self.fault, self.labels[self.fault]) if self.fault in self.labels else ""

    @property
    def seen(self) -> bool:
        return any(each.fault == self.fault for each in self.findings)

    @property
    def named(self) -> bool:
        """As the first finding."""
        return bool(self.findings) and self.findings[0].fault == self.fault

    @property
    def errors(self) -> list[Found]:
        return [each for each in self.findings if each.severity == "error"]

    @property
    def untrue(self) -> list[Found]:
        return [each for each in self.findings if not each.true]


def run(plan: Plan, kind: str, twin: float | None = None, cure: bool = False) -> Row:
    """All sides of one training."""
    start = time.perf_counter()
    probe = Probe(plan)
    recorder = Recorder(plan, len(probe.x))

    def before(step: Any) -> None:
        probe.before_step(step)
        recorder.before_step(step)

    def after(step: Any) -> None:
        probe.after_step(step)
        recorder.after_step(step)

    model, score = train(plan, before, after)
    reports: list[Any] = []

    @contextmanager
    def watched(model: Any, optimizer: Any) -> Any:
        with ogive.watch.Monitor(model) as monitor:
            yield
        reports.append(monitor.report())

    again, _ = train(plan, watched=watched)
    report = reports[0]
    assert not report.notes, report.notes
    labels = probe.found
    if not labels.losses and not labels.head:
        labels.head = _never_began(plan, probe)
    same = all(
        torch.equal(a.nan_to_num(), b.nan_to_num())
        for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )
    findings = [
        Found(fault=f.fault, severity=f.severity, layer=f.layer, cause=f.cause,
              true=is_true(labels, f.fault, f.layer))
        for f in report.findings
    ]  # fmt: skip
    row = Row(
        kind=kind, name=plan.name, fault=plan.fault, how=plan.how, net=plan.net, style=plan.style,
        act=plan.act, score=score, limit=skill_limit(plan), labels=conclude(labels),
        findings=findings, rules=recorder.rules(), same=same, twin=twin,
    )  # fmt: skip
    if cure and report.findings:
        row.cure = report.findings[0].cure.code
        better = cured(plan, row.cure)
        if better is not None:
            row.cured = train(better)[1]
    row.seconds = time.perf_counter() - start
    return row


def _never_began(plan: Plan, probe: Probe) -> str:
    """Labels that the loss does not take: torch raises at the first batch."""
    outside = int(probe.y.max()) >= plan.outputs or int(probe.y.min()) < 0
    return "wrong_head/target_range" if outside else ""


# Kept as JSON lines, so that an interrupted run goes on.


def code_digest() -> str:
    """Of the monitor and of what measures: another code is another result."""
    here = Path(__file__).parent
    parts = [*sorted((ROOT / "src/ogive/watch").glob("*.py"))]
    parts += [here / f"{name}.py" for name in ("data", "networks", "training", "labels",
                                               "published", "cures", "rows")]  # fmt: skip
    kept = [part.read_bytes() for part in parts]
    return hashlib.sha256(b"".join(kept)).hexdigest()[:12]


def key_of(plan: Plan, kind: str) -> str:
    return hashlib.sha256(f"{kind} {plan!r}".encode()).hexdigest()[:16]


def write(row: Row) -> str:
    return json.dumps(plain(asdict(row)), allow_nan=False)


def plain(value: Any) -> Any:
    """Numbers as JSON has them: three digits, infinity as a word."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def read(lines: Iterable[str]) -> list[Row]:
    rows = []
    for line in lines:
        found = json.loads(line)
        found["findings"] = [Found(**each) for each in found["findings"]]
        found["labels"] = {key: float(value) for key, value in found["labels"].items()}
        rows.append(Row(**found))
    return rows
