"""Exp: the exponential, for rates and other positive quantities."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.exp(x)


card = Card(
    name="exp",
    kind="unary",
    title="Exp",
    summary="The exponential e^x, which is its own derivative.",
    formula=formula,
    aliases=("exponential",),
    claims=Claims(
        range=(0.0, math.inf),
        limits=(0.0, math.inf),
        derivative_limits=(0.0, math.inf),
        monotone=True,
        lipschitz=math.inf,
        smoothness=math.inf,
    ),
    peers=(
        Peer(framework="torch", name="torch.exp"),
        Peer(framework="jax", name="jax.numpy.exp"),
        Peer(framework="keras", name="keras.activations.exponential"),
        Peer(framework="numpy", name="numpy.exp", differs="no gradient"),
        Peer(framework="onnx", name="Exp"),
        Peer(framework="scikit-learn", name="output activation of PoissonRegressor (log link)"),
    ),
    papers=("Euler, Introductio in analysin infinitorum, 1748",),
    edges="exp(-inf) = 0 and exp(+inf) = +inf; results down to the smallest subnormal keep their "
    "digits, and those beyond the format are inf without a warning.",
    notes="Its slope has no bound: as a hidden layer it explodes. It belongs at the output, for a "
    "positive rate or scale.",
)
