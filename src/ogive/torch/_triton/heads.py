"""Cross-entropy and binary cross-entropy: loss and gradient by the logits in one pass."""

# mypy: ignore-errors
from __future__ import annotations

import torch
import triton
import triton.language as tl

from . import seam
from .double import exp_of_minus, log1p_unit, reciprocal, tanh
from .row_functions import bits, blocks, stored
from .row_math import distances, greatest, joined, log1p, number, others, parameter, power
from .seam import library
from .storage import widen


@triton.jit
def _tanh(x, FULL: tl.constexpr):
    return library.tanh(x) if FULL else tanh(x)


@triton.jit
def _allowed(a, most: tl.constexpr):
    """A target, or NaN where it is not between 0 and its bound, or is infinite."""
    return tl.where((a >= 0) & (a <= most) & (a < float("inf")), a, float("nan"))


@triton.jit
def _finite(a):
    """A weight, or NaN where it is infinite."""
    return tl.where(tl.abs(a) < float("inf"), a, float("nan"))


@triton.jit
def _logits(z_, at, inside, cap, CAPPED: tl.constexpr, FULL: tl.constexpr):
    """Logits, behind their softcap; -inf past the row's end."""
    z = widen(tl.load(z_ + at, mask=inside, other=0.0))
    if CAPPED:
        z = cap * _tanh(z.to(tl.float64) / cap, FULL)
    return tl.where(inside, z, float("-inf"))


@triton.jit
def _weights(
    t_, w_, at, inside, label, smoothing, even, MODE: tl.constexpr, WEIGHTED: tl.constexpr,
    SMOOTHED: tl.constexpr,
):  # fmt: skip
    """What is asked of each class: q = w (t (1 - smoothing) + smoothing/n)."""
    if MODE == "labels":
        q = tl.where(at == label, 1.0 - smoothing, number(0.0))
    else:
        t = widen(tl.load(t_ + at, mask=inside, other=0.0)).to(tl.float64)
        q = _allowed(t, float("inf")) * (1.0 - smoothing)
    if SMOOTHED:
        q = tl.where(inside, q + even, number(0.0))
    if WEIGHTED:
        q = q * _finite(tl.load(w_ + at, mask=inside, other=0.0))
    return q


@triton.jit
def _sums(z, q, at, inverse, FULL: tl.constexpr):
    """A block's greatest logit, its place, the distances d from it, and the sums of a row: of e^d
    but for its own 1, of -d q, and of q at its place and elsewhere.
    """
    most, place = greatest(z, at)
    d = distances(z, at, most, place, inverse)
    rest = others(power(d, FULL), at, place)
    # A class that nothing is asked of adds nothing, also where its logit is -inf.
    linear = tl.sum(tl.where(q == 0, number(0.0), -d * q), axis=0)
    most_q = tl.sum(tl.where(at == place, q, number(0.0)), axis=0)
    return most, place, d, rest, linear, most_q, others(q, at, place)


@triton.jit
def cross_entropy_kernel(
    z_,
    t_,
    w_,
    factor_,
    loss_,
    dz_,
    n,
    ignored,
    smoothing_: tl.int64,
    even_: tl.int64,
    z_loss_: tl.int64,
    cap_: tl.int64,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    MODE: tl.constexpr,
    WEIGHTED: tl.constexpr,
    SMOOTHED: tl.constexpr,
    CAPPED: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    FULL: tl.constexpr,
):
    """One row: after catalog/heads/cross_entropy.hpp, whose names it keeps."""
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    at = tl.arange(0, BLOCK)
    smoothing, z_loss = parameter(smoothing_), parameter(z_loss_)
    cap, inverse = parameter(cap_), parameter(inverse_)
    even = parameter(even_)
    label = 0
    own = number(1.0)
    counts = True
    if MODE == "labels":
        label = tl.load(t_ + row)
        if IGNORES:
            counts = label != ignored
        if WEIGHTED:
            known = (label >= 0) & (label < n)
            own = _finite(tl.load(w_ + tl.where(known, label, 0)))
    else:
        t_ += row * n

    if counts:
        z = _logits(z_, at, at < n, cap, CAPPED, FULL)
        q = _weights(t_, w_, at, at < n, label, smoothing, even, MODE, WEIGHTED, SMOOTHED)
        most, place, d, rest, linear, most_q, rest_q = _sums(z, q, at, inverse, FULL)
        if BLOCKS > 1:
            for k in range(1, BLOCKS):
                here = k * BLOCK + at
                inside = here < n
                z = _logits(z_, here, inside, cap, CAPPED, FULL)
                q = _weights(t_, w_, here, inside, label, smoothing, even, MODE, WEIGHTED, SMOOTHED)
                block_most, block_place, d, block_rest, block_linear, block_q, block_rest_q = _sums(
                    z, q, here, inverse, FULL
                )
                newer = block_most > most
                # The distances of the part whose greatest is the lower one grow alike.
                low_q = tl.where(newer, rest_q + most_q, block_rest_q + block_q)
                gap = tl.abs(block_most.to(tl.float64) - most.to(tl.float64)) * inverse
                grown = tl.where(low_q == 0, number(0.0), gap * low_q)
                linear = linear + block_linear + grown
                rest_q = rest_q + block_rest_q + tl.where(newer, most_q, block_q)
                most_q = tl.where(newer, block_q, most_q)
                rest, most, place = joined(
                    rest, most, place, block_rest, block_most, block_place, inverse, FULL
                )
        log_sum = log1p(rest)
        lse = most.to(tl.float64) * inverse + log_sum
        whole = rest_q + most_q
        pull = 2.0 * own * z_loss * lse
        penalty = own * z_loss * lse * lse
        loss = linear + whole * log_sum + tl.where(z_loss == 0, number(0.0), penalty)
        pull = tl.where(z_loss == 0, number(0.0), pull)
        undefined = rest != rest
        if MODE == "labels":  # a label that is no class leaves nothing defined
            undefined = undefined | (label < 0) | (label >= n)
        tl.store(loss_ + row, tl.where(undefined, float("nan"), loss))
        if GRADIENT:
            factor = tl.load(factor_) * inverse
            over = 1.0 / (1.0 + rest)
            of_most = rest_q - whole * (rest * over) + pull * over
            scale = (whole + pull) * over
            for k in range(0, BLOCKS):
                here = k * BLOCK + at
                inside = here < n
                if BLOCKS > 1:  # otherwise they are held
                    z = _logits(z_, here, inside, cap, CAPPED, FULL)
                    q = _weights(
                        t_, w_, here, inside, label, smoothing, even, MODE, WEIGHTED, SMOOTHED
                    )
                    d = distances(z, here, most, place, inverse)
                g = tl.where(here == place, of_most, power(d, FULL) * scale - q) * factor
                if CAPPED:
                    raw = widen(tl.load(z_ + here, mask=inside, other=0.0)).to(tl.float64)
                    s = _tanh(raw / cap, FULL)
                    e = power(-2.0 * tl.abs(raw / cap), FULL)
                    bend = 4.0 * e / ((1.0 + e) * (1.0 + e))
                    g = tl.where(tl.abs(s) == 1.0, number(0.0), g * bend)
                g = tl.where(undefined, float("nan"), g)
                tl.store(dz_ + here, stored(g, dz_.dtype.element_ty), mask=inside)
    else:
        tl.store(loss_ + row, number(0.0))
        if GRADIENT:
            for k in range(0, BLOCKS):
                here = k * BLOCK + at
                nothing = tl.zeros([BLOCK], tl.float32)
                tl.store(dz_ + here, nothing.to(dz_.dtype.element_ty), mask=here < n)


@triton.jit
def label_kernel(
    z_,
    t_,
    w_,
    factor_,
    loss_,
    dz_,
    n,
    ignored,
    z_loss_: tl.int64,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    WEIGHTED: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    FULL: tl.constexpr,
):
    """`cross_entropy_kernel` for labels without smoothing or softcap: one class is asked for, so
    an element costs two exponentials and little more.
    """
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    at = tl.arange(0, BLOCK)
    z_loss, inverse = parameter(z_loss_), parameter(inverse_)
    label = tl.load(t_ + row)
    known = (label >= 0) & (label < n)
    if IGNORES:
        known = known & (label != ignored)
    own = number(1.0)
    if WEIGHTED:
        own = _finite(tl.load(w_ + tl.where(known, label, 0)))
    # Read before the barriers of the sums: the gradient may take the logits' place.
    target = widen(tl.load(z_ + tl.where(known, label, 0))).to(tl.float64)
    most, place, rest, held = _greatest_and_rest(z_, at, n, inverse, BLOCK, BLOCKS, FULL)
    sure = place == label
    d = (target - most.to(tl.float64)) * inverse
    d = tl.where(sure, number(0.0), d)
    log_sum = log1p(rest)
    lse = most.to(tl.float64) * inverse + log_sum
    # A class that nothing is asked of adds nothing, also where its logit is -inf.
    loss = tl.where(own == 0, number(0.0), own * (log_sum - d))
    pull = tl.where(z_loss == 0, number(0.0), 2.0 * own * z_loss * lse)
    loss += 0.5 * pull * tl.where(pull == 0, number(0.0), lse)
    # A NaN anywhere, several infinities or a label that is no class leave nothing defined.
    undefined = (rest != rest) | (known == 0)
    loss = tl.where(undefined, float("nan"), loss)
    factor = number(0.0)
    if GRADIENT:
        factor = tl.load(factor_) * inverse
    if IGNORES:
        skipped = label == ignored
        loss = tl.where(skipped, number(0.0), loss)
        undefined = (skipped == 0) & undefined
        factor = tl.where(skipped, number(0.0), factor)
    tl.store(loss_ + row, loss)
    if GRADIENT:
        over = 1.0 / (1.0 + rest)
        scale = (own + pull) * over * factor
        of_most = (pull * over + tl.where(sure, -own * (rest * over), own * over)) * factor
        of_label = power(d, FULL) * scale - own * factor
        if IGNORES:  # not even a NaN of the logits comes through
            scale = tl.where(skipped, number(0.0), scale)
            of_most = tl.where(skipped, number(0.0), of_most)
        scale = tl.where(undefined, float("nan"), scale)
        of_most = tl.where(undefined, float("nan"), of_most)
        kind: tl.constexpr = dz_.dtype.element_ty
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:
                z = widen(tl.load(z_ + here, mask=here < n, other=float("-inf")))
            else:
                z = held
            e = power((z.to(tl.float64) - most.to(tl.float64)) * inverse, FULL)
            g = stored(tl.where(scale == 0, number(0.0), e * scale), kind)
            g = tl.where(here == label.to(tl.int32), stored(of_label, kind), g)
            g = tl.where(here == place, stored(of_most, kind), g)
            tl.store(dz_ + here, g, mask=here < n)


@triton.jit
def _greatest_and_rest(
    z_, at, n, inverse, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, FULL: tl.constexpr
):
    """A row's greatest logit, its place, the sum of e^d without its own 1, and its first block."""
    z = widen(tl.load(z_ + at, mask=at < n, other=float("-inf")))
    most, place = greatest(z, at)
    e = power((z.to(tl.float64) - most.to(tl.float64)) * inverse, FULL)
    rest = others(e, at, place)
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            block = widen(tl.load(z_ + here, mask=here < n, other=float("-inf")))
            block_most, block_place = greatest(block, here)
            e = power((block.to(tl.float64) - block_most.to(tl.float64)) * inverse, FULL)
            rest, most, place = joined(
                rest, most, place, others(e, here, block_place), block_most, block_place,
                inverse, FULL,
            )  # fmt: skip
    return most, place, rest, z


def cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
    out: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each row and gradient by the logits, classes last.

    Parameters
    ----------
    target
        Labels, one per row, or probabilities of the logits' shape. A label that is neither a class
        nor ``ignore_index`` gives NaN, and so does a probability that is negative and a weight that
        is infinite: asking for it on the host would wait for the device.
    factor
        Multiplies the gradient before it is rounded: 1/total for a mean.
    gradient
        Whether it is asked for; None is returned in its place otherwise.
    out
        Takes the gradient: contiguous, of the logits' shape and format; it may be the logits.

    Returns
    -------
    loss, dlogits
        float64, so that a sum is rounded once; and the logits' format.
    """
    z = logits.contiguous()
    if out is not None and not (
        out.is_contiguous() and out.shape == z.shape and out.dtype == z.dtype
    ):
        raise ValueError(
            f"out of shape {tuple(out.shape)}, strides {out.stride()} and {out.dtype} is no "
            f"contiguous {z.dtype} tensor of the logits' shape {tuple(z.shape)}"
        )
    n, lead = z.shape[-1], z.shape[:-1]
    labels = target.shape == lead and not target.is_floating_point()
    t = target.contiguous()
    loss = torch.empty(lead, dtype=torch.float64, device=z.device)
    dz = (torch.empty_like(z) if out is None else out) if gradient else None
    if isinstance(factor, torch.Tensor):
        by = factor.to(device=z.device, dtype=torch.float64)
    else:
        by = torch.full((), float(factor), dtype=torch.float64, device=z.device)
    w = None if weight is None else weight.to(torch.float64).contiguous()
    arrays = (z, t, z if w is None else w, by, loss, z if dz is None else dz, n)
    ignored = 0 if ignore_index is None else ignore_index
    how = {
        "WEIGHTED": w is not None, "IGNORES": labels and ignore_index is not None,
        "GRADIENT": gradient, "FULL": z.dtype == torch.float64, "enable_fp_fusion": False,
        **blocks(n),
    }  # fmt: skip
    if loss.numel() and n and labels and label_smoothing == 0 and softcap is None:
        label_kernel[(loss.numel(),)](*arrays, ignored, bits(z_loss), bits(1 / temperature), **how)
    elif loss.numel() and n:
        cross_entropy_kernel[(loss.numel(),)](
            *arrays, ignored, bits(label_smoothing), bits(label_smoothing / n),
            bits(z_loss), bits(softcap or 0.0), bits(1 / temperature),
            MODE="labels" if labels else "probabilities", SMOOTHED=label_smoothing != 0,
            CAPPED=softcap is not None, **how,
        )  # fmt: skip
    return loss, dz


@triton.jit
def binary_kernel(
    z_,
    t_,
    positive_,
    w_,
    factor_,
    loss_,
    dz_,
    n,
    positive_count,
    w_count,
    smoothing_: tl.int64,
    BLOCK: tl.constexpr,
    POSITIVE: tl.constexpr,
    WEIGHTED: tl.constexpr,
    SUMMED: tl.constexpr,
    GRADIENT: tl.constexpr,
    FULL: tl.constexpr,
):
    """Elements: after catalog/heads/binary_cross_entropy.hpp, whose names it keeps."""
    block = tl.program_id(0).to(tl.int64)
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    smoothing = parameter(smoothing_)
    given = widen(tl.load(z_ + at, mask=inside, other=0.0))
    x = given.to(tl.float64)
    t = _allowed(widen(tl.load(t_ + at, mask=inside, other=0.0)).to(tl.float64), 1.0)
    target = t * (1.0 - smoothing) + smoothing * 0.5
    yes, no = target, 1.0 - target
    if POSITIVE:
        w = tl.load(positive_ + at % positive_count, mask=inside, other=0.0)
        yes = yes * _finite(w)
    if WEIGHTED:
        w = _finite(tl.load(w_ + at % w_count, mask=inside, other=0.0))
        yes, no = yes * w, no * w
    size = tl.abs(x)
    if FULL:
        e = library.exp(-size)
        tail = library.log1p(e)
        inverse = 1.0 / (1.0 + e)
    else:
        e = exp_of_minus(size)
        tail = log1p_unit(e)
        inverse = reciprocal(1.0 + e)
    up, down = tl.maximum(x, 0.0) + tail, tl.maximum(-x, 0.0) + tail
    # A side without weight adds nothing, also where its loss is infinite.
    loss = tl.where(yes == 0, number(0.0), yes * down) + tl.where(no == 0, number(0.0), no * up)
    loss = tl.where(x == x, loss, x)
    if SUMMED:
        tl.store(loss_ + block, tl.sum(tl.where(inside, loss, number(0.0)), axis=0))
    else:
        tl.store(loss_ + at, stored(loss, loss_.dtype.element_ty), mask=inside)
    if GRADIENT:
        large, small = inverse, e * inverse
        above, below = tl.where(x < 0, small, large), tl.where(x < 0, large, small)
        g = (no * above - yes * below) * tl.load(factor_)
        g = tl.where(x == x, g, x)
        tl.store(dz_ + at, stored(g, dz_.dtype.element_ty), mask=inside)


BINARY_BLOCK = seam.scale(1024, 1 << 12)


def binary_cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    pos_weight: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
    summed: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each element, or their sum in float64, and gradient by the logits.

    The losses come in the logits' format, or in float32 where that has sixteen bits. Weights are
    broadcast against the logits.
    """
    z = logits.contiguous()
    t = target.contiguous()
    n = z.numel()
    programs = triton.cdiv(n, BINARY_BLOCK)
    if summed:
        loss = torch.empty(programs, dtype=torch.float64, device=z.device)
    else:
        wide = torch.promote_types(z.dtype, torch.float32)
        loss = torch.empty(z.shape, dtype=wide, device=z.device)
    dz = torch.empty_like(z) if gradient else None
    if isinstance(factor, torch.Tensor):
        by = factor.to(device=z.device, dtype=torch.float64)
    else:
        by = torch.full((), float(factor), dtype=torch.float64, device=z.device)
    positive, w = (_spread(each, z) for each in (pos_weight, weight))
    if n:
        binary_kernel[(programs,)](
            z, t, by if positive is None else positive, by if w is None else w, by, loss,
            z if dz is None else dz, n, 1 if positive is None else positive.numel(),
            1 if w is None else w.numel(), bits(label_smoothing), BLOCK=BINARY_BLOCK,
            POSITIVE=positive is not None, WEIGHTED=w is not None, SUMMED=summed,
            GRADIENT=gradient, FULL=z.dtype == torch.float64, enable_fp_fusion=False,
        )  # fmt: skip
    return loss.sum() if summed else loss, dz


def _spread(weight: torch.Tensor | None, z: torch.Tensor) -> torch.Tensor | None:
    """A weight in float64 that repeats along the logits: whole, or one for their last axes."""
    if weight is None:
        return None
    w = weight.to(torch.float64)
    while w.dim() and w.shape[0] == 1:
        w = w[0]
    if w.shape != z.shape[z.dim() - w.dim() :]:
        w = w.broadcast_to(z.shape)
    return w.contiguous()


def _add_product(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """total += a b, where the total may be of a wider format: no product is rounded to theirs."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    elif a.is_cuda:
        total += torch.mm(a, b, out_dtype=total.dtype)
    else:
        total.addmm_(a.to(total.dtype), b.to(total.dtype))


CHUNK_BYTES = 1 << 28
"""Of logits that exist at a time."""


def linear_cross_entropy(
    x: torch.Tensor,
    W: torch.Tensor,
    target: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    factor: float | torch.Tensor = 1.0,
    chunk_rows: int | None = None,
    **options: object,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Loss of each row of x W' + bias, and its gradients by x, W and bias.

    The logits exist a chunk of rows at a time, and the gradient takes their place; dW is summed in
    float32 at least, within a chunk and between them. Options are those of `cross_entropy`.
    """
    rows, classes = x.shape[0], W.shape[0]
    chunk = chunk_rows or max(1, min(rows, CHUNK_BYTES // (classes * x.element_size())))
    loss = torch.empty(rows, dtype=torch.float64, device=x.device)
    wide = torch.promote_types(x.dtype, torch.float32)
    dx = torch.empty_like(x)
    dW = torch.zeros(W.shape, dtype=wide, device=x.device)
    db = None if bias is None else torch.zeros(classes, dtype=torch.float64, device=x.device)
    for begin in range(0, rows, chunk):
        some = slice(begin, begin + chunk)
        logits = x[some] @ W.T
        if bias is not None:
            logits += bias
        part, dz = cross_entropy(
            logits,
            target[some],
            factor=factor,
            out=logits,
            **options,  # type: ignore[arg-type]
        )
        loss[some] = part
        torch.matmul(dz, W, out=dx[some])
        _add_product(dW, dz.T, x[some])
        if db is not None:
            db += dz.sum(0, dtype=torch.float64)
    return loss, dx, dW.to(W.dtype), None if bias is None else db.to(bias.dtype)
