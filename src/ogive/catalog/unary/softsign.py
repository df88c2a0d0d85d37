"""Softsign: an S-curve without exponentials, slow to saturate."""

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    return m.split(x, 0, below=x / (1 - x), above=x / (1 + x))


card = Card(
    name="softsign",
    kind="unary",
    title="Softsign",
    summary="x/(1 + |x|): an S-curve that approaches -1 and 1 like 1/x.",
    formula=formula,
    claims=Claims(
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        derivative_limits=(0.0, 0.0),
        parity="odd",
        monotone=True,
        zero_centred=True,
        lipschitz=1.0,
        smoothness=1,
        breaks=(0.0,),
        derivative_at_breaks=(1.0,),
        second_derivative_at_breaks=(2.0,),
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.softsign",
            differs="composed, up to 151 ULP off in backward; NaN at infinity",
        ),
        Peer(framework="jax", name="jax.nn.soft_sign", differs="NaN at infinity"),
        Peer(framework="keras", name="keras.activations.softsign"),
        Peer(framework="onnx", name="Softsign"),
    ),
    papers=(
        "Turian, Bergstra & Bengio, Quadratic Features and Deep Architectures for Chunking, 2009",
    ),
    edges="softsign(-inf) = -1 and softsign(+inf) = 1, with slope 0. The second derivative jumps "
    "from 2 to -2 at 0, where it is 2.",
)
