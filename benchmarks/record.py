"""From measured times to the figures that are published, as they stand in the JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cells import Cell
from goals import CALL_MICROSECONDS, goal, is_call
from timing import Spread, ratios

SCHEMA = 1
OGIVE = "ogive"
DISTURBED = 0.1
"""Busy cores of others from which a figure is marked."""
COPIES = ("copy", "streaming copy")


@dataclass(frozen=True)
class Against:
    """A peer's time over Ogive's."""

    peer: str
    ratio: Spread
    pairs: int
    goal: float | None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.ratio.median >= self.goal


@dataclass(frozen=True)
class Record:
    """One cell, measured."""

    cell: Cell
    seconds: Spread
    """Of one of Ogive's calls."""
    cores: float
    """Processor time over wall time while Ogive ran: near 1 where two threads shared a core."""
    others: float | None
    """Cores that other processes kept busy meanwhile, where the system tells."""
    peers: tuple[Against, ...]
    copies: dict[str, Spread]
    """Ogive's time over the time to copy as many elements, by kind of store."""

    @property
    def disturbed(self) -> bool:
        return self.others is not None and self.others > DISTURBED

    @property
    def call_met(self) -> bool | None:
        """Whether a call is as cheap as it must be; None where that is not what is measured."""
        return self.seconds.median * 1e6 <= CALL_MICROSECONDS if is_call(self.cell) else None

    def verdicts(self) -> list[bool]:
        found = [self.call_met, *(peer.met for peer in self.peers)]
        return [verdict for verdict in found if verdict is not None]

    def as_json(self) -> dict[str, Any]:
        cell = self.cell
        return {
            "id": cell.id,
            "function": cell.function,
            "kind": cell.kind,
            "mode": cell.mode,
            "output": cell.output,
            "format": cell.format,
            "shape": list(cell.shape),
            "threads": cell.threads,
            "ogive_ns_per_element": self.seconds.median / cell.elements * 1e9,
            "ogive_us_per_call": asdict(scaled(self.seconds, 1e6)),
            "cores_busy": self.cores,
            "cores_busy_with_others": self.others,
            "call_goal_us": CALL_MICROSECONDS if is_call(cell) else None,
            "call_verdict": verdict(self.call_met),
            "times_a_copy": {name: asdict(spread) for name, spread in self.copies.items()},
            "peers": [
                {
                    "peer": peer.peer,
                    "ratio": asdict(peer.ratio),
                    "pairs": peer.pairs,
                    "goal": peer.goal,
                    "verdict": verdict(peer.met),
                }
                for peer in self.peers
            ],
        }


def verdict(met: bool | None) -> str | None:
    return None if met is None else "met" if met else "short"


def scaled(spread: Spread, factor: float) -> Spread:
    return Spread(spread.median * factor, spread.low * factor, spread.high * factor)


def record(
    cell: Cell, times: dict[str, list[float]], cores: list[float], others: float | None = None
) -> Record:
    """The record of a race: `times` of Ogive, of peers and of copies, round by round."""
    own = times[OGIVE]
    peers = [name for name in times if name != OGIVE and name not in COPIES]
    return Record(
        cell=cell,
        seconds=Spread.of(own),
        cores=Spread.of(cores).median,
        others=others,
        peers=tuple(
            Against(name, ratios(times[name], own), len(own), goal(cell, name)) for name in peers
        ),
        copies={name: ratios(own, times[name]) for name in COPIES if name in times},
    )
