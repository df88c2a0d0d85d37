"""Hard tanh: the identity cut off at -1 and 1."""

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    # -x <= -1 rather than x <= 1: at 1 itself the slope is that of the flat side.
    return m.split(x, -1, below=-1, above=m.split(-x, -1, below=1, above=x))


card = Card(
    name="hard_tanh",
    kind="unary",
    title="Hardtanh",
    summary="x between -1 and 1, -1 below and 1 above: tanh in straight lines.",
    formula=formula,
    aliases=("hardtanh",),
    claims=Claims(
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        derivative_limits=(0.0, 0.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(-1.0, 1.0),
        derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.hardtanh",
            differs="the ends are parameters, -1 and 1 by default",
        ),
        Peer(framework="jax", name="jax.nn.hard_tanh", differs="derivative 1 at -1 and at 1"),
        Peer(framework="keras", name="keras.activations.hard_tanh"),
        Peer(framework="onnx", name="Clip", differs="min and max are inputs; -1 and 1 give it"),
    ),
    papers=("Collobert, Large Scale Machine Learning, PhD thesis, Université Paris VI, 2004",),
    edges="The derivative at -1 and at 1 is 0. hard_tanh(-0) = -0.",
)
