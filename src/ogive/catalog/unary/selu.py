"""SELU: a scaled ELU whose layers keep mean 0 and variance 1."""

import math

from ogive.catalog.card import Card, Claims, Peer

# The published doubles are the definition, not approximations of it.
ALPHA = 1.6732632423543772
SCALE = 1.0507009873554805


def formula(m, x):
    return m.split(x, 0, below=SCALE * (ALPHA * m.expm1(x)), above=SCALE * x)


card = Card(
    name="selu",
    kind="unary",
    title="SELU",
    summary="Scaled ELU, with the constants for which N(0, 1) stays at mean 0 and variance 1.",
    formula=formula,
    claims=Claims(
        range=(-1.7580993408473766, math.inf),
        limits=(-1.7580993408473766, math.inf),
        derivative_limits=(0.0, SCALE),
        monotone=True,
        zero_centred=True,
        lipschitz=1.7580993408473766,
        smoothness=0,
        breaks=(0.0,),
        derivative_at_breaks=(1.7580993408473766,),
        second_derivative_at_breaks=(1.7580993408473766,),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.selu"),
        Peer(framework="jax", name="jax.nn.selu", differs="flushes subnormal results to 0"),
        Peer(framework="keras", name="keras.activations.selu"),
        Peer(framework="onnx", name="Selu", differs="constants rounded to float"),
    ),
    papers=(
        "Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, 2017, "
        "arXiv:1706.02515",
    ),
    edges="At 0 both derivatives are those from the left, scale alpha = 1.758; from the right they "
    "are 1.051 and 0.",
    notes="Self-normalisation needs weights of variance 1/fan_in and alpha dropout.",
)
