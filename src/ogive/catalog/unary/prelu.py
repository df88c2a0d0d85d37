"""PReLU: leaky ReLU whose slope is trained."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, weight):
    return m.split(x, 0, below=weight * x, above=x)


card = Card(
    name="prelu",
    kind="unary",
    title="PReLU",
    summary="x where x is positive, a learned multiple of x elsewhere.",
    formula=formula,
    parameters=(
        Parameter(
            name="weight",
            symbol="a",
            default=0.25,
            doc="Slope for x <= 0: one, or one per channel, broadcast against x.",
            learnable=True,
        ),
    ),
    claims=Claims(
        range=(-math.inf, math.inf),
        limits=(-math.inf, math.inf),
        derivative_limits=(0.25, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(0.0,),
        derivative_at_breaks=(0.25,),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.prelu"),
        Peer(framework="flax", name="flax.nnx.PReLU", differs="weight 0.01 at the start"),
        Peer(framework="keras", name="keras.layers.PReLU", differs="weight 0 at the start"),
        Peer(framework="onnx", name="PRelu", differs="the slope is an input without a default"),
    ),
    papers=("He, Zhang, Ren & Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852",),
    edges="The derivative at 0 is weight. A weight of 0 gives 0, not NaN, at -inf.",
    notes="backward returns dx and dweight; dweight is summed over all axes along which weight "
    "broadcasts. Weight decay pulls the slope to 0, that is to ReLU.",
)
