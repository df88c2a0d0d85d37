"""The speed goals: the least ratio of a peer's time to Ogive's, per cell.

Without an entry here, the goal is that Ogive is never slower than a peer. The entries apply to
float32 with two threads.
"""

from __future__ import annotations

from dataclasses import dataclass

from cells import CALL_ELEMENTS, TENSORS, Cell

PROMISE = 1.0
CALL_MICROSECONDS = 0.4
"""Longest time of one call on CALL_ELEMENTS elements; this goal needs no peer."""

LARGE = 1 << 24


@dataclass(frozen=True)
class Goal:
    functions: str
    modes: str
    output: str
    ratio: float
    large: float | None = None
    """The ratio from LARGE elements on, if it differs."""
    peers: str = "numpy scipy sklearn torch jax onnx"
    row: int | None = None
    """Applies only to rows of this length."""
    only_large: bool = False

    def covers(self, cell: Cell, peer: str) -> bool:
        return (
            (self.functions == "any" or cell.function in self.functions.split())
            and cell.mode in self.modes.split()
            and self.output in ("any", output_of(cell))
            and peer in self.peers.split()
            and (self.row is None or cell.shape[-1] == self.row)
            and (not self.only_large or cell.elements >= LARGE)
        )

    def at(self, cell: Cell) -> float:
        return self.ratio if self.large is None or cell.elements < LARGE else self.large


def output_of(cell: Cell) -> str:
    """The output whose goals apply to a cell. A call on tensors allocates its result, which matters
    only for a large one; backward has the same goals for all outputs.
    """
    if cell.output != TENSORS:
        return cell.output
    return "allocated" if cell.mode == "value" and cell.elements >= LARGE else "out"


BACKWARD = "backward backward_from_output"
# The first entry that covers a cell and peer applies.
GOALS = (
    Goal("sigmoid silu", "value", "out", 10, peers="scipy"),
    Goal("relu leaky_relu", "value", "out", 1.0, large=1.5),
    Goal("sigmoid tanh silu exp", "value", "out", 1.0, large=1.2),
    Goal("gelu", "value", "out", 1.0),
    Goal("gelu_tanh softplus elu mish", "value", "out", 2, peers="torch"),
    Goal("relu tanh sigmoid", BACKWARD, "out", 1.0, large=1.3),
    Goal("mish", BACKWARD, "out", 8, peers="torch"),
    Goal("gelu silu softplus elu", BACKWARD, "out", 1.2, peers="torch"),
    Goal("softmax", "value", "any", 20, peers="torch", row=10),
    Goal("softmax", "value", "any", 1.3, peers="torch"),
    Goal("softmax", "value", "any", 10, peers="scipy"),
    Goal("cross_entropy", "value_and_grad", "any", 20, peers="torch", row=10),
    Goal("cross_entropy", "value_and_grad", "any", 5, peers="torch"),
    Goal("any", "value", "allocated", 2, peers="torch", only_large=True),
)


def is_call(cell: Cell) -> bool:
    """Whether the cell measures the time of a call rather than that of the elements."""
    return cell.elements == CALL_ELEMENTS


def goal(cell: Cell, peer: str) -> float | None:
    """The ratio to reach against a peer; None for a call, whose goal is a time."""
    if is_call(cell):
        return None
    if cell.format == "f32" and cell.threads == 2:
        for line in GOALS:
            if line.covers(cell, peer):
                return line.at(cell)
    return PROMISE
