"""Follows one batch through a model, call by call, and a gradient back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from .layer_rules import Call, State, measure, rule_of


def first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict) or hasattr(output, "values"):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return next((t for each in output if (t := first_tensor(each)) is not None), None)
    return None


class Following(TorchFunctionMode):
    """Follows a batch: a state for each tensor of floats, a line for each call of a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.states: Any = WeakTensorKeyDictionary()
        self.order: list[State] = []
        self.lines: list[dict[str, Any]] = []
        self.path: list[str] = []
        self.open: list[int] = []

    # Modules.

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """While calls of modules are seen too."""
        handles: list[Any] = []
        try:
            for path, module in self.module.named_modules():
                handles.append(module.register_forward_pre_hook(self.entering(path, module)))
                after = self.leaving(path, module)
                handles.append(module.register_forward_hook(after, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def entering(self, path: str, module: nn.Module) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            depth = len(self.path)
            self.path.append(path)
            self.lines.append({"path": path, "module": module, "depth": depth, "state": None})
            self.open.append(len(self.lines) - 1)

        return hook

    def leaving(self, path: str, module: nn.Module) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            line = self.lines[self.open.pop()]
            self.path.pop()
            found = first_tensor(output)
            if found is not None and found in self.states:
                state = self.states[found]
                line |= {"state": state, "measured": measure(found), "tensor": found.shape}
                self._read(found, state)

        return hook

    # Functions.

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # In-place functions change what they were given: its state is read before.
        before = [self._state(each) for each in _tensors(args, kwargs)]
        output = func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        if name in ("__get__", "__set__", "size", "dim", "requires_grad_", "backward"):
            return output
        for result in _tensors((output,), {}):
            if result.is_floating_point() and (before or result.dim()):
                self._follow(name.strip("_") if name[:2] != "__" else name, result,
                             before, args, kwargs)  # fmt: skip
        return output

    def _state(self, tensor: Tensor) -> tuple[Tensor, State | None]:
        if not tensor.is_floating_point():
            return tensor, None
        if tensor not in self.states:
            # Inputs, parameters and what was made elsewhere are what they are.
            self._add(tensor, State(*measure(tensor)))
        return tensor, self.states[tensor]

    def _add(self, tensor: Tensor, state: State) -> None:
        state.size = tensor.numel()
        self.states[tensor] = state
        self.order.append(state)

    def _follow(self, name: str, result: Tensor, before: Any, args: Any, kwargs: Any) -> None:
        rule = rule_of(name)
        state = None
        if rule is not None:
            try:
                state = rule(Call(name, result, before, args, kwargs))
            except Exception:  # an unusual call: measured numbers say what it does
                state = None
        if state is None:
            if not result.requires_grad and result.dim() == 0:
                return
            state = State(*measure(result), restarted=name)
            for source, its in before:
                # What lies before is told by the gradient measured here.
                if its is not None and self._read(source, its):
                    its.anchored = True
        self._add(result, state)

    def _read(self, tensor: Tensor, state: State) -> bool:
        """Measure the gradient that comes to a tensor; parameters keep no hook of ours."""
        if not tensor.requires_grad or tensor.is_leaf:
            return False
        tensor.register_hook(_reads(state))  # type: ignore[no-untyped-call]
        return True

    # Gradients.

    def backward(self, last: Tensor) -> None:
        """Send a random gradient back, and predict it through the states."""
        if not last.requires_grad:
            return
        dy = torch.randn_like(last)
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        torch.autograd.grad(last, parameters, dy, allow_unused=True)
        unit = float((dy.double() ** 2).sum())
        self.states[last].gradient = 1.0
        for state in reversed(self.order):
            if state.measured_gradient is not None:
                state.measured_gradient /= unit
            if state.anchored and state.measured_gradient is not None:
                state.gradient = state.measured_gradient
            for source, factor in state.sources:
                source.gradient += factor * state.gradient


def _reads(state: State) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        state.measured_gradient = float((gradient.detach().double() ** 2).sum())

    return hook


def _tensors(args: Any, kwargs: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for each in (*args, *kwargs.values()):
        if isinstance(each, Tensor):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found += _tensors(each, {})
    return found
