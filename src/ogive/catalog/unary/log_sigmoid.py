"""Log-sigmoid: the logarithm of a probability whose log-odds are given."""

import math

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return -m.log1p(m.exp(-x))


card = Card(
    name="log_sigmoid",
    kind="unary",
    title="LogSigmoid",
    summary="log(sigmoid(x)) = -softplus(-x), computed so that no tail is lost.",
    formula=formula,
    aliases=("logsigmoid", "log_expit"),
    claims=Claims(
        range=(-math.inf, 0.0),
        limits=(-math.inf, -0.0),
        derivative_limits=(1.0, 0.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=math.inf,
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.logsigmoid",
            differs="keeps a buffer in addition to the input for backward",
        ),
        Peer(framework="jax", name="jax.nn.log_sigmoid"),
        Peer(framework="keras", name="keras.activations.log_sigmoid"),
        Peer(framework="scipy", name="scipy.special.log_expit", differs="no gradient"),
    ),
    papers=(
        "Dugas, Bengio, Bélisle, Nadeau & Garcia, Incorporating Second-Order Functional Knowledge "
        "for Better Option Pricing, 2000",
    ),
    edges="log_sigmoid(+inf) = -0 and log_sigmoid(-inf) = -inf. The derivative is sigmoid(-x), so "
    "backward_from_output, 1 - e^y, keeps it as long as y is not 0.",
    notes="The log-likelihood of a positive label; binary_cross_entropy covers both labels.",
)
