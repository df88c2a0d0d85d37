"""Claim: no code of one instruction set can be called on behalf of another."""

import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).parent.parent / "build"
UNITS = ("unary", "gated", "rows", "heads", "internal")
OBJECTS = sorted(p for unit in UNITS for p in BUILD.glob(f"**/kernels_*.dir/**/{unit}/*.cpp.o"))


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
@pytest.mark.skipif(not OBJECTS, reason="the build folder is not here")
@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.stem)
def test_a_unit_defines_one_symbol_and_no_weak_one(path: Path) -> None:
    lines = subprocess.run(
        ["nm", "-C", str(path)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    defined = [line for line in lines if " T " in line]
    weak = [line for line in lines if any(f" {kind} " in line for kind in "WVuvw")]
    assert len(defined) == 1, defined
    assert f"::entry_{path.name.partition('.')[0]}()" in defined[0]
    assert not weak, weak[:5]
