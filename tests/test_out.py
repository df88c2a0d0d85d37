"""A result may be written over any argument of its call, wherever it lies in the memory of that.

Functions and their arrays come from `arguments`. The bits are those of the call without `out`, even
where each is written before the last is read: over itself, shifted, reversed, transposed, or over
labels, weights, masks and temperatures, which have other formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import ogive
from arguments import FORMS, FUNCTIONS, Function, Problem, arrays_in, as_out, results, varied
from cases import assert_same_bits

WRITING = [function for function in FUNCTIONS if "out" in function.parameters]


WAYS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "at its place": (0, lambda a: a),
    "one element on": (1, lambda a: a),
    "one element before": (-1, lambda a: a),
    "four elements on": (4, lambda a: a),
    "reversed": (0, lambda a: a[::-1]),
    "turned about": (0, lambda a: a.reshape(-1)[::-1].reshape(a.shape)),
    "transposed": (0, lambda a: a.reshape(a.shape[::-1]).T),
}
"""How a result lies in the memory of an argument: so many elements on, and in what order."""


def overlapping(given: Any, like: Any) -> Iterator[tuple[str, Any, Any]]:
    """The same argument and room for a result, in one memory, in every way to overlap."""
    for way, (on, order) in WAYS.items():
        memory = np.zeros(given.nbytes + like.nbytes + 256, np.uint8)
        mine = memory[64 : 64 + given.nbytes].view(given.dtype).reshape(given.shape)
        begin = 64 + on * like.itemsize
        room = memory[begin : begin + like.nbytes].view(like.dtype).reshape(like.shape)
        mine[...] = given
        yield way, mine, order(room)


def alternatives(function: Function) -> list[dict[str, int]]:
    """The call with its defaults, and with each value of each option that is an array or a place,
    or that makes another way through the code.
    """
    chosen: list[dict[str, int]] = [{}]
    for name in function.parameters:
        if name in function.inputs and name != "target":
            continue
        if name in FORMS and not (name == "where" and function.card.kind == "rows"):
            continue
        problem = Problem(function, np.dtype(np.float32))
        chosen += [{name: k} for k in range(len(varied(function, name)(problem)))]
    if function.card.kind == "heads" and "chunk_rows" in function.parameters:
        chosen += [{"chunk_rows": 0, name: 0} for name in ("bias", "weight", "target")]
        chosen += [{"chunk_rows": 0, "ignore_index": 0}]
    return chosen


@pytest.mark.parametrize("function", WRITING, ids=str)
def test_a_result_may_lie_over_any_argument(function: Function) -> None:
    ogive.set_num_threads(2)
    elementwise = function.card.kind in ("unary", "gated")
    shape = (5, 5) if elementwise else (4, 4)
    shapes = [shape] if elementwise else [shape, (68, 68)]
    for size in shapes:
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            for chosen in alternatives(function) if size == shape else [{}]:
                over_each_argument(Problem(function, dtype, chosen, size, inner=size[0]))


def over_each_argument(problem: Problem) -> None:
    function, arguments = problem.function, problem.arguments
    if arguments.get("accumulate") == "float32" and problem.dtype == np.float64:
        return
    if arguments.get("ignore_index") is not None and arguments["target"].ndim == 2:
        return
    if arguments.get("training") and any(np.ndim(v) for k, v in problem.options.items()):
        return
    plain = function.with_keywords(arguments)
    expected = results(problem, plain)
    for name, given in arguments.items():
        if not isinstance(given, np.ndarray) or not given.ndim:
            continue
        for place, like in enumerate(expected):
            for how, mine, room in overlapping(given, like):
                out = [np.zeros_like(a) for a in expected]
                out[place] = room
                call = arguments | {name: mine, "out": as_out(problem, out)}
                loss = arrays_in(function.with_keywords(call))[0]
                what = f"{problem.options}: result {place} over {name}, {how}"
                if function.card.kind == "heads":
                    assert_same_bits(loss, arrays_in(plain)[0], f"{what}: loss")
                for one, other in zip(out, expected, strict=True):
                    if function.card.layer:  # BLAS sums in another order for another layout
                        np.testing.assert_allclose(one, other, 1e-5, 1e-6, err_msg=what)
                    else:
                        assert_same_bits(np.ascontiguousarray(one), other, what)
