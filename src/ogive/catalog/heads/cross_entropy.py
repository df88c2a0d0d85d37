"""Cross-entropy of logits against labels or target probabilities."""

import math

from ogive.catalog.card import ABOVE_ONE, BELOW_ZERO, Card, Parameter, Peer


def formula(
    m,
    z,
    t,
    weight=None,
    label_smoothing=0,
    z_loss=0,
    softcap=None,
    temperature=1,
    label=None,
):
    # t is one-hot for a hard label, and `label` is then its index: the z-loss of a row counts with
    # the weight of the row's class, so that a weighted mean is a weighted mean of row losses.
    k = len(z)
    if softcap is not None:
        z = [softcap * m.tanh(v / softcap) for v in z]
    z = [v / temperature for v in z]
    q = [v * (1 - label_smoothing) + label_smoothing / k for v in t]
    if weight is not None:
        q = [w * v for w, v in zip(weight, q, strict=True)]
    own = 1 if weight is None or label is None else weight[label]
    lse = m.log(m.sum([m.exp(v) for v in z]))
    return m.sum([a * (lse - v) for a, v in zip(q, z, strict=True)]) + own * z_loss * lse * lse


def bound_or_none(c: float | None) -> tuple[float]:
    """The kernel takes 0 for no bound."""
    return (0.0 if c is None else c,)


card = Card(
    name="cross_entropy",
    kind="heads",
    title="CrossEntropyLoss",
    summary="Minus the expected log-probability that the softmax of the logits gives the target.",
    formula=formula,
    parameters=(
        Parameter(name="axis", role="axis", default=-1, doc="Axis of the classes."),
        Parameter(name="weight", role="weights", default=None, doc="Weight of each class."),
        Parameter(
            name="ignore_index",
            role="label",
            default=None,
            doc="Label of rows that count neither in the loss nor in the mean.",
        ),
        Parameter(
            name="label_smoothing",
            default=0.0,
            doc="Share eps of the target spread evenly over all K classes, eps/K each.",
            domain=(BELOW_ZERO, ABOVE_ONE),
        ),
        Parameter(
            name="z_loss",
            default=0.0,
            doc="Factor of the squared log-partition that keeps logits near 0.",
            domain=(BELOW_ZERO, math.inf),
            unweighted=True,
        ),
        Parameter(
            name="softcap",
            default=None,
            doc="Bound c on the logits, applied as c tanh(z/c).",
            domain=(0.0, math.inf),
            as_operands=bound_or_none,
        ),
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides the logits, after softcap.",
            domain=(0.0, math.inf),
        ),
        Parameter(
            name="reduction",
            role="reduction",
            default="mean",
            doc="'mean' (over the summed row weights), 'sum' or 'none'.",
        ),
    ),
    hessians=(
        ("exact", "w p (1 - p) for a label of weight w; z_loss and softcap have their full share"),
        ("abs", "abs(dL/dz), which is w abs(p - t) without other options"),
        (
            "upper",
            "2 w p (1 - p), and with options likewise a diagonal matrix that the whole "
            "Hessian nowhere exceeds",
        ),
    ),
    recomputes=True,
    row_claims=("gradient_is_softmax_minus_target", "gradient_sums_to_zero", "shift_invariant"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.cross_entropy",
            differs="0 from a gap of 17 on; ignore_index -100 by default; NaN where all rows are "
            "ignored; no z_loss, softcap or temperature",
        ),
        Peer(
            framework="optax",
            name="optax.softmax_cross_entropy_with_integer_labels",
            differs="cancels under a common offset; label -1 means the last class",
        ),
        Peer(
            framework="keras",
            name="keras.losses.SparseCategoricalCrossentropy",
            differs="takes probabilities unless from_logits=True",
        ),
        Peer(framework="onnx", name="SoftmaxCrossEntropyLoss", differs="no smoothing"),
    ),
    papers=(
        "Szegedy et al., Rethinking the Inception Architecture, 2015, arXiv:1512.00567 (smoothing)",
        "Chowdhery et al., PaLM, 2022, arXiv:2204.02311 (z-loss)",
        "Gemma Team, Gemma 2, 2024, arXiv:2408.00118 (softcap)",
    ),
    edges="Confident rows keep full relative accuracy in loss and gradient. The mean over no rows "
    "is 0 with gradient 0. Target rows need not sum to 1: the gradient is a sum(t) - t.",
)
