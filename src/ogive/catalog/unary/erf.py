"""Erf: the error function, an S-curve with the tails of the normal distribution."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.erf(x)


card = Card(
    name="erf",
    kind="unary",
    title="Erf",
    summary="Error function: 2 Phi(sqrt(2) x) - 1, an S-curve from -1 to 1 with Gaussian tails.",
    formula=formula,
    claims=Claims(
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        derivative_limits=(0.0, 0.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.1283791670955126,
        smoothness=math.inf,
    ),
    peers=(
        Peer(framework="torch", name="torch.erf"),
        Peer(framework="jax", name="jax.lax.erf", differs="also jax.scipy.special.erf"),
        Peer(framework="keras", name="keras.ops.erf"),
        Peer(framework="scipy", name="scipy.special.erf", differs="no gradient"),
        Peer(framework="onnx", name="Erf"),
    ),
    papers=(
        "Glaisher, On a Class of Definite Integrals, Philosophical Magazine 42, 1871",
        "Williams, Computing with Infinite Networks, 1996",
    ),
    edges="erf(-0) = -0 and erf(+-inf) = +-1; in float32 it is 1 from 3.92 on, in float64 from "
    "5.93 on. The derivative keeps full relative accuracy until it underflows.",
    notes="gelu is x (1 + erf(x/sqrt(2)))/2. Wide networks of erf have a kernel in closed form.",
)
