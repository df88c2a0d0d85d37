"""What the Triton kernels for a GPU compile to; no GPU is needed.

    python tools/triton_code.py              # compile every kernel, look for doubles
    python tools/triton_code.py --sample     # some of them, as the tests do
    python tools/triton_code.py --page       # instructions per element, written to docs/cuda.md

Kernels of float32, bfloat16 and float16 compute nothing in double: consumer GPUs have doubles at
1/64 of the speed. They are compiled for three generations of GPUs, to PTX and on to machine code.

The instructions per element are those of the machine code (sm_90) over the elements of a thread,
straight-line code throughout. Beside them stand those of what torch computes, written in Triton
with the same functions of the CUDA library that torch's kernels call.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.pop("TRITON_INTERPRET", None)  # which would leave nothing to compile

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.language.extra import libdevice

from ogive.catalog import find, names
from ogive.formula import tape
from ogive.torch._triton import (
    draws,
    elementwise,
    focal_losses,
    heads,
    row_functions,
    sparsemax_losses,
    threshold_rows,
)

PAGE = Path(__file__).parent.parent / "docs/cuda.md"
GENERATIONS = (80, 90, 120)
FORMATS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
BLOCK, WARPS = 1024, 4
PER_THREAD = BLOCK // (32 * WARPS)

# ------------------------------------------------------------------------------- compiling


def compiled(
    kernel: Any, types: dict[str, str], constants: dict[str, Any], generation: int, **options: Any
) -> Any:
    """A kernel as it is launched, with the types of its arguments by name."""
    signature = {a: "constexpr" if a in constants else types[a] for a in kernel.arg_names}
    aligned = {
        (k,): [["tt.divisibility", 16]]
        for k, a in enumerate(kernel.arg_names)
        if signature[a].startswith("*") or a == "n"
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    how = {"enable_fp_fusion": False, "num_warps": WARPS, **options}
    return triton.compile(source, target=GPUTarget("cuda", generation, 32), options=how)


def element_kernel(name: str, mode: str, dtype: torch.dtype, generation: int) -> Any:
    """That of a unary or a gated function; parameters are numbers."""
    gated = find(name).kind == "gated"
    numbers = "" if gated else "n" * len(tape.defaults(name))
    made = elementwise.kernel(name, mode, elementwise.arithmetic_of(name, mode, dtype), numbers)
    types = {a: f"*{FORMATS[dtype]}" for a in made.arg_names} | {"n": "i32"}
    types |= {f"p{k}_": "i64" for k in range(len(numbers))}
    types |= {f"p{k}_e": "i32" for k in range(len(numbers))}
    return compiled(made, types, {"BLOCK": BLOCK}, generation)


OF_ROWS = {
    "n": "i32", "ignored": "i32", "positive_count": "i32", "w_count": "i32", "seed": "i64",
    "keep_": "*u8", "keep_inner": "i32", "keep_count": "i32",
    **dict.fromkeys(
        ("inverse_", "gamma_", "negative_", "factor_bits", "kept_", "even_", "z_loss_", "cap_"),
        "i64",
    ), **dict.fromkeys(
        ("low_", "y_low_", "t_low_", "w_", "w_low_", "factor_", "loss_", "positive_",
         "positive_low_"), "*fp32",
    ),
}  # fmt: skip

Compiling = tuple[str, Callable[[], Any]]
"""What a kernel is called, and what compiles it."""


def row_kernels(dtype: torch.dtype, generation: int) -> Iterator[Compiling]:
    """Those of rows and losses: short rows and long ones, with as many options as there are."""
    form = f"*{FORMATS[dtype]}"
    types = OF_ROWS | dict.fromkeys(("x_", "y_", "dy_", "dx_", "z_", "dz_"), form)

    def of(what: str, kernel: Any, flags: dict[str, Any], **changed: str) -> Compiling:
        how = heads.ASSERTING if changed.get("t_") == "*i64" else {}
        return what, partial(compiled, kernel, types | changed, flags, generation, **how)

    for length, blocks in (("short", 1), ("long", 3)):
        flags = {"BLOCK": BLOCK, "BLOCKS": blocks, "FULL": False}
        for what, kernel, more, changed in (*plain_rows(), *row_losses()):
            yield of(f"{what} {length}", kernel, flags | more, **changed)
    flags = {"BLOCK": BLOCK, "FULL": False}
    for what, kernel, more, changed in element_losses():
        yield of(what, kernel, flags | more, **changed)
    yield of("gumbel_softmax noise", draws.noisy_kernel, {"BLOCK": BLOCK}, z_="*fp32")


Case = tuple[str, Any, dict[str, Any], dict[str, str]]
"""What a kernel is called, the kernel, its constants, and types that are not the usual ones."""


def plain_rows() -> Iterator[Case]:
    """Functions of rows, with a mask and without one."""
    for mask in ({}, {"keep_": None}):
        kind = "" if mask else " masked"
        for name, which in row_functions.KINDS.items():
            flags = which.flags() | mask | {"low_": None}
            yield name + kind, row_functions.forward_kernel, flags, {}
            yield f"{name} backward{kind}", row_functions.backward_kernel, flags, {}
        for name, power in threshold_rows.POWERS.items():
            flags = {"POWER": power} | mask
            yield name + kind, threshold_rows.forward_kernel, flags, {}
            flags = flags | {"OUTPUT": False}
            yield f"{name} backward{kind}", threshold_rows.backward_kernel, flags, {}
    yield "softmax from output", row_functions.softmax_backward_kernel, {}, {}
    yield "log_softmax from output", row_functions.log_softmax_backward_kernel, {}, {}
    for name, power in threshold_rows.POWERS.items():
        flags = {"POWER": power, "OUTPUT": True, "keep_": None}
        yield f"{name} from output", threshold_rows.backward_kernel, flags, {}
    pairs = {"x_": "*fp32"}
    flags = row_functions.KINDS["softmax"].flags() | {"keep_": None}
    yield "gumbel_softmax", row_functions.forward_kernel, flags, pairs
    yield "gumbel_softmax backward", row_functions.backward_kernel, flags, pairs


def row_losses() -> Iterator[Case]:
    loss = {"WEIGHTS": "pairs", "GRADIENT": True, "BY_TENSOR": True, "IGNORES": True}
    paired, focal = loss | {"PAIRED": True}, {"SMOOTHED": True, "WHOLE": -1}
    flags = loss | {"PENALISED": True}
    yield "cross_entropy plain labels", heads.label_kernel, flags, {"t_": "*i64"}
    for mode, t in (("labels", "*i64"), ("probabilities", "*fp32")):
        more, types = paired | {"MODE": mode}, {"t_": t}
        flags = more | {"PENALISED": True, "SMOOTHED": True, "CAPPED": True}
        yield f"cross_entropy {mode}", heads.cross_entropy_kernel, flags, types
        yield f"focal {mode}", focal_losses.focal_kernel, more | focal, types
        yield f"sparsemax_loss {mode}", sparsemax_losses.sparsemax_kernel, more, types


def element_losses() -> Iterator[Case]:
    loss = {"WEIGHTS": "pairs", "GRADIENT": True, "BY_TENSOR": True, "PAIRED": True}
    flags, types = loss | {"SMOOTHED": True, "SUMMED": True}, {"t_": "*fp32"}
    yield "binary_cross_entropy", heads.binary_kernel, flags | {"POSITIVE": "pairs"}, types
    kernel, types = focal_losses.sigmoid_focal_kernel, types | {"positive_": "i64"}
    yield "sigmoid_focal", kernel, flags | {"WHOLE": -1}, types


def every(generation: int) -> Iterator[tuple[str, Any]]:
    for dtype, form in FORMATS.items():
        for name in names("unary"):
            for mode in (*elementwise.ORDERS, "backward_from_output"):
                if elementwise.program(name, mode) is not None:
                    yield f"{name} {mode} {form}", element_kernel(name, mode, dtype, generation)
        for name in names("gated"):
            for mode in ("value", "backward"):
                yield f"{name} {mode} {form}", element_kernel(name, mode, dtype, generation)
        for what, compile_it in row_kernels(dtype, generation):
            yield f"{what} {form}", compile_it()


def sample() -> Iterator[tuple[str, Any]]:
    yield "gelu backward, sm_80", element_kernel("gelu", "backward", torch.float32, 80)
    yield "mish value, sm_90", element_kernel("mish", "value", torch.bfloat16, 90)
    yield "prelu value, sm_90", element_kernel("prelu", "value", torch.float16, 90)
    yield "swiglu backward, sm_120", element_kernel("swiglu", "backward", torch.float16, 120)
    for what, compile_it in row_kernels(torch.bfloat16, 120):
        if what in SAMPLED:
            yield f"{what}, sm_120", compile_it()


SAMPLED = (
    "softmax masked short", "cross_entropy plain labels long", "sparsemax_loss labels short",
)  # fmt: skip


def doubles(found: Any) -> list[str]:
    """The instructions of a compiled kernel that have to do with doubles."""
    return sorted(set(re.findall(r"^\s*(?:@!?%p\d+ )?([a-z.0-9_]*f64[a-z.0-9_]*)",
                                 found.asm["ptx"], re.MULTILINE)))  # fmt: skip


# ------------------------------------------------------------------- instructions per element

BESIDE = re.compile(r"LDG|STG|LDC|ULDC|S2R|S2UR|BRA|EXIT|NOP|MOV|CS2R|UIADD|UMOV|R2UR|PLOP|LEA")
"""Instructions that load, store, address and end."""


def per_element(found: Any) -> float:
    """Machine instructions for an element, but for those of loading and storing."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(found.asm["cubin"])
        file.flush()
        listed = subprocess.run([tool, "-c", file.name], capture_output=True, text=True, check=True)
    lines = re.findall(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?\w+ )?([A-Z0-9.]+)", listed.stdout, re.M)
    return sum(not BESIDE.match(each) for each in lines) / PER_THREAD


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + libdevice.exp(-x))


@triton.jit
def torch_gelu(x):
    return x * 0.5 * (1.0 + libdevice.erf(x * 0.70710678118654752440))


@triton.jit
def torch_gelu_backward(x):
    cdf = 0.5 * (1.0 + libdevice.erf(x * 0.70710678118654752440))
    return cdf + x * (libdevice.exp(-0.5 * x * x) * 0.3989422804014327)


@triton.jit
def torch_gelu_tanh(x):
    inner = 0.7978845608028654 * (x + 0.044715 * (x * x * x))
    return 0.5 * x * (1.0 + libdevice.tanh(inner))


@triton.jit
def torch_gelu_tanh_backward(x):
    t = libdevice.tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x)))
    slope = 0.7978845608028654 * (1.0 + 3.0 * 0.044715 * (x * x))
    return 0.5 * (1.0 + t) + 0.5 * x * ((1.0 - t * t) * slope)


@triton.jit
def torch_silu(x):
    return x / (1.0 + libdevice.exp(-x))


@triton.jit
def torch_silu_backward(x):
    s = _sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


@triton.jit
def torch_mish(x):
    return x * libdevice.tanh(libdevice.log1p(libdevice.exp(x)))


@triton.jit
def torch_mish_backward(x):
    t = libdevice.tanh(libdevice.log1p(libdevice.exp(x)))
    return t + x * _sigmoid(x) * (1.0 - t * t)


@triton.jit
def torch_softplus(x):
    return tl.where(x > 20.0, x, libdevice.log1p(libdevice.exp(x)))


@triton.jit
def torch_softplus_backward(x):
    z = libdevice.exp(x)
    return tl.where(x > 20.0, 1.0, z / (z + 1.0))


@triton.jit
def torch_elu(x):
    return tl.where(x <= 0, libdevice.expm1(x), x)


@triton.jit
def torch_log_sigmoid(x):
    return tl.minimum(0.0, x) - libdevice.log1p(libdevice.exp(-tl.abs(x)))


@triton.jit
def torch_sigmoid(x):
    return _sigmoid(x)


@triton.jit
def torch_tanh(x):
    return libdevice.tanh(x)


@triton.jit
def torch_erf(x):
    return libdevice.erf(x)


@triton.jit
def torch_exp(x):
    return libdevice.exp(x)


@triton.jit
def torchs_kernel(dy_, x_, out_, n, BLOCK: tl.constexpr, F: tl.constexpr, BACK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    y = F(tl.load(x_ + at, mask=at < n, other=0.0).to(tl.float32))
    if BACK:
        y = tl.load(dy_ + at, mask=at < n, other=0.0).to(tl.float32) * y
    tl.store(out_ + at, y.to(out_.dtype.element_ty), mask=at < n)


def torchs(function: Any, back: bool, dtype: torch.dtype) -> Any:
    """What torch computes, compiled as torch compiles it: products and sums may be fused."""
    types = dict.fromkeys(("dy_", "x_", "out_"), f"*{FORMATS[dtype]}") | {"n": "i32"}
    constants = {"BLOCK": BLOCK, "F": function, "BACK": back}
    return compiled(torchs_kernel, types, constants, 90, enable_fp_fusion=True)


THEIRS = {
    ("sigmoid", "value"): torch_sigmoid,
    ("tanh", "value"): torch_tanh,
    ("exp", "value"): torch_exp,
    ("erf", "value"): torch_erf,
    ("silu", "value"): torch_silu,
    ("silu", "backward"): torch_silu_backward,
    ("gelu", "value"): torch_gelu,
    ("gelu", "backward"): torch_gelu_backward,
    ("gelu_tanh", "value"): torch_gelu_tanh,
    ("gelu_tanh", "backward"): torch_gelu_tanh_backward,
    ("mish", "value"): torch_mish,
    ("mish", "backward"): torch_mish_backward,
    ("softplus", "value"): torch_softplus,
    ("softplus", "backward"): torch_softplus_backward,
    ("elu", "value"): torch_elu,
    ("log_sigmoid", "value"): torch_log_sigmoid,
}


def table() -> Iterator[str]:
    yield "| function | mode | float32: Ogive, torch | bfloat16: Ogive, torch |"
    yield "|---|---|---|---|"
    for (name, mode), theirs in THEIRS.items():
        cells = []
        for dtype in (torch.float32, torch.bfloat16):
            ours = per_element(element_kernel(name, mode, dtype, 90))
            other = per_element(torchs(theirs, mode == "backward", dtype))
            cells.append(f"{ours:.0f}, {other:.0f}")
        yield f"| {name} | {mode} | {cells[0]} | {cells[1]} |"


BEGIN, END = "<!-- instructions: tools/triton_code.py --page -->", "<!-- end of instructions -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    if given.page:
        before, rest = PAGE.read_text().split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text("\n".join([before + BEGIN, *table(), END + after]))
        return 0
    bad = 0
    for generation in (None,) if given.sample else GENERATIONS:
        for what, found in sample() if generation is None else every(generation):
            of = "" if generation is None else f" sm_{generation}"
            if there := doubles(found):
                bad += 1
                print(f"{what}{of}: {', '.join(there)}")
    print("no doubles" if not bad else f"{bad} kernels with doubles")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
