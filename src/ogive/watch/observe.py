"""Sees one training step: linear maps, activations, losses, in whatever style they are called.

On an observed step a mode of torch sees each call of a torch function, from the first call of the
model to the optimizer's step. It lies at the bottom of torch's stack of modes, so that modes that
the program enters and leaves meanwhile are not disturbed; it passes every call on as it is.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import (  # type: ignore[attr-defined]
    TorchFunctionMode,
    _get_current_function_mode_stack,
    _len_torch_function_stack,
    _pop_mode,
    _push_mode,
)
from torch.utils._device import DeviceContext

from .functions import (
    BLENDS,
    CONVOLUTIONS,
    DROPOUT,
    LOSSES,
    NORMS,
    RECURRENT,
    SAME,
    SOFTMAX,
    Activation,
    activation_card,
    activation_of,
    word,
)
from .heads import LossSeen
from .places import Place
from .recurrent import gates

FORWARD, BACKWARD, DONE = "forward", "backward", "done"


@dataclass(frozen=True)
class Info:
    """What is known of a tensor of an observed step."""

    place: Place | None = None
    """The last layer that its entries went through."""
    axis: int = -1
    """Along which that layer's units lie."""
    linear: bool = False
    """Nothing but linear maps since that layer."""
    activated: Place | None = None
    """The activation whose output it is."""
    softmax: str = ""
    """softmax or log_softmax, whose output it is."""
    only: bool = False
    """That softmax was over one entry."""
    twice: bool = False
    """It was of a softmax."""
    softened: str = ""
    """Path of the softmax's module, where it is one."""
    residual: bool = False
    normed: bool = False
    summed: bool = False
    """Outputs of several layers were added up."""


class Observer(TorchFunctionMode):
    """Follows one step of one model or several that train together."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner
        self.phase = DONE
        self._infos: dict[int, tuple[weakref.ref[Tensor], Info]] = {}
        self._calls: dict[str, int] = {}
        self._numbers: dict[tuple[str, int, str], int] = {}
        self._hooked: set[int] = set()

    # The stack of modes.

    @property
    def inserted(self) -> bool:
        """Asked of torch, since a function that is being handled takes its mode off meanwhile."""
        return any(mode is self for mode in _get_current_function_mode_stack())

    def insert(self) -> None:
        """Lie below the program's own modes; a default device stays lowest, as torch expects."""
        if self.inserted:
            return
        above = [_pop_mode() for _ in range(_len_torch_function_stack())]
        if above and isinstance(above[-1], DeviceContext):
            _push_mode(above.pop())
        _push_mode(self)
        for mode in reversed(above):
            _push_mode(mode)

    def remove(self) -> None:
        """Leave the others as they are."""
        if not self.inserted:
            return
        stack = [_pop_mode() for _ in range(_len_torch_function_stack())]
        for mode in reversed(stack):
            if mode is not self:
                _push_mode(mode)

    def begin(self) -> None:
        """A new step."""
        self.phase = FORWARD
        self._infos.clear()
        self._hooked.clear()
        self.begin_call()

    def begin_call(self) -> None:
        """The outermost module is called: layers are counted from 0 again."""
        self._calls.clear()
        self._numbers.clear()

    def end(self) -> None:
        """The step is over."""
        self.phase = DONE
        self._infos.clear()

    # Functions.

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.phase is DONE or torch.compiler.is_compiling():
            return func(*args, **kwargs)
        name = word(func)
        rule = _RULES.get(name)
        if rule is None:
            if name[:2] == "__" or not self._is_activation(name):
                self._used(args)
                return func(*args, **kwargs)
            rule = Observer._activation
        before: Callable[[Any], None] | None = None
        try:
            before = rule(self, name, func, args, kwargs)
        except Exception as error:
            self.owner.failed(error)
        result = func(*args, **kwargs)
        if before is not None:
            try:
                before(result)
            except Exception as error:
                self.owner.failed(error)
        return result

    @staticmethod
    def _is_activation(name: str) -> bool:
        return activation_card(name) is not None

    def info(self, tensor: Any) -> Info | None:
        """What is known of a tensor."""
        found = self._infos.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def _know(self, tensor: Any, info: Info | None) -> None:
        if isinstance(tensor, Tensor) and info is not None:
            self._infos[id(tensor)] = weakref.ref(tensor), info

    def _used(self, args: Any) -> None:
        """A function that is not followed takes a layer's output: it is not the model's."""
        if not self._infos:
            return
        for each in args:
            if isinstance(each, Tensor):
                info = self.info(each)
                if info is not None and info.place is not None:
                    info.place.consumed = True

    # Each rule looks at the arguments before the call, and returns what looks at its result.

    def _same(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        info = self.info(args[0]) if args else None
        if info is None:
            return None

        def after(result: Any) -> None:
            for each in result if isinstance(result, (tuple, list)) else (result,):
                self._know(each, info)

        return after

    def _softened(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Dropout and norms: units keep their place."""
        info = self.info(args[0]) if args else None
        if info is None:
            return None
        normed = name in NORMS
        info = replace(info, linear=info.linear and not normed, normed=info.normed or normed,
                       softmax=info.softmax if not normed else "")  # fmt: skip
        if normed:
            info = replace(info, activated=None)
        return lambda result: self._know(result, info)

    def _blended(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        given = list(_tensors(args))
        known = [info for each in given if (info := self.info(each)) is not None]
        if not known:
            return None
        if "mul" in name and len(known) == 2:
            _gates_itself(known[0].place, known[1].place)
        # Of two branches, the later layer's units are those that the sum is called by.
        last = max(known, key=lambda info: info.place.order if info.place else -1)
        scaled = len(given) == 1 and name not in ("mean", "sum", "max", "amax", "max_pool2d")
        bias = "add" in name and any(isinstance(each, nn.Parameter) for each in given)
        many = len(known) > 1
        info = replace(last, linear=last.linear and (scaled or bias), activated=None,
                       softmax=last.softmax if scaled and "pow" not in name else "",
                       residual=last.residual or many,
                       summed=last.summed or (many and "add" in name))  # fmt: skip

        def after(result: Any) -> None:
            for each in result if isinstance(result, tuple) else (result,):
                self._know(each, info)

        return after

    def _linear(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        data, weight = _operands(name, args, kwargs)
        parameter = self.owner.parameter(weight)
        ours = parameter is not None or self.owner.inside()
        if not ours or (parameter is None and name not in ("linear", *CONVOLUTIONS)):
            self._used(args)
            return None
        layer = parameter[0] if parameter else self.owner.path()
        convolved = name in CONVOLUTIONS
        transposed = "transpose" in name
        axis = 1 - weight.dim() if convolved else -1
        if convolved:
            units = weight.shape[1] * _groups(args, kwargs) if transposed else weight.shape[0]
            fan_in = weight.numel() // weight.shape[0 if not transposed else 1]
        else:
            units = weight.shape[0 if name == "linear" else -1]
            fan_in = weight.numel() // max(1, units)
        info = self.info(data)
        kind = self.owner.kind(layer) or (name if convolved else "Linear")
        call = self._count(layer)
        place = self.owner.place(layer, call, kind, units, None, 0)
        place.fan_in, place.weight = fan_in, parameter[1] if parameter else ""
        if info is not None and info.place is not None:
            info.place.consumed = True
            if info.activated is not None:
                info.activated.consumed = True
            place.source = info.activated or info.place
            place.direct = info.activated is not None
            place.summed = info.summed and not info.normed
            grouped = convolved and _groups(args, kwargs) > 1
            if info.linear and not grouped and self.phase is FORWARD:
                self.owner.linear_pair(info.place, place)
        self.owner.input(place, data, info)

        def after(result: Any) -> None:
            self._know(result, Info(place=place, axis=axis, linear=True))
            if (layer, call) in self.owner.activated_layers:
                return  # the activation's place stands for the layer's
            if self.phase is FORWARD:
                self.owner.output(place, result, axis)
            self._hook(place, result, axis)

        return after

    def _count(self, layer: str) -> int:
        call = self._calls.get(layer, 0)
        self._calls[layer] = call + 1
        return call

    def _activation(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        activation = activation_of(name, func, args, kwargs)
        if activation is None:
            return self._same(name, func, args, kwargs)
        gated = activation.card.kind == "gated"
        z, half = args[0], False
        if gated:
            two = len(args) > 1 and isinstance(args[1], Tensor)
            z, half = (args[1], False) if two else (args[0], True)
        if not z.is_floating_point() or not z.dim():
            return None
        info = self.info(z) or Info()
        if info.place is None and not self.owner.inside():
            return None  # another model's, or the program's own
        dim = _axis(z, info)
        units = z.shape[dim] // (2 if half else 1)
        layer = info.place.layer if info.place is not None else self.owner.path()
        call = info.place.call if info.place is not None else self._count(f"{layer} {name}")
        number = self._numbers.get((layer, call, activation.name), 0)
        self._numbers[layer, call, activation.name] = number + 1
        kind = info.place.kind if info.place is not None else ""
        place = self.owner.place(layer, call, kind, units, activation, number)
        place.activation = activation
        place.path, in_module = self.owner.caller()
        place.style = ("in-place" if activation.in_place else "") or (
            "module" if in_module else "function"
        )
        place.residual, place.normed = info.residual, info.normed
        if info.place is not None:
            place.fan_in, place.weight = info.place.fan_in, info.place.weight
            place.source, place.direct = info.place.source, info.place.direct
            place.summed = info.place.summed
            info.place.consumed = True
            self.owner.activated(info.place)
        if self.phase is FORWARD:
            entries = z.chunk(2, dim)[1] if half else z
            place.add(entries, dim)
        self._hook(place, z, dim, half)
        known = Info(place=place, axis=dim - z.dim(), activated=place)
        return lambda result: self._know(result, known)

    def _hook(self, place: Place, z: Any, axis: int, half: bool = False) -> None:
        """Take dL/dz when it comes; once in a step, though a checkpoint computes z twice."""
        if not (isinstance(z, Tensor) and z.requires_grad) or z.is_leaf:
            return
        recomputed = self.phase is BACKWARD
        if recomputed and id(place) in self._hooked:
            return
        self._hooked.add(id(place))
        owner = self.owner

        def came(gradient: Tensor) -> None:
            try:
                place.add_gradient(gradient.chunk(2, axis)[1] if half else gradient, axis)
            except Exception as error:
                owner.failed(error)

        z.register_hook(came)

    def _soft(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        info = self.info(args[0]) or Info()
        if self.phase is not FORWARD:
            return None
        dim = kwargs.get("dim", args[1] if len(args) > 1 else -1)
        dim = dim if isinstance(dim, int) else -1
        one = isinstance(args[0], Tensor) and args[0].dim() > 0 and args[0].shape[dim] == 1
        twice = info.softmax == "softmax"
        path, in_module = self.owner.caller()
        known = replace(info, linear=False, activated=None, softmax=SOFTMAX[name], only=one,
                        twice=twice, softened=path if in_module else "")  # fmt: skip

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self._know(result, known)

        return after

    def _log(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        info = self.info(args[0])
        if info is None or info.softmax != "softmax":
            return None
        return lambda result: self._know(result, replace(info, softmax="log_softmax"))

    def _loss(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if self.phase is not FORWARD:
            return None
        if name == "linear_cross_entropy":
            return None
        given = args[0] if args else kwargs.get("input", kwargs.get("logits"))
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(given, Tensor) or not isinstance(target, Tensor):
            return None
        info = self.info(given) or Info()
        for each in (info.place, info.activated):
            if each is not None:
                each.head = True
        options = {key: value for key, value in kwargs.items() if not isinstance(value, Tensor)}
        seen = LossSeen(name, LOSSES[name], given, target, info.softmax, info.only,
                        info.twice, info.softened, info.activated, info.place, options)  # fmt: skip
        self.owner.loss(seen)
        return None

    def _recurrent(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        self._used(args)
        if self.phase is not FORWARD:
            return None
        weights = [each for each in _tensors(args) if self.owner.parameter(each) is not None]
        found = self.owner.parameter(weights[0]) if weights else None
        if found is None and not self.owner.inside():
            return None
        layer = found[0] if found else self.owner.path()
        call = self._count(layer)
        if call and name.endswith("cell"):
            call = 0  # a cell is called once for each time step: one place
        order = self.owner.place(layer, call, RECURRENT[name], 0, None, 0)
        for gate, activation, z in gates(name, args):
            place = self.owner.place(layer, call, f"{RECURRENT[name]} gate", z.shape[-1],
                                     activation, 0, gate)  # fmt: skip
            place.path, place.style, place.consumed = layer, "module", True
            place.add(z, -1)
        order.units = 0

        def after(result: Any) -> None:
            output = result[0] if isinstance(result, tuple) else result
            self._know(output, Info(place=order, axis=-1, activated=None))

        return after

    def _attention(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Its softmax is no head's; what comes out has gone through it."""
        self._used(args)
        return None


def _gates_itself(a: Place | None, b: Place | None) -> None:
    """x times a bounded function of x is an unbounded activation by hand, such as SiLU or GELU."""
    if a is None or b is None or (a.layer, a.call) != (b.layer, b.call):
        return
    for gate, other in ((a, b), (b, a)):
        if gate.activation is not None and gate.activation.bounded and other.activation is None:
            gate.by_hand = True


def _operands(name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    if name == "addmm":
        return args[1], args[2]
    data = args[0] if args else kwargs.get("input")
    weight = args[1] if len(args) > 1 else kwargs.get("weight", kwargs.get("other"))
    return data, weight


def _groups(args: Any, kwargs: Any) -> int:
    """Of a convolution; of a transposed one, after the output's padding."""
    found = kwargs.get("groups", args[6] if len(args) > 6 else 1)
    return found if isinstance(found, int) else 1


def _axis(z: Tensor, info: Info) -> int:
    """Along which the units lie."""
    if info.place is not None and info.place.units:
        axis = info.axis % z.dim() if -z.dim() <= info.axis < z.dim() else -1
        if z.shape[axis] == info.place.units:
            return axis % z.dim()
        for dim in (-1, 1):
            if z.dim() > 1 and z.shape[dim] == info.place.units:
                return dim % z.dim()
    if info.place is None and z.dim() in (4, 5):
        return 1
    return z.dim() - 1


def _tensors(args: Any) -> Iterator[Tensor]:
    for each in args:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, (list, tuple)):
            yield from _tensors(each)


class Owner(Protocol):
    """What an observer asks and tells: see `ogive.watch.monitor`."""

    activated_layers: set[tuple[str, int]]
    """Layers and their calls whose output an activation takes."""

    def failed(self, error: Exception) -> None: ...
    def parameter(self, tensor: Any) -> tuple[str, str] | None: ...
    def path(self) -> str: ...
    def inside(self) -> bool: ...
    def caller(self) -> tuple[str, bool]: ...
    def kind(self, layer: str) -> str: ...
    def place(
        self, layer: str, call: int, kind: str, units: int, activation: Activation | None,
        number: int, gate: str = "",
    ) -> Place: ...  # fmt: skip
    def linear_pair(self, first: Place, second: Place) -> None: ...
    def input(self, place: Place, data: Tensor, info: Info | None) -> None: ...
    def output(self, place: Place, result: Tensor, axis: int) -> None: ...
    def activated(self, place: Place) -> None: ...
    def loss(self, seen: LossSeen) -> None: ...


Rule = Callable[[Observer, str, Any, Any, Any], Any]

_RULES: dict[str, Rule] = {
    **dict.fromkeys(SAME, Observer._same),
    **dict.fromkeys((*DROPOUT, *NORMS), Observer._softened),
    **dict.fromkeys(BLENDS, Observer._blended),
    **dict.fromkeys(
        ("linear", "addmm", "matmul", "__matmul__", "mm", "bmm", *CONVOLUTIONS), Observer._linear
    ),
    **dict.fromkeys(
        ("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_"), Observer._activation
    ),
    **dict.fromkeys(SOFTMAX, Observer._soft),
    **dict.fromkeys(("log", "log_"), Observer._log),
    **dict.fromkeys(LOSSES, Observer._loss),
    **dict.fromkeys(RECURRENT, Observer._recurrent),
    **dict.fromkeys(
        ("scaled_dot_product_attention", "multi_head_attention_forward"), Observer._attention
    ),
}
