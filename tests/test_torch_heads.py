"""Losses: torch's where torch has them, NumPy's bits, and what torch gets wrong."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from cases import ELEMENT_LOSSES, ROW_LOSSES, other_number  # noqa: E402
from ogive.calls import losses  # noqa: E402
from ogive.catalog import Card, find  # noqa: E402
from ogive.torch import _heads  # noqa: E402
from ogive.torch._formats import HALVES  # noqa: E402
from ogive.torch._loss_eager import FEW  # noqa: E402
from torch_cases import same_bits, to_numpy, weighted  # noqa: E402

ROWS, CLASSES = 6, 5
LABELS = torch.tensor([0, 4, 2, -100, 1, 3])
PROBABILITIES = torch.softmax(
    torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(2), dtype=torch.float64), 1
)
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5], dtype=torch.float64)


def logits(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return 3 * torch.randn(
        ROWS, CLASSES, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    ).to(dtype)


def variants(card: Card) -> list[dict[str, Any]]:
    """Options of a loss: other numbers, numbers that may be absent, weights, each reduction."""
    numbers = {p.name: other_number(p) for p in card.parameters if p.operand}
    absent = {p.name: None for p in card.parameters if p.as_operands and p.default is not None}
    weights = dict.fromkeys(card.weights, WEIGHT)
    each = [numbers, {**absent, **weights, "reduction": "sum"}]
    return [*each, {**numbers, **weights, "reduction": "none"}]


def targets(card: Card) -> list[torch.Tensor]:
    return [LABELS, PROBABILITIES] if card.over_rows else [PROBABILITIES]


HEADS = [
    (name, target, options)
    for name in (*ROW_LOSSES, *ELEMENT_LOSSES)
    for target in targets(ogive.card(name))
    for options in variants(ogive.card(name))
]
every_head = pytest.mark.parametrize(
    ("name", "target", "options"),
    HEADS,
    ids=[f"{n}-{'p' if t.is_floating_point() else 'l'}-{'-'.join(o)}" for n, t, o in HEADS],
)


@every_head
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_value_and_gradient_have_numpy_s_bits(
    name: str, target: torch.Tensor, options: dict[str, Any], dtype: torch.dtype
) -> None:
    z = logits(dtype).requires_grad_()
    given = target.to(dtype) if target.is_floating_point() else target
    loss = getattr(ot, name)(z, given, **options)
    (dz,) = torch.autograd.grad(loss.sum(), z)
    plain = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
    if not target.is_floating_point():
        plain["ignore_index"] = -100
    expected = getattr(ogive.value_and_grad, name)(to_numpy(z), to_numpy(given), **plain)
    assert same_bits(loss, np.asarray(expected[0]))
    assert same_bits(dz, expected[1])
    assert same_bits(getattr(ot, name)(z.detach(), given, **options), np.asarray(expected[0]))


@every_head
def test_the_formula_has_the_derivatives_of_the_kernel(
    name: str, target: torch.Tensor, options: dict[str, Any]
) -> None:
    f = getattr(ot, name)
    z = logits().requires_grad_()
    loss = weighted(f(z, target, **options))
    (dz,) = torch.autograd.grad(loss, z)
    torch.testing.assert_close(torch.func.grad(lambda z: weighted(f(z, target, **options)))(z), dz)
    tangent = torch.randn_like(z)
    _, along = torch.func.jvp(
        lambda z: weighted(f(z, target, **options)), (z.detach(),), (tangent,)
    )
    torch.testing.assert_close(along, (dz * tangent).sum())
    if not ogive.card(name).hessians:  # they jump
        return
    assert torch.autograd.gradgradcheck(lambda z: f(z, target, create_graph=True, **options), (z,))


@every_head
def test_gradients_are_those_of_differences(
    name: str, target: torch.Tensor, options: dict[str, Any]
) -> None:
    z = logits().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: getattr(ot, name)(z, target, **options), (z,))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("target", [LABELS, PROBABILITIES], ids=["labels", "probabilities"])
def test_cross_entropy_is_torch_s(
    target: torch.Tensor, weight: Any, smoothing: float, reduction: str
) -> None:
    options = {"reduction": reduction, "label_smoothing": smoothing}
    for z, t in (
        (logits(), target),
        (logits().reshape(2, 3, CLASSES).movedim(-1, 1),
         target.reshape(2, 3) if target.dim() == 1 else target.reshape(2, 3, -1).movedim(-1, 1)),
    ):  # fmt: skip
        z = z.requires_grad_()
        losses = [f(z, t, weight, **options) for f in (ot.cross_entropy, F.cross_entropy)]
        torch.testing.assert_close(*losses)
        torch.testing.assert_close(*(torch.autograd.grad(weighted(y), z)[0] for y in losses))


def test_binary_cross_entropy_is_torch_s() -> None:
    z = logits().requires_grad_()
    for options in ({}, {"pos_weight": WEIGHT}, {"weight": WEIGHT, "reduction": "none"}):
        ours = ot.binary_cross_entropy(z, PROBABILITIES, **options)
        theirs = F.binary_cross_entropy_with_logits(z, PROBABILITIES, **options)
        torch.testing.assert_close(ours, theirs)
        both = [torch.autograd.grad(weighted(y), z)[0] for y in (ours, theirs)]
        torch.testing.assert_close(*both)


def test_confident_rows_keep_loss_and_gradient_where_torch_has_none() -> None:
    z = torch.tensor([[20.0, 0.0]], requires_grad=True)
    t = torch.tensor([0])
    loss = ot.cross_entropy(z, t)
    (dz,) = torch.autograd.grad(loss, z)
    assert loss.item() == pytest.approx(np.exp(-20), rel=1e-6)
    assert float(dz[0, 0]) == pytest.approx(-np.exp(-20), rel=1e-6)
    assert F.cross_entropy(z, t).item() == 0


def test_all_rows_ignored_cost_nothing() -> None:
    z = logits().requires_grad_()
    loss = ot.cross_entropy(z, torch.full((ROWS,), -100))
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None
    assert not z.grad.any()


def kept_by(call: Any) -> tuple[Any, list[torch.Tensor]]:
    """What a call returns, and the tensors that its graph holds."""
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        return call(), kept


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "none"}, {"weight": torch.ones(64)}, {"label_smoothing": float("0")}],
)  # the default, as an object of its own
def test_no_tensor_is_made_for_backward_of_many_logits(
    options: dict[str, Any], dtype: torch.dtype
) -> None:
    z = torch.randn(FEW // 64 + 1, 64, dtype=dtype, requires_grad=True)
    t = torch.zeros(len(z), dtype=torch.uint8)
    weights = [w for w in options.values() if isinstance(w, torch.Tensor)]
    _, kept = kept_by(lambda: ot.cross_entropy(z, t, **options))
    assert {k.data_ptr() for k in kept} == {k.data_ptr() for k in (z, t, *weights)}
    _, kept = kept_by(lambda: ot.cross_entropy(z, t, create_graph=False, **options))
    assert [k.shape for k in kept] == [z.shape]
    assert kept[0].data_ptr() != z.data_ptr()


def test_the_gradient_of_few_logits_is_kept_beside_them() -> None:
    z, t = torch.randn(FEW // 64, 64, requires_grad=True), torch.zeros(FEW // 64, dtype=torch.int64)
    loss, kept = kept_by(lambda: ot.cross_entropy(z, t))
    ours = [k for k in kept if k.data_ptr() not in (z.data_ptr(), t.data_ptr())]
    assert [k.shape for k in ours] == [z.shape]
    assert torch.autograd.grad(loss, z)[0].data_ptr() == ours[0].data_ptr()


def test_where_a_second_run_would_be_slow_the_gradient_is_kept_beside_the_logits() -> None:
    z, p = torch.randn(64, 100, requires_grad=True), torch.full((64, 100), 0.01)
    for f, target in ((ot.cross_entropy, p), (ot.binary_cross_entropy, p), (ot.sigmoid_focal, p)):
        loss, kept = kept_by(lambda f=f, target=target: f(z, target))
        ours = [k for k in kept if k.data_ptr() not in (z.data_ptr(), p.data_ptr())]
        assert [k.shape for k in ours] == [z.shape]
        (dz,) = torch.autograd.grad(loss, z)
        assert dz.data_ptr() == ours[0].data_ptr()  # nobody can ask for it again


@pytest.mark.parametrize("shape", [(4, 10), (64, 100)])
@pytest.mark.parametrize("name", [*ROW_LOSSES, *ELEMENT_LOSSES])
def test_a_gradient_may_be_asked_for_again_and_changed(name: str, shape: Any) -> None:
    z = torch.randn(shape, requires_grad=True)
    t = torch.arange(shape[0]) % shape[1] if name in ROW_LOSSES else torch.rand(shape)
    for create_graph in (True, False):
        loss = getattr(ot, name)(z, t, create_graph=create_graph)
        (first,) = torch.autograd.grad(loss, z, retain_graph=True)
        kept = first.clone()
        first.mul_(100)
        (second,) = torch.autograd.grad(2 * loss, z, retain_graph=True)
        torch.testing.assert_close(second, 2 * kept, rtol=3e-7, atol=0)
        second.zero_()
        assert torch.equal(torch.autograd.grad(loss, z)[0], kept)
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(loss, z)


@pytest.mark.parametrize("shape", [(4, 10), (64, 100)])
@pytest.mark.parametrize("name", [*ROW_LOSSES, *ELEMENT_LOSSES])
@pytest.mark.parametrize("changed", ["logits", "target"])
def test_what_backward_reads_must_not_be_written_over(changed: str, name: str, shape: Any) -> None:
    w = torch.randn(shape, requires_grad=True)
    z = w * 1
    t = torch.arange(shape[0]) % shape[1] if name in ROW_LOSSES else torch.rand(shape)
    loss = getattr(ot, name)(z, t)
    with torch.no_grad():
        (z if changed == "logits" else t).mul_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_second_derivative_of_what_keeps_its_gradient_alone_is_refused() -> None:
    z = logits().requires_grad_()
    loss = ot.cross_entropy(z, LABELS, create_graph=False)
    with pytest.raises(RuntimeError, match="create_graph=False"):
        torch.autograd.grad(loss, z, create_graph=True)


@every_head
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_gradient_times_what_comes_from_upstream_is_rounded_once(
    name: str, target: torch.Tensor, options: dict[str, Any], dtype: torch.dtype
) -> None:
    """Of halves; a gradient that alone would vanish comes through a scaled loss."""
    for scale in (1024.0, -3.0, 2.0**-10 if dtype is torch.float16 else 2.0**-40, 0.0):
        found = []
        for form in (dtype, torch.float64):
            z = logits(dtype).to(form).requires_grad_()
            given = target.to(dtype).to(form) if target.is_floating_point() else target
            loss = getattr(ot, name)(z, given, **options)
            dy = scale * (1 + torch.arange(loss.numel(), dtype=form).reshape(loss.shape))
            found.append(torch.autograd.grad(loss, z, dy)[0].double())
        eps = torch.finfo(dtype).eps
        unit, least = (0.502 if dtype in HALVES else 1.2) * eps, torch.finfo(dtype).tiny * eps
        if name == "sigmoid_focal" and loss.dim():
            unit *= 2  # its kernel has one factor for all
        assert ((found[0] - found[1]).abs() <= unit * found[1].abs() + least).all()


@every_head
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("repeats", [1, 100])  # of more logits no gradient is kept
def test_masked_losses_send_nothing_back(
    name: str, target: torch.Tensor, options: dict[str, Any], dtype: torch.dtype, repeats: int
) -> None:
    """Of which the loss is multiplied by 0, whatever their logits are; and negative ones do."""
    given = target.to(dtype) if target.is_floating_point() else target
    given = given.repeat(repeats, *(1,) * (given.dim() - 1))
    options = {**options, "reduction": "none"}
    z = logits(dtype).repeat(repeats, 1)
    z[3], z[5, 2] = float("nan"), float("inf")
    x, finite = z.clone().requires_grad_(), torch.where(z.isfinite(), z, 0).requires_grad_()
    loss = getattr(ot, name)(x, given, **options)
    mask = torch.where(torch.arange(len(z)) % 3 == 0, 1.0, -2.5).to(dtype)
    mask[3] = mask[5] = 0
    mask = mask.reshape(-1, *(1,) * (loss.dim() - 1)).expand(loss.shape)
    (expected,) = torch.autograd.grad(getattr(ot, name)(finite, given, **options), finite, mask)
    for dy in (mask, mask.contiguous()):
        (found,) = torch.autograd.grad(loss, x, dy, retain_graph=True)
        assert torch.equal(found, expected)
    assert not found[[3, 5]].any()


NEGATIVE = torch.tensor([-0.5, 1.0, -2.0, 0.25, 1.5], dtype=torch.float64)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("target", [LABELS, PROBABILITIES], ids=["labels", "probabilities"])
def test_weights_may_be_negative_as_in_torch(
    target: torch.Tensor, smoothing: float, reduction: str
) -> None:
    z = logits().requires_grad_()
    for weight in (NEGATIVE, -NEGATIVE, -WEIGHT):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        losses = [f(z, target, weight, **options) for f in (ot.cross_entropy, F.cross_entropy)]
        torch.testing.assert_close(*losses)
        torch.testing.assert_close(*(torch.autograd.grad(weighted(y), z)[0] for y in losses))
    for name in ("weight", "pos_weight"):
        options = {name: NEGATIVE, "reduction": reduction}
        losses = [
            ot.binary_cross_entropy(z, PROBABILITIES, **options),
            F.binary_cross_entropy_with_logits(z, PROBABILITIES, **options),
        ]
        torch.testing.assert_close(*losses)
        torch.testing.assert_close(*(torch.autograd.grad(weighted(y), z)[0] for y in losses))


def test_a_mean_over_weights_that_cancel_is_torch_s_and_over_none_is_zero() -> None:
    z, t = torch.randn(2, 3, requires_grad=True), torch.tensor([0, 1])
    cancel = torch.tensor([1.0, -1.0, 1.0])
    losses = [f(z, t, cancel) for f in (ot.cross_entropy, F.cross_entropy)]
    assert losses[0].item() == losses[1].item()
    assert losses[0].isinf()
    for name in ROW_LOSSES:  # torch's cross-entropy has NaN too
        (dz,) = torch.autograd.grad(getattr(ot, name)(z, t, weight=cancel), z)
        assert not dz.isfinite().any(), name
    for nothing in (ot.cross_entropy(z, t, torch.zeros(3)), ot.cross_entropy(z, 0 * t - 100)):
        (dz,) = torch.autograd.grad(nothing, z)
        assert nothing.item() == 0
        assert not dz.any()


def test_targets_that_learn_get_their_gradient() -> None:
    z, t = logits(), PROBABILITIES.clone().requires_grad_()
    (ours,) = torch.autograd.grad(ot.cross_entropy(z, t), t)
    (theirs,) = torch.autograd.grad(F.cross_entropy(z, t), t)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", [*ROW_LOSSES, *ELEMENT_LOSSES])
def test_compiled_and_exported_losses_are_the_same(name: str) -> None:
    torch._dynamo.reset()
    f = getattr(ot, name)
    z, t = logits(torch.float32).requires_grad_(), PROBABILITIES.float()
    t = LABELS if ogive.card(name).over_rows else t
    found = torch.compile(f, backend="aot_eager", fullgraph=True)(z, t)
    assert torch.equal(found, f(z, t))
    assert torch.equal(*(torch.autograd.grad(y, z)[0] for y in (found, f(z, t))))

    class Loss(torch.nn.Module):
        def forward(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return f(z, t)

    program = torch.export.export(Loss(), (z.detach(), t))
    assert any(f"ogive.{name}" in str(node.target) for node in program.graph.nodes)
    assert torch.equal(program.module()(z.detach(), t), f(z, t))


def test_autocast_losses_are_float32() -> None:
    z = logits(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert ot.cross_entropy(z, LABELS).dtype == torch.float32


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_linear_head_under_autocast_is_torch_s(create_graph: bool, reduction: str) -> None:
    x, W, b = layer(torch.float32)
    losses = []
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for f, more in (
            (ot.linear_cross_entropy, {"create_graph": create_graph}),
            (F.linear_cross_entropy, {}),
        ):
            loss = f(x, W, LABELS, linear_bias=b, reduction=reduction, **more)
            assert loss.dtype == torch.float32
            losses.append((loss, *torch.autograd.grad(weighted(loss), (x, W, b))))
    for ours, theirs in zip(*losses, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "linear_cross_entropy"])
def test_the_operator_passes_opcheck(name: str) -> None:
    z = logits().requires_grad_()
    op = getattr(torch.ops.ogive, name).default
    if name == "cross_entropy":
        given: tuple[Any, ...] = (z, LABELS, 1, WEIGHT, -100, 0.1, 0.0, None, 1.0, "mean", True)
    elif name == "binary_cross_entropy":
        given = (z, PROBABILITIES, 0, None, None, 0.0, "none", True)
    else:
        x, W, b = layer()
        given = (x, W, b, LABELS, None, -100, 0.0, 0.0, None, 1.0, "mean", 2, [True] * 3)
    torch.library.opcheck(op, given)


def layer(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(4)
    shapes = (ROWS, 3), (CLASSES, 3), (CLASSES,)
    return tuple(
        torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for s in shapes
    )


@pytest.mark.parametrize("chunk_rows", [None, 1, 4])
@pytest.mark.parametrize(
    "options", variants(ogive.card("cross_entropy")), ids=lambda o: "-".join(o)
)
@pytest.mark.parametrize("target", [LABELS, PROBABILITIES], ids=["labels", "probabilities"])
def test_the_linear_head_is_the_head_of_the_layer(
    target: torch.Tensor, options: dict[str, Any], chunk_rows: Any
) -> None:
    x, W, b = layer()
    ours = ot.linear_cross_entropy(x, W, target, linear_bias=b, chunk_rows=chunk_rows, **options)
    whole = ot.cross_entropy(F.linear(x, W, b), target, **options)
    torch.testing.assert_close(ours, whole)
    for a, e in zip(
        torch.autograd.grad(weighted(ours), (x, W, b)),
        torch.autograd.grad(weighted(whole), (x, W, b)),
        strict=True,
    ):
        torch.testing.assert_close(a, e)
    if chunk_rows != 4:
        return
    torch._dynamo.reset()
    compiled = torch.compile(ot.linear_cross_entropy, backend="aot_eager", fullgraph=True)
    again = compiled(x, W, target, linear_bias=b, chunk_rows=chunk_rows, **options)
    torch.testing.assert_close(again, whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_in_the_linear_head_are_summed_wide(dtype: torch.dtype) -> None:
    x, W, b = layer(dtype)
    loss = ot.linear_cross_entropy(x, W, LABELS, linear_bias=b)
    wide = [t.detach().double().requires_grad_() for t in (x, W, b)]
    exact = ot.linear_cross_entropy(wide[0], wide[1], LABELS, linear_bias=wide[2])
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(exact.item(), rel=2 * torch.finfo(dtype).eps)
    found = torch.autograd.grad(loss, (x, W, b))
    for a, e in zip(found, torch.autograd.grad(exact, wide), strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), e, rtol=torch.finfo(dtype).eps, atol=1e-4)


def test_the_logits_are_never_whole() -> None:
    """The largest tensor made is far smaller than rows times classes."""
    from torch.utils._python_dispatch import TorchDispatchMode

    x = torch.randn(2048, 8, requires_grad=True)
    W = torch.randn(4000, 8, requires_grad=True)
    t = torch.zeros(2048, dtype=torch.long)
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for each in out if isinstance(out, (tuple, list)) else [out]:
                if isinstance(each, torch.Tensor):
                    largest = max(largest, each.numel())
            return out

    kernels = ot.linear_cross_entropy(x, W, t, chunk_rows=64)  # the way without a mode
    with Watch():
        loss = ot.linear_cross_entropy(x, W, t, chunk_rows=64)
    loss.backward()
    assert loss.item() == kernels.item()
    assert largest <= 64 * 4000


BAD: list[tuple[type[Exception], str, Any]] = [
    (
        IndexError,
        r"target\[1\] = 7: labels must be in \[0, 5\)",
        lambda z: ot.cross_entropy(z, torch.tensor([0, 7, 1, 2, 3, 4])),
    ),
    (
        ValueError,
        r"target of shape \(3,\) fits logits of shape \(6, 5\)",
        lambda z: ot.cross_entropy(z, torch.tensor([0, 1, 2])),
    ),
    (ValueError, "reduction must be", lambda z: ot.cross_entropy(z, LABELS, reduction="avg")),
    (IndexError, "dim = 3 is out of range", lambda z: ot.cross_entropy(z, LABELS, dim=3)),
    (
        ValueError,
        "label_smoothing must be in",
        lambda z: ot.cross_entropy(z, LABELS, label_smoothing=2.0),
    ),
    (
        TypeError,
        "unexpected keyword argument 'smooth'",
        lambda z: ot.cross_entropy(z, LABELS, smooth=1),
    ),
    (TypeError, "target must be a Tensor", lambda z: ot.cross_entropy(z, [0] * 6)),
    (
        RuntimeError,
        "real numbers, not of torch.complex64",
        lambda z: ot.cross_entropy(z.to(torch.complex64), LABELS),
    ),
    (
        ValueError,
        r"probabilities must be between 0 and 1",
        lambda z: ot.binary_cross_entropy(z, 2 * z.abs()),
    ),
    (ValueError, "do not fit", lambda z: ot.linear_cross_entropy(z, torch.ones(5, 4), LABELS)),
    (RuntimeError, "different devices", lambda z: ot.cross_entropy(z, LABELS.to("meta"))),
]


@pytest.mark.parametrize(("kind", "message", "call"), BAD, ids=[m for _, m, _ in BAD])
def test_bad_input_is_refused_with_its_place(
    kind: type[Exception], message: str, call: Any
) -> None:
    with pytest.raises(kind, match=message):
        call(logits())


def test_weights_that_learn_get_their_gradient_beside_plain_tensors() -> None:
    z = logits(torch.float32).requires_grad_()
    w = torch.rand(5, requires_grad=True)
    (found,) = torch.autograd.grad(ot.cross_entropy(z, LABELS, w), w)
    losses = torch.nn.functional.cross_entropy(z, LABELS, reduction="none")
    own = torch.where(LABELS < 0, 0, w[LABELS.clamp(min=0)])
    (expected,) = torch.autograd.grad((own * losses).sum() / own.sum(), w)
    torch.testing.assert_close(found, expected)
    p = torch.sigmoid(logits()).requires_grad_()
    assert torch.autograd.grad(ot.binary_cross_entropy(z, p), p)[0].any()
    with torch.autocast("cpu"):
        assert ot.cross_entropy(z.bfloat16(), LABELS).dtype == torch.float32


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize(("name", "value"), [("temperature", 2.0), ("softcap", 5.0)])
def test_options_that_learn_get_their_gradient(name: str, value: float, reduction: str) -> None:
    z, option = logits(torch.float32), torch.tensor(value, requires_grad=True)
    kept = LABELS.clamp(min=0)

    def ours(option: Any) -> torch.Tensor:
        return ot.cross_entropy(z, kept, **{name: option}, reduction=reduction).sum()

    (found,) = torch.autograd.grad(ours(option), option)
    step = 1e-2
    expected = (ours(value + step) - ours(value - step)) / (2 * step)
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_tensor_without_axes_is_a_number(reduction: str) -> None:
    z = logits(torch.float32)
    given, number = (
        ot.cross_entropy(z, LABELS, label_smoothing=eps, reduction=reduction)
        for eps in (torch.tensor(0.25), 0.25)
    )
    assert same_bits(given, to_numpy(number))


@pytest.mark.parametrize("target", ["labels", "probabilities", "images"])
def test_the_names_of_options_are_the_card_s(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_heads, "Operators", lambda derivatives: None)
    card, names = find("sparsemax_loss"), {"weight": "of_classes", "ignore_index": "left_out"}
    parameters = [replace(p, name=names.get(p.name, p.name)) for p in card.parameters]
    renamed = _heads.public(_heads.Head(replace(card, peers=(), parameters=tuple(parameters))))
    z = logits() if target != "images" else logits().unsqueeze(2).repeat(1, 1, 2)
    images = LABELS.unsqueeze(1).repeat(1, 2)
    goal = {"labels": LABELS, "probabilities": PROBABILITIES, "images": images}[target]
    for options in ({}, {"weight": WEIGHT}, {"weight": WEIGHT, "reduction": "none"}):
        a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
        found = renamed(a, goal, **{names.get(k, k): v for k, v in options.items()})
        expected = ot.sparsemax_loss(b, goal, **options)
        assert torch.equal(found, expected)
        found.sum().backward()
        expected.sum().backward()
        assert torch.equal(a.grad, b.grad)
    if target != "probabilities":
        goal = goal.clamp(min=0)
        found = renamed(z, goal, left_out=3)
        assert torch.equal(found, ot.sparsemax_loss(z, goal, ignore_index=3))


@pytest.mark.parametrize("name", ["sparsemax_loss", "binary_cross_entropy"])
def test_a_loss_may_have_no_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_heads, "Operators", lambda derivatives: None)
    monkeypatch.setattr(losses, "written_order", lambda rows: lambda weights, numbers: ())
    card = find(name)
    without = tuple(p for p in card.parameters if p.role != "weights")
    function = _heads.public(_heads.Head(replace(card, peers=(), parameters=without)))
    assert list(inspect.signature(function).parameters)[:3] == [
        "input", "target", "dim" if card.over_rows else "label_smoothing"
    ]  # fmt: skip
