"""The answer says what the comparisons say, and never more."""

import dataclasses

import pytest

from ogive.study.answer import answer, probability
from ogive.study.result import Interval
from report_sample import sample


def comparison(cell, difference, half, equivalent=0.5):
    """A difference from the baseline, significant where its interval excludes 0."""
    if cell.against is None:
        return cell
    low, high = difference - half, difference + half
    rest = (1 - equivalent) / 2
    return dataclasses.replace(
        cell,
        score=cell.score + difference,
        against=dataclasses.replace(
            cell.against,
            difference=difference,
            interval=Interval(low=low, high=high),
            significant=not low <= 0 <= high,
            equivalent=equivalent,
            better=rest,
            worse=rest,
        ),
    )


def answered(changes, activations=("relu", "gelu", "tanh", "sigmoid"), depths=(2, 8), **asked):
    """The answer of a study in which all cells are equal but for `changes`."""
    made = sample(activations=activations, depths=depths, **asked)
    score = 0.75 if made.settings.task == "regression" else 0.97
    cells = []
    for cell in made.cells:
        cell = dataclasses.replace(cell, score=score - cell.depth / 1e4, state="trains")
        cell = comparison(cell, -0.001, 0.02)
        change = changes.get((cell.activation, cell.depth), changes.get(cell.activation, {}))
        change = dict(change)
        state = change.pop("state", "trains")
        cell = dataclasses.replace(cell, state=state)
        if change:
            cell = dataclasses.replace(comparison(cell, **change), state=state)
        cells.append(cell)
    cells.sort(key=lambda cell: (cell.depth, -cell.score))
    return answer(made.data, made.settings, cells, made.models)


def test_nothing_better_keeps_the_baseline():
    found = answered({})
    assert found.sentence.startswith("Keep relu: no activation scores higher at depth 2.")
    assert (found.use, found.depth, found.matters) == ("relu", 2, "not shown")
    assert "no difference shown: all 3 others" in found.by_depth[0].sentence
    assert any("does not mean equal" in caution for caution in found.cautions)


def test_a_gain_that_is_not_shown_is_offered_with_its_probability():
    found = answered({("gelu", 2): {"difference": 0.003, "half": 0.008, "equivalent": 0.93}})
    assert found.sentence == (
        "Use gelu, or keep relu: the best gain at depth 2 is +0.3 points [-0.5, 1.1]; "
        "equivalent with probability .93."
    )
    assert found.matters == "not shown"


def test_a_gain_that_is_shown_is_a_recommendation():
    found = answered({("gelu", 2): {"difference": 0.02, "half": 0.01},
                      ("tanh", 2): {"difference": 0.03, "half": 0.04}})  # fmt: skip
    assert (
        found.sentence == "Use gelu: it is better than relu at depth 2 by +2.0 points [1.0, 3.0]."
    )
    assert (found.use, found.matters) == ("gelu", "yes")
    assert found.by_depth[0].better == ("gelu",)
    # The highest score is named as what it is.
    assert found.by_depth[0].best == "tanh"


def test_equivalence_is_a_conclusion():
    same = {"difference": 0.001, "half": 0.004, "equivalent": 0.99}
    found = answered({("gelu", 2): same, ("tanh", 2): same, ("sigmoid", 2): same})
    assert found.sentence == (
        "Keep relu: the choice of activation does not matter here at depth 2. The best of the "
        "others, gelu, differs by +0.1 points [-0.3, 0.5]; equivalent with probability .99."
    )
    assert found.matters == "no"
    assert found.by_depth[0].sentence.endswith("within 1 point of relu: all 3 others.")


@pytest.mark.parametrize(
    ("depths", "where"),
    [
        ((8,), " at depth 8"),
        ((2, 8), ""),
        ((8, 20), " from depth 8"),
        ((2, 20), " at depths 2 and 20"),
    ],
)
def test_what_to_avoid_is_said_with_its_depths(depths, where):
    worse = {("sigmoid", depth): {"difference": -0.8, "half": 0.05} for depth in depths}
    all_depths = (2, 8) if max(depths) < 20 else (2, 8, 20)
    assert answered(worse, depths=all_depths).sentence.endswith(f"Avoid sigmoid{where}.")


def test_a_shown_difference_within_the_region_is_no_reason_to_avoid():
    found = answered({"tanh": {"difference": -0.004, "half": 0.003, "equivalent": 0.99}})
    assert "Avoid" not in found.sentence
    assert found.matters == "not shown"


def test_where_nothing_trains_no_activation_is_named():
    found = answered({name: {"state": "fails"} for name in ("relu", "gelu", "tanh", "sigmoid")})
    assert found.use is None
    assert found.sentence.startswith("No network does better than always the largest class (10.")
    found = answered({name: {"state": "not shown"} for name in ("relu", "gelu", "tanh", "sigmoid")})
    assert found.use is None
    assert found.sentence.startswith("This study cannot show that any network does better than")


def test_a_baseline_that_fails_alone():
    found = answered({
        "relu": {"state": "fails"},
        ("gelu", 2): {"difference": 0.8, "half": 0.1},
    })  # fmt: skip
    assert found.sentence.startswith("Use gelu: it is better than relu at depth 2 by +80.0 points")
    assert "no better than always the largest class: relu" in found.by_depth[0].sentence


def test_what_is_named_and_what_scores_highest_agree_or_the_reason_is_said():
    doubtful = {"difference": 0.02, "half": 0.05, "state": "not shown"}
    found = answered({("sigmoid", 2): doubtful, ("tanh", 2): {"difference": 0.01, "half": 0.05}})
    assert found.use == "tanh"
    assert found.by_depth[0].sentence.startswith("Depth 2: sigmoid scores highest, 98.9 % [")
    assert "] (but not shown to do better than always the largest class);" in (
        found.by_depth[0].sentence
    )
    found = answered({("gelu", 2): {"difference": 0.02, "half": 0.01},
                      ("tanh", 2): {"difference": 0.03, "half": 0.04}})  # fmt: skip
    assert found.use == "gelu"
    assert "] (but its lead over relu may be chance);" in found.by_depth[0].sentence
    found = answered({("gelu", 2): {"difference": 0.02, "half": 0.01}})
    assert "(but" not in found.by_depth[0].sentence + found.by_depth[1].sentence


def test_a_baseline_that_is_not_shown_to_train_is_not_kept_without_a_word():
    doubt = "relu itself is not shown to do better than always the largest class."
    gain = {("gelu", 2): {"difference": 0.004, "half": 0.02}}
    found = answered({"relu": {"state": "not shown"}, **gain})
    assert found.sentence.startswith("Use gelu, or keep relu: the best gain at depth 2 is +0.4")
    assert doubt in found.sentence
    assert doubt in answered({"relu": {"state": "not shown"}}).sentence
    assert answered({"relu": {"state": "fails"}, **gain}).sentence.startswith(
        "Use gelu: relu does no better than always the largest class at depth 2. The difference is"
    )
    others = {name: {"state": "not shown"} for name in ("gelu", "tanh", "sigmoid")}
    assert answered(others).sentence.startswith(
        "Keep relu: no other activation is shown to do better than always the largest class"
    )


def test_a_depth_that_is_named_but_does_not_score_highest_has_a_reason():
    deeper = {("gelu", 8): {"difference": 0.006, "half": 0.02}}
    found = answered(deeper)
    assert found.depth == 2
    assert "Deeper networks score at most 0.4 points higher." in found.sentence
    assert "Deeper" not in answered({}).sentence


def test_one_activation_alone_has_nothing_to_choose():
    found = answered({}, activations=("gelu",))
    assert found.sentence.startswith("gelu reaches 97.0 %")
    assert "nothing to choose" in found.sentence


def test_two_activations_are_compared():
    found = answered({"identity": {"difference": -0.03, "half": 0.01}},
                     activations=("relu", "identity"), depths=(2,))  # fmt: skip
    assert found.sentence == (
        "Keep relu: no activation scores higher. The nearest, identity, differs by -3.0 points "
        "[-4.0, -2.0]. Avoid identity."
    )
    assert found.matters == "yes"


def test_amounts_are_told_in_points_of_r2():
    found = answered({("gelu", 2): {"difference": 0.02, "half": 0.01}}, task="regression", top=0.75)
    assert "by +2.0 points of R² [1.0, 3.0]" in found.sentence
    assert "R² 0.7" in found.by_depth[0].sentence


def test_no_probability_is_certain():
    assert [probability(p) for p in (0.0, 0.004, 0.93, 0.996, 1.0)] == [
        "below .01", "below .01", ".93", "above .99", "above .99",
    ]  # fmt: skip
