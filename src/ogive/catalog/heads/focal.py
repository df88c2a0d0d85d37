"""Focal loss of logits against labels or target probabilities."""

import math
from numbers import Real
from typing import Any

from ogive.catalog.card import BELOW_ZERO, Card, Parameter, Peer

from . import cross_entropy


def power(m: Any, r: Any, gamma: Any) -> Any:
    # A whole gamma multiplies, so that 0^0 is 1 and derivatives stay sharp at 0.
    if not (isinstance(gamma, Real) and float(gamma).is_integer()):
        return m.exp(gamma * m.log(r))
    product = 1
    for _ in range(int(float(gamma))):
        product = product * r
    return product


def formula(m, z, t, weight=None, gamma=2, label_smoothing=0):
    # t is one-hot for a hard label; 1 - p is the sum of the others, which keeps its digits.
    powers = [m.exp(v) for v in z]
    total = m.sum(powers)
    q = [v * (1 - label_smoothing) + label_smoothing / len(z) for v in t]
    if weight is not None:
        q = [w * v for w, v in zip(weight, q, strict=True)]
    return m.sum(
        [
            a * power(m, 1 - e / total, gamma) * (m.log(total) - v)
            for a, e, v in zip(q, powers, z, strict=True)
        ]
    )


_shared = {p.name: p for p in cross_entropy.card.parameters}

card = Card(
    name="focal",
    kind="heads",
    title="FocalLoss",
    summary="Cross-entropy in which each class's log-probability counts (1 - p)^gamma: rows that "
    "are right already hardly count.",
    formula=formula,
    parameters=(
        _shared["axis"],
        Parameter(
            name="gamma",
            default=2.0,
            doc="How much confident rows count less; 0 is cross_entropy.",
            domain=(BELOW_ZERO, math.inf),
        ),
        Parameter(
            name="weight",
            role="weights",
            default=None,
            doc="Weight of each class, the paper's alpha.",
        ),
        _shared["ignore_index"],
        _shared["label_smoothing"],
        _shared["reduction"],
    ),
    hessians=(
        ("exact", "d2L/dz2, negative where the loss is not convex: it bends down at confident "
         "mistakes"),
        ("abs", "abs(dL/dz)"),
        (
            "upper",
            "a diagonal matrix, nowhere negative, that the whole Hessian nowhere exceeds; "
            "2 w p (1 - p) for gamma 0",
        ),
    ),
    row_claims=("gradient_sums_to_zero", "shift_invariant", "is_cross_entropy_at_gamma_0"),
    peers=(
        Peer(
            framework="keras",
            name="keras.losses.CategoricalFocalCrossentropy",
            differs="alpha 0.25, one-hot targets; probabilities clipped to [1e-7, 1 - 1e-7] "
            "unless from_logits=True, and then too",
        ),
        Peer(
            framework="torch",
            name="torchvision.ops.sigmoid_focal_loss",
            differs="the form of independent sigmoids; that is sigmoid_focal here",
        ),
    ),
    papers=(
        "Lin, Goyal, Girshick, He & Dollár, Focal Loss for Dense Object Detection, 2017, "
        "arXiv:1708.02002",
    ),
    edges="Confident rows keep full relative accuracy in loss and gradient, for gamma below 1 too. "
    "With gamma 0 all results are those of cross_entropy. The mean over no rows is 0 "
    "with gradient 0; a mean divides by the summed weights of the labels.",
    notes="Target probabilities t give sum_c t_c (1 - p_c)^gamma (-log p_c), linear in t. The loss "
    "is not convex; boosted trees and Newton steps want hessian='upper'.",
)  # fmt: skip
