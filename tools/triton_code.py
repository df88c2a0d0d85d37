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

from ogive.calls.codegen import generated
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


def per_element(found: Any, count: int = PER_THREAD) -> float:
    """Machine instructions for an element, but for those of loading and storing."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(found.asm["cubin"])
        file.flush()
        listed = subprocess.run([tool, "-c", file.name], capture_output=True, text=True, check=True)
    lines = re.findall(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?\w+ )?([A-Z0-9.]+)", listed.stdout, re.M)
    return sum(not BESIDE.match(each) for each in lines) / count


SIGMOID = "s = 1.0 / (1.0 + m.exp(-x))"
CDF = "cdf = 0.5 * (1.0 + m.erf(x * 0.70710678118654752440))"
TANH_OF_GELU = "t = m.tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x)))"
TANH_OF_MISH = "t = m.tanh(m.log1p(m.exp(x)))"
LEAKY = ("tl.where(x > 0, x, 0.25 * x)", "tl.where(x > 0, 1.0, 0.25)")
BETWEEN = "tl.minimum(tl.maximum({}, {}), {})"

THEIRS = {
    "celu": ("tl.where(x > 0, x, m.expm1(x))", "tl.where(x > 0, 1.0, m.exp(x))"),
    "elu": ("tl.where(x <= 0, m.expm1(x), x)", "tl.where(x <= 0, m.exp(x), 1.0)"),
    "erf": ("m.erf(x)", "1.1283791670955126 * m.exp(-x * x)"),
    "exp": ("m.exp(x)", "m.exp(x)"),
    "gelu": (f"{CDF}; x * cdf", f"{CDF}; cdf + x * (m.exp(-0.5 * x * x) * 0.3989422804014327)"),
    "gelu_sigmoid": (
        "x / (1.0 + m.exp(-1.702 * x))",
        "s = 1.0 / (1.0 + m.exp(-1.702 * x)); s * (1.0 + 1.702 * x * (1.0 - s))",
    ),
    "gelu_tanh": (
        f"{TANH_OF_GELU}; 0.5 * x * (1.0 + t)",
        f"{TANH_OF_GELU}; slope = 0.7978845608028654 * (1.0 + 3.0 * 0.044715 * (x * x)); "
        "0.5 * (1.0 + t) + 0.5 * x * ((1.0 - t * t) * slope)",
    ),
    "hard_sigmoid": (
        BETWEEN.format("x + 3.0", 0.0, 6.0) + " * (1.0 / 6)",
        "tl.where((x > -3) & (x < 3), 1.0 / 6, 0.0)",
    ),
    "hard_swish": (
        "x * " + BETWEEN.format("x + 3.0", 0.0, 6.0) + " * (1.0 / 6)",
        "tl.where(x < -3, 0.0, tl.where(x <= 3, x * (1.0 / 3) + 0.5, 1.0))",
    ),
    "hard_tanh": (BETWEEN.format("x", -1.0, 1.0), "tl.where((x > -1) & (x < 1), 1.0, 0.0)"),
    "hardshrink": (
        "tl.where((x >= -0.5) & (x <= 0.5), 0.0, x)",
        "tl.where((x >= -0.5) & (x <= 0.5), 0.0, 1.0)",
    ),
    "identity": ("x", "1.0"),
    "leaky_relu": LEAKY,
    "log_sigmoid": (
        "tl.minimum(0.0, x) - m.log1p(m.exp(-tl.abs(x)))",
        "e = m.exp(-tl.abs(x)); tl.where(x < 0, 1.0, 0.0) - tl.where(x < 0, 1.0, -1.0) "
        "* (e / (1.0 + e))",
    ),
    "mish": (
        f"{TANH_OF_MISH}; x * t",
        f"{TANH_OF_MISH}; {SIGMOID}; t + x * s * (1.0 - t * t)",
    ),
    "prelu": LEAKY,
    "relu": ("tl.maximum(x, 0.0)", "tl.where(x > 0, 1.0, 0.0)"),
    "relu6": (BETWEEN.format("x", 0.0, 6.0), "tl.where((x > 0) & (x < 6), 1.0, 0.0)"),
    "relu_squared": ("r = tl.maximum(x, 0.0); r * r", "2.0 * tl.maximum(x, 0.0)"),
    "rrelu": LEAKY,
    "selu": (
        "1.0507009873554805 * tl.where(x > 0, x, 1.6732632423543772 * m.expm1(x))",
        "1.0507009873554805 * tl.where(x > 0, 1.0, 1.6732632423543772 * m.exp(x))",
    ),
    "sigmoid": (f"{SIGMOID}; s", f"{SIGMOID}; s * (1.0 - s)"),
    "silu": ("x / (1.0 + m.exp(-x))", f"{SIGMOID}; s * (1.0 + x * (1.0 - s))"),
    "softplus": (
        "tl.where(x > 20.0, x, m.log1p(m.exp(x)))",
        "z = m.exp(x); tl.where(x > 20.0, 1.0, z / (z + 1.0))",
    ),
    "softshrink": (
        "tl.where(x > 0.5, x - 0.5, tl.where(x < -0.5, x + 0.5, 0.0))",
        "tl.where((x >= -0.5) & (x <= 0.5), 0.0, 1.0)",
    ),
    "softsign": ("x / (1.0 + tl.abs(x))", "d = 1.0 + tl.abs(x); 1.0 / (d * d)"),
    "squareplus": (
        "0.5 * (x + tl.sqrt(x * x + 4.0))", "0.5 * (1.0 + x / tl.sqrt(x * x + 4.0))"
    ),
    "tanh": ("m.tanh(x)", "t = m.tanh(x); 1.0 - t * t"),
    "tanhshrink": ("x - m.tanh(x)", "t = m.tanh(x); t * t"),
    "threshold": ("tl.where(x <= 1.0, 0.0, x)", "tl.where(x <= 1.0, 0.0, 1.0)"),
}  # fmt: skip
"""Value and derivative of each function as torch computes them, or, of one that it does not have,
as its formula reads.
"""


def torchs(name: str, mode: str, dtype: torch.dtype) -> Any:
    """What torch computes, compiled as torch compiles it: products and sums may be fused."""
    gated = find(name).kind == "gated"
    value, slope = (each.split("; ") for each in THEIRS[find(name).gate if gated else name])
    inputs = [*(["dy"] if mode == "backward" else []), *(["a"] if gated else []), "x"]
    if mode == "value":
        lines, results = value[:-1], {"y_": f"a * ({value[-1]})" if gated else value[-1]}
    else:
        lines, results = slope[:-1], {"db_": f"{'a * ' if gated else ''}dy * ({slope[-1]})"}
    if gated and mode == "backward":
        lines, results = lines + value[:-1], results | {"da_": f"dy * ({value[-1]})"}
    lines = [
        "at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        *(f"{x} = tl.load({x}_ + at, mask=at < n, other=0.0).to(tl.float32)" for x in inputs),
        *lines,
        *(f"tl.store({y} + at, ({of}).to({y}.dtype.element_ty), mask=at < n)"
          for y, of in results.items()),
    ]  # fmt: skip
    tensors = [*(f"{x}_" for x in inputs), *results]
    text = f"def theirs({', '.join(tensors)}, n, BLOCK: tl.constexpr):\n"
    text += "".join(f"    {line}\n" for line in lines)
    scope = {"tl": tl, "m": libdevice, "__name__": __name__}
    kernel = triton.jit(generated("theirs", text, scope, f"torch's {name} {mode}"))
    types = dict.fromkeys(tensors, f"*{FORMATS[dtype]}") | {"n": "i32"}
    return compiled(kernel, types, {"BLOCK": BLOCK}, 90, enable_fp_fusion=True)


@triton.jit
def torchs_rows(x_, y_, keep_, n, BLOCK: tl.constexpr, LOG: tl.constexpr, REDUCED: tl.constexpr):
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    x = tl.load(x_ + row * n + at, mask=at < n, other=float("-inf")).to(tl.float32)
    if keep_ is not None:
        kept = tl.load(keep_ + row * n + at, mask=at < n, other=0)
        x = tl.where(kept != 0, x, float("-inf"))
    d = x - tl.max(x, axis=0)
    e = libdevice.exp(d)
    total = tl.sum(e, axis=0)
    if REDUCED:
        tl.store(y_ + row, (tl.max(x, axis=0) + libdevice.log(total)).to(y_.dtype.element_ty))
    else:
        y = d - libdevice.log(total) if LOG else e / total
        tl.store(y_ + row * n + at, y.to(y_.dtype.element_ty), mask=at < n)


@triton.jit
def torchs_rows_backward(dy_, y_, dx_, n, BLOCK: tl.constexpr, LOG: tl.constexpr):
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    y = tl.load(y_ + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    dy = tl.load(dy_ + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    of_log = dy - libdevice.exp(y) * tl.sum(dy, axis=0)
    dx = of_log if LOG else y * (dy - tl.sum(dy * y, axis=0))
    tl.store(dx_ + row * n + at, dx.to(dx_.dtype.element_ty), mask=at < n)


@triton.jit
def torchs_logsumexp_backward(dy_, x_, y_, dx_, n, BLOCK: tl.constexpr):
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    x = tl.load(x_ + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    y, dy = tl.load(y_ + row).to(tl.float32), tl.load(dy_ + row).to(tl.float32)
    dx = dy * libdevice.exp(x - y)
    tl.store(dx_ + row * n + at, dx.to(dx_.dtype.element_ty), mask=at < n)


@triton.jit
def torchs_cross_entropy(z_, t_, loss_, dz_, n, factor, BLOCK: tl.constexpr):
    """The logarithms of probabilities, which are kept, and in backward their exponentials."""
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    z = tl.load(z_ + row * n + at, mask=at < n, other=float("-inf")).to(tl.float32)
    label = tl.load(t_ + row)
    d = z - tl.max(z, axis=0)
    log_p = d - libdevice.log(tl.sum(libdevice.exp(d), axis=0))
    tl.store(loss_ + row, -tl.sum(tl.where(at == label, log_p, 0.0), axis=0))
    g = (libdevice.exp(log_p) - tl.where(at == label, 1.0, 0.0)) * factor
    tl.store(dz_ + row * n + at, g.to(dz_.dtype.element_ty), mask=at < n)


@triton.jit
def torchs_binary(z_, t_, loss_, dz_, n, factor, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    z = tl.load(z_ + at, mask=at < n, other=0.0).to(tl.float32)
    t = tl.load(t_ + at, mask=at < n, other=0.0).to(tl.float32)
    tail = libdevice.log1p(libdevice.exp(-tl.abs(z)))
    loss = (1.0 - t) * z - tl.minimum(z, 0.0) + tail
    tl.store(loss_ + at, loss, mask=at < n)
    g = (1.0 / (1.0 + libdevice.exp(-z)) - t) * factor
    tl.store(dz_ + at, g.to(dz_.dtype.element_ty), mask=at < n)


ROW = 4096
"""Elements of a row that the instructions of rows and losses are counted for."""

PLAIN = {"PENALISED": False, "IGNORES": True, "GRADIENT": True, "BY_TENSOR": False,
         "WEIGHTS": "none"}  # fmt: skip
"""Options of a loss that is the mean over labels, some of which may be ignored."""


def compared_rows() -> Iterator[tuple[str, Any, dict[str, Any], Any, dict[str, Any]]]:
    """Rows and losses: our kernel with its constants, and what torch computes, if it does."""
    cases = {what: (kernel, flags) for what, kernel, flags, _ in plain_rows()}
    for name, flags in (("softmax", (False, False)), ("log_softmax", (True, False)),
                        ("logsumexp", (False, True))):  # fmt: skip
        theirs: dict[str, Any] = dict(zip(("LOG", "REDUCED"), flags, strict=True))
        yield f"{name}", *cases[name], torchs_rows, theirs | {"keep_": None}
        yield f"{name}, mask", *cases[f"{name} masked"], torchs_rows, theirs
        if f"{name} from output" in cases:
            back = torchs_rows_backward, {"LOG": name == "log_softmax"}
            yield f"{name}, backward", *cases[f"{name} from output"], *back
    yield "logsumexp, backward", *cases["logsumexp backward"], torchs_logsumexp_backward, {}
    for name in threshold_rows.POWERS:
        yield f"{name}", *cases[name], None, {}
        yield f"{name}, mask", *cases[f"{name} masked"], None, {}
        yield f"{name}, backward", *cases[f"{name} from output"], None, {}
    yield "cross_entropy", heads.label_kernel, PLAIN, torchs_cross_entropy, {}
    labels = PLAIN | {"MODE": "labels", "PAIRED": False, "SMOOTHED": False}
    yield "focal", focal_losses.focal_kernel, labels | {"WHOLE": 2}, None, {}
    yield "sparsemax_loss", sparsemax_losses.sparsemax_kernel, labels, None, {}
    elements = PLAIN | {"PAIRED": False, "SMOOTHED": False, "SUMMED": False}
    flags = elements | {"POSITIVE": "none"}
    yield "binary_cross_entropy", heads.binary_kernel, flags, torchs_binary, {}
    flags = elements | {"WHOLE": 2}
    yield "sigmoid_focal", focal_losses.sigmoid_focal_kernel, flags, None, {}


def counted(kernel: Any, flags: dict[str, Any], dtype: torch.dtype, fused: bool) -> float:
    """Instructions per element of a row's kernel, in a row that one program holds."""
    how = {key: value for key, value in row_functions.blocks(ROW).items() if key != "BLOCKS"}
    warps = how.pop("num_warps")
    form = f"*{FORMATS[dtype]}"
    types = OF_ROWS | dict.fromkeys(("x_", "y_", "dy_", "dx_", "z_", "dz_"), form)
    labels = "MODE" in flags or kernel in BY_LABELS
    types |= {"t_": "*i64" if labels else form, "factor": "fp32"}
    types |= {"positive_": "i64"} if kernel is focal_losses.sigmoid_focal_kernel else {}
    constants = {"BLOCKS": 1, "FULL": False} | how | flags
    constants = {key: constants[key] for key in kernel.arg_names if key in constants}
    asserting = heads.ASSERTING if labels and not fused else {}
    found = compiled(
        kernel, types, constants, 90, num_warps=warps, enable_fp_fusion=fused, **asserting
    )
    return per_element(found, ROW // (32 * warps))


BY_LABELS = (heads.label_kernel, torchs_cross_entropy)
COMPARED = (torch.float32, torch.bfloat16)


def table() -> Iterator[str]:
    """Unary and gated functions, then rows and losses."""
    yield "| function | mode | float32: Ogive, torch | bfloat16: Ogive, torch |"
    yield "|---|---|---|---|"
    for name in (*names("unary"), *names("gated")):
        for mode in ("value", "backward"):
            cells = [
                f"{per_element(element_kernel(name, mode, dtype, 90)):.0f}, "
                f"{per_element(torchs(name, mode, dtype)):.0f}"
                for dtype in COMPARED
            ]
            yield f"| {name} | {mode} | {' | '.join(cells)} |"
    yield ""
    yield "| rows and losses | float32: Ogive, torch | bfloat16: Ogive, torch |"
    yield "|---|---|---|"
    for what, kernel, flags, theirs, their_flags in compared_rows():
        cells = [
            f"{counted(kernel, flags, dtype, False):.0f}, "
            + (f"{counted(theirs, their_flags, dtype, True):.0f}" if theirs else "none")
            for dtype in COMPARED
        ]
        yield f"| {what} | {' | '.join(cells)} |"


BEGIN, END = "<!-- instructions: tools/triton_code.py --page -->", "<!-- end of instructions -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    if given.page:
        lines = list(table())
        before, rest = PAGE.read_text().split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]))
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
