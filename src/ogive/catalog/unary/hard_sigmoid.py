"""Hard sigmoid: the logistic function in three straight lines."""

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    # -x <= -3 rather than x <= 3: at 3 itself the slope is that of the flat side.
    return m.split(x, -3, below=0, above=m.split(-x, -3, below=1, above=(x + 3) / 6))


card = Card(
    name="hard_sigmoid",
    kind="unary",
    title="Hardsigmoid",
    summary="relu6(x + 3)/6: a straight line from 0 at -3 to 1 at 3.",
    formula=formula,
    aliases=("hardsigmoid",),
    claims=Claims(
        range=(0.0, 1.0),
        limits=(0.0, 1.0),
        derivative_limits=(0.0, 0.0),
        monotone=True,
        lipschitz=1 / 6,
        smoothness=0,
        breaks=(-3.0, 3.0),
        derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.hardsigmoid",
            differs="no second derivative",
        ),
        Peer(framework="jax", name="jax.nn.hard_sigmoid"),
        Peer(
            framework="keras",
            name="keras.activations.hard_sigmoid",
            differs="slope 0.2 before Keras 3",
        ),
        Peer(
            framework="onnx",
            name="HardSigmoid",
            differs="slope alpha = 0.2 by default, so the line ends at -2.5 and 2.5; alpha = 1/6 "
            "gives this function",
        ),
    ),
    papers=(
        "Courbariaux, Bengio & David, BinaryConnect, 2015, arXiv:1511.00363",
        "Howard et al., Searching for MobileNetV3, 2019, arXiv:1905.02244",
    ),
    edges="The derivative at -3 and at 3 is 0.",
    notes="A model imported from ONNX may use the slope 0.2 instead of 1/6: check alpha.",
)
