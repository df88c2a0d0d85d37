"""Log-sum-exp: the smooth maximum of a row."""

from ogive.catalog.card import Card, Parameter, Peer


def formula(m, x):
    return m.log(m.sum([m.exp(v) for v in x]))


card = Card(
    name="logsumexp",
    kind="rows",
    title="LogSumExp",
    summary="The log of the sum of all e^x_j: a smooth maximum, whose gradient is the softmax.",
    formula=formula,
    parameters=(
        Parameter(name="axis", role="axis", default=-1, doc="Axis that is reduced."),
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides the logits.",
            domain=(0.0, float("inf")),
        ),
        Parameter(
            name="where", role="mask", default=None, doc="Mask of the elements that take part."
        ),
    ),
    row_claims=("shift_equivariant", "above_maximum", "gradient_sums_to_one"),
    peers=(
        Peer(framework="torch", name="torch.logsumexp", differs="no mask, no temperature"),
        Peer(framework="jax", name="jax.nn.logsumexp"),
        Peer(framework="scipy", name="scipy.special.logsumexp", differs="no gradient, no out"),
        Peer(framework="onnx", name="ReduceLogSumExp"),
    ),
    edges="Over nothing, or over -inf alone, it is -inf. One +inf gives +inf.",
)
