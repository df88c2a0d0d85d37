"""Tanh shrinkage: the input minus its tanh."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x - m.tanh(x)


card = Card(
    name="tanhshrink",
    kind="unary",
    title="Tanhshrink",
    summary="x - tanh(x): small values shrink to x^3/3, large ones move towards 0 by 1.",
    formula=formula,
    aliases=("tanh_shrink",),
    claims=Claims(
        range=(-math.inf, math.inf),
        limits=(-math.inf, math.inf),
        derivative_limits=(1.0, 1.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.0,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.tanhshrink",
            differs="composed: x - tanh(x) cancels next to 0",
        ),
        Peer(
            framework="keras",
            name="keras.activations.tanh_shrink",
            differs="composed: x - tanh(x) cancels next to 0",
        ),
    ),
    edges="tanhshrink(-0) = -0 and tanhshrink(+-inf) = +-inf. Next to 0 it keeps full relative "
    "accuracy, down to the smallest subnormal result.",
    notes="A smooth softshrink at lambd 1. Its slope tanh(x)^2 is 0 at 0, so units that rest there "
    "hardly learn.",
)
