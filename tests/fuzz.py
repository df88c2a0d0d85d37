"""Random calls of every function, in NumPy and torch, for as long as one likes.

    python tests/fuzz.py --seconds 600               # as many cases as fit, from a new seed
    python tests/fuzz.py --case torch-heads:3:172    # one of them again

A case is its kind, a seed and a number; what it calls, on which numbers, in which layout, with
which options and in which way is drawn from those three alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator

import pytest

import fuzz_numpy
from fuzz_numpy import Draw

KINDS: dict[str, Callable[[Draw], None]] = dict(fuzz_numpy.KINDS)
if importlib.util.find_spec("torch"):
    import fuzz_torch

    KINDS |= fuzz_torch.KINDS


def check(case: str) -> None:
    """One case; a failure says all that was drawn."""
    draw = Draw(case)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            KINDS[case.partition(":")[0]](draw)
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f"{draw}\n{type(error).__name__}: {error}") from error


def numbered(kind: str, seed: int) -> Iterator[str]:
    number = 0
    while True:
        yield f"{kind}:{seed}:{number}"
        number += 1


def run(seconds: float, seed: int, kinds: list[str], least: int = 1) -> int:
    """Cases of each kind in turn, at least so many, until the time is over; how many failed."""
    end, failed, done = time.monotonic() + seconds, 0, 0
    streams = [numbered(kind, seed) for kind in kinds]
    while time.monotonic() < end or done < least * len(kinds):
        for stream in streams:
            case = next(stream)
            done += 1
            try:
                check(case)
            except AssertionError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    print(f"seed {seed}: {done} cases, {failed} failed")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--case")
    asked = parser.parse_args()
    if asked.case:
        try:
            check(asked.case)
        except AssertionError:
            traceback.print_exc()
            return 1
        return 0
    return min(1, run(asked.seconds, asked.seed, asked.kind or list(KINDS)))


if __name__ == "__main__":
    sys.exit(main())
