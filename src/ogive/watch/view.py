"""One check of one training, as the rules of judgement and the words of findings see it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .heads import Head, HeadStats
from .layer_stats import Units
from .places import Block, Place
from .records import Severity

Key = tuple[str, int, str, int, str]
"""Of a place."""


@dataclass(frozen=True)
class Window:
    """What a verdict on units is based on."""

    block: Block
    whole: bool
    """Whether it spans as much as a verdict needs."""
    units: Units | None


class Training(Protocol):
    """One model's training: see `ogive.watch.model`."""

    name: str
    steps: int
    block_start: int
    alone: bool
    """Whether no other model is watched: then every loss is this model's."""
    rate: float | None
    optimizer: str
    epoch: int
    blocks: dict[Key, deque[Block]]
    heads: dict[str, Head]
    inputs: dict[Key, dict[str, float]]
    structure: dict[tuple[str, str], tuple[Place, Place]]
    skills: list[tuple[int, float | None, float | None]]
    history: dict[Key, list[Any]]
    maps: dict[Key, list[Any]]
    first_blocks: dict[Key, Block]

    def judged(self) -> list[tuple[Key, Place]]: ...
    def window(self, key: Key) -> Window: ...
    def recent_units(self, key: Key) -> Units | None: ...
    def look_closer(self, place: Place) -> None: ...
    def beside(self, places: list[Place]) -> bool: ...


class Memory:
    """What is remembered of the first checks."""

    def __init__(self) -> None:
        self.dead: dict[Key, float] = {}
        """Share of dead units; the next two are of the other kinds."""
        self.saturated: dict[Key, float] = {}
        self.dormant: dict[Key, float] = {}
        self.ratio: float | None = None
        """log10 of |dL/dz|, first layer over last, as the first weights predict it."""
        self.measured: float | None = None
        """The same ratio, measured in the first step; None where a layer was dead already."""
        self.apart: float | None = None
        """K of the first hidden layer and of the last, the larger over the smaller."""
        self.surer: float | None = None
        """Mean confidence of the first batch, minus accuracy."""

    @property
    def vanishes(self) -> bool:
        """Whether gradients vanished from the start: as the first weights predict it, or as it was
        measured where they do not tell."""
        if self.ratio is not None:
            return self.ratio <= -2
        return self.measured is not None and self.measured <= -2


@dataclass
class View:
    """One check of one model."""

    watch: Training
    heads: Mapping[str, HeadStats | None]
    losses: list[float]
    final: bool = False
    """Training is over: a window that is not full is judged as it is."""
    again: bool = False
    """Nothing was looked at since the last check."""

    def __post_init__(self) -> None:
        self.step = self.watch.steps
        self.places = self.watch.judged()
        self.latest = {key: self.watch.blocks[key][-1] for key, _ in self.places}

    def hidden(self) -> Iterator[tuple[Key, Place]]:
        """Activations inside the model."""
        for key, place in self.places:
            if place.activation is not None and not (place.head or place.by_hand):
                yield key, place

    def chain(self) -> list[tuple[Key, Place]]:
        """Layers whose gradient is known, in the order of the forward pass."""
        return [
            (key, place)
            for key, place in self.places
            if self.latest[key].gradient_square is not None and self.latest[key].batches
        ]

    def gradient(self, key: Key) -> float:
        block = self.latest[key]
        return math.sqrt(max(0.0, (block.gradient_square or 0.0) / max(1, block.batches)))

    # How training goes.

    @property
    def skill(self) -> float | None:
        known = [s for _, s, _ in self.watch.skills[-2:] if s is not None]
        return float(np.mean(known)) if known else None

    def stalls(self, limit: float) -> bool:
        """Whether the network is no better than the limit, and does not get there."""
        if not self.watch.alone:
            return False  # the loss of an adversary does not fall
        skill, past = self.skill, self.watch.skills
        if skill is not None:
            if skill >= limit:
                return False
            # Worse than the best constant is not better than it, by how much it ever is.
            known = [max(s, 0.0) for _, s, _ in past if s is not None]
            return len(known) > 3 and known[-1] - min(known[-4:-1]) < 0.03
        losses = [loss for _, _, loss in past if loss is not None and math.isfinite(loss)]
        if len(losses) < 4:
            return False
        return losses[0] - losses[-1] < 0.05 * abs(losses[0])


@dataclass
class Suspicion:
    """A fault met at one check."""

    fault: str
    key: Any
    place: Place | None
    severity: Severity
    measured: float | None = None
    threshold: float | None = None
    predicted: float | None = None
    share: float | None = None
    certain: bool = False
    evidence: dict[str, float | str | None] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """For the cause and the cure."""
