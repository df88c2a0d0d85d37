"""``torch.ops.ogive``: how an operator of the catalog is registered.

Its signature follows from the operands of the kernel's mode and the card's parameters; what is kept
for backward, and what that gives, are functions of plain values.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..calls import rules
from ..calls.loop import loop
from ..catalog import Card
from ._placement import OPERATORS
from ._transforms import elementwise_vmap
from ._warn import warn_of_fallback

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
    LIBRARY.impl(name, below_modes(present(name, cpu)), "CPU")
    if cuda is not None:
        ON_CUDA[name] = on_its_device(present(name, cuda))
        LIBRARY.impl(name, ON_CUDA[name], "CUDA")
    qualified = f"ogive::{name}"

    def of_one_device(*args: Any) -> Any:
        check_one_device(name, args)
        return fake(*args)

    torch.library.register_fake(qualified, present(name, of_one_device), lib=LIBRARY)
    if backward is not None:
        torch.library.register_autograd(
            qualified, backward, setup_context=setup_context, lib=LIBRARY
        )
    if vmap is not None:
        torch.library.register_vmap(qualified, vmap, lib=LIBRARY)
    return getattr(torch.ops.ogive, name).default


def decompose(operator: Any, function: Callable[..., Tensor]) -> None:
    """Tells ``torch.onnx.export``, which knows torch's operators alone, what an operator does."""
    torch._decomp.decomposition_table[operator] = function
    # Or fake tensors would run it where sizes are symbolic, in place of the operator's own rule.
    torch._decomp.meta_table[operator] = function


def results_of(card: Card, mode: str) -> int:
    """How many tensors the operator for a kernel's mode gives."""
    return len(loop(card.name, mode).results) + len(rules.learned(card, mode))


def schema(card: Card, mode: str, *more: str, tensors: tuple[str, ...] = ()) -> str:
    """The signature of the operator for a kernel's mode, with parameters of its own after the
    card's, of which some may be tensors.
    """
    of = loop(card.name, mode)
    taken = [
        "Tensor bits, SymInt[] strides" if name == "mask" else f"Tensor {name}"
        for name in rules.inputs(card, mode)
    ]
    options = {
        "axis": "int dim",
        "mask": "Tensor? where" if of.masked else "",
        "seed": "Tensor seed" if of.seeded else "",
        "switch": "bool {}" if card.over_rows else "",  # another mode of elementwise kernels
    }
    for p in card.parameters:
        number = "Tensor {}" if p.learnable or p.name in tensors else "float {}"
        taken.append(options.get(p.role, number).format(p.name))
    given = ", ".join(["Tensor"] * results_of(card, mode))
    given = given if given == "Tensor" else f"({given})"
    return f"({', '.join(filter(None, [*taken, *more]))}) -> {given}"


def define_mode(
    card: Card,
    mode: str,
    cpu: Callable[..., Any],
    pull_back: Callable[..., Any],
    *,
    keeps: Callable[[Any, Any], Sequence[Any]] = lambda inputs, output: inputs,
    fake: Callable[..., Any] | None = None,
    cuda: Callable[..., Any] | None = None,
    vmap: Callable[..., Any] | None = None,
    elementwise: bool = False,
    more: str = "",
    suffix: str = "",
) -> Any:
    """Registers the operator for a kernel's mode and returns it.

    ``keeps(inputs, output)`` are what backward needs, all inputs unless it says otherwise, and
    ``pull_back(kept, *gradients)`` gives the gradients of the first inputs; the others have none.
    ``more``, a parameter of its own, and ``suffix`` are for operators that are not quite the
    kernel's mode.
    """
    last, results = loop(card.name, mode).tensors - 1, results_of(card, mode)

    def like_last(*args: Any) -> Any:
        found = tuple(torch.empty_like(args[last]) for _ in range(results))
        return found if results > 1 else found[0]

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        kept = keeps(inputs, output)
        if isinstance(output, tuple):
            ctx.mark_non_differentiable(*(t for t in output if not t.is_floating_point()))
        ctx.save_for_backward(*(value for value in kept if isinstance(value, Tensor)))
        ctx.kept = [SAVED if isinstance(value, Tensor) else value for value in kept]
        ctx.inputs = len(inputs)

    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        saved = iter(ctx.saved_tensors)
        kept = [next(saved) if value is SAVED else value for value in ctx.kept]
        found = pull_back(kept, *gradients)
        found = found if isinstance(found, tuple) else (found,)
        return *found, *(None,) * (ctx.inputs - len(found))

    if elementwise:
        vmap = elementwise_vmap(lambda: operator)
    operator = define(
        named(card, suffix or mode), schema(card, mode, more), cpu, fake or like_last,
        cuda=cuda, backward=backward, setup_context=save, vmap=vmap,
    )  # fmt: skip
    OPERATORS.append((operator, mode == "value" and loop(card.name, mode).reduces))
    return operator


def named(card: Card, mode: str) -> str:
    """An operator's name, in which a value goes without saying."""
    return "_".join([card.name, *(word for word in mode.split("_") if word != "value")])


SAVED = object()
"""Stands for a tensor that autograd has saved."""


def present(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """An implementation whose NotImplementedError is an error like others. As it stands it would
    say that the operator has no rule for a kind of tensor, and torch's formula would take its place
    (`by_operator`).
    """

    @wraps(run)
    def implementation(*args: Any) -> Any:
        try:
            return run(*args)
        except NotImplementedError as error:
            raise RuntimeError(f"ogive::{name} failed: {error}") from error

    return implementation


def below_modes(run: Callable[..., Any]) -> Callable[..., Any]:
    """An implementation whose calls of torch no TorchFunctionMode sees, as those of C++ are not
    seen: the context of a device, for instance, would move new tensors.
    """

    @wraps(run)
    def implementation(*args: Any) -> Any:
        if torch._C._is_torch_function_mode_enabled():
            with torch._C.DisableTorchFunction():
                return run(*args)
        return run(*args)

    return implementation


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


def on_gpu(
    name: str,
    mode: str,
    like: Tensor,
    kernel: Callable[[ModuleType], Any],
    otherwise: Callable[[], Any],
    *,
    plain: bool = True,
    options: dict[str, Any] | None = None,
) -> Any:
    """A result of Triton's kernels, if there is one for the mode, for tensors like that and for a
    loss's options, and the call is a plain one; else of torch's operations.
    """
    kernels = triton()
    if plain and kernels is not None and kernels.supported(name, mode, like, options):
        return kernel(kernels)
    warn_of_fallback(name, like.device.type)
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
