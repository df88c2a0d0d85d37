"""Ogive's losses as objectives of gradient-boosted trees: ``ogive.objectives.xgboost("focal")``.

Neither library is imported here. An objective is a function of arrays; it gets labels and weights
from the data it is called with, as the libraries document.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from . import catalog, value_grad_hess
from ._numpy.api import modes
from .calls.arrays import as_plain, at, check_real, first
from .calls.checks import HESSIANS, checked_weights
from .calls.ufuncs import rounded

__all__ = ["Objective", "lightgbm", "xgboost"]

Array = np.ndarray[Any, Any]
Kind = Literal["library", "exact", "abs", "upper"]
NOT_OPTIONS = ("axis", "reduction", "hessian", "out", "ignore_index")


@dataclass(frozen=True)
class Objective:
    """A loss as the gradient and Hessian of each sample's raw scores (margins).

    It takes the arguments of both interfaces of its library: ``(scores, data)`` from the native
    one, and ``(labels, scores, weights)`` from the one in scikit-learn's style.
    """

    name: str
    """Name of a head in the catalog."""
    library: Literal["xgboost", "lightgbm"]
    hessian: Kind = "library"
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the head."""

    def __post_init__(self) -> None:
        if self.name not in _heads():
            raise ValueError(
                f"no objective {self.name!r}: a head with a Hessian is needed, one of "
                f"{', '.join(_heads())}"
            )
        if not isinstance(self.hessian, str) or self.hessian not in ("library", *HESSIANS):
            raise ValueError(
                f"hessian must be 'library', 'exact', 'abs' or 'upper', not {self.hessian!r}"
            )
        head = getattr(value_grad_hess, self.name)
        for option in self.options:
            if option in NOT_OPTIONS or option not in inspect.signature(head).parameters:
                raise TypeError(f"the objective {self.name} has no option {option!r}")
        # One sample is enough to find an option that is wrong in itself.
        classes = max((np.size(v) for v in self.options.values()), default=1)
        shape = (1, max(classes, 2)) if catalog.find(self.name).over_rows else (1,)
        head(np.zeros(shape), np.zeros(1, np.int64), **self.options)

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """Gradient and Hessian, each with the scores' shape, layout and format. Integers and narrow
        floats are promoted to float32 or float64.
        """
        if hasattr(y_pred, "get_label"):
            scores, data = y_true, y_pred
            labels, weights = data.get_label(), data.get_weight()
        else:
            labels, scores, weights = y_true, y_pred, sample_weight
        z = self._scores(as_plain(scores, "scores"))
        target = self._target(as_plain(labels, "labels"), z)
        head, kind = getattr(value_grad_hess, self.name), self.hessian
        scaled = kind == "library" and self.library == "lightgbm" and self.name == "cross_entropy"
        if kind == "library":
            kind = "exact" if scaled else "upper"
        into = np.empty_like(z), np.empty_like(z)
        _, dz, h = head(z, target, reduction="none", hessian=kind, out=into, **self.options)
        if scaled:
            h *= z.shape[1] / max(z.shape[1] - 1, 1)
        if self.hessian == "library":
            np.maximum(h, 1e-16 if self.library == "xgboost" else 0, out=h)
        if weights is not None and np.size(weights):
            each = self._weights(weights, z).reshape(-1, *(1,) * (z.ndim - 1))
            dz *= each
            h *= each
        return dz, h

    def _scores(self, scores: Array) -> Array:
        """Scores in a format that both libraries read and that can hold the smallest Hessian."""
        check_real(scores.dtype, "scores")
        dtype = np.result_type(scores.dtype, np.float32)
        return scores.astype(dtype, copy=not scores.flags.aligned)

    def _weights(self, weights: Any, z: Array) -> Array:
        """One weight per sample, in the scores' format."""
        given = checked_weights("sample_weight", weights, 0)
        if given.shape not in (z.shape[:1], (*z.shape[:1], 1)):
            raise ValueError(
                f"sample_weight of shape {given.shape} does not fit scores of shape {z.shape}"
            )
        each = rounded(given, z.dtype)
        beyond = ~np.isfinite(each)
        if beyond.any():
            index = first(beyond)
            raise ValueError(
                f"{at('sample_weight', index)} = {given[index]}: too large for {z.dtype} scores"
            )
        return np.asarray(each)

    def _target(self, labels: Array, z: Array) -> Array:
        """Labels in the head's form; the libraries store them as floats."""
        check_real(labels.dtype, "labels")
        if not catalog.find(self.name).over_rows:
            if labels.size != z.size or labels.shape[:1] != z.shape[:1]:
                raise ValueError(
                    f"labels of shape {labels.shape} do not fit scores of shape {z.shape}"
                )
            return labels.reshape(z.shape)
        if z.ndim != 2:
            raise ValueError(
                f"{self.name} needs scores of shape (samples, classes), not {z.shape}; set the "
                "library's num_class"
            )
        if labels.size == z.size and labels.size != len(z):
            return labels.reshape(z.shape)  # probabilities
        if labels.shape not in ((len(z),), (len(z), 1)):
            raise ValueError(f"labels of shape {labels.shape} do not fit scores of shape {z.shape}")
        flat = labels.reshape(-1)
        if flat.dtype.kind in "biu":
            return flat
        flat = flat.astype(np.float64)
        # Non-integers are refused here; the head refuses integers that are not classes.
        bad = ~((flat == np.floor(flat)) & (abs(flat) < 2.0**63))
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"label[{row}] = {flat[row]}: classes must be whole numbers in [0, {z.shape[1]})"
            )
        return flat.astype(np.int64)


def _heads() -> list[str]:
    return [
        name
        for name in catalog.names("heads")
        if "value_grad_hess" in modes(name) and not catalog.find(name).layer
    ]


def xgboost(name: str, *, hessian: Kind = "library", **options: Any) -> Objective:
    """A loss as an objective for XGBoost.

    Parameters
    ----------
    name : str
        A head with a Hessian: 'binary_cross_entropy', 'cross_entropy', 'focal', 'sigmoid_focal'.
    hessian : 'library', 'exact', 'abs' or 'upper', default 'library'
        'library' is XGBoost's own choice: 'upper', which is 2 p (1 - p) for classes and p (1 - p)
        for one logit, and never less than 1e-16. The others are described on the loss's card. Trees
        need a Hessian that is not negative; the 'exact' one of the focal losses can be.
    **options
        Options of the head, such as gamma, alpha, weight of each class, label_smoothing.

    Returns
    -------
    Objective
        For ``xgboost.train(..., obj=objective)`` and for ``XGBClassifier(objective=objective)``.

    Raises
    ------
    ValueError, TypeError
        A name without a Hessian, an option that the head does not have, or one with a wrong value.

    Notes
    -----
    The booster then predicts raw scores; ``ogive.sigmoid`` or ``ogive.softmax`` turns them into
    probabilities. Pass ``base_score=0``: with a custom objective XGBoost does not estimate it, but
    adds its default to every score. With 'library' the trees are those of 'binary:logistic' and
    'multi:softprob'.

    Examples
    --------
    >>> import ogive
    >>> objective = ogive.objectives.xgboost("focal", gamma=1.5)
    >>> grad, hess = objective([0, 2], [[0.5, 0, 0], [0, 0, 3]])
    >>> grad.shape
    (2, 3)
    """
    return Objective(name, "xgboost", hessian, options)


def lightgbm(name: str, *, hessian: Kind = "library", **options: Any) -> Objective:
    """A loss as an objective for LightGBM.

    Parameters
    ----------
    name : str
        A head with a Hessian: 'binary_cross_entropy', 'cross_entropy', 'focal', 'sigmoid_focal'.
    hessian : 'library', 'exact', 'abs' or 'upper', default 'library'
        'library' is LightGBM's own choice: K/(K - 1) p (1 - p) for cross-entropy of K classes, p
        (1 - p) for one logit; 'upper' for losses that it does not have. The others are described on
        the loss's card. Trees need a Hessian that is not negative; the 'exact' one of the focal
        losses can be.
    **options
        Options of the head, such as gamma, alpha, weight of each class, label_smoothing.

    Returns
    -------
    Objective
        For ``lightgbm.train({"objective": objective, ...}, ...)`` and
        ``LGBMClassifier(objective=objective)``.

    Raises
    ------
    ValueError, TypeError
        A name without a Hessian, an option that the head does not have, or one with a wrong value.

    Notes
    -----
    The booster then predicts raw scores; ``ogive.sigmoid`` or ``ogive.softmax`` turns them into
    probabilities. It starts at 0, as with ``boost_from_average=False``, or at an ``init_score``.
    With 'library' the trees are those of 'binary' and 'multiclass' under that setting.
    """
    return Objective(name, "lightgbm", hessian, options)
