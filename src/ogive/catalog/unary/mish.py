"""Mish: the input times tanh of its softplus."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x * m.tanh(m.log1p(m.exp(x)))


card = Card(
    name="mish",
    kind="unary",
    title="Mish",
    summary="x tanh(softplus(x)): a smooth gate much like SiLU.",
    formula=formula,
    claims=Claims(
        range=(-0.30884341301725043, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.088498161251728,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.mish",
            differs="136 ULP off, NaN at -inf, backward of the wrong sign below about -89",
        ),
        Peer(framework="jax", name="jax.nn.mish", differs="NaN at -inf"),
        Peer(framework="keras", name="keras.activations.mish"),
        Peer(framework="onnx", name="Mish"),
    ),
    papers=(
        "Misra, Mish: A Self Regularized Non-Monotonic Activation Function, 2019, arXiv:1908.08681",
    ),
    edges="mish(-inf) = -0; results down to the smallest subnormal keep their digits.",
)
