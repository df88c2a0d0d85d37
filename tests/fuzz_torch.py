"""Random calls in torch: every way a call can go gives what NumPy gives, forward and backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import ogive
import ogive.torch as ot
import oracle
from fuzz_numpy import (
    Draw,
    elementwise_problem,
    heads_problem,
    near,
    plain_heads,
    refuses,
    rows_problem,
    spoiled,
)
from ogive.catalog import Card
from torch_cases import DTYPES, same_bits, to_numpy

FORMATS = {of: dtype for dtype, of in DTYPES.items()}
Function = Callable[..., Tensor]


class Subclass(torch.Tensor):
    """One that wants to see every call."""


def tensor(array: Any) -> Tensor:
    array = np.ascontiguousarray(array).reshape(np.shape(array))
    if array.dtype in FORMATS and FORMATS[array.dtype] is torch.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def numbers(t: Tensor) -> Any:
    return to_numpy(t.detach().as_subclass(torch.Tensor).resolve_neg())


def laid_out(draw: Draw, what: str, t: Tensor) -> Tensor:
    """The same numbers elsewhere in memory."""
    layouts = ["plain", "plain", "offset", "negative"]
    layouts += ["strided", "transposed", "inner"] if t.dim() else []
    if not t.is_floating_point():
        layouts.remove("negative")
    layout = draw.pick(f"{what} layout", layouts)
    if layout == "negative":
        return torch._neg_view(-t)
    if layout == "offset":
        memory = t.new_zeros(t.numel() + 3)
        moved = memory[3:].view(t.shape)
        return moved.copy_(t)
    if layout == "strided":
        return torch.stack((t, t), -1)[..., 0]
    if layout == "transposed":
        return t.movedim(0, -1).contiguous().movedim(-1, 0)
    if layout == "inner":
        wide = t.new_zeros([n + 2 for n in t.shape])
        inner = wide[tuple(slice(1, n + 1) for n in t.shape)]
        return inner.copy_(t)
    return t.clone()


WAYS = ("plain", "graph", "graph", "inference", "device", "subclass", "checkpoint", "reentrant",
        "func", "vmap", "jvp", "twice", "compile")  # fmt: skip
SAME_BITS = {"plain", "graph", "inference", "device", "checkpoint", "reentrant", "subclass"}


def through(
    draw: Draw, f: Function, xs: list[Tensor], dy: Tensor, expected: Any, gradients: list[Any],
    dtype: Any, *, smooth: bool = True, bits: bool = True,
) -> None:  # fmt: skip
    """Sends a call along one way; `expected` and `gradients` are NumPy's, of sum(dy f)."""
    ways = [w for w in WAYS if smooth or w != "twice"]
    way = draw.pick("way", [w for w in ways if w != "compile" or draw.chance(0.15)])

    def value(y: Tensor) -> None:
        if bits and way in SAME_BITS:
            assert same_bits(y.as_subclass(torch.Tensor).resolve_neg(), expected), (
                f"value {y} instead of {expected}"
            )
        near(numbers(y), oracle.exact(expected), dtype, "value")

    def pulled(found: Any) -> None:
        for k, (dx, exact) in enumerate(zip(found, gradients, strict=True)):
            assert dx is not None, f"no gradient {k}"
            near(numbers(dx), oracle.exact(exact), dtype, f"gradient {k}")

    leaves = [x.detach().requires_grad_() for x in xs]
    if way in ("plain", "inference"):
        with torch.inference_mode() if way == "inference" else torch.no_grad():
            value(f(*xs))
        return
    if way == "compile":
        torch._dynamo.reset()
        f = torch.compile(f, backend="aot_eager", fullgraph=True, dynamic=draw.chance(0.5))
    if way in ("graph", "device", "subclass", "checkpoint", "reentrant", "compile"):
        with ExitStack() as stack:
            if way == "device":
                stack.enter_context(torch.device("cpu"))
            given = [x.as_subclass(Subclass) for x in leaves] if way == "subclass" else leaves
            if way in ("checkpoint", "reentrant"):
                y = checkpoint(f, *given, use_reentrant=way == "reentrant")
            else:
                y = f(*given)
            value(y.detach())
            y.backward(dy)
            pulled([x.grad for x in leaves])
        return
    if way == "func":
        y, back = torch.func.vjp(f, *xs)
        value(y)
        pulled(back(dy))
    elif way == "vmap":
        many = 3
        place = [draw.pick("in_dims", [0, -1]) for _ in xs]
        wide = [torch.stack([x] * many, 0).movedim(0, p) for x, p in zip(xs, place, strict=True)]

        def one(*each: Tensor) -> Any:
            return torch.func.vjp(f, *each)[1](dy)

        ys = torch.func.vmap(f, in_dims=tuple(place))(*wide)
        found = torch.func.vmap(one, in_dims=tuple(place))(*wide)
        for k in range(many):
            value(ys[k])
            pulled([g[k] for g in found])
    elif way == "jvp":
        torch.manual_seed(0)
        # torch's own views of a tensor with a negative bit have no tangents.
        xs = [x.resolve_neg() for x in xs]
        tangents = tuple(torch.randn_like(x) for x in xs)
        y, dot = torch.func.jvp(f, tuple(xs), tangents)
        value(y)
        found = (oracle.exact(numbers(dot)) * oracle.exact(numbers(dy))).sum()
        terms = [oracle.exact(g) * oracle.exact(numbers(t))
                 for g, t in zip(gradients, tangents, strict=True)]  # fmt: skip
        size = 1 + sum(float(np.abs(t).sum()) for t in terms)
        near(found / size, np.asarray(sum(t.sum() for t in terms)) / size, dtype, "tangent")
    elif way == "twice":
        wide = [x.detach().double().requires_grad_() for x in xs]
        first = torch.autograd.grad(f(*wide), wide, dy.double(), create_graph=True)
        total = sum((g * (k + 1)).sum() for k, g in enumerate(first))
        if not total.requires_grad:
            return
        found = torch.autograd.grad(total, wide, allow_unused=True)

        def of_first(k: int, moved: Tensor) -> float:
            own = [moved if i == k else w.detach() for i, w in enumerate(wide)]
            own = [w.detach().requires_grad_() for w in own]
            again = torch.autograd.grad(f(*own), own, dy.double())
            return float(sum((g * (i + 1)).sum() for i, g in enumerate(again)))

        for k, g in enumerate(found):
            if not xs[k].numel():
                continue
            at = int(draw.random.integers(xs[k].numel()))
            step = torch.zeros(xs[k].numel(), dtype=torch.float64)
            step[at] = 1e-4
            step = step.view(xs[k].shape)
            here = of_first(k, wide[k].detach())
            right = (of_first(k, wide[k].detach() + step) - here) / 1e-4
            left = (here - of_first(k, wide[k].detach() - step)) / 1e-4
            if abs(right - left) > 1e-2 * (1 + abs(right)):
                continue  # a kink
            own = 0.0 if g is None else g.reshape(-1)[at].item()
            assert abs(own - (right + left) / 2) <= 1e-4 * (1 + abs(right)), (
                f"second derivative {own} instead of {(right + left) / 2} at {at} of {k}"
            )


def torch_elementwise(draw: Draw) -> None:
    card = draw.pick("function", [c for k in ("unary", "gated") for c in ogive.catalog(k)])
    draw.said[-1] = f"function={card.name}"
    dtype = draw.pick("dtype", FORMATS)
    _, arrays, dy, given = elementwise_problem(draw, card, dtype, 200)
    value, backward = getattr(ogive, card.name), getattr(ogive.backward, card.name)
    expected = value(*arrays, *given)
    found = backward(dy, *arrays, *given)
    function = getattr(ot, card.name)
    xs = [laid_out(draw, "x", tensor(a)) for a in arrays]
    learns = card.learns
    gradients = list(found) if isinstance(found, tuple) else [found]
    options: dict[str, Any] = {}
    if learns:
        xs.append(tensor(np.array(given[0])).to(xs[0].dtype))
        given = [float(xs[-1])]
        expected, gradients = value(*arrays, *given), list(backward(dy, *arrays, *given))
        given = []
    elif card.kind == "unary" and not card.draws:
        lean = draw.pick("lean", [None, None, False, True])
        rounds = lean is True and card.name in ("gelu", "silu", "mish")
        options = {} if rounds else {"lean": lean}
    through(
        draw, lambda *x: function(*x, *given, **options), xs, laid_out(draw, "dy", tensor(dy)),
        expected, gradients, dtype,
    )  # fmt: skip


def torch_rows(draw: Draw) -> None:
    cards = [c for c in ogive.catalog("rows") if not c.draws]
    card = draw.pick("function", cards)
    draw.said[-1] = f"function={card.name}"
    dtype = draw.pick("dtype", FORMATS)
    x, axis, where, temperature = rows_problem(draw, dtype, 60)
    options = {"axis": axis, "temperature": temperature, "where": where}
    expected = getattr(ogive, card.name)(x, **options)
    dy = draw.numbers(np.shape(expected), dtype, 1.0)
    gradient = getattr(ogive.backward, card.name)(dy, x, **options)
    given = {
        "temperature": tensor(temperature) if np.ndim(temperature) else temperature,
        "where": None if where is None else laid_out(draw, "where", tensor(where)),
    }
    # Sparse rows have kinks everywhere.
    smooth = "threshold" not in card.formula.__code__.co_names
    through(
        draw, lambda z: getattr(ot, card.name)(z, axis, **given),
        [laid_out(draw, "x", tensor(x))], laid_out(draw, "dy", tensor(dy)), expected, [gradient],
        dtype, smooth=smooth,
    )  # fmt: skip


def given_tensors(card: Card, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a loss with its weights as tensors."""
    return {k: tensor(v) if k in card.weights else v for k, v in options.items()}


def torch_heads(draw: Draw) -> None:
    card: Card = draw.pick("function", plain_heads())
    draw.said[-1] = f"function={card.name}"
    dtype = draw.pick("dtype", FORMATS)
    z, target, axis, options = heads_problem(draw, card, dtype)
    given = options if axis is None else {**options, "axis": axis}
    expected, gradient = getattr(ogive.value_and_grad, card.name)(z, target, **given)
    ours = given_tensors(card, options)
    if axis is not None:
        ours |= {"dim": axis, "ignore_index": options.get("ignore_index")}
    if not card.has("label"):
        ours.pop("ignore_index", None)
    dy = draw.numbers(np.shape(expected), dtype, 1.0)
    if axis is None or not dy.ndim:
        scaled = oracle.exact(gradient) * oracle.exact(dy)
    else:
        scaled = oracle.exact(gradient) * np.expand_dims(oracle.exact(dy), axis % z.ndim)
    goal = laid_out(draw, "target", tensor(target))
    # A power of 0 has no second derivative: the probability of a miss, of a single class.
    alone = axis is not None and z.shape[axis] == 1
    smooth = "threshold" not in card.formula.__code__.co_names and not alone
    function = getattr(ot, card.name)
    through(
        draw, lambda x: function(x, goal.to(x.dtype) if goal.is_floating_point() else goal, **ours),
        [laid_out(draw, "z", tensor(z))], tensor(dy), expected, [scaled], dtype, smooth=smooth,
    )  # fmt: skip


def torch_linear(draw: Draw) -> None:
    dtype = draw.pick("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
    z, target, axis, options = heads_problem(draw, ogive.card("cross_entropy"), dtype, 24)
    z, n = np.moveaxis(z, axis, -1), z.shape[axis]
    target = np.moveaxis(target, axis, -1) if target.ndim == z.ndim else target
    d = int(draw.pick("d", [1, 2, 3]))
    x, W, bias = (draw.numbers(s, dtype) for s in ((*z.shape[:-1], d), (n, d), (n,)))
    options = {**options, "chunk_rows": draw.pick("chunk_rows", [None, 1, 2, 3])}
    options["reduction"] = draw.pick("reduction", ["mean", "sum"])
    expected, gradients = ogive.value_and_grad.linear_cross_entropy(x, W, target, bias, **options)
    ours = {k: tensor(v) if k == "weight" else v for k, v in options.items()}
    ours.setdefault("ignore_index", None)
    goal = laid_out(draw, "target", tensor(target))
    dy = draw.numbers((), dtype, 1.0)
    through(
        draw,
        lambda x, W, b: ot.linear_cross_entropy(
            x, W, goal.to(x.dtype) if goal.is_floating_point() else goal, linear_bias=b, **ours
        ),
        [laid_out(draw, "x", tensor(x)), laid_out(draw, "W", tensor(W)), tensor(bias)],
        tensor(dy), expected, [oracle.exact(g) * oracle.exact(dy) for g in gradients], dtype,
        bits=False,  # products are those of BLAS
    )  # fmt: skip


def torch_bad(draw: Draw) -> None:
    """One thing is wrong: an error, whichever way the call goes."""
    card: Card = draw.pick("function", plain_heads())
    draw.said[-1] = f"function={card.name}"
    dtype = draw.pick("dtype", FORMATS)
    z, target, axis, options = heads_problem(draw, card, dtype)
    target, options = spoiled(draw, card, z, target, axis, options)
    ours = given_tensors(card, options)
    if axis is not None:
        ours["dim"] = axis
        if card.has("label"):
            ours["ignore_index"] = options.get("ignore_index")
    x, goal = tensor(z), tensor(target)

    def f(x: Tensor) -> Tensor:
        return getattr(ot, card.name)(x, goal, **ours)

    way = draw.pick("way", ["plain", "graph", "create_graph", "func", "subclass", "jvp"])
    if way == "plain":
        refuses(lambda: f(x))
    elif way == "graph":
        refuses(lambda: f(x.requires_grad_()))
    elif way == "create_graph":
        ours["create_graph"] = True
        refuses(lambda: f(x.requires_grad_()))
    elif way == "func":
        refuses(lambda: torch.func.grad(lambda x: f(x).sum())(x))
    elif way == "jvp":
        refuses(lambda: torch.func.jvp(f, (x,), (torch.ones_like(x),)))
    else:
        refuses(lambda: f(x.as_subclass(Subclass)))


def torch_learned(draw: Draw) -> None:
    """Options that are tensors and learn: class weights, temperatures of rows."""
    dtype = np.dtype(np.float64)
    z, target, axis, options = heads_problem(draw, ogive.card("cross_entropy"), dtype)
    n = z.shape[axis]
    weight = draw.random.uniform(0.1, 2, n)
    options["weight"] = weight
    ours: dict[str, Any] = {k: v for k, v in options.items() if k != "weight"}
    ours |= {"dim": axis, "ignore_index": options.get("ignore_index")}
    expected, dz = ogive.value_and_grad.cross_entropy(z, target, axis=axis, **options)
    dy = draw.numbers(np.shape(expected), dtype, 1.0)
    wide = oracle.exact(dy) if not dy.ndim else np.expand_dims(oracle.exact(dy), axis % z.ndim)

    def f(w: Any) -> Any:
        given = {**options, "weight": w}
        return oracle.head(ogive.card("cross_entropy"), oracle.exact(z), target, axis, **given)

    dw, _ = oracle.pulled_back(f, oracle.exact(weight), oracle.exact(dy))
    goal = tensor(target)
    x, w = tensor(z).requires_grad_(), tensor(weight).requires_grad_()
    y = ot.cross_entropy(x, goal, w, **ours)
    near(numbers(y), oracle.exact(expected), dtype, "value")
    for found, exact in zip(torch.autograd.grad(y, (x, w), tensor(dy)),
                            (oracle.exact(dz) * wide, dw), strict=True):  # fmt: skip
        near(numbers(found), exact, dtype, "gradient")


def quietly(case: Callable[[Draw], None]) -> Callable[[Draw], None]:
    """Without what torch says of itself."""

    def run(draw: Draw) -> None:
        with warnings.catch_warnings():
            for category in (UserWarning, DeprecationWarning, FutureWarning):
                warnings.filterwarnings("ignore", category=category)
            case(draw)

    return run


KINDS = {
    "torch-bad": quietly(torch_bad),
    "torch-learned": quietly(torch_learned),
    "torch-elementwise": quietly(torch_elementwise),
    "torch-rows": quietly(torch_rows),
    "torch-heads": quietly(torch_heads),
    "torch-linear": quietly(torch_linear),
}
