"""Kernels of the unary and the gated functions, made from their tapes when first called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import torch
import triton
import triton.language as tl

from ogive.calls.codegen import generated
from ogive.catalog import find
from ogive.formula import tape

from . import draws, floats, seam, source
from .numbers import bits, halves, number_of, repeated
from .storage import widen

Parameters = Sequence["float | torch.Tensor"]

ORDERS = {"value": 0, "derivative": 1, "backward": 1, "second_derivative": 2}
BLOCK, WARPS = seam.scale(1024, 1 << 16), 4


def program(name: str, mode: str) -> tape.Program | None:
    """What a unary function's mode computes, but for the factor dy of the backward ones."""
    if mode == "backward_from_output":
        return tape.from_output(name)
    return tape.with_parameters(name, (ORDERS[mode],)) if mode in ORDERS else None


def unary_source(name: str, mode: str, arithmetic: str, given: str) -> str:
    """The kernel of a unary function's mode as text.

    ``given`` has a letter for each parameter: "n" for a number, "t" for a tensor, "w" for one that
    a pair of floats holds; or it is "random": then all of them are one random number per element,
    between two and from a seed.
    """
    steps = program(name, mode)
    assert steps is not None
    pulled, pairs = mode.startswith("backward"), arithmetic == "pairs"
    count = len(tape.defaults(name)) if given == RANDOM else len(given)
    names = [f"p{k}" for k in range(count)]
    inputs = ["dy", "x"] if pulled else ["x"]
    lines = [
        *_opening(inputs, "out", wide=mode == "second_derivative"),
        *_argument("x", "output" if mode.endswith("output") else "argument", pairs),
        *_parameters(given, pairs),
        *source.written(steps, ["x", *names], ["y"], pairs),
        *(_through_roots("y", name, ORDERS[mode]) if pairs and mode in ORDERS else []),
        *(["y = m.sign_kept(y, x_given)"] if mode == "value" and _keeps_sign(name, steps) else []),
        *([f"y = m.times({_upstream('dy', pairs)}, y)"] if pulled else []),
        "tl.store(out_ + at, m.finished(y, x_given, out_.dtype.element_ty), mask=inside)",
    ]
    return _definition(f"{name}_{mode}", lines, inputs, ["out"], given, pairs)


def _argument(x: str, kind: str, pairs: bool) -> list[str]:
    """An input as a function's argument and, in pairs, as a factor of its result."""
    lines = [f"{x} = m.argument({x}_given)" if pairs else f"{x} = m.{kind}({x}_given)"]
    if pairs:
        factor = "output" if kind == "output" else "factor"
        lines.append(f"{x}_factor = m.{factor}({x}_given, ranged)")
    return lines


def _upstream(dy: str, pairs: bool) -> str:
    return f"m.unbounded({dy}_given, ranged)" if pairs else f"{dy}_given"


def _through_roots(result: str, name: str, order: int) -> list[str]:
    """Lines that replace a derivative next to its zeros."""
    return [
        f"{result} = m.through({result}, x_given, {', '.join(map(repr, root))})"
        for root in floats.ROOTS.get((name, order), [])
    ]


def _keeps_sign(name: str, steps: tape.Program) -> bool:
    """Whether some results are 0 without a rounding, and below 0 it is -0."""
    claims = find(name).claims
    flat = any(a.constant == 0 for node in steps.nodes if node.op == "split" for a in node.args[2:])
    return flat and claims is not None and math.copysign(1, claims.limits[0]) < 0


def gated_source(name: str, mode: str, arithmetic: str) -> str:
    """The kernel of a f(b), or of its gradients by a and b."""
    gate, pairs = find(name).gate, arithmetic == "pairs"
    orders = (0,) if mode == "value" else (0, 1)
    steps = tape.with_parameters(gate, orders)
    inputs, outputs = (["a", "x"], ["y"]) if mode == "value" else (["dy", "a", "x"], ["da", "db"])
    lines = [
        *_opening(inputs, outputs[0]),
        *_argument("x", "argument", pairs),
        *source.written(steps, ["x"], ["f", "slope"][: len(orders)], pairs),
    ]
    if mode == "value":
        lines.append(f"y = m.product(a_given, f{', ranged' if pairs else ''})")
    else:
        lines += [
            *(_through_roots("slope", gate, 1) if pairs else []),
            f"dy = {_upstream('dy', pairs)}",
            "da = m.times(dy, f)",
            # The outer product last: dy a alone might overflow.
            f"db = m.times(dy, m.times({_upstream('a', pairs)}, slope))",
        ]
    lines += [
        f"tl.store({o}_ + at, m.finished({o}, x_given, {o}_.dtype.element_ty), mask=inside)"
        for o in outputs
    ]
    return _definition(f"{name}_{mode}", lines, inputs, outputs, "", pairs)


def _opening(inputs: list[str], output: str, wide: bool = False) -> list[str]:
    return [
        "at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        "inside = at < n",
        # Products of few factors in the range of float16 are within that of float32.
        f"ranged: tl.constexpr = {wide or f'{output}_.dtype.element_ty != tl.float16'}",
        *(f"{i}_given = widen(tl.load({i}_ + at, mask=inside, other=0.0))" for i in inputs),
    ]


RANDOM = "random"


def _parameters(given: str, pairs: bool) -> list[str]:
    if given == RANDOM:  # a formula of their mean has it from two that are the same
        between = "between_pairs" if pairs else "between"
        return [f"p0 = {between}(p0_, at, p1_, p2_)", "p1 = p0"]
    # A number comes as bits: a Python float would be passed on as a float32.
    if pairs:
        number = "m.parameter(p{k}_, p{k}_e, ranged)"
    else:
        number = "p{k}_.to(tl.int64).to(tl.float64, bitcast=True)"
    load = "tl.load(p{k}{low}_ + (at // p{k}_inner) % p{k}_count, mask=inside)"
    high, low = load.replace("{low}", ""), load.replace("{low}", "_low")
    tensor = f"({high},)" if pairs else f"m.widen({high})"
    kinds = {"n": number, "t": tensor, "w": f"({high}, {low})"}
    return [f"p{k} = {kinds[each].replace('{k}', str(k))}" for k, each in enumerate(given)]


def _definition(
    name: str, lines: list[str], inputs: list[str], outputs: list[str], given: str, pairs: bool
) -> str:
    arguments = [f"{each}_" for each in [*inputs, *outputs]]
    for k, each in enumerate("nnn" if given == RANDOM else given):
        tensor = [f"p{k}_", f"p{k}_inner", f"p{k}_count"]
        arguments += {
            "n": [f"p{k}_: tl.int64", *([f"p{k}_e"] if pairs and given != RANDOM else [])],
            "t": tensor,
            "w": [f"p{k}_low_", *tensor],
        }[each]
    head = f"def ogive_{name}({', '.join(arguments)}, n, BLOCK: tl.constexpr):\n"
    return head + "".join(f"    {line}\n" for line in lines)


@cache
def kernel(name: str, mode: str, arithmetic: str, given: str) -> Any:
    """The compiled-on-call Triton kernel of a function's mode."""
    gated = find(name).kind == "gated"
    if gated:
        text = gated_source(name, mode, arithmetic)
    else:
        text = unary_source(name, mode, arithmetic, given)
    scope: dict[str, Any] = {
        "tl": tl,
        "m": import_module(f".{arithmetic}", __package__),
        "widen": widen,
        "between": draws.between,
        "between_pairs": draws.between_pairs,
        "__name__": __name__,
    }
    # Triton reads a kernel's source as the inspect module finds it.
    what = f"{name} {mode} {arithmetic} {given}"
    function = generated(f"ogive_{name}_{mode}", text, scope, what)
    of_each = "nnn" if given == RANDOM else given
    numbers = [f"p{k}_{e}" for k, each in enumerate(of_each) if each == "n" for e in ("", "e")]
    numbers = [each for each in numbers if f"{each}:" in text or f"{each}," in text]
    return triton.jit(function, do_not_specialize=numbers)


def arithmetic_of(name: str, mode: str, dtype: torch.dtype) -> str:
    """The module in which a function's mode is computed for a format."""
    if dtype == torch.float64:
        return "full"
    steps = program(name, mode) if find(name).kind == "unary" else None
    return "single" if steps is not None and source.is_exact(steps) else "pairs"


def unary(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: Parameters = ()
) -> torch.Tensor:
    if program(name, mode) is None:
        raise NotImplementedError(f"{mode} of {name}")
    x = tensors[-1]
    out = torch.empty_like(x)
    given = list(parameters) or list(tape.defaults(name))
    arithmetic, kinds = arithmetic_of(name, mode, x.dtype), ""
    arguments: list[Any] = []
    for p in given:
        if not isinstance(p, torch.Tensor):
            kind, more = "n", number_of(p) if arithmetic == "pairs" else [bits(p)]
        elif arithmetic != "pairs":
            kind, more = "t", _tensor_parameter(p, out, torch.float64)
        elif p.dtype == torch.float64:
            high, low = halves(p)
            kind = "w"
            more = _tensor_parameter(low, out, torch.float32)[:1]
            more += _tensor_parameter(high, out, torch.float32)
        else:
            kind, more = "t", _tensor_parameter(p, out, torch.float32)
        kinds += kind
        arguments += more
    made = kernel(name, mode, arithmetic, kinds)
    _launch(made, [*(_like(t, out) for t in tensors), out], arguments, out.numel())
    return out


def sampled(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], low: float, high: float, seed: int
) -> torch.Tensor:
    """A function whose parameter is a random number per element, in C order, between two."""
    given = [t.contiguous() for t in tensors]
    out = torch.empty_like(given[-1])
    arithmetic = arithmetic_of(name, mode, out.dtype)
    made = kernel(name, mode, arithmetic, RANDOM)
    arguments = draws.slope_arguments(seed, low, high, in_pairs=arithmetic == "pairs")
    _launch(made, [*(_like(t, out) for t in given), out], arguments, out.numel())
    return out


def gated(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: Parameters = ()
) -> Any:
    outs = [torch.empty_like(tensors[-1]) for _ in range(1 if mode == "value" else 2)]
    made = kernel(name, mode, arithmetic_of(name, mode, outs[0].dtype), "")
    _launch(made, [*(_like(t, outs[0]) for t in tensors), *outs], [], outs[0].numel())
    return outs[0] if mode == "value" else tuple(outs)


def _launch(made: Any, tensors: list[torch.Tensor], arguments: list[Any], n: int) -> None:
    if n:
        grid = (triton.cdiv(n, BLOCK),)
        # Contraction is left to the kernels, so that the bits are those of the interpreter.
        made[grid](*tensors, *arguments, n, BLOCK=BLOCK, num_warps=WARPS, enable_fp_fusion=False)


def _like(t: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """The tensor in the result's format and order of memory, which is dense."""
    if t.dtype == out.dtype and t.shape == out.shape and t.stride() == out.stride():
        return t
    return torch.empty_like(out).copy_(t)


def _tensor_parameter(p: torch.Tensor, out: torch.Tensor, dtype: torch.dtype) -> list[Any]:
    """A parameter as (tensor, inner, count): element i of the result, counted in the order of
    memory, takes number (i // inner) % count.
    """
    order = sorted(range(out.dim()), key=lambda d: (-out.stride()[d], d))
    wide = torch.broadcast_to(p.to(dtype), out.shape).permute(order)
    return list(repeated(wide, out.dim()))
