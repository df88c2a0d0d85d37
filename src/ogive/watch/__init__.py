"""What is wrong with a PyTorch network while it trains: the fault, the layer, the cause, the cure.

    with ogive.watch.Monitor(model) as monitor:
        train(model)
    print(monitor.report())
"""

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

__all__ = [
    "FAULTS",
    "Check",
    "Cost",
    "Cure",
    "Fault",
    "Finding",
    "Histogram",
    "JsonLines",
    "Layer",
    "LayerStats",
    "Progress",
    "Report",
    "Sink",
    "UnitMap",
    "Unseen",
    "WatchError",
    "Watched",
    "read_log",
]
