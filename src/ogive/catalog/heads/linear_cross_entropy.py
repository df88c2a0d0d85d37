"""Cross-entropy of a linear layer's logits, which are never whole.

Rows go in chunks through BLAS into one buffer; there the logits become their own gradient, which
BLAS takes on to the gradients of the layer before the next chunk overwrites it.
"""

import itertools
import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ogive import _heads as heads
from ogive import _native
from ogive._ufuncs import rounded, ufunc
from ogive.calls.arrays import as_logits, as_plain
from ogive.calls.formats import HALVES, NUMBER_OF
from ogive.catalog.card import Card, Parameter, Peer

from . import cross_entropy
from .cross_entropy import card as rows_card


def formula(m, x, W, t, bias=None, **options):
    # One row: x holds its d inputs, W a row of d weights for each class.
    z = [m.sum([w * v for w, v in zip(row, x, strict=True)]) for row in W]
    if bias is not None:
        z = [v + b for v, b in zip(z, bias, strict=True)]
    return rows_card.formula(m, z, t, **options)


card = Card(
    name="linear_cross_entropy",
    kind="heads",
    title="LinearCrossEntropyLoss",
    summary="Cross-entropy of the logits x Wᵀ + bias, which are never held whole.",
    formula=formula,
    inputs=(
        ("x", "Rows of inputs, (..., d)."),
        ("W", "Weights of the layer, (classes, d), as torch.nn.Linear keeps them."),
        ("target", "Labels, of shape (...), or probabilities, of shape (..., classes)."),
    ),
    parameters=(
        Parameter(name="bias", role="bias", default=None, doc="Bias of each class."),
        *(p for p in rows_card.parameters if p.role != "axis"),
        Parameter(
            name="accumulate",
            role="choice",
            default=None,
            doc="Format of products and sums: 'float32' (the default, unless the arrays are "
            "float64) or 'float64'.",
        ),
        Parameter(
            name="chunk_rows",
            role="count",
            default=None,
            doc="Rows whose logits exist at a time. By default 512, or as many as fit in 16 MiB; "
            "fewer where 512 rows take more than 256 MiB and more than a quarter of W.",
        ),
    ),
    returns="(loss, (dx, dW, db)), each gradient of the shape and dtype of its array; db is None "
    "without a bias. For reduction='none' they are those of the summed loss",
    out="(dx, dW, db), each an array or None; dx may be x itself",
    row_claims=("gradients_are_products", "bias_gradient_sums_to_zero"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.linear_cross_entropy",
            differs="whole logits unless options= is given, and always with probabilities or label "
            "smoothing; ignore_index -100 by default; no z_loss, softcap or temperature",
        ),
    ),
    papers=(
        "Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models, 2024, "
        "arXiv:2411.09009",
        "Hsu et al., Liger Kernel, 2024, arXiv:2410.10989 (chunks, gradient in place)",
    ),
    edges="As cross_entropy. Rows that are ignored take no part in any product. An interruption "
    "leaves unfinished gradients in out.",
    notes="The products are those of NumPy's BLAS: their bits depend on it, on its threads and on "
    "chunk_rows, and a sum of n products is within n 2^-24 (accumulate='float32') or n 2^-53 "
    "('float64') of the sum of their magnitudes. float16 and bfloat16 arrays are widened to "
    "the format of the products piece by piece. Beside the gradients, memory goes to one buffer "
    "(chunk_rows by classes) and a piece of 32 MiB; where dW is narrower than the products and "
    "there are several chunks, also to one accumulator of W's shape.",
)

FEW_ROWS = 512
"""With fewer, adding partial dW takes more than a twentieth of the products' time."""
SMALL, LARGE = 16 << 20, 256 << 20
PIECE = 32 << 20
"""Bytes of dW, or of widened W, at a time: enough for BLAS to reach its speed."""


def evaluate(
    x: Any,
    W: Any,
    target: Any,
    bias: Any = None,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    reduction: str = "mean",
    accumulate: str | None = None,
    chunk_rows: int | None = None,
    *,
    gradient: bool,
    out: Any = None,
) -> Any:
    """The loss, with its gradients where asked, after every check has passed."""
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
    how = heads.checked_reduction(reduction)
    options = cross_entropy.checked_options(label_smoothing, z_loss, softcap, temperature)
    weights = cross_entropy.checked_class_weights(weight, classes, shape)
    mode, operand = cross_entropy.checked_target(target, shape, len(shape) - 1, ignore_index)
    total = 1.0
    if how == "mean":
        weights, total, own = cross_entropy.mean_weights(mode, operand, weights)
        options = (options[0], options[1] * own, *options[2:])
    chunk = checked_chunk(chunk_rows, matrix.shape, work.itemsize)
    operand = operand.reshape((-1, classes) if mode == "probabilities" else -1)
    if mode == "probabilities":
        for some in pieces(len(operand), chunk):
            try:
                heads.checked_probabilities(operand[some], work, np.inf)
            except (TypeError, ValueError):  # once more, for an error that names the place
                heads.checked_probabilities(as_plain(target, "target"), work, np.inf)
                raise
    into = _checked_out(out, given) if gradient else {}
    for key, array in into.items():
        # dx may be x itself: a row of it is read before it is written.
        inputs = heads.apart(inputs, array) if key == "dx" else _clear(inputs, array)
        matrix, operand = _clear(matrix, array), _clear(operand, array)
        shift = shift if shift is None else _clear(shift, array)

    count = math.prod(shape[:-1])
    kept = np.flatnonzero(operand >= 0) if mode == "labels" else np.arange(0)
    every = mode == "probabilities" or kept.size == count
    chunks: list[Any] = list(pieces(count if every else kept.size, chunk))
    if not every:
        chunks = [kept[some] for some in chunks]
    factor = heads.inverse(total)
    loss = np.zeros(count)
    buffer = np.empty((min(chunk, kept.size if mode == "labels" else count), classes), work)
    layer = _Layer(inputs.reshape(count, inputs.shape[-1]), matrix, shift, buffer)
    gradients = _Gradients(layer, into, len(chunks)) if gradient else None
    with np.errstate(all="ignore"):
        for some in chunks:
            rows, z = layer.forward(some)
            goal, losses = operand[some], np.empty(len(z))
            if mode == "probabilities":
                goal = heads.checked_probabilities(goal, work, np.inf)
            dz = None if gradients is None else z
            cross_entropy.run(mode, z, goal, weights, options, factor, loss=losses, dz=dz)
            loss[some] = losses
            if gradients is not None:
                gradients.add(some, rows, z)
        if gradients is not None:
            gradients.finish(np.arange(0) if every else np.flatnonzero(operand < 0))
    value = heads.reduced(loss.reshape(shape[:-1]), how, total, dtype)
    if gradients is None:
        return value
    return value, (into["dx"], into["dW"], into.get("db"))


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


def checked_chunk(chunk_rows: Any, shape: tuple[int, ...], itemsize: int) -> int:
    """How many rows at a time, for weights of that shape and logits of that format."""
    if chunk_rows is None:
        row = max(1, shape[0]) * itemsize
        most = max(LARGE, math.prod(shape) * itemsize // 4)
        return max(1, min(max(FEW_ROWS, SMALL // row), most // row))
    try:
        chunk: int = operator.index(chunk_rows)
    except TypeError:
        raise TypeError(f"chunk_rows must be an integer, not {chunk_rows!r}") from None
    if chunk < 1:
        raise ValueError(f"chunk_rows must be at least 1, not {chunk}")
    return chunk


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
        name: heads.checked_out(asked.get(name), array, f"out: {name}")
        for name, array in zip(names, given.values(), strict=True)
    }
