"""Cross-entropy of logits against labels or target probabilities."""

from typing import Any

import numpy as np

from ogive import _heads as heads
from ogive.calls.arrays import as_logits, as_plain, checked_axis, row_last
from ogive.catalog.card import Card, Parameter, Peer


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
            domain=(0.0, 1.0),
        ),
        Parameter(
            name="z_loss",
            default=0.0,
            doc="Factor of the squared log-partition that keeps logits near 0.",
            domain=(0.0, float("inf")),
        ),
        Parameter(
            name="softcap",
            default=None,
            doc="Bound c on the logits, applied as c tanh(z/c).",
            domain=(0.0, float("inf")),
        ),
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides the logits, after softcap.",
            domain=(0.0, float("inf")),
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


LANES_TAKE_LABELS = True
"""Labels without another option run in float lanes, several times as fast as all else."""


def evaluate(
    z: Any,
    target: Any,
    axis: int = -1,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    reduction: str = "mean",
    *,
    gradient: bool,
    hessian: str | None = None,
    out: Any = None,
) -> Any:
    """The loss, with its derivatives where asked, after every check has passed."""
    logits = as_logits(z, "cross_entropy")
    axis = checked_axis(logits, axis, "cross_entropy")
    rows = row_last(logits, axis)
    lead, classes = rows.shape[:-1], rows.shape[-1]
    how = heads.checked_reduction(reduction)
    options = checked_options(label_smoothing, z_loss, softcap, temperature)
    if classes == 0:
        raise ValueError(f"logits of shape {logits.shape} have no classes along axis {axis}")
    weights = checked_class_weights(weight, classes, logits.shape)
    mode, operand = checked_target(target, logits.shape, axis, ignore_index)
    if mode == "probabilities":
        operand = row_last(heads.checked_probabilities(operand, logits.dtype, np.inf), axis)
    total = 1.0
    if how == "mean":
        weights, total, own = mean_weights(mode, operand, weights)
        options = (options[0], options[1] * own, *options[2:])

    kind = None if hessian is None else heads.checked_hessian(hessian)
    dz, h = heads.checked_outs(out, logits, kind is not None) if gradient else (None, None)
    factor = heads.inverse(total)
    loss = np.empty(lead)
    into = {k: v if v is None else row_last(v, axis) for k, v in (("dz", dz), ("h", h))}
    run(mode, rows, operand, weights, options, factor, loss=loss, kind=kind, **into)
    value = heads.reduced(loss, how, total, logits.dtype)
    return value if dz is None else (value, dz) if h is None else (value, dz, h)


def checked_options(
    label_smoothing: float, z_loss: float, softcap: float | None, temperature: float
) -> tuple[float, ...]:
    """The numbers among the options, as the kernel takes them."""
    return (
        heads.checked_number("label_smoothing", label_smoothing, 0, 1),
        heads.checked_number("z_loss", z_loss, 0),
        0.0 if softcap is None else heads.checked_number("softcap", softcap, 0, open_low=True),
        heads.checked_number("temperature", temperature, 0, open_low=True),
    )


def checked_class_weights(weight: Any, classes: int, shape: tuple[int, ...]) -> Any:
    """One weight a class, or None."""
    weights = None if weight is None else heads.checked_weights("weight", weight)
    if weights is not None and weights.shape != (classes,):
        raise ValueError(
            f"weight of shape {weights.shape} does not fit {classes} classes of logits of shape "
            f"{shape}"
        )
    return weights


def checked_target(
    target: Any, shape: tuple[int, ...], axis: int, ignore_index: int | None
) -> tuple[str, Any]:
    """The kernel's mode for logits of that shape, and checked labels or unchecked probabilities."""
    given = as_plain(target, "target")
    lead = shape[:axis] + shape[axis + 1 :]
    if given.shape == shape:
        if ignore_index is not None:
            raise ValueError("ignore_index applies to integer labels, not to probabilities")
        return "probabilities", given
    if given.shape != lead:
        raise ValueError(
            f"target of shape {given.shape} fits logits of shape {shape} neither as labels "
            f"{lead} nor as probabilities {shape}"
        )
    if given.dtype.kind not in "biu":
        raise TypeError(
            f"target of dtype {given.dtype} and shape {given.shape}: labels must be integers, "
            f"and probabilities must have the logits' shape {shape}"
        )
    return "labels", heads.checked_labels(given, shape[axis], ignore_index)


def total_weight(mode: str, operand: Any, weights: Any) -> float:
    """What a mean divides by: the weights of the rows that count, or inf where none does."""
    if mode == "probabilities":
        return float(np.prod(operand.shape[:-1])) or np.inf
    kept = operand >= 0
    if weights is None:
        return float(np.count_nonzero(kept)) or np.inf
    own = weights[operand[kept]]
    total = float(np.sum(own))
    return total if total or own.any() else np.inf


def mean_weights(mode: str, operand: Any, weights: Any) -> tuple[Any, float, float]:
    """Class weights, what a mean divides by, and what rows without a class count, on a scale where
    nothing leaves the range: all three times one power of two, which changes no mean.
    """
    if weights is None:
        return None, total_weight(mode, operand, None), 1.0
    if mode == "probabilities":
        size = float(np.max(np.abs(weights)))
        return heads.lowered(weights, size, total_weight(mode, operand, None))
    with np.errstate(over="ignore"):
        total = total_weight(mode, operand, weights)
    if not 2.0**-60 <= abs(total) <= 2.0**60:
        counted = weights[operand[operand >= 0]]
        if counted.any():
            weights, total = heads.balanced(weights, counted)
    return weights, total, 1.0


def run(
    mode: str,
    rows: Any,
    operand: Any,
    weights: Any,
    options: tuple[float, ...],
    factor: float,
    *,
    loss: Any,
    dz: Any,
    h: Any = None,
    kind: float | None = None,
) -> None:
    """The kernel on rows of logits; `dz` may be those rows."""
    class_weight = 1.0 if weights is None else np.broadcast_to(weights, rows.shape)
    heads.run(
        "cross_entropy",
        mode,
        rows.dtype,
        rows,
        operand,
        class_weight,
        *options,
        factor,
        loss=loss,
        dz=dz,
        h=h,
        kind=kind,
    )
