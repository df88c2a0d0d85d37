"""Fixtures of the whole suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ogive


@pytest.fixture(autouse=True)
def _same_number_of_threads_afterwards() -> Iterator[None]:
    before = ogive.get_num_threads()
    yield
    ogive.set_num_threads(before)
