"""Python on the pages that are read as prose runs, and gives what is printed there.

Chinese pages have the code blocks and the figures of the English ones.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXTBOOK = sorted((ROOT / "docs" / "textbook").glob("*.md"))
TRANSLATED = {page: ROOT / "docs" / "zh" / "textbook" / page.name for page in TEXTBOOK}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
FIGURE = re.compile(r"\d[\d,.]*\d|\d")


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text())


def failures(page: Path) -> str:
    """Run all examples of a page in order, in one fresh namespace; what went wrong."""
    code = "\n".join(text for language, text in blocks(page) if language == "python")
    assert ">>> " in code, f"{page.name} has no example"
    test = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize(
    "page",
    [p for p in TEXTBOOK if p.stem not in ("index", "claims")],
    ids=lambda page: page.stem,
)
def test_the_examples_of_the_textbook_run(page: Path) -> None:
    assert failures(page) == ""


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.stem)
def test_a_translation_has_the_same_code_formulas_and_figures(page: Path) -> None:
    other = TRANSLATED[page]
    assert blocks(page) == blocks(other)
    english, chinese = page.read_text(), other.read_text()
    assert DISPLAYED.findall(english) == DISPLAYED.findall(chinese)
    cells = [
        [FIGURE.findall(line) for line in text.splitlines() if line.startswith("|")]
        for text in (english, chinese)
    ]
    assert [sorted(line) for line in cells[0]] == [sorted(line) for line in cells[1]]


def test_every_page_of_the_textbook_is_listed_and_translated() -> None:
    for folder in (ROOT / "docs" / "textbook", ROOT / "docs" / "zh" / "textbook"):
        index = (folder / "index.md").read_text()
        listed = index.partition("```{toctree}")[2].partition("```")[0].split()
        pages = {page.stem for page in folder.glob("*.md")} - {"index"}
        assert pages == {p.stem for p in TEXTBOOK} - {"index"}
        assert pages == set(listed[2:])


def test_a_wrong_output_on_a_page_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n>>> 1 + 1\n3\n```\n")
    assert "Got:\n    2" in failures(page)
