"""Whatever shows a study's numbers shows them at their place: in its colour, on its axis, by name.

The page's charts are read back as what they draw; colours count as right where they are those of
the page's own legend. The terminal's rows, the notebook and the cards are read back whole.
"""

import io
import math
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from rich.console import Console

from ogive.catalog import find, names
from ogive.catalog.text import facts
from ogive.report import braille, card_terminal, conclusions, study_page, study_terminal
from ogive.report.study_notebook import html as notebook
from ogive.report.text import number, plus, signed
from ogive.study.result import DENSITY_EDGES, METRICS, StudyResult
from pages import Chart, Tables, agree, distinct, embedded, read
from report_sample import sample

NAMES = ("relu", "prelu", "sigmoid", "tanh", "gelu")


@pytest.fixture(scope="module")
def result():
    """Two depths; every activation has densities of its own."""
    made = distinct(sample(NAMES, (2, 8)))
    cells = []
    for at, cell in enumerate(made.cells):
        own = tuple(1 + (at * k) % 7 for k in range(len(DENSITY_EDGES) - 1))
        trials = tuple(replace(trial, density=own) for trial in cell.trials)
        slopes = tuple(
            replace(trial, slopes=tuple(tuple(0.1 * cell.depth + value for value in layer)
                                        for layer in trial.slopes))
            for trial in trials
        )  # fmt: skip
        cells.append(replace(cell, trials=slopes))
    models = tuple(
        replace(model, seconds=0.5 + at, scores=replace(model.scores, auc=0.2 + at / 5))
        for at, model in enumerate(made.models)
    )
    return replace(made, cells=tuple(cells), models=models)


@pytest.fixture(scope="module")
def page(result):
    return study_page.html(result)


@pytest.fixture(scope="module")
def charts(page):
    return {key: Chart(item) for key, item in embedded(page, "chart-items").items()}


@pytest.fixture(scope="module")
def colours(page):
    """The page's own legend: the colour of each activation, in the light and in the dark."""
    found = dict(
        (name, (light, dark))
        for name, light, dark in re.findall(r"\.a-(\w+) { --c: (#\w+); --cd: (#\w+); }", page)
    )
    assert len(set(found.values())) == len(found) >= len(NAMES)
    return found


def colour_of(glyph):
    for key in ("line_color", "fill_color", "text_color"):
        if glyph.drawn(key) is not None:
            return glyph.drawn(key)
    raise AssertionError(glyph)


def test_every_mark_has_the_colour_that_the_legend_gives_its_activation(charts, colours):
    seen = set()
    for key, chart in charts.items():
        for glyph in chart.glyphs:
            if key.startswith(("scores", "differences")) and glyph.name == "points":
                for name, line, fill in zip(
                    glyph.columns["name"], glyph.drawn("line_color"), glyph.drawn("fill_color"),
                    strict=True,
                ):  # fmt: skip
                    own = colours[name.removesuffix(" *")][0]
                    assert line == fill == own, (key, name)
                    seen.add((key, name))
            elif key.startswith(("loss", "gradients")) and glyph.name in colours:
                assert colour_of(glyph) == colours[glyph.name][0], (key, glyph.kind, glyph.name)
                seen.add((key, glyph.name))
    assert {name.removesuffix(" *") for _, name in seen} == set(NAMES)
    assert {key.split("-")[0] for key, _ in seen} == {"scores", "differences", "loss", "gradients"}


def test_the_scripts_twins_are_the_legends(page, colours):
    twins = embedded(page, "page-data")["twins"]
    for light, dark in colours.values():
        assert twins[light] == dark
    assert len(set(twins)) == len(twins)


@pytest.mark.parametrize("kind", ["scores", "differences"])
def test_a_strip_shows_all_of_what_is_near_and_the_region_that_does_not_matter(
    kind, result, charts
):
    for depth in result.settings.depths:
        chart = charts[f"{kind}-{depth}"]
        start, end = chart.range("x_range")
        for name, keys in (("points", ("x",)), ("intervals", ("x0", "x1")), ("means", ("x",))):
            (glyph,) = [each for each in chart.glyphs if each.name == name]
            for key in keys:
                assert (np.asarray(glyph.drawn(key)) > start).all(), (name, key)
                assert (np.asarray(glyph.drawn(key)) < end).all(), (name, key)
        (interval,) = [each for each in chart.glyphs if each.name == "intervals"]
        assert (interval.drawn("x0") < interval.drawn("x1")).all()
        np.testing.assert_array_equal(interval.drawn("y0"), interval.drawn("y1"))
        label = chart.axis("below")[0]
        boxes = [each for name, each in chart.behind if name == "BoxAnnotation"]
        lines = [each for name, each in chart.behind if name == "Span"]
        if kind == "scores":
            assert (label, boxes, lines) == ("test accuracy, %", [], [])
            continue
        rope = 100 * result.settings.rope
        assert label == "minus relu, points"
        assert [(each["left"], each["right"]) for each in boxes] == [(-rope, rope)]
        assert [each["location"] for each in lines] == [0]
        assert chart.plot["title"]["attributes"]["text"] == f"Depth {depth}"
        assert start < -rope < rope < end


def test_losses_stand_on_a_logarithmic_axis_by_round(result, charts):
    for depth in result.settings.depths:
        chart = charts[f"loss-{depth}"]
        assert chart.axis("below") == ("round", False)
        assert chart.axis("left") == ("training loss", True)
        assert len({str(each.drawn("line_dash")) for each in chart.of("Line")}) > 1


def test_predictions_lie_across_and_measurements_up(result, charts):
    chart = charts["gradients"]
    assert chart.axis("below")[0].startswith("predicted")
    assert chart.axis("left")[0].startswith("measured")
    (agreement,) = [each for each in chart.of("Line") if each.name is None]
    np.testing.assert_array_equal(agreement.drawn("x"), agreement.drawn("y"))
    ends = [value for cell in result.cells for value in (cell.predicted_gradient_ratio,
                                                         cell.gradient_ratio)]  # fmt: skip
    assert min(agreement.drawn("x")) < min(ends)
    assert max(agreement.drawn("x")) > max(ends)
    for bar in chart.of("Segment"):
        assert (bar.drawn("y0") < bar.drawn("y1")).all()
        np.testing.assert_array_equal(bar.drawn("x0"), bar.drawn("x1"))


def test_learned_slopes_are_told_apart_by_the_charts_own_legend(result, charts):
    chart = charts["slopes"]
    (start,) = [each for name, each in chart.behind if name == "Span"]
    assert (start["location"], start.get("dimension", "width")) == (0.25, "width")
    assert chart.axis("below")[0].startswith("layer")
    labels = [label for label, *_ in chart.legend]
    assert labels == [f"depth {depth}" for depth in result.settings.depths]
    found = []
    for label, mark in chart.legend:
        depth = int(label.split()[1])
        ends = np.array([trial.slopes for trial in result.cell("prelu", depth).trials])[:, :, -1]
        np.testing.assert_allclose(mark.drawn("x"), np.arange(1, depth + 1))
        np.testing.assert_allclose(mark.drawn("y"), ends.mean(0), atol=1e-5)
        found.append(colour_of(mark))
        # The line and the band through the same points have the same colour.
        same = [each for each in chart.glyphs if len(each.columns["x"]) == depth]
        assert {colour_of(each) for each in same} == {found[-1]}
        assert {each.kind for each in same} == {"VArea", "Line", "Scatter"}
    assert len(set(found)) == len(found)


def plain(name, x):
    """f, f′ and f″ of some functions, as a textbook writes them."""
    e = np.exp(-np.abs(x))
    s = np.where(x < 0, e, 1.0) / (1 + e)
    above = np.where(x > 0, 1.0, 0.0)
    phi, cdf = (
        np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
        np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x]),
    )
    return {
        "relu": (x * above, above, 0 * x),
        "prelu": (x * above + 0.25 * x * (1 - above), above + 0.25 * (1 - above), 0 * x),
        "sigmoid": (s, s * (1 - s), s * (1 - s) * (1 - 2 * s)),
        "tanh": (
            np.tanh(x), 1 - np.tanh(x) ** 2, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        ),
        "gelu": (x * cdf, cdf + x * phi, (2 - x * x) * phi),
        "elu": (
            x * above + np.expm1(np.minimum(x, 0)), above + np.exp(np.minimum(x, 0)) * (1 - above),
            np.exp(np.minimum(x, 0)) * (1 - above),
        ),
    }[name]  # fmt: skip


def read_curves(chart, name):
    """The three curves by the chart's own legend; all lie over [-6, 6]."""
    found = {}
    for label, mark in chart.legend:
        assert label == mark.name
        x, y = np.asarray(mark.drawn("x"), float), np.asarray(mark.drawn("y"), float)
        assert (x[0], x[-1]) == (-6, 6)
        assert (np.diff(x) >= 0).all()
        found[label] = x, y
    assert list(found) == ["f", "f′", "f″"]
    assert len({colour_of(mark) for _, mark in chart.legend}) == 3
    assert len({str(mark.drawn("line_dash")) for _, mark in chart.legend}) == 3
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_curves_of_a_function_lie_over_what_reached_it(name, result, charts):
    chart = charts[f"curve-{name}"]
    curves = read_curves(chart, name)
    for at, (x, y) in enumerate(curves.values()):
        away = np.abs(x) > 1e-3  # beside a break, where a drawing joins both sides
        np.testing.assert_allclose(y[away], plain(name, x)[at][away], atol=2e-5, err_msg=f"f{at}")
    if name in ("relu", "prelu"):
        # What is continuous is joined at its break; what jumps there has a hole.
        at_0 = [y[x == 0] for x, y in curves.values()]
        assert np.abs(at_0[0]).tolist() == pytest.approx([0], abs=1e-6)
        assert np.isnan(at_0[1]).tolist() == [True]
    (seen,) = chart.of("Quad")
    (normal,) = [each for each in chart.of("Line") if each.name is None]
    left, right = np.asarray(seen.drawn("left")), np.asarray(seen.drawn("right"))
    np.testing.assert_allclose([left, right], [DENSITY_EDGES[:-1], DENSITY_EDGES[1:]])
    counts = np.sum(
        [t.density for cell in result.cells if cell.activation == name for t in cell.trials], axis=0
    )
    density = counts / counts.sum() / np.diff(DENSITY_EDGES)
    floor = seen.drawn("bottom")
    x = np.asarray(normal.drawn("x"), float)
    gauss = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    # One scale for both: areas of what was measured and of N(0, 1) can be compared.
    scale = (np.asarray(seen.drawn("top")) - floor) / density
    np.testing.assert_allclose(scale, scale[0], rtol=1e-4)
    np.testing.assert_allclose(np.asarray(normal.drawn("y")) - floor, scale[0] * gauss, atol=1e-5)
    bottom, top = chart.range("y_range")
    assert bottom <= floor
    lowest = max(min(np.nanmin(y) for _, y in curves.values()), -2)
    assert floor + scale[0] * max(density.max(), gauss.max()) <= lowest
    assert top > min(max(np.nanmax(y) for _, y in curves.values()), 3)


def test_a_map_reaches_from_its_least_to_its_largest_value(result, page):
    maps = embedded(page, "layer-maps")
    for depth in result.settings.depths:
        for measure, shown in maps[str(depth)].items():
            low, high = shown["range"]
            if measure != "gradient":
                assert (low, high, shown["ends"]) == (0, 1, ["0 %", "100 %"])
                continue
            values = [v for lines in shown["layers"].values() for line in lines for v in line]
            assert high == max(values)
            assert low == max(min(values), high - 8)
            for text, value in zip(shown["ends"], (low, high), strict=True):
                agree(text, [value])
            assert not shown["percent"]


def test_every_number_of_the_models_stands_in_its_column(result, page):
    head, *rows = Tables(page).tables["models"]
    others = [name for name in METRICS["classification"] if name != "accuracy"]
    assert head[-1 - len(others) :] == [
        *map(conclusions.title, others), "secondsper fit",
    ]  # fmt: skip
    for row, model in zip(rows, result.models, strict=True):
        for text, name in zip(row[-1 - len(others) :], others, strict=False):
            value = model.scores.of(name)
            right = value if name == "log_loss" else 100 * value
            agree(text, [right], 0 if name == "log_loss" else 1)
        agree(row[-1], [model.seconds], 2)


def close(seen, expected, what):
    """Numbers in their order, each to the digits that a table gives it."""
    assert len(seen) == len(expected), (what, seen, expected)
    for one, (value, digits) in zip(seen, expected, strict=True):
        assert abs(one - value) <= 0.51 * 10.0**-digits + 1e-12, (what, seen, expected)


def digits_of(value):
    """Decimals that three significant digits leave."""
    return 2 - math.floor(math.log10(abs(value)))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_wide_terminal_shows_every_number_of_the_page_in_order(task, colours):
    result = distinct(sample(NAMES, (2, 8), task=task, top=0.8 if task == "regression" else 0.975))
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system="truecolor")
    study_terminal.show(result, console)
    coloured = out.getvalue().splitlines()
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured]
    rows = [at for at, line in enumerate(lines) if line.startswith("● ")]
    others = [name for name in METRICS[task] if name != result.settings.metric]
    for at, cell in zip(rows, result.cells, strict=True):
        expected = [(100 * v, 1) for v in (cell.score, cell.interval.low, cell.interval.high)]
        if cell.against:
            each = cell.against
            digits = 1
            while (
                each.significant
                and digits < 4
                and any(
                    round(100 * v, digits) == 0 for v in (each.interval.low, each.interval.high)
                )
            ):
                digits += 1
            ends = (each.difference, each.interval.low, each.interval.high)
            expected += [(100 * value, digits) for value in ends]
            expected += [
                (min(max(value, 0.01), 0.99), 2)
                for value in (each.better, each.equivalent, each.worse)
            ]
        for name in others:
            value = cell.scores.of(name)
            small = name in ("log_loss", "rmse")
            expected.append((value, digits_of(value)) if small else (100 * value, 1))
        micro = 1e6 * cell.seconds_per_step
        expected += [(micro, digits_of(micro)), (100 * cell.dead, 0), (100 * cell.saturated, 0)]
        expected.append((cell.gradient_ratio, 2))
        text = lines[at].split(maxsplit=2)[2].replace("<.01", ".01").replace(">.99", ".99")
        close(read(text), expected, (cell.activation, lines[at]))
        # The dot has the colour that the page gives the activation on a dark ground.
        red, green, blue = map(int, re.search(r"38;2;(\d+);(\d+);(\d+)m●", coloured[at]).groups())
        assert f"#{red:02x}{green:02x}{blue:02x}" == colours[cell.activation][1]
    at = next(i for i, line in enumerate(lines) if line.startswith("Models to compare"))
    told = {line[: line.index("  ")]: line for line in lines[at:] if "  " in line}
    for model in result.models:
        expected = [(100 * v, 1) for v in (model.score, model.interval.low, model.interval.high)]
        found = [result.compared(model.model, "relu", d) for d in result.settings.depths]
        text = told[model.title][len(model.title) :]
        if all(found):
            assert [plus(100 * each.difference) in text for each in found] == [True] * len(found)
            places = [text.rindex(plus(100 * each.difference)) for each in found]
            assert places == sorted(places)
        close(read(text)[:3], expected, model.title)


def test_a_notebook_shows_models_and_other_metrics_too(result):
    _settings, rows = sorted(Tables(notebook(result)).tables.values(), key=lambda t: len(t[0]))
    others = [name for name in METRICS["classification"] if name != "accuracy"]
    assert rows[0][-len(others) :] == list(map(conclusions.title, others))
    for row, each in zip(rows[1:], [*result.cells, *result.models], strict=True):
        for text, name in zip(row[-len(others) :], others, strict=True):
            value = each.scores.of(name)
            small = name == "log_loss"
            agree(text, [value if small else 100 * value], 0 if small else 1)
        ends = (each.score, each.interval.low, each.interval.high)
        agree(row[1], [100 * value for value in ends])
    for row, model in zip(rows[1 + len(result.cells) :], result.models, strict=True):
        assert row[0] == model.title
        assert row[2:5] == ["–", "–", "–"]


def test_every_field_of_a_result_survives_json(result):
    again = StudyResult.from_json(result.to_json())
    for field in fields(StudyResult):
        assert getattr(again, field.name) == getattr(result, field.name), field.name


def test_every_column_of_the_frame_is_the_field_of_its_name(result):
    frame = result.to_frame()
    for at, cell in enumerate(result.cells):
        row = frame.iloc[at]
        each = cell.against
        known = {
            "name": cell.activation, "low": cell.interval.low, "high": cell.interval.high,
            "over_constant": cell.trains.difference,
            "difference": each and each.difference,
            "difference_low": each and each.interval.low,
            "difference_high": each and each.interval.high,
            **{name: each and getattr(each, name)
               for name in ("p_adjusted", "significant", "better", "equivalent", "worse")},
            **{name: cell.scores.of(name) for name in METRICS["classification"]},
        }  # fmt: skip
        for column in frame.columns:
            value = known[column] if column in known else getattr(cell, column)
            if value is None:
                assert row[column] is None or math.isnan(row[column]), column
            else:
                assert row[column] == value, column
    for at, model in enumerate(result.models, start=len(result.cells)):
        row = frame.iloc[at]
        assert (row["name"], row["score"]) == (model.model, model.score)
        assert (row["low"], row["high"]) == (model.interval.low, model.interval.high)
        assert row["auc"] == model.scores.auc


def test_what_follows_names_every_caution_and_note_in_order(result):
    said = conclusions.following(result)
    places = [said.index(each) for each in (*result.answer.cautions, *result.notes)]
    assert places == sorted(places)
    assert any(result.results_file in each for each in said)


# ---------------------------------------------------------------------------------------- cards


def value_of(text):
    return {"∞": math.inf, "−∞": -math.inf}.get(text) if "∞" in text else read(text)[0]


def facts_are_claims(name):
    claims, shown = find(name).claims, dict(facts(find(name)))

    def same(text, values, word):
        found = [value_of(part) for part in text.split(word)]
        assert found == pytest.approx(list(values), rel=1e-4), (name, text)

    same(shown["range"], claims.range, " to ")
    same(shown["at −∞, at +∞"], claims.limits, " and ")
    same(shown["slope at −∞, at +∞"], claims.derivative_limits, " and ")
    same(shown["steepest slope"], [claims.lipschitz], " and ")
    assert shown["never decreases"] == ("yes" if claims.monotone else "no")
    assert shown["symmetry"] == (claims.parity or "none")
    assert shown["centred on zero for N(0, 1)"] == ("yes" if claims.zero_centred else "no")
    smooth = shown["continuous derivatives"]
    words = {math.inf: "all", 0: "none", -1: "none, and it jumps"}
    assert smooth == words.get(claims.smoothness, number(claims.smoothness))
    for kind, values in (("slope", claims.derivative_at_breaks),
                         ("second derivative", claims.second_derivative_at_breaks)):  # fmt: skip
        for at, value in zip(claims.breaks, values, strict=False):
            same(shown[f"{kind} taken at {number(at)}"], [value], " and ")


def test_the_facts_of_a_card_are_its_claims():
    for name in names("unary"):
        facts_are_claims(name)
    for card in map(find, names("gated") + names("rows") + names("heads")):
        found = dict(facts(card))
        assert found.pop("gate", "") == card.gate
        assert {key.replace(" ", "_") for key in found} == set(card.row_claims), card.name
        assert not any("_" in key for key in found), card.name
        assert set(found.values()) == {"yes"}, card.name


def test_the_axis_of_a_drawing_in_the_terminal_says_where_its_curves_are():
    """ReLU's f rises from 0 at the middle to the top at the right, the highest number on top."""
    out = io.StringIO()
    group = card_terminal.drawing(find("relu"), 40)
    Console(file=out, width=60).print(group)
    lines = [line for line in out.getvalue().splitlines() if "│" in line]
    marks = [float(line.split("│")[0]) for line in lines if line.split("│")[0].strip()]
    assert marks == sorted(marks, reverse=True)
    assert (marks[0], marks[-1]) == (3.0, 0.0)
    top = lines[0].split("│")[1]
    assert top[:20].strip("\u2800 ") == ""
    x = np.linspace(-1, 1, 21)
    layers = [braille.plot(x, y, width=8, height=4, view=(-1, 1)) for y in (x, -x)]
    found = braille.overlay(layers)
    owners = [[owner for _, owner in line] for line in found]
    # A rises, B falls: each owns its own corners, the first what both pass through.
    assert (owners[-1][0], owners[0][-1]) == (0, 0)
    assert (owners[0][0], owners[-1][-1]) == (1, 1)
    assert owners[0][3] == owners[0][4] == -1
    assert {owner for line in owners for owner in line} == {-1, 0, 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"), (0.0, "0"),
        (-0.5, "−0.5"), (1234.5, "1,234"), (-1234.5, "−1,234"), (0.00012345, "0.000123"),
        (2e7, "2e+07"), (999.4, "999"),
    ],
)  # fmt: skip
def test_numbers_keep_their_sign_and_size(value, text):
    assert number(value) == text
    assert signed(-0.001) == "0.00"
    assert (signed(-1.005, 1), plus(0.04), plus(-0.04), plus(1.0)) == ("−1.0", "0.0", "0.0", "+1.0")
