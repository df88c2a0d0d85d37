"""Sizes at which the code goes another way: blocks, chunks, shares of threads. Read from the code.

A limit is named by its file in src/ogive and its name, as "kernels/math/sums.hpp:partials".
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ogive

SOURCE = Path(ogive.__file__).parent
LANES = {"baseline": 4, "avx2": 8, "avx512": 16}.get(ogive.isa(), 4)
"""Floats of a vector of the instruction set in use; the headers give one for each."""

LIMITS: dict[str, str] = {
    "kernels/simd/floats.hpp:lanes": "elements row rows",
    "kernels/drivers/unary_floats.hpp:vectors_at_once": "elements",
    "kernels/drivers/unary_floats.hpp:vectors": "elements",
    "kernels/drivers/unary_floats.hpp:group": "elements",
    "kernels/drivers/blocks.hpp:block_size": "elements row",
    "kernels/drivers/blocks.hpp:streamed_bytes": "streamed",
    "kernels/drivers/blocks.hpp:ahead_bytes": "time",
    "kernels/drivers/elementwise.hpp:vectors": "elements",
    "kernels/drivers/elementwise.hpp:group": "elements",
    "kernels/drivers/gated_floats.hpp:vectors": "elements",
    "kernels/drivers/gated_floats.hpp:group": "elements",
    "kernels/drivers/unary_doubles.hpp:central_block": "elements",
    "kernels/drivers/unary_doubles.hpp:central_ahead": "time",
    "kernels/drivers/unary_doubles.hpp:central_least": "time",
    "kernels/drivers/unary_bits.hpp:vectors": "elements",
    "kernels/drivers/unary_bits.hpp:word_bits": "elements",
    "kernels/drivers/unary_bits.hpp:group_size": "elements",
    "kernels/drivers/unary_bits.hpp:count": "elements",
    "kernels/drivers/unary_bits.hpp:line": "elements",
    "kernels/drivers/unary_bits.hpp:size": "streamed",
    "kernels/drivers/unary_bits.hpp:ahead": "time",
    "kernels/drivers/unary_bits.hpp:most": "elements",
    "kernels/runtime/residency.hpp:least": "bytes",
    "kernels/runtime/residency.hpp:most": "bytes",
    "kernels/runtime/stores.hpp:tried_bytes": "streamed",
    "kernels/runtime/stores.hpp:least_tried": "streamed",
    "kernels/math/sums.hpp:partials": "row",
    "kernels/drivers/threshold_rows.hpp:partials": "row",
    "kernels/drivers/short_rows.hpp:longest": "row",
    "kernels/drivers/long_rows.hpp:group": "row",
    "kernels/drivers/long_rows.hpp:block": "row",
    "kernels/drivers/long_rows.hpp:vectors": "row",
    "kernels/drivers/long_rows.hpp:width": "row",
    "kernels/drivers/long_rows.hpp:line": "row",
    "kernels/drivers/long_rows.hpp:ahead": "time",
    "kernels/simd/doubles.hpp:double_lanes": "row rows",
    "kernels/drivers/double_rows.hpp:together": "row",
    "kernels/drivers/double_rows.hpp:group": "row",
    "kernels/drivers/double_rows.hpp:partials": "row",
    "kernels/drivers/double_rows.hpp:vectors": "row",
    "catalog/rows/softmax.hpp:near": "row",
    "bindings/op_table.hpp:grain_elements": "elements rows",
    "bindings/op_table.hpp:bits_together": "elements",
    "bindings/op_table.hpp:few_elements": "elements",
    "bindings/raw.cpp:most_with_gil": "elements",
    "bindings/xla.cpp:chunk": "jax",
    "bindings/xla.cpp:piece_of_elements": "jax",
    "calls/losses.py:CHUNK": "losses",
    "calls/losses.py:ROW": "losses",
    "calls/losses.py:FEW_ROWS": "linear",
    "calls/losses.py:SMALL": "linear",
    "calls/losses.py:LARGE": "linear",
    "_numpy/linear.py:PIECE": "linear",
    "calls/checks.py:MOST_CHECKED": "parameters",
    "torch/_random_slopes.py:KEPT_ROWS": "torch",
    "torch/_launch.py:ONE_THREAD": "torch",
    "torch/_loss_eager.py:FEW": "torch",
    "torch/_parallel.py:SOME": "torch",
    "torch/_triton/focal_losses.py:MOST_FACTORS": "torch",
    "torch/_triton/heads.py:CHUNK_BYTES": "torch",
    "torch/_unary.py:MOST_KEPT": "torch",
    "torch/_unary.py:MOST_ORDERS": "torch",
}
"""What each divides: elements of an array, those of large results that are streamed, those of a
row, rows, losses, bytes of a result; and those of one function or framework. "time": it only says
how far ahead memory is fetched, or is a part of a limit beside it.
"""

LOOPED_OVER = {"elements", "row", "losses"}
"""Tests try all limits of these (`sizes_of`); each of the others is named in a test."""

NO_SIZES = {
    "inputs", "outputs", "operands", "result", "parameters", "modes", "formats", "most_operands",
    "loss_at", "gradient_at", "x", "temperature", "mask", "cores", "bits", "degree",  # places
    "numbers_at", "weight_at", "options_at", "factor_at", "kind_at", "hessian_at",
    "rooms", "options", "smoothing", "most_numbers",
    "digits", "top_even", "top_odd", "samples", "max_threads", "_PLAIN_KEYS", "SEEDS", "WARPS",
    "ways_to_store", "store_sizes", "most_parameters",
    "kernels/drivers/rows.hpp:size",  # bytes
    "kernels/drivers/elementwise.hpp:most", "kernels/drivers/blocks.hpp:most",  # of a few
    "kernels/runtime/processors.cpp:most", "kernels/runtime/pool.cpp:line",  # no loop
    "kernels/drivers/rows.hpp:width",
    "kernels/drivers/row_losses.hpp:width",
    "kernels/drivers/short_rows.hpp:width",  # lanes of floats or of doubles
    "catalog/text.py:WIDTH",  # columns
    "bindings/xla_ffi.hpp:major_version", "bindings/xla_ffi.hpp:minor_version",
    "bindings/xla_ffi.hpp:metadata_type", "bindings/xla_ffi.hpp:invalid_argument",
    "bindings/xla_ffi.hpp:resource_exhausted", "bindings/xla.cpp:double_format",  # XLA's numbers
    "torch/_kept.py:ROWS", "torch/_kept.py:COLUMNS",
    "torch/_kept.py:ROWS_OF_LOSSES",  # a sample
}  # fmt: skip
"""Integer constants that count or place something else, by name, some by file and name."""

OTHER_FOLDERS = (
    "formula/", "study/", "report/", "reference/", "predict/", "watch/", "cli.py",
    "kernels/drivers/internal/",
)  # fmt: skip
"""Where no array is computed in pieces whose sizes a user's call would meet."""

INTEGER = re.compile(r"\bconstexpr\s+(?:std::ptrdiff_t|std::size_t|int|auto)\s+(?=\w+ = )([^;{]+);")
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Div: operator.floordiv, ast.LShift: operator.lshift,
}  # fmt: skip


@cache
def constants() -> dict[str, list[tuple[int, str]]]:
    """Where every integer constant is defined and as what, by file and name."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in sorted(SOURCE.rglob("*")):
        file = path.relative_to(SOURCE).as_posix()
        if path.suffix not in (".hpp", ".cpp", ".py") or file.startswith(OTHER_FOLDERS):
            continue
        read = of_python if path.suffix == ".py" else of_cpp
        for name, place, expression in read(path.read_text()):
            found.setdefault(f"{file}:{name}", []).append((place, expression))
    return found


def of_cpp(text: str) -> Iterator[tuple[str, int, str]]:
    for declared in INTEGER.finditer(re.sub("//.*", lambda comment: " " * len(comment[0]), text)):
        for part in declared[1].split(", "):
            name, _, expression = part.partition(" = ")
            plain = re.sub(r"sizeof\(float\)|static_cast<std::ptrdiff_t>", "", expression)
            if plain and not re.search(r"float|chrono", plain):
                yield name.strip(), declared.start(), expression


def of_python(text: str) -> Iterator[tuple[str, int, str]]:
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        names, values = [target], [node.value]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            names, values = target.elts, node.value.elts
        for name, value in zip(names, values, strict=True):
            if isinstance(name, ast.Name) and name.id.isupper() and is_integer(value):
                yield name.id, node.lineno, ast.unparse(value)


def is_integer(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp):
        parts = is_integer(value.left) and is_integer(value.right)
        return parts and not isinstance(value.op, ast.Div)
    return isinstance(value, ast.Constant) and type(value.value) is int


def limit(key: str, itemsize: int = 4) -> int:
    """The value of a limit, in elements of that size if it counts elements."""
    (value,) = values(key, itemsize)
    return value


def values(key: str, itemsize: int = 4) -> set[int]:
    """The values of all constants of that name in the file."""
    places = constants()[key]
    if key == "kernels/simd/floats.hpp:lanes":
        assert str(LANES) in [expression for _, expression in places]
        return {LANES}
    file = key.partition(":")[0]
    return {evaluated(expression, file, at, itemsize) for at, expression in places}


def evaluated(expression: str, file: str, at: int, itemsize: int) -> int:
    """The value of an expression that stands at a place of a file."""
    plain = expression.replace("static_cast<std::ptrdiff_t>", "").replace("ordered_sum::", "sum_")
    plain = re.sub(r"sizeof\((T|Real)\)", str(itemsize), plain).replace("sizeof(float)", "4")
    plain = re.sub(r"\w+ \? (\w+) : 1", r"\1", plain)  # where there are float lanes
    plain = re.sub(r"(vectors_at_once)<\w+(<\w+>)?>", r"\1", plain)
    plain = re.sub(
        r"lanes == (\d+) \? (\d+) : (\d+)", lambda m: m[2 if int(m[1]) == LANES else 3], plain
    )
    if "?" in plain:  # what else it depends on differs by function: the larger
        plain = str(max(map(int, re.findall(r"[?:] (\d+)\b", plain))))

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant):
            return int(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.BinOp):
            return int(OPERATORS[type(node.op)](value(node.left), value(node.right)))
        assert isinstance(node, ast.Name), expression
        if node.id == "sum_partials":
            return int(constants()["kernels/math/sums.hpp:partials"][0][1])
        before = [p for p in constants().get(f"{file}:{node.id}", []) if p[0] <= at]
        if before:
            return evaluated(before[-1][1], file, before[-1][0], itemsize)
        return limit(next(k for k in constants() if k.endswith(f":{node.id}")), itemsize)

    return value(ast.parse(plain.strip(), mode="eval").body)


def around(*sizes: int) -> list[int]:
    """Both sides of each size, and of two of it and a bit."""
    return sorted({s + by for n in sizes for s in (n, 2 * n) for by in (-1, 0, 1) if s + by > 0})


def sizes_of(what: str, itemsize: int = 4) -> list[int]:
    """Both sides of every limit of what is counted."""
    keys = [key for key, counts in LIMITS.items() if what in counts.split()]
    return around(*set().union(*(values(key, itemsize) for key in keys)))
