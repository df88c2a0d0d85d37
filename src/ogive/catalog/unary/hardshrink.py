"""Hard shrinkage: small values vanish, the others stay."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, lambd):
    # -x <= lambd rather than x <= -lambd: on the edge the slope is that of the flat part.
    return m.split(x, lambd, below=m.split(-x, lambd, below=0, above=x), above=x)


card = Card(
    name="hardshrink",
    kind="unary",
    title="Hardshrink",
    summary="x where |x| exceeds lambd, 0 elsewhere.",
    formula=formula,
    aliases=("hard_shrink",),
    parameters=(
        Parameter(
            name="lambd",
            default=0.5,
            doc="Values up to this size become 0; if it is negative, none do.",
        ),
    ),
    claims=Claims(
        range=(-math.inf, math.inf),
        limits=(-math.inf, math.inf),
        derivative_limits=(1.0, 1.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.0,
        smoothness=-1,
        breaks=(-0.5, 0.5),
        derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.hardshrink"),
        Peer(framework="keras", name="keras.activations.hard_shrink"),
        Peer(framework="onnx", name="Shrink"),
    ),
    papers=("Donoho & Johnstone, Ideal Spatial Adaptation by Wavelet Shrinkage, 1994",),
    edges="It jumps at -lambd and lambd, where the value is 0 and the derivative 0. Inside, the "
    "value is 0 with the sign of x.",
)
