"""What goes into a loss: logits or probabilities, reachable targets, and how well training goes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .functions import Loss
from .places import Floats, Place

ENTRIES, ROWS = 65536, 1024
"""Of a batch that are kept until the check."""

RECENT = 20
"""Batches over which confidence is compared with accuracy."""

BINS = 15
"""Of confidence, for the calibration error."""


@dataclass(frozen=True)
class LossSeen:
    """One call of a loss."""

    name: str
    loss: Loss
    given: Tensor
    target: Tensor
    softmax: str
    """softmax or log_softmax, whose output it is given."""
    only: bool
    """That softmax was over one entry."""
    twice: bool
    """A softmax of a softmax."""
    softened: str
    """Path of the softmax's module."""
    activated: Place | None
    """The activation whose output it is given."""
    place: Place | None
    options: Mapping[str, Any]


@dataclass
class Head:
    """One loss of a model, followed through training."""

    name: str
    loss: Loss
    softmax: str = ""
    only: bool = False
    twice: bool = False
    softened: str = ""
    activated: Place | None = None
    place: Place | None = None
    ignore: float = -100.0
    smoothing: float = 0.0
    classes: int = 0
    kept: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    format: str = ""
    # Over the whole training, for the best constant prediction.
    counts: Floats | None = None
    sums: Floats | None = None
    batches: int = 0
    normalised: int = 0
    """Batches in a row whose rows were distributions."""
    log_normalised: int = 0
    unnormalised: int = 0
    labels: list[Tensor] = field(default_factory=list)
    """Of all rows, for the counts of classes."""
    recent: deque[tuple[Floats, Any]] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Confidence and whether it was right, of the last batches."""

    def add(self, seen: LossSeen) -> None:
        """Keep a batch's entries, or evenly chosen ones."""
        self.softmax, self.only, self.twice = seen.softmax, seen.only, seen.twice
        self.activated, self.place, self.softened = seen.activated, seen.place, seen.softened
        self.ignore = float(seen.options.get("ignore_index", -100) or -100)
        self.smoothing = float(seen.options.get("label_smoothing", 0.0) or 0.0)
        self.format = str(seen.given.dtype).removeprefix("torch.")
        given, target = seen.given.detach(), seen.target.detach()
        if seen.loss.rows:
            given, target = _class_rows(given, target)
            self.classes = given.shape[-1]
            limit = min(ROWS, max(1, ENTRIES // max(1, self.classes)))
            if target.dim() == 1:
                each = target[:: math.ceil(len(target) / ENTRIES)]
                self.labels.append(each.to(torch.float32, copy=True))
        else:
            if given.shape != target.shape:
                target = target.expand_as(given) if target.numel() == 1 else target
                if target.numel() != given.numel():
                    return  # broadcast against each other
                target = target.reshape(given.shape)
            given, target = _entry_rows(given), _entry_rows(target)
            limit = ROWS
        if len(given) > limit:
            rows = _spread(len(given), limit).to(given.device)
            given, target = given[rows], target[rows]
        self.kept.append((given.to(torch.float32, copy=True), target.to(torch.float32, copy=True)))

    def collect(self) -> dict[str, Tensor]:
        """What was kept since the last check, still on its device."""
        found: dict[str, Tensor] = {}
        for at, (given, target) in enumerate(self.kept):
            found[f"given {at}"], found[f"target {at}"] = given, target
        if self.labels:
            found["labels"] = torch.cat(self.labels)
        self.kept.clear()
        self.labels.clear()
        return found

    def conclude(self, found: Mapping[str, Floats]) -> HeadStats | None:
        """Numbers of the batches since the last check."""
        pairs = [
            (found[f"given {at}"], found[f"target {at}"])
            for at in range(len(found))
            if f"given {at}" in found
        ]
        if not pairs:
            return None
        self.batches += len(pairs)
        if "labels" in found and 1 < self.classes <= 200_000:
            self._count(found["labels"])
        return self._classes(pairs) if self.loss.rows else self._entries(pairs)

    def _count(self, labels: Floats) -> None:
        label = labels[(labels != self.ignore) & (labels >= 0) & (labels < self.classes)]
        counts = np.bincount(label.astype(np.int64), minlength=self.classes).astype(np.float64)
        self.counts = counts if self.counts is None else self.counts + counts

    def _classes(self, pairs: list[tuple[Floats, Floats]]) -> HeadStats:
        classes = self.classes
        loss, hits, confidence, correct, outside = 0.0, 0.0, [], [], 0
        rows = 0
        largest = 0.0
        for z, target in pairs:
            self._forms(z)
            with np.errstate(all="ignore"):
                finite = np.isfinite(z).all(axis=1)
            soft = target.ndim == 2
            if soft:
                label = target.argmax(axis=1)
                valid = finite
            else:
                label = target.astype(np.int64)
                counted = target != self.ignore
                outside += int(((label < 0) | (label >= classes))[counted].sum())
                valid = counted & finite & (label >= 0) & (label < classes)
            z, label = z[valid], label[valid]
            if not len(z):
                continue
            largest = max(largest, float(np.abs(z).max()))
            if self.loss.takes == "logits":
                top = z.max(axis=1, keepdims=True)
                log_p = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
            else:
                log_p = z
            at = np.arange(len(z))
            if soft:
                loss += float(-(target[valid] * log_p).sum())
            else:
                loss += float(-log_p[at, label].sum())
            guess = z.argmax(axis=1)
            right = guess == label
            hits += float(right.sum())
            # What is given as a log-probability may be none, and above 0.
            confidence.append(np.exp(np.minimum(log_p[at, guess], 0.0)))
            correct.append(right)
            rows += len(z)
            if soft:
                self._count(label.astype(np.float64))
        if not rows:
            return HeadStats(outside=outside, rows=0)
        constant = _constant_loss(self.counts) if self.counts is not None else None
        self.recent.extend(zip(confidence, correct, strict=True))
        sure = np.concatenate([each for each, _ in self.recent])
        right_all = np.concatenate([each for _, each in self.recent])
        return HeadStats(
            rows=rows,
            loss=loss / rows,
            skill=1 - loss / rows / constant if constant and constant > 1e-6 else None,
            accuracy=hits / rows,
            majority=float(self.counts.max() / self.counts.sum())
            if self.counts is not None
            else None,
            confidence=sure,
            correct=right_all,
            largest=largest,
            outside=outside,
        )

    def _forms(self, z: Floats) -> None:
        """Whether rows are distributions, or their logarithms."""
        if z.shape[1] < 2 or not np.isfinite(z).all():
            self.normalised = self.log_normalised = self.unnormalised = 0
            return
        distribution = bool((z >= 0).all() and (np.abs(z.sum(axis=1) - 1) < 1e-4).all())
        with np.errstate(all="ignore"):
            total = np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)) + z.max(axis=1)
        log = bool((z <= 1e-6).all() and (np.abs(total) < 1e-3).all())
        self.normalised = self.normalised + 1 if distribution else 0
        self.log_normalised = self.log_normalised + 1 if log else 0
        apart = bool((np.abs(total) > 0.01).mean() > 0.99)
        self.unnormalised = self.unnormalised + 1 if apart else 0

    def _entries(self, pairs: list[tuple[Floats, Floats]]) -> HeadStats | None:
        if len({each.shape[1] for pair in pairs for each in pair}) != 1:
            pairs = [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in pairs]
        given = np.concatenate([a for a, _ in pairs])
        target = np.concatenate([b for _, b in pairs])
        kept = np.isfinite(given).all(axis=1) & np.isfinite(target).all(axis=1)
        given, target = given[kept], target[kept]
        if not len(given):
            return HeadStats(rows=0)
        sums = np.stack((target.sum(0), (target**2).sum(0), np.full(target.shape[1], len(target))))
        same = self.sums is not None and self.sums.shape == sums.shape
        self.sums = self.sums + sums if same and self.sums is not None else sums
        mean, count = self.sums[0] / self.sums[2], self.sums[2]
        spread = np.maximum(self.sums[1] / count - mean**2, 0)
        accuracy = majority = None
        if self.loss.takes == "values":
            absolute = self.name in ("l1_loss", "smooth_l1_loss", "huber_loss")
            loss = float(np.abs(given - target).mean() if absolute
                         else ((given - target) ** 2).mean())  # fmt: skip
            constant = float(np.abs(target - mean).mean() if absolute else spread.mean())
        else:
            with np.errstate(all="ignore"):
                if self.loss.takes == "logits":
                    each = np.maximum(given, 0) - given * target + np.log1p(np.exp(-np.abs(given)))
                    guess = given > 0
                else:
                    p = np.clip(given, 1e-12, 1 - 1e-12)
                    each = -target * np.log(p) - (1 - target) * np.log1p(-p)
                    guess = given > 0.5
            loss = float(each.mean())
            rate = np.clip(mean, 1e-12, 1 - 1e-12)
            constant = float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)).mean())
            if ((target == 0) | (target == 1)).all():
                accuracy = float((guess == (target > 0.5)).mean())
                majority = float(np.maximum(mean, 1 - mean).mean())
        scale = float((self.sums[1] / count).mean())
        known = constant > 1e-6 * max(scale, 1e-12) and constant > 1e-9
        return HeadStats(
            rows=len(given),
            loss=loss,
            skill=1 - loss / constant if known else None,
            accuracy=accuracy,
            majority=majority,
            largest=float(np.abs(given).max()),
            lowest_target=float(target.min()),
            highest_target=float(target.max()),
            targets=target.ravel(),
        )


@dataclass(frozen=True, kw_only=True)
class HeadStats:
    """A loss between two checks."""

    rows: int
    loss: float | None = None
    skill: float | None = None
    accuracy: float | None = None
    majority: float | None = None
    """Accuracy of the best constant prediction."""
    confidence: Floats | None = None
    correct: Any = None
    largest: float = 0.0
    outside: int = 0
    """Labels that are no class."""
    lowest_target: float | None = None
    highest_target: float | None = None
    targets: Floats | None = None


def calibration(confidence: Floats, correct: Floats) -> tuple[float, float]:
    """Expected calibration error over 15 bins, and mean confidence minus accuracy."""
    at = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(at, confidence - correct, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence)), float((confidence - correct).mean())


def _constant_loss(counts: Floats) -> float | None:
    """Cross-entropy of the best constant prediction, each label predicted from the others.

    Where labels are few beside the classes, their entropy would promise what no constant reaches.
    """
    seen, total = counts[counts > 0], counts.sum()
    if total < 2:
        return None
    p = (seen - 0.5) / (total - 1 + 0.5 * len(counts))
    return float(-(seen * np.log(p)).sum() / total)


def _spread(count: int, wanted: int) -> Tensor:
    """So many of the numbers below count, spread without a period: rows of a batch have one."""
    step = max(1, round(count * 0.6180339887))
    while math.gcd(step, count) > 1:
        step += 1
    return torch.arange(wanted) * step % count


def _class_rows(given: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if given.dim() == 1:
        return given.unsqueeze(0), target.reshape(1, -1) if target.dim() else target.reshape(1)
    soft = target.is_floating_point() and target.shape == given.shape
    classes = given.shape[1]
    rows = given.movedim(1, -1).reshape(-1, classes)
    if soft:
        return rows, target.movedim(1, -1).reshape(-1, classes)
    return rows, target.reshape(-1)


def _entry_rows(entries: Tensor) -> Tensor:
    rows = entries.reshape(len(entries), -1) if entries.dim() > 1 else entries.reshape(-1, 1)
    most = max(1, ENTRIES // min(len(rows), ROWS))
    stride = math.ceil(rows.shape[1] / most)
    return rows[:, ::stride]
