"""What each kernel takes and gives: the operand strings of the op table, parsed here alone.

``"T T(n) d l -> T"`` names the operands one by one, and after the arrow the results.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .. import _native


class Operand(NamedTuple):
    """One array that a kernel reads or writes."""

    kind: str
    """"T" in the format of the call, "d" float64, "l" int64, "?" bool, "b" one bit per element."""
    row: bool
    """It has the axis of the row."""


class Loop(NamedTuple):
    """One mode of one function."""

    name: str
    mode: str
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...]

    @property
    def tensors(self) -> int:
        """Operands in the format of the call. Kernels take them first, numbers after them."""
        return sum(operand.kind == "T" for operand in self.operands)

    @property
    def numbers(self) -> tuple[Operand, ...]:
        """Operands of a format of their own."""
        return tuple(operand for operand in self.operands if operand.kind != "T")

    @property
    def every(self) -> tuple[Operand, ...]:
        """Operands and then results, the order of a call."""
        return self.operands + self.results

    @property
    def elementwise(self) -> bool:
        return not any(operand.row for operand in self.every)

    @property
    def has_hessian(self) -> bool:
        """Of losses, which give (loss, dz) and, where it is asked for, the Hessian's diagonal."""
        return len(self.results) == 3

    @property
    def masked(self) -> bool:
        """Rows have a mask."""
        return any(number.kind == "?" and number.row for number in self.numbers)

    @property
    def seeded(self) -> bool:
        """It draws random numbers, of a seed and of each element's index."""
        return any(number.kind == "l" for number in self.numbers)

    @property
    def reduces(self) -> bool:
        """Each row gives one number."""
        return not self.elementwise and not any(result.row for result in self.results)


def _parsed(text: str) -> tuple[Operand, ...]:
    return tuple(Operand(word[0], word.endswith("(n)")) for word in text.split())


_TABLE = _native.entries()


@cache
def loop(name: str, mode: str) -> Loop:
    read, written = _TABLE[name][mode].split("->")
    return Loop(name, mode, _parsed(read), _parsed(written))


def modes(name: str) -> tuple[str, ...]:
    """The modes that a function's kernel has, which are not all public."""
    return tuple(_TABLE.get(name, ()))
