"""Leaky ReLU: a small fixed slope for negative inputs."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, negative_slope):
    return m.split(x, 0, below=negative_slope * x, above=x)


card = Card(
    name="leaky_relu",
    kind="unary",
    title="LeakyReLU",
    summary="x where x is positive, a small fixed multiple of x elsewhere.",
    formula=formula,
    parameters=(
        Parameter(name="negative_slope", symbol="a", default=0.01, doc="Slope for x <= 0."),
    ),
    claims=Claims(
        range=(-math.inf, math.inf),
        limits=(-math.inf, math.inf),
        derivative_limits=(0.01, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(0.0,),
        derivative_at_breaks=(0.01,),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.leaky_relu"),
        Peer(framework="jax", name="jax.nn.leaky_relu", differs="derivative 1 at 0"),
        Peer(framework="keras", name="keras.layers.LeakyReLU", differs="slope 0.3 by default"),
        Peer(framework="keras", name="keras.ops.leaky_relu", differs="slope 0.2 by default"),
        Peer(framework="tensorflow", name="tf.nn.leaky_relu", differs="slope 0.2 by default"),
        Peer(framework="onnx", name="LeakyRelu"),
    ),
    papers=(
        "Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013",
    ),
    edges="The derivative at 0 is negative_slope. At -inf a slope of 0 gives 0, not NaN.",
)
