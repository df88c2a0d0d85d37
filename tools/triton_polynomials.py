"""Write src/ogive/torch/_triton/polynomials.py: what the kernels for float64 share with the CPU's.

    python tools/triton_polynomials.py            # after tools/fit_coefficients.py
    python tools/triton_polynomials.py --check    # exit code 1 if the file is out of date

The coefficients are read from the headers of the C++ kernels.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src/ogive"
TARGET = SOURCE / "torch/_triton/polynomials.py"

# Name here: (header, name there).
ARRAYS = {
    "atanh_tail_full": ("kernels/math/coefficients.hpp", "atanh_f64"),
    "tanh_gap_near_full": ("catalog/unary/tanhshrink.hpp", "near_f64"),
}
NUMBERS = ("ln2_hi", "ln2_lo")


def array(header: str, name: str) -> list[float]:
    text = (SOURCE / header).read_text()
    found = re.search(rf"double {name}\[\] = \{{(.*?)\}};", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{header} has no array {name}")
    return [float.fromhex(each.strip()) for each in found[1].split(",")]


def number(name: str) -> float:
    text = (SOURCE / "kernels/math/coefficients.hpp").read_text()
    found = re.search(rf"double {name} = (.*?);", text)
    if found is None:
        raise ValueError(f"coefficients.hpp has no number {name}")
    return float.fromhex(found[1])


def function(name: str, coefficients: list[float]) -> str:
    *rest, top = coefficients
    steps = "".join(f"    p = tl.fma(p, x, f64({c!r}))\n" for c in reversed(rest))
    return f"@triton.jit\ndef {name}(x):\n    p = f64({top!r})\n{steps}    return p\n"


def text() -> str:
    head = (
        '"""Written by tools/triton_polynomials.py from the C++ coefficients; do not edit."""\n\n'
        "# mypy: ignore-errors\n"
        "import triton\n"
        "import triton.language as tl\n\n"
    )
    numbers = "".join(f"{n.upper()} = tl.constexpr({number(n)!r})\n" for n in NUMBERS)
    helper = (
        "@triton.jit\ndef f64(value: tl.constexpr):\n"
        "    # A bare literal would be a float32 among the arguments of tl.fma.\n"
        "    return tl.full((), value, tl.float64)\n"
    )
    functions = (function(name, array(*place)) for name, place in ARRAYS.items())
    return head + numbers + "\n\n" + "\n\n".join([helper, *functions])


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != text())
    TARGET.write_text(text())
