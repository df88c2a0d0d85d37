"""A PyTorch model as it stands: predicted from its own weights, beside what one batch shows.

While one batch runs, every call of a function of torch is seen, and with each tensor goes what is
predicted of its entries: their mean and mean square. Backwards, the squared gradient is multiplied
by each call's factor. Where a function is not known, or mixes entries in a way that weights alone
do not tell (attention, pooling), predictions start again from what was measured, and that is said.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .errors import PredictError
from .following import Following, first_tensor
from .layer_rules import State
from .model_result import Line, ModelPrediction

APART = math.log(2)
"""Predicted and measured K part where their ratio is further from 1 than 2 or 1/2."""


def predict_model(module: nn.Module, x: Any) -> ModelPrediction:
    """See `ogive.predict.model`."""
    inputs = x if isinstance(x, tuple) else (x,)
    _check(module, inputs)
    module = getattr(module, "_orig_mod", module)  # of torch.compile: its functions can be seen
    batch = Following(module)
    with (
        torch.enable_grad(),
        torch.random.fork_rng(devices=_devices(module)),
        _kept(module),
        _eager(module),
    ):
        with batch.hooked(), batch:
            given = {}
            if isinstance(x, dict):
                inputs, given = (), x
            output = module(*inputs, **given)
        last = first_tensor(output)
        if last is None or not last.is_floating_point():
            raise PredictError("the model returns no tensor of floats")
        batch.backward(last)
    return _conclude(batch, module)


def _check(module: Any, inputs: tuple[Any, ...]) -> None:
    if not isinstance(module, nn.Module):
        raise PredictError(f"a torch.nn.Module is predicted, not a {type(module).__name__}")
    if not any(True for _ in module.parameters()):
        raise PredictError(f"{type(module).__name__} has no parameters: nothing to predict from")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        raise PredictError("the model's lazy layers have no weights yet: run a batch through it")
    if not all(isinstance(each, (Tensor, dict)) for each in inputs):
        raise PredictError("x must be a tensor, a tuple of tensors or a dict of them")


def _devices(module: nn.Module) -> list[torch.device]:
    return list({p.device for p in module.parameters() if p.device.type == "cuda"})


def _eager(module: nn.Module) -> AbstractContextManager[Any]:
    """Compiled parts run as they were written."""
    if any(hasattr(each, "_orig_mod") for each in module.modules()):
        return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]
    return nullcontext()


class _kept:
    """Buffers, such as running statistics, are as before when this ends."""

    def __init__(self, module: nn.Module) -> None:
        self.buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for buffer, before in self.buffers:
                buffer.copy_(before)


def _conclude(batch: Following, module: nn.Module) -> ModelPrediction:
    lines, parted = [], ""
    for each in batch.lines:
        state: State | None = each["state"]
        path, part = each["path"], each["module"]
        leaf = not any(True for _ in part.children())
        if state is None:
            lines.append(Line(path=path, depth=each["depth"], module=_shown(part, leaf)))
            continue
        measured = each["measured"][1]
        apart = bool(
            state.square > 0 and measured > 0 and abs(math.log(state.square / measured)) > APART
        )
        entries = each["tensor"].numel()
        line = Line(
            path=path,
            depth=each["depth"],
            module=_shown(part, leaf),
            predicted=state.square,
            measured=measured,
            predicted_gradient=state.gradient or None,
            measured_gradient=state.measured_gradient,
            entries=entries,
            restarted=state.restarted if leaf else "",
            parted=apart,
        )
        if apart and leaf and not parted:
            parted = path or _shown(part, leaf)
        lines.append(line)
    gradient = next((each for each in reversed(lines) if _gradient_parts(each)), None)
    gradient_at = gradient.path or gradient.module if gradient else None
    return ModelPrediction(
        name=type(module).__name__,
        parameters=sum(p.numel() for p in module.parameters()),
        lines=tuple(lines),
        parts_at=parted or None,
        gradient_parts_at=gradient_at,
        sentence=_sentence(lines, parted, gradient),
    )


def _gradient_parts(line: Line) -> bool:
    known = line.predicted_gradient and line.measured_gradient
    if not known:
        return False
    ratio = line.predicted_gradient / line.measured_gradient  # type: ignore[operator]
    return abs(math.log(ratio)) > 2 * APART


def _shown(module: nn.Module, leaf: bool) -> str:
    if not leaf:
        return type(module).__name__
    text = " ".join(repr(module).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _sentence(lines: list[Line], parted: str, gradient: Line | None) -> str:
    known = [each for each in lines if each.predicted and each.measured]
    if not known:
        return "Nothing in this model could be followed."
    said = "Signals are as predicted: K within a factor of 2 in every layer."
    if parted:
        line = next(each for each in known if (each.path or each.module) == parted)
        said = (
            f"Signals part from the prediction at {parted} ({line.module}): K = "
            f"{line.predicted:.3g} follows from its weights, and {line.measured:.3g} was measured."
        )
    if not any(each.measured_gradient for each in known):
        return said
    if gradient is None:
        return f"{said} Gradients are as predicted too, within a factor of 2 in size."
    return (
        f"{said} Gradients, on their way back, part at {gradient.path or 'the model'} "
        f"({gradient.module}): {gradient.predicted_gradient:.3g} was predicted, and "
        f"{gradient.measured_gradient:.3g} measured."
    )
