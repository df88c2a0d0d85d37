"""The pages of the site that are made from cards and measurements; docs/conf.py calls `write`.

    docs/functions/  one page per function, and the table of conventions
    docs/api/        one page per public module

Git ignores both folders.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import curve_pictures
import ogive
from figures import SIZES, size_name
from ogive._numpy.api import PUBLIC_MODES
from ogive.catalog import Card
from ogive.catalog.conventions import FAMILIES, VERSIONS
from ogive.catalog.text import facts
from ogive.report import accuracy, mathml

ROOT = Path(__file__).parent.parent
MODE_MODULES = tuple(mode for mode in PUBLIC_MODES if mode != "value")
MODULES = (
    "ogive", *(f"ogive.{mode}" for mode in MODE_MODULES), "ogive.objectives", "ogive.catalog",
    "ogive.predict", "ogive.study", "ogive.watch", "ogive.torch", "ogive.torch.nn",
)  # fmt: skip
"""Every public module."""
KINDS = {
    "unary": "Elementwise functions",
    "gated": "Gated functions",
    "rows": "Functions of rows",
    "heads": "Losses",
}
DTYPES = ("float32", "float64", "float16", "bfloat16")
MARK = "<!-- Written by tools/site_pages.py. -->\n"


def write(docs: Path) -> None:
    """Write every made page into `docs`; pages of functions that are gone are deleted."""
    pages = dict(all_pages())
    for folder in ("functions", "api"):
        (docs / folder).mkdir(exist_ok=True)
        for old in (docs / folder).glob("*.md"):
            if f"{folder}/{old.name}" not in pages:
                old.unlink()
    for name, text in pages.items():
        page = docs / name
        if not page.exists() or page.read_text() != text:  # an unchanged page is not built again
            page.write_text(text)


def all_pages() -> Iterable[tuple[str, str]]:
    yield "functions/index.md", MARK + functions_index()
    yield "functions/conventions.md", MARK + conventions_page()
    for card in ogive.catalog():
        yield f"functions/{card.name}.md", MARK + function_page(card)
    yield "api/index.md", MARK + api_index()
    for module in MODULES:
        yield f"api/{module}.md", MARK + module_page(module)


# Public names


def public_names(module: str) -> list[str]:
    """What a public module offers, without modules."""
    live = importlib.import_module(module)
    offered = getattr(live, "__all__", None) or dir(live)
    if module == "ogive":
        offered = [*offered, *ogive.catalog.names()]
    return [
        name
        for name in dict.fromkeys(offered)
        if not isinstance(value(f"{module}.{name}"), ModuleType)
    ]


def value(full: str) -> Any:
    """What a full name stands for; the error, where that needs a package that is not installed."""
    module, _, name = full.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ogive.watch.WatchError as error:
        return error


def homes() -> dict[str, str]:
    """By full public name, the page that documents it."""
    found = {}
    for module in MODULES:
        for name in public_names(module):
            card = card_of(module, name)
            found[f"{module}.{name}"] = f"functions/{card.name}" if card else f"api/{module}"
    return found


def card_of(module: str, name: str) -> Card | None:
    """The card on whose page a public name is documented."""
    if module in ("ogive.objectives", "ogive.catalog"):
        return None
    return titles().get(name) if module == "ogive.torch.nn" else own_cards().get(name)


@cache
def own_cards() -> dict[str, Card]:
    return {card.name: card for card in ogive.catalog()}


@cache
def titles() -> dict[str, Card]:
    return {card.title: card for card in ogive.catalog()}


def directive(full: str) -> str:
    """What documents one name, by autodoc."""
    live = value(full)
    if isinstance(live, Exception):
        return f".. py:class:: {full}\n\n   {live}\n"
    if not callable(live) or typing.get_origin(live):  # a constant, or a name for a type
        return f".. autodata:: {full}\n   :no-value:\n"
    if not inspect.isclass(live):
        return f".. autofunction:: {full}\n"
    members = "" if full.startswith("ogive.torch.nn.") else "   :members:\n"
    return f".. autoclass:: {full}\n{members}"


def documented(names: Iterable[str]) -> str:
    return "```{eval-rst}\n" + "\n".join(map(directive, names)) + "```\n"


# Pages of functions


def function_page(card: Card) -> str:
    """Everything that is known of one function."""
    also = f" Also called {', '.join(card.aliases)}." if card.aliases else ""
    parts = [
        f"# {escaped(card.name)}",
        f"**{card.title}.** {escaped(card.summary)}{also}",
        curve_pictures.picture(card),
        raw(f'<p><a href="../curves.html#f={card.name}">In the curve explorer</a></p>'),
        "## Formula",
        raw("".join(f'<div class="math">{each}</div>' for each in mathml.formulas(card.name))),
        section("Parameters", table(("parameter", "default", "meaning"), parameters(card))),
        section("At the edges", escaped(card.edges)),
        section("Notes", escaped(card.notes)),
        section("What is claimed, and tested", table(("claim", ""), facts(card))),
        section("Elsewhere", elsewhere(card)),
        section("Accuracy", accuracy_table(card)),
        section("Speed", speed_table(card)),
        section("Papers", "\n".join(f"- {linked(paper)}" for paper in card.papers)),
        "## Reference",
        documented(full for full, page in homes().items() if page == f"functions/{card.name}"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def parameters(card: Card) -> list[tuple[str, str, str]]:
    given = [(name, "", text) for name, text in card.inputs]
    return given + [(f"`{p.name}`", f"`{p.default!r}`", p.doc) for p in card.parameters]


def elsewhere(card: Card) -> str:
    """Peers' names, and where each differs."""
    rows = [(p.framework, f"`{p.name}`", p.differs) for p in card.peers]
    return table(("framework", "name", "where it differs"), rows)


def accuracy_table(card: Card) -> str:
    """Measured errors by result and format."""
    found = accuracy.measured(card.name)
    if not found:
        return ""
    dtypes = [dtype for dtype in DTYPES if any(each.dtype == dtype for each in found)]
    cells = {(each.which, each.dtype): f"{each.max_ulp:.4g}" for each in found}
    rows = [
        (which.replace("_", " "), *(cells.get((which, dtype), "") for dtype in dtypes))
        for which in dict.fromkeys(each.which for each in found)
    ]
    swept = max(each.inputs for each in found)
    scope = "all 2^32 float32 inputs" if swept == 1 << 32 else f"{swept:,} results"
    return (
        f"Largest error in ULP, over {scope} (`make exhaustive`; [all functions](../accuracy.md)):"
        f"\n\n{table(('result', *dtypes), rows)}"
    )


@cache
def benchmark() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    return found


def speed_table(card: Card) -> str:
    """Each peer's time over Ogive's, by mode and size."""
    machine = benchmark()["machine"]
    ratios: dict[str, dict[str, str]] = {}
    for cell in benchmark()["cells"]:
        work, output, form, size, threads = cell["id"].split("/")
        name, mode = work.split(".")
        by_size = (output == "out" and size in SIZES) or "x" in size
        all_cores = threads == f"{machine['cores']}t"
        if (name, form) == (card.name, "f32") and all_cores and by_size and output != "tensors":
            peers = sorted(cell["peers"].items(), key=lambda peer: peer[1]["ratio"][0])
            said = ", ".join(f"{name} {peer['ratio'][0]:.2f}" for name, peer in peers)
            ratios.setdefault(mode, {})[size] = said
    if not any(said for row in ratios.values() for said in row.values()):
        return ""
    order = sorted({size for row in ratios.values() for size in row}, key=lambda s: (len(s), s))
    rows = [(mode, *(row.get(size, "") for size in order)) for mode, row in ratios.items()]
    heads = ("mode", *map(size_name, order))
    return (
        "A peer's time over Ogive's, float32, into an array that exists, "
        f"{machine['cores']} threads: above 1 Ogive is faster (`make bench`, {machine['cpu']}, "
        f"{machine['isa']}, {machine['date'][:10]}; [all functions](../speed.md)).\n\n"
        + table(heads, rows)
    )


def functions_index() -> str:
    parts = [
        "# Functions\n",
        f"The {len(ogive.catalog())} functions of the catalog, each on a page of its own.\n",
    ]
    for kind, title in KINDS.items():
        rows = [
            (f"[{card.name}]({card.name}.md)", escaped(card.summary))
            for card in ogive.catalog(kind)
        ]
        parts.append(f"## {title}\n\n{table(('function', ''), rows, ready=True)}\n")
    names = "\n".join(["conventions", *ogive.catalog.names()])
    return "\n".join(parts) + f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{names}\n```\n"


def conventions_page() -> str:
    """`ogive.conventions()` as a page."""
    heads = ("topic", "ogive", *FAMILIES)
    rows = []
    for row in ogive.conventions():
        name = row.topic
        topic = f"[{name}]({name}.md)" if name in own_cards() else escaped(name)
        said = (getattr(row, column) for column in heads[1:])
        rows.append((topic, *map(escaped, said)))
    return (
        "# Conventions of frameworks\n\nThe same name does not always mean the same function. "
        "This table is `ogive.conventions()`: shared questions first, then every function that "
        f"another framework has.\n\nMeasured on, or read in, {VERSIONS}.\n\n"
        f":::{{div}} wide\n{table(heads, rows, ready=True)}\n:::\n"
    )


# Pages of modules


def api_index() -> str:
    rows = [
        (f"[`{module}`]({module}.md)", first_line(importlib.import_module(module)))
        for module in MODULES
    ]
    names = "\n".join(MODULES)
    return (
        "# API reference\n\nEvery public name. Functions of the catalog have "
        "[pages of their own](../functions/index.md), which document all their forms.\n\n"
        f"{table(('module', ''), rows, ready=True)}\n\n"
        f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{names}\n```\n"
    )


def module_page(module: str) -> str:
    """A module's names: those of cards as links, the others documented here."""
    live = importlib.import_module(module)
    here = [name for name in public_names(module) if not card_of(module, name)]
    away = [name for name in public_names(module) if card_of(module, name)]
    parts = [f"# `{module}`", first_line(live)]
    if here:
        parts.append(documented(f"{module}.{name}" for name in here))
    if away:
        rows = []
        for name in away:
            card = card_of(module, name)
            assert card
            full = f"{module}.{name}"
            rows.append((f"{{py:obj}}`{name} <{full}>`", escaped(card.summary)))
        parts.append(section("Functions", table(("name", ""), rows, ready=True)))
    return "\n\n".join(parts) + "\n"


def first_line(module: ModuleType) -> str:
    return escaped((inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " "))


# Markdown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], ready: bool = False) -> str:
    """A Markdown table; cells that are `ready` are Markdown already. Empty without rows."""
    lines = [
        "| " + " | ".join(cell if ready else escaped(cell) for cell in row) + " |" for row in rows
    ]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines])


def escaped(text: str) -> str:
    """Plain text, in which only `code` is markup, as Markdown."""
    parts = re.split(r"(`+[^`]*`+)", text)
    plain = [re.sub(r"([\\*_|<>$\[\]{}~#])", r"\\\1", part) for part in parts[::2]]
    code = [part.replace("|", "\\|") for part in parts[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def linked(paper: str) -> str:
    """A reference whose arXiv number is a link."""
    return re.sub(
        r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", escaped(paper)
    )


def raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
