"""A PyTorch model as it stands: predicted from its own weights, beside what one batch shows.

While one batch runs, every call of a function of torch is seen, and with each tensor goes what is
predicted of its entries: their mean and mean square. Backwards, the squared gradient is multiplied
by each call's factor. Where a function is not known, or mixes entries in a way that weights alone
do not tell (attention, pooling), predictions start again from what was measured, and that is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from ogive import catalog

from .errors import PredictError
from .functions import Function, resolve
from .gaussian import moments_of
from .model_result import Line, ModelPrediction

APART = math.log(2)
"""Predicted and measured K part where their ratio is further from 1 than 2 or 1/2."""

SAME = {
    "view", "reshape", "flatten", "transpose", "permute", "contiguous", "squeeze", "unsqueeze",
    "clone", "to", "float", "double", "half", "type_as", "unflatten", "chunk", "split", "unbind",
    "expand", "movedim", "swapaxes", "detach", "cat", "stack", "concat", "repeat", "roll", "t",
    "select", "narrow", "view_as", "reshape_as", "flip", "expand_as", "__getitem__", "moveaxis",
    "tensor_split", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "upsample", "T", "mT",
}  # fmt: skip
"""Functions whose result has the entries of what they are given."""


@dataclass
class State:
    """What is predicted of a tensor's entries, and how gradients came to it."""

    mean: float
    square: float
    sources: list[tuple[State, float]] = field(default_factory=list)
    """What it was made of, and the factor on the squared gradient on the way back to each."""
    restarted: str = ""
    """Why predictions start again here from measured numbers."""
    size: int = 1
    """Number of entries."""
    gradient: float = 0.0
    """Predicted: sum of squares, over that at the output."""
    measured_gradient: float | None = None
    anchored: bool = False
    """Whether the gradient predicted before it starts from the measured one."""

    @property
    def variance(self) -> float:
        return max(self.square - self.mean**2, 1e-300)


def predict_model(module: nn.Module, x: Any) -> ModelPrediction:
    """See `ogive.predict.model`."""
    inputs = x if isinstance(x, tuple) else (x,)
    _check(module, inputs)
    module = getattr(module, "_orig_mod", module)  # of torch.compile: its functions can be seen
    watch = _Watch(module)
    with (
        torch.enable_grad(),
        torch.random.fork_rng(devices=_devices(module)),
        _kept(module),
        _eager(module),
    ):
        with watch.hooked(), watch:
            given = {}
            if isinstance(x, dict):
                inputs, given = (), x
            output = module(*inputs, **given)
        last = _first_tensor(output)
        if last is None or not last.is_floating_point():
            raise PredictError("the model returns no tensor of floats")
        watch.backward(last)
    return _conclude(watch, module)


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


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict) or hasattr(output, "values"):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return next((t for each in output if (t := _first_tensor(each)) is not None), None)
    return None


class _Watch(TorchFunctionMode):
    """Follows a batch: a state for each tensor of floats, a line for each call of a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.states: Any = WeakTensorKeyDictionary()
        self.order: list[State] = []
        self.lines: list[dict[str, Any]] = []
        self.path: list[str] = []
        self.open: list[int] = []
        self.handles: list[Any] = []

    # Modules.

    def hooked(self) -> _Watch._Hooks:
        return _Watch._Hooks(self)

    class _Hooks:
        def __init__(self, watch: _Watch) -> None:
            self.watch = watch

        def __enter__(self) -> None:
            for path, module in self.watch.module.named_modules():
                before = module.register_forward_pre_hook(self.watch.entering(path, module))
                after = module.register_forward_hook(
                    self.watch.leaving(path, module), always_call=True
                )
                self.watch.handles += [before, after]

        def __exit__(self, *_: object) -> None:
            for handle in self.watch.handles:
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
            found = _first_tensor(output)
            if found is not None and found in self.states:
                state = self.states[found]
                line |= {"state": state, "measured": _measure(found), "tensor": found.shape}
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
            self._add(tensor, State(*_measure(tensor)))
        return tensor, self.states[tensor]

    def _add(self, tensor: Tensor, state: State) -> None:
        state.size = tensor.numel()
        self.states[tensor] = state
        self.order.append(state)

    def _follow(self, name: str, result: Tensor, before: Any, args: Any, kwargs: Any) -> None:
        rule = _rule(name)
        state = None
        if rule is not None:
            try:
                state = rule(_Call(name, result, before, args, kwargs))
            except Exception:  # an unusual call: measured numbers say what it does
                state = None
        if state is None:
            if not result.requires_grad and result.dim() == 0:
                return
            state = State(*_measure(result), restarted=name)
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


def _measure(tensor: Tensor) -> tuple[float, float]:
    values = tensor.detach().double()
    return float(values.mean()), float((values * values).mean())


# What each function does to entries and to gradients.


@dataclass
class _Call:
    name: str
    result: Tensor
    before: list[tuple[Tensor, State | None]]
    args: Any
    kwargs: Any

    @property
    def source(self) -> State:
        state = self.before[0][1]
        if state is None:
            raise PredictError("no floats")
        return state

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


Rule = Callable[[_Call], State | None]


def _rule(name: str) -> Rule | None:
    if name in SAME:
        return _same
    if name in RULES:
        return RULES[name]
    try:
        card = catalog.find(_word(name))
    except ValueError:
        return None
    return _activation if card.kind in ("unary", "gated") else None


def _word(name: str) -> str:
    """A function's name without the library and the overload of an operator."""
    parts = name.split(".")
    return parts[parts[0] == "ogive" and len(parts) > 1].rstrip("_")


def _same(call: _Call) -> State:
    known = [state for _, state in call.before if state is not None]
    parts = known if call.name in ("cat", "stack", "concat") else known[:1]
    total = sum(each.size for each in parts)
    mean = sum(each.mean * each.size for each in parts) / total
    square = sum(each.square * each.size for each in parts) / total
    return State(mean, square, [(each, each.size / total) for each in parts])


def _linear(call: _Call) -> State:
    weight = call.argument(1, "weight").detach().double()
    bias = call.argument(2, "bias")
    return _mapped(call, weight.flatten(1), bias, len(weight), 1.0)


def _convolved(call: _Call) -> State:
    weight = call.argument(1, "weight").detach().double()
    data = call.argument(0, "input")
    # Padding is 0: at the border a part of the weights meets nothing.
    kernel = weight.shape[2:]
    ones = torch.ones((1, 1, *data.shape[2:]), dtype=torch.float64)
    options = [call.argument(3, "stride", 1), call.argument(4, "padding", 0),
               call.argument(5, "dilation", 1)]  # fmt: skip
    filled = getattr(F, f"conv{len(kernel)}d")(
        ones, torch.full((1, 1, *kernel), 1 / math.prod(kernel), dtype=torch.float64), None,
        *options,
    )  # fmt: skip
    return _mapped(call, weight.flatten(1), call.argument(2, "bias"), len(weight),
                   float(filled.mean()))  # fmt: skip


def _mapped(call: _Call, weight: Tensor, bias: Tensor | None, outputs: int, filled: float) -> State:
    """A linear map of entries that vary independently around a common mean."""
    source = call.source
    rows = weight.sum(dim=1) * filled
    mean, square = float(rows.mean()) * source.mean, 0.0
    common = rows * source.mean
    if bias is not None:
        common = common + bias.detach().double()
        mean = float(common.mean())
    square = float((common**2).mean())
    size = float((weight**2).sum()) / outputs
    square += size * filled * source.variance
    return State(mean, square, [(source, size * filled)])


def _conv1d_of_gpt2(call: _Call) -> State:
    """bias + x @ weight."""
    bias, _, weight = call.args[:3]
    call.before = [each for each in call.before if each[0] is call.args[1]]
    weight = weight.detach().double().T
    return _mapped(call, weight, bias, len(weight), 1.0)


def _added(call: _Call) -> State | None:
    scale = call.kwargs.get("alpha", 1)
    return _sum(call, scale)


def _subtracted(call: _Call) -> State | None:
    return _sum(call, -call.kwargs.get("alpha", 1))


def _sum(call: _Call, sign: float) -> State | None:
    if len(call.before) == 1:  # and a number
        other = next((a for a in call.args[:2] if isinstance(a, (int, float))), None)
        if other is None:
            return None
        source = call.source
        flipped = sign < 0 and not isinstance(call.args[0], Tensor)
        mean = other - source.mean if flipped else source.mean + sign * other
        return State(mean, source.variance + mean**2, [(source, 1.0)])
    (_, a), (_, b) = call.before[:2]
    if a is None or b is None:
        return None
    mean = a.mean + sign * b.mean
    square = a.variance + sign**2 * b.variance + mean**2
    # A gradient is summed over what was broadcast, which independent entries add up.
    return State(mean, square, [(a, 1.0), (b, sign**2)])


def _multiplied(call: _Call) -> State | None:
    if len(call.before) == 1:
        numbers = [a for a in call.args[:2] if isinstance(a, (int, float))]
        if not numbers:
            return None
        factor = 1 / numbers[0] if call.name.endswith("div") else numbers[0]
        source = call.source
        return State(factor * source.mean, factor**2 * source.square, [(source, factor**2)])
    (_, a), (_, b) = call.before[:2]
    if a is None or b is None or call.name.endswith("div"):
        return None
    return State(a.mean * b.mean, a.square * b.square, [(a, b.square), (b, a.square)])


def _divided(call: _Call) -> State | None:
    call.name = "div"
    return _multiplied(call) if isinstance(call.args[0], Tensor) else None


def _normalised(call: _Call) -> State:
    """Each group of entries gets mean 0 and variance 1, then a weight and a bias.

    What gradients are divided by is taken from the batch, as the function itself does.
    """
    place = 2 if call.name in ("layer_norm", "group_norm", "rms_norm") else 3
    weight, bias = call.argument(place, "weight"), call.argument(place + 1, "bias")
    centred = call.name != "rms_norm"
    if not centred:
        bias = None
    source = call.source
    scale = 1.0 if weight is None else float((weight.detach().double() ** 2).mean())
    shift = (0.0, 0.0) if bias is None else _measure(bias)
    mean = shift[0]
    if not centred:
        kept = source.mean / math.sqrt(source.square)
        mean += kept * (1.0 if weight is None else _measure(weight)[0])
    inverse = float((1 / (_group_sizes(call, centred) + 1e-12)).mean())
    return State(mean, scale + shift[1], [(source, scale * inverse)])


def _group_sizes(call: _Call, centred: bool) -> Tensor:
    """Variance (or mean square) of each group that is normalised, with the function's eps."""
    data = call.before[0][0].detach().double()
    if call.name in ("layer_norm", "rms_norm"):
        groups = data.flatten(-len(call.argument(1, "normalized_shape")))
        eps = call.argument(4 if centred else 3, "eps", 1e-5 if centred else None)
    elif call.name == "group_norm":
        groups = data.reshape(len(data), call.argument(1, "num_groups"), -1)
        eps = call.argument(4, "eps", 1e-5)
    elif call.name == "instance_norm":
        groups, eps = data.flatten(2), call.argument(7, "eps", 1e-5)
    else:
        groups, eps = data.transpose(0, 1).flatten(1), call.argument(7, "eps", 1e-5)
    middle = groups.mean(-1, keepdim=True) if centred else 0.0
    return ((groups - middle) ** 2).mean(-1) + (eps or 0.0)


def _batch_normalised(call: _Call) -> State | None:
    training = call.argument(5, "training", False)
    if training:
        return _normalised(call)
    running_mean, running = call.argument(1, "running_mean"), call.argument(2, "running_var")
    if running is None:
        return _normalised(call)
    weight, bias = call.argument(3, "weight"), call.argument(4, "bias")
    eps = call.argument(7, "eps", 1e-5)
    scale = 1 / (running.detach().double() + eps).sqrt()
    if weight is not None:
        scale = scale * weight.detach().double()
    shift = -running_mean.detach().double() * scale
    if bias is not None:
        shift = shift + bias.detach().double()
    source = call.source
    factor = float((scale**2).mean())
    common = scale * source.mean + shift
    square = factor * source.variance + float((common**2).mean())
    return State(float(common.mean()), square, [(source, factor)])


def _dropped(call: _Call) -> State:
    p = call.argument(1, "p", 0.5)
    training = call.argument(2, "training", True)
    factor = 1 / (1 - p) if training and 0 <= p < 1 else 1.0
    source = call.source
    return State(source.mean, source.square * factor, [(source, factor)])


def _activation(call: _Call) -> State | None:
    card = catalog.find(_word(call.name))
    form = catalog.approximations(card).get(call.kwargs.get("approximate"))
    card = card if form is None else catalog.find(form)
    if card.kind == "gated":
        return _gated(call, card.gate)
    given: dict[str, Any] = {}
    operands = [p for p in card.parameters if p.operand]
    for place, parameter in enumerate(operands, 1):
        value = call.argument(place, parameter.name, parameter.default)
        if isinstance(value, Tensor):
            value = float(value.detach().double().mean())
        given[parameter.name] = float(value)
    return _through(call.source, resolve(card, **given))


def _through(source: State, function: Function) -> State:
    here = moments_of(function, source.variance, source.mean)
    return State(here.mean, here.square, [(source, here.slope_square)])


def _gated(call: _Call, gate: str) -> State:
    """The halves of one tensor, or two tensors: a f(b)."""
    known = [state for _, state in call.before if state is not None]
    a, b = known[0], known[-1]
    inner = moments_of(resolve(gate), b.variance, b.mean)
    square = a.square * inner.square
    if a is b:
        # Half the entries each.
        factor = (inner.square + a.square * inner.slope_square) / 2
        return State(a.mean * inner.mean, square, [(a, 2 * factor)])
    return State(a.mean * inner.mean, square,
                 [(a, inner.square), (b, a.square * inner.slope_square)])  # fmt: skip


def _looked_up(call: _Call) -> State | None:
    weights = [state for _, state in call.before if state is not None]
    return State(weights[-1].mean, weights[-1].square, []) if weights else None


RULES: dict[str, Rule] = {
    "linear": _linear, "addmm": _conv1d_of_gpt2,
    "conv1d": _convolved, "conv2d": _convolved, "conv3d": _convolved,
    "add": _added, "__add__": _added, "__radd__": _added, "__iadd__": _added,
    "sub": _subtracted, "__sub__": _subtracted, "__rsub__": _subtracted,
    "mul": _multiplied, "__mul__": _multiplied, "__rmul__": _multiplied, "__imul__": _multiplied,
    "div": _divided, "__truediv__": _divided, "true_divide": _divided,
    "layer_norm": _normalised, "group_norm": _normalised, "instance_norm": _batch_normalised,
    "rms_norm": _normalised, "batch_norm": _batch_normalised,
    "dropout": _dropped, "dropout1d": _dropped, "dropout2d": _dropped, "dropout3d": _dropped,
    "feature_dropout": _dropped, "embedding": _looked_up,
}  # fmt: skip


def _conclude(watch: _Watch, module: nn.Module) -> ModelPrediction:
    lines, parted = [], ""
    for each in watch.lines:
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
