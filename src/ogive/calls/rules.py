"""How a function's modes hang together: the arrays each takes, what may be kept for backward, and
which mode then pulls back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..catalog import Card, Parameter
from .loop import loop, modes

Kept = Literal["input", "output", "bits"]
PULLS_BACK: dict[Kept, str] = {
    "input": "backward", "output": "backward_from_output", "bits": "lean_backward",
}  # fmt: skip
"""The mode that backward runs, by what was kept. Bits may need the output beside them."""
INPUTS = {
    "value": ("x",),
    "derivative": ("x",),
    "second_derivative": ("x",),
    "jacobian": ("x",),
    "backward": ("dy", "x"),
    "backward_from_output": ("dy", "y"),
    "lean": ("x",),
    "lean_backward": ("dy", "y", "mask"),
    # Of random functions in training, and of a parameter that learns.
    "sampled_value": ("x",),
    "sampled_backward": ("dy", "x"),
    "parameter_backward": ("dy", "x"),
}
"""x is the input, y the output, dy what comes from upstream, mask the bits."""

LEAN = ("lean", "lean_backward")
"""The modes that keep bits, and read them."""


def inputs(card: Card, mode: str) -> tuple[str, ...]:
    """The arrays that a mode takes first. Gated functions have two inputs, a and b."""
    names = INPUTS[mode]
    if card.kind == "gated":
        return (*names[:-1], "a", "b")
    if mode == PULLS_BACK["bits"] and loop(card.name, mode).tensors == 1:
        return tuple(name for name in names if name != "y")
    return names


def pulls_back(mode: str) -> bool:
    """Whether a mode takes what comes from upstream."""
    return "dy" in INPUTS[mode]


def reads_output(mode: str) -> bool:
    """Whether a mode takes y in place of x."""
    return INPUTS[mode][-1] == "y"


def learned(card: Card, mode: str) -> tuple[Parameter, ...]:
    """The parameters whose gradients a mode gives after dx."""
    return tuple(p for p in card.parameters if p.learnable and mode == "backward")


@dataclass(frozen=True)
class Keeping:
    """What a function can keep for backward."""

    output: bool
    """Its output determines the slope."""
    bits: bool
    """It has a lean form."""
    bits_alone: bool
    """Whose bits say all."""
    any_sign: tuple[bool, ...]
    """For each parameter, whether the output determines the slope where it is negative too."""

    def kept(self, numbers: Sequence[float], lean: bool | None) -> Kept:
        """The least that is exact; with ``lean``, one bit per element, and without it the input."""
        if lean is False:
            return "input"
        if lean and self.bits:
            return "bits"
        signs = zip(self.any_sign, numbers, strict=True)
        if self.output and all(n >= 0 or any_sign for any_sign, n in signs):
            return "output"  # with a negative slope the sign of y does not give the sign of x
        if lean is None and self.bits_alone:
            return "bits"  # two slopes: as exact, and 1/32 of the memory
        return "input"


def keeping(card: Card, *, output: bool) -> Keeping:
    """What can be kept. Of ``output`` a framework says whether it can differentiate backward from
    the output once more.
    """
    has, bits = modes(card.name), PULLS_BACK["bits"]
    return Keeping(
        output=output and PULLS_BACK["output"] in has,
        bits=bits in has,
        bits_alone=bits in has and "y" not in inputs(card, bits),
        # Rows take one number, a temperature, which is positive.
        any_sign=() if card.over_rows else tuple(p.any_sign for p in card.parameters if p.operand),
    )
