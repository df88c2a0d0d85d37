"""What differs between a GPU and Triton's interpreter, which runs the kernels on arrays."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from triton import knobs

INTERPRETED: bool = bool(knobs.runtime.interpret)

library: Any = import_module(
    f"{__package__}.interpreted" if INTERPRETED else "triton.language.extra.libdevice"
)
"""The device's functions in float64."""

__all__ = ["INTERPRETED", "library", "scale"]


def scale(on_gpu: Any, interpreted: Any) -> Any:
    """One of two launch parameters: the interpreter is quickest with few, large blocks."""
    return interpreted if INTERPRETED else on_gpu
