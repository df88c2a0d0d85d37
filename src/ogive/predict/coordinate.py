"""A coordinate check: how sizes and updates of each layer's output change with the width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .coordinate_result import Coordinates, Row
from .errors import PredictError


def check_coordinates(
    make: Callable[[int], Any],
    widths: Sequence[int],
    x: Any,
    steps: int,
    optimizer: Callable[[Any], Any] | None,
    loss: Callable[[Any], Tensor] | None,
    seeds: int,
) -> Coordinates:
    """See `ogive.predict.coordinates`."""
    widths = [int(width) for width in widths]
    if len(set(widths)) < 2 or min(widths) < 1:
        raise PredictError("widths must be two different whole numbers at least")
    if steps < 1 or seeds < 1:
        raise PredictError("steps and seeds must be whole numbers of at least 1")
    found: dict[str, list[list[tuple[float, float]]]] = {}
    for at, width in enumerate(widths):
        for seed in range(seeds):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                made = make(width)
                module, given = made if isinstance(made, tuple) else (made, x)
                if not isinstance(module, nn.Module) or given is None:
                    raise PredictError(
                        "make(width) must return a torch.nn.Module, or one with its input; "
                        "otherwise give x"
                    )
                for path, both in _measured(module, given, steps, optimizer, loss).items():
                    found.setdefault(path, [[] for _ in widths])[at].append(both)
    rows = [
        _row(path, widths, each) for path, each in found.items() if all(len(each[at]) for at in
                                                                        range(len(widths)))
    ]  # fmt: skip
    return Coordinates(widths=tuple(widths), steps=steps, rows=tuple(rows))


def _measured(
    module: nn.Module, x: Any, steps: int, optimizer: Any, loss: Any
) -> dict[str, tuple[float, float]]:
    """Of each layer with parameters: rms of its output, and of its output's change by training."""
    first = _outputs(module, x)
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise PredictError("the model has no parameters to train")
    chosen = optimizer(parameters) if optimizer else torch.optim.Adam(parameters, lr=1e-3)
    target: Tensor | None = None
    for _ in range(steps):
        chosen.zero_grad()
        output = module(x)
        if loss is None:
            value = output if isinstance(output, Tensor) else next(iter(output.values()))
            target = torch.randn_like(value) if target is None else target
            total = ((value - target) ** 2).mean() / 2
        else:
            total = loss(output)
        total.backward()
        chosen.step()
    after = _outputs(module, x)
    return {path: (_rms(y), _rms(after[path] - y)) for path, y in first.items() if path in after}


def _outputs(module: nn.Module, x: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    handles = []

    def keep(path: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                found[path] = output.detach().double()

        return hook

    for path, part in module.named_modules():
        if any(True for _ in part.parameters(recurse=False)):
            handles.append(part.register_forward_hook(keep(path)))
    try:
        with torch.no_grad():
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _rms(values: Tensor) -> float:
    return float((values**2).mean().sqrt())


def _row(path: str, widths: Sequence[int], measured: list[list[tuple[float, float]]]) -> Row:
    sizes = [math.sqrt(np.mean([a * a for a, _ in each])) for each in measured]
    updates = [math.sqrt(np.mean([b * b for _, b in each])) for each in measured]
    return Row(
        layer=path,
        sizes=tuple(sizes),
        updates=tuple(updates),
        size_exponent=_exponent(widths, sizes),
        update_exponent=_exponent(widths, updates),
    )


def _exponent(widths: Sequence[int], values: Sequence[float]) -> float:
    """The power of the width that values grow with."""
    if not all(value > 0 and math.isfinite(value) for value in values):
        return math.nan
    slope, _ = np.polyfit(np.log(widths), np.log(values), 1)
    return float(slope)
