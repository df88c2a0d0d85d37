"""Contestants in processes of their own, which take turns: one at a time works.

So times of one round can be compared though each has its own threads and its own memory.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from memory import Peak
from timing import SETTLE, Spread, ratios

Turn = Callable[[], tuple[float, Any]]
"""Does the work once; returns its seconds, and whatever else is to be known of it."""


@dataclass
class Account:
    """What a contestant took and brought, turn by turn."""

    seconds: list[float] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    peak: int | None = None
    """Bytes of resident memory at the peak, over those before the first turn."""

    def behind(self, other: Account) -> Spread:
        """The other's time over this one's, without the first round, in which all is new."""
        return ratios(other.seconds[1:], self.seconds[1:])


class FailedError(RuntimeError):
    pass


def take_turns(
    makers: Mapping[str, Callable[[], Turn]], rounds: int, advance: Callable[[], Any] = lambda: None
) -> dict[str, Account]:
    """Every contestant's turns; each round starts with another of them.

    A contestant is made in its process; what it has then is not counted as memory of its turns.
    """
    context = multiprocessing.get_context("spawn")
    accounts = {name: Account() for name in makers}
    pipes: dict[str, Connection] = {}
    processes = []
    try:
        for name, make in makers.items():
            pipes[name], theirs = context.Pipe()
            processes.append(context.Process(target=work, args=(theirs, make), daemon=True))
            processes[-1].start()
            theirs.close()  # so that its end is noticed here
            answer(pipes, name)
        names = list(makers)
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                time.sleep(SETTLE)
                pipes[name].send(True)
                seconds, result = answer(pipes, name)
                accounts[name].seconds.append(seconds)
                accounts[name].results.append(result)
                advance()
        for name, account in accounts.items():
            pipes[name].send(False)
            account.peak = answer(pipes, name)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return accounts


def peaks(makers: Mapping[str, Callable[[], Turn]], rounds: int = 3) -> dict[str, int | None]:
    """The peak of each contestant's memory, in new processes.

    There every array is given back to the system when it is freed, so that the peak is of what was
    in use. By default glibc keeps some, by a rule that depends on what was freed before; but the
    pages would cost time.
    """
    setting = "MALLOC_MMAP_THRESHOLD_"
    before = os.environ.get(setting)
    os.environ[setting] = str(1 << 16)
    try:
        accounts = take_turns(makers, rounds)
    finally:
        os.environ.pop(setting)
        if before is not None:
            os.environ[setting] = before
    return {name: account.peak for name, account in accounts.items()}


def answer(pipes: Mapping[str, Connection], name: str) -> Any:
    try:
        return pipes[name].recv()
    except (EOFError, ConnectionError):
        raise FailedError(f"the process of {name} ended before its work did") from None


def work(pipe: Connection, make: Callable[[], Turn]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gives the turns ends this
    turn = make()
    peak = Peak()
    try:
        pipe.send(None)
        while pipe.recv():
            pipe.send(turn())
        pipe.send(peak.bytes())
    except EOFError:
        pass  # nobody gives turns any more
