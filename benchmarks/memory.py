"""What a process holds in memory, and the most that it held."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path


def reset_peak() -> bool:
    """Whether the peak of this process's memory could be set back to what it uses now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def give_back() -> None:
    """The allocator's free memory to the system: the next call would hide in it."""
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
    """Resident memory at its peak, over what there was when this was made.

    That leaves out imports, weights and data, and counts every allocator: torch's, NumPy's and
    the libraries' own. None where the system does not tell.
    """

    def __init__(self) -> None:
        gc.collect()
        give_back()
        self.counted = reset_peak()
        self.before = status("VmRSS") if self.counted else 0

    def bytes(self) -> int | None:
        return max(0, status("VmHWM") - self.before) if self.counted else None
