"""Threshold: x above a threshold, a constant elsewhere."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, threshold, value):
    return m.split(x, threshold, below=value, above=x)


card = Card(
    name="threshold",
    kind="unary",
    title="Threshold",
    summary="x where x exceeds threshold, a constant value elsewhere.",
    formula=formula,
    aliases=("thresholded_relu",),
    parameters=(
        Parameter(name="threshold", default=1.0, doc="Where x begins to pass."),
        Parameter(name="value", default=0.0, doc="The result for x <= threshold."),
    ),
    claims=Claims(
        range=(0.0, math.inf),
        limits=(0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=-1,
        breaks=(1.0,),
        derivative_at_breaks=(0.0,),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.threshold",
            differs="threshold and value have no defaults",
        ),
        Peer(
            framework="keras",
            name="keras.activations.threshold",
            differs="threshold and value have no defaults",
        ),
        Peer(framework="onnx", name="ThresholdedRelu", differs="value is always 0"),
    ),
    papers=(
        "Konda, Memisevic & Krueger, Zero-bias Autoencoders and the Benefits of Co-adapting "
        "Features, 2014, arXiv:1402.3337",
    ),
    edges="At the threshold itself the value is the constant and the derivative 0.",
    notes="It jumps unless value equals threshold. The defaults are those of ONNX.",
)
