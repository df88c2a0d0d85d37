"""GELU: the input times the probability that a standard normal lies below it."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x * m.erfc(-x / m.sqrt(2)) / 2


card = Card(
    name="gelu",
    kind="unary",
    title="GELU",
    summary="Gaussian error linear unit: x times the standard normal distribution function of x.",
    formula=formula,
    claims=Claims(
        range=(-0.16997120747990366, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.1289041451851547,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.gelu",
            differs="0 below about -6, inf above 1.7014e38, NaN at +inf",
        ),
        Peer(framework="jax", name="jax.nn.gelu", differs="the tanh approximation by default"),
        Peer(framework="keras", name="keras.activations.gelu"),
        Peer(framework="keras", name="keras.ops.gelu", differs="tanh approximation by default"),
        Peer(framework="onnx", name="Gelu"),
    ),
    papers=("Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, arXiv:1606.08415",),
    edges="gelu(-inf) = -0 and gelu(+inf) = +inf; the left tail keeps full relative accuracy.",
)
