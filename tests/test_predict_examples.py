"""The examples in the docstrings of predictions print what they say."""

import doctest
import importlib

import pytest

NUMPY = ("gaussian", "network", "edge", "residual", "attention", "compare")


@pytest.mark.parametrize(
    "name", [*(f"predict.{n}" for n in NUMPY), "predict.models", "torch._init"]
)
def test_examples_print_what_they_say(name):
    if not name.startswith("predict.") or name == "predict.models":
        pytest.importorskip("torch")
    found = doctest.testmod(importlib.import_module(f"ogive.{name}"))
    assert found.attempted >= 2
    assert found.failed == 0
