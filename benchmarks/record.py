"""Turns measured times into the figures that are published as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cells import Cell
from goals import CALL_MICROSECONDS, goal, is_call
from timing import Spread, ratios

SCHEMA = 2
OGIVE = "ogive"
DISTURBED = 0.1
"""A figure is marked if other processes kept at least this many cores busy."""
COPIES = ("copy", "streaming copy")


@dataclass(frozen=True)
class Against:
    """The ratio of a peer's time to Ogive's, and its goal."""

    peer: str
    ratio: Spread
    pairs: int
    goal: float | None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.ratio.median >= self.goal


@dataclass(frozen=True)
class Record:
    """The measurement of one cell."""

    cell: Cell
    seconds: Spread
    """Time of one call of Ogive."""
    cores: float
    """Processor time over wall time while Ogive ran: near 1 where two threads shared a core."""
    others: float | None
    """Cores that other processes kept busy meanwhile; None if the system does not report it."""
    peers: tuple[Against, ...]
    copies: dict[str, Spread]
    """Ogive's time over the time to copy the same number of elements, by kind of store."""

    @property
    def disturbed(self) -> bool:
        return self.others is not None and self.others > DISTURBED

    @property
    def call_met(self) -> bool | None:
        """Whether a call is fast enough; None if the cell does not measure calls."""
        return self.seconds.median * 1e6 <= CALL_MICROSECONDS if is_call(self.cell) else None

    def verdicts(self) -> list[bool]:
        found = [self.call_met, *(peer.met for peer in self.peers)]
        return [verdict for verdict in found if verdict is not None]

    def as_json(self) -> dict[str, Any]:
        """A short form, as there are thousands: figures are [median, lower, upper quartile]."""
        return {
            "id": self.cell.id,
            "us": figures(self.seconds, 1e6),
            "cores": significant(self.cores),
            "others": None if self.others is None else significant(self.others),
            "copies": {name: figures(spread) for name, spread in self.copies.items()},
            "peers": {
                peer.peer: {"ratio": figures(peer.ratio), "pairs": peer.pairs, "goal": peer.goal}
                for peer in self.peers
            },
        }

    @classmethod
    def of_json(cls, cell: Cell, found: dict[str, Any]) -> Record:
        """The record of a cell that an earlier run measured."""
        return cls(
            cell=cell,
            seconds=spread_of(found["us"], 1e-6),
            cores=found["cores"],
            others=found["others"],
            peers=tuple(
                Against(name, spread_of(peer["ratio"]), peer["pairs"], goal(cell, name))
                for name, peer in found["peers"].items()
            ),
            copies={name: spread_of(figures) for name, figures in found["copies"].items()},
        )


def significant(value: float) -> float:
    return float(f"{value:.3g}")


def figures(spread: Spread, unit: float = 1.0) -> list[float]:
    return [significant(v * unit) for v in (spread.median, spread.low, spread.high)]


def spread_of(found: list[float], unit: float = 1.0) -> Spread:
    median, low, high = (v * unit for v in found)
    return Spread(median, low, high)


def record(
    cell: Cell, times: dict[str, list[float]], cores: list[float], others: float | None = None
) -> Record:
    """The record of a race, from the `times` of Ogive, peers and copies in each round."""
    own = times[OGIVE]
    peers = [name for name in times if name != OGIVE and name not in COPIES]
    return Record(
        cell=cell,
        seconds=Spread.of(own),
        cores=Spread.of(cores).median,
        others=others,
        peers=tuple(
            Against(
                name,
                ratios(times[name], own[: len(times[name])]),
                len(times[name]),
                goal(cell, name),
            )
            for name in peers
        ),
        copies={
            name: ratios(own[: len(times[name])], times[name]) for name in COPIES if name in times
        },
    )
