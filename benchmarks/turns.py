"""Contestants in separate processes that take turns, so that only one works at a time.

Times of one round can thus be compared, although each has its own threads and memory.
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
"""Does the work once; returns its time in seconds and any further result."""


@dataclass
class Account:
    """A contestant's times and results, turn by turn."""

    seconds: list[float] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    peak: int | None = None
    """Peak of resident memory in bytes, minus that before the first turn."""

    def behind(self, other: Account) -> Spread:
        """The other's time over this one's, without the first round, which warms up."""
        return ratios(other.seconds[1:], self.seconds[1:])


class FailedError(RuntimeError):
    pass


def take_turns(
    makers: Mapping[str, Callable[[], Turn]], rounds: int, advance: Callable[[], Any] = lambda: None
) -> dict[str, Account]:
    """Every contestant's turns; each round starts with a different contestant.

    A contestant is created in its process; the memory it then has is not counted for its turns.
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
            theirs.close()  # so that the end of the process is noticed here
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

    These return every array to the system when it is freed, so that the peak counts only memory in
    use. By default glibc keeps some, depending on what was freed before. Timed processes do not do
    this, since mapping pages again takes time.
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends this one
    turn = make()
    peak = Peak()
    try:
        pipe.send(None)
        while pipe.recv():
            pipe.send(turn())
        pipe.send(peak.bytes())
    except EOFError:
        pass  # the parent process has ended
