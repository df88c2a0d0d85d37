"""CELU: ELU stretched so that its slope is continuous for every alpha."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, alpha):
    return m.split(x, 0, below=alpha * m.expm1(x / alpha), above=x)


card = Card(
    name="celu",
    kind="unary",
    title="CELU",
    summary="x where x is positive, alpha (e^(x/alpha) - 1) elsewhere.",
    formula=formula,
    parameters=(
        Parameter(
            name="alpha",
            default=1.0,
            doc="Minus the limit at -inf, and the width of the bend.",
            domain=(0.0, math.inf),
        ),
    ),
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
        Peer(framework="torch", name="torch.nn.functional.celu"),
        Peer(framework="jax", name="jax.nn.celu"),
        Peer(framework="keras", name="keras.activations.celu"),
        Peer(framework="onnx", name="Celu"),
    ),
    papers=(
        "Barron, Continuously Differentiable Exponential Linear Units, 2017, arXiv:1704.07483",
    ),
    edges="The derivative at 0 is 1 from both sides, whatever alpha. At alpha 1 it is ELU.",
)
