"""Binary cross-entropy of logits against probabilities or 0/1 labels."""

from ogive.catalog.card import ABOVE_ONE, BELOW_ZERO, Card, Parameter, Peer


def formula(m, z, t, pos_weight=1, weight=1, label_smoothing=0):
    # One element: z and t are single values. The loss of z against 0 is softplus(z), against 1
    # softplus(-z).
    t = t * (1 - label_smoothing) + label_smoothing / 2
    positive = pos_weight * t * m.log1p(m.exp(-z))
    negative = (1 - t) * m.log1p(m.exp(z))
    return weight * (positive + negative)


card = Card(
    name="binary_cross_entropy",
    kind="heads",
    title="BCEWithLogitsLoss",
    summary="Minus the expected log-probability that the sigmoid of each logit gives its target.",
    formula=formula,
    parameters=(
        Parameter(
            name="pos_weight", role="weights", default=None, doc="Weight of the positive class."
        ),
        Parameter(name="weight", role="weights", default=None, doc="Weight of each element."),
        Parameter(
            name="label_smoothing",
            default=0.0,
            doc="Share eps of the target moved to the middle: t (1 - eps) + eps/2.",
            domain=(BELOW_ZERO, ABOVE_ONE),
        ),
        Parameter(
            name="reduction", role="reduction", default="mean", doc="'mean', 'sum' or 'none'."
        ),
    ),
    aliases=("bce",),
    hessians=(
        ("exact", "w ((1 - t) + pos_weight t) p (1 - p), p the sigmoid of z"),
        ("abs", "abs(dL/dz)"),
        ("upper", "the exact one: each logit has a loss of its own, so the Hessian is diagonal"),
    ),
    row_claims=("gradient_is_sigmoid_minus_target", "symmetric_under_relabelling"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.binary_cross_entropy_with_logits",
            differs="NaN at infinite logits; no smoothing",
        ),
        Peer(framework="optax", name="optax.sigmoid_binary_cross_entropy", differs="no weights"),
        Peer(
            framework="keras",
            name="keras.losses.BinaryCrossentropy",
            differs="takes probabilities, clipped to [1e-7, 1 - 1e-7], unless from_logits=True",
        ),
        Peer(
            framework="scikit-learn",
            name="sklearn.metrics.log_loss",
            differs="takes probabilities, no gradient",
        ),
    ),
    edges="A side whose weight is 0 adds nothing, also at an infinite logit.",
    notes="It takes logits: a probability that has rounded to 0 or 1 has lost its loss.",
)
