"""Every function's docstring has its sections, says what is promised, and its example holds."""

from __future__ import annotations

import doctest
import importlib
from typing import Any

import pytest

from ogive import catalog
from ogive._numpy.api import PUBLIC_MODES, modes
from ogive.catalog import find

NUMPY = [
    (name, mode) for mode in PUBLIC_MODES for name in catalog.names() if mode in modes(name)
]  # fmt: skip


def of(package: str, mode: str, name: str) -> Any:
    module = importlib.import_module(package if mode == "value" else f"{package}.{mode}")
    return getattr(module, name)


def check(function: Any, name: str) -> None:
    text = function.__doc__
    card = find(name)
    for section in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    assert "m." not in text.split("Parameters")[0].split("::")[1], "the formula's context shows"
    assert "Accuracy: float16 and bfloat16" in text
    for parameter in card.parameters:
        if parameter.role not in ("mask", "seed", "switch", "axis", "choice"):
            assert parameter.doc in text
    for paper in card.papers:
        assert paper in text
    if card.kind == "heads" and not card.layer:
        assert "of the logits' shape" in text
    example = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(example, out=said.append)
    assert len(example.examples) >= 2
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize(("name", "mode"), NUMPY)
def test_of_numpy(name: str, mode: str) -> None:
    check(of("ogive", mode, name), name)


def test_of_jax() -> None:
    pytest.importorskip("jax")
    from ogive.jax import _public

    for mode in ("value", *_public.MODES):
        for name in _public.names(mode):
            check(of("ogive.jax", mode, name), name)
