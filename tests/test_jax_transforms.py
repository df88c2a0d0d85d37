"""Every function of `ogive.jax` under every transform of JAX: the cells of docs/jax_table.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")
sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import jax_table


@pytest.mark.parametrize("transform", jax_table.TRANSFORMS)
@pytest.mark.parametrize("name", jax_table.NAMES)
def test_a_transform(name: str, transform: str) -> None:
    why = jax_table.missing(name, transform)
    if why:
        pytest.skip(why)
    jax_table.check(name, transform)


def test_the_table_is_what_was_found() -> None:
    """Its rows are all functions; a no has a reason."""
    text = (Path(__file__).parent.parent / "docs" / "jax_table.md").read_text()
    for name in jax_table.NAMES:
        assert f"| `{name}` |" in text
