"""What the kernels for a GPU compile to: no arithmetic in double, which needs no GPU to be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

TOOL = Path(__file__).parent.parent / "tools/triton_code.py"


def test_kernels_of_float32_and_sixteen_bits_compute_nothing_in_double() -> None:
    # In a process of its own: in this one Triton interprets. All of them: `tools/triton_code.py`.
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    found = subprocess.run(
        [sys.executable, str(TOOL), "--sample"], capture_output=True, text=True, env=environment
    )
    assert (found.returncode, found.stdout) == (0, "no doubles\n"), found.stdout + found.stderr
