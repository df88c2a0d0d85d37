"""1.5-entmax: between softmax and sparsemax, with exact zeros and a continuous Jacobian."""

from ogive.catalog.card import Card, Peer

from . import softmax


def formula(m, x):
    # tau is where the sum of ((x_j/2 - tau)_+)^2 is 1.
    halves = [v / 2 for v in x]
    tau = m.threshold(halves, 2)
    return [m.split(v - tau, 0, below=0, above=(v - tau) * (v - tau)) for v in halves]


def pull_back(m, dy, y):
    # The weights are the roots of y, and 0 outside the support. The inner split avoids the root of
    # 0, which has no derivative.
    roots = [m.split(p, 0, below=0, above=m.sqrt(m.split(p, 0, below=1, above=p))) for p in y]
    mean = m.sum([r * d for r, d in zip(roots, dy, strict=True)]) / m.sum(roots)
    return [r * (d - mean) for r, d in zip(roots, dy, strict=True)]


card = Card(
    name="entmax15",
    kind="rows",
    title="Entmax15",
    summary="((x_i/2 - tau)_+)^2 with the tau for which the row sums to 1: smoother than sparsemax "
    "and, unlike softmax, exactly 0 outside a support.",
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
            name="entmax.entmax15",
            differs="sorts the whole row, or its k largest; float32 sums of squares decide the "
            "support; no mask",
        ),
    ),
    papers=(
        "Peters, Niculae & Martins, Sparse Sequence-to-Sequence Models, 2019, arXiv:1905.05702",
    ),
    edges="A logit exactly at 2 tau is outside the support: its probability is 0, and backward "
    "gives it 0, as it does just inside. A row of -inf is NaN, one +inf takes all, several give "
    "NaN; an element masked out is 0.",
    notes="The support is decided without rounding, and without a sort. The Jacobian is "
    "diag(s) - s s^T/sum(s) with s = sqrt(y).",
)
