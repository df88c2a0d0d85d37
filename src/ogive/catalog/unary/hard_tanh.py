"""Hard tanh: the identity cut off at two bounds."""

from ogive.catalog.card import Card, Claims, Parameter, Peer


def formula(m, x, min_val, max_val):
    # -x <= -max_val rather than x <= max_val: on the bound the slope is that of the flat side.
    inside = m.split(-x, -max_val, below=max_val, above=x)
    return m.split(x, min_val, below=min_val, above=inside)


card = Card(
    name="hard_tanh",
    kind="unary",
    title="Hardtanh",
    summary="x clamped to two bounds: tanh in straight lines.",
    formula=formula,
    aliases=("hardtanh",),
    parameters=(
        Parameter(name="min_val", default=-1.0, doc="Least result.", any_sign=True),
        Parameter(name="max_val", default=1.0, doc="Greatest result.", any_sign=True),
    ),
    ordered=("min_val", "max_val"),
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
        Peer(framework="torch", name="torch.nn.functional.hardtanh"),
        Peer(
            framework="jax",
            name="jax.nn.hard_tanh",
            differs="the bounds are -1 and 1, where the derivative is 1",
        ),
        Peer(
            framework="keras",
            name="keras.activations.hard_tanh",
            differs="the bounds are -1 and 1",
        ),
        Peer(framework="onnx", name="Clip", differs="the bounds are inputs, infinite by default"),
    ),
    papers=("Collobert, Large Scale Machine Learning, PhD thesis, Université Paris VI, 2004",),
    edges="The derivative at either bound is 0. hard_tanh(-0) = -0. A bound is rounded to x's "
    "format; it may be infinite, and both may be equal. Where arrays of bounds have min_val "
    "above max_val, or NaN, the result is NaN.",
)
