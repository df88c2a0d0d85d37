"""Squared ReLU: the square of the positive part."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.split(x, 0, below=0, above=x * x)


card = Card(
    name="relu_squared",
    kind="unary",
    title="ReLUSquared",
    summary="x^2 where x is positive, 0 elsewhere.",
    formula=formula,
    aliases=("relu2", "squared_relu"),
    claims=Claims(
        range=(0.0, math.inf),
        limits=(0.0, math.inf),
        derivative_limits=(0.0, math.inf),
        monotone=True,
        lipschitz=math.inf,
        smoothness=1,
        breaks=(0.0,),
        derivative_at_breaks=(0.0,),
        second_derivative_at_breaks=(0.0,),
    ),
    peers=(
        Peer(framework="torch", name="torch.square(torch.relu(x))", differs="composed"),
        Peer(framework="jax", name="jax.numpy.square(jax.nn.relu(x))", differs="composed"),
    ),
    papers=("So et al., Primer: Searching for Efficient Transformers, 2021, arXiv:2109.08668",),
    edges="The square overflows where x exceeds the root of the format's largest number, 255.9 in "
    "float16; the slope computed from such an output is infinite too.",
    notes="Its slope has no bound: large inputs get large gradients.",
)
