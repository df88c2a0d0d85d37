"""Compiles and calls copy_limit.cpp, which times a copy of the same bytes on this machine."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SOURCE = Path(__file__).with_suffix(".cpp")
BUILD = SOURCE.parents[1] / "build" / "benchmarks"


@cache
def library() -> Any:
    """The compiled function, or None without a C++ compiler."""
    compiler = os.environ.get("CXX", "c++")
    command = [*compiler.split(), "-O3", "-march=native", "-std=c++20", "-shared", "-fPIC"]
    # The name is a hash of source and command, so only a change is compiled again.
    key = hashlib.sha256(SOURCE.read_bytes() + " ".join(command).encode()).hexdigest()[:12]
    target = BUILD / f"copy_limit-{key}.so"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        try:
            subprocess.run(
                [*command, "-pthread", "-o", part, SOURCE], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        os.replace(part, target)
    function = ctypes.CDLL(str(target)).copy_seconds
    function.restype = ctypes.c_double
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
        ctypes.c_double, ctypes.c_bool,
    ]  # fmt: skip
    return function


@lru_cache(maxsize=1)
def buffers(size: int) -> tuple[Array, Array]:
    """Two arrays of bytes whose pages are resident."""
    return np.ones(size, np.uint8), np.ones(size, np.uint8)


def samplers(
    elements: int, dtype: np.dtype[Any], threads: int, seconds: float, settle: float
) -> dict[str, Callable[[], float]]:
    """For each kind of store on this machine, a sampler of the seconds that one copy takes."""
    copy = library()
    if copy is None:
        return {}
    target, source = buffers(elements * dtype.itemsize)

    def seconds_of(repeats: int, streaming: bool, settle: float = settle) -> float:
        where = target.ctypes.data, source.ctypes.data
        return float(copy(*where, source.nbytes, threads, repeats, settle, streaming))

    def sampler(streaming: bool) -> Callable[[], float] | None:
        once = seconds_of(1, streaming, settle=0)
        repeats = max(1, int(seconds / max(once, 1e-9)))
        return None if once < 0 else lambda: seconds_of(repeats, streaming)

    made = {"copy": sampler(False), "streaming copy": sampler(True)}
    return {name: sample for name, sample in made.items() if sample is not None}
