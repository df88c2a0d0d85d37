"""Warnings, each once."""

from __future__ import annotations

import warnings

import torch

_compiling = torch.compiler.is_compiling

_warned: set[tuple[str, str]] = set()


def warn_once(key: tuple[str, str], text: str) -> None:
    """A warning about what a call was given; the key says which calls are the same."""
    if key not in _warned and not _compiling():
        _warned.add(key)
        warnings.warn(text, UserWarning, stacklevel=4)


def warn_of_fallback(name: str, kind: str) -> None:
    """Once for each function and kind of device or tensor."""
    if (name, kind) not in _warned:
        _warned.add((name, kind))
        warnings.warn(
            f"ogive.torch.{name} has no kernel for {kind} tensors: torch's own formula is "
            "used there, with its accuracy",
            RuntimeWarning,
            stacklevel=3,
        )


def warn_of_argument(name: str, argument: str, instead: str) -> None:
    """Once for each argument of torch's that has another meaning here, or none."""
    if (name, argument) not in _warned:
        _warned.add((name, argument))
        warnings.warn(
            f"ogive.torch.{name}: {argument} has no effect: {instead}", UserWarning, stacklevel=4
        )
