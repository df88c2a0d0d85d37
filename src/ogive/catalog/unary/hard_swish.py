"""Hard swish: SiLU with the hard sigmoid in place of the sigmoid."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    # -x <= -3 rather than x <= 3: the slope at 3 is that of the straight side.
    return m.split(x, -3, below=0, above=m.split(-x, -3, below=x, above=x * (x + 3) / 6))


card = Card(
    name="hard_swish",
    kind="unary",
    title="Hardswish",
    summary="x relu6(x + 3)/6: SiLU without exponentials, 0 below -3 and x above 3.",
    formula=formula,
    aliases=("hardswish", "hard_silu"),
    claims=Claims(
        range=(-0.375, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.5,
        smoothness=0,
        breaks=(-3.0, 3.0),
        derivative_at_breaks=(0.0, 1.0),
        second_derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.hardswish",
            differs="NaN at -inf",
        ),
        Peer(framework="jax", name="jax.nn.hard_silu", differs="NaN at -inf"),
        Peer(framework="keras", name="keras.activations.hard_silu"),
        Peer(framework="onnx", name="HardSwish"),
    ),
    papers=("Howard et al., Searching for MobileNetV3, 2019, arXiv:1905.02244",),
    edges="The derivative is 0 at -3 and 1 at 3; just inside it is -0.5 and 1.5. The value is -0 "
    "from -3 down.",
)
