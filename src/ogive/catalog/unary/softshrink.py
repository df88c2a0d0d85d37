"""Soft shrinkage: values move towards 0 by lambd, small ones vanish."""

import math

from ogive.catalog.card import BELOW_ZERO, Card, Claims, Parameter, Peer


def formula(m, x, lambd):
    # -x <= lambd rather than x <= -lambd: on the edge the slope is that of the flat part.
    return m.split(x, lambd, below=m.split(-x, lambd, below=0, above=x + lambd), above=x - lambd)


card = Card(
    name="softshrink",
    kind="unary",
    title="Softshrink",
    summary="x - lambd above lambd, x + lambd below -lambd, 0 between: the proximal map of |x|.",
    formula=formula,
    aliases=("soft_shrink",),
    parameters=(
        Parameter(
            name="lambd",
            default=0.5,
            doc="How far values move; not negative.",
            domain=(BELOW_ZERO, math.inf),
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
        smoothness=0,
        breaks=(-0.5, 0.5),
        derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.softshrink"),
        Peer(framework="keras", name="keras.activations.soft_shrink"),
        Peer(framework="onnx", name="Shrink", differs="bias 0 by default, which is hardshrink"),
    ),
    papers=(
        "Donoho, De-noising by Soft-Thresholding, 1995",
        "Beck & Teboulle, A Fast Iterative Shrinkage-Thresholding Algorithm, 2009",
    ),
    edges="The derivative inside and on the edge is 0. Inside, the value is 0 with the sign of x.",
)
