"""Random calls of every function, way and layout give what the plain call and a formula give.

Some seconds of each kind here, always the same cases first; `python tests/fuzz.py` goes on.
"""

from __future__ import annotations

import os

import pytest

import fuzz

SECONDS = float(os.environ.get("OGIVE_FUZZ_SECONDS", "3"))
LEAST = 40


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_random_calls(kind: str) -> None:
    assert fuzz.run(SECONDS, seed=1, kinds=[kind], least=LEAST) == 0
