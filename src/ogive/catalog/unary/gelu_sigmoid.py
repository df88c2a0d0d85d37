"""GELU, sigmoid form: x sigmoid(1.702 x)."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return x / (1 + m.exp(-1.702 * x))


card = Card(
    name="gelu_sigmoid",
    kind="unary",
    title="GELUSigmoid",
    summary="x sigmoid(1.702 x), within 0.021 of GELU.",
    formula=formula,
    aliases=("quick_gelu",),
    claims=Claims(
        range=(-0.1636101896363536, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.099839320128867,
        smoothness=math.inf,
    ),
    peers=(
        Peer(framework="torch", name="x * torch.sigmoid(1.702 * x)", differs="composed"),
        Peer(framework="jax", name="x * jax.nn.sigmoid(1.702 * x)", differs="composed"),
        Peer(framework="onnx", name="QuickGelu", differs="of ONNX Runtime; 1.702 is an attribute"),
    ),
    papers=("Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, arXiv:1606.08415",),
    edges="gelu_sigmoid(-inf) = -0 and gelu_sigmoid(+inf) = +inf; the left tail keeps full "
    "relative accuracy. The constant is the double nearest to 1.702.",
)
