"""Every textbook claim gets a verdict that follows from what is measured, not from this file."""

import dataclasses

import numpy as np
import pytest

import ogive
from ogive.study import claims
from ogive.study.result import Interval
from study_cases import load, prepared, study

ASKED = {
    "activations": ("relu", "leaky_relu", "prelu", "sigmoid", "tanh"),
    "depths": (2, 8),
    "epochs": 3,
    "width": 64,
}


@pytest.fixture(scope="module")
def evidence():
    iris = load("iris")
    result = study(iris, **ASKED)
    arrays, _, chosen = prepared(iris, **ASKED)
    x, y = arrays.probe(np.array([0]), 2000)
    given = claims.Evidence(
        x=x[0], y=y[0], classes=3, settings=chosen, cells=result.cells,
        comparisons=result.comparisons,
    )  # fmt: skip
    return given, result


MATHEMATICS = {
    "linear-composes",
    "relu-not-centred",
    "relu-units-die",
    "relu-magnitudes-grow",
    "prelu-learns",
    "rrelu-random-then-fixed",
    "softmax-rows",
    "softmax-jacobian",
    "fused-gradient",
    "sigmoid-is-softmax",
    "sigmoid-reflects",
    "sigmoid-not-centred",
    "sigmoid-slope",
    "sigmoid-fades",
    "binary-gradient",
    "tanh-is-sigmoid",
    "tanh-centred",
}


def test_every_claim_has_a_verdict_with_a_number(evidence):
    verdicts = {v.key: v for v in evidence[1].verdicts}
    assert len(verdicts) == len(claims.CLAIMS)
    for verdict in verdicts.values():
        assert any(c.isdigit() for c in verdict.measured), verdict
        assert verdict.claim.endswith(".")
        assert verdict.explanation.endswith((".", ")"))
    assert {k for k in MATHEMATICS if verdicts[k].verdict != "holds"} == set()
    assert verdicts["relu-never-recovers"].verdict == "refuted"
    assert verdicts["relu-magnitudes-always-grow"].verdict == "refuted"


BROKEN = {
    "sigmoid-is-softmax": ("sigmoid", lambda x: 1 / (1 + np.exp(-1.001 * x))),
    "sigmoid-reflects": ("sigmoid", lambda x: 1 / (1 + np.exp(-x)) ** 1.001),
    "tanh-is-sigmoid": ("tanh", lambda x: np.tanh(1.001 * x)),
    "softmax-rows": ("softmax", lambda z: np.exp(z) / np.exp(z).sum()),
    "softmax-jacobian": ("softmax", lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True) ** 1.1),
    "rrelu-random-then-fixed": ("rrelu", lambda x, **_: 0.2 * x),
}


@pytest.mark.parametrize("key", BROKEN)
def test_a_function_that_breaks_a_claim_refutes_it(evidence, monkeypatch, key):
    name, wrong = BROKEN[key]
    monkeypatch.setitem(vars(ogive), name, wrong)
    claim = getattr(claims, key.replace("-", "_"))
    assert claim(evidence[0]).verdict == "refuted"


def test_a_network_that_is_not_linear_does_not_compose(evidence, monkeypatch):
    real = claims._network
    monkeypatch.setattr(claims, "_network", lambda e, _, depth: real(e, "relu", depth))
    assert claims.linear_composes(evidence[0]).verdict == "refuted"


def test_verdicts_on_networks_follow_the_trials(evidence):
    given, _ = evidence

    def altered(**changes):
        """The evidence with the trials of some activations changed."""
        cells = []
        for cell in given.cells:
            change = changes.get(cell.activation, lambda t: {})
            trials = tuple(dataclasses.replace(t, **change(t)) for t in cell.trials)
            cells.append(dataclasses.replace(cell, trials=trials))
        return dataclasses.replace(given, cells=cells)

    frozen = altered(prelu=lambda t: {"slopes": ((0.25, 0.25, 0.25),) * t.depth})
    assert claims.prelu_learns(frozen).verdict == "refuted"


@pytest.mark.parametrize("turned", [False, True])
def test_verdicts_on_differences_follow_the_studys_comparisons(evidence, turned):
    def said(claim, one, other, *differences):
        """The verdict where two activations differ by so much at each depth."""
        known = []
        for depth, difference in zip((2, 8), differences, strict=True):
            sign = -1 if turned else 1
            low, high = sorted((sign * difference - 0.01, sign * difference + 0.01))
            known.append(
                dataclasses.replace(
                    evidence[1].comparisons[0],
                    one=other if turned else one,
                    other=one if turned else other,
                    depth=depth,
                    difference=sign * difference,
                    interval=Interval(low=low, high=high),
                    significant=abs(difference) > 0.01,
                )
            )
        return claim(dataclasses.replace(evidence[0], comparisons=known)).verdict

    tanh = claims.tanh_beats_sigmoid
    assert said(tanh, "tanh", "sigmoid", 0.1, 0.5) == "holds"
    assert said(tanh, "tanh", "sigmoid", -0.1, 0.0) == "refuted"
    assert said(tanh, "tanh", "sigmoid", 0.0, 0.5) == "not decided on this data"
    leaky = claims.leaky_unsteady
    assert said(leaky, "leaky_relu", "relu", 0.1, 0.0) == "holds"
    assert said(leaky, "leaky_relu", "relu", 0.1, 0.2) == "refuted"
    for small in (0.0, 0.005, -0.005):  # within the noise, whatever its sign
        assert said(leaky, "leaky_relu", "relu", small, small) == "not decided on this data"
        assert said(tanh, "tanh", "sigmoid", small, small) == "not decided on this data"


def test_a_claim_about_what_was_not_run_is_not_decided(evidence):
    nothing = dataclasses.replace(evidence[0], cells=[], comparisons=[])
    for claim in (claims.prelu_learns, claims.sigmoid_fades, claims.tanh_beats_sigmoid,
                  claims.leaky_unsteady):  # fmt: skip
        assert claim(nothing).verdict == "not decided on this data"
