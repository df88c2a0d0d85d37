"""RReLU: leaky ReLU whose slope is random in training and fixed in evaluation."""

import math

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, lower, upper):
    return m.split(x, 0, below=(lower + upper) / 2 * x, above=x)


SLOPE = (1 / 8 + 1 / 3) / 2

card = Card(
    name="rrelu",
    kind="unary",
    title="RReLU",
    summary="x where x is positive, elsewhere x times a slope drawn anew for each element.",
    formula=formula,
    parameters=(
        Parameter(name="lower", symbol="l", default=1 / 8, doc="Least slope for x <= 0."),
        Parameter(name="upper", symbol="u", default=1 / 3, doc="Greatest slope for x <= 0."),
        Parameter(
            name="training",
            role="switch",
            default=False,
            doc="Draw slopes uniformly from (lower, upper); otherwise their mean is used.",
        ),
        Parameter(
            name="seed",
            role="seed",
            default=None,
            doc="Key of the counter-based generator; training needs one, and the same seed draws "
            "the same slopes in backward.",
        ),
    ),
    claims=Claims(
        range=(-math.inf, math.inf),
        limits=(-math.inf, math.inf),
        derivative_limits=(SLOPE, 1.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(0.0,),
        derivative_at_breaks=(SLOPE,),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.rrelu",
            differs="draws from the global generator and keeps the noise for backward",
        ),
        Peer(framework="tensorflow", name="tfa.activations.rrelu", differs="no longer maintained"),
    ),
    papers=(
        "Xu, Wang, Chen & Li, Empirical Evaluation of Rectified Activations in Convolutional "
        "Network, 2015, arXiv:1505.00853",
    ),
    edges="The derivative at 0 is the slope.",
    notes="The formula and every claim are those of evaluation. The paper divides by a ~ U(3, 8) "
    "in training and by 5.5 in evaluation (slope 0.18); frameworks, and Ogive, draw the slope "
    "itself and evaluate with the mean (slope 0.23).",
)
