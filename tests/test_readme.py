"""README is true: its code runs and prints what stands there, its links lead somewhere, and the
Chinese edition has the same code, figures and links.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import ogive

ROOT = Path(__file__).parent.parent
EDITIONS = ("README.md", "README.zh.md")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def text_of(edition: str) -> str:
    return (ROOT / edition).read_text()


def code(text: str) -> list[str]:
    return PYTHON.findall(text) + re.findall(r"^    .+$", text, re.MULTILINE)


def links(text: str) -> list[str]:
    """Where links and pictures lead, but for those between the editions and their front pages."""
    found = re.findall(r"\]\(([^)#]+)\)", text)
    return [link for link in found if link not in EDITIONS and not link.endswith("index.md")]


def figures(text: str) -> list[str]:
    """Numbers in their order, and what stands in backquotes, without the language between them."""
    prose = PYTHON.sub("", text)
    return sorted(re.findall(r"`[^`]+`|\d[\d.,e+^x-]*\d|\d", prose))


@pytest.mark.parametrize("block", PYTHON.findall(text_of("README.md")))
def test_code_can_be_pasted(block: str) -> None:
    if "torch" in block:
        pytest.importorskip("torch")
    example = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=said.append)
    assert example.examples
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("edition", EDITIONS)
def test_links_lead_somewhere(edition: str) -> None:
    there = re.findall(r"\]\(([^)#]+)\)", text_of(edition))
    assert len(there) > 15
    assert not [link for link in there if not (ROOT / link).exists()]


def test_the_chinese_edition_says_the_same() -> None:
    english, chinese = map(text_of, EDITIONS)
    assert code(english) == code(chinese)
    assert links(english) == links(chinese)
    assert figures(english) == figures(chinese)
    assert english.count("\n## ") == chinese.count("\n## ")


@pytest.mark.parametrize("edition", EDITIONS)
def test_it_stays_short(edition: str) -> None:
    assert text_of(edition).count("\n") < 120


def test_what_is_claimed_of_gelu_and_cross_entropy_is_computed() -> None:
    """The first table: its column of Ogive's results."""
    import numpy as np

    rows = dict(re.findall(r"^\| `?(.+?)`? \| \S+ \| (\S+) \|", text_of("README.md"), re.MULTILINE))
    z = np.array([[20, 0, 0]], np.float32)
    loss, dz = ogive.value_and_grad.cross_entropy(z, np.array([0]))
    found = {
        "gelu(-10)": ogive.gelu(np.float32(-10)), "gelu(1.71e38)": ogive.gelu(np.float32(1.71e38)),
        "silu(-100)": ogive.silu(np.float32(-100)), "cross_entropy([20, 0, 0], 0)": loss,
        "its gradient at the label": dz[0, 0],
    }  # fmt: skip
    for name, value in found.items():
        assert rows[name] == f"{float(value):.9g}", name
