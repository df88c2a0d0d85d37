"""Softmin: the softmax of the negated row, large where the input is small."""

from ogive.catalog.card import Card, Parameter, Peer

from . import softmax


def formula(m, x):
    powers = [m.exp(-v) for v in x]
    total = m.sum(powers)
    return [power / total for power in powers]


def pull_back(m, dy, y):
    mean = m.sum([p * d for p, d in zip(y, dy, strict=True)])
    return [p * (mean - d) for p, d in zip(y, dy, strict=True)]


_axis, _, _where = softmax.card.parameters

card = Card(
    name="softmin",
    kind="rows",
    title="Softmin",
    summary="e^-x_i divided by the sum of all e^-x_j: a row of costs or distances becomes "
    "probabilities, the smallest cost the likeliest.",
    formula=formula,
    pull_back=pull_back,
    parameters=(
        _axis,
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides the input: below 1 sharpens, above 1 flattens.",
            domain=(0.0, float("inf")),
        ),
        _where,
    ),
    row_claims=(
        "positive",
        "sums_to_one",
        "shift_invariant",
        "order_reversing",
        "jacobian_columns_sum_to_zero",
        "jacobian_symmetric",
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.softmin",
            differs="two passes: it negates into a new tensor; no mask, no temperature",
        ),
    ),
    edges="As softmax(-x), bit for bit: a row of +inf is NaN, one -inf takes all, several give "
    "NaN. An element masked out is 0, and its dy is ignored.",
    notes="The Jacobian is a a^T - diag(a).",
)
