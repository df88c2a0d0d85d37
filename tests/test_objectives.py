"""Objectives for boosted trees: with the library's Hessian, the library's own trees."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine

import ogive
from cases import BF16, ELEMENT_LOSSES, ROW_LOSSES, assert_same_bits, check_python

random = np.random.default_rng(0)
SCORES = random.normal(0, 2, (40, 3)).astype(np.float32)
LABELS = random.integers(0, 3, 40)
WEIGHTS = random.uniform(0.5, 2, 40)
ONE, YES = SCORES[:, 0].copy(), (LABELS > 0).astype(np.float32)
# Losses with a Hessian, of several scores for each row or of one.
MULTI, SINGLE = (
    [name for name in names if ogive.card(name).hessians] for names in (ROW_LOSSES, ELEMENT_LOSSES)
)
LIBRARIES = ("xgboost", "lightgbm")

BINARY_X, BINARY_Y = load_breast_cancer(return_X_y=True)
WINE_X, WINE_Y = load_wine(return_X_y=True)
ROUNDS = 15


class Data:
    """What both libraries hand a native objective."""

    def __init__(self, labels: Any, weights: Any = None):
        self.labels, self.weights = labels, weights

    def get_label(self) -> Any:
        return self.labels

    def get_weight(self) -> Any:
        return self.weights


def make(library: str, name: str, **options: Any) -> Any:
    return getattr(ogive.objectives, library)(name, **options)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["exact", "abs", "upper"])
@pytest.mark.parametrize("name", [*MULTI, *SINGLE])
def test_gradient_and_hessian_are_those_of_the_head(name: str, kind: str, library: str) -> None:
    z, labels = (SCORES, LABELS) if name in MULTI else (ONE, YES)
    objective = make(library, name, hessian=kind, label_smoothing=0.1)
    _, dz, h = getattr(ogive.value_grad_hess, name)(
        z, labels, label_smoothing=0.1, reduction="none", hessian=kind
    )
    for got in (objective(labels, z), objective(z, Data(labels)), objective(z, Data(labels, []))):
        assert_same_bits(got[0], dz)
        assert_same_bits(got[1], h)
    shape = (-1, 1) if name in MULTI else -1
    each = WEIGHTS.astype(np.float32).reshape(shape)
    for got in (
        objective(labels, z, WEIGHTS),
        objective(labels, z, sample_weight=WEIGHTS),
        objective(z, Data(labels, WEIGHTS)),
    ):
        assert_same_bits(got[0], dz * each)
        assert_same_bits(got[1], h * each)


@pytest.mark.parametrize("library", LIBRARIES)
def test_either_order_of_scores_keeps_its_layout_and_its_bits(library: str) -> None:
    objective = make(library, "cross_entropy")
    grad, hess = objective(LABELS, SCORES)
    turned = objective(LABELS.astype(np.float32), np.asfortranarray(SCORES))
    assert all(a.flags.f_contiguous for a in turned)
    assert_same_bits(turned[0], grad)
    assert_same_bits(turned[1], hess)
    shares = np.eye(3)[LABELS]
    for given in (shares, shares.ravel(), LABELS[:, None]):
        assert_same_bits(objective(given, SCORES)[0], grad)


def test_the_hessians_of_the_libraries() -> None:
    """XGBoost's multiclass_obj.cu has max(2 p (1 - p), 1e-16), LightGBM's multiclass_objective.hpp
    K/(K - 1) p (1 - p); of one logit both have p (1 - p).
    """
    z = SCORES.astype(float)
    p = ogive.softmax(z)
    np.testing.assert_allclose(make("xgboost", "cross_entropy")(LABELS, z)[1], 2 * p * (1 - p))
    np.testing.assert_allclose(make("lightgbm", "cross_entropy")(LABELS, z)[1], 1.5 * p * (1 - p))
    p = ogive.sigmoid(z[:, 0])
    for library in LIBRARIES:
        got = make(library, "binary_cross_entropy")(YES, z[:, 0])[1]
        np.testing.assert_allclose(got, p * (1 - p))
        for name, labels, scores in (("focal", LABELS, z), ("sigmoid_focal", YES, z[:, 0])):
            least = make(library, name, gamma=5)(labels, 3 * scores)[1].min()
            assert least >= (1e-16 if library == "xgboost" else 0)
    assert make("xgboost", "cross_entropy")([0], np.array([[900.0, 0]]))[1].min() == 1e-16


def xgboost_margins(objective: Any, x: Any, y: Any, weight: Any, **parameters: Any) -> Any:
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(x, y, weight=weight)
    common = {"max_depth": 3, "eta": 0.3, "nthread": 1, "tree_method": "hist", **parameters}
    if isinstance(objective, str):
        booster = xgb.train(common | {"objective": objective}, data, ROUNDS)
    else:
        booster = xgb.train(common, data, ROUNDS, obj=objective)
    return booster.predict(data, output_margin=True), booster


def lightgbm_margins(objective: Any, x: Any, y: Any, weight: Any, **parameters: Any) -> Any:
    lgb = pytest.importorskip("lightgbm")
    common = {
        "objective": objective, "num_leaves": 8, "num_threads": 1, "verbosity": -1,
        "boost_from_average": False, "deterministic": True, **parameters,
    }  # fmt: skip
    booster = lgb.train(common, lgb.Dataset(x, y, weight=weight), ROUNDS)
    return booster.predict(x, raw_score=True), booster


def splits(booster: Any) -> list[Any]:
    """Features and thresholds of every tree."""
    table = booster.trees_to_dataframe()
    if "Split" in table:  # XGBoost
        return list(zip(table["Feature"], table["Split"].round(4).fillna(0), strict=True))
    return list(zip(table["split_feature"], table["threshold"].round(6).fillna(0), strict=True))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_xgboost_grows_its_own_trees(kind: str, weighted: bool) -> None:
    x, y = (BINARY_X, BINARY_Y) if kind == "binary" else (WINE_X, WINE_Y)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else None
    if kind == "binary":
        own, tree = xgboost_margins("binary:logistic", x, y, weight, base_score=0.5)
        ours, our_tree = xgboost_margins(
            make("xgboost", "binary_cross_entropy"), x, y, weight, base_score=0
        )
    else:
        classes = {"num_class": 3, "base_score": 0}
        own, tree = xgboost_margins("multi:softprob", x, y, weight, **classes)
        ours, our_tree = xgboost_margins(make("xgboost", "cross_entropy"), x, y, weight, **classes)
    assert splits(our_tree) == splits(tree)
    np.testing.assert_allclose(ours, own, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_lightgbm_grows_its_own_trees(kind: str, weighted: bool) -> None:
    x, y = (BINARY_X, BINARY_Y) if kind == "binary" else (WINE_X, WINE_Y)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else None
    if kind == "binary":
        own, tree = lightgbm_margins("binary", x, y, weight)
        ours, our_tree = lightgbm_margins(make("lightgbm", "binary_cross_entropy"), x, y, weight)
    else:
        own, tree = lightgbm_margins("multiclass", x, y, weight, num_class=3)
        ours, our_tree = lightgbm_margins(
            make("lightgbm", "cross_entropy"), x, y, weight, num_class=3
        )
    assert splits(our_tree) == splits(tree)
    np.testing.assert_allclose(ours, own, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("train", [xgboost_margins, lightgbm_margins], ids=LIBRARIES)
def test_focal_trains_and_other_hessians_differ(train: Any) -> None:
    library = train.__name__.split("_")[0]
    classes = {"num_class": 3} | ({"base_score": 0} if library == "xgboost" else {})
    own, _ = train(make(library, "cross_entropy"), WINE_X, WINE_Y, None, **classes)
    for options in ({"name": "focal"}, {"name": "cross_entropy", "hessian": "exact"}):
        margins, _ = train(make(library, **options), WINE_X, WINE_Y, None, **classes)
        assert not np.allclose(margins, own, rtol=1e-3)
        assert np.mean(ogive.softmax(margins).argmax(axis=1) == WINE_Y) > 0.97


def test_estimators_in_the_manner_of_scikit_learn() -> None:
    xgb, lgb = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    weight = np.random.default_rng(1).uniform(0.5, 2, len(WINE_Y))
    model = xgb.XGBClassifier(
        n_estimators=ROUNDS, max_depth=3, base_score=0,
        objective=ogive.objectives.xgboost("cross_entropy"),
    )  # fmt: skip
    model.fit(WINE_X, WINE_Y, sample_weight=weight)
    scores = model.predict(WINE_X, output_margin=True)
    assert np.mean(np.argmax(scores, axis=1) == WINE_Y) > 0.97
    other = lgb.LGBMClassifier(
        n_estimators=ROUNDS, num_leaves=8, verbosity=-1,
        objective=ogive.objectives.lightgbm("cross_entropy"),
    )  # fmt: skip
    other.fit(WINE_X, WINE_Y, sample_weight=weight)
    scores = other.predict(WINE_X, raw_score=True)
    assert np.mean(np.argmax(scores, axis=1) == WINE_Y) > 0.97


def test_objectives_are_values() -> None:
    objective = make("xgboost", "focal", gamma=1.5, hessian="exact")
    assert objective == make("xgboost", "focal", gamma=1.5, hessian="exact")
    assert objective != make("xgboost", "focal", gamma=2, hessian="exact")
    assert pickle.loads(pickle.dumps(objective)) == objective
    assert objective.__name__ == "focal"
    code = (
        "import sys, ogive; ogive.objectives.xgboost('focal'); ogive.objectives.lightgbm('focal')"
    )
    check_python(code + "; assert not {'xgboost', 'lightgbm'} & set(sys.modules)")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"name": "sparsemax_loss"}, ValueError, "'sparsemax_loss'.*cross_entropy, focal"),
        ({"name": "linear_cross_entropy"}, ValueError, "linear_cross_entropy"),
        ({"name": "softmax"}, ValueError, "softmax"),
        ({"name": "focal", "hessian": "diagonal"}, ValueError, "'library', 'exact'.*'diagonal'"),
        ({"name": "focal", "gama": 2}, TypeError, "focal has no option 'gama'"),
        ({"name": "focal", "reduction": "mean"}, TypeError, "no option 'reduction'"),
        ({"name": "focal", "gamma": -2}, ValueError, "gamma must be in"),
        ({"name": "sigmoid_focal", "alpha": 2}, ValueError, "alpha must be in"),
        ({"name": "focal", "weight": [1, np.inf, 1]}, ValueError, r"weight\[1\] = inf"),
    ],
)
def test_what_is_wrong_is_said_when_the_objective_is_made(
    library: str, options: dict[str, Any], error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        make(library, **options)


def test_data_that_do_not_fit_are_named() -> None:
    multi, single = make("xgboost", "cross_entropy"), make("xgboost", "binary_cross_entropy")
    with pytest.raises(ValueError, match=r"\(samples, classes\), not \(40,\).*num_class"):
        multi(LABELS, ONE)
    with pytest.raises(ValueError, match=r"labels of shape \(39,\).*\(40, 3\)"):
        multi(LABELS[:39], SCORES)
    with pytest.raises(ValueError, match=r"label\[1\] = 0.5: classes .* numbers in \[0, 3\)$"):
        multi(np.r_[0, 0.5, LABELS[2:]], SCORES)
    with pytest.raises(ValueError, match=r"target\[3\] = 7"):
        multi(np.r_[LABELS[:3], 7, LABELS[4:]].astype(float), SCORES)
    with pytest.raises(ValueError, match=r"target\[2\] = 2.0: probabilities"):
        single(np.r_[YES[:2], 2, YES[3:]], ONE)
    with pytest.raises(ValueError, match=r"labels of shape \(39,\)"):
        single(YES[:39], ONE)
    with pytest.raises(ValueError, match=r"sample_weight of shape \(3,\).*\(40,\)"):
        single(YES, ONE, [1, 2, 3])
    with pytest.raises(ValueError, match=r"sample_weight\[0\] = -1"):
        single(YES, ONE, -np.ones(40))


def widened(dtype: Any) -> Any:
    return np.result_type(dtype, np.float32).newbyteorder("=")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["?", "b", "B", "i", "Q", "e", BF16, ">f4", ">f8"], ids=str)
def test_scores_of_any_format_are_weighted_in_full(dtype: Any, library: str) -> None:
    """Weights below 1 are lost where they are rounded to the scores' format, if that has no
    fractions; a Hessian of 1e-16 where it is a half's.
    """
    for name in (*MULTI, *SINGLE):
        z, labels = (SCORES, LABELS) if name in MULTI else (ONE, YES)
        scores = abs(z * 9).astype(dtype)
        wide = scores.astype(widened(scores.dtype))
        objective = make(library, name)
        for each in (WEIGHTS, np.arange(40), np.arange(40, dtype=np.uint8), WEIGHTS > 1):
            got = objective(labels, scores, each)
            plain = objective(labels, wide)
            for a, b in zip(got, plain, strict=True):
                shape = (-1, 1) if name in MULTI else -1
                assert_same_bits(a, b * np.asarray(each).astype(b.dtype).reshape(shape))
        if library == "xgboost":
            assert objective(labels, scores)[1].min() > 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_labels_and_weights_in_any_container(library: str) -> None:
    objective = make(library, "cross_entropy")
    want = objective(LABELS, SCORES, WEIGHTS)
    for labels in (
        LABELS.astype(np.uint8), LABELS.astype(">i2"), LABELS.astype(np.float16),
        LABELS.astype(BF16), LABELS.tolist(), pd.Series(LABELS), pd.Series(LABELS, dtype="Int64"),
        pd.Series(LABELS, dtype="category"), pd.DataFrame({"label": LABELS}), pd.Index(LABELS),
    ):  # fmt: skip
        for weights in (WEIGHTS[:, None], WEIGHTS.tolist(), pd.Series(WEIGHTS),
                        pd.DataFrame({"w": WEIGHTS}), WEIGHTS.astype(">f8")):  # fmt: skip
            for got in (
                objective(labels, SCORES, weights),
                objective(SCORES, Data(labels, weights)),
            ):
                assert_same_bits(got[0], want[0])
                assert_same_bits(got[1], want[1])


@pytest.mark.parametrize("library", LIBRARIES)
def test_labels_weights_and_scores_that_are_no_such_numbers_are_named(library: str) -> None:
    multi, single = make(library, "cross_entropy"), make(library, "binary_cross_entropy")
    for bad in (np.nan, np.inf, -np.inf, 1e300, 0.5):
        labels = LABELS.astype(float)
        labels[3] = bad
        with pytest.raises(ValueError, match=rf"label\[3\] = {re.escape(str(bad))}: .*whole"):
            multi(labels, SCORES)
    for bad in (np.nan, np.inf, -np.inf, 1e300, -0.5, 1.5):
        labels = YES.astype(float)
        labels[3] = bad
        with pytest.raises(ValueError, match=rf"target\[3\] = {re.escape(str(bad))}"):
            single(labels, ONE)
    for bad in (np.nan, np.inf, -1.0, 1e300):
        weights = WEIGHTS.copy()
        weights[2] = bad
        with pytest.raises(ValueError, match=rf"sample_weight\[2\] = {re.escape(str(bad))}"):
            multi(LABELS, SCORES, weights)
    with pytest.raises(ValueError, match=r"sample_weight of shape \(40, 3\)"):
        multi(LABELS, SCORES, np.ones((40, 3)))
    with pytest.raises(ValueError, match=r"sample_weight of shape \(\)"):
        multi(LABELS, SCORES, 2.0)
    gap = pd.Series(LABELS, dtype="Int64")
    gap[5] = pd.NA
    with pytest.raises(ValueError, match=r"labels\[5\] is missing"):
        multi(gap, SCORES)
    for what, given in (
        ("labels", (LABELS.astype(str), SCORES)), ("labels", (LABELS + 0j, SCORES)),
        ("scores", (LABELS, SCORES + 0j)), ("scores", (LABELS, SCORES.astype(object))),
        ("sample_weight", (LABELS, SCORES, WEIGHTS.astype(str))),
        ("sample_weight", (LABELS, SCORES, np.ma.array(WEIGHTS, mask=WEIGHTS > 1))),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=what):
            multi(*given)
