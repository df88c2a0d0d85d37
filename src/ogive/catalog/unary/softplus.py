"""Softplus: the smooth ReLU, integral of the sigmoid."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, beta):
    return m.log1p(m.exp(beta * x)) / beta


card = Card(
    name="softplus",
    kind="unary",
    title="Softplus",
    summary="log(1 + e^(beta x))/beta: a smooth ReLU whose slope is sigmoid(beta x).",
    formula=formula,
    parameters=(
        Parameter(
            name="beta",
            default=1.0,
            doc="Sharpness of the bend at 0.",
            domain=(0.0, math.inf),
        ),
    ),
    claims=Claims(
        range=(0.0, math.inf),
        limits=(0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.softplus",
            differs="is a straight line where beta x exceeds threshold (20), with a jump there",
            ignored=(("threshold", 20.0),),
        ),
        Peer(framework="jax", name="jax.nn.softplus", differs="no beta"),
        Peer(framework="keras", name="keras.activations.softplus", differs="no beta"),
        Peer(framework="scipy", name="scipy.special.softplus", differs="no beta, no gradient"),
        Peer(framework="onnx", name="Softplus", differs="no beta"),
    ),
    papers=(
        "Dugas, Bengio, Bélisle, Nadeau & Garcia, Incorporating Second-Order Functional Knowledge "
        "for Better Option Pricing, 2000",
    ),
    edges="There is no threshold: the formula holds everywhere, and nothing overflows.",
)
