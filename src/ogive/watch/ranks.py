"""One report of all processes of a distributed training.

Every process watches its own batches. At each check the others leave their sums in the key-value
store by which torch.distributed found together, and the first process adds them to its own. No
collective is called and nothing is waited for while training runs, so that a process that is late,
or is not watched at all, holds nobody up.
"""

from __future__ import annotations

import os
import pickle
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from .places import Block, merged

PATIENCE = 5.0
"""Seconds that the first process waits, at the end, for the others' last sums."""

_monitors = 0


def rank() -> int:
    """This process's number; 0 where there is one process."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return int(os.environ.get("RANK", "0") or 0)


def number_of_monitor() -> int:
    """Monitors are made in the same order in all processes: their numbers name what they leave."""
    global _monitors
    _monitors += 1
    return _monitors


class Ranks:
    """What one monitor exchanges with those of the other processes."""

    def __init__(self, monitor: int) -> None:
        self.monitor = monitor
        self.joined: set[int] = set()
        self._store: Any = None
        self._taken: dict[tuple[int, str], int] = {}

    def connect(self) -> bool:
        """Whether there are other processes."""
        if self._store is not None:
            return True
        if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() < 2:
            return False
        store = dist.distributed_c10d._get_default_store()
        self._store = dist.distributed_c10d.PrefixStore(f"ogive/watch/{self.monitor}", store)
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        if self.rank:
            self._store.set(f"joined/{self.rank}", b"1")
        return True

    def leave(self, model: str, check: int, blocks: dict[Any, Block]) -> None:
        """Leave this process's sums for the first one."""
        self._store.set(f"{model}/{self.rank}/{check}", pickle.dumps(blocks))

    def end(self, model: str, checks: int) -> None:
        """No more will come."""
        self._store.set(f"{model}/{self.rank}/last", str(checks).encode())

    def take(self, model: str) -> list[dict[Any, Block]]:
        """What the others have left since the last time."""
        found = []
        for other in range(1, self.count):
            if not self._has_joined(other):
                continue
            at = self._taken.get((other, model), 0)
            while self._store.check([f"{model}/{other}/{at + 1}"]):
                at += 1
                found.append(self._get(f"{model}/{other}/{at}"))
            self._taken[other, model] = at
        return found

    def take_last(self, model: str) -> list[dict[Any, Block]]:
        """The same at the end, for which the others are waited for a moment."""
        for other in range(1, self.count):
            if self._has_joined(other):
                try:
                    self._store.wait([f"{model}/{other}/last"], timedelta(seconds=PATIENCE))
                except RuntimeError:  # it ended otherwise
                    continue
        return self.take(model)

    def _has_joined(self, other: int) -> bool:
        if other not in self.joined and self._store.check([f"joined/{other}"]):
            self.joined.add(other)
        return other in self.joined

    def _get(self, key: str) -> dict[Any, Block]:
        found: dict[Any, Block] = pickle.loads(self._store.get(key))
        self._store.delete_key(key)
        return found


def together(own: Block, others: Block) -> Block:
    """Sums of several processes over the same steps."""
    both = merged([own, others])
    return Block(
        **{
            **vars(both),
            "step": own.step,
            "first_step": own.first_step,
            "check": own.check,
            "cosine": own.cosine if own.cosine is not None else others.cosine,
            "counts": own.counts if own.counts is not None else others.counts,
            "wide": own.wide,
            "weight_variance": own.weight_variance,
            "bias_variance": own.bias_variance,
            "update_ratio": own.update_ratio,
        }
    )
