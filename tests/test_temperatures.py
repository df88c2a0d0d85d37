"""What a temperature does to a row: kernels end for every one, and only a positive, finite one has
an answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cases import DTYPE_IDS, DTYPES, check_python
from ogive import _native
from ogive.calls.ufuncs import ufunc

# Every mode of the op table that divides by a temperature, called as its loop is.
ENDING = """
import numpy as np
import ogive
from ogive.calls.ufuncs import ufunc
from ogive.calls.loop import loop, modes

inf, nan = np.inf, np.nan
rows = np.array([
    [1.0, 2.0, 0.5, -1.0, 0.0], [0.0] * 5, [nan, 1.0, 2.0, 3.0, 4.0], [inf, 1.0, inf, 0.0, 0.0],
    [-inf] * 5, [1.7e308, -1.7e308, 0.0, 1e-308, 5e-324], [-inf, 1.0, 2.0, -inf, 3.0],
    [-3.12e55, 0.0, 3.469e233, 1.0, 2.0], [5e-324, 0.0, 1e-320, -5e-324, 1e-310],
])
bad = [0.0, -0.0, -1.0, nan, inf, -inf, -5e-324]
good = [5e-324, 1e-308, 1e-3, 1.0, 1e308]
for card in ogive.catalog("rows"):
    name = card.name
    for mode in () if card.draws else modes(name):
        taken = loop(name, mode)
        call = ufunc(name, mode)
        inputs = 1 if mode == "value" else 2
        for dtype in (np.float16, np.float32, np.float64):
            with np.errstate(all="ignore"):
                x = np.tile(rows, (1, 20)).astype(dtype)
            for n in (1, 5, 65, 100):
                for t in bad + good:
                    for mask in (np.True_, np.arange(n) % 3 != 1):
                        z = x[:, :n]
                        dy = z[::-1] if taken.operands[0].row else np.ones(len(z), dtype)
                        masked = taken.operands[-1].kind == "?"
                        masks = (np.broadcast_to(mask, n),) if masked else ()
                        got = call(*(dy, z)[2 - inputs :], t, *masks)
                        if t in bad or t != t:
                            assert np.isnan(got).all(), (name, mode, dtype, n, t)
print("ended")
"""


def test_kernels_end_for_every_temperature_and_row() -> None:
    assert check_python(ENDING, timeout=300) == "ended\n"


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_losses_and_noise_have_no_answer_either(dtype: Any) -> None:
    z = np.array([[1, 2, 3]], dtype)
    for t in (0.0, -1.0, np.nan, np.inf):
        for operand, mode in ((np.array([1]), "labels"), (z, "probabilities")):
            loss, dz = np.empty(1), np.empty_like(z)
            options = (1.0, 0.0, 0.0, 0.0, t, 1.0)
            number = DTYPES.index(dtype)
            _native.call("cross_entropy", mode, number, (z, operand, *options, loss, dz))
            assert np.isnan(loss).all()
            assert np.isnan(dz.astype(np.float64)).all()
        drawn = ufunc("gumbel_softmax", "value")(z, t, 3, 0, False)
        assert np.isnan(drawn.astype(np.float64)).all()
