"""ReLU6: ReLU cut off at 6, for low-precision arithmetic."""

from ogive.catalog.card import Card, Claims, Peer


def formula(m, x):
    # -x <= -6 rather than x <= 6: at 6 itself the slope is that of the flat side.
    return m.split(x, 0, below=0, above=m.split(-x, -6, below=6, above=x))


card = Card(
    name="relu6",
    kind="unary",
    title="ReLU6",
    summary="x between 0 and 6, 0 below and 6 above.",
    formula=formula,
    claims=Claims(
        range=(0.0, 6.0),
        limits=(0.0, 6.0),
        derivative_limits=(0.0, 0.0),
        monotone=True,
        lipschitz=1.0,
        smoothness=0,
        breaks=(0.0, 6.0),
        derivative_at_breaks=(0.0, 0.0),
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.relu6"),
        Peer(framework="jax", name="jax.nn.relu6"),
        Peer(framework="keras", name="keras.activations.relu6"),
        Peer(framework="tensorflow", name="tf.nn.relu6"),
        Peer(framework="onnx", name="Clip", differs="min and max are inputs; 0 and 6 give ReLU6"),
    ),
    papers=(
        "Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010",
        "Howard et al., MobileNets, 2017, arXiv:1704.04861",
    ),
    edges="The derivative at 0 and at 6 is 0.",
    notes="A bounded range suits fixed-point formats; a unit stuck at either end has no gradient.",
)
