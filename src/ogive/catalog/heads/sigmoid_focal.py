"""Focal loss of independent sigmoids against probabilities or 0/1 labels."""

import math

from ogive.catalog.card import ABOVE_ONE, BELOW_ZERO, Card, Parameter, Peer

from . import binary_cross_entropy
from .focal import power


def formula(m, z, t, alpha=0.25, gamma=2, weight=1, label_smoothing=0):
    # One element: z and t are single values. The loss of z against 0 is softplus(z), against 1
    # softplus(-z), each times a power of the probability of a miss.
    t = t * (1 - label_smoothing) + label_smoothing / 2
    yes, no = (1, 1) if alpha is None else (alpha, 1 - alpha)
    positive = yes * t * power(m, 1 / (1 + m.exp(z)), gamma) * m.log1p(m.exp(-z))
    negative = no * (1 - t) * power(m, 1 / (1 + m.exp(-z)), gamma) * m.log1p(m.exp(z))
    return weight * (positive + negative)


def weights_of_sides(alpha: float | None) -> tuple[float, float]:
    """The kernel takes the weights of the positive and the negative class."""
    return (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)


_shared = {p.name: p for p in binary_cross_entropy.card.parameters}

card = Card(
    name="sigmoid_focal",
    kind="heads",
    title="SigmoidFocalLoss",
    summary="Binary cross-entropy of each logit times (1 - p)^gamma, p the probability of its "
    "target: elements that are right already hardly count.",
    formula=formula,
    parameters=(
        Parameter(
            name="alpha",
            default=0.25,
            doc="Weight of the positive class, 1 - alpha being that of the negative one; None "
            "weighs neither.",
            domain=(BELOW_ZERO, ABOVE_ONE),
            as_operands=weights_of_sides,
        ),
        Parameter(
            name="gamma",
            default=2.0,
            doc="How much confident elements count less; 0 is binary_cross_entropy.",
            domain=(BELOW_ZERO, math.inf),
        ),
        _shared["weight"],
        _shared["label_smoothing"],
        _shared["reduction"],
    ),
    aliases=("binary_focal",),
    hessians=(
        ("exact", "d2L/dz2, negative where the loss is not convex: it bends down at confident "
         "mistakes"),
        ("abs", "abs(dL/dz)"),
        ("upper", "the exact one where it is positive, else 0"),
    ),
    row_claims=("is_binary_cross_entropy_at_gamma_0", "symmetric_with_alpha_under_relabelling"),
    peers=(
        Peer(
            framework="torch",
            name="torchvision.ops.sigmoid_focal_loss",
            differs="reduction 'none' by default, alpha -1 for none; 0 from a logit of 17 on; "
            "other products for targets between 0 and 1",
        ),
        Peer(
            framework="keras",
            name="keras.losses.BinaryFocalCrossentropy",
            differs="alpha only with apply_class_balancing=True; probabilities clipped to "
            "[1e-7, 1 - 1e-7]; other products for targets between 0 and 1",
        ),
    ),
    papers=(
        "Lin, Goyal, Girshick, He & Dollár, Focal Loss for Dense Object Detection, 2017, "
        "arXiv:1708.02002",
    ),
    edges="A side whose weight is 0 adds nothing, also at an infinite logit. With gamma 0 and "
    "alpha None all results are those of binary_cross_entropy.",
    notes="A target t between 0 and 1 gives t times the loss against 1 plus 1 - t times the loss "
    "against 0. The loss is not convex; boosted trees and Newton steps want hessian='upper'.",
)  # fmt: skip
