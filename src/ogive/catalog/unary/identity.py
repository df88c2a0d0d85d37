"""Identity: the layer that does nothing, the baseline every activation is compared with."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x


card = Card(
    name="identity",
    kind="unary",
    title="Identity",
    summary="x itself: a network of such layers is one linear map, whatever its depth.",
    formula=formula,
    aliases=("linear",),
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
        Peer(framework="torch", name="torch.nn.Identity"),
        Peer(framework="jax", name="jax.nn.identity"),
        Peer(framework="keras", name="keras.activations.linear"),
        Peer(framework="onnx", name="Identity"),
        Peer(framework="scikit-learn", name="MLPClassifier(activation='identity')"),
    ),
    edges="The derivative at NaN is NaN, so that backward lets no NaN input pass unnoticed.",
)
