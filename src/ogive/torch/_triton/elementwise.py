"""Kernels of the unary and the gated functions, made from their tapes when first called."""

from __future__ import annotations

import math
import struct
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

from . import draws, seam, source
from .storage import widen

Parameters = Sequence["float | torch.Tensor"]

ORDERS = {"value": 0, "derivative": 1, "backward": 1, "second_derivative": 2}
BLOCK, WARPS = seam.scale(1024, 1 << 16), 4


def program(name: str, mode: str) -> tape.Program | None:
    """What a unary function's mode computes, but for the factor dy of the backward ones."""
    if mode == "backward_from_output":
        return tape.from_output(name)
    return tape.with_parameters(name, (ORDERS[mode],)) if mode in ORDERS else None


def unary_source(name: str, mode: str, given: str) -> str:
    """The kernel of a unary function's mode as text.

    ``given`` has a letter for each parameter: "n" for a number, "t" for a tensor; or it is
    "random": then all of them are one random number per element, between two and from a seed.
    """
    steps = program(name, mode)
    assert steps is not None
    pulled = mode.startswith("backward")
    count = len(tape.defaults(name)) if given == RANDOM else len(given)
    names = [f"p{k}" for k in range(count)]
    lines = [
        *_opening(["dy", "x"] if pulled else ["x"], ["out"], given),
        f"x = m.{'output' if mode.endswith('output') else 'argument'}(x_given)",
        *_parameters(given),
        *source.written(steps, ["x", *names], ["y"], indent="").splitlines(),
        *(["y = m.sign_kept(y, x)"] if mode == "value" and _keeps_sign(name, steps) else []),
        *(["y = m.times(dy_given, y, tl.float32)"] if pulled else []),
        "y = m.finished(y, x_given, out_.dtype.element_ty)",
        "tl.store(out_ + at, y, mask=inside)",
    ]
    return _definition(f"{name}_{mode}", lines, ["dy", "x"] if pulled else ["x"], ["out"], given)


def _keeps_sign(name: str, steps: tape.Program) -> bool:
    """Whether some results are 0 without a rounding, and below 0 it is -0."""
    claims = find(name).claims
    flat = any(a.constant == 0 for node in steps.nodes if node.op == "split" for a in node.args[2:])
    return flat and claims is not None and math.copysign(1, claims.limits[0]) < 0


def gated_source(name: str, mode: str) -> str:
    """The kernel of a f(b), or of its gradients by a and b."""
    orders = (0,) if mode == "value" else (0, 1)
    steps = tape.with_parameters(find(name).gate, orders)
    inputs, outputs = (["a", "b"], ["y"]) if mode == "value" else (["dy", "a", "b"], ["da", "db"])
    lines = [
        *_opening(inputs, outputs, ""),
        "x = m.argument(b_given)",
        *source.written(steps, ["x"], ["f", "slope"][: len(orders)], indent="").splitlines(),
    ]
    if mode == "value":
        lines.append("y = m.product(a_given, f, y_.dtype.element_ty)")
    else:
        lines += [
            "da = m.times(dy_given, f, da_.dtype.element_ty)",
            # A factor of exactly 0 lets nothing through, whatever it meets.
            "db = m.times_both(dy_given, a_given, slope, db_.dtype.element_ty)",
        ]
    lines += [
        f"tl.store({o}_ + at, m.finished({o}, b_given, {o}_.dtype.element_ty), mask=inside)"
        for o in outputs
    ]
    return _definition(f"{name}_{mode}", lines, inputs, outputs, "")


def _opening(inputs: list[str], outputs: list[str], given: str) -> list[str]:
    return [
        "at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        "inside = at < n",
        *(f"{i}_given = widen(tl.load({i}_ + at, mask=inside, other=0.0))" for i in inputs),
    ]


RANDOM = "random"


def _parameters(given: str) -> list[str]:
    if given == RANDOM:  # a formula of their mean has it from two that are the same
        return ["p0 = between(p0_, at, p1_, p2_)", "p1 = p0"]
    # A number comes as its bits: a Python float would be passed on as a float32.
    return [
        f"p{k} = p{k}_.to(tl.int64).to(tl.float64, bitcast=True)"
        if each == "n"
        else f"p{k} = m.widen(tl.load(p{k}_ + (at // p{k}_inner) % p{k}_count, mask=inside))"
        for k, each in enumerate(given)
    ]


def _definition(
    name: str, lines: list[str], inputs: list[str], outputs: list[str], given: str
) -> str:
    arguments = [f"{each}_" for each in [*inputs, *outputs]]
    for k, each in enumerate("nnn" if given == RANDOM else given):
        arguments += (
            [f"p{k}_: tl.int64"] if each == "n" else [f"p{k}_", f"p{k}_inner", f"p{k}_count"]
        )
    head = f"def ogive_{name}({', '.join(arguments)}, n, BLOCK: tl.constexpr):\n"
    return head + "".join(f"    {line}\n" for line in lines)


@cache
def kernel(name: str, mode: str, arithmetic: str, given: str) -> Any:
    """The compiled-on-call Triton kernel of a function's mode."""
    gated = find(name).kind == "gated"
    text = gated_source(name, mode) if gated else unary_source(name, mode, given)
    scope: dict[str, Any] = {
        "tl": tl,
        "m": import_module(f".{arithmetic}", __package__),
        "widen": widen,
        "between": draws.between,
        "__name__": __name__,
    }
    # Triton reads a kernel's source as the inspect module finds it.
    what = f"{name} {mode} {arithmetic} {given}"
    function = generated(f"ogive_{name}_{mode}", text, scope, what)
    of_each = "nnn" if given == RANDOM else given
    numbers = [f"p{k}_" for k, each in enumerate(of_each) if each == "n"]
    return triton.jit(function, do_not_specialize=numbers)


def arithmetic_of(name: str, mode: str, dtype: torch.dtype) -> str:
    """The module in which a function's mode is computed for a format."""
    if dtype == torch.float64:
        return "full"
    steps = program(name, mode) if find(name).kind == "unary" else None
    return "single" if steps is not None and source.is_exact(steps) else "double"


def unary(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: Parameters = ()
) -> torch.Tensor:
    if program(name, mode) is None:
        raise NotImplementedError(f"{mode} of {name}")
    x = tensors[-1]
    out = torch.empty_like(x)
    given = list(parameters) or list(tape.defaults(name))
    numbers = "".join("t" if isinstance(p, torch.Tensor) else "n" for p in given)
    arguments: list[Any] = []
    for p in given:
        arguments += _tensor_parameter(p, out) if isinstance(p, torch.Tensor) else [_bits(p)]
    made = kernel(name, mode, arithmetic_of(name, mode, x.dtype), numbers)
    _launch(made, [*(_like(t, out) for t in tensors), out], arguments, out.numel())
    return out


def sampled(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], low: float, high: float, seed: int
) -> torch.Tensor:
    """A function whose parameter is a random number per element, in C order, between two."""
    given = [t.contiguous() for t in tensors]
    out = torch.empty_like(given[-1])
    made = kernel(name, mode, arithmetic_of(name, mode, out.dtype), RANDOM)
    arguments = draws.slope_arguments(seed, low, high)
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


def _bits(number: float) -> int:
    bits: int = struct.unpack("q", struct.pack("d", float(number)))[0]
    return bits


def _like(t: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """The tensor in the result's format and order of memory, which is dense."""
    if t.dtype == out.dtype and t.shape == out.shape and t.stride() == out.stride():
        return t
    return torch.empty_like(out).copy_(t)


def _tensor_parameter(p: torch.Tensor, out: torch.Tensor) -> list[Any]:
    """A parameter as (tensor, inner, count): element i of the result, counted in the order of
    memory, takes number (i // inner) % count.
    """
    wide = torch.broadcast_to(p.to(torch.float64), out.shape)
    order = sorted(range(out.dim()), key=lambda d: (-out.stride()[d], d))
    sizes = [out.shape[d] for d in order]
    varying = [k for k, d in enumerate(order) if wide.stride(d) != 0 and out.shape[d] > 1]
    if not varying:
        return [p.to(torch.float64).reshape(-1)[:1].contiguous(), 1, 1]
    first, last = varying[0], varying[-1]
    if len(varying) == last - first + 1:
        index = tuple(slice(None) if k in varying else 0 for k in range(len(order)))
        values = wide.permute(order)[index].contiguous()
        inner = 1
        for size in sizes[last + 1 :]:
            inner *= size
        return [values, inner, values.numel()]
    values = torch.empty_like(out, dtype=torch.float64).copy_(wide)
    return [values, 1, values.numel()]
