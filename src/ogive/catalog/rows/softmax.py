"""Softmax: logits to probabilities."""

from ogive.catalog.card import Card, Parameter, Peer


def formula(m, x):
    powers = [m.exp(v) for v in x]
    total = m.sum(powers)
    return [power / total for power in powers]


def pull_back(m, dy, y):
    mean = m.sum([p * d for p, d in zip(y, dy, strict=True)])
    return [p * (d - mean) for p, d in zip(y, dy, strict=True)]


card = Card(
    name="softmax",
    kind="rows",
    title="Softmax",
    summary="e^x_i divided by the sum of all e^x_j: a row of logits becomes probabilities.",
    formula=formula,
    pull_back=pull_back,
    parameters=(
        Parameter(
            name="axis", role="axis", default=-1, doc="Axis along which the probabilities sum to 1."
        ),
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides the logits: below 1 sharpens, above 1 flattens.",
            domain=(0.0, float("inf")),
        ),
        Parameter(
            name="where", role="mask", default=None, doc="Mask of the elements that take part."
        ),
    ),
    aliases=("softargmax",),
    row_claims=(
        "positive",
        "sums_to_one",
        "shift_invariant",
        "order_preserving",
        "jacobian_columns_sum_to_zero",
        "jacobian_symmetric",
    ),
    peers=(
        Peer(framework="torch", name="torch.nn.functional.softmax", differs="no mask"),
        Peer(framework="jax", name="jax.nn.softmax", differs="no temperature"),
        Peer(framework="keras", name="keras.activations.softmax"),
        Peer(framework="scipy", name="scipy.special.softmax", differs="no gradient, no out"),
        Peer(framework="onnx", name="Softmax"),
    ),
    papers=(
        "Bridle, Probabilistic Interpretation of Feedforward Classification Network Outputs, 1990",
    ),
    edges="A row of -inf is NaN; a row masked out by where is 0. One +inf takes all; several give "
    "NaN. An element masked out is 0, and its dy is ignored. backward_from_output treats an output "
    "of 0 as such an element.",
    notes="For two classes it is the sigmoid of their difference. The Jacobian is diag(a) - a a^T.",
)
