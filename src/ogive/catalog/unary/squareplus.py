"""Squareplus: a smooth ReLU from a square root, without exponentials."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, b):
    return (x + m.sqrt(x * x + b)) / 2


card = Card(
    name="squareplus",
    kind="unary",
    title="Squareplus",
    summary="(x + sqrt(x^2 + b))/2: softplus in algebra alone.",
    formula=formula,
    parameters=(
        Parameter(
            name="b",
            default=4.0,
            doc="Width of the bend: the value at 0 is sqrt(b)/2.",
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
            framework="jax",
            name="jax.nn.squareplus",
            differs="inf at -1e30, where the square overflows",
        ),
        Peer(framework="keras", name="keras.activations.squareplus"),
    ),
    papers=("Barron, Squareplus: A Softplus-Like Algebraic Rectifier, 2021, arXiv:2112.11687",),
    edges="Its left tail, b/(4|x|), falls like 1/x and keeps full relative accuracy.",
)
