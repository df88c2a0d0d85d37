"""Kernels on tensors in the CPU's memory, by address, on torch's own threads."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .. import _native
from ..calls import codegen, rules
from ..calls.formats import ALL_NAMES
from ..calls.loop import loop
from ..catalog import find
from ._formats import NUMBER_OF

Number = float | Tensor
Ints = tuple[int, ...]


def _use_torch_threads() -> None:
    """Hands torch's own parallel loop to the kernels: a second pool would fight with it."""
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            loop = getattr(ctypes.CDLL(path), "torch_parallel_for", None)
            if loop is not None:
                _native.use_executor(ctypes.cast(loop, ctypes.c_void_p).value or 0)
            return  # without it the calling thread works alone


_use_torch_threads()
if hasattr(Tensor, "__dlpack_c_exchange_api__"):  # torch 2.10; without it all layouts are general
    _native.use_tensors(
        Tensor.__dlpack_c_exchange_api__, (Tensor, torch.nn.Parameter), torch.empty_like,
        torch.is_grad_enabled,
    )  # fmt: skip


def elementwise(name: str, mode: str, *numbers: float) -> Callable[..., Any]:
    """The kernel as a function of its tensors, and of its parameters unless they are given here.

    Results are new and have the layout of the last tensor. Tensors have one shape: autograd sees
    to it, and `same_shape` in direct calls of operators.
    """
    taken_by, handle = loop(name, mode), handle_of(name, mode)
    if not taken_by.elementwise:
        raise ValueError(f"{mode} of {name} is not elementwise")
    inputs, results = taken_by.tensors, len(taken_by.results)
    given = tuple(map(float, numbers))
    fixed = given if given or not taken_by.numbers else None

    def of_any_layout(*args: Any) -> Any:
        found = _any_layouts(handle, args[:inputs], given or args[inputs:], results)
        return found if results > 1 else found[0]

    return _native.on_tensors(handle, fixed, (), None, of_any_layout)


def at_once(
    name: str,
    mode: str,
    *numbers: float,
    given: bool = True,
    unless: tuple[Callable[[], Any], ...] = (),
    learn: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """The kernel of plain tensors of a layout that it takes as it is; None for others, and where a
    function of `unless` says so; ``learn(*tensors)`` where autograd is to record the call. No
    Python runs in between, for small tensors.

    Unless its numbers are given here, it takes them after the tensors.
    """
    return _native.on_tensors(
        handle_of(name, mode), numbers if given else None, unless, learn, None
    )


def address(t: Tensor) -> int:
    """A tensor's address; refused where it has no memory."""
    found = t.data_ptr()
    if (not found or t.storage_offset()) and t.untyped_storage().data_ptr() == 0 and t.numel():
        raise RuntimeError(
            f"a tensor of shape {tuple(t.shape)} has no memory: it was freed, or is of a kind "
            "that has none"
        )
    return found


@cache
def handle_of(name: str, mode: str) -> int:
    return _native.raw_handle(name, mode)


def with_tensor_parameters(name: str, mode: str) -> Callable[..., Tensor]:
    """The same where parameters may be tensors, which broadcast against the others."""
    handle = handle_of(name, mode)
    inputs = loop(name, mode).tensors
    return lambda *args: _any_layouts(handle, args[:inputs], args[inputs:], 1)[0]


def same_shape(run: Callable[..., Any], inputs: int) -> Callable[..., Any]:
    """The kernel with checks of formats and shapes, for direct calls of operators."""

    def of_one_shape(*args: Any) -> Any:
        last = args[inputs - 1]
        for t in args[:inputs]:
            format_of(t.dtype)
            check_shape(t, last.shape)
        return run(*args)

    return of_one_shape


def has_dense_layout(x: Tensor) -> bool:
    """Whether elements lie one after the other in the order of its axes, with their own signs."""
    return x.is_contiguous() and not x.is_neg()


def has_no_gaps(x: Tensor) -> bool:
    """Whether elements lie one after the other in some order of its axes, with their own signs."""
    return not x.is_neg() and (
        x.is_contiguous() or x.stride() == torch.empty_like(x, device="meta").stride()
    )


def same_dense_layout(dy: Tensor, x: Tensor) -> bool:
    """The same of two tensors, in one format."""
    return has_dense_layout(x) and has_dense_layout(dy) and dy.dtype is x.dtype


def check_shape(t: Tensor, shape: Sequence[int]) -> None:
    if tuple(t.shape) != tuple(shape):
        raise RuntimeError(f"tensors of shapes {tuple(t.shape)} and {tuple(shape)} do not fit")


def in_place(name: str) -> Callable[..., Tensor]:
    """The kernel's value written over its input."""
    handle, flat = handle_of(name, "value"), _native.raw_flat
    written = torch.autograd.graph.increment_version

    def write_over(x: Tensor, *numbers: float) -> Tensor:
        if x.is_contiguous() and not x.is_neg():
            at = address(x)
            flat(handle, NUMBER_OF[x.dtype], x.numel(), at, *map(float, numbers), at)
            if not x.is_inference():  # such a tensor counts no versions
                written(x)
            return x
        return x.copy_(_any_layouts(handle, (x,), numbers, 1)[0])

    return write_over


def _any_layouts(
    handle: int, tensors: Sequence[Tensor], numbers: Sequence[Number], results: int
) -> tuple[Tensor, ...]:
    """Any strides, dtypes that differ, parameters that broadcast."""
    dtype = tensors[-1].dtype
    for t in tensors[:-1]:
        dtype = torch.promote_types(dtype, t.dtype)
    tensors = [t.resolve_neg().to(dtype) for t in tensors]
    form = format_of(dtype)
    last = tensors[-1]
    tensors = [t if t.shape == last.shape else t.expand(last.shape) for t in tensors]
    numbers = [_as_number(p) for p in numbers]
    out = tuple(torch.empty_like(last) for _ in range(results))
    strides = out[0].stride()
    if all(isinstance(p, float) for p in numbers) and all(t.stride() == strides for t in tensors):
        # All are dense with the axes in one order, since a new tensor is.
        _native.raw_flat(
            handle, form, last.numel(), *map(address, tensors), *numbers,  # type: ignore[arg-type]
            *map(address, out),
        )  # fmt: skip
        return out
    # The axes in the order of the result's memory, so that runs are long.
    order = sorted(range(last.dim()), key=lambda axis: -strides[axis])
    shape = tuple(last.shape[axis] for axis in order)

    def operand(t: Tensor) -> tuple[int, tuple[int, ...]]:
        steps, size = t.stride(), t.element_size()
        return address(t), tuple(steps[axis] * size for axis in order)

    given: list[Any] = [operand(t) for t in tensors]
    held = [p if isinstance(p, float) else p.expand(last.shape) for p in numbers]
    given += [p if isinstance(p, float) else operand(p) for p in held]
    _native.raw_strided(handle, form, shape, 1, (*given, *map(operand, out)))
    return out


def _as_number(p: Number) -> Number:
    """A parameter as kernels take it: a float, or a tensor of float64."""
    if not isinstance(p, Tensor):
        return float(p)
    return float(p) if p.numel() == 1 else wide(p)


def wide(p: Tensor) -> Tensor:
    """Parameters as kernels read them: float64, with their own signs."""
    address(p)
    return p.detach().to(torch.float64).resolve_neg()


def format_of(dtype: torch.dtype) -> int:
    if dtype not in NUMBER_OF:
        raise RuntimeError(f"{dtype} is not one of {ALL_NAMES}")
    return NUMBER_OF[dtype]


class Lean:
    """The two kernels of a function whose backward needs a bit per element.

    ``forward(x, *numbers)`` gives y, laid out as x is, and the bits in the order of its memory;
    ``over(x, *numbers)`` the same with y in the memory of x; ``backward(dy, kept, strides,
    *numbers)`` dx of the strides that y had. They are written out, as `elementwise` does it, for
    small tensors.
    """

    forward: Callable[..., tuple[Tensor, Tensor]]
    over: Callable[..., tuple[Tensor, Tensor]]
    backward: Callable[..., Tensor]

    def __init__(self, name: str):
        self.needs_output = "y" in rules.inputs(find(name), "lean_backward")
        numbers = [f"p{i}" for i in range(len(loop(name, "lean").numbers))]
        # Kernels take a number as a float alone.
        given = codegen.items(f"float({p})" for p in numbers)
        kept = codegen.items(["address(kept[0])", "address(kept[1])"][: 1 + self.needs_output])
        forward = f"""
x, y = (x, like(x)) if x.is_contiguous() and not x.is_neg() else laid_out(x)
n, at_x = x.numel(), address(x)
bits = no_bits.new_empty((n + 7) // 8)
flat(handle, formats[x.dtype], n, at_x, {given}y.data_ptr(), bits.data_ptr())
return y, bits"""
        over = f"""
n = x.numel()
bits, at_x = no_bits.new_empty((n + 7) // 8), address(x)
flat(handle, formats[x.dtype], n, at_x, {given}at_x, bits.data_ptr())
return x, bits"""
        backward = f"""
if dy.stride() != strides or dy.is_neg():
    dy = dy.new_empty_strided(dy.shape, strides).copy_(dy)
dx = like(dy)
flat(handle, formats[dy.dtype], dy.numel(), address(dy), {kept}{given}dx.data_ptr())
return dx"""
        scope: dict[str, Any] = {
            "like": torch.empty_like, "flat": _native.raw_flat, "formats": NUMBER_OF,
            "no_bits": torch.empty(0, dtype=torch.uint8, device="cpu"), "laid_out": _as_laid_out,
            "address": address,
        }  # fmt: skip
        self.forward, self.over, self.backward = (
            codegen.written(
                f"{name}_{mode}", [*taken, *numbers], [lines],
                scope | {"handle": handle_of(name, mode)}, f"raw {what} {name}",
            )
            for what, mode, taken, lines in (
                ("lean", "lean", ["x"], forward),
                ("lean in place", "lean", ["x"], over),
                ("lean_backward", "lean_backward", ["dy", "kept", "strides"], backward),
            )
        )  # fmt: skip


def _as_laid_out(x: Tensor) -> tuple[Tensor, Tensor]:
    """x in the order of memory that a new tensor like it has, and such a tensor."""
    y = torch.empty_like(x)
    x = x.resolve_neg()
    return x if x.stride() == y.stride() else torch.empty_like(y).copy_(x), y


def rows(
    name: str,
    mode: str,
    form: torch.dtype,
    n: int,
    lead: Sequence[int],
    operands: Sequence[Tensor | float | bool | int | None],
) -> None:
    """A kernel over rows: tensors have `lead` dimensions and then the row's, where they have one.

    A tensor of fewer dimensions is the same for all rows.
    """
    operands = [t.resolve_neg() if isinstance(t, Tensor) else t for t in operands]
    given: list[Any] = []
    for t, of in zip(operands, loop(name, mode).every, strict=True):
        if not isinstance(t, Tensor):
            given.append(t)
            continue
        size, core = t.element_size(), int(of.row)
        steps = tuple(s * size for s in t.stride())
        if t.dim() - core != len(lead):  # one for all rows
            steps = (0,) * len(lead) + steps[t.dim() - core :]
        given.append((address(t), steps))
    _native.raw_strided(handle_of(name, mode), format_of(form), tuple(lead), n, tuple(given))


def dense_rows(name: str, mode: str) -> Callable[..., Tensor | None]:
    """A kernel over the last axis of dense tensors, as a function of them and the temperature,
    without a mask; None where the tensors are not dense, or have no rows.
    """
    run = at_once(name, mode, given=False)
    mask = (True,) * loop(name, mode).masked
    return lambda *args: run(*args, *mask)


def laid_out_as(x: Tensor, y: Tensor) -> Tensor:
    """y in the order of memory that a new tensor like x has."""
    if x.is_contiguous() and y.is_contiguous():
        return y
    out = torch.empty_like(x)
    return y if y.stride() == out.stride() else out.copy_(y)


ONE_THREAD = 1 << 15
"""So many elements one thread goes through, as one long row."""
