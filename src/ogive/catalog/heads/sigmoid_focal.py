"""Focal loss of independent sigmoids against probabilities or 0/1 labels."""

from typing import Any

import numpy as np

from ogive import _heads as heads
from ogive.calls.arrays import as_logits, as_plain
from ogive.catalog.card import Card, Parameter, Peer

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
            domain=(0.0, 1.0),
        ),
        Parameter(
            name="gamma",
            default=2.0,
            doc="How much confident elements count less; 0 is binary_cross_entropy.",
            domain=(0.0, float("inf")),
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


def evaluate(
    z: Any,
    target: Any,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: Any = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    *,
    gradient: bool,
    hessian: str | None = None,
    out: Any = None,
) -> Any:
    """The loss, with its derivatives where asked, after every check has passed."""
    logits = as_logits(z, "sigmoid_focal")
    how = heads.checked_reduction(reduction)
    positive, negative, *numbers = checked_options(alpha, gamma, label_smoothing)
    given = as_plain(target, "target")
    if given.shape != logits.shape:
        raise ValueError(
            f"target of shape {given.shape} does not fit logits of shape {logits.shape}"
        )
    targets = heads.checked_probabilities(given, logits.dtype, 1.0)
    weights = 1.0 if weight is None else binary_cross_entropy.fitted("weight", weight, logits.shape)

    kind = None if hessian is None else heads.checked_hessian(hessian)
    dz, h = heads.checked_outs(out, logits, kind is not None) if gradient else (None, None)
    total = float(logits.size) or np.inf
    if how == "mean" and weight is not None and logits.size:
        weights, total, _ = heads.lowered(weights, float(np.max(np.abs(weight))), total)
    factor = heads.inverse(total) if how == "mean" else 1.0
    loss = np.empty(logits.shape)

    def row(array: Any) -> Any:
        """The kernel walks along the last axis; a single number is a row of one."""
        return array.reshape(1) if isinstance(array, np.ndarray) and not array.ndim else array

    heads.run(
        "sigmoid_focal",
        "probabilities",
        logits.dtype,
        row(logits),
        row(targets),
        positive,
        negative,
        row(weights),
        *numbers,
        factor,
        loss=row(loss),
        dz=row(dz),
        h=row(h),
        kind=kind,
    )
    value = heads.reduced(loss, how, total, logits.dtype)
    return value if dz is None else (value, dz) if h is None else (value, dz, h)


def checked_options(
    alpha: float | None, gamma: float, label_smoothing: float
) -> tuple[float, float, float, float]:
    """The numbers among the options, as the kernel takes them; alpha as both sides' weights."""
    share = None if alpha is None else heads.checked_number("alpha", alpha, 0, 1)
    return (
        *((1.0, 1.0) if share is None else (share, 1 - share)),
        heads.checked_number("gamma", gamma, 0),
        heads.checked_number("label_smoothing", label_smoothing, 0, 1),
    )
