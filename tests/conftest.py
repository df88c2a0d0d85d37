"""Fixtures of the whole suite."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# Triton asks when it is imported, by whichever test is first.
if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest

import ogive

# Whoever starts the suite in the background has it ignore Ctrl-C, and so what its tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _same_number_of_threads_afterwards() -> Iterator[None]:
    before = ogive.get_num_threads()
    yield
    ogive.set_num_threads(before)


@pytest.fixture(autouse=True)
def _jax_as_it_comes(request: pytest.FixtureRequest) -> Iterator[None]:
    """The tests of `ogive.jax` start without float64, whatever others have switched on."""
    jax = sys.modules.get("jax")
    if jax is None or not request.path.name.startswith("test_jax"):
        yield
        return
    with jax.enable_x64(False):
        yield


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """For small networks, which wait for a second thread longer than it saves."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
