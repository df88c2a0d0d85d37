"""Binary cross-entropy of logits against probabilities or 0/1 labels."""

import math
from typing import Any

import numpy as np

from ogive import _heads as heads
from ogive.calls.arrays import as_logits, as_plain
from ogive.catalog.card import Card, Parameter, Peer


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
            domain=(0.0, 1.0),
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


def evaluate(
    z: Any,
    target: Any,
    pos_weight: Any = None,
    weight: Any = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    *,
    gradient: bool,
    hessian: str | None = None,
    out: Any = None,
) -> Any:
    """The loss, with its derivatives where asked, after every check has passed."""
    logits = as_logits(z, "binary_cross_entropy")
    how = heads.checked_reduction(reduction)
    (smoothing,) = checked_options(label_smoothing)
    given = as_plain(target, "target")
    if given.shape != logits.shape:
        raise ValueError(
            f"target of shape {given.shape} does not fit logits of shape {logits.shape}"
        )
    targets = heads.checked_probabilities(given, logits.dtype, 1.0)
    weights = [
        1.0 if values is None else fitted(name, values, logits.shape)
        for name, values in (("pos_weight", pos_weight), ("weight", weight))
    ]

    kind = None if hessian is None else heads.checked_hessian(hessian)
    dz, h = heads.checked_outs(out, logits, kind is not None) if gradient else (None, None)
    total = float(logits.size) or np.inf
    weighing = [v for v in (pos_weight, weight) if v is not None and logits.size]
    sizes = [float(np.max(np.abs(v))) for v in weighing]
    if how == "mean" and sizes:
        weights[1], total, _ = heads.lowered(weights[1], math.prod(sizes), total)
    factor = heads.inverse(total) if how == "mean" else 1.0
    numbers = (*weights, smoothing, factor)
    packed = all(a is None or a.flags.c_contiguous for a in (logits, targets, dz))
    if (
        logits.size
        and packed
        and kind is None
        and all(isinstance(number, float) for number in numbers)
    ):
        if dz is not None:
            logits, targets = heads.apart(logits, dz), heads.apart(targets, dz)
        into = None if dz is None else dz.reshape(-1)
        value = _packed(logits.reshape(-1), targets.reshape(-1), into, numbers, how)
        value = value.reshape(logits.shape)[()] if how == "none" else value
        return value if dz is None else (value, dz)
    loss = np.empty(logits.shape)

    def row(array: Any) -> Any:
        """The kernel walks along the last axis; a single number is a row of one."""
        return array.reshape(1) if isinstance(array, np.ndarray) and not array.ndim else array

    heads.run(
        "binary_cross_entropy",
        "probabilities",
        logits.dtype,
        *map(row, (logits, targets, *numbers)),
        loss=row(loss),
        dz=row(dz),
        h=row(h),
        kind=kind,
    )
    value = heads.reduced(loss, how, total, logits.dtype)
    return value if dz is None else (value, dz) if h is None else (value, dz, h)


def checked_options(label_smoothing: float) -> tuple[float]:
    """The numbers among the options, as the kernel takes them."""
    return (heads.checked_number("label_smoothing", label_smoothing, 0, 1),)


ROW = 1 << 12
"""Elements of a piece that one thread takes."""


def _packed(z: Any, t: Any, dz: Any, numbers: tuple[float, ...], how: heads.Reduction) -> Any:
    """The loss of one long row, shared among threads. The losses that are summed go chunk by chunk
    through a buffer that stays in the cache.
    """
    kept = how == "none"
    loss = np.empty(z.size if kept else min(z.size, heads.CHUNK))
    sums = []
    for begin in range(0, z.size, z.size if kept else heads.CHUNK):
        end = min(begin + len(loss), z.size)
        middle = end - (end - begin) % ROW
        for some, shape in (slice(begin, middle), (-1, ROW)), (slice(middle, end), (-1,)):
            if some.start < some.stop:
                into = slice(some.start - begin, some.stop - begin)
                heads.run(
                    "binary_cross_entropy",
                    "probabilities",
                    z.dtype,
                    z[some].reshape(shape),
                    t[some].reshape(shape),
                    *numbers,
                    loss=loss[into].reshape(shape),
                    dz=None if dz is None else dz[some].reshape(shape),
                )
        if len(loss) < z.size:
            sums.append(heads.summed(loss[: end - begin]))
    if kept or z.size <= heads.CHUNK:
        return heads.reduced(loss, how, z.size, z.dtype)
    return heads.summed(np.array(sums), z.size if how == "mean" else 1.0, z.dtype)


def fitted(name: str, values: Any, shape: tuple[int, ...]) -> Any:
    """Weights broadcast to the logits' shape."""
    weights = heads.checked_weights(name, values)
    try:
        return np.broadcast_to(weights, shape)
    except ValueError:
        raise ValueError(
            f"{name} of shape {weights.shape} does not fit logits of shape {shape}"
        ) from None
