"""A linear layer with the loss of its logits, which are never whole.

Rows go in chunks through BLAS into one buffer; there the logits become their own gradient, which
BLAS takes on to the gradients of the layer before the next chunk overwrites it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import _native
from ..calls import checks
from ..calls.arrays import as_logits, as_plain
from ..calls.formats import HALVES, NUMBER_OF
from ..calls.losses import (
    ArrayElements,
    Loss,
    checked_chunk,
    planned,
    reduced,
    without_overlap,
)
from ..calls.ufuncs import rounded, ufunc

PIECE = 32 << 20
"""Bytes of dW, or of widened W, at a time: enough for BLAS to reach its speed."""


ROLES = ("bias", "choice", "count")
"""Options that a layer has beside those of its loss."""


def evaluate(
    of: Loss, x: Any, W: Any, target: Any, axis: None, class_weights: Sequence[Any],
    ignore_index: Any, options: tuple[Any, ...], reduction: Any, gradient: bool, kind: None,
    out: Any, *, bias: Any, accumulate: Any, chunk_rows: Any,
) -> Any:  # fmt: skip
    """The loss of logits x Wᵀ + bias, with its gradients where asked."""
    name = "linear_cross_entropy"
    inputs, matrix = as_logits(x, name, "x"), as_logits(W, name, "W")
    shift = None if bias is None else as_logits(bias, name, "bias")
    if inputs.ndim == 0 or matrix.ndim != 2 or inputs.shape[-1] != matrix.shape[1]:
        raise ValueError(
            f"x of shape {inputs.shape} and W of shape {matrix.shape} do not fit: they must be "
            "(..., d) and (classes, d)"
        )
    classes, shape = len(matrix), (*inputs.shape[:-1], len(matrix))
    if classes == 0:
        raise ValueError(f"W of shape {matrix.shape} has no classes")
    if shift is not None and shift.shape != (classes,):
        raise ValueError(f"bias of shape {shift.shape} does not fit {classes} classes")
    given = {"x": inputs, "W": matrix} | ({} if shift is None else {"bias": shift})
    dtype = _common_format(given)
    work = _checked_accumulate(accumulate, dtype)
    how, plan = planned(
        of, InPieces(), shape, len(shape) - 1, work, target, class_weights, ignore_index, options,
        reduction,
    )  # fmt: skip
    mode, chunk = plan.mode, checked_chunk(chunk_rows, matrix.shape, work.itemsize)
    operand = plan.goal.reshape((-1, classes) if mode == "probabilities" else -1)
    if mode == "probabilities":
        for some in pieces(len(operand), chunk):
            try:
                checks.checked_probabilities(operand[some], work, of.most)
            except (TypeError, ValueError):  # once more, for an error that names the place
                checks.checked_probabilities(as_plain(target, "target"), work, of.most)
                raise
    into = _checked_out(out, given) if gradient else {}
    for key, array in into.items():
        # dx may be x itself: a row of it is read before it is written.
        inputs = without_overlap(inputs, array) if key == "dx" else _clear(inputs, array)
        matrix, operand = _clear(matrix, array), _clear(operand, array)
        shift = shift if shift is None else _clear(shift, array)

    count = math.prod(shape[:-1])
    kept = np.flatnonzero(operand >= 0) if mode == "labels" else np.arange(0)
    every = mode == "probabilities" or kept.size == count
    chunks: list[Any] = list(pieces(count if every else kept.size, chunk))
    if not every:
        chunks = [kept[some] for some in chunks]
    loss = np.zeros(count)
    buffer = np.empty((min(chunk, kept.size if mode == "labels" else count), classes), work)
    layer = _Layer(inputs.reshape(count, inputs.shape[-1]), matrix, shift, buffer)
    gradients = _Gradients(layer, into, len(chunks)) if gradient else None
    with np.errstate(all="ignore"):
        for some in chunks:
            rows, z = layer.forward(some)
            goal, losses = operand[some], np.empty(len(z))
            if mode == "probabilities":
                goal = checks.checked_probabilities(goal, work, of.most)
            dz = None if gradients is None else z
            of.run(plan, z, goal, loss=losses, dz=dz)
            loss[some] = losses
            if gradients is not None:
                gradients.add(some, rows, z)
        if gradients is not None:
            gradients.finish(np.arange(0) if every else np.flatnonzero(operand < 0))
    value = reduced(loss.reshape(shape[:-1]), how, plan.total, dtype)
    if gradients is None:
        return value
    return value, (into["dx"], into["dW"], into.get("db"))


class InPieces(ArrayElements):
    """Elements of which probabilities are checked piece by piece, and so converted."""

    @staticmethod
    def probabilities(target: Any, dtype: Any, most: float) -> Any:
        return target


class _Layer:
    """Logits of chunks of rows, in one buffer."""

    def __init__(self, x: Any, W: Any, bias: Any, buffer: Any):
        self.x, self.W, self.buffer = x, W, buffer
        self.work = work = buffer.dtype
        self.bias = None if bias is None else bias.astype(work)
        piece = max(1, PIECE // max(1, W.shape[1] * work.itemsize))
        self.pieces = list(pieces(len(W), piece))
        # Where BLAS reads W as it is, one product does.
        self.reads = self.pieces if _for_blas(W, work) is not W else [slice(0, len(W))]

    def forward(self, some: Any) -> tuple[Any, Any]:
        """The rows as BLAS reads them, and their logits."""
        rows = _for_blas(self.x[some], self.work)
        z = self.buffer[: len(rows)]
        for piece in self.reads:
            np.matmul(rows, _for_blas(self.W[piece], self.work).T, out=z[:, piece])
        if self.bias is not None:
            _accumulate(z, np.broadcast_to(self.bias, z.shape))
        return rows, z


class _Gradients:
    """Takes the gradient of logits back to the layer, chunk by chunk."""

    def __init__(self, layer: _Layer, into: dict[str, Any], chunks: int):
        self.layer, self.single, self.first = layer, chunks <= 1, True
        work = layer.work
        self.into = into
        self.dx = into["dx"].reshape(layer.x.shape)
        self.dW = into["dW"]
        # Sums go on in dW itself where it has their format.
        direct = self.dW.dtype == work or self.single
        self.sums = self.dW if direct else np.empty(self.dW.shape, work)
        self.db = np.zeros(len(self.dW), work) if "db" in into else None
        self.part = np.empty((len(self.dW[layer.pieces[0]]), self.dW.shape[1]), work)

    def add(self, some: Any, rows: Any, dz: Any) -> None:
        """One chunk: what leads to its rows, and what it adds to W and bias."""
        layer = self.layer
        for piece in layer.pieces:
            own = self.sums[piece]
            direct = self.first and own.dtype == layer.work
            part = own if direct else self.part[: len(own)]
            np.matmul(dz[:, piece].T, rows, out=part)
            if self.first and not direct:
                own[...] = rounded(part, own.dtype)
            elif not self.first:
                _accumulate(own, part)
        if self.db is not None:
            self.db += np.matmul(np.ones(len(dz), dz.dtype), dz)
        self.first = False

        # Last, as dx may be x.
        whole = self.dx[some] if isinstance(some, slice) else None
        direct = whole is not None and whole.dtype == layer.work
        dx = whole if direct else np.empty((len(dz), self.dx.shape[1]), layer.work)
        for number, piece in enumerate(layer.reads):
            W = _for_blas(layer.W[piece], layer.work)
            if number == 0:
                np.matmul(dz[:, piece], W, out=dx)
            else:
                _accumulate(dx, np.matmul(dz[:, piece], W))
        if not direct:
            self.dx[some] = rounded(dx, self.dx.dtype)

    def finish(self, ignored: Any) -> None:
        """Rounds what was summed into the gradients."""
        self.dx[ignored] = 0
        if not np.may_share_memory(self.dx, self.into["dx"]):  # no view in the shape of rows
            self.into["dx"][...] = self.dx.reshape(self.into["dx"].shape)
        if self.first:
            self.dW[...] = 0
        elif self.sums is not self.dW:
            for piece in self.layer.pieces:
                self.dW[piece] = rounded(self.sums[piece], self.dW.dtype)
        if self.db is not None:
            self.into["db"][...] = rounded(self.db, self.into["db"].dtype)


def pieces(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`."""
    for begin in range(0, count, size):
        yield slice(begin, min(begin + size, count))


def _accumulate(a: Any, b: Any) -> None:
    """a += b, shared among threads."""
    _native.call("linear_cross_entropy", "accumulated", NUMBER_OF[a.dtype], (a, b, a))


def _for_blas(a: Any, dtype: np.dtype[Any]) -> Any:
    """A matrix in a format and layout that BLAS reads, itself where it is one."""
    unit = dtype.itemsize
    for along, across in ((1, 0), (0, 1)):
        steps = a.strides[across], max(1, a.shape[along]) * unit
        if a.dtype == dtype and a.strides[along] == unit and steps[0] >= steps[1]:
            return a
    if a.dtype in HALVES and dtype == np.float32:
        return ufunc("widened", "value")(a)
    return np.ascontiguousarray(a, dtype)


def _clear(operand: Any, out: Any) -> Any:
    """The operand, or a copy of it where `out` is written over it."""
    return operand.copy() if np.may_share_memory(operand, out) else operand


def _common_format(given: dict[str, Any]) -> np.dtype[Any]:
    try:
        return np.result_type(*(array.dtype for array in given.values()))
    except TypeError:
        kinds = ", ".join(f"{name} of {array.dtype}" for name, array in given.items())
        raise TypeError(f"{kinds}: there is no format for all; convert one of them") from None


def _checked_accumulate(accumulate: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if accumulate is None:
        return np.dtype(np.float64 if dtype == np.float64 else np.float32)
    if not isinstance(accumulate, str) or accumulate not in ("float32", "float64"):
        raise ValueError(f"accumulate must be 'float32' or 'float64', not {accumulate!r}")
    if accumulate == "float32" and dtype == np.float64:
        raise ValueError("accumulate='float32' would lose what float64 arrays hold")
    return np.dtype(accumulate)


def _checked_out(out: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Where the gradients go, by name."""
    names = ["d" + name.replace("bias", "b") for name in given]
    if out is None:
        out = (None,) * 3
    if not isinstance(out, (tuple, list)) or len(out) not in (len(names), 3):
        raise TypeError("out must be a tuple (dx, dW, db), each an array or None")
    if len(out) > len(names) and out[2] is not None:
        raise ValueError("out has an array for db, but there is no bias")
    asked = {name: array for name, array in zip(names, out, strict=False) if array is not None}
    for a, b in itertools.combinations(asked, 2):
        if np.may_share_memory(asked[a], asked[b]):
            raise ValueError(f"out: {a} and {b} share memory")
    return {
        name: checks.checked_out(asked.get(name), array, f"out: {name}")
        for name, array in zip(names, given.values(), strict=True)
    }
