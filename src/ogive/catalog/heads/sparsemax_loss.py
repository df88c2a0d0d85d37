"""Sparsemax loss of logits against labels or target probabilities."""

from ogive.catalog.card import Card, Parameter, Peer

from . import cross_entropy


def formula(m, z, t, weight=None):
    # The Fenchel-Young loss of |p|^2/2 on the simplex, times the sum c of the target weights q; the
    # support of p is where z_j > tau.
    q = t if weight is None else [w * v for w, v in zip(weight, t, strict=True)]
    c = m.sum(q)
    tau = m.threshold(z, 1)
    inside = m.sum([m.split(v - tau, 0, below=0, above=v * v - tau * tau) for v in z])
    squares = m.sum([v * v for v in q])
    linear = m.sum([a * v for a, v in zip(q, z, strict=True)])
    return c * inside / 2 + squares / (2 * c) - linear


_shared = {p.name: p for p in cross_entropy.card.parameters}

card = Card(
    name="sparsemax_loss",
    kind="heads",
    title="SparsemaxLoss",
    summary="The loss whose gradient is the sparsemax of the logits minus the target: exactly 0 "
    "once the target leads by 1.",
    formula=formula,
    parameters=(
        _shared["axis"],
        Parameter(name="weight", role="weights", default=None, doc="Weight of each class."),
        _shared["ignore_index"],
        _shared["reduction"],
    ),
    row_claims=("gradient_is_sparsemax_minus_target", "gradient_sums_to_zero", "shift_invariant"),
    peers=(
        Peer(
            framework="entmax",
            name="entmax.sparsemax_loss",
            differs="labels only; sorts each row, and its float32 sums cancel near a loss of 0",
        ),
        Peer(
            framework="tensorflow",
            name="tfa.losses.sparsemax_loss",
            differs="probabilities only; unmaintained",
        ),
    ),
    papers=(
        "Martins & Astudillo, From Softmax to Sparsemax: A Sparse Model of Attention and "
        "Multi-Label Classification, 2016, arXiv:1602.02068",
        "Blondel, Martins & Niculae, Learning with Fenchel-Young Losses, 2020, arXiv:1901.02324",
    ),
    edges="Never negative, and 0 with a zero gradient exactly where the sparsemax is the target: "
    "for a label, where its logit leads by 1 or more. A target on a logit of -inf costs inf; a row "
    "of -inf or of several +inf is NaN. The mean over no rows is 0 with gradient 0.",
    notes="Small losses keep their digits: it is computed as half the squared distance from "
    "sparsemax to target, plus what the target holds outside the support times how far below the "
    "threshold that lies. Target rows need not sum to 1: with a sum c the loss is c times that of "
    "the row over c. The Hessian is constant between kinks, so there is no value_grad_hess.",
)
