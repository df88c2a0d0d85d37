"""The report and the cards: complete, self-contained, safe with any text, written whole or not."""

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cases import check_python
from html_reading import Elements
from ogive.catalog import find, names
from ogive.catalog.text import facts
from ogive.report import (
    accuracy,
    braille,
    card_terminal,
    explorer,
    page,
    study_notebook,
    study_page,
    templating,
    writer,
)
from report_sample import sample

ALL = ("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh", "identity", "gelu", "silu", "elu")
SECTIONS = [
    "matters",
    "sure",
    "data",
    "next",
    "table",
    "depth",
    "splits",
    "loss",
    "layers",
    "prediction",
    "slopes",
    "functions",
    "again",
    "claims",
]
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028[bold]"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def report():
    return study_page.html(sample())


def test_a_page_that_outgrows_its_limit_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="more than"):
        page.write(tmp_path / "report.html", "x" * (writer.REPORT_LIMIT + 1))
    assert list(tmp_path.iterdir()) == []


def test_pages_fetch_nothing(report):
    for tag, attributes in Elements(report).found:
        for key in ("src", "href", "action", "data", "poster", "srcset"):
            target = attributes.get(key)
            assert not target or target.startswith(("#", "data:")), (tag, key, target)
    style = "".join(re.findall(r"<style>(.*?)</style>", report, re.S))
    assert "url(" not in style
    assert "@import" not in style


def test_every_section_is_there_with_its_charts(report):
    elements = Elements(report).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(SECTIONS) <= set(ids)
    items = json.loads(re.search(r'id="chart-items">(.*?)</script>', report, re.S)[1])
    plots = [attributes for _, attributes in elements if attributes.get("class") == "plot"]
    assert set(items) == {each["data-chart"] for each in plots}
    assert {each["data-title"] for each in plots if "data-title" in each} == set(
        sample().settings.activations
    )
    assert all(each["aria-label"] for each in plots)


def test_text_from_outside_is_escaped():
    result = sample(name=NASTY, features=(NASTY, "b"), classes=(NASTY, "1"))
    result = replace(
        result,
        command=f"ogive study {NASTY}",
        notes=(NASTY,),
        results_file=NASTY,
        data=replace(result.data, target=NASTY, treatments=(NASTY,), warnings=(NASTY,)),
    )
    html = study_page.html(result)
    plain = study_page.html(sample())
    assert "<img src=x" not in study_notebook.html(result)
    assert "<img src=x" not in html
    count = lambda text, tag: sum(found == tag for found, _ in Elements(text).found)  # noqa: E731
    assert count(html, "script") == count(plain, "script")
    assert count(html, "img") == 0
    assert NASTY in Elements(html).text


def test_embedded_json_cannot_end_its_script():
    encoded = str(templating.embedded_json({"name": NASTY}))
    assert "<" not in encoded
    assert "\u2028" not in encoded
    assert json.loads(encoded) == {"name": NASTY}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_not_written(value):
    with pytest.raises(ValueError, match="JSON"):
        templating.embedded_json({"points": [1.0, value]})


@pytest.mark.parametrize("name", names())
def test_every_card_fits_into_a_narrow_terminal(name):
    out, width = io.StringIO(), 60
    card_terminal.show(find(name), Console(file=out, width=width))
    text = out.getvalue()
    assert find(name).title in text
    assert all(len(line) <= width for line in text.splitlines())
    if find(name).kind == "unary":
        assert re.search("[\u2801-\u28ff]", text)


def test_a_card_in_the_terminal_says_everything_that_the_card_does():
    heads = {"Parameters": "parameter default meaning", "Elsewhere": "framework name differs"}
    for card in map(find, names()):
        out = io.StringIO()  # so wide that no line is broken
        card_terminal.show(card, Console(file=out, width=3000))
        lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
        rows = {
            "Claims": [f"{fact} {value}" for fact, value in facts(card)],
            "Parameters": [f"{p.name} {p.default} {p.doc}" for p in card.parameters],
            "Elsewhere": [f"{p.framework} {p.name} {p.differs or '–'}" for p in card.peers],
            "At the edges": [card.edges], "Notes": [card.notes], "Papers": card.papers,
        }  # fmt: skip
        for title, wanted in rows.items():
            wanted = [" ".join(each.split()) for each in wanted if each]
            assert (title in lines) == bool(wanted), (card.name, title)
            if wanted:
                wanted = [heads[title], *wanted] if title in heads else wanted
                at = lines.index(title) + 1
                assert lines[at : at + len(wanted)] == wanted, (card.name, title)
        assert lines[:2] == [card.title, card.summary]
        assert all(alias in lines[2] for alias in card.aliases), card.name


def test_the_list_names_every_function():
    out = io.StringIO()
    card_terminal.show_list(Console(file=out, width=100))
    for name in names():
        assert name in out.getvalue()


@pytest.mark.parametrize("name", names())
def test_a_card_shows_itself_as_text_and_in_rich(name):
    card = find(name)
    said = repr(card)
    assert card.title in said
    assert "Card(" not in said
    assert all(word in said for p in card.parameters for word in (p.name, *p.doc.split()))
    assert all(word in said for word in (*card.summary.split(), *card.edges.split()))
    printed, shown = io.StringIO(), io.StringIO()
    Console(file=printed, width=90).print(card)
    card_terminal.show(card, Console(file=shown, width=90))
    assert [line.rstrip() for line in printed.getvalue().splitlines()] == [
        line.rstrip() for line in shown.getvalue().splitlines()
    ]


def test_a_card_shows_itself_where_neither_rich_nor_sympy_is_installed():
    code = """
import sys
sys.modules |= dict.fromkeys(("rich", "rich.console", "sympy", "bokeh"))
import ogive
print(ogive.card("gelu"))
"""
    assert "the left tail keeps full relative" in check_python(code)


def test_a_drawn_curve_rises_from_corner_to_corner():
    x = np.linspace(0, 1, 11)
    lines = braille.plot(x, x, width=8, height=4, view=(0, 1))
    assert [len(line) for line in lines] == [8] * 4
    assert lines[-1][0] != "\u2800"
    assert lines[0][-1] != "\u2800"
    assert lines[0][0] == lines[-1][-1] == "\u2800"


def test_a_curve_outside_its_view_or_not_finite_draws_nothing():
    x = np.linspace(0, 1, 11)
    for y in (x + 5, x * np.nan):
        assert set("".join(braille.plot(x, y, width=8, height=4, view=(0, 1)))) == {"\u2800"}


def test_writing_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    writer.check_writable(path)
    assert path.read_text(encoding="utf-8") == "old"
    writer.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_kept_and_its_target_replaced(tmp_path):
    target, link = tmp_path / "target.html", tmp_path / "link.html"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    writer.write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("act", [writer.check_writable, lambda path: writer.write_text(path, "x")])
def test_a_missing_folder_and_a_folder_for_a_file_are_refused_by_name(act, tmp_path):
    with pytest.raises(writer.CannotWriteError, match=r"there is no folder .*missing"):
        act(tmp_path / "missing" / "report.html")
    with pytest.raises(writer.CannotWriteError, match="directory"):
        act(tmp_path)


@pytest.mark.parametrize("act", [writer.check_writable, lambda path: writer.write_text(path, "x")])
def test_a_read_only_folder_is_refused_by_name(act, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        # The superuser may write anywhere; only the kernel's own folders refuse.
        folder = Path("/sys/kernel")
        if not folder.is_dir():
            pytest.skip("no folder is read-only for this user")
    with pytest.raises(writer.CannotWriteError, match=f"{folder} is read-only") as caught:
        act(folder / "report.html")
    assert "report.html" in str(caught.value)
    assert caught.value.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("call", ["check_writable(path)", "write_text(path, 'x' * 100_000)"])
def test_a_full_folder_is_refused_and_the_old_file_survives(call, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    # A process that may write 1000 bytes to a file meets a full disk's error, without a full disk.
    code = (
        "import resource, signal, sys\n"
        "from ogive.report.writer import CannotWriteError, check_writable, write_text\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"path = {str(path)!r}\n"
        "try:\n"
        f"    {call}\n"
        "except CannotWriteError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"cannot write {path}: no space left in {tmp_path}"
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_to_and_never_replaced():
    with pytest.raises(writer.CannotWriteError, match="no space left"):
        writer.write_text("/dev/full", "x")
    assert Path("/dev/full").is_char_device()


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def drawn_without_errors(html, folder):
    """How many charts a browser draws of a page: all of them, with nothing on its console."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=30000",
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    unexpected = [line for line in console if "[bokeh" not in line or "rror" in line]
    assert not unexpected
    plots = [a for _, a in Elements(done.stdout).found if a.get("class") == "plot"]
    drawn = done.stdout.count('class="bk-Figure"')
    assert drawn == len(plots)
    return drawn


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_draws_every_chart_without_an_error(report, tmp_path):
    assert drawn_without_errors(report, tmp_path)


def test_a_card_shows_the_measured_accuracy(monkeypatch):
    entry = {"max_ulp": 0.5123, "at": 1.0, "correctly_rounded": 0.99, "inputs": 4_294_967_296}
    monkeypatch.setattr(accuracy, "_table", lambda: {"gelu": {"value": {"float32": entry}}})
    html = explorer.html("gelu")
    out = io.StringIO()
    card_terminal.show(find("gelu"), Console(file=out, width=100))
    for text in (html, out.getvalue()):
        assert "0.5123" in text
        assert "99.00" in text
    assert "4,294,967,296" in html
    assert accuracy.measured("relu") == []
