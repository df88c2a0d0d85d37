"""The site's sources, without Sphinx: every page is reached, every link leads somewhere, every
block of Python on it runs, and every public name has a page.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import ogive
import site_pages  # tools/site_pages.py
from ogive._numpy.api import PUBLIC_MODES

DOCS = Path(__file__).parent.parent / "docs"
MADE_BY_SPHINX = {"pictures/index", "curves.html"}
RUN = sorted(
    page.relative_to(DOCS).as_posix()
    for pattern in ("index.md", "installation.md", "tutorial.md", "howto/*.md", "zh/*.md")
    for page in DOCS.glob(pattern)
)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the pages that are made from cards."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    made = shutil.ignore_patterns("api", "functions", "pictures", "jupyter_execute")
    shutil.copytree(DOCS, folder, ignore=made)
    site_pages.write(folder)
    return folder


def pages(docs: Path) -> dict[str, str]:
    """Every page's text by its name."""
    return {
        path.relative_to(docs).with_suffix("").as_posix(): path.read_text()
        for path in sorted(docs.rglob("*.md"))
    }


def listed(docs: Path, page: str, text: str) -> Iterator[str]:
    """The pages in the tables of contents of a page."""
    for options, entries in re.findall(
        r"^```\{toctree\}\n((?::[^\n]*\n)*)(.*?)^```", text, re.MULTILINE | re.DOTALL
    ):
        for entry in entries.split("\n"):
            name = re.sub(r".*<(.*)>", r"\1", entry.strip())
            if not name:
                continue
            if ":glob:" in options:
                found = (docs / page).parent.glob(f"{name}.md")
                yield from (each.relative_to(docs).with_suffix("").as_posix() for each in found)
            else:
                yield (Path(page).parent / name).as_posix()


def test_every_page_is_reached_from_the_front_page(docs: Path) -> None:
    texts = pages(docs)
    reached, waiting = {"index"}, ["index"]
    while waiting:
        page = waiting.pop()
        for name in listed(docs, page, texts[page]):
            assert name in texts or name in MADE_BY_SPHINX, f"{page} lists {name}"
            if name in texts and name not in reached:
                reached.add(name)
                waiting.append(name)
    assert set(texts) == reached


def links(text: str) -> Iterator[str]:
    """Where a page's Markdown links and cards lead, without those to other sites."""
    prose = re.sub(r"^```[^\n]*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^:link: (\S+)$", prose, re.MULTILINE)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    yield from (
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", prose)
        if not re.match(r"https?:|mailto:", target)
    )
    yield from re.findall(r'(?:href|src)="([^":]+)"', text)


def anchors(text: str) -> set[str]:
    """Names of a page's headings, as MyST and GitHub make them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


def test_every_link_between_pages_leads_to_a_page_and_a_heading(docs: Path) -> None:
    texts, seen = pages(docs), 0
    for page, text in texts.items():
        for link in links(text):
            path, _, anchor = link.partition("#")
            target = ((docs / page).parent / path).resolve() if path else docs / f"{page}.md"
            name = target.relative_to(docs.resolve()).as_posix()
            exists = target.is_file() or target.with_name(target.name + ".md").is_file()
            assert exists or name in MADE_BY_SPHINX, f"{page}: {link}"
            if anchor and name not in MADE_BY_SPHINX:  # the explorer's is a view
                assert anchor in anchors(target.read_text()), f"{page}: {link}"
            seen += 1
    assert seen > 200


@pytest.mark.parametrize("page", RUN)
def test_python_on_a_page_gives_what_is_printed_there(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert all(block.startswith(">>> ") for block in blocks)
    monkeypatch.chdir(tmp_path)  # a study writes its trials there
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=options).run(test, out=report.append)
    assert not result.failed, "".join(report)


def public_names() -> Iterator[str]:
    """Every public function and class, found without the code that makes the pages."""
    for mode in PUBLIC_MODES:
        module = "ogive" if mode == "value" else f"ogive.{mode}"
        live = importlib.import_module(module)
        yield from (f"{module}.{name}" for name in dir(live) if name in ogive.catalog.names())
    for module in ("objectives", "predict", "study", "torch", "torch.nn", "watch"):
        live = importlib.import_module(f"ogive.{module}")
        for name in live.__all__:
            if name != "nn":  # a module
                yield f"ogive.{module}.{name}"
    yield from (
        f"ogive.{name}"
        for name in ("__version__", "card", "conventions", "gain", "get_num_threads", "isa")
    )


def test_every_public_name_is_documented_on_one_page(docs: Path) -> None:
    homes: dict[str, list[str]] = {}
    for page, text in pages(docs).items():
        for name in re.findall(
            r"^\.\. (?:autofunction|autoclass|autodata|py:class):: (\S+)$", text, re.M
        ):
            homes.setdefault(name, []).append(page)
    names = set(public_names())
    assert len(names) > 350
    assert {name: homes.get(name) for name in names if len(homes.get(name, [])) != 1} == {}
    assert homes["ogive.backward.gelu"] == homes["ogive.torch.nn.GELU"] == ["functions/gelu"]


def test_a_function_s_page_has_all_that_its_card_says(docs: Path) -> None:
    for card in ogive.catalog():
        text = (docs / "functions" / f"{card.name}.md").read_text()
        for said in (card.summary, card.edges, card.notes, *(p.differs for p in card.peers)):
            assert site_pages.escaped(said) in text
        assert all(f"`{peer.name}`" in text for peer in card.peers)
        assert "<math" in text
        assert ("<svg" in text) != ((card.draws and card.kind == "rows") or card.layer), card.name


@pytest.mark.parametrize(
    ("plain", "markdown"),
    [
        ("a_b * c|d <e>", r"a\_b \* c\|d \<e\>"),
        ("``x_y`` and `a|b` in [0, 1]", r"``x_y`` and `a\|b` in \[0, 1\]"),
    ],
)
def test_only_code_is_markup_in_plain_text(plain: str, markdown: str) -> None:
    assert site_pages.escaped(plain) == markdown
