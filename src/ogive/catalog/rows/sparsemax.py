"""Sparsemax: logits to probabilities, most of which are exactly 0."""

from ogive.catalog.card import Card, Peer

from . import softmax


def formula(m, x):
    # tau is where the sum of (x_j - tau)_+ is 1.
    tau = m.threshold(x, 1)
    return [m.split(v - tau, 0, below=0, above=v - tau) for v in x]


def pull_back(m, dy, y):
    # Inside the support, subtract the mean of dy over it.
    count = m.sum([m.split(p, 0, below=0, above=1) for p in y])
    mean = m.sum([m.split(p, 0, below=0, above=d) for p, d in zip(y, dy, strict=True)]) / count
    return [m.split(p, 0, below=0, above=d - mean) for p, d in zip(y, dy, strict=True)]


card = Card(
    name="sparsemax",
    kind="rows",
    title="Sparsemax",
    summary="(x_i - tau)_+ with the tau for which the row sums to 1: the probabilities nearest to "
    "the logits, exactly 0 outside a support.",
    formula=formula,
    pull_back=pull_back,
    parameters=softmax.card.parameters,
    row_claims=(
        "never_negative",
        "sparse",
        "sums_to_one",
        "shift_invariant",
        "order_preserving",
        "jacobian_columns_sum_to_zero",
        "jacobian_symmetric",
    ),
    peers=(
        Peer(
            framework="entmax",
            name="entmax.sparsemax",
            differs="sorts the whole row, or its k largest; a float32 sum of it decides the "
            "support; no mask",
        ),
        Peer(framework="keras", name="keras.activations.sparsemax", differs="sorts the whole row"),
        Peer(framework="tensorflow", name="tfa.activations.sparsemax", differs="unmaintained"),
    ),
    papers=(
        "Martins & Astudillo, From Softmax to Sparsemax: A Sparse Model of Attention and "
        "Multi-Label Classification, 2016, arXiv:1602.02068",
    ),
    edges="A logit exactly at tau is outside the support: its probability is 0, and backward gives "
    "it 0. The probabilities are continuous there, the Jacobian is not. A row of -inf is NaN, one "
    "+inf takes all, several give NaN; an element masked out is 0.",
    notes="The support is decided without rounding, and without a sort. The Jacobian is "
    "diag(s) - s s^T/k with s the indicator of the support and k its size. backward_from_output "
    "takes y > 0 as the support, so it misses elements whose y has rounded to 0.",
)
