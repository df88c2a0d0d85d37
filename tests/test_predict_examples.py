"""The examples in the docstrings of predictions print what they say."""

import doctest
import importlib

import pytest

NUMPY = ("gaussian", "network", "edge", "residual", "attention", "compare")


@pytest.mark.parametrize("name", [*NUMPY, "models"])
def test_examples_print_what_they_say(name):
    if name not in NUMPY:
        pytest.importorskip("torch")
    found = doctest.testmod(importlib.import_module(f"ogive.predict.{name}"))
    assert found.attempted >= 2
    assert found.failed == 0


def test_the_example_of_an_initialisation_prints_what_it_says():
    pytest.importorskip("torch")
    import ogive.torch

    (example,) = doctest.DocTestFinder().find(ogive.torch.init_, "init_", module=False, globs={})
    found = doctest.DocTestRunner().run(example)
    assert found.attempted >= 2
    assert found.failed == 0
