"""``torch.ops.ogive``: how an operator of the catalog is registered."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

LIBRARY = torch.library.Library("ogive", "FRAGMENT")

ON_CUDA: dict[str, Callable[..., Any]] = {}
"""What each operator runs on a GPU, by the operator's name."""


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
        ON_CUDA[name] = on_its_device(cuda)
        LIBRARY.impl(name, ON_CUDA[name], "CUDA")
    qualified = f"ogive::{name}"

    def of_one_device(*args: Any) -> Any:
        check_one_device(name, args)
        return fake(*args)

    torch.library.register_fake(qualified, of_one_device, lib=LIBRARY)
    if backward is not None:
        torch.library.register_autograd(
            qualified, backward, setup_context=setup_context, lib=LIBRARY
        )
    if vmap is not None:
        torch.library.register_vmap(qualified, vmap, lib=LIBRARY)
    return getattr(torch.ops.ogive, name).default


def check_one_device(name: str, args: Any) -> None:
    """Refuses tensors of several devices; a number may lie on the CPU all the same."""
    devices = {a.device for a in args if isinstance(a, Tensor) and (a.dim() or not a.is_cpu)}
    if len(devices) > 1:
        raise RuntimeError(f"{name}: tensors are on different devices: {devices}")


@cache
def triton() -> ModuleType | None:
    """The module with kernels for CUDA, or None without Triton, or with one too old for them."""
    try:
        return importlib.import_module("._triton", __package__)
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] != "triton":
            raise
        return None


def on_its_device(run: Callable[..., Any]) -> Callable[..., Any]:
    """An implementation whose launches go to its first tensor's GPU, not to the current one."""

    @wraps(run)
    def there(*args: Any) -> Any:
        with torch.cuda.device_of(next(a for a in args if isinstance(a, Tensor))):
            return run(*args)

    return there


def on_cuda(call: Callable[[ModuleType], Any], otherwise: Callable[[], Any]) -> Any:
    """A result from Triton's kernels, or from torch where they have none."""
    kernels = triton()
    if kernels is not None:
        try:
            return call(kernels)
        except NotImplementedError:
            pass
    with autograd_inside():
        return otherwise()


_AUTOGRAD = (torch._C.DispatchKey.AutogradFunctionality, torch._C.DispatchKey.AutogradOther)


@contextmanager
def autograd_inside() -> Iterator[None]:
    """Inside an operator's implementation torch records nothing, gradients asked for or not. Here
    it does, where they are enabled.
    """
    without = torch._C._dispatch_tls_local_exclude_set()
    for key in _AUTOGRAD:
        without = without.remove(key)
    with torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), without):
        yield


def on_the_cpu(run: Callable[..., Any], *args: Any) -> Any:
    """A CPU kernel on copies of tensors from elsewhere."""
    device = next(a.device for a in args if isinstance(a, Tensor))
    found = run(*(a.cpu() if isinstance(a, Tensor) else a for a in args))
    if isinstance(found, tuple):
        return tuple(t.to(device) for t in found)
    return found.to(device)
