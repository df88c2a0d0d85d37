"""Functions written out as text behave as if they stood in a file."""

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import ogive
from ogive.calls.codegen import generated

ROOT = Path(__file__).parents[1]


def test_ctrl_c_while_one_is_made_is_the_programs_to_catch(tmp_path):
    """After an interrupted ``exec`` of a string, Python ends by the signal whatever is caught."""
    script = tmp_path / "interrupted.py"
    script.write_text(
        "import sys\n"
        "from ogive.calls.codegen import generated\n"
        "try:\n"
        "    generated('f', 'raise KeyboardInterrupt', {})\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    assert subprocess.run([sys.executable, script], check=False).returncode == 130


def test_a_traceback_shows_the_line():
    f = generated("f", "def f(x):\n    return 1 / x\n", {})
    with pytest.raises(ZeroDivisionError) as caught:
        f(0)
    assert traceback.extract_tb(caught.tb)[-1].line == "return 1 / x"
    with pytest.raises(ValueError, match="out") as caught:
        ogive.leaky_relu(1.0, out=())
    assert "return direct(x, negative_slope, out=out" in str(
        traceback.extract_tb(caught.tb)[-1].line
    )


def test_scripts_that_tests_import_by_name_have_names_of_their_own():
    names = [path.stem for folder in ("benchmarks", "tests", "tools")
             for path in (ROOT / folder).glob("*.py")]  # fmt: skip
    assert sorted(set(names)) == sorted(names)
