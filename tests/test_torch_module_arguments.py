"""Every argument of a module reaches its function, its repr, its copies and its pickles.

What each may be is in tests/torch_calls.py, as for the functions.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_calls import PUBLIC, ROW, Given, Public, fresh, some  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
WEIGHTS = {"weight", *itertools.chain(*(card.weights for card in ogive.catalog("heads")))}
"""Tensors that modules keep."""
BY_FUNCTION = {f.function: f for f in PUBLIC}
MODULES: Given = {
    "num_parameters": [ROW], "init": [0.4], "device": ["meta"], "dtype": [torch.float64],
    "in_features": [2], "num_classes": [ROW], "out_features": [(2,)], "bias": [True],
    "min_value": [-0.5], "max_value": [0.5],
}  # fmt: skip
"""Arguments of constructors that are none of the function's."""
FORWARD = {"gate": "b"}
"""Arguments of forward that the function has under another name."""
UNSHOWN = (
    "weight", "pos_weight", "generator", "init", "device", "dtype", "bias", "min_value",
    "max_value", "create_graph", "size_average", "reduce",
)  # fmt: skip
"""What torch's own modules do not show either, and what is no setting of the result."""
SHOWN_AS_TORCH_S = [("Hardsigmoid", "inplace"), ("Hardswish", "inplace")]
"""Torch's modules do not show these, nor do ours: tests/test_torch_nn.py has their text."""
every_module = pytest.mark.parametrize("cls", [getattr(ot.nn, n) for n in sorted(ot.nn.__all__)])


def function_of(cls: Any) -> Public:
    return BY_FUNCTION[getattr(cls, "function", ot.linear_cross_entropy)]


def constructor(cls: Any) -> dict[str, None]:
    """The names that a constructor takes, handed on by keyword or not."""
    found: dict[str, None] = {}
    for base in cls.__mro__:
        if (init := vars(base).get("__init__")) is None:
            continue
        taken = inspect.signature(init).parameters.values()
        more = [p.kind for p in taken if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        found |= {p.name: None for p in taken if p.name != "self" and p.kind not in more}
        if not more:
            return found
        if "signature" in vars(cls):
            return found | dict.fromkeys(cls.signature.parameters)
        found |= {name: None for name, _ in getattr(base, "parameters_of_function", ())}
    return found


def values(cls: Any, name: str) -> list[Any]:
    tried = MODULES.get(name, function_of(cls).varied.get(name, ()))
    return [v for v in tried if not isinstance(v, torch.Tensor) or name in WEIGHTS]


def made(cls: Any, **given: Any) -> Any:
    sizes = {"in_features": 2, "num_classes": ROW} if "in_features" in constructor(cls) else {}
    layer = cls(**{**sizes, **given})
    for name, p in layer.named_parameters():
        assert p.dtype == given.get("dtype", torch.float32), f"{name} of {cls}: {p.dtype}"
    if hasattr(layer, "linear"):
        assert (layer.linear.bias is not None) == given.get("bias", False), f"bias of {cls}"
    return layer.double()


def inputs(f: Public, layer: Any) -> Given:
    taken = inspect.signature(layer.forward).parameters.values()
    first = dict(zip(("input", "target"), f.first.values(), strict=False))
    if "linear_weight" in f.first:
        first["target"] = f.first["target"]
    return {p.name: first[p.name] for p in taken if p.default is p.empty}


def run(call: Any, given: Given) -> Any:
    torch.manual_seed(0)
    given = fresh(given)
    if given.get("inplace") or getattr(call, "inplace", False):
        given["input"] = given["input"].clone()
    return call(**given)


def expected(f: Public, layer: Any, options: Given) -> Any:
    """The function of what the layer is given, and of what it holds."""
    given = {**f.first, **{k: v for k, v in options.items() if k not in MODULES}}
    if "training" in f.arguments():
        given["training"] = layer.training
    if type(layer) is ot.nn.Softmax2d:
        given["dim"] = -3
    if f.kind == "learned":
        given["weight"] = layer.weight
    if f.kind == "linear":
        shape = layer.num_classes, *layer.out_features
        given["linear_weight"] = layer.linear.weight.reshape(*shape, -1)
        if layer.linear.bias is not None:
            given["linear_bias"] = layer.linear.bias.reshape(shape)
    for old, new in (("min_value", "min_val"), ("max_value", "max_val")):
        if old in options:
            given[new] = options[old]
    return run(f.function, given)


@every_module
def test_every_argument_of_a_constructor_counts(cls: Any) -> None:
    check(cls, {})
    for name in constructor(cls):
        tried = values(cls, name)
        assert tried, f"nothing is tried for {name} of ogive.torch.nn.{cls.__name__}"
        for value in tried:
            check(cls, {name: value})


def check(cls: Any, given: Given) -> None:
    """A module of these arguments, its copy and what is read back from its pickle."""
    what, f = f"{cls.__name__} of {given}", function_of(cls)
    if "device" in given:
        assert all(p.is_meta for p in made(cls, **given).parameters()), what
        return
    options = fresh(given)
    layer, plain = made(cls, **options), made(cls)
    for name, value in options.items():
        assert name in WEIGHTS or getattr(layer, name, value) is value, what
        shown = name not in UNSHOWN and (cls.__name__, name) not in SHOWN_AS_TORCH_S
        if shown and getattr(plain, name, None) != value:
            assert f"{name}={value}".replace("'", "") in repr(layer).replace("'", ""), what
    if "out_features" in given:
        return  # whose targets tests/test_torch_linear.py has
    first = inputs(f, layer)
    assert torch.equal(run(layer, first), expected(f, layer, given)), what
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(again) == repr(layer), what
        kept = {name: value for name, value in given.items() if name != "generator"}
        assert getattr(again, "generator", None) is None  # which is no part of what is saved
        assert torch.equal(run(again, first), expected(f, again, kept)), f"a copy of {what}"


@every_module
def test_every_argument_of_forward_counts(cls: Any) -> None:
    f, layer = function_of(cls), made(cls)
    first = inputs(f, layer)
    for name in inspect.signature(layer.forward).parameters:
        if name in first:
            continue
        theirs = FORWARD.get(name, name)
        tried = [v for v in f.varied.get(theirs, ()) if not isinstance(v, int)]
        assert tried, f"nothing is tried for {name} of {cls.__name__}.forward"
        for value in tried:
            given = {} if "dim" not in f.arguments() or f.kind == "gated" else {"dim": layer.dim}
            exact = run(f.function, {**f.first, **given, theirs: value})
            assert torch.equal(run(layer, {**first, name: value}), exact), f"{cls}, {name}"


def test_both_modes_of_what_draws_in_training() -> None:
    for name in ot.nn.__all__:
        f = function_of(getattr(ot.nn, name))
        if "training" in f.arguments():
            layer = made(getattr(ot.nn, name))
            for mode in (layer.train(), layer.eval()):
                assert torch.equal(run(mode, inputs(f, mode)), expected(f, mode, {}))


class Both(torch.nn.Module):
    """An activation as a module and one as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.act = torch.nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(x) + F.silu(x)


def test_every_argument_of_swap_counts() -> None:
    # What `fuse` does is tested by test_torch_swap_fused.
    assert list(inspect.signature(ot.swap).parameters) == ["model", "functional", "lean", "fuse"]
    x = some(4, ROW).float().requires_grad_()
    for functional, lean, by_report in itertools.product(
        (False, True), (None, True, False), (False, True)
    ):
        model = Both()
        report = ot.swap(model, functional, lean)
        names: list[str] = []

        def pack(t: torch.Tensor, names: list[str] = names) -> torch.Tensor:
            names.append(str(t.dtype))
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            y = model(x)
        ours = 1 + functional
        assert names.count("torch.uint8") == (ours if lean else 0), (functional, lean)
        assert len(report.changed) == ours
        assert isinstance(model.act, ot.nn.SiLU)
        assert torch.allclose(y, 2 * F.silu(x), 1e-5, 1e-6)
        ot.unswap(report if by_report else model)
        assert type(model.act) is torch.nn.SiLU
        assert torch.equal(model(x), 2 * F.silu(x))
