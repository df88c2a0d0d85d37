"""Cross-entropy over logits whose classes are split among ranks: one collective, in forward.

Each rank sends a few numbers per row: the log-sum-exp of its shard, how far the label's logit lies
below it, and the weighted sum of its logits. From those of all ranks every rank has the loss and
its own gradient; label smoothing counts all classes and the mean all rows, however the classes are
split. Softcap and temperature act on each logit alone, so on each rank by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from ..calls import checks, codegen
from ..calls.losses import FEW_ROWS, SMALL, inverse, loss_of
from ..catalog import Parameter
from . import _formulas, _launch
from ._checks import check_devices, floating
from ._heads import IGNORED, hinted
from ._loss_elements import TENSORS
from ._loss_formula import counted, of_moderate_size, sum_or_inf
from ._public import FUNCTIONS

LSE, GAP, OWNED, TOTAL = range(4)
"""Columns of what a rank sends for each row; the row of a rank's own numbers comes last."""


LOSS = loss_of("cross_entropy")


class Options(NamedTuple):
    """Those options of cross_entropy that what follows takes. Of a number that is not among them,
    the default is all that it can compute.
    """

    weight: Tensor | None
    ignore_index: int | None
    label_smoothing: float
    z_loss: float
    softcap: float | None
    temperature: float
    reduction: checks.Reduction


def _of_logits(
    logits_shard: Any, target: Any, group: Any, vocab_start: int | None, given: dict[str, Any]
) -> Tensor:
    name = "vocab_parallel_cross_entropy"
    logits_shard, group, vocab_start = _local(logits_shard, group, vocab_start)
    options = _checked_options(given)
    _check_kinds(name, target, logits_shard, "logits_shard", options)
    if target.shape != logits_shard.shape[:-1]:
        raise ValueError(
            f"target of shape {tuple(target.shape)} does not fit logits of shape "
            f"{tuple(logits_shard.shape)}"
        )
    z, (target, options) = _as_losses_take_it(logits_shard), _weighed(target, options)
    return _Loss.apply(z, target, group, vocab_start, options)  # type: ignore[no-any-return]


def _of_layer(
    input: Any, weight_shard: Any, target: Any, bias_shard: Any, group: Any,
    vocab_start: int | None, chunk_rows: int | None, given: dict[str, Any],
) -> Tensor:  # fmt: skip
    weight_shard, group, vocab_start = _local(weight_shard, group, vocab_start, axis=0)
    options = _checked_options(given)
    name = "vocab_parallel_linear_cross_entropy"
    _check_kinds(name, target, input, "input", options)
    _check_kinds(name, target, weight_shard, "weight_shard", options)
    if options.reduction == "none":
        raise ValueError("reduction='none' keeps no gradient for each row: use 'mean' or 'sum'")
    if (
        weight_shard.dim() != 2 or input.dim() == 0 or target.shape != input.shape[:-1]
        or input.shape[-1] != weight_shard.shape[-1]
    ):  # fmt: skip
        raise ValueError(
            f"input of shape {tuple(input.shape)}, weights of shape {tuple(weight_shard.shape)} "
            f"and target of shape {tuple(target.shape)} do not fit"
        )
    if bias_shard is not None and bias_shard.shape != weight_shard.shape[:1]:
        raise ValueError(
            f"bias_shard of shape {tuple(bias_shard.shape)} does not fit "
            f"{len(weight_shard)} classes of this rank"
        )
    if chunk_rows is not None and (not isinstance(chunk_rows, int) or chunk_rows < 1):
        raise ValueError(f"chunk_rows must be a whole number from 1 on, not {chunk_rows!r}")
    check_devices(name, input=input, weight_shard=weight_shard, bias_shard=bias_shard)
    x, (target, options) = _as_losses_take_it(input), _weighed(target, options)
    with torch.autocast(x.device.type, enabled=False):  # the products say which format they are of
        return _LinearLoss.apply(  # type: ignore[no-any-return]
            x, weight_shard, bias_shard, target, group, vocab_start, options, chunk_rows
        )


def _public(
    name: str, run: Callable[..., Tensor], inputs: tuple[str, ...], bias: str, more: str, doc: str
) -> Callable[..., Tensor]:
    """A function with the options of cross_entropy in its signature and docs."""
    weights = LOSS.weights
    rest = [name for name in LOSS.options if name not in weights]
    ranks = ["group: 'Any' = None", "vocab_start: 'int | None' = None"]
    own = {name: hinted(p, label=IGNORED) for name, p in LOSS.options.items()}
    taken = [f"{each}: 'Tensor'" for each in inputs] + ["*"] + ([bias] if bias else [])
    taken += [*(own[each] for each in weights), *ranks, *(own[each] for each in rest)]
    taken += [more] if more else []
    extra = [each.partition(":")[0] for each in (bias, "group:", "vocab_start:", more) if each]
    given = codegen.items(f"{each!r}: {each}" for each in LOSS.options)
    lines = [f"return run({codegen.items([*inputs, *extra])}{{{given}}})"]
    scope = {"Any": Any, "Tensor": Tensor, "run": run}
    function = codegen.written(name, taken, lines, scope, f"torch {name}", returns="'Tensor'")
    function.__module__ = __package__
    function.__doc__ = doc.format(options=", ".join(rest))
    return function


vocab_parallel_cross_entropy = _public(
    "vocab_parallel_cross_entropy", _of_logits, ("logits_shard", "target"), "", "",
    """Cross-entropy of logits of which each rank of a group holds some classes.

Parameters
----------
logits_shard : Tensor
    (..., classes of this rank), or a DTensor sharded along its last axis.
target : Tensor
    Labels among all classes, the same on all ranks.
weight : Tensor, optional
    Weights of all classes, the same on all ranks.
group : ProcessGroup, optional
    The ranks that share the classes; by default all.
vocab_start : int, optional
    The first class of this rank. Without it all shards must be of one size, in rank order.
{options}
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
""",
)  # fmt: skip
vocab_parallel_linear_cross_entropy = _public(
    "vocab_parallel_linear_cross_entropy", _of_layer, ("input", "weight_shard", "target"),
    "bias_shard: 'Tensor | None' = None", "chunk_rows: 'int | None' = None",
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
target, weight, group, vocab_start,
{options}
    As in `vocab_parallel_cross_entropy`; the reduction is "mean" or "sum".
chunk_rows : int, optional
    Rows whose logits exist at a time.

Examples
--------
On every rank::

    loss = ogive.torch.vocab_parallel_linear_cross_entropy(hidden, layer.weight, labels)
""",
)  # fmt: skip


def _as_losses_take_it(t: Tensor) -> Tensor:
    """Halves as float32 under autocast, where losses are float32."""
    return _formulas.wide(t) if torch.is_autocast_enabled(t.device.type) else t


def _checked_options(given: dict[str, Any]) -> Options:
    checked: dict[str, Any] = {
        "reduction": checks.checked_reduction,
        "label": checks.checked_ignore_index,
        "weights": lambda weight: None if weight is None else _checked_weights(weight),
    }
    for p in LOSS.numbers:
        if p.name not in Options._fields and given[p.name] != p.default:
            raise NotImplementedError(f"{p.name} of logits whose classes are split")
    options: dict[str, Any] = {}
    for name in Options._fields:
        p = LOSS.options[name]
        options[name] = _number(p, given[name]) if p.operand else checked[p.role](given[name])
    return Options(**options)


def _number(p: Parameter, value: Any) -> float | None:
    return None if value is None and p.as_operands else checks.checked_number(p, value)


def _checked_weights(weight: Any) -> Tensor:
    """The classes' weights in double. Their number is checked when all ranks know it."""
    if not isinstance(weight, Tensor):
        raise TypeError(f"weight must be a Tensor, not {type(weight).__name__}")
    if weight.is_complex() or weight.dim() != 1:
        raise ValueError(
            f"weight must have one real number for each class, not shape {tuple(weight.shape)} and "
            f"dtype {weight.dtype}"
        )
    if weight.is_meta:  # of which the device is refused
        return weight
    wide = TENSORS.weights("weight", weight.detach().cpu())
    return torch.from_numpy(wide).to(weight.device)


def _weighed(target: Tensor, options: Options) -> tuple[Tensor, Options]:
    """Labels as int64, and the weights of a mean at a size that neither overflows nor vanishes,
    which is the same on all ranks.
    """
    labels, weight = target.long(), options.weight
    if weight is not None and len(weight) and options.reduction == "mean":
        kept = counted(labels, options.ignore_index)
        options = options._replace(weight=of_moderate_size(weight, labels, kept))
    return labels, options


def _check_kinds(name: str, target: Tensor, x: Tensor, what: str, options: Options) -> None:
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}: target must be a Tensor, not {type(target).__name__}")
    floating(x, name)
    if not x.is_floating_point():
        raise RuntimeError(f"{name}: {what} must be of floating-point numbers, not of {x.dtype}")
    if target.is_floating_point() or target.is_complex():
        raise TypeError(f"{name}: target of dtype {target.dtype}: labels must be integers")
    check_devices(name, **{what: x, "target": target, "weight": options.weight})


def _bounded(z: Tensor, options: Options) -> tuple[Tensor, Tensor | None]:
    """What the softmax sees of logits, in double, and its slope by them but for the temperature's
    share; None for 1.
    """
    u, softcap = z.double(), options.softcap
    if softcap is None:
        return u / options.temperature, None
    ratio = u / softcap
    # tanh' where tanh is near 1 is not what 1 leaves of its square.
    return softcap * torch.tanh(ratio) / options.temperature, torch.cosh(ratio) ** -2


def _own_softmax(z: Tensor, options: Options) -> tuple[Tensor, Tensor | None]:
    """The softmax of this rank's logits, and the slope of what bounds them."""
    if options.softcap is None:
        return FUNCTIONS["softmax"](z, temperature=options.temperature), None
    u, slope = _bounded(z, options)
    return FUNCTIONS["softmax"](u), slope


SOME = 1 << 20
"""So many logits are held in double at a time."""


def _in_pieces(rows: int, classes: int) -> Iterator[slice]:
    size = max(1, SOME // max(classes, 1))
    return (slice(i, min(i + size, rows)) for i in range(0, rows, size))


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

    def __init__(self, gathered: Tensor, target: Tensor, rank: int, options: Options):
        # (ranks, rows + 1, columns) of float64
        facts = gathered[:, -1]
        self.options, rows = options, gathered[:, :-1]
        self.classes = int(facts[:, 1].sum())
        self.kept = counted(target, options.ignore_index)
        self.check(facts, target)
        self.target = target
        smoothing, weight = options.label_smoothing, options.weight
        if weight is None:
            self.weight, all_weights = self.kept.double(), float(self.classes)
        else:
            label = torch.where(self.kept, target, 0)
            self.weight = torch.where(self.kept, weight[label], 0)
            all_weights = float(weight.sum())
        lse = rows[..., LSE]
        self.lse = torch.logsumexp(lse, 0)
        owned = rows[..., OWNED] == 1
        own = torch.where(owned, lse, 0).sum(0)
        # The rest of the classes beside the label's shard: log(1 + e^d) keeps confident rows right.
        rest = torch.logsumexp(torch.where(owned, -math.inf, lse), 0) - own
        gap = torch.where(owned, rows[..., GAP], 0).sum(0)
        self.gap = gap + torch.logaddexp(rest, torch.zeros_like(rest))  # lse - the label's logit
        self.share = (1 - smoothing) * self.weight
        # A class of which nothing is asked adds nothing, also where its logit is -inf.
        of_nothing = (self.share == 0) & (self.gap == math.inf)
        loss = self.share * torch.where(of_nothing, 0, self.gap)
        self.even = smoothing / self.classes
        if smoothing:
            loss = loss + self.even * (all_weights * self.lse - rows[..., TOTAL].sum(0))
        if options.z_loss:
            loss = loss + options.z_loss * self.weight * self.lse * self.lse
        self.loss = torch.where(self.kept, loss, 0)
        self.total = 1.0
        if options.reduction == "mean":
            self.total = float(sum_or_inf(self.weight))
        self.factor = inverse(self.total) / options.temperature
        # The gradient is p (share + pull) - even w, and at the label - share besides.
        self.pull = self.even * all_weights + 2 * options.z_loss * self.weight * self.lse
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
        weight = self.options.weight
        if weight is not None and len(weight) != self.classes:
            raise ValueError(
                f"weight of shape ({len(weight)},) does not fit {self.classes} classes, in shards "
                f"of {shown}"
            )
        bad = self.kept & ((target < 0) | (target >= self.classes))
        if bool(bad.any()):
            at = int(bad.nonzero()[0])
            raise checks.label_error(
                f"target[{at}]", int(target[at]), self.classes, self.options.ignore_index
            )

    def value(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        if self.options.reduction == "none":
            return self.loss.reshape(shape).to(dtype)
        total: Tensor = self.loss.sum() / self.total
        return total.to(dtype)

    def gradient(self, z: Tensor, start: int, some: slice) -> Tensor:
        """dL/dz of some rows of this rank's logits."""
        share = torch.exp(self.own_lse - self.lse)[some] * self.factor
        kept, gap, pull, own = self.kept[some], self.gap[some], self.pull[some], self.share[some]
        p, slope = _own_softmax(z, self.options)
        scale = torch.where(kept, (own + pull) * share, 0).to(p.dtype).unsqueeze(-1)
        # Neither an ignored row's NaN nor that of a shard without a finite logit comes through.
        dz = torch.where(scale == 0, 0, p * scale)
        weight, even = self.options.weight, self.even * self.factor
        here = slice(start, start + z.shape[-1])
        if even:
            of_class = even if weight is None else (weight[here] * even).to(p.dtype)
            dz -= kept.to(p.dtype).unsqueeze(-1) * of_class
        label = self.target[some] - start
        rows = torch.nonzero(kept & (label >= 0) & (label < z.shape[-1])).squeeze(-1)
        # At the label p - 1 = expm1(-gap): a confident row's gradient is not what 1 leaves of p.
        at = own[rows] * torch.expm1(-gap[rows]) + pull[rows] * torch.exp(-gap[rows])
        at -= self.even * (1 if weight is None else weight[self.target[some][rows]])
        dz[rows, label[rows]] = (at * self.factor).to(p.dtype)
        if slope is not None:
            dz = torch.where(kept.unsqueeze(-1), dz * slope, 0)
        return dz.to(z.dtype)


def _start(classes: int, rank: int, vocab_start: int | None) -> int:
    return rank * classes if vocab_start is None else vocab_start


def _facts(z: Tensor, target: Tensor, start: int, options: Options) -> Tensor:
    """(rows, 4): what this rank knows of some rows."""
    rows, classes = z.shape
    out = torch.zeros(rows, 4, dtype=torch.float64, device=z.device)
    out[:, LSE] = -math.inf
    if classes == 0 or rows == 0:
        return out
    most, best = z.max(-1)
    most = _bounded(most, options)[0]
    own = target - start
    owned = (own >= 0) & (own < classes)
    at_own = z.gather(-1, torch.where(owned, own, 0).unsqueeze(-1)).squeeze(-1)
    at_own = _bounded(at_own, options)[0]
    # The gap of the label itself where it is here and finite, so that confident rows stay right.
    near = owned & torch.isfinite(at_own)
    label = torch.where(near, own, best)
    if z.device.type == "cpu":
        gap = torch.empty(rows, dtype=torch.float64)
        # Without weights, smoothing and z-loss; the gradient's factor is of no use.
        own_options = options._replace(label_smoothing=0.0, z_loss=0.0)
        given = (getattr(own_options, p.name, p.default) for p in LOSS.numbers)
        numbers = LOSS.checked_numbers(*given)
        operands = (z, label, *LOSS.between((1.0,), numbers), 1.0, gap, None)
        _launch.rows("cross_entropy", "labels", z.dtype, classes, (rows,), operands)
    else:
        wide = _bounded(z, options)[0]
        gap = torch.logsumexp(wide, -1) - wide.gather(-1, label.unsqueeze(-1)).squeeze(-1)
    lse = torch.where(most == -math.inf, most, gap + torch.where(near, at_own, most))
    lost = torch.where(at_own == -math.inf, math.inf, lse - at_own)
    out[:, LSE] = lse
    out[:, GAP] = torch.where(near, gap, torch.where(owned, lost, 0))
    out[:, OWNED] = owned.double()
    if options.label_smoothing:
        out[:, TOTAL] = _weighted_sum(z, start, options)
    return out


def _weighted_sum(z: Tensor, start: int, options: Options) -> Tensor:
    """Of each row's logits as the softmax sees them, by the weights of their classes."""
    weight = options.weight
    if weight is None and options.softcap is None:
        total: Tensor = z.sum(-1, dtype=torch.float64) / options.temperature
        return total
    found = torch.zeros(len(z), dtype=torch.float64, device=z.device)
    own = None if weight is None else weight[start : start + z.shape[-1]]
    if own is not None and len(own) != z.shape[-1]:
        return found  # which all ranks will find, and refuse
    for some in _in_pieces(*z.shape):
        u = _bounded(z[some], options)[0]
        if own is not None:
            u = torch.where(own == 0, 0, u * own)
        found[some] = u.sum(-1)
    return found


def _own_row(like: Tensor, classes: int, start: int | None) -> Tensor:
    row = torch.zeros(1, like.shape[1], dtype=torch.float64, device=like.device)
    row[0, :3] = torch.tensor([start is not None, classes, start or 0], dtype=torch.float64)
    return row


def _gathered(mine: Tensor, group: Any) -> Tensor:
    """The one collective."""
    everyone = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(everyone, mine.contiguous(), group=group)
    return torch.stack(everyone)


def _refuse_second(name: str) -> None:
    if torch.is_grad_enabled():
        raise RuntimeError(
            f"{name} keeps its gradient and not the logits: it has no second derivative"
        )


class _Loss(Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, group: Any, vocab_start: Any, options: Options
    ) -> Tensor:
        classes = logits.shape[-1]
        z, labels = logits.detach().reshape(-1, classes).contiguous(), target.reshape(-1)
        rank = dist.get_rank(group)
        start = _start(classes, rank, vocab_start)
        mine = _facts(z, labels, start, options)
        gathered = _gathered(torch.cat([mine, _own_row(mine, classes, vocab_start)]), group)
        shards = _Shards(gathered, labels, rank, options)
        if ctx.needs_input_grad[0]:
            dz = torch.zeros_like(z)
            if classes and options.softcap is None:
                dz = shards.gradient(z, start, slice(None))
            elif classes:
                for some in _in_pieces(*z.shape):
                    dz[some] = shards.gradient(z[some], start, some)
            ctx.save_for_backward(dz.reshape(logits.shape))
        ctx.rows = options.reduction == "none"
        return shards.value(target.shape, logits.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        _refuse_second("vocab_parallel_cross_entropy")
        (dz,) = ctx.saved_tensors
        return dz * (dy.unsqueeze(-1) if ctx.rows else dy), None, None, None, None


class _LinearLoss(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Any, target: Tensor, group: Any,
        vocab_start: Any, options: Options, chunk_rows: int | None,
    ) -> Tensor:  # fmt: skip
        work = torch.float64 if input.dtype == torch.float64 else torch.float32
        x = input.detach().reshape(-1, input.shape[-1]).to(work)
        W, labels = weight.detach().to(work), target.reshape(-1)
        kept = counted(labels, options.ignore_index)
        if not bool(kept.all()):  # 0 times NaN would reach dW
            x = x.masked_fill(~kept.unsqueeze(-1), 0)
        shift = None if bias is None else bias.detach().to(work)
        (classes, width), rank = W.shape, dist.get_rank(group)
        start = _start(classes, rank, vocab_start)
        smoothing, wants = options.label_smoothing, ctx.needs_input_grad
        weights = options.weight
        if weights is not None:
            weights = weights[start : start + classes]
            if len(weights) != classes:  # which all ranks will find, and refuse
                weights = None
        size = chunk_rows or max(FEW_ROWS, SMALL // max(1, classes * W.element_size()))
        pieces = [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]

        def logits(some: slice) -> Tensor:
            return torch.nn.functional.linear(x[some], W, shift)

        # What dx needs of this rank: the mean of its weights under its own softmax, the label's
        # weights, and, if smoothing asks for it, the sum of all of them: in the last row, or with a
        # softcap, whose slope differs from row to row, in each.
        bent = smoothing > 0 and options.softcap is not None
        extra = (2 + bent) * width if wants[0] else 0
        means, at_label, sums = (slice(4 + k * width, 4 + (k + 1) * width) for k in range(3))
        mine = torch.zeros(len(x) + 1, 4 + extra, dtype=torch.float64, device=x.device)
        for some in pieces:
            z = logits(some)
            mine[some, :4] = _facts(z, labels[some], start, options)
            if extra and classes:
                p, slope = _own_softmax(z, options)
                p = p if slope is None else p * slope
                mine[some, means] = (p.to(work) @ W).double()
                own = torch.nonzero(mine[some, OWNED]).squeeze(-1)
                label = labels[some][own] - start
                taken = W[label].double()
                if slope is not None:
                    taken *= slope[own, label].unsqueeze(-1)
                mine[some, at_label][own] = taken
                if bent and slope is not None:
                    slope = slope if weights is None else slope * weights
                    mine[some, sums] = (slope.to(work) @ W).double()
        mine[-1:] = _own_row(mine, classes, vocab_start)
        if extra and classes and smoothing and not bent:
            for of_these in _in_pieces(*W.shape):
                wide = W[of_these].double()
                wide = wide if weights is None else wide * weights[of_these].unsqueeze(-1)
                mine[-1, at_label] += wide.sum(0)
        gathered = _gathered(mine, group)
        shards = _Shards(gathered[..., :4], labels, rank, options)
        dx = dW = db = None
        if extra:
            share = torch.exp(gathered[:, :-1, LSE] - shards.lse).unsqueeze(-1)
            mean = torch.where(share == 0, 0, share * gathered[:, :-1, means]).sum(0)
            dx = (shards.share + shards.pull).unsqueeze(-1) * mean
            everything = gathered[:, :-1, sums] if bent else gathered[:, -1:, at_label]
            taken = shards.share.unsqueeze(-1) * gathered[:, :-1, at_label].sum(0)
            taken = taken + shards.even * everything.sum(0)
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
        _refuse_second("vocab_parallel_linear_cross_entropy")
        found = [None if g is None else (g * dy).to(g.dtype) for g in ctx.saved_tensors]
        return *found, None, None, None, None, None
