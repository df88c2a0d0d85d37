"""What is shown of a watched training is what was recorded: page, charts, terminal, notebook."""

import io
import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ogive.catalog import find
from ogive.report import palette, watch_charts, watch_page, watch_terminal, watch_words
from ogive.report.writer import REPORT_LIMIT, CannotWriteError
from ogive.watch import FAULTS, Cost, Report, Unseen, Watched
from pages import Chart, Tables, agree, embedded
from test_report import CHROMIUM, NASTY, Elements, drawn_without_errors
from watch_sample import NAMES, STEPS, checks, finding, layers, sample


def squeezed(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def html():
    return watch_page.html(sample())


@pytest.fixture(scope="module")
def charts(html):
    return {key: Chart(item) for key, item in embedded(html, "chart-items").items()}


def test_the_answer_comes_first_and_every_finding_is_told_whole(html):
    report = sample()
    shown = squeezed(Tables(html).text)
    assert squeezed(Elements(re.search(r"<h1.*?</h1>", html, re.S)[0]).text) == report.sentence
    places = []
    for each in report.findings:
        for words in (each.sentence, each.cure.words, each.cure.code, each.where,
                      FAULTS[each.fault].title, FAULTS[each.fault].definition,
                      watch_words.when(each)):  # fmt: skip
            assert squeezed(words) in shown, words
        if each.cause:
            assert watch_words.CAUSES[each.cause] in shown
        places.append(html.index(f'<p class="lead">{each.sentence.split(":")[0]}'))
    assert places == sorted(places)
    assert places[-1] < html.index('id="training"') < html.index('id="layers-1"')


def test_what_was_seen_and_what_not_is_there(html):
    shown = squeezed(Tables(html).text)
    for words in ("block.9: it runs elsewhere. Attach it there.", "A note.", "torch 4.5.6",
                  "ogive watch train.py --rate 0.1", "2026-12-01T00:00:00+00:00",
                  "12,345 parameters in 5 watched layers", "31 of 146 steps looked at",
                  "cross_entropy", "AdamW", "bfloat16", "every 50 steps", "0.34 s of 20 s (1.7 %)",
                  "1.2 MB", "2, in one report"):  # fmt: skip
        assert words in shown, words


def test_a_measured_number_stands_beside_its_threshold_and_prediction(html):
    for at, each in enumerate(sample().findings):
        part = re.search(rf'id="finding-{at + 1}">(.*?)</section>', html, re.S)[1]
        rows = {row[0]: row[1] for table in Tables(part).tables.values() for row in table}
        scale = 100 if FAULTS[each.fault].per_unit else 1
        limit = FAULTS[each.fault].error
        digits = 0 if scale == 100 else 2
        agree(
            rows["measured"], [scale * each.measured, *([scale * limit] if limit else [])], digits
        )
        agree(rows["predicted"], [scale * each.predicted], digits)
        if limit:
            assert ("below" if each.fault == "vanishing_gradient" else "from") in rows["measured"]
        for name, value in each.evidence.items():
            right = "–" if value is None else str(value)
            assert rows[name] == right


def test_the_layer_table_holds_the_last_check(html):
    head, *rows = Tables(html).tables["layer-table-1"]
    assert head == list(watch_words.HEAD)
    assert [row[0].split()[0] for row in rows] == list(NAMES)
    end = sample().layers[-1].stats[-1].gradient
    for row, layer in zip(rows, sample().layers, strict=True):
        at = layer.stats[-1]
        assert row[1] == (layer.activation or "head")
        for text, value, digits in (
            (row[2], layer.units, 0), (row[3], 100 * at.dead, 0), (row[4], 100 * at.dormant, 0),
            (row[5], 100 * at.saturated, 0), (row[6], at.mean_square, 1),
            (row[7], at.predicted_mean_square, 1), (row[8], at.predicted_chi, 3),
            (row[9], math.log10(at.gradient / end), 2), (row[10], at.update_ratio, 5),
            (row[11], at.cosine, 2),
        ):  # fmt: skip
            agree(text, [value], digits)
    marked = [row[0] for row in rows if "✕" in row[0]]
    assert marked == ["body.0.fc ✕"]


def test_layer_by_step_maps_show_each_number_at_its_place(charts):
    for measure in watch_charts.MEASURES:
        chart = charts[f"map-0-{measure.key}"]
        (cells,) = [each for each in chart.glyphs if each.name == measure.key]
        column = cells.columns
        assert len(column["value"]) == len(NAMES) * len(STEPS)
        for x, y, value in zip(column["x"], column["y"], column["value"], strict=True):
            row, at = len(NAMES) - 1 - int(y), int(x)
            right = getattr(sample().layers[row].stats[at], measure.key)
            assert value == pytest.approx(right if measure.share else math.log10(right), rel=1e-6)
        assert chart.labels == {len(NAMES) - 1 - row: name for row, name in enumerate(NAMES)}


def test_maps_mark_what_is_zero_or_not_finite_and_leave_out_what_is_nowhere():
    made = [
        replace(each, stats=tuple(
            replace(s, gradient=s.gradient * (row > 0), finite=(row, at) != (2, 3), dead=0.0)
            for at, s in enumerate(each.stats)
        ))
        for row, each in enumerate(layers())
    ]  # fmt: skip
    found = watch_charts.layer_map(made, watch_charts.MEASURES[0])
    marks = {g.name: g.columns for g in Chart(found.chart.item()).glyphs}
    assert marks["0"]["bottom"].tolist() == [3.5] * len(STEPS)
    assert (marks["not finite"]["left"].tolist(), marks["not finite"]["bottom"].tolist()) == (
        [2.5], [1.5],
    )  # fmt: skip
    assert found.low.startswith("0 (hatched) or ")
    dead = next(each for each in watch_charts.MEASURES if each.key == "dead")
    assert watch_charts.layer_map(made, dead) is None


def series(chart):
    return {
        each.name: dict(zip(each.columns["y"].tolist(), each.columns["x"].tolist(), strict=True))
        for each in chart.of("Scatter")
    }


def test_gradients_by_layer_are_those_of_the_first_and_the_last_check(charts):
    at = list(FAULTS).index("vanishing_gradient")
    chart = charts[f"finding-{at + 1}-gradient"]
    found = series(chart)
    assert set(found) == {"step 0", "step 145", "predicted by weights and activation"}
    for name, check in (("step 0", 0), ("step 145", -1)):
        right = [each.stats[check].gradient for each in layers()]
        for row, value in enumerate(right):
            assert found[name][4 - row] == pytest.approx(math.log10(value / right[-1]), abs=1e-5)
    predicted = {y: x for y, x in found["predicted by weights and activation"].items() if x == x}
    assert predicted == {3.0: pytest.approx(math.log10(sample().findings[at].predicted), rel=1e-6)}
    spans = [each["attributes"] for each in chart.plot["center"] if each["name"] == "Span"]
    assert sorted(each["location"] for each in spans) == pytest.approx([-3.0, -2.0])
    words = [word for each in chart.glyphs if each.name == "tags" for word in each.columns["text"]]
    assert {"error: 0.001", "warning: 0.01"} <= set(words)
    assert any(word.endswith("step 145") or "step 145" in word for word in words)


def test_sizes_and_cosines_by_layer_are_the_records(charts):
    sizes = series(charts[f"finding-{list(FAULTS).index('magnitude_drift') + 1}-sizes"])
    cosines = series(charts[f"finding-{list(FAULTS).index('not_centred') + 1}-cosine"])
    largest = series(charts[f"finding-{list(FAULTS).index('nan') + 1}-largest"])
    for row, layer in enumerate(layers()):
        y, at = 4 - row, layer.stats[-1]
        assert sizes["step 145"][y] == pytest.approx(math.log10(at.mean_square), rel=1e-5)
        assert sizes["predicted by the weights"][y] == pytest.approx(
            math.log10(at.predicted_mean_square), rel=1e-5
        )
        assert cosines["step 145"][y] == pytest.approx(at.cosine, rel=1e-5)
        assert largest["step 145"][y] == pytest.approx(math.log10(at.largest), rel=1e-5)


def test_a_unit_map_covers_every_unit_at_every_check_with_its_state(charts):
    layer = layers()[1]
    chart = charts["finding-1-units"]
    covered = {}
    for code, word in watch_words.STATES.items():
        for glyph in (each for each in chart.glyphs if each.name == word):
            assert glyph.drawn("fill_color") == palette.UNITS[code][0]
            for left, right, top in zip(*(glyph.columns[k] for k in ("left", "right", "top")),
                                        strict=True):  # fmt: skip
                for column in range(round(left + 0.5), round(right + 0.5)):
                    assert (float(top), column) not in covered
                    covered[float(top), column] = code
    rows = sorted({top for top, _ in covered})
    assert len(rows) == 24
    history = sorted(tuple(covered[top, column] for column in range(len(STEPS))) for top in rows)
    assert history == sorted(zip(*(each.codes for each in layer.maps), strict=True))
    # Those at fault at the last check are on top, and counted.
    last = [covered[top, len(STEPS) - 1] for top in rows]
    assert last == sorted(last)
    words = [word for each in chart.glyphs if each.name == "tags" for word in each.columns["text"]]
    assert words == ["dead: 4 of 24", "learning: 20 of 24", "■ saturated before"]


def test_pre_activations_lie_over_the_curve_of_their_activation():
    layer = layers()[2]
    over = watch_charts.over_curve(layer)
    chart = Chart(over.chart.item())
    bars = next(each for each in chart.glyphs if each.kind == "Quad")
    left, right = (np.asarray(bars.columns[key], float) for key in ("left", "right"))
    floor = chart.range("y_range")[0]
    area = (np.asarray(bars.columns["top"], float) - floor) * (right - left)
    counts = np.array(layer.histogram.counts)
    assert area / area.sum() == pytest.approx(counts / counts.sum(), rel=1e-4)
    assert [*left, right[-1]] == pytest.approx(layer.histogram.edges)
    below = sum(c for c, e in zip(counts, layer.histogram.edges[1:], strict=False) if e <= 0)
    assert over.flat == pytest.approx(below / counts.sum())
    curve = next(each for each in chart.of("Line") if each.name == "f")
    x = np.asarray(curve.columns["x"], float)
    assert np.asarray(curve.columns["y0"], float) == pytest.approx(np.maximum(x, 0), abs=1e-6)
    tilted = replace(layer, activation="leaky_relu", parameters={"negative_slope": 0.3})
    curve = next(g for g in Chart(watch_charts.over_curve(tilted).chart.item()).of("Line")
                 if g.name == "f")  # fmt: skip
    x = np.asarray(curve.columns["x"], float)
    right = np.where(x > 0, x, 0.3 * x)
    assert np.asarray(curve.columns["y0"], float) == pytest.approx(right, abs=1e-6)
    assert find("leaky_relu").parameters[0].default != 0.3
    head = watch_charts.over_curve(layers()[-1])
    assert not head.curve
    assert watch_charts.over_curve(replace(layer, histogram=None)) is None


def test_the_training_is_drawn_with_the_steps_of_its_errors(charts):
    for key in ("loss", "skill", "accuracy"):
        (line,) = charts[f"progress-0-{key}"].of("Line")
        assert line.columns["x"].tolist() == list(STEPS)
        right = [getattr(each, key) for each in sample().progress]
        assert line.columns["y"].tolist() == pytest.approx(right, rel=1e-6)
        spans = [e["attributes"]["location"] for e in charts[f"progress-0-{key}"].plot["center"]
                 if e["name"] == "Span"]  # fmt: skip
        errors = sorted({each.since_step for each in sample().errors})
        assert spans == errors[:3]


def test_charts_of_a_page_are_drawn_once_and_fetch_nothing(html):
    elements = Elements(html).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    plots = {a["data-chart"] for _, a in elements if a.get("class") == "plot"}
    assert plots == set(embedded(html, "chart-items"))
    for _, attributes in elements:
        for key in ("src", "href", "action", "data"):
            assert not attributes.get(key) or attributes[key].startswith(("#", "data:"))
    for link in (a["href"][1:] for t, a in elements if t == "a"):
        assert link in ids
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_names_of_layers_are_escaped_and_long_ones_kept_whole():
    long = "encoder." * 30 + "fc1"
    made = [replace(each, layer=name)
            for each, name in zip(layers(), (NASTY, long, "a", "b", "c"), strict=True)]  # fmt: skip
    report = sample(
        layers=tuple(made),
        findings=(finding("dead_unit", layer=NASTY, sentence=NASTY, evidence={NASTY: NASTY}),
                  finding("missing_activation", layer=NASTY),
                  finding("vanishing_gradient", layer=long)),
        notes=(NASTY,), command=NASTY, unseen=(Unseen(what=NASTY, why=NASTY, how=NASTY),),
    )  # fmt: skip
    text = watch_page.html(report)
    found = Elements(text).found
    assert [attributes for tag, attributes in found if tag == "img"] == []
    assert sum(tag == "script" for tag, _ in found) == 4
    assert squeezed(NASTY) in squeezed(Elements(text).text)
    assert long in text
    for width in (60, 100):
        lines = printed(report, width)
        assert squeezed(NASTY).replace(" ", "") in "".join(lines).replace(" ", "")


def printed(report, width):
    out = io.StringIO()
    watch_terminal.show(report, Console(file=out, width=width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return lines


@pytest.mark.parametrize("width", [50, 80, 140])
def test_the_terminal_says_all_of_it_within_its_width(width):
    report = sample()
    shown = squeezed(" ".join(printed(report, width))).replace(" ", "")
    wanted = [report.sentence, *report.notes, "block.9: it runs elsewhere. Attach it there."]
    for each in report.findings:
        wanted += [each.sentence, each.cure.words, each.cure.code, watch_words.when(each)]
    for words in wanted:
        assert words.replace(" ", "") in shown, words


def test_the_terminals_rows_are_the_last_check():
    lines = printed(sample(), 140)
    end = sample().layers[-1].stats[-1].gradient
    for layer in sample().layers:
        at = layer.stats[-1]
        (line,) = [each for each in lines if re.match(rf"[✕! ] {re.escape(layer.name)} ", each)]
        numbers = line.split(layer.activation or "head", 1)[1].rsplit(maxsplit=1)[0]
        agree(
            numbers.replace("%", ""),
            [100 * at.dead, 100 * at.dormant, 100 * at.saturated, at.mean_square,
             math.log10(at.gradient / end), at.update_ratio],
            0,
        )  # fmt: skip


def test_a_history_is_drawn_from_its_least_to_its_largest():
    assert watch_terminal.spark([0.0, 1.0, 2.0, 7.0]) == "▁▂▃█"
    assert watch_terminal.spark([3.0, 3.05, 3.0]) == "▁▁▁"  # noise
    assert watch_terminal.spark([None, math.nan, 1.0]) == "  ▁"
    assert watch_terminal.spark([None]) == ""
    assert len(watch_terminal.spark([float(k) for k in range(1000)])) == 10


def test_elsewhere_than_in_a_terminal_each_finding_is_one_line():
    out = io.StringIO()
    first = finding("dead_unit", severity="warn")
    with watch_terminal.Live(Console(file=out, width=60)) as live:
        live.start(sample())
        for check in checks(sample()):
            live.check(check)
        for each in (first, replace(first, step=146), replace(first, severity="error")):
            live.finding(each)
        live.close(sample())
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert ("warning" in lines[0], "error" in lines[1]) == (True, True)
    assert all(first.sentence in line and first.cure.words in line for line in lines)
    assert all("\x1b" not in line for line in lines)


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self):
        return True


def test_a_live_table_leaves_the_programs_streams_as_they_were(monkeypatch):
    monkeypatch.setattr(watch_terminal, "PAUSE", 0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", errors := Terminal())
    console = Console(force_terminal=True, width=110, height=40, legacy_windows=False)
    with watch_terminal.Live(console) as live:
        kept = sys.stderr  # as logging keeps it
        print("before")
        live.start(sample())
        for check in checks(sample()):
            live.check(check)
            print("said", check.step)
            kept.write(f"logged {check.step}\n")
            sys.stderr.write(f"\r{check.step} %")
        shown = terminal.getvalue()
        live.close(sample())
        print("after")
    assert (sys.stdout, sys.stderr) == (terminal, errors)
    kept.write("late\n")
    for step in STEPS:
        assert f"said {step}" in shown
        assert f"logged {step}" in shown
        assert f"step {step}" in re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert errors.getvalue() == "".join(f"\r{step} %" for step in STEPS) + "late\n"
    assert terminal.getvalue().startswith("before\n")
    assert terminal.getvalue().endswith("after\n")


def test_a_huge_model_full_of_faults_has_a_page_within_its_limit(monkeypatch):
    monkeypatch.setattr(watch_page, "PICTURED", 3)
    some = layers()
    many = tuple(
        replace(some[at % 4], layer=f"decoder.layers.{at}.mlp.proj", order=at) for at in range(450)
    )
    faults = tuple(finding("dead_unit", layer=each.layer) for each in many)
    report = sample(layers=many, findings=faults)
    text = watch_page.html(report)
    assert len(text.encode()) < REPORT_LIMIT
    assert text.count('<section class="finding error"') == watch_page.FINDINGS
    assert f"{450 - watch_page.FINDINGS} more findings" in text
    plots = {a["data-chart"] for _, a in Elements(text).found if a.get("class") == "plot"}
    assert {"finding-1-units", "finding-3-units", "map-0-gradient"} <= plots
    assert "finding-4-units" not in plots
    assert sum(key.startswith("units-") for key in plots) == 3
    left_out = int(re.search(r"(\d+) of 450 layers are left out evenly", text)[1])
    assert 370 <= left_out <= 390
    assert 400 <= len(Tables(text).tables["layer-table-1"]) <= 450
    assert len(printed(sample(layers=many, findings=faults[:1]), 100)) < 80
    # Charts that do not fit are left out, the words never.
    less = watch_page.html(report, limit=len(text.encode()) - 10_000)
    assert len(less.encode()) < len(text.encode()) - 10_000
    assert "Left out, so that this page stays below 2 MB." in less
    assert all(each.sentence in less for each in faults[: watch_page.FINDINGS])


EMPTY = Report(
    findings=(), layers=(), progress=(), unseen=(),
    models=(Watched(name="", kind="Net", parameters=9),),
    cost=Cost(every=50, seconds=0.0, total=1.0, bytes=0),
)  # fmt: skip


@pytest.fixture
def sparse(monkeypatch):
    """Pages with few charts, where words and tables are tested."""
    monkeypatch.setattr(watch_page, "MEASURES", watch_charts.MEASURES[:1])
    monkeypatch.setattr(watch_page, "PICTURED", 1)


@pytest.mark.usefixtures("sparse")
def test_a_model_that_was_never_called_and_a_sound_one_have_pages():
    for report in (EMPTY, replace(EMPTY, models=()), sample(findings=()), sample(progress=())):
        text = watch_page.html(report)
        assert report.sentence in squeezed(Tables(text).text)
        assert report.sentence in squeezed(" ".join(printed(report, 200)))
    assert "Nothing was seen" in EMPTY.sentence
    assert "No fault found" in sample(findings=()).sentence


@pytest.mark.usefixtures("sparse")
def test_models_that_train_together_are_told_apart():
    both = ("generator", "critic")
    report = sample(
        layers=(*layers("generator"), *layers("critic", "tanh")),
        models=tuple(replace(sample().models[0], name=name) for name in both),
        progress=tuple(replace(e, model=name) for name in both for e in sample().progress),
        findings=(finding("dead_unit", model="critic", activation="tanh"),),
    )  # fmt: skip
    text = watch_page.html(report)
    assert "Layer by layer of generator" in text
    assert "Layer by layer of critic" in text
    tables = Tables(text).tables
    assert [row[1] for row in tables["layer-table-1"][1:]] == ["relu"] * 4 + ["head"]
    assert [row[0] for row in tables["layer-table-2"][1:] if "✕" in row[0]] == ["body.0.fc ✕"]
    assert not [row for row in tables["layer-table-1"][1:] if "✕" in row[0]]
    assert "critic: body.0.fc (tanh)" in squeezed(" ".join(printed(report, 100)))


def test_a_folder_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    for act in (sample().html, sample().json):
        with pytest.raises(CannotWriteError, match="there is no folder") as caught:
            act(tmp_path / "absent" / "report")
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_draws_every_chart_without_an_error(html, tmp_path):
    assert drawn_without_errors(html, tmp_path) > 20
