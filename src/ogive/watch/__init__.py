"""What is wrong with a PyTorch network while it trains: the fault, the layer, the cause, the cure.

with ogive.watch.Monitor(model) as monitor:
    train(model)
print(monitor.report())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .callbacks import lightning_callback, trainer_callback
from .diffs import Edit
from .errors import WatchError
from .faults import FAULTS, Fault
from .lines import JsonLines, read_log
from .records import (
    Check,
    Cost,
    Cure,
    Finding,
    Histogram,
    Layer,
    LayerStats,
    Progress,
    Report,
    Sink,
    UnitMap,
    Unseen,
    Watched,
)
from .script import Program, run_script
from .sinks import MLflow, TensorBoard, WandB

if TYPE_CHECKING:
    from .monitor import Monitor

    LightningCallback: type
    TrainerCallback: type

__all__ = [
    "FAULTS",
    "Check",
    "Cost",
    "Cure",
    "Edit",
    "Fault",
    "Finding",
    "Histogram",
    "JsonLines",
    "Layer",
    "LayerStats",
    "LightningCallback",
    "MLflow",
    "Monitor",
    "Program",
    "Progress",
    "Report",
    "Sink",
    "TensorBoard",
    "TrainerCallback",
    "UnitMap",
    "Unseen",
    "WandB",
    "WatchError",
    "Watched",
    "read_log",
    "run_script",
]


if not TYPE_CHECKING:  # else a checker would take any name

    def __getattr__(name: str) -> Any:
        """What needs more than NumPy is imported on demand."""
        if name == "Monitor":
            try:
                from .monitor import Monitor
            except ImportError as error:
                if error.name != "torch":
                    raise
                raise WatchError("watching a model needs PyTorch: pip install torch") from None
            return Monitor
        if name == "LightningCallback":
            return lightning_callback()
        if name == "TrainerCallback":
            return trainer_callback()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
