"""Which way a call goes: README.md draws them. And what a tensor is, as far as that decides it.

Where a transform meets a compiler, neither a Function nor an operator will do: an operator has no
rule for forward mode, and gives a tangent of 0 without a word. There torch's formula goes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType
from torch.autograd import forward_ad
from torch.nn import Parameter
from torch.overrides import handle_torch_function
from torch.utils._device import DeviceContext

from .. import _native
from ._placement import place
from ._warn import warn_of_fallback

KERNELS, TRANSFORMS, OPERATOR, FORMULA = range(4)

_compiling = torch.compiler.is_compiling
_traced = torch.compiler.is_dynamo_compiling  # cheaper; what else traces has a mode of its own
PLAIN = frozenset((Tensor, Parameter))
# These checks are torch's own, and private; tests/test_torch_autograd.py watches what they decide.
_transforms_active = torch._C._are_functorch_transforms_active
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_unwrapped = torch._C._functorch.get_unwrapped
_torch_modes = torch._C._len_torch_dispatch_stack
_jit_traces = torch._C._is_tracing
_function_mode = torch._C._is_torch_function_mode_enabled
_function_modes = torch._C._len_torch_function_stack
_function_mode_at = torch._C._get_function_stack_at
_keys = torch._C._dispatch_keys
_PLAIN_KEYS = 0
for _key in ("CPU", "ADInplaceOrView", "AutogradCPU", "AutocastCPU"):
    _PLAIN_KEYS |= torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, _key)).raw_repr()
_ODD_KEYS = ~_PLAIN_KEYS
is_batched_gradient = torch._C._functorch.is_legacy_batchedtensor
"""Whether a gradient is one of ``is_grads_batched``, which no transform of torch.func announces.

Operators take it, one call per sample; a Function would lose what autograd records of it.
"""


def is_batched(t: Tensor) -> bool:
    """Whether it stands for a batch of tensors, and has no memory that a kernel could read."""
    return is_batched_gradient(t) or _transforms_active()


def is_plain(t: Tensor) -> bool:
    """Whether kernels may read a tensor's memory: the one place that decides it.

    Its dispatch keys say what stands between a tensor and its memory: a ZeroTensor, which has no
    storage, a negative bit, sparse, quantised, nested and wrapped tensors. And its memory may have
    been freed.
    """
    return _native.is_plain(t) or (has_plain_keys(t) and has_memory(t))


def has_plain_keys(t: Tensor) -> bool:
    return type(t) in PLAIN and not _keys(t).raw_repr() & _ODD_KEYS


def has_memory(t: Tensor) -> bool:
    return t.untyped_storage().data_ptr() != 0 or t.numel() == 0


def refuse_freed(*tensors: Tensor) -> None:
    for t in () if _compiling() else tensors:
        if has_plain_keys(t) and not has_memory(t):
            raise RuntimeError(f"the memory of a tensor of shape {tuple(t.shape)} was freed")


def is_dense(t: Tensor) -> bool:
    """Whether it stores every element, with whatever strides."""
    if t.is_quantized or (t.is_nested and type(t) in PLAIN):
        return False
    return t.layout is torch.strided or t.layout is torch.jagged


def is_for_torch_s_loss(z: Tensor) -> bool:
    """Whether a loss of torch's makes more of these logits than one of ours: shards of classes, of
    which ``loss_parallel`` knows, and logits that are not computed.
    """
    return type(z) not in PLAIN and type(z).__name__ in ("DTensor", "Deferred", "Traced")


def has_no_operator(t: Tensor) -> bool:
    """Whether no operator is registered for its kind, and torch's own functions must take it."""
    return t.device.type not in ("cpu", "cuda", "meta") or not is_dense(t)


def route(x: Tensor) -> int:
    """Which way a call on x goes, by a quick look: KERNELS where x is plain as a rule.

    `is_plain` has the last word, where a kernel finds no memory.
    """
    transformed = _transforms_active() or forward_ad._current_level >= 0
    if _traced():
        return FORMULA if transformed else OPERATOR
    if transformed:
        if _functionalizes():
            return FORMULA
        return TRANSFORMS if x.device.type == "cpu" and not _torch_modes() else FORMULA
    if (
        type(x) not in PLAIN or _function_mode() or not x.is_cpu or _torch_modes() or _jit_traces()
    ):  # fmt: skip
        return OPERATOR
    return KERNELS


SEEN_BY = (_transforms_active, _function_mode, _torch_modes, _jit_traces)
"""What keeps plain tensors from KERNELS, where `unrecorded`; for `_launch.at_once`, by which a call
goes KERNELS' way without a look at its `route`.
"""


def unrecorded() -> bool:
    """Whether no compiler follows the call, which could not look into `_launch.at_once`, and no
    forward mode records it.
    """
    return not _traced() and forward_ad._current_level < 0


def _functionalizes() -> bool:
    """Whether ``torch.func.functionalize`` is a transform at work: it takes no Functions."""
    stack = torch._C._functorch.get_interpreter_stack() or ()
    return any(level.key() == TransformType.Functionalize for level in stack)


unseen = torch._C.DisableTorchFunction
"""A context in which no TorchFunctionMode, and no subclass, sees the calls of torch."""


modes_without_effect: set[type] = {DeviceContext}
"""Modes that do nothing to a call of ours. That of a device (``with torch.device(…)``,
``torch.set_default_device``) concerns new tensors alone, and Ogive's results are on their inputs'
device.
"""


def is_passed_on(*given: Any) -> bool:
    """Whether `pass_on` takes a call: something other than a tensor overrides torch's functions, or
    such modes are all that keeps plain tensors from KERNELS.
    """
    if _traced():
        return False
    if any(map(overrides, given)):
        return True
    for k in range(_function_modes()):
        if type(_function_mode_at(k)) not in modes_without_effect:
            return False
    for t in given:
        if isinstance(t, Tensor) and type(t) not in PLAIN:
            return False
    return _function_mode()  # none in a context of `unseen`


def overrides(value: Any) -> bool:
    """Whether it takes part in torch's functions without being a tensor, as a Proxy of fx does."""
    return not isinstance(value, Tensor) and hasattr(type(value), "__torch_function__")


def pass_on(function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """A call by what overrides it, else again where no mode sees it."""
    overriding = [value for value in (*args, *kwargs.values()) if overrides(value)]
    if overriding:
        return handle_torch_function(function, overriding, *args, **kwargs)
    with unseen():
        return function(*args, **kwargs)


def route_of(*tensors: Tensor) -> int:
    """The way for several tensors: the most general that one of them needs."""
    way = max(map(route, tensors))
    if way == KERNELS and not all(map(is_plain, tensors)):
        refuse_freed(*tensors)
        way = OPERATOR
    if way in (TRANSFORMS, OPERATOR) and any(map(has_no_operator, tensors)):
        way = FORMULA
    return way


def is_wrapped(t: Tensor) -> bool:
    """Whether a transform of torch.func wraps it; unknown while dynamo traces."""
    return not _traced() and _is_wrapped(t)


def values_of(t: Tensor) -> Tensor | None:
    """A tensor's numbers, whatever transforms make of it; None where they are not known yet."""
    if _compiling():
        return None
    t = t.detach()
    while _is_wrapped(t):
        t = _unwrapped(t)
    return None if type(t) not in PLAIN or t.is_meta or _torch_modes() else t


def needs_operator(*tensors: Tensor) -> bool:
    """Whether an operator must take them, because a Function's kernel could not read one of them:
    no plain memory, and no tensor of torch.func either, which Functions unwrap.
    """
    return not all(is_plain(t) or _is_wrapped(t) for t in tensors)


def by_operator(
    name: str, operator: Callable[..., Any], otherwise: Callable[..., Any], *args: Any
) -> Any:
    """What an operator gives; where a kind of tensor has no rule for it, what torch gives.

    Only the dispatch of the operator says so: its implementations raise no NotImplementedError
    (`_operators.present`).
    """
    if _compiling():
        return operator(*args)
    place(args[0])
    try:
        return operator(*args)
    except NotImplementedError as refused:
        missing = refused
    return by_torch(name, otherwise, *args, because=missing)


def by_torch(
    name: str,
    formula: Callable[..., Any],
    *args: Any,
    because: Exception | None = None,
) -> Any:
    """What torch's own functions give, with a warning if there should be a kernel."""
    if _compiling():
        return formula(*args)
    tensors = [a for a in args if isinstance(a, Tensor)]
    odd = [t for t in tensors if has_no_operator(t)] or (tensors if because else [])
    try:
        found = formula(*args)
    except NotImplementedError as error:
        if not odd:
            raise
        raise RuntimeError(
            f"{name} takes dense tensors, not {kind_of(odd[0])} ones; nor has torch a function of "
            "those"
        ) from error
    if odd:
        warn_of_fallback(name, kind_of(odd[0]))
    return found


def kind_of(t: Tensor) -> str:
    """A word for what is not plain about a tensor."""
    if t.is_quantized:
        return "quantized"
    if t.layout is not torch.strided:
        return str(t.layout).removeprefix("torch.").removeprefix("_")
    if type(t) not in PLAIN:
        return type(t).__name__
    return "nested" if t.is_nested else t.device.type


def densely(t: Tensor) -> Tensor:
    """A gradient that stores every element, as operators need it."""
    refuse_freed(t)
    return t if is_dense(t) or t.layout is torch.strided else t.to_dense()
