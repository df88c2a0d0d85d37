"""SiLU: the input times its own sigmoid."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x / (1 + m.exp(-x))


card = Card(
    name="silu",
    kind="unary",
    title="SiLU",
    summary="Sigmoid linear unit: x times sigmoid(x).",
    formula=formula,
    aliases=("swish",),
    claims=Claims(
        range=(-0.2784645427610738, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.099839320128867,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.silu",
            differs="0 below about -89, NaN at -inf",
        ),
        Peer(framework="jax", name="jax.nn.silu", differs="NaN at -inf, subnormal results are 0"),
        Peer(framework="keras", name="keras.activations.silu"),
        Peer(framework="onnx", name="Swish"),
    ),
    papers=(
        "Elfwing, Uchibe & Doya, Sigmoid-Weighted Linear Units for Neural Network Function "
        "Approximation in Reinforcement Learning, 2017, arXiv:1702.03118",
        "Ramachandran, Zoph & Le, Searching for Activation Functions, 2017, arXiv:1710.05941",
    ),
    edges="silu(-inf) = -0; results down to the smallest subnormal keep their digits.",
)
