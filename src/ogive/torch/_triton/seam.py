"""What differs between a GPU and Triton's interpreter, which runs the kernels on arrays."""

from __future__ import annotations

from typing import Any

from triton import knobs

INTERPRETED: bool = bool(knobs.runtime.interpret)

if INTERPRETED:
    from . import interpreted as library
else:
    from triton.language.extra import libdevice as library  # type: ignore[no-redef]

__all__ = ["INTERPRETED", "library", "scale"]


def scale(on_gpu: Any, interpreted: Any) -> Any:
    """One of two launch parameters: the interpreter is quickest with few, large blocks."""
    return interpreted if INTERPRETED else on_gpu
