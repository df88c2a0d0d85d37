"""One training as a recipe: what is trained, on what, how, and what was planted in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

STYLES = ("modules", "functional", "in-place", "reused", "methods")
"""How activations are called: modules of their own, torch.nn.functional, in place, one module that
is used after every layer, methods of tensors."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training; the defaults are a sound one."""

    name: str
    # What is trained.
    net: str = "mlp"
    """mlp, cnn, residual, lstm, gru, transformer or autoencoder."""
    style: str = "modules"
    act: str = "relu"
    depth: int = 3
    width: int = 64
    norm: str = ""
    """batch or layer before each activation; pre or post in blocks with a sum."""
    dropout: float = 0.0
    gaps: tuple[int, ...] = ()
    """Hidden layers after which the activation is missing."""
    low_rank: int = 0
    """Width of a linear map that stands before the first layer on purpose."""
    head: tuple[str, ...] = ()
    """What comes after the last layer, in the style of the network."""
    outputs: int = 10
    gain: float | None = None
    """Weights of standard deviation gain / sqrt(fan_in), biases 0; None leaves torch's."""
    edits: tuple[str, ...] = ()
    """Python that is run on `model` before training."""
    # On what.
    data: str = "digits"
    prepare: tuple[str, ...] = ()
    """Python that changes standardised rows `x` and targets `y`; `raw` are rows of the file."""
    # How.
    loss: str = "cross_entropy"
    optimizer: str = "Adam"
    rate: float = 1e-3
    steps: int = 300
    batch: int = 64
    seed: int = 0
    clip: float = 0.0
    # What is known of it.
    fault: str = ""
    """The planted fault; empty where none is."""
    how: str = ""
    """What was planted, in words."""
    sound: Mapping[str, Any] = field(default_factory=dict)
    """The fields that take the fault away."""

    @property
    def twin(self) -> Plan:
        """The same training without the fault."""
        return replace(self, name=f"{self.name}, sound", fault="", sound={}, **self.sound)
