"""The current and the peak memory of a process."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path


def reset_peak() -> bool:
    """Reset the peak of this process's memory to its current use; False if that failed."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def give_back() -> None:
    """Return the allocator's free memory to the system, so that no call reuses it unseen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def status(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) << 10
    raise KeyError(field)


class Peak:
    """Peak of resident memory, minus the resident memory when this object was created.

    This excludes imports, weights and data, and includes every allocator: torch's, NumPy's and
    the libraries' own. None if the system does not report it.
    """

    def __init__(self) -> None:
        gc.collect()
        give_back()
        self.counted = reset_peak()
        self.before = status("VmRSS") if self.counted else 0

    def bytes(self) -> int | None:
        return max(0, status("VmHWM") - self.before) if self.counted else None
