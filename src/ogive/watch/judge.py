"""From measurements to findings: definitions, persistence, harm, cause.

Each rule looks at one check and returns suspicions; a suspicion that was met in 2 of the last 3
checks becomes a finding. What is certain when it is met (a wrong head, labels outside the classes,
a NaN) does not wait.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from . import cures
from .faults import (
    FAULTS,
    OF_CHECKS,
    PERSISTENCE,
    STILL,
    WINDOW_BATCHES,
    WINDOW_SAMPLES,
)
from .heads import Head, HeadStats, calibration
from .layer_stats import (
    Units,
    cosine_after,
    moments_at,
    predicted,
    units_of,
)
from .places import Block, Place
from .records import Finding, Severity
from .view import Key, Memory, Suspicion, Training, View

LONGEST_EPOCH = 1000
"""Steps; a longer epoch does not hold a verdict back."""

SHORT = 10
"""Observed batches that a verdict on units needs when training ends before a window is full."""

HINT = 0.1
"""By which a share must grow to be looked at closely once more."""

DEEP = 3
"""Layers from which sizes are compared from first to last."""

ORDER = [
    "wrong_head/one_unit_softmax", "wrong_head/softmax_twice", "wrong_head/probs_as_logits",
    "wrong_head/target_range", "dead_unit", "saturated_unit", "exploding_gradient",
    "vanishing_gradient", "magnitude_drift", "nan", "over_confidence", "not_centred",
    "dormant_unit", "missing_activation",
]  # fmt: skip
"""Causes before their consequences: which of equally severe findings comes first."""

HARMLESS = ("dead_unit", "saturated_unit", "dormant_unit")
"""Of warnings, these come last: sparse networks may train well."""


def fills(blocks: list[Block], epoch: int) -> bool:
    """Whether blocks that follow each other fill the window of a verdict on units."""
    return (
        sum(each.batches for each in blocks) >= WINDOW_BATCHES
        and sum(each.rows for each in blocks) >= WINDOW_SAMPLES
        and blocks[-1].step - blocks[0].first_step >= min(epoch, LONGEST_EPOCH)
    )


class Finder:
    """Remembers checks, and turns what persists into findings."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.checks: deque[dict[Any, Suspicion]] = deque(maxlen=OF_CHECKS)
        self.since: dict[Any, int] = {}
        self.findings: dict[Any, Finding] = {}
        self.first = Memory()
        self.first_gradients: deque[float] = deque(maxlen=6)
        self.judged = 0
        """Checks."""
        self.answered: dict[Any, float] = {}
        self.rules: frozenset[str] = frozenset(FAULTS)

    def judge(self, view: View) -> list[Finding]:
        """New findings of a check, and those that became more severe."""
        met: dict[Any, Suspicion] = {}
        for each in self._without_consequences([*self._suspicions(view)]):
            if each.fault in self.rules:
                met.setdefault((each.fault, each.key), each)
        if view.again and self.checks:
            self.checks[-1] = met
        else:
            self.checks.append(met)
            self.judged += 1
        told = []
        for key, suspicion in met.items():
            self.since.setdefault(key, view.watch.block_start)
            times = [check[key] for check in self.checks if key in check]
            short = view.final and self.judged <= OF_CHECKS
            if not (suspicion.certain or len(times) >= PERSISTENCE or short):
                continue
            # The severity that persists, not the worst that was met once.
            errors = sum(each.severity == "error" for each in times)
            severe = errors >= min(PERSISTENCE, len(times)) or suspicion.certain
            severity = suspicion.severity if severe else "warn"
            told += self._confirm(view, key, replace_severity(suspicion, severity))
        for key, finding in self.findings.items():
            if key not in met and finding.active and not any(key in c for c in self.checks):
                self.findings[key] = replace(finding, active=False)
        for key in [key for key in self.since if not any(key in c for c in self.checks)]:
            if key not in self.findings:
                del self.since[key]
        return told

    def _without_consequences(self, met: list[Suspicion]) -> list[Suspicion]:
        """What follows from a worse fault of the same check is no fault of its own."""
        severe = {each.fault for each in met if each.severity == "error"}
        units = {each.key for each in met if each.fault in ("dead_unit", "saturated_unit")}
        by_depth = self.first.vanishes and any(each.fault == "vanishing_gradient" for each in met)
        vanishing = next((each for each in met if each.fault == "vanishing_gradient"), None)
        stuck = [e for e in met if e.fault == "saturated_unit" and (e.share or 0) >= 0.5]
        kept = []
        for each in met:
            if each.fault == "dormant_unit" and each.key in units:
                continue
            if stuck and each is vanishing:
                continue  # flat units stop the gradient
            if vanishing is not None and each in stuck:
                each = replace(each, severity=vanishing.severity)
            if each.fault in ("not_centred", "magnitude_drift", "dormant_unit") and severe & {
                "dead_unit", "vanishing_gradient", "exploding_gradient", "saturated_unit"
            }:  # fmt: skip
                continue
            if each.fault == "dead_unit" and by_depth:
                # Where all samples look the same, a unit is off for all of them or for none.
                each = replace(each, severity="warn")
            kept.append(each)
        return kept

    def not_finite(self, view: View) -> list[Finding]:
        """Training has overflowed: what the last check before met is confirmed by that."""
        told = []
        for (fault, key), each in (self.checks[-1] if self.checks else {}).items():
            if fault in ("exploding_gradient", "magnitude_drift") and (each.measured or 0.0) > 1:
                worst = level(fault, each.measured or 0.0)
                told += self._confirm(view, (fault, key), replace(each, severity=worst or "warn"))
        return told

    def _confirm(self, view: View, key: Any, suspicion: Suspicion) -> list[Finding]:
        before = self.findings.get(key)
        if before is not None and before.severity == "error" and suspicion.severity == "warn":
            # It no longer hurts: say so in the report, without an alarm.
            pass
        finding = cures.finding(self.first, view, suspicion, self.since[key])
        self.findings[key] = finding
        worse = before is None or (before.severity == "warn" and finding.severity == "error")
        return [finding] if worse else []

    def certain(self, view_step: int, suspicion: Suspicion, watch: Training) -> Finding | None:
        """A finding that does not come from a check: a NaN, a label outside the classes."""
        key = suspicion.fault, suspicion.key
        if key in self.findings or suspicion.fault not in self.rules:
            return None
        view = View(watch=watch, heads={}, losses=[])
        self.since.setdefault(key, view_step)
        self.findings[key] = cures.finding(self.first, view, suspicion, view_step)
        return self.findings[key]

    def _suspicions(self, view: View) -> Iterator[Suspicion]:
        for rule in (_heads, _structure, _units, _depth, _centre, _confidence):
            yield from rule(self, view)


def replace_severity(suspicion: Suspicion, severity: Severity) -> Suspicion:
    return replace(suspicion, severity=severity)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Active ones first, errors before warnings, causes before consequences."""
    return sorted(
        findings,
        key=lambda f: (
            not f.active, f.severity != "error",
            f.severity == "warn" and f.fault in HARMLESS and (f.share or 0.0) < 0.5,
            # Sizes that drifted in training drifted for a reason, which comes first.
            f.fault == "magnitude_drift" and f.cause == "training",
            ORDER.index(f.fault), -(f.share or 0.0), f.since_step,
        ),
    )  # fmt: skip


def level(fault: str, value: float) -> Severity | None:
    """What the thresholds say of a number."""
    known = FAULTS[fault]
    if known.warn is None or known.error is None or math.isnan(value):
        return None
    sign = 1 if known.above else -1
    if sign * value >= sign * known.error:
        return "error"
    return "warn" if sign * value >= sign * known.warn else None


def threshold(fault: str, severity: Severity) -> float | None:
    return FAULTS[fault].error if severity == "error" else FAULTS[fault].warn


# Units.


def _units(finder: Finder, view: View) -> Iterator[Suspicion]:
    for key, place in view.hidden():
        window = view.watch.window(key)
        block, units = window.block, window.units
        if units is None:
            continue
        if key not in finder.first.dead:
            first = units_of(place, view.watch.blocks[key][0])
            for name in ("dead", "saturated", "dormant"):
                getattr(finder.first, name)[key] = first.share(name) if first else 0.0
        _look_closer(finder, view, key, place)
        if not window.whole and not (view.final and block.batches >= SHORT):
            continue
        for fault, name in (
            ("dead_unit", "dead"), ("saturated_unit", "saturated"), ("dormant_unit", "dormant")
        ):  # fmt: skip
            share = units.share(name)
            severity = level(fault, share)
            if severity is None or len(units.active) < 2:
                continue
            if severity == "error" and not _units_hurt(view, fault, share):
                severity = "warn"
            yield Suspicion(
                fault, key, place, severity, share, threshold(fault, severity), None, share,
                evidence=_unit_evidence(view, key, place, units, block),
                facts={"units": units, "block": block},
            )  # fmt: skip


def _look_closer(finder: Finder, view: View, key: Key, place: Place) -> None:
    """Where the last few batches hint at a fault, the next steps are all looked at, so that the
    window fills. A hint that a close look has answered must grow to ask for another."""
    units = view.watch.recent_units(key)
    if units is None or len(units.active) < 2:
        return
    for fault, name in (("dead_unit", "dead"), ("saturated_unit", "saturated")):
        share = units.share(name)
        known = finder.answered.get((fault, key), 0.0)
        if level(fault, share) is not None and share > known + HINT:
            finder.answered[fault, key] = share
            view.watch.look_closer(place)


def _units_hurt(view: View, fault: str, share: float) -> bool:
    if fault == "dead_unit":
        # Where nothing goes round a dead layer, the network is constant.
        return view.stalls(0.8) or (share >= 1 and (view.skill is None or view.skill < 0.1))
    if fault == "saturated_unit":
        return view.stalls(0.5)
    return view.stalls(0.2)


def _unit_evidence(
    view: View, key: Key, place: Place, units: Units, block: Block
) -> dict[str, float | str | None]:
    found: dict[str, float | str | None] = {
        "units": float(len(units.active)),
        "batches": float(block.batches),
        "samples": float(block.rows),
        "mean of z": float(np.mean(units.mean)),
        "standard deviation of z": float(np.mean(units.spread)),
    }
    if block.units is not None:
        found["mean square of z"] = float(block.units[6].sum() / block.count / block.units.shape[1])
    before = _before(view, place)
    if before is not None:
        said = predicted(place, block, before[1], view.latest[before[0]])
        if said:
            found["mean square of z, predicted"] = said["predicted_mean_square"]
    if view.skill is not None:
        found["skill"] = view.skill
    return found


def _before(view: View, place: Place) -> tuple[Key, Place] | None:
    """The activation whose output a layer takes."""
    source = place.source
    if source is None or source.key not in view.latest:
        return None
    return source.key, source


# Depth.


def _depth(finder: Finder, view: View) -> Iterator[Suspicion]:
    chain = view.chain()
    if len(chain) < DEEP:
        return
    first, last = chain[0], chain[-1]
    g_first, g_last = view.gradient(first[0]), view.gradient(last[0])
    said = predicted_log_ratio(view, chain)
    if finder.judged == 0:
        finder.first.ratio = said
        if 0 < g_first < math.inf and 0 < g_last < math.inf and not _dead_layer(view):
            finder.first.measured = math.log10(g_first / g_last)
    # A dead layer stops gradients, but not where depth had stopped them from the start.
    blocked = _dead_layer(view) and not finder.first.vanishes
    if g_last > 0 and math.isfinite(g_last) and math.isfinite(g_first):
        ratio = g_first / g_last
        yield from _vanishing(finder, view, chain, ratio, said, blocked)
        yield from _exploding(finder, view, chain, ratio, said)
        finder.first_gradients.append(g_first)
    yield from _drift(finder, view)


def _dead_layer(view: View) -> bool:
    for key, place in view.hidden():
        units = units_of(place, view.latest[key])
        if units is not None and units.share("dead") >= 0.95:
            return True
    return False


def _vanishing(
    finder: Finder, view: View, chain: list[tuple[Key, Place]], ratio: float,
    said: float | None, blocked: bool,
) -> Iterator[Suspicion]:  # fmt: skip
    severity = level("vanishing_gradient", ratio)
    if severity is None or blocked:
        return
    early = chain[: max(1, len(chain) // 3)]
    updates = [u for key, _ in early if (u := view.latest[key].update_ratio) is not None]
    # An adaptive optimizer moves weights by its rate whatever the gradient's size: then noise
    # moves them, which shows in a network that learns nothing.
    still = bool(updates) and float(np.median(updates)) < STILL
    if not (still or view.stalls(0.1)):
        return
    if severity == "error" and not view.stalls(0.5):
        severity = "warn"
    yield Suspicion(
        "vanishing_gradient", "depth", chain[0][1], severity, ratio,
        threshold("vanishing_gradient", severity), None if said is None else 10**said,
        evidence=_depth_evidence(view, chain, updates),
        facts={"chain": chain, "said": said},
    )  # fmt: skip


def _exploding(
    finder: Finder, view: View, chain: list[tuple[Key, Place]], ratio: float, said: float | None
) -> Iterator[Suspicion]:
    severity = level("exploding_gradient", ratio)
    past = [*finder.first_gradients][-5:]
    grows = len(past) == 5 and all(
        b > 2 * a > 0 for a, b in zip(past, [*past[1:], view.gradient(chain[0][0])], strict=True)
    )
    if grows:
        severity = "error"
    if severity is None:
        return
    if severity == "error" and not view.stalls(0.5):
        severity = "warn"
    if severity == "warn" and (view.skill or 0.0) >= 0.8:
        return  # a trained network answers more strongly than a fresh one
    yield Suspicion(
        "exploding_gradient", "depth", chain[0][1], severity, ratio,
        threshold("exploding_gradient", severity), None if said is None else 10**said,
        evidence=_depth_evidence(view, chain, []),
        facts={"chain": chain, "said": said, "grows": grows},
    )  # fmt: skip


def _drift(finder: Finder, view: View) -> Iterator[Suspicion]:
    sizes = []
    for key, place in view.hidden():
        block = view.latest[key]
        if place.gate or block.units is None or place.number:
            continue
        k = float(block.units[6].sum() / block.count / block.units.shape[1])
        sizes.append((key, place, k))
    if len(sizes) < DEEP or sizes[0][2] <= 0 or not math.isfinite(sizes[-1][2]):
        return
    ratio = sizes[-1][2] / sizes[0][2]
    if ratio <= 0:
        return
    apart = max(ratio, 1 / ratio)
    if finder.judged == 0:
        finder.first.apart = apart
    severity = level("magnitude_drift", apart)
    if severity is None or (view.skill or 0.0) >= 0.8:
        return  # learnt, not drifted
    if severity == "error" and not view.stalls(0.5):
        severity = "warn"
    steps = [(b[2] / a[2], b[1]) for a, b in pairwise(sizes) if a[2] > 0]
    worst = max(steps, key=lambda pair: abs(math.log(max(pair[0], 1e-300))))
    yield Suspicion(
        "magnitude_drift", "depth", sizes[-1][1], severity, ratio,
        threshold("magnitude_drift", severity),
        evidence={
            "K of the first hidden layer": sizes[0][2], "K of the last": sizes[-1][2],
            "largest step": worst[0], "at": worst[1].layer,
        },
        facts={"chain": view.chain(), "ratio": ratio},
    )  # fmt: skip


def _depth_evidence(
    view: View, chain: list[tuple[Key, Place]], updates: list[float]
) -> dict[str, float | str | None]:
    found: dict[str, float | str | None] = {
        "layers": float(len(chain)),
        "|dL/dz|, first layer": view.gradient(chain[0][0]),
        "|dL/dz|, last layer": view.gradient(chain[-1][0]),
    }
    if updates:
        found["update / weight, early layers"] = float(np.median(updates))
    chis = [chi for _, chi in _chis(view, chain)]
    if chis:
        found["chi per layer, predicted"] = float(np.exp(np.mean(np.log(np.maximum(chis, 1e-30)))))
    if view.skill is not None:
        found["skill"] = view.skill
    return found


def _chis(view: View, chain: list[tuple[Key, Place]]) -> Iterator[tuple[Place, float]]:
    for key, place in chain[1:]:
        before = _before(view, place)
        if before is None:
            continue
        said = predicted(place, view.latest[key], before[1], view.latest[before[0]])
        if said:
            yield place, said["predicted_chi"]


def predicted_log_ratio(view: View, chain: list[tuple[Key, Place]]) -> float | None:
    """log10 of |dL/dz| first over last, from weights and activations; None where a part of the
    chain cannot be predicted."""
    chis = list(_chis(view, chain))
    if len(chis) < len(chain) - 1:
        return None
    return sum(math.log10(max(chi, 1e-30)) for _, chi in chis) / 2


# Centres.


def _centre(finder: Finder, view: View) -> Iterator[Suspicion]:
    for key, place in view.hidden():
        block = view.latest[key]
        if place.gate or block.cosine is None or block.units is None or place.number:
            continue
        severity = level("not_centred", block.cosine)
        if severity is None:
            continue
        if not view.stalls(0.1):
            # Samples that the head tells apart are not collapsed.
            continue
        n = block.count * block.units.shape[1]
        mean, square = block.units[2].sum() / n, block.units[3].sum() / n
        off = abs(mean) / math.sqrt(square) if square > 0 else 0.0
        own = moments_at(place.name, (), 1.0)
        own_off = abs(own[0]) / math.sqrt(own[1]) if own and own[1] > 0 else None
        seen = view.watch.inputs.get(_input_key(place, view), {})
        expected = None
        if place.source is None and seen:
            expected = cosine_after(place.name, round(seen["cosine"], 2), 1.0)
        yield Suspicion(
            "not_centred", "depth", place, severity, block.cosine,
            threshold("not_centred", severity), expected,
            evidence={
                "|mean| / rms": off, "|mean| / rms of the activation itself": own_off,
                "cosine of the data": seen.get("cosine"), "mean of the data": seen.get("mean"),
                "rms of the data": seen.get("rms"),
            },
            facts={"input": seen, "chain": view.chain()},
        )  # fmt: skip
        return


def _input_key(place: Place, view: View) -> Any:
    return next(iter(view.watch.inputs), place.key)


# Structure and heads.


def _structure(finder: Finder, view: View) -> Iterator[Suspicion]:
    for (a, b), each in view.watch.structure.items():
        first, second = each
        if first.activation is not None or not first.units or not second.units:
            continue
        if first.units < min(first.fan_in or first.units, second.units):
            continue  # of low rank on purpose
        yield Suspicion(
            "missing_activation", (a, b), first, "warn",
            evidence={"first": a, "second": b},
            facts={"second": second},
        )  # fmt: skip


def head_suspicion(
    fault: str, head: Head, severity: Severity, why: str, **evidence: float | str | None
) -> Suspicion:
    return Suspicion(
        fault, head.name, head.activated or head.place, severity, certain=True,
        evidence={"loss": head.name, **evidence}, facts={"why": why, "head": head},
    )  # fmt: skip


def _heads(finder: Finder, view: View) -> Iterator[Suspicion]:
    for name, head in view.watch.heads.items():
        stats = view.heads.get(name)
        if stats is None:
            continue
        yield from head_faults(head, stats)


def head_faults(head: Head, stats: HeadStats) -> Iterator[Suspicion]:
    """What is wrong with a loss for certain."""
    takes, rows = head.loss.takes, head.loss.rows
    activated = head.activated.name if head.activated is not None else ""
    if (rows and head.classes == 1) or head.only:
        yield head_suspicion("wrong_head/one_unit_softmax", head, "error", "one")
        return
    if head.twice or (takes == "logits" and rows and head.softmax == "softmax"):
        yield head_suspicion("wrong_head/softmax_twice", head, "error", "softmax")
    elif takes == "logits" and not rows and activated in ("sigmoid", "hard_sigmoid"):
        yield head_suspicion("wrong_head/softmax_twice", head, "error", "sigmoid")
    elif takes == "logits" and not rows and head.softmax == "softmax":
        yield head_suspicion("wrong_head/probs_as_logits", head, "error", "softmax to sigmoid")
    elif takes == "logits" and rows and activated in ("sigmoid", "hard_sigmoid"):
        yield head_suspicion("wrong_head/probs_as_logits", head, "error", "sigmoid to softmax")
    elif takes == "logits" and (head.softmax == "log_softmax" or activated == "log_sigmoid"):
        # log_softmax of a log_softmax is itself; of log_sigmoid it is not.
        harmless = rows and head.softmax == "log_softmax"
        yield head_suspicion("wrong_head/probs_as_logits", head,
                             "warn" if harmless else "error", "log-probabilities")  # fmt: skip
    elif takes == "logits" and rows and head.normalised >= 3:
        yield head_suspicion("wrong_head/softmax_twice", head, "error", "by value")
    elif takes == "log-probabilities" and (head.softmax == "softmax" or head.normalised >= 3):
        yield head_suspicion("wrong_head/probs_as_logits", head, "error", "softmax to nll")
    elif takes == "log-probabilities" and not head.softmax and head.unnormalised >= 3:
        yield head_suspicion("wrong_head/probs_as_logits", head, "error", "logits to nll")
    else:
        yield from _range_faults(head, stats, activated)


def _range_faults(head: Head, stats: HeadStats, activated: str) -> Iterator[Suspicion]:
    takes, rows = head.loss.takes, head.loss.rows
    if stats.outside:
        yield head_suspicion("wrong_head/target_range", head, "error", "labels",
                             labels=float(stats.outside), classes=float(head.classes))  # fmt: skip
        return
    low, high = stats.lowest_target, stats.highest_target
    if not rows and takes != "values" and low is not None and high is not None:
        if low < 0 or high > 1:
            yield head_suspicion("wrong_head/target_range", head, "error", "not 0 to 1",
                                 lowest=low, highest=high)  # fmt: skip
        elif takes == "logits" and activated and _lowest(head) >= 0 and low < 0.5:
            yield head_suspicion("wrong_head/target_range", head, "error", "logits above 0")
        elif takes == "logits" and activated in ("tanh", "softsign", "hard_tanh"):
            yield head_suspicion("wrong_head/target_range", head, "error", "bounded logits")
        return
    if rows and takes == "logits" and activated in ("tanh", "softsign", "hard_tanh"):
        yield head_suspicion("wrong_head/target_range", head, "error", "bounded logits")
        return
    if rows and takes == "logits" and activated in ("relu", "relu6"):
        yield head_suspicion("wrong_head/target_range", head, "warn", "logits above 0")
        return
    if takes != "values" or stats.targets is None or not len(stats.targets):
        return
    bottom, top = (0.0, 1.0) if head.softmax == "softmax" else _range(head)
    margin = 1e-3 * max(1.0, top - bottom if math.isfinite(top - bottom) else 1.0)
    out = (stats.targets < bottom - margin) | (stats.targets > top + margin)
    if float(out.mean()) >= 0.01:
        yield head_suspicion(
            "wrong_head/target_range", head, "error", "out of range", lowest=low, highest=high,
            bottom=bottom, top=top, share=float(out.mean()),
        )  # fmt: skip


def _range(head: Head) -> tuple[float, float]:
    activation = head.activated.activation if head.activated is not None else None
    if activation is None or activation.card.claims is None:
        return -math.inf, math.inf
    if activation.name == "hard_tanh":
        return (
            activation.parameters.get("min_val", -1.0), activation.parameters.get("max_val", 1.0)
        )  # fmt: skip
    if activation.name == "elu":
        return -activation.parameters.get("alpha", 1.0), math.inf
    return activation.card.claims.range


def _lowest(head: Head) -> float:
    return _range(head)[0]


def _confidence(finder: Finder, view: View) -> Iterator[Suspicion]:
    for name, head in view.watch.heads.items():
        stats = view.heads.get(name)
        if stats is None:
            continue
        if head.format in ("float16", "bfloat16") and stats.largest > 1e4:
            yield Suspicion(
                "over_confidence", name, head.place, "error", stats.largest, 1e4,
                evidence={"largest logit": stats.largest, "format": head.format},
                facts={"why": "format"},
            )  # fmt: skip
            continue
        if stats.confidence is not None and finder.first.surer is None:
            finder.first.surer = float((stats.confidence - stats.correct).mean())
        if stats.confidence is None or len(stats.confidence) < 500 or head.softmax == "softmax":
            continue
        error, above = calibration(stats.confidence, stats.correct)
        severity = level("over_confidence", min(error, above))
        if severity is None:
            continue
        yield Suspicion(
            "over_confidence", name, head.place, severity, error,
            threshold("over_confidence", severity),
            evidence={
                "mean confidence": float(stats.confidence.mean()), "accuracy": stats.accuracy,
                "largest logit": stats.largest,
            },
            facts={"why": "calibration"},
        )  # fmt: skip
