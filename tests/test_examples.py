"""The demonstration of the claims runs, and finds each of them true."""

import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[1] / "examples" / "claims.py"


def test_every_claim_holds_and_is_shown():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for claim in ("gelu(-10)", "gelu(1.7e+38)", "silu(-100)", "cross_entropy([80, 0, 0], 0)"):
        assert claim in done.stdout
    assert "the same bits" in done.stdout
    assert "baseline, 3 threads, stride 3" in done.stdout


def test_a_wrong_result_fails_the_demonstration(monkeypatch):
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import claims
    finally:
        sys.path.pop(0)
    monkeypatch.setattr(claims, "digests", lambda: iter([("one", "a")]))
    assert claims.main() == 0
    monkeypatch.setattr(claims.ogive, "silu", lambda x: np.zeros_like(x))
    assert claims.main() == 1
    monkeypatch.undo()
    monkeypatch.setattr(claims, "digests", lambda: iter([("one", "a"), ("two", "b")]))
    assert claims.main() == 1
