"""Compiled models: what runs inside is out of sight, so that the original is run beside it.

On an observed step the compiled call is left as it is. Its inputs and the gradient at its output
are kept until the optimizer's step; then the model as it was written runs once more on them, with
the random state and the buffers put back afterwards, and the observer follows that run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def is_compiled(module: nn.Module) -> bool:
    """By torch.compile, or by its own method compile."""
    return hasattr(module, "_torchdynamo_orig_callable") or (
        getattr(module, "_compiled_call_impl", None) is not None
    )


def original(module: nn.Module) -> nn.Module:
    """What was compiled."""
    return getattr(module, "_orig_mod", module)


def compiled_parts(module: nn.Module) -> list[nn.Module]:
    """The outermost compiled modules inside a model that is not compiled as a whole."""
    found: list[nn.Module] = []
    for child in module.children():
        if is_compiled(child):
            found.append(child)
        else:
            found += compiled_parts(child)
    return found


def wrapper_of(module: nn.Module) -> nn.Module | None:
    """What torch.compile returned for a module, if it is alive."""
    if getattr(module, "_compiled_call_impl", None) is not None:
        return module
    for each in gc.get_referrers(module.__dict__, module):
        if isinstance(each, dict):
            for owner in gc.get_referrers(each):
                if isinstance(owner, nn.Module) and getattr(owner, "_orig_mod", None) is module:
                    return owner
        elif isinstance(each, nn.Module) and getattr(each, "_orig_mod", None) is module:
            return each
    return next(
        (
            each
            for each in gc.get_objects()
            if type(each).__name__ == "OptimizedModule"
            and isinstance(each, nn.Module)
            and getattr(each, "_orig_mod", None) is module
        ),
        None,
    )


class Call:
    """One call of a compiled model in an observed step."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs
        self.gradient: Tensor | None = None

    def returned(self, output: Tensor | None) -> None:
        """Keep the gradient that comes to the output."""
        if output is not None and output.requires_grad:
            output.register_hook(self._came)

    def _came(self, gradient: Tensor) -> None:
        self.gradient = gradient.detach()


def run_again(module: nn.Module, call: Call, first: Callable[[Any], Tensor | None]) -> Any:
    """The original on the same inputs, forward and backward; nothing of it stays."""
    devices = list({p.device for p in module.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), _kept(module), _uncompiled(module):
        with torch.enable_grad():
            output = module(*call.args, **call.kwargs)
            last = first(output)
            if call.gradient is not None and last is not None and last.requires_grad:
                leaves = [p for p in module.parameters() if p.requires_grad]
                torch.autograd.grad(last, leaves, call.gradient.to(last.dtype), allow_unused=True)
        return output


@contextmanager
def _kept(module: nn.Module) -> Any:
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


@contextmanager
def _uncompiled(module: nn.Module) -> Any:
    was = module.__dict__.get("_compiled_call_impl")
    if was is not None:
        module._compiled_call_impl = None
    try:
        if any(is_compiled(each) for each in module.modules()):
            with torch.compiler.set_stance("force_eager"):
                yield
        else:
            yield
    finally:
        if was is not None:
            module._compiled_call_impl = was
