"""What a model calls as functions, while the code of its modules runs."""

from __future__ import annotations

import functools
import inspect
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode,
    _get_current_function_mode_stack,
)
from torch.utils.checkpoint import CheckpointFunction

from ._adapters import ADAPTERS, adapters
from ._deferred import DEFERRED
from ._public import FUNCTIONS
from ._route import modes_without_effect
from ._stand_in import like, stand_in


class Adapted:
    """A function of torch's by ours, or by torch where the arguments go beyond ours."""

    def __init__(self, torch_function: Any, lean: bool | None):
        self.torch_function, self.lean = torch_function, lean
        self.__name__ = torch_function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = adapters()[self.torch_function](self.lean, FUNCTIONS, *args, **kwargs)
        return self.torch_function(*args, **kwargs) if found is NotImplemented else found


class Functional(TorchFunctionMode):
    """While it is active, torch's functions are ours where they can be."""

    paused = False

    def __init__(self, lean: bool | None):
        super().__init__()
        self.lean = lean

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        adapted = None if self.paused or not DEFERRED.isdisjoint(types) else ADAPTERS.get(func)
        if adapted is not None:
            found = adapted(self.lean, FUNCTIONS, *args, **kwargs)
            if found is not NotImplemented:
                return found
        return func(*args, **kwargs)


modes_without_effect.add(Functional)

# The mode must be active wherever code of the model runs: in its forward, in that of each of its
# parts called alone, and when a checkpoint runs some of it again, in backward.


def active_modes() -> list[Functional]:
    """The modes that are active in this thread."""
    stack = _get_current_function_mode_stack()
    return [mode for mode in stack if isinstance(mode, Functional) and not mode.paused]


def mode_now() -> Functional | None:
    """The one of them that decides."""
    return (None, *active_modes())[-1]


def of_functions(cls: type, lean: bool | None, fused: Any = None) -> type:
    """The class as it is in a swapped model: its methods run in the mode. `fused`, of the class,
    gives another forward.
    """
    carry_through_checkpoints()
    forward = None if fused is None else fused(cls)

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        return {
            name: in_mode(cls, name, lean, made, forward if name == "forward" else None)
            for name in methods_of_functions(cls)
        }

    return stand_in(cls, of_functions, (lean, fused), write)


def methods_of_functions(cls: type) -> Iterator[str]:
    """forward, and the methods beside it that may call functions of torch: those of the library
    that the class is from, and of another those that name such a function.

    The others of another library stay: Lightning asks of its own whether they were overridden.
    """
    yield "forward"
    words = {function.__name__ for function in adapters()}
    home = cls.__module__.split(".")[0]
    for name in dir(cls):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        method = vars(owner)[name]
        if (
            isinstance(method, types.FunctionType)
            and issubclass(owner, torch.nn.Module)
            and not hasattr(torch.nn.Module, name)
            and not inspect.isgeneratorfunction(method)
            and not inspect.iscoroutinefunction(method)
        ) and (owner.__module__.split(".")[0] == home or words & names_in(method.__code__)):
            yield name


def names_in(code: types.CodeType) -> set[str]:
    """What a function's code looks up, in the functions inside it too."""
    inner = (names_in(const) for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*inner)


def in_mode(of: Any, name: str, lean: bool | None, made: Callable[[], Any], run: Any = None) -> Any:
    """A method of a class, or `run` in its place, in the mode; kept elsewhere, it is the original
    after `unswap`.
    """
    mode, top = Functional, _get_current_function_mode

    def in_the_mode(self: Any, *args: Any, **kwargs: Any) -> Any:
        now = top()
        active = isinstance(now, mode) and now.lean is lean and not now.paused
        swapped = isinstance(self, made())
        method = run if run is not None and swapped else getattr(of, name)
        if active or not swapped:
            return method(self, *args, **kwargs)
        with mode(lean):
            return method(self, *args, **kwargs)

    original = getattr(of, name)
    # Annotations are looked up where the original's are.
    return like(original, in_the_mode, getattr(original, "__globals__", None))


class Held:
    """A forward that an instance has in place of its class's, in the mode.

    What unwraps it, as accelerate does, finds the class's.
    """

    def __init__(self, forward: Any, lean: bool | None, of_class: Any):
        self.forward, self.lean = forward, lean
        functools.update_wrapper(self, forward, updated=())
        self.__wrapped__ = of_class

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with Functional(self.lean):
            return self.forward(*args, **kwargs)


def carry_through_checkpoints() -> None:
    """Make what runs again in backward run in the mode, or outside it, as it did at first.

    That is a reentrant checkpoint's function, and all that the hooks of saved tensors do, by which
    checkpoints of torch and of other libraries bring back what they did not keep. Both begin in
    forward, where it is known. (A checkpoint does the same for autocast and the default device.)
    """
    with _carrying:
        if not getattr(saved_tensors_hooks.__init__, "carries_functions", False):
            _carry()


_carrying = threading.Lock()


def _carry() -> None:
    make, forward = saved_tensors_hooks.__init__, CheckpointFunction.forward

    def __init__(self: Any, pack_hook: Any, unpack_hook: Any) -> None:
        if not isinstance(unpack_hook, torch.fx.GraphModule):  # of which compilers know more
            unpack_hook = functools.partial(_again, mode_now(), unpack_hook)
        make(self, pack_hook, unpack_hook)

    def carried(ctx: Any, run_function: Any, *args: Any) -> Any:
        return forward(ctx, functools.partial(_again, mode_now(), run_function), *args)

    __init__.carries_functions = True  # type: ignore[attr-defined]
    saved_tensors_hooks.__init__ = functools.wraps(make)(__init__)  # type: ignore[method-assign]
    CheckpointFunction.forward = staticmethod(  # type: ignore[method-assign]
        functools.wraps(forward)(carried)
    )


def _again(then: Functional | None, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if then is not None:
        with Functional(then.lean):
            return run(*args, **kwargs)
    active = active_modes()
    for mode in active:
        mode.paused = True
    try:
        return run(*args, **kwargs)
    finally:
        for mode in active:
            mode.paused = False
