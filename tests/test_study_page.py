"""The study's page, terminal and notebook: every number is the result's, and all of it always fits.

Tables and charts are read back and compared with the records, so that a swapped column, a wrong
end of an interval or a lost sign is caught.
"""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ogive.catalog import find, names
from ogive.report import study_notebook, study_page, study_terminal, writer
from ogive.study.result import METRICS, Verdict
from pages import Tables, agree, distinct, embedded, read, renderers
from report_sample import sample

TEN = ("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh", "identity", "gelu", "silu", "elu")
UNARY = tuple(name for name in names() if find(name).kind == "unary")
WITHIN = {"trains": "✓", "fails": "✕", "not shown": "?"}


def shown(metric, value):
    """A score as it stands in the page: most metrics in %."""
    return value if metric in ("log_loss", "rmse") else 100 * value


@pytest.fixture(scope="module", params=["classification", "regression"])
def case(request):
    top = 0.8 if request.param == "regression" else 0.975
    result = distinct(sample(task=request.param, top=top))
    html = study_page.html(result)
    return result, html, Tables(html)


def against(text, each):
    """A cell with a difference: the number, its interval's two ends, and a star if significant."""
    agree(text, [100 * value for value in (each.difference, each.interval.low, each.interval.high)])
    assert ("*" in text) == each.significant
    low, high = read(text)[1:]
    # What is starred does not look as if it contained 0.
    assert not each.significant or low * high > 0


def chances(text, each):
    """The three probabilities in their order, never shown as 0 or 1."""
    parts = text.split()
    assert len(parts) == 3
    for part, value in zip(parts, (each.better, each.equivalent, each.worse), strict=True):
        if part[0] in "<>":
            assert part == ("<.01" if value < 0.005 else ">.99")
        else:
            assert abs(float(part) - value) <= 0.0051


def test_a_result_finds_its_records_by_name(case):
    result, _, _ = case
    assert result.comparisons
    for each in result.comparisons:
        assert result.compared(each.one, each.other, each.depth) is each
    for each in result.cells:
        assert result.cell(each.activation, each.depth) is each
        assert each in result.at(each.depth)
    for each in result.models:
        assert result.model(each.model) is each
    assert [c for depth in result.settings.depths for c in result.at(depth)] == list(result.cells)
    assert result.cell("relu", 99) is result.model("no such") is None
    assert result.compared("relu", "no such", result.settings.depths[0]) is None


def test_each_row_of_the_tables_is_its_cell(case):
    result, _, page = case
    metric = result.settings.metric
    others = [name for name in METRICS[result.settings.task] if name != metric]
    for depth in result.settings.depths:
        head, *rows = page.tables[f"depth-{depth}"]
        cells = [cell for cell in result.cells if cell.depth == depth]
        assert len(rows) == len(cells)
        for row, cell in zip(rows, cells, strict=True):
            assert len(row) == len(head)
            assert row[0] == cell.activation
            agree(row[1], [100 * v for v in (cell.score, cell.interval.low, cell.interval.high)])
            if cell.against is None:
                assert row[2:4] == ["baseline", "–"]
            else:
                against(row[2], cell.against)
                chances(row[3], cell.against)
            mark, rest = row[4].split(maxsplit=1)
            assert mark == WITHIN[cell.state]
            assert rest.startswith(cell.state)
            against(rest[len(cell.state) :], cell.trains)
            for text, name in zip(row[5:], others, strict=False):
                digits = 1 if name in ("balanced_accuracy", "auc") else 0
                agree(text, [shown(name, getattr(cell.scores, name))], digits)
            last = row[5 + len(others) :]
            agree(last[0], [1e6 * cell.seconds_per_step], 0)
            agree(last[1], [100 * cell.dead])
            agree(last[2], [100 * cell.saturated])
            agree(last[3], [cell.gradient_ratio, cell.predicted_gradient_ratio], 2)
            assert last[4] == str(cell.diverged)
        words = ("activation", "relu", "better, equivalent, worse", "trains?")
        assert [word in head[at] for at, word in zip((0, 2, 3, 4), words, strict=True)] == [
            True
        ] * 4
        assert ["dead" in each for each in head].index(True) == len(head) - 4
        assert ["saturated" in each for each in head].index(True) == len(head) - 3


def test_the_bars_of_probabilities_are_the_comparisons(case):
    result, _, page = case
    sure, widths = page.widths[:3], page.widths[3:]
    key = result.cell(result.answer.use, result.answer.depth).against
    key = key or next(c.against for c in result.at(result.answer.depth) if c.against)
    expected = []
    for each in (key, *(cell.against for cell in result.cells if cell.against)):
        expected += [
            ("better", each.better),
            ("equivalent", each.equivalent),
            ("worse", each.worse),
        ]
    for (kind, width), (right, value) in zip(sure + widths, expected, strict=True):
        assert kind == right
        assert abs(width - 100 * value) <= 0.051


def test_the_small_tables_are_the_results(case):
    result, _, page = case
    metric, depths = result.settings.metric, result.settings.depths
    for name, *row in page.tables["states"][1:]:
        for depth, text in zip(depths, row, strict=True):
            cell = result.cell(name, depth)
            agree(text, [100 * cell.score])
            assert WITHIN[cell.state] in text
            assert text.endswith(cell.state)
    for row, model in zip(page.tables["models"][1:], result.models, strict=True):
        assert row[0] == model.title
        agree(row[1], [100 * v for v in (model.score, model.interval.low, model.interval.high)])
        for depth, text in zip(depths, row[2:], strict=False):
            each = result.compared(model.model, result.settings.baseline, depth)
            assert text == "–" if each is None else against(text, each) is None
    for depth in depths:
        rates = page.tables[f"rates-{depth}"]
        assert [float(each) for each in rates[0][1:]] == list(result.settings.rates)
        splits = page.tables[f"splits-{depth}"]
        cells = result.at(depth)
        for chosen, scores, cell in zip(rates[1:], splits[1:], cells, strict=True):
            assert chosen[0] == scores[0] == cell.activation
            assert [int(text or 0) for text in chosen[1:]] == [
                list(cell.rates).count(rate) for rate in result.settings.rates
            ]
            for text, trial in zip(scores[1:], cell.trials, strict=True):
                agree(text, [100 * trial.scores.of(metric)])


def test_the_tables_beside_the_charts_are_the_trials(case):
    result, _, page = case
    losses = [rows for rows in page.tables.values() if "loss, first round" in rows[0]]
    for depth, rows in zip(result.settings.depths, losses, strict=True):
        for row, cell in zip(rows[1:], result.at(depth), strict=True):
            runs = np.array([trial.train_loss for trial in cell.trials])
            agree(row[1], [runs[:, 0].mean()], 2)
            agree(row[2], [runs[:, -1].mean()], 2)
            assert row[0] == cell.activation
            assert row[3:] == [str(runs.shape[1]), str(cell.diverged)]
    (ends,) = [rows for rows in page.tables.values() if "dead, %, first layer" in rows[0]]
    for row, cell in zip(ends[1:], result.cells, strict=True):
        assert row[:2] == [cell.activation, str(cell.depth)]
        for at, measure in enumerate(("dead", "saturated")):
            found = np.array([getattr(trial, measure) for trial in cell.trials]).mean(0)
            agree(row[2 + 2 * at], [100 * found[0, -1]], 0)
            agree(row[3 + 2 * at], [100 * found[-1, -1]], 0)
        size = np.log10([trial.gradient for trial in cell.trials]).mean(0)
        agree(row[6], [size[0, -1]], 2)
        agree(row[7], [size[-1, -1]], 2)


@pytest.mark.parametrize("kind", ["scores", "differences"])
def test_the_charts_of_splits_are_the_trials(case, kind):
    result, html, _ = case
    items = embedded(html, "chart-items")
    metric = result.settings.metric
    for depth in result.settings.depths:
        drawn, labels = renderers(items[f"{kind}-{depth}"])
        by_name = {name: (glyph, columns) for name, glyph, columns in drawn}
        base = result.cell(result.settings.baseline, depth)
        expected = {}
        for cell in result.at(depth):
            scores = {t.split + 1: 100 * t.scores.of(metric) for t in cell.trials}
            record = (cell.score, cell.interval)
            label = cell.activation
            if kind == "differences":
                if cell.against is None:
                    continue
                label += " *" if cell.against.significant else ""
                record = (cell.against.difference, cell.against.interval)
                for trial in base.trials:
                    scores[trial.split + 1] -= 100 * trial.scores.of(metric)
            expected[label] = scores, record
        assert [labels[y] for y in sorted(labels, reverse=True)] == list(expected)
        points, means = by_name["points"][1], by_name["means"][1]
        far = {text for name, _, columns in drawn if name == "beyond" for text in columns["text"]}
        assert len(set(points["name"])) + len(far) == len(expected)
        for x, y, split, name in zip(*(points[key] for key in ("x", "y", "split", "name"))):  # noqa: B905
            assert labels[round(float(y))] == name
            assert abs(expected[name][0][int(split)] - x) < 1e-3
        assert by_name["intervals"][0]["attributes"]["x0"] == {"type": "field", "field": "low"}
        assert by_name["intervals"][0]["attributes"]["x1"] == {"type": "field", "field": "high"}
        for y, name, low, mean, high in zip(  # noqa: B905
            *(means[key] for key in ("y", "name", "low", "mean", "high"))
        ):
            value, interval = expected[name][1]
            assert labels[round(float(y))] == name
            right = [100 * interval.low, 100 * value, 100 * interval.high]
            assert np.allclose([low, mean, high], right, atol=1e-3)


def test_the_loss_curves_are_the_trials(case):
    result, html, _ = case
    items = embedded(html, "chart-items")
    for depth in result.settings.depths:
        drawn, _ = renderers(items[f"loss-{depth}"])
        assert {name for name, _, _ in drawn} == set(result.settings.activations)
        for name, glyph, columns in drawn:
            trials = result.cell(name, depth).trials
            runs = np.array([trial.train_loss for trial in trials])
            assert np.allclose(columns["x"], np.arange(1, runs.shape[1] + 1))
            for key, right in (("y", runs.mean(0)), ("low", runs.min(0)), ("high", runs.max(0))):
                assert np.allclose(columns[key], right, rtol=1e-5)
            fields = {"VArea": ("y1", "low", "y2", "high"), "Line": ("x", "x", "y", "y")}
            first, low, second, high = fields[glyph["name"]]
            assert glyph["attributes"][first]["field"] == low
            assert glyph["attributes"][second]["field"] == high


def test_the_gradients_chart_is_the_cells(case):
    result, html, _ = case
    drawn, _ = renderers(embedded(html, "chart-items")["gradients"])
    seen = 0
    for name, glyph, columns in drawn:
        if name is None:
            continue
        for at, note in enumerate(columns["note"]):
            cell = result.cell(name, int(note.split()[1]))
            within = cell.gradient_ratio_interval
            right = (cell.predicted_gradient_ratio, cell.gradient_ratio, within.low, within.high)
            assert np.allclose(
                [columns[k][at] for k in ("x", "y", "low", "high")], right, atol=1e-4
            )
            seen += glyph["name"] == "Scatter"
    assert seen == len(result.cells)


def test_the_maps_are_the_trials(case):
    result, html, _ = case
    maps = embedded(html, "layer-maps")
    assert list(maps) == [str(depth) for depth in result.settings.depths]
    for cell in result.cells:
        for measure in ("dead", "saturated", "gradient"):
            kept = maps[str(cell.depth)][measure]
            found = np.array([getattr(trial, measure) for trial in cell.trials])
            right = (np.log10(found) if measure == "gradient" else found).mean(0)
            digits = 2 if measure == "gradient" else 3
            shown = np.array(kept["layers"][cell.activation])
            assert np.abs(shown - right).max() <= 0.501 * 10.0**-digits
            assert np.array_equal(shown, shown.round(digits))
            assert kept["steps"] == list(cell.trials[0].checkpoint_steps)


def test_the_slopes_are_the_trials(case):
    result, html, _ = case
    drawn, _ = renderers(embedded(html, "chart-items")["slopes"])
    named = {name: columns for name, _, columns in drawn if name}
    for depth in result.settings.depths:
        cell = result.cell("prelu", depth)
        ends = np.array([trial.slopes for trial in cell.trials])[:, :, -1]
        columns = named[f"depth {depth}"]
        for key, right in (("y", ends.mean(0)), ("low", ends.min(0)), ("high", ends.max(0))):
            assert np.allclose(columns[key], right, atol=1e-5)


def test_the_first_screen_answers_five_questions(case):
    result, html, page = case
    first = Tables(html.split('<section id="table">')[0]).text
    assert first.index(result.answer.sentence) < first.index(result.answer.by_depth[0].sentence)
    assert re.search(r"<h1[^>]*>([^<]*)", html)[1].replace("&#39;", "'") == result.answer.sentence
    for each in result.answer.by_depth:
        assert each.sentence in first
    for question in ("matter?", "How sure", "done to the data?", "What next?"):
        assert question in first
    data = result.data
    for text in (*data.treatments, *data.warnings, *result.answer.cautions, *result.notes):
        assert text in first
    for count in (data.rows, data.splits.train, data.splits.validation, data.splits.test):
        assert f"{count:,} " in first
    for label, count in zip(data.classes, data.class_counts, strict=True):
        assert f"{label}: {count}" in first
    for text in (result.command, data.hash, "NumPy 2.4.6", result.workers):
        assert text in page.text
    for verdict in result.verdicts:
        assert verdict.claim in page.text
        assert verdict.measured in page.text
    assert page.text.index("Run it again") < page.text.rindex("Textbook claims")


def test_the_difference_that_the_answer_rests_on_is_that_of_its_activation():
    result = sample(("relu", "tanh", "gelu"), (2,))
    here = result.at(2)
    for cell in here:
        if cell.against is None:
            continue
        answer = replace(result.answer, use=cell.activation, depth=2)
        page = Tables(study_page.html(replace(result, answer=answer)).split('id="data"')[0])
        said = page.text[page.text.index("How sure") :]
        assert f"{cell.activation} minus relu" in said
        agree(re.search(r": ([^ ]+) points", said)[1], [100 * cell.against.difference])
        ends = re.search(r"from (\S+) to (\S+) agree", said)
        interval = cell.against.interval
        agree(" ".join(ends.groups()), [100 * interval.low, 100 * interval.high])


def test_unbalanced_classes_show_their_metric_first():
    result = sample(("relu", "tanh"), (2,))
    result = replace(result, settings=replace(result.settings, metric="auc"))
    head = Tables(study_page.html(result)).tables["depth-2"][0]
    assert head[1].startswith("AUC")
    assert [each for each in head if each.startswith("accuracy")] == ["accuracy, %"]


def test_a_study_in_which_nothing_trains_says_so_and_is_drawn_all_the_same():
    result = sample(("relu", "tanh"), (2,))
    cells = tuple(replace(cell, state="fails") for cell in result.cells)
    answer = replace(result.answer, use=None, matters="not shown", sentence="Nothing trains.")
    result = replace(result, cells=cells, answer=answer)
    html = study_page.html(result)
    assert "No network was shown to do better than always the largest class" in Tables(html).text
    drawn, _ = renderers(embedded(html, "chart-items")["scores-2"])
    assert len(dict((name, c) for name, _, c in drawn)["points"]["x"]) == 20
    out = io.StringIO()
    study_terminal.show(result, Console(file=out, width=80))
    assert "✕" in out.getvalue()
    assert "Nothing trains." in study_notebook.html(result)


def test_far_activations_are_named_at_the_edge_and_hide_no_other():
    result = sample(("relu", "tanh", "sigmoid"), (20,))
    drawn, _ = renderers(embedded(study_page.html(result), "chart-items")["scores-20"])
    columns = {name: columns for name, _, columns in drawn}
    assert set(columns["points"]["name"]) == {"relu", "tanh"}
    assert columns["beyond"]["text"] == [f" ◂ {100 * result.cell('sigmoid', 20).score:.1f}"]
    drawn, _ = renderers(embedded(study_page.html(result), "chart-items")["differences-20"])
    columns = {name: columns for name, _, columns in drawn}
    assert set(columns["points"]["name"]) == {"tanh"}
    assert "−" in columns["beyond"]["text"][0]


def test_networks_that_diverged_are_shown_and_break_nothing():
    result = sample(("prelu", "tanh"), (2,), splits=3)
    lost = replace(
        result.cells[0].trials[0],
        train_loss=(2.3, None, None),
        gradient=((None,) * 6,) * 2,
        slopes=((0.25, float("nan")),) * 2,
        gradient_ratio=None,
        diverged_at=7,
    )
    cells = tuple(
        replace(
            cell,
            trials=(lost, *cell.trials[1:]),
            gradient_ratio=None,
            gradient_ratio_interval=None,
            diverged=1,
        )
        for cell in result.cells
    )
    result = replace(result, cells=cells)
    html = study_page.html(result)
    assert "NaN" not in re.search(r'id="page-data">(.*?)</script>', html, re.S)[1]
    # The curve ends where the first network's loss is not finite.
    drawn, _ = renderers(embedded(html, "chart-items")["loss-2"])
    assert [len(columns["x"]) for _, _, columns in drawn] == [1] * 4
    study_terminal.show(result, Console(file=io.StringIO(), width=60))
    study_notebook.html(result)


def test_a_network_that_stopped_early_keeps_its_last_loss():
    result = sample(("relu", "tanh"), (2,), splits=2)
    cell = result.cells[0]
    short = replace(cell.trials[0], train_loss=cell.trials[0].train_loss[:3])
    cells = (replace(cell, trials=(short, cell.trials[1])), *result.cells[1:])
    html = study_page.html(replace(result, cells=cells))
    drawn, _ = renderers(embedded(html, "chart-items")["loss-2"])
    columns = next(columns for name, _, columns in drawn if name == cell.activation)
    other = cell.trials[1].train_loss
    assert len(columns["y"]) == len(other)
    assert np.isclose(columns["y"][-1], (short.train_loss[-1] + other[-1]) / 2, rtol=1e-5)


def test_one_activation_without_prelu_models_verdicts_or_notes_still_has_a_report():
    result = sample(("tanh",), (3,), splits=2)
    result = replace(result, verdicts=(), notes=(), models=(), results_file="")
    html = study_page.html(result)
    assert 'id="slopes"' not in html
    assert 'id="claims"' not in html
    assert 'id="depth-3"' in html
    assert "nothing to choose from" in html
    study_terminal.show(result, Console(file=io.StringIO(), width=60), claims=True)


MANY = {
    "every activation at five depths": dict(activations=UNARY, depths=(2, 4, 8, 12, 20)),
    "thirty splits": dict(activations=TEN, depths=(2, 8, 20), splits=30),
    "12,000 columns": dict(
        activations=("relu", "tanh"),
        depths=(2,),
        features=tuple(f"a column with a rather long name, number {at}" for at in range(12_000)),
    ),
    "3,000 classes and sentences": dict(
        activations=("relu", "tanh"),
        depths=(2,),
        classes=tuple(f"class {at} " + "x" * 300 for at in range(3000)),
        warnings=("w" * 5000,) * 3000,
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_every_study_has_a_page_below_two_megabytes(name, tmp_path):
    result = sample(**MANY[name])
    study_page.write(result, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < writer.REPORT_LIMIT
    for depth in result.settings.depths:
        assert len(Tables(html).tables[f"depth-{depth}"]) == 1 + len(result.settings.activations)
        assert f'data-chart="scores-{depth}"' in html


@pytest.mark.parametrize("limit", [800_000, 600_000, 100_000])
def test_what_does_not_fit_is_left_out_and_said(limit):
    result = sample(TEN, (2, 8, 20))
    html = study_page.html(result, limit)
    assert len(html.encode()) < limit
    assert "eft out, so that this page stays below" in html
    # Tables come before charts, and the best rows before the others.
    for depth in result.settings.depths:
        rows = Tables(html).tables[f"depth-{depth}"][1:]
        assert [row[0] for row in rows] == [
            cell.activation for cell in result.at(depth)[: len(rows)]
        ]
        assert len(rows) >= 2
    plots = re.findall(r'data-chart="([^"]*)"', html)
    items = embedded(html, "chart-items") if plots else {}
    assert set(items) == set(plots)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_terminal_answers_first_and_fits(width, task):
    result = distinct(sample(TEN, (2, 20), task=task))
    out = io.StringIO()
    study_terminal.show(result, Console(file=out, width=width))
    text = out.getvalue()
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in text
    words = " ".join(text.split())
    assert words.startswith(result.answer.sentence)
    for part in (
        *(each.sentence for each in result.answer.by_depth),
        *result.answer.cautions,
        *(model.title for model in result.models),
    ):
        assert part in words
    for part in (*result.data.treatments, *result.data.warnings):
        assert part in words
    assert all(each.claim not in words for each in result.verdicts)
    lines = text.splitlines()
    told = [line for line in lines if line.startswith("● ")]
    heads = iter([line for line in lines if line.startswith("activation ")])
    assert [line.split()[1] for line in told] == [cell.activation for cell in result.cells]
    for line, cell in zip(told, result.cells, strict=True):
        if cell is result.at(cell.depth)[0]:
            intervals = next(heads).count("interval")
        found = read(line.split(maxsplit=2)[2])
        assert abs(found[0] - 100 * cell.score) <= 0.051
        right = [cell.against.difference, cell.against.interval.low] if cell.against else []
        right += [cell.against.interval.high] if cell.against else []
        assert intervals == 2 or width <= 80
        if intervals == 2:
            right = [cell.interval.low, cell.interval.high, *right]
        agree(" ".join(map(str, found[1 : 1 + len(right)])), [100 * each for each in right])
        assert ("*" in line) == bool(cell.against and cell.against.significant)
        assert (WITHIN[cell.state] in line) == (cell.state != "trains")


def test_the_terminal_shows_claims_when_asked_and_no_markup():
    nasty = Verdict(
        key="k",
        claim="[red]not markup[/red]",
        prediction="p",
        measured="m",
        verdict="holds",
        explanation="e",
    )
    result = replace(sample(("relu", "sigmoid"), (2,)), verdicts=(nasty,))
    out = io.StringIO()
    study_terminal.show(result, Console(file=out, width=100), claims=True)
    assert "[red]not markup[/red]" in out.getvalue()
    assert "predicted p; measured m" in out.getvalue()


def test_a_notebook_shows_the_answer_and_the_table_without_scripts():
    result = distinct(sample())
    html = result._repr_html_()
    assert len(html) < 60_000
    assert "<script" not in html
    page = Tables(html)
    assert result.answer.sentence in page.text
    rows, _ = page.tables.values()
    for row, cell in zip(rows[1:], result.cells, strict=False):
        assert row[0] == f"{cell.depth} {cell.activation}"
        agree(row[1], [100 * v for v in (cell.score, cell.interval.low, cell.interval.high)])
        if cell.against:
            against(row[2], cell.against)
            chances(row[3], cell.against)
        assert row[4] == f"{WITHIN[cell.state]} {cell.state}"
