"""The examples for JAX run, and show what they say; so does the page about JAX."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

ROOT = Path(__file__).parent.parent


def shown(name: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)], capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ogive_has_no_row_of_nan_and_is_accurate() -> None:
    text = shown("jax_softmax.py")
    assert re.findall(r"Ogive (\d+)\n", text)[:4] == ["0"] * 4
    assert all(float(x) <= 0.6 for x in re.findall(r"Ogive (0\.\d+)", text))


def test_a_block_trains_alike_with_both() -> None:
    text = shown("jax_transformer.py")
    theirs, ours = re.findall(r"losses ([\d., ]+);", text)
    for a, b in zip(theirs.split(","), ours.split(","), strict=True):
        assert float(a) == pytest.approx(float(b), abs=1e-3)


def test_the_page_runs() -> None:
    pytest.importorskip("equinox")
    text = (ROOT / "docs" / "jax.md").read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, "jax", "jax.md", 0)
    said: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=said.append)
    assert test.examples
    assert not runner.failures, "".join(said)
