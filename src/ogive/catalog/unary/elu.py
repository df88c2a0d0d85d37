"""ELU: an exponential that saturates at -alpha for negative inputs."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, alpha):
    return m.split(x, 0, below=alpha * m.expm1(x), above=x)


card = Card(
    name="elu",
    kind="unary",
    title="ELU",
    summary="Exponential linear unit: x where x is positive, alpha (e^x - 1) elsewhere.",
    formula=formula,
    parameters=(Parameter(name="alpha", default=1.0, doc="Minus the limit at -inf."),),
    claims=Claims(
        range=(-1.0, math.inf),
        limits=(-1.0, math.inf),
        derivative_limits=(0.0, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=1,
        breaks=(0.0,),
        derivative_at_breaks=(1.0,),
        second_derivative_at_breaks=(1.0,),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.elu"),
        Peer(framework="jax", name="jax.nn.elu", differs="up to 5 ULP off near 0"),
        Peer(framework="keras", name="keras.activations.elu"),
        Peer(framework="onnx", name="Elu"),
    ),
    papers=(
        "Clevert, Unterthiner & Hochreiter, Fast and Accurate Deep Network Learning by "
        "Exponential Linear Units, 2015, arXiv:1511.07289",
    ),
    edges="Both derivatives at 0 are those from the left, alpha. From the right the second is 0, "
    "and the first is 1: with alpha other than 1 the slope jumps.",
)
