"""Whether elementwise functions inside jit are calls of kernels or formulas that XLA fuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ..catalog import find

Elementwise = Literal["kernel", "formula"]


@dataclass
class Config:
    """What `ogive.jax` chooses when a function is traced; change it before."""

    elementwise: Elementwise = "kernel"
    """"kernel": a call of Ogive's kernel, accurate to its contract and with its bits, which XLA
    cannot fuse with what stands around it. "formula": XLA's operations, which it fuses; then
    accuracy is XLA's. Derivatives are the exact ones either way."""

    def kernels_for(self, name: str) -> bool:
        return find(name).kind in ("rows", "heads") or self.elementwise == "kernel"

    @contextmanager
    def use(self, elementwise: Elementwise) -> Iterator[None]:
        """The choice for what is traced inside the block."""
        before, self.elementwise = self.elementwise, checked(elementwise)
        try:
            yield
        finally:
            self.elementwise = before

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, checked(value))


def checked(elementwise: Any) -> Elementwise:
    if elementwise not in ("kernel", "formula"):
        raise ValueError(f"elementwise must be 'kernel' or 'formula', not {elementwise!r}")
    return elementwise  # type: ignore[no-any-return]


config = Config()
