"""GELU, tanh form: the approximation that was published with GELU."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    # x (1 + tanh k)/2 is x/(1 + e^-2k), which does not cancel.
    k = m.sqrt(2 / m.pi) * (x + 0.044715 * x * x * x)
    return x / (1 + m.exp(-2 * k))


card = Card(
    name="gelu_tanh",
    kind="unary",
    title="GELUTanh",
    summary="x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))/2, within 5e-4 of GELU.",
    formula=formula,
    aliases=("gelu_new", "gelu_pytorch_tanh"),
    claims=Claims(
        range=(-0.17004075057125406, math.inf),
        limits=(-0.0, math.inf),
        derivative_limits=(0.0, 1.0),
        lipschitz=1.1289930686587717,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.gelu(approximate='tanh')",
            differs="0 below about -5.6; derivative NaN beyond 1.8e19",
        ),
        Peer(
            framework="jax",
            name="jax.nn.gelu",
            differs="this form by default; 0 below about -5.8; derivative NaN beyond 1.8e19",
        ),
        Peer(framework="keras", name="keras.ops.gelu", differs="this form by default"),
        Peer(framework="onnx", name="Gelu(approximate='tanh')"),
    ),
    papers=("Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, arXiv:1606.08415",),
    edges="gelu_tanh(-inf) = -0 and gelu_tanh(+inf) = +inf; the left tail keeps full relative "
    "accuracy.",
    notes="GPT-2 and many models after it were trained with this form; in a new model, gelu is the "
    "exact function at no higher cost.",
)
