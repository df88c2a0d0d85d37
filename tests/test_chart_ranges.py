"""A chart's axes hold just what it shows; what lies far off is named at the edge it lies beyond.

The charts are read before they are packed into a page: their ranges, marks and tips.
"""

import math
import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.models import HoverTool, Span

from ogive.report import charts, palette, study_page
from ogive.study.result import Interval
from report_sample import sample


def marks(chart, name):
    """The columns of the marks of a name, as lists."""
    (found,) = [each for each in chart.plot.renderers if each.name == name]
    data = {key: list(values) for key, values in found.data_source.data.items()}
    return SimpleNamespace(glyph=found.glyph, **data)


def names(chart):
    return [each.name for each in chart.plot.renderers]


def tips(chart):
    return [tool.tooltips for tool in chart.plot.select(HoverTool)]


def x_range(chart):
    return chart.plot.x_range.start, chart.plot.x_range.end


def strip(*rows, **options):
    options = {"middle": 2.0, "reach": 5.0} | options
    return charts.strip(rows, title="T", x="score", label="L", **options)


NEAR = charts.Dots("relu", [1.0, 2.0, 3.0, 4.5], [0, 1, 2, 3], 2.5, 2.25, 2.75)
LEFT = charts.Dots("tanh *", [-9.0], [0], -9.04, -10.0, -8.0, look="tanh")
RIGHT = charts.Dots("gelu", [19.0], [0], 19.06, 18.0, 20.0)


def test_a_strips_axis_ends_a_twentieth_beyond_what_is_near():
    for rows, options, low, high in (
        ((NEAR,), {}, 1.0, 4.5),
        ((NEAR, LEFT, RIGHT), {}, 1.0, 4.5),
        ((NEAR,), {"band": 6.0}, -6.0, 6.0),
        ((NEAR,), {"band": 2.0}, -2.0, 4.5),
        ((replace(NEAR, low=-3.0),), {}, -3.0, 4.5),
        ((replace(NEAR, high=9.0),), {}, 1.0, 9.0),
        ((LEFT, RIGHT), {}, -3.0, 7.0),
    ):  # fmt: skip
        margin = 0.05 * (high - low)
        assert x_range(strip(*rows, **options)) == pytest.approx((low - margin, high + margin))
    single = charts.Dots("relu", [2.0], [0], 2.0, 2.0, 2.0)
    assert x_range(strip(single)) == (1.0, 3.0)


def test_a_strip_has_a_row_for_each_and_marks_beside_each_other():
    chart = strip(NEAR, LEFT, RIGHT, band=0.5)
    plot = chart.plot
    assert plot.height == chart.height == strip(NEAR).height + 48
    assert plot.yaxis[0].ticker.ticks == [0, 1, 2]
    assert plot.yaxis[0].major_label_overrides == {2: "relu", 1: "tanh *", 0: "gelu"}
    assert (plot.y_range.start < -0.5, plot.y_range.end > 2.5) == (True, True)
    assert (plot.y_range.start > -1, plot.y_range.end < 3) == (True, True)
    points, means = marks(chart, "points"), marks(chart, "means")
    assert points.x == NEAR.values
    assert points.split == [1, 2, 3, 4]
    # Splits next to each other lie side by side, above the mean, within the row.
    assert len({round(float(y), 4) for y in points.y[:3]}) == 3
    assert points.y[3] == points.y[0]
    assert all(means.y[0] < 2 < float(y) < 2.4 for y in points.y)
    assert means.y[0] > 1.6
    assert (means.low, means.mean, means.high, means.name) == ([2.25], [2.5], [2.75], ["relu"])
    assert means.glyph.angle == math.pi / 2
    assert (means.glyph.x, means.glyph.y) == ("mean", "y")
    assert tips(chart) == [[("", "@name"), ("score", "@x{0.0}"), ("split", "@split")]]
    assert tips(strip(NEAR, digits=3))[0][1] == ("score", "@x{0.000}")
    # What lies beyond stands at its edge, and says how far.
    beyond = [each for each in plot.renderers if each.name == "beyond"]
    start, end = x_range(chart)
    for found, x, y, text, align, look in zip(
        beyond, (start, end), (1, 0), (" ◂ −9.0", "19.1 ▸ "), ("left", "right"), ("tanh", "gelu"),
        strict=True,
    ):  # fmt: skip
        data = {key: list(values) for key, values in found.data_source.data.items()}
        assert data["x"] == pytest.approx([x])
        assert (data["y"], data["text"]) == ([y], [text])
        assert data["color"] == [palette.style(look).light]
        assert found.glyph.text_align == align
    assert "beyond" not in names(strip(NEAR))
    # The edge itself is near.
    assert "beyond" not in names(strip(replace(NEAR, mean=7.0), replace(NEAR, mean=-3.0)))
    for off in (7.001, -3.001):
        assert names(strip(replace(NEAR, mean=off))).count("beyond") == 1
    shaded = [each for each in plot.center if hasattr(each, "left")]
    assert [(each.left, each.right) for each in shaded] == [(-0.5, 0.5)]
    assert not [each for each in strip(NEAR).plot.center if hasattr(each, "left")]


def placed(result, scores, half):
    """The result with these scores, best first, and intervals of a half width."""
    cells = [
        replace(cell, score=score, interval=Interval(low=score - half, high=score + half))
        for cell, score in zip(result.cells, scores, strict=True)
    ]
    return replace(result, cells=tuple(cells))


def test_a_score_is_far_beyond_four_intervals_or_ten_points():
    result = sample(("relu", "tanh", "gelu"), (2,), splits=3)
    for half, reach in ((0.01, 0.1), (0.05, 0.2), (0.025, 0.1)):
        for off, far in ((-1e-6, 0), (1e-6, 1)):
            near = placed(result, (0.9, 0.85, 0.9 - reach - off), half)
            chart = study_page.scores_by_split(near, 2)
            assert names(chart).count("beyond") == far, (half, off)
            assert len(marks(chart, "means").name) == 3 - far
    chart = study_page.scores_by_split(result, 2)
    assert chart.label == "Test accuracy, % of each split at depth 2, by activation"
    assert chart.plot.title.text == "Depth 2"
    assert chart.plot.xaxis[0].axis_label == "test accuracy, %"


def test_a_difference_is_far_beyond_two_and_a_half_of_the_nearest_or_ten_points():
    result = sample(("relu", "tanh", "gelu"), (2,), splits=3)

    def compared(*against):
        rest = iter(against)
        cells = []
        for cell in result.cells:
            each = cell.against
            if each is not None:
                mean, low, high = next(rest)
                each = replace(each, difference=mean, interval=Interval(low=low, high=high))
            cells.append(replace(cell, against=each))
        return study_page.differences_by_split(replace(result, cells=tuple(cells)), 2)

    for nearest, reach in (((-0.02, 0.01), 0.1), ((-0.02, 0.06), 0.15), ((-0.08, 0.01), 0.2)):
        for sign in (-1, 1):
            for off, far in ((-1e-6, 0), (1e-6, 1)):
                mean = sign * (reach + off)
                chart = compared((0.0, *nearest), (mean, mean - 0.3, mean + 0.3))
                assert names(chart).count("beyond") == far, (nearest, sign, off)
    assert chart.label == "Difference of each split from relu at depth 2, by activation"
    cells = [cell for cell in result.cells if cell.against]
    assert marks(chart, "points").x == pytest.approx(
        [
            100 * (ours.scores.accuracy - base.scores.accuracy)
            for ours, base in zip(cells[0].trials, result.cell("relu", 2).trials, strict=True)
        ],
        abs=1e-4,
    )


def test_lines_show_their_bands_and_say_their_numbers():
    curve = charts.Line("relu", [1, 2, 3], [2.0, None, 1.0], [1.5, None, 0.5], [2.5, None, 1.5])
    chart = charts.lines([curve], title="T", x="round", y="loss", label="L")
    band, line = chart.plot.renderers
    assert (band.name, line.name) == ("relu", "relu")
    assert (band.glyph.y1, band.glyph.y2, line.glyph.y) == ("low", "high", "y")
    assert np.isnan(line.data_source.data["y"][1])
    assert 0 < band.glyph.fill_alpha < 0.5
    assert chart.plot.y_range.only_visible
    assert 0 < chart.plot.y_range.range_padding < 0.2
    assert tips(chart) == [[("", "$name"), ("round", "@x{0}"), ("loss", "@y{0.000}")]]
    assert (chart.plot.height, chart.label, chart.plot.title.text) == (chart.height, "L", "T")


def test_a_scatters_line_of_agreement_spans_all_points():
    def points(*pairs):
        return [charts.Point("relu", "depth 2", x, y, y - 9.0, y + 9.0) for x, y in pairs]

    for pairs, low, high, margin in (
        (((-4.0, -3.0), (1.0, 0.5)), -4.0, 1.0, 0.25),
        (((-1.0, -3.0), (0.0, 1.0)), -3.0, 1.0, 0.2),
        (((2.0, 2.0),), 2.0, 2.0, 1.0),
        ((), 0.0, 1.0, 0.05),
    ):  # fmt: skip
        chart = charts.diagonal(points(*pairs), x="a", y="b", label="L")
        line = marks(chart, None)
        assert line.x == line.y == pytest.approx([low - margin, high + margin])
        assert chart.plot.height == chart.height
        assert tips(chart) == [
            [("", "$name, @note"), ("predicted", "@x{0.00}"), ("measured", "@y{0.00}")]
        ]
        assert len(chart.plot.select(HoverTool)[0].renderers) == bool(pairs)


def test_gradients_within_a_decade_are_drawn_again_where_others_lie_beyond():
    result = sample(("relu", "tanh", "gelu"), (2,), splits=3)
    for ratios, close in (
        ((-1.0, -1.001, 0.5), 2), ((-2.0, -3.0, 7.0), 1), ((-1.0, 0.0, 1.0), None),
        ((-2.0, -3.0, -4.0), None),
    ):  # fmt: skip
        cells = [replace(cell, predicted_gradient_ratio=ratio)
                 for cell, ratio in zip(result.cells, ratios, strict=True)]  # fmt: skip
        drawn = study_page._View(replace(result, cells=tuple(cells))).charts
        assert ("gradients-close" in drawn) == (close is not None)
        if close is not None:
            shown = [each.name for each in drawn["gradients-close"].plot.renderers if each.name]
            assert len(set(shown)) == close
    # Without an interval, a bar is a point.
    cells = [replace(cell, gradient_ratio=0.25, gradient_ratio_interval=None)
             for cell in result.cells]  # fmt: skip
    for point in study_page.gradient_points(replace(result, cells=tuple(cells))):
        assert (point.y, point.low, point.high) == (0.25, 0.25, 0.25)


def test_the_curves_of_a_function_leave_a_band_to_the_density():
    x = np.linspace(-6, 6, 241)
    normal = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    for y, low, high in (
        (np.clip(x, 0, 1), 0.0, 1.0), (x, -2.0, 3.0), (np.where(x > 0, x / 4, np.nan), 0.0125, 1.5),
    ):  # fmt: skip
        chart = charts.functions(x, [("f", y)], reference=normal, measured=None, label="L")
        plot = chart.plot
        assert (plot.x_range.start, plot.x_range.end) == (-6, 6)
        assert high < plot.y_range.end < high + 0.1 * (high - low)
        floor = plot.y_range.start
        assert 0.2 * (high - low) < low - floor < 0.35 * (high - low)
        seen = plot.renderers[0]
        top = np.asarray(seen.data_source.data["top"])
        assert floor - 1e-6 < top.min() <= top.max() < low
        assert top.max() - floor == pytest.approx(0.8 * (low - floor), rel=0.03)
        # Both axes are drawn through 0.
        lines = [each for each in plot.center if isinstance(each, Span)]
        assert sorted((each.dimension, each.location) for each in lines) == [
            ("height", 0), ("width", 0),
        ]  # fmt: skip
        assert tips(chart) == [[("", "f"), ("x", "@x{0.00}"), ("", "@y0{0.0000}")]]
        assert plot.height == chart.height


def test_bars_stand_on_0_and_a_map_counts_layers():
    chart = charts.bars(np.array([0.0, 1.0, 3.0]), np.array([0.2, 0.4]), x="x", label="L",
                        color="#123456")  # fmt: skip
    (found,) = chart.plot.renderers
    assert (chart.plot.y_range.start, found.glyph.bottom) == (0, 0)
    assert {key: list(map(float, v)) for key, v in found.data_source.data.items()} == {
        "left": [0, 1], "right": [1, 3], "top": pytest.approx([0.2, 0.4]),
    }  # fmt: skip
    assert found.glyph.fill_color == "#123456"
    assert chart.plot.height == chart.height
    chart = charts.layer_map()
    (cells,) = chart.plot.renderers
    mapper = cells.glyph.fill_color.transform
    assert (mapper.low, mapper.high, mapper.name) == (0, 1, "scale")
    assert (cells.glyph.width, cells.glyph.height) == (1, 1)
    assert chart.plot.yaxis[0].ticker.min_interval == 1
    assert (chart.plot.x_range.start, chart.plot.x_range.end) == (-0.5, 0.5)
    assert (chart.plot.y_range.start, chart.plot.y_range.end) == (0.5, 1.5)
    assert tips(chart) == [[("layer", "@y"), ("step", "@step"), ("", "@shown")]]
    profile = charts.Profile("depth 2", [1.0, 2.0], [0.5, 1.5], [1.5, 2.5])
    chart = charts.profiles([profile] * 7, start=0.25, y="slope", label="L")
    assert tips(chart) == [[("", "$name"), ("layer", "@x"), ("slope", "@y{0.000}")]]
    band = chart.plot.renderers[0]
    assert (band.glyph.y1, band.glyph.y2, list(band.data_source.data["x"])) == (
        "low", "high", [1, 2],
    )  # fmt: skip
    assert chart.plot.xaxis[0].ticker.min_interval == 1
    assert len({each.glyph.line_color for each in chart.plot.renderers[1::3]}) == 5


def test_a_page_leaves_each_chart_the_room_that_it_needs():
    result = sample(("relu", "prelu"), (2, 8), splits=3)
    drawn = study_page._View(result).charts
    html = study_page.html(result)
    places = re.findall(r'data-chart="([^"]*)".*?aria-label="([^"]*)" style="min-height: (\d+)px"',
                        html)  # fmt: skip
    assert {key for key, _, _ in places} == set(drawn)
    for key, label, height in places:
        assert int(height) == drawn[key].plot.height > 100
        assert unescape(label).startswith(drawn[key].label)


def test_six_activations_are_shown_at_first_baseline_answer_and_landmarks_before_others():
    many = ("elu", "selu", "tanh", "gelu", "relu", "sigmoid", "silu", "mish")
    result = sample(many, (2, 8), splits=2)
    best = [replace(each, best=name) for each, name in zip(
        result.answer.by_depth, ("mish", "silu"), strict=True)]  # fmt: skip
    answer = replace(result.answer, use="gelu", by_depth=tuple(best))
    shown = study_page.shown_first(replace(result, answer=answer))
    assert shown == ["relu", "gelu", "sigmoid", "tanh", "mish", "silu"]
    answer = replace(answer, use=None, by_depth=tuple(replace(each, best="relu") for each in best))
    shown = study_page.shown_first(replace(result, answer=answer))
    assert shown == ["relu", "sigmoid", "tanh", "elu", "selu", "gelu"]
    few = sample(("relu", "elu"), (2,), splits=2)
    assert study_page.shown_first(few) == ["relu", "elu"]


def test_a_density_is_of_all_networks_of_an_activation():
    result = sample(("relu", "tanh"), (2,), splits=2)
    edges, density = study_page.trained_density(result, "tanh")
    assert float(np.sum(np.array(density) * np.diff(edges))) == pytest.approx(1)
    none = tuple(
        replace(cell, trials=tuple(replace(t, density=(0,) * len(t.density)) for t in cell.trials))
        for cell in result.cells
    )
    assert study_page.trained_density(replace(result, cells=none), "tanh") is None
    assert study_page.trained_density(result, "gelu") is None
