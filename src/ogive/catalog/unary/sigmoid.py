"""Sigmoid: the logistic function, log-odds to probability."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return 1 / (1 + m.exp(-x))


card = Card(
    name="sigmoid",
    kind="unary",
    title="Sigmoid",
    summary="The logistic function 1/(1 + e^-x), which turns log-odds into a probability.",
    formula=formula,
    aliases=("logistic", "expit"),
    claims=Claims(
        range=(0.0, 1.0),
        limits=(0.0, 1.0),
        derivative_limits=(0.0, 0.0),
        monotone=True,
        lipschitz=0.25,
        smoothness=math.inf,
    ),
    peers=(
        Peer(framework="torch", name="torch.sigmoid"),
        Peer(framework="jax", name="jax.nn.sigmoid", differs="flushes subnormal results to 0"),
        Peer(framework="keras", name="keras.activations.sigmoid"),
        Peer(framework="scipy", name="scipy.special.expit", differs="no gradient"),
        Peer(framework="onnx", name="Sigmoid"),
        Peer(framework="scikit-learn", name="MLPClassifier(activation='logistic')"),
    ),
    papers=(
        "Verhulst, Recherches mathématiques sur la loi d'accroissement de la population, 1845",
    ),
    edges="sigmoid(-inf) = 0 and sigmoid(+inf) = 1. backward_from_output gives slope 0 where the "
    "output has rounded to 1.",
    notes="The slope is at most 1/4, so a deep stack of sigmoids loses the gradient; outputs are "
    "positive, not centred on 0. It is the softmax of (x, 0).",
)
