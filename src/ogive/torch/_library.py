"""``torch.ops.ogive``: how an operator of the catalog is registered."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

LIBRARY = torch.library.Library("ogive", "FRAGMENT")


def define(
    name: str,
    schema: str,
    cpu: Callable[..., Any],
    fake: Callable[..., Any],
    *,
    cuda: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    setup_context: Callable[..., None] | None = None,
    vmap: Callable[..., Any] | None = None,
) -> Any:
    """Registers ``ogive::name`` and returns it."""
    LIBRARY.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
    LIBRARY.impl(name, cpu, "CPU")
    if cuda is not None:
        LIBRARY.impl(name, cuda, "CUDA")
    qualified = f"ogive::{name}"
    torch.library.register_fake(qualified, fake, lib=LIBRARY)
    if backward is not None:
        torch.library.register_autograd(
            qualified, backward, setup_context=setup_context, lib=LIBRARY
        )
    if vmap is not None:
        torch.library.register_vmap(qualified, vmap, lib=LIBRARY)
    return getattr(torch.ops.ogive, name).default


def elementwise_vmap(op: Callable[[], Any]) -> Callable[..., Any]:
    """The vmap rule of an operator that treats each element alone."""
    from ._dispatch import batched

    def rule(info: Any, dims: Any, *args: Any) -> tuple[Any, Any]:
        found = op()(*batched(info, dims, *args))
        return found, tuple(0 for _ in found) if isinstance(found, tuple) else 0

    return rule


def triton() -> ModuleType | None:
    """The module with kernels for CUDA, where it and Triton are installed."""
    try:
        return importlib.import_module("._triton", __package__)
    except ImportError:
        return None


def on_cuda(call: Callable[[ModuleType], Any], otherwise: Callable[[], Any]) -> Any:
    """A result from Triton's kernels, or from torch where they have none."""
    kernels = triton()
    if kernels is not None:
        try:
            return call(kernels)
        except NotImplementedError:
            pass
    return otherwise()


def on_the_cpu(run: Callable[..., Any], *args: Any) -> Any:
    """A CPU kernel on copies of tensors from elsewhere."""
    device = next(a.device for a in args if isinstance(a, Tensor))
    found = run(*(a.cpu() if isinstance(a, Tensor) else a for a in args))
    if isinstance(found, tuple):
        return tuple(t.to(device) for t in found)
    return found.to(device)
