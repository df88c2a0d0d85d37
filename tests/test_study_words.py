"""A study is put into the words that its numbers call for, and the terminal says all of them.

Sentences are compared to the letter: a singular, a cut name, a digit, an order are part of them.
"""

import io
import itertools
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ogive.report import conclusions, study_notebook, study_page, study_terminal
from ogive.report.text import number, percent, share, signed
from ogive.study.result import METRICS, DepthAnswer, Interval
from pages import Tables
from report_sample import sample

FOUR = ("relu", "tanh", "gelu", "elu", "sigmoid")


@pytest.fixture(scope="module")
def result():
    return sample(FOUR, (2, 8))


@pytest.fixture(scope="module")
def single():
    return sample(FOUR, (2,))


def at_depth(depth, **names):
    plain = dict.fromkeys(("better", "worse", "equivalent", "failing"), ())
    return DepthAnswer(depth=depth, sentence="", best="relu", **plain | names)


def answered(result, matters, *by_depth, use="gelu", trains=FOUR):
    cells = tuple(
        replace(cell, state="trains" if cell.activation in trains else "fails")
        for cell in result.cells
    )
    answer = replace(result.answer, matters=matters, use=use, depth=2, by_depth=by_depth)
    return replace(result, answer=answer, cells=cells)


def with_rope(result, rope):
    return replace(result, settings=replace(result.settings, rope=rope))


def test_numbers_change_their_form_where_they_say_so():
    for value, text in (
        (999.0, "999"), (1000.0, "1,000"), (-1000.0, "−1,000"), (9_999_999.0, "9,999,999"),
        (1e7, "1e+07"), (-1e7, "−1e+07"), (0.12345, "0.123"),
    ):  # fmt: skip
        assert number(value) == text
    assert (number(9999.4, 4), number(0.123456, 5)) == ("9999", "0.12346")
    assert (percent(None), percent(0.5), percent(0.123, 0)) == ("–", "50.0", "12")
    assert (share(1.0), share(0.999999), share(0.99994, 1)) == ("100.00", "99.99", "99.9")
    assert (signed(None), signed(-1.0), signed(2.0, 0)) == ("–", "−1.00", "2")
    for value, text in (
        (0.0, "<.01"), (0.0049, "<.01"), (0.0051, ".01"), (0.5, ".50"), (0.9949, ".99"),
        (0.9951, ">.99"), (1.0, ">.99"),
    ):  # fmt: skip
        assert conclusions.probability(value) == text
    for seconds, text in ((1.4, "1 s"), (89.4, "89 s"), (90.0, "1.5 min"), (204.0, "3.4 min")):
        assert conclusions.duration(seconds) == text
    for most in (1, 5, 80):
        assert conclusions.short("x" * most, most) == "x" * most
        cut = conclusions.short("abcdefgh" * 20, most)
        assert cut == ("abcdefgh" * 20)[: most - 1] + "…"
    assert len(conclusions.short("x" * 100)) == 80


def test_metrics_have_names_units_and_digits():
    for metric, title, text in (
        ("accuracy", "accuracy, %", "12.3"), ("balanced_accuracy", "balanced accuracy, %", "12.3"),
        ("auc", "AUC, %", "12.3"), ("log_loss", "log loss", "0.123"), ("r2", "R², %", "12.3"),
        ("rmse", "RMSE", "0.123"),
    ):  # fmt: skip
        assert (conclusions.title(metric), conclusions.score(metric, 0.12345)) == (title, text)
        assert conclusions.score(metric, None) == "–"
    assert set(conclusions.NAMES) == {name for names in METRICS.values() for name in names}
    assert conclusions.span(Interval(low=0.968, high=0.9804)) == "96.8 – 98.0"


@pytest.mark.parametrize(
    ("rope", "text"),
    [(0.01, "1 point"), (0.02, "2 points"), (0.005, "0.5 points"), (0.1, "10 points")],
)
def test_what_does_not_matter_is_counted_in_points(rope, text, single):
    assert conclusions.rope(with_rope(single, rope)) == text


def test_a_difference_has_the_digits_that_keep_its_interval_off_0(single):
    each = single.comparisons[0]
    for low, high, significant, digits, text in (
        (0.01, 0.02, True, 1, "1.0 to 2.0"),
        (0.0004, 0.02, True, 2, "0.04 to 2.00"),
        (-0.02, -0.00004, True, 3, "−2.000 to −0.004"),
        (0.0000001, 0.02, True, 4, "0.0000 to 2.0000"),
        (-0.0004, 0.02, False, 1, "0.0 to 2.0"),
    ):
        said = replace(
            each, difference=0.0123456, interval=Interval(low=low, high=high),
            significant=significant,
        )  # fmt: skip
        assert conclusions.bounds(said) == text
        assert conclusions.difference(said) == f"+{1.23456:.{digits}f}"
        assert conclusions.star(said) == (" *" if significant else "")
        sure = conclusions.Sure("", said, True)
        level = f"{100 * each.level:.4g} % interval, wide because "
        level += f"{len(single.comparisons)} comparisons are made at once"
        verdict = "more than chance" if significant else "0 is among them, so it may be chance"
        assert conclusions.truth(single, sure) == (
            f"Values from {text} agree with the 10 splits ({level}): {verdict}."
        )
    alone = replace(single, comparisons=(replace(each, level=0.95),))
    assert "splits (95 % interval): " in conclusions.truth(
        alone, conclusions.Sure("", alone.comparisons[0], True)
    )


def test_whether_it_matters_is_said_of_those_whom_it_concerns(result, single):
    at_2 = at_depth(2, better=("gelu",), worse=("sigmoid", "tanh"))
    yes = "gelu is better and sigmoid and tanh are worse, by the test."
    within = "All that train are within 2 points of relu"
    sure = ", each with a probability of at least .95."
    none = at_depth(2)
    near_2 = at_depth(2, equivalent=("tanh", "elu"))
    small = "This study is too small to decide"
    for one, several, matters, answers, rest in (
        (f"Against relu, {yes}", f"Against relu at depth 2, {yes}", "yes", at_2, {}),
        (within + sure, f"{within} at depth 2{sure}", "no", none, {}),
        (
            f"Within 2 points of relu: tanh and elu. {small} about gelu and sigmoid.",
            f"Within 2 points of relu at depth 2: tanh and elu. {small} about gelu and "
            "sigmoid at depth 2.",
            "not shown", near_2, {},
        ),
        (
            f"Within 2 points of relu: tanh and elu. {small} about gelu.",
            f"Within 2 points of relu at depth 2: tanh and elu. {small} about gelu at depth 2.",
            "not shown", near_2, {"trains": ("relu", "tanh", "elu", "gelu")},
        ),
        (
            f"{small} about tanh, gelu and elu.", f"{small} about tanh, gelu and elu at depth 2.",
            "not shown", none, {"trains": ("relu", "tanh", "gelu", "elu")},
        ),
        (
            "Within 2 points of relu: tanh and elu.",
            "Within 2 points of relu at depth 2: tanh and elu.",
            "not shown", near_2, {"trains": ("relu", "tanh", "elu")},
        ),
    ):  # fmt: skip
        said = conclusions.matters(with_rope(answered(single, matters, answers, **rest), 0.02))
        # The order of those that are left is the table's.
        assert sorted(re.findall(r"\w+", said)) == sorted(re.findall(r"\w+", one))
        assert re.sub("decide about .*", "", said) == re.sub("decide about .*", "", one)
        for other, more in (
            (at_depth(8), ""),
            (at_depth(8, worse=("elu",)), " At depth 8, elu is worse."),
            (at_depth(8, better=("elu", "tanh")), " At depth 8, elu and tanh are better."),
        ):
            both = answered(result, matters, answers, other, **rest)
            said, whole = conclusions.matters(with_rope(both, 0.02)), several + more
            assert sorted(re.findall(r"\w+", said)) == sorted(re.findall(r"\w+", whole))
            assert said.endswith(more)
    nothing = answered(single, "not shown", none, use=None)
    assert conclusions.matters(nothing) == (
        "No network was shown to do better than always the largest class."
    )
    assert conclusions.matters(replace(nothing, models=())).endswith("the constant prediction.")
    alone = sample(("tanh",), (2,))
    assert conclusions.matters(alone) == (
        "Only one activation was run: there is nothing to choose from."
    )


def test_the_answer_rests_on_the_used_activation_or_the_best_rival_or_on_whether_any_trains(result):
    at_2 = at_depth(2)
    for trains, use, who in ((FOUR, "tanh", "tanh"), (("relu", "elu"), "relu", "elu")):
        sure = conclusions.sure(answered(result, "no", at_2, use=use, trains=trains))
        cell = result.cell(who, 2)
        assert sure == conclusions.Sure(f"{who} minus relu at depth 2", cell.against, True)
    best = result.at(2)[0]
    for use, trains in ((None, FOUR), ("relu", ("relu",))):
        sure = conclusions.sure(answered(result, "no", at_2, use=use, trains=trains))
        says = f"{best.activation} minus always the largest class at depth 2"
        assert sure == conclusions.Sure(says, best.trains, False)
    # The baseline is no rival of itself, even where it is the best.
    rivals = [cell.activation for cell in result.at(2) if cell.activation != "relu"]
    sure = conclusions.sure(answered(result, "no", at_2, use="relu"))
    assert sure.says.split()[0] == rivals[0]
    assert conclusions.sure(replace(result, cells=())) is None


def test_what_follows_is_to_keep_the_baseline_only_where_nothing_matters(result):
    keep = (
        "Keep relu; better features, more rows or another depth are more likely to help than "
        "another activation."
    )
    again = (
        "All networks are kept in results/digits-12345678.jsonl: the same command with more "
        "--splits, --activations or --depths trains only what is missing."
    )
    cautions, notes = list(result.answer.cautions), list(result.notes)
    for matters, use, first in (
        ("no", "relu", [keep]), ("no", None, []), ("yes", "gelu", []), ("not shown", "gelu", []),
    ):  # fmt: skip
        said = conclusions.following(answered(result, matters, use=use))
        assert said == [*first, *cautions, again, *notes]
    assert conclusions.following(replace(result, results_file="", notes=("", "a"))) == [
        *cautions, "a",
    ]  # fmt: skip


def test_data_are_described_in_the_singular_and_the_plural(result):
    data = result.data
    one = replace(
        data, rows=1, columns=1, features=("a",), target="y" * 61,
        splits=replace(data.splits, count=1, train=1200, validation=3, test=1000),
    )  # fmt: skip
    cut = "y" * 59 + "…"
    assert conclusions.table_size(one) == f"1 row, 1 feature; {cut} to predict, 2 classes"
    many = replace(data, rows=1797, columns=64, features=("a", "b"), classes=(), target="y" * 60)
    assert conclusions.table_size(many) == (
        f"1,797 rows, 64 features (made into 2 numbers per row); {'y' * 60} to predict, a number"
    )
    end = "each split with its own rows, random weights and learning rates"
    kind = "10-fold cross-validation, stratified by class"
    assert conclusions.divided(one) == (
        f"1 split ({kind}): 1,200 rows to train, 3 to choose the learning rate, 1,000 to test, "
        f"{end}"
    )
    assert conclusions.divided(data).startswith(f"10 splits ({kind}): 1,437 rows to train, ")
    labelled = replace(data, classes=tuple("abcde"), class_counts=(5, 9, 1, 7, 7))
    for most, shown, left in (
        (5, "abcde", 0), (6, "abcde", 0), (4, "abde", 1), (2, "bd", 3), (1, "b", 4),
    ):  # fmt: skip
        pairs, more = conclusions.classes(labelled, most)
        assert ("".join(label for label, _ in pairs), more) == (shown, left)
        assert all(dict(zip("abcde", (5, 9, 1, 7, 7), strict=True))[a] == n for a, n in pairs)


def test_networks_and_models_are_described_with_their_settings(result):
    settings = replace(result.settings, rates=(0.3, 0.01), width=7, batch_size=5, steps=2000)
    rest = "early stopping; learning rates 0.3, 0.01"
    for optimizer, how in (("adam", "Adam"), ("sgd", "SGD with momentum 0.9")):
        made = replace(result, settings=replace(settings, optimizer=optimizer))
        assert conclusions.network(made) == (
            f"7 units per hidden layer, {how}, batches of 5, at most 7 epochs (2,000 steps) "
            f"with {rest}"
        )
    cell = replace(result.cells[0], rates=(0.1, 0.3, 0.1))
    assert conclusions.rate_counts(cell, (0.3, 0.1, 0.01)) == [1, 2, 0]


# ------------------------------------------------------------------------------------- terminal


def printed(result, width=1000, **options):
    out = io.StringIO()
    study_terminal.show(result, Console(file=out, width=width), **options)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def sentences(lines):
    """All but the tables, which end at an empty line or the legend."""
    kept, within = [], False
    for line in lines:
        within = (within or line.startswith(("Depth ", "Models to "))) and bool(line)
        if line.startswith("Scores in"):
            within = False
        if line and not within:
            kept.append(line)
    return kept


@pytest.mark.parametrize("claims", [False, True])
def test_the_terminal_says_every_sentence_in_its_place(claims, result):
    many = [f"{'w' * 590} {at:04}" + "x" * (at % 3) * 9 for at in range(20)]
    labels = tuple(f"{'c' * 29}{at}" for at in range(14))
    data = replace(
        result.data, warnings=tuple(many[:9]), treatments=tuple(many[9:19]), classes=labels,
        class_counts=tuple(1000 + at for at in range(14)), name="n" * 90,
    )  # fmt: skip
    by_depth = tuple(
        replace(each, sentence=f"About {at}.") for at, each in enumerate(result.answer.by_depth)
    )
    made = replace(result, data=data, answer=replace(result.answer, by_depth=by_depth))
    say, sure = conclusions, conclusions.sure(made)
    each = sure.comparison
    listed = ", ".join(f"{say.short(name, 30)}: {1000 + at:,}" for at, name in enumerate(labels)
                       if at > 1)  # fmt: skip
    expected = [
        made.answer.sentence,
        "About 0.", "About 1.",
        f"Does it matter? Not shown. {say.matters(made)}",
        f"How sure? {sure.says}: {say.difference(each)} points. {say.truth(made, sure)} "
        f"Probabilities: better {say.probability(each.better)}, equivalent "
        f"{say.probability(each.equivalent)}, worse {say.probability(each.worse)}.",
        "Scores in %, 95 % intervals; differences from relu paired by split, in points. * differs "
        "by the study's test. better, equivalent, worse: probabilities, equivalent within 1 "
        "point. ✕ no better than always the largest class, ? not shown to be better.",
        "The data",
        f"  • {'n' * 79}…: {say.table_size(data)}.",
        f"  • Rows by class: {listed} and 2 smaller ones.",
        *(f"  ! {say.short(text, 600)}" for text in many[:8]),
        *(f"  • {say.short(text, 600)}" for text in many[9:17]),
        "  • 3 more: see the page.",
        f"  • {say.divided(data)}.",
        f"  • Networks: {say.network(made)}.",
        "What next",
        *(f"  • {text}" for text in say.following(made)),
    ]  # fmt: skip
    if claims:
        expected.append("Textbook claims")
        for verdict in made.verdicts:
            expected += [
                f"  {verdict.verdict}: {verdict.claim}",
                f"    predicted {verdict.prediction}; measured {verdict.measured}",
            ]
    else:
        expected.append("3 textbook claims were measured too: --claims, or the page.")
    found = sentences(printed(made, claims=claims))
    assert len(found) == len(expected)
    for line, right in zip(found, expected, strict=True):
        assert line == right
    # What is not there has no heading either.
    none = replace(made, models=(), verdicts=(), notes=(), results_file="",
                   answer=replace(made.answer, cautions=(), use=None))  # fmt: skip
    lines = printed(none, claims=False)
    assert not [line for line in lines if line in ("What next", "Textbook claims")]
    assert not [line for line in lines if line.startswith(("Models", "0 textbook"))]
    assert any(line.startswith("Does it matter? No. No network was shown") for line in lines)


def test_all_is_said_of_few_classes_and_few_sentences(result):
    lines = printed(result)
    assert "  • Rows by class: 0: 10, 1: 10." in lines
    assert not [line for line in lines if "more: see the page" in line]
    eight = tuple(f"sentence {at}" for at in range(8))
    full = replace(result, data=replace(result.data, warnings=eight, treatments=eight))
    lines = printed(full)
    assert [f"  ! {each}" in lines and f"  • {each}" in lines for each in eight] == [True] * 8
    assert not [line for line in lines if "more: see the page" in line]
    amounts = sample(FOUR, (2,), task="regression", top=0.8)
    assert not [line for line in printed(amounts) if "Rows by class" in line]


LEAST = (
    "balanced accuracy, %", "AUC, %", "log loss", "µs/ step", "gradient log10", "dead %",
    "saturated %", "interval", "better, equiv., worse", "interval", "minus relu", "accuracy, %",
)  # fmt: skip
ALL = (
    "activation", "accuracy, %", "interval", "minus relu", "interval", "better, equiv., worse",
    "balanced accuracy, %", "AUC, %", "log loss", "µs/ step", "dead %", "saturated %",
    "gradient log10",
)  # fmt: skip


def test_a_narrow_terminal_leaves_out_the_least_important_columns_and_no_more():
    """Of two intervals the score's own goes first, of depths the last; a row keeps its name."""
    left = list(ALL)
    steps = [tuple(left)]
    for name in LEAST:
        left.remove(name)  # the first of that name
        steps.append(tuple(left))
    result = sample(FOUR, (2, 8))
    seen = {}
    for width in range(20, 150):
        table = study_terminal._cells(result, 2, width)
        names = tuple(str(column.header).replace("\n", " ") for column in table.columns)
        seen.setdefault(names, []).append(width)
    assert list(seen) == [step for step in reversed(steps) if step in seen]
    assert steps[0] in seen
    assert len(seen) >= len(steps) - 1
    for names, widths in seen.items():
        out = io.StringIO()
        Console(file=out, width=400).print(study_terminal._cells(result, 2, widths[0]))
        needed = max(len(line.rstrip()) for line in out.getvalue().splitlines()[1:])
        # Columns are kept as soon as they fit.
        assert needed <= widths[0] or names == steps[-1]
        assert needed in (widths[0], widths[0] - 2) or names == steps[-1]
    many = sample(("relu", "tanh"), tuple(range(1, 12)), splits=2)
    heads = [
        [
            str(column.header).split(" ")[-1]
            for column in study_terminal._models(many, width).columns
        ]
        for width in (400, 100, 60)
    ]
    assert heads[0] == ["model", "%", "interval", *map(str, range(1, 12))]
    for shown in heads[1:]:
        assert shown[:2] == ["model", "%"]
        assert "interval" not in shown
        assert len(shown) > 2
        assert "1" in shown
    assert all(set(few) < set(more) for more, few in itertools.pairwise(heads))


def test_rows_and_claims_are_coloured_by_what_they_say(result):
    states = ("trains", "fails", "not shown")
    cells = tuple(replace(cell, state=states[at % 3]) for at, cell in enumerate(result.cells))
    out = io.StringIO()
    # As in the other tests: a style of rich keeps the codes of the first console that showed it.
    console = Console(file=out, width=1000, force_terminal=True, color_system="truecolor")
    study_terminal.show(replace(result, cells=cells), console, claims=True)
    text = out.getvalue()
    red, yellow, green = "\x1b[31m", "\x1b[33m", "\x1b[32m"
    rows = [line for line in text.splitlines() if "●" in line]
    for line, cell in zip(rows, cells, strict=True):
        assert (red in line, yellow in line) == (cell.state == "fails", cell.state == "not shown")
    for verdict, colour in (("holds", green), ("refuted", red), ("not decided", yellow)):
        (line,) = [line for line in text.splitlines() if f"{colour}{verdict}" in line]
        assert line.startswith(f"  {colour}")
    assert f"\x1b[1m{result.answer.sentence}" in text
    assert f"{yellow}{result.data.warnings[0]}" in text


# ------------------------------------------------------------------------- page and notebook


def test_the_page_and_the_notebook_say_the_same_sentences():
    made = sample(("relu", "tanh"), (2, 8))
    made = replace(made, data=replace(made.data, name="n" * 90))
    say, sure = conclusions, conclusions.sure(made)
    page = Tables(study_page.html(made))
    text, short = (
        " ".join(each.text.split()) for each in (page, Tables(study_notebook.html(made)))
    )
    for sentence in (
        f"Not shown. {say.matters(made)}",
        f"{sure.says}: {say.difference(sure.comparison)} points. {say.truth(made, sure)}",
        f"{say.table_size(made.data)}.", f"{say.divided(made.data)}.",
        f"within {say.rope(made)}.", f"at best {say.rope(made)} better",
        f"shaded band is {say.rope(made)} wide", "took 61 s", "Columns after treatment (2)",
        "Rows by class: 0: 10, 1: 10.", "A round is 45 steps", "In how many of 10 splits",
        f"Networks: {say.network(made)}.", *say.following(made), *made.data.treatments,
    ):  # fmt: skip
        assert sentence in text, sentence
    assert f"{'n' * 79}… · Ogive study" in text
    for sentence in (
        f"Not shown. {say.matters(made)}",
        say.divided(made.data),
        made.data.warnings[0],
    ):
        assert sentence in short
    for answer, word in (("yes", "Yes."), ("no", "No.")):
        told = replace(made, answer=replace(made.answer, matters=answer))
        assert f"Does it matter? {word} " in " ".join(
            Tables(study_notebook.html(told)).text.split()
        )
