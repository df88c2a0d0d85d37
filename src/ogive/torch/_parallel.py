"""Cross-entropy over logits whose classes are split among ranks: one collective, in forward.

Each rank sends a few numbers a row: the log-sum-exp of its shard, how far the label's logit lies
below it, and the sum of its logits. From those of all ranks every rank has the loss and its own
gradient; label smoothing counts all classes and the mean all rows, however the classes are split.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from .. import _heads
from ..catalog.heads.linear_cross_entropy import FEW_ROWS, SMALL
from . import _formulas, _functions, _raw
from ._heads import IGNORED

LSE, GAP, OWNED, TOTAL = range(4)
"""Columns of what a rank sends for each row; the row of a rank's own numbers comes last."""


def vocab_parallel_cross_entropy(
    logits_shard: Tensor,
    target: Tensor,
    *,
    group: Any = None,
    vocab_start: int | None = None,
    ignore_index: int = IGNORED,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of logits of which each rank of a group holds some classes.

    Parameters
    ----------
    logits_shard : Tensor
        (..., classes of this rank), or a DTensor sharded along its last axis.
    target : Tensor
        Labels among all classes, the same on all ranks.
    group : ProcessGroup, optional
        The ranks that share the classes; by default all.
    vocab_start : int, optional
        The first class of this rank. Without it all shards must be of one size, in rank order.
    ignore_index, label_smoothing, z_loss, reduction
        As in ``ogive.torch.cross_entropy``.

    Returns
    -------
    Tensor
        The loss, the same on all ranks. Backward needs no communication.

    Examples
    --------
    On every rank, after ``torch.distributed.init_process_group()``::

        loss = ogive.torch.vocab_parallel_cross_entropy(layer(x), labels)
        loss.backward()
    """
    logits_shard, group, vocab_start = _local(logits_shard, group, vocab_start)
    options = _options(ignore_index, label_smoothing, z_loss, reduction)
    if target.shape != logits_shard.shape[:-1]:
        raise ValueError(
            f"target of shape {tuple(target.shape)} does not fit logits of shape "
            f"{tuple(logits_shard.shape)}"
        )
    z = _as_losses_take_it(logits_shard)
    return _Loss.apply(z, target, group, vocab_start, options)  # type: ignore[no-any-return]


def vocab_parallel_linear_cross_entropy(
    input: Tensor,
    weight_shard: Tensor,
    target: Tensor,
    *,
    bias_shard: Tensor | None = None,
    group: Any = None,
    vocab_start: int | None = None,
    ignore_index: int = IGNORED,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    chunk_rows: int | None = None,
) -> Tensor:
    """The same of a linear layer whose classes are split: a shard's logits are never whole.

    The one collective carries what the input's gradient needs as well, so that backward is local:
    ``input`` is the same on all ranks, and so is its gradient; each rank has that of its own
    weights. The shard's logits are computed twice.

    Parameters
    ----------
    input : Tensor
        (..., d), the same on all ranks.
    weight_shard, bias_shard : Tensor
        This rank's classes: (classes, d) and (classes,).
    target, group, vocab_start, ignore_index, label_smoothing, z_loss, reduction
        As in `vocab_parallel_cross_entropy`; the reduction is "mean" or "sum".
    chunk_rows : int, optional
        Rows whose logits exist at a time.

    Examples
    --------
    On every rank::

        loss = ogive.torch.vocab_parallel_linear_cross_entropy(hidden, layer.weight, labels)
    """
    weight_shard, group, vocab_start = _local(weight_shard, group, vocab_start, axis=0)
    options = _options(ignore_index, label_smoothing, z_loss, reduction)
    if options["reduction"] == "none":
        raise ValueError("reduction='none' keeps no gradient for each row: use 'mean' or 'sum'")
    if target.shape != input.shape[:-1] or input.shape[-1] != weight_shard.shape[-1]:
        raise ValueError(
            f"input of shape {tuple(input.shape)}, weights of shape {tuple(weight_shard.shape)} "
            f"and target of shape {tuple(target.shape)} do not fit"
        )
    options["chunk_rows"] = chunk_rows
    x = _as_losses_take_it(input)
    with torch.autocast(x.device.type, enabled=False):  # the products say which format they are of
        return _LinearLoss.apply(  # type: ignore[no-any-return]
            x, weight_shard, bias_shard, target, group, vocab_start, options
        )


def _as_losses_take_it(t: Tensor) -> Tensor:
    """Halves as float32 under autocast, where losses are float32."""
    return _formulas.wide(t) if torch.is_autocast_enabled(t.device.type) else t


def _options(
    ignore_index: int, label_smoothing: float, z_loss: float, reduction: str
) -> dict[str, Any]:
    return {
        "ignore_index": ignore_index,
        "smoothing": _heads.checked_number("label_smoothing", label_smoothing, 0, 1),
        "z_loss": _heads.checked_number("z_loss", z_loss, 0),
        "reduction": _heads.checked_reduction(reduction),
    }


def _local(
    t: Tensor, group: Any, vocab_start: int | None, axis: int = -1
) -> tuple[Tensor, Any, int | None]:
    """The shard of a DTensor, its group and its first class; other tensors as they are."""
    from torch.distributed.tensor import DTensor, Shard

    if not isinstance(t, DTensor):
        return t, group, vocab_start
    mesh, placements = t.device_mesh, t.placements
    if mesh.ndim != 1 or placements != (Shard(axis % t.dim()),):
        raise ValueError(
            f"the DTensor must be sharded along axis {axis} of a mesh of one dimension, not "
            f"{placements} on {mesh}"
        )
    ranks, classes = mesh.size(), t.shape[axis]
    chunk = -(-classes // ranks)
    return t.to_local(), mesh.get_group(), min(mesh.get_local_rank() * chunk, classes)


class _Shards:
    """What all ranks told of their shards, and what follows from it for each row."""

    def __init__(self, gathered: Tensor, target: Tensor, rank: int, options: dict[str, Any]):
        # (ranks, rows + 1, columns) of float64
        facts = gathered[:, -1]
        self.options, rows = options, gathered[:, :-1]
        self.classes = int(facts[:, 1].sum())
        self.check(facts, target)
        self.target = target
        self.kept = target != options["ignore_index"]
        smoothing = options["smoothing"]
        lse = rows[..., LSE]
        self.lse = torch.logsumexp(lse, 0)
        owned = rows[..., OWNED] == 1
        own = torch.where(owned, lse, 0).sum(0)
        # The rest of the classes beside the label's shard: log(1 + e^d) keeps confident rows right.
        rest = torch.logsumexp(torch.where(owned, -math.inf, lse), 0) - own
        gap = torch.where(owned, rows[..., GAP], 0).sum(0)
        self.gap = gap + torch.logaddexp(rest, torch.zeros_like(rest))  # lse - the label's logit
        mean = rows[..., TOTAL].sum(0) / self.classes
        loss = (1 - smoothing) * self.gap
        if smoothing:
            loss = loss + smoothing * (self.lse - mean)
        loss = loss + options["z_loss"] * self.lse * self.lse
        self.loss = torch.where(self.kept, loss, 0)
        self.factor = 1.0
        if options["reduction"] == "mean":
            self.factor = 1 / max(int(self.kept.sum()), 1)
        # The gradient is p slope - smoothing/classes - (1 - smoothing) at the label.
        self.slope = 1 + 2 * options["z_loss"] * self.lse
        self.own_lse = lse[rank]

    def check(self, facts: Tensor, target: Tensor) -> None:
        given, sizes, starts = facts[:, 0], facts[:, 1].long(), facts[:, 2].long()
        shown = ", ".join(map(str, sizes.tolist()))
        if not bool(given.all()):
            if not bool((sizes == sizes[0]).all()):
                raise ValueError(f"shards of {shown} classes: give vocab_start on every rank")
        else:
            order = torch.argsort(starts * (self.classes + 1) + sizes)
            ends = (starts + sizes)[order]
            begins = starts[order]
            if int(begins[0]) != 0 or not torch.equal(ends[:-1], begins[1:]):
                raise ValueError(
                    f"vocab_start = {starts.tolist()} with shards of {shown} classes leave gaps or "
                    "overlap"
                )
        bad = (target != self.options["ignore_index"]) & ((target < 0) | (target >= self.classes))
        if bool(bad.any()):
            at = int(bad.nonzero()[0])
            raise _heads.LabelError(
                f"target[{at}] = {int(target[at])}: labels must be in [0, {self.classes}) for "
                f"{self.classes} classes"
            )

    def value(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        if self.options["reduction"] == "none":
            return self.loss.reshape(shape).to(dtype)
        total: Tensor = self.loss.sum() * self.factor
        return total.to(dtype)

    def gradient(self, z: Tensor, start: int, some: slice) -> Tensor:
        """dL/dz of some rows of this rank's logits."""
        smoothing, share = self.options["smoothing"], torch.exp(self.own_lse - self.lse)[some]
        slope, kept, gap = self.slope[some], self.kept[some], self.gap[some]
        p: Tensor = _functions["softmax"](z)
        scale = torch.where(kept, slope * share * self.factor, 0).to(z.dtype).unsqueeze(-1)
        # Neither an ignored row's NaN nor that of a shard without a finite logit comes through.
        dz = torch.where(scale == 0, 0, p * scale)
        if smoothing:
            even = smoothing / self.classes * self.factor
            dz -= (kept.double() * even).to(z.dtype).unsqueeze(-1)
        label = self.target[some] - start
        rows = torch.nonzero(kept & (label >= 0) & (label < z.shape[-1])).squeeze(-1)
        # At the label p - 1 = expm1(-gap): a confident row's gradient is not what 1 leaves of p.
        at = slope[rows] - 1, gap[rows]
        own = at[0] * torch.exp(-at[1]) + torch.expm1(-at[1])
        own += smoothing - smoothing / self.classes
        dz[rows, label[rows]] = (own * self.factor).to(z.dtype)
        return dz


def _start(classes: int, rank: int, vocab_start: int | None) -> int:
    return rank * classes if vocab_start is None else vocab_start


def _facts(z: Tensor, target: Tensor, start: int, smoothing: float) -> Tensor:
    """(rows, 4): what this rank knows of some rows."""
    rows, classes = z.shape
    out = torch.zeros(rows, 4, dtype=torch.float64, device=z.device)
    out[:, LSE] = -math.inf
    if classes == 0 or rows == 0:
        return out
    most, best = z.max(-1)
    own = target - start
    owned = (own >= 0) & (own < classes)
    at_own = z.gather(-1, torch.where(owned, own, 0).unsqueeze(-1)).squeeze(-1)
    # The gap of the label itself where it is here and finite, so that confident rows stay right.
    near = owned & torch.isfinite(at_own)
    label = torch.where(near, own, best)
    if z.device.type == "cpu":
        gap = torch.empty(rows, dtype=torch.float64)
        options = 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, gap, None  # weight, …, temperature, factor
        _raw.rows("cross_entropy", "labels", z.dtype, classes, (rows,), (z, label, *options))
    else:
        wide = z.double()
        gap = torch.logsumexp(wide, -1) - wide.gather(-1, label.unsqueeze(-1)).squeeze(-1)
    lse = torch.where(
        most == -math.inf, most.double(), gap + torch.where(near, at_own, most).double()
    )
    lost = torch.where(at_own == -math.inf, math.inf, lse - at_own.double())
    out[:, LSE] = lse
    out[:, GAP] = torch.where(near, gap, torch.where(owned, lost, 0))
    out[:, OWNED] = owned.double()
    if smoothing:
        out[:, TOTAL] = z.sum(-1, dtype=torch.float64)
    return out


def _own_row(like: Tensor, classes: int, start: int | None) -> Tensor:
    row = torch.zeros(1, like.shape[1], dtype=torch.float64, device=like.device)
    row[0, :3] = torch.tensor([start is not None, classes, start or 0], dtype=torch.float64)
    return row


def _gathered(mine: Tensor, group: Any) -> Tensor:
    """The one collective."""
    everyone = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(everyone, mine.contiguous(), group=group)
    return torch.stack(everyone)


class _Loss(Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, group: Any, vocab_start: Any, options: Any
    ) -> Tensor:
        classes = logits.shape[-1]
        z, labels = logits.detach().reshape(-1, classes).contiguous(), target.reshape(-1)
        rank = dist.get_rank(group)
        start = _start(classes, rank, vocab_start)
        mine = _facts(z, labels, start, options["smoothing"])
        gathered = _gathered(torch.cat([mine, _own_row(mine, classes, vocab_start)]), group)
        shards = _Shards(gathered, labels, rank, options)
        if ctx.needs_input_grad[0]:
            dz = shards.gradient(z, start, slice(None)) if classes else torch.zeros_like(z)
            ctx.save_for_backward(dz.reshape(logits.shape))
        ctx.rows = options["reduction"] == "none"
        return shards.value(target.shape, logits.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        (dz,) = ctx.saved_tensors
        return dz * (dy.unsqueeze(-1) if ctx.rows else dy), None, None, None, None


class _LinearLoss(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Any, target: Tensor, group: Any,
        vocab_start: Any, options: Any,
    ) -> Tensor:  # fmt: skip
        work = torch.float64 if input.dtype == torch.float64 else torch.float32
        x = input.detach().reshape(-1, input.shape[-1]).to(work)
        W, labels = weight.detach().to(work), target.reshape(-1)
        shift = None if bias is None else bias.detach().to(work)
        (classes, width), rank = W.shape, dist.get_rank(group)
        start = _start(classes, rank, vocab_start)
        smoothing, wants = options["smoothing"], ctx.needs_input_grad
        size = options["chunk_rows"] or max(FEW_ROWS, SMALL // max(1, classes * W.element_size()))
        pieces = [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]

        def logits(some: slice) -> Tensor:
            return torch.nn.functional.linear(x[some], W, shift)

        # What dx needs of this rank: the mean of its weights under its own softmax, the label's
        # weights, and in the last row the sum of all of them.
        extra = 2 * width if wants[0] else 0
        mine = torch.zeros(len(x) + 1, 4 + extra, dtype=torch.float64, device=x.device)
        for some in pieces:
            z = logits(some)
            mine[some, :4] = _facts(z, labels[some], start, smoothing)
            if extra and classes:
                mine[some, 4 : 4 + width] = (_functions["softmax"](z) @ W).double()
                own = torch.nonzero(mine[some, OWNED]).squeeze(-1)
                mine[some, 4 + width :][own] = W[labels[some][own] - start].double()
        mine[-1:] = _own_row(mine, classes, vocab_start)
        if extra and classes:
            mine[-1, 4 + width :] = W.sum(0, dtype=torch.float64)
        gathered = _gathered(mine, group)
        shards = _Shards(gathered[..., :4], labels, rank, options)
        dx = dW = db = None
        if extra:
            share = torch.exp(gathered[:, :-1, LSE] - shards.lse).unsqueeze(-1)
            means = gathered[:, :-1, 4 : 4 + width]
            mean = torch.where(share == 0, 0, share * means).sum(0)
            dx = shards.slope.unsqueeze(-1) * mean
            at_label = gathered[:, :-1, 4 + width :].sum(0)
            everything = gathered[:, -1, 4 + width :].sum(0)
            taken = (1 - smoothing) * at_label + smoothing / shards.classes * everything
            dx = torch.where(shards.kept.unsqueeze(-1), (dx - taken) * shards.factor, 0)
            dx = dx.reshape(input.shape).to(input.dtype)
        if wants[1] or wants[2]:
            dW = torch.zeros_like(W)
            db = torch.zeros(classes, dtype=work, device=W.device)
            for some in pieces if classes else []:
                dz = shards.gradient(logits(some), start, some)
                dW.addmm_(dz.t(), x[some])
                db += dz.sum(0)
            dW = dW.to(weight.dtype)
            db = None if bias is None else db.to(bias.dtype)
        ctx.save_for_backward(dx, dW, db)
        return shards.value(target.shape, input.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        found = [None if g is None else (g * dy).to(g.dtype) for g in ctx.saved_tensors]
        return *found, None, None, None, None
