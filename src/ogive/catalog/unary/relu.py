"""ReLU: the positive part."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.split(x, 0, below=0, above=x)


card = Card(
    name="relu",
    kind="unary",
    title="ReLU",
    summary="Rectified linear unit: x where x is positive, 0 elsewhere.",
    formula=formula,
    claims=Claims(
        range=(0.0, math.inf),
        limits=(0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(0.0,),
        derivative_at_breaks=(0.0,),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.relu",
            differs="backward at NaN input passes dy through",
        ),
        Peer(framework="jax", name="jax.nn.relu", differs="derivative 0 at NaN input"),
        Peer(framework="keras", name="keras.activations.relu"),
        Peer(framework="onnx", name="Relu"),
        Peer(framework="scikit-learn", name="MLPClassifier(activation='relu')"),
    ),
    papers=(
        "Nair & Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, 2010",
        "Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks, 2011",
    ),
    edges="The derivative at 0 is 0. The derivative at NaN is NaN.",
    notes="Its outputs are not centred on 0 and not bounded; a unit whose input is negative for "
    "every sample has no gradient and never recovers.",
)
