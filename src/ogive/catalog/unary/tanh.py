"""Tanh: the sigmoid stretched to (-1, 1) and centred on 0."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.tanh(x)


card = Card(
    name="tanh",
    kind="unary",
    title="Tanh",
    summary="Hyperbolic tangent: 2 sigmoid(2x) - 1, an S-curve from -1 to 1.",
    formula=formula,
    claims=Claims(
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        derivative_limits=(0.0, 0.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.0,
        smoothness=math.inf,
    ),
    peers=(
        Peer(framework="torch", name="torch.tanh"),
        Peer(framework="jax", name="jax.numpy.tanh"),
        Peer(framework="keras", name="keras.activations.tanh"),
        Peer(framework="numpy", name="numpy.tanh", differs="no gradient"),
        Peer(framework="onnx", name="Tanh"),
        Peer(framework="scikit-learn", name="MLPClassifier(activation='tanh')"),
    ),
    papers=("LeCun, Bottou, Orr & Müller, Efficient BackProp, 1998",),
    edges="tanh(-0) = -0. backward_from_output gives slope 0 where the output has rounded to 1.",
    notes="Slope 1 at 0 and outputs centred on 0, so gradients last longer than through sigmoid; "
    "it saturates all the same.",
)
