"""The linear cross-entropy is torch's linear layer and cross-entropy, whichever way it is asked.

The reference is torch's own of whole logits, in float64.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

import ogive.torch as ot  # noqa: E402
from ogive.torch import _warn  # noqa: E402
from torch_tables import saved_bytes  # noqa: E402

ROWS, WIDTH, CLASSES = 6, 4, 5
Tensors = tuple[Any, ...]
several_losses = pytest.mark.parametrize("several", [(), (3,), (2, 2)], ids=str)
each_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def layer(several: tuple[int, ...] = (), dtype: Any = torch.float64, rows: int = ROWS) -> Tensors:
    """Inputs, weights and bias, all of which learn."""
    generator = torch.Generator().manual_seed(4)
    shapes = (rows, WIDTH), (CLASSES, *several, WIDTH), (CLASSES, *several)
    wide = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return tuple(t.to(dtype).requires_grad_() for t in wide)


def labels(several: tuple[int, ...] = (), ignored: int = -100) -> Any:
    """The second input has no label that counts."""
    generator = torch.Generator().manual_seed(5)
    found = torch.randint(CLASSES, (ROWS, *several), generator=generator)
    found[1] = ignored
    return found


def probabilities(several: tuple[int, ...] = ()) -> Any:
    generator = torch.Generator().manual_seed(6)
    return torch.rand((ROWS, CLASSES, *several), generator=generator, dtype=torch.float64)


def ours(x: Any, W: Any, b: Any, target: Any, **options: Any) -> Any:
    return ot.linear_cross_entropy(x, W, target, linear_bias=b, **options)


def theirs(x: Any, W: Any, b: Any, target: Any, chunk_rows: Any = None, **options: Any) -> Any:
    classes, *several, width = W.shape
    z = F.linear(x, W.reshape(-1, width), None if b is None else b.reshape(-1))
    return F.cross_entropy(z.reshape(*x.shape[:-1], classes, *several), target, **options)


def close(found: Any, exact: Any, **within: Any) -> None:
    found, exact = tree_leaves(found), tree_leaves(exact)
    assert len(found) == len(exact)
    for a, e in zip(found, exact, strict=True):
        torch.testing.assert_close(a, e, **within)


def same(found: Any, expected: Any) -> bool:
    return all(map(torch.equal, tree_leaves(found), tree_leaves(expected)))


def up(loss: Any) -> Any:
    return torch.linspace(0.5, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)


def derivatives(loss: Any, leaves: Any, order: int) -> list[Any]:
    found = [loss]
    for _ in range(order):
        *_, last = found
        total = sum(((each * each).sum() for each in tree_leaves(last)), torch.zeros(()))
        found.append(torch.autograd.grad(total, leaves, create_graph=True))
    return found


@several_losses
@each_reduction
@pytest.mark.parametrize("kind", [labels, probabilities])
@pytest.mark.parametrize("chunk_rows", [None, 2])
def test_three_derivatives_come_without_being_asked_for_in_the_call(
    several: tuple[int, ...], reduction: str, kind: Any, chunk_rows: Any
) -> None:
    leaves, target = layer(several), kind(several)
    weight = torch.linspace(0.5, 2, CLASSES, dtype=torch.float64)
    options = {"reduction": reduction, "weight": weight, "label_smoothing": 0.1}
    found, exact = (
        derivatives(f(*leaves, target, chunk_rows=chunk_rows, **options), leaves, 3)
        for f in (ours, theirs)
    )
    close(found, exact)


@each_reduction
def test_a_gradient_that_leads_on_has_the_bits_of_one_that_does_not(reduction: str) -> None:
    leaves = layer(dtype=torch.float32)
    found = []
    for create_graph in (False, True):
        loss = ours(*leaves, labels(), reduction=reduction)
        found.append(torch.autograd.grad(loss, leaves, up(loss), create_graph=create_graph))
    assert same(*found)


def test_a_way_from_one_input_to_another_counts_once() -> None:
    """As with tied weights: rows of the same matrix are the inputs."""
    _, W, _ = layer()
    place = torch.tensor([0, 2, 2, 4, 1, 3])
    found, exact = (
        derivatives(f(torch.tanh(W[place]), W, None, labels()), (W,), 2) for f in (ours, theirs)
    )
    close(found, exact)


@pytest.mark.parametrize("learn", list(itertools.product([True, False], repeat=3))[:-1])
def test_what_does_not_learn_has_no_gradient(learn: tuple[bool, ...]) -> None:
    leaves = [t.detach().requires_grad_(on) for t, on in zip(layer(), learn, strict=True)]
    asked = [t for t in leaves if t.requires_grad]
    found, exact = (derivatives(f(*leaves, labels()), asked, 2) for f in (ours, theirs))
    close(found, exact)


@pytest.mark.parametrize("changed", ["x", "W"])
def test_inputs_changed_after_the_loss_are_missed_by_backward(changed: str) -> None:
    x, W, b = (2 * t for t in layer())
    loss = ours(x, W, b, labels())
    with torch.no_grad():
        {"x": x, "W": W}[changed].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_no_more_is_kept_than_torch_keeps() -> None:
    def kept(f: Callable[..., Any], wide: int) -> int:
        x, W = (torch.randn(s, 16, requires_grad=True) for s in (256, wide))
        with saved_bytes() as held:
            loss = f(x, W, None, torch.zeros(256, dtype=torch.long))
        assert loss.requires_grad
        return sum(held.values())

    for wide in (64, 512):
        assert kept(ours, wide) <= kept(theirs, wide)


# Ways to a gradient by x, W and b, of rows that each have an upstream of their own.


def plain(f: Any, leaves: Any, target: Any) -> Any:
    return torch.autograd.grad(f(*leaves, target), leaves)


def leading_on(f: Any, leaves: Any, target: Any) -> Any:
    return torch.autograd.grad(f(*leaves, target), leaves, create_graph=True)


def transformed(f: Any, leaves: Any, target: Any) -> Any:
    return grad(f, argnums=(0, 1, 2))(*leaves, target)


def pulled_back(f: Any, leaves: Any, target: Any) -> Any:
    loss, back = vjp(lambda *leaves: f(*leaves, target), *leaves)
    return back(torch.ones_like(loss))


def many(f: Any, leaves: Any, target: Any) -> Any:
    loss = f(*leaves, target)
    dys = torch.ones(2, dtype=loss.dtype)
    return [
        g[1]
        for create in (False, True)
        for g in torch.autograd.grad(
            loss, leaves, dys, is_grads_batched=True, retain_graph=True, create_graph=create
        )
    ][3:]


def by_rows(f: Any, leaves: Any, target: Any) -> Any:
    loss = f(*leaves, target, reduction="none")
    return torch.autograd.grad(loss.sum() / (target != -100).sum(), leaves)


def by_rows_leading_on(f: Any, leaves: Any, target: Any) -> Any:
    loss = f(*leaves, target, reduction="none")
    return torch.autograd.grad(loss.sum() / (target != -100).sum(), leaves, create_graph=True)


def in_chunks(f: Any, leaves: Any, target: Any) -> Any:
    return torch.autograd.grad(f(*leaves, target, chunk_rows=2), leaves)


def operated(f: Any, leaves: Any, target: Any) -> Any:
    """A mode that sees all calls sends them to the operator."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func(*args, **(kwargs or {}))

    with Watch():
        loss = f(*leaves, target)
    return torch.autograd.grad(loss, leaves, create_graph=True)


def compiled(f: Any, leaves: Any, target: Any) -> Any:
    torch._dynamo.reset()
    run = torch.compile(f, backend="aot_eager", fullgraph=True)
    return torch.autograd.grad(run(*leaves, target), leaves)


WAYS = [plain, leading_on, transformed, pulled_back, many, by_rows, by_rows_leading_on, in_chunks,
        operated, compiled]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@several_losses
def test_an_ignored_row_counts_nowhere(
    way: Any, bad: float, dtype: Any, several: tuple[int, ...]
) -> None:
    x, W, b = layer(several, dtype)
    poisoned = x.detach().clone()
    poisoned[1] = bad
    target = labels(several)
    kept = torch.arange(ROWS) != 1
    exact = [t.detach().double().requires_grad_() for t in (x[kept], W, b)]
    dx, *rest = torch.autograd.grad(theirs(*exact, target[kept]), exact)
    found = way(ours, (poisoned.requires_grad_(), W, b), target)
    assert not found[0][1].any()
    within = {"rtol": 3 * torch.finfo(dtype).eps, "atol": torch.finfo(dtype).eps}
    close([g.double() for g in (found[0][kept], *found[1:])], [dx, *rest], **within)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_ignored_row_counts_nowhere_under_autocast(reduction: str) -> None:
    x, W, b = layer(dtype=torch.float32)
    found = []
    for value in (torch.nan, 0.0):
        given = x.detach().clone()
        given[1] = value
        leaves = given.requires_grad_(), W, b
        for create_graph in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = ours(*leaves, labels(), reduction=reduction)
            assert loss.dtype == torch.float32
            found.append(torch.autograd.grad(loss, leaves, up(loss), create_graph=create_graph))
    assert same(found[0], found[2])
    assert same(found[1], found[3])


def test_a_row_of_weight_zero_counts_as_torch_has_it() -> None:
    """It is not ignored: zero times NaN is NaN."""
    x, W, b = layer()
    with torch.no_grad():
        x[0] = torch.nan
    target, weight = torch.zeros(ROWS, dtype=torch.long), torch.zeros(CLASSES, dtype=torch.float64)
    for f in (ours, theirs):
        assert f(x, W, b, target, weight=weight, reduction="sum").isnan()
        assert f(x, W, b, torch.zeros_like(probabilities()), reduction="sum").isnan()


TRANSFORMED: dict[str, Callable[[Any], Any]] = {
    "gradients of each sample": lambda f: vmap(grad(f, (0, 1, 2)), (0, None, None, 0))(
        *layer(), FEW),
    "of samples that are batches": lambda f: vmap(grad(f, (0, 1, 2)), (0, None, None, 0))(
        PAIRS, *layer()[1:], FEW.reshape(-1, 2)),
    "of an ensemble": lambda f: vmap(grad(f, (0, 1)), (None, 0, None, None))(
        layer()[0], torch.stack([layer()[1], 2 * layer()[1]]), None, labels()),
    "losses of each sample": lambda f: vmap(f, (0, None, None, 0))(*layer(), FEW),
    "samples of probabilities": lambda f: vmap(grad(f, (0, 1)), (0, None, None, 0))(
        *layer(), probabilities()),
    "a Hessian": lambda f: hessian(f, (0, 1, 2))(*layer(), labels()),
    "Hessians of each sample": lambda f: vmap(hessian(f, (0, 1)), (0, None, None, 0))(
        *layer(), FEW),
    "tangents of each sample": lambda f: vmap(
        lambda x, t, W: jvp(lambda x, W: f(x, W, None, t), (x, W), (2 * x, W)), (0, 0, None)
    )(layer()[0], FEW, layer()[1]),
    "reverse": lambda f: jacrev(partial(f, reduction="none"), (0, 1, 2))(*layer(), labels()),
    "forward": lambda f: jacfwd(partial(f, reduction="none"), (0, 1, 2))(*layer(), labels()),
    "forward over reverse": lambda f: jacfwd(jacrev(f, (0, 1)), (0, 1))(*layer(), labels()),
}  # fmt: skip
FEW = torch.tensor([0, 4, 1, 2, 1, 3])
PAIRS = layer()[0].reshape(-1, 2, WIDTH)


@pytest.mark.parametrize("which", TRANSFORMED)
def test_transforms_give_what_they_give_of_the_layer(which: str) -> None:
    close(TRANSFORMED[which](ours), TRANSFORMED[which](theirs))


def test_samples_of_several_losses() -> None:
    x, W, b = layer((3,))
    target = torch.where(labels((3,)) < 0, 2, labels((3,)))
    of_each = (vmap(grad(f, (0, 1, 2)), (0, None, None, 0)) for f in (ours, theirs))
    close(*(each(x.unsqueeze(1), W, b, target.unsqueeze(1)) for each in of_each))


def test_tangents_of_forward_mode() -> None:
    leaves, found = layer(), []
    for f in (ours, theirs):
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(t, t.detach() + 1) for t in leaves]
            found.append(tuple(forward_ad.unpack_dual(f(*duals, labels()))))
    close(*found)


def test_a_second_derivative_of_gradients_many_at_a_time() -> None:
    leaves, found = layer(), []
    for f in (ours, theirs):
        loss = f(*leaves, labels())
        dys = torch.tensor([1.0, -2.0], dtype=loss.dtype)
        first = torch.autograd.grad(loss, leaves, dys, is_grads_batched=True, create_graph=True)
        found.append(torch.autograd.grad(sum((g**2).sum() for g in first), leaves))
    close(*found)


def test_a_gradient_is_there_again_however_the_last_was_changed() -> None:
    leaves = layer()
    loss = ours(*leaves, labels())
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    kept = [g.clone() for g in first]
    for g in first:
        g.mul_(100)
    leading = torch.autograd.grad(loss, leaves, create_graph=True)
    assert same(leading, kept)
    with torch.no_grad():
        for g in leading:
            g.mul_(100)
    assert same(torch.autograd.grad(loss, leaves), kept)


FORMATS = [torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32,
           torch.uint64]  # fmt: skip
CALLS: dict[str, Callable[..., Any]] = {
    "kernel": lambda x, W, t, **more: ot.linear_cross_entropy(x, W, t, **more),
    "operator": lambda x, W, t, **more: operated(
        lambda x, W, t: ot.linear_cross_entropy(x, W, t, **more), (x, W), t),
    "learned weights": lambda x, W, t, **more: ot.linear_cross_entropy(
        x, W, t, weight=torch.ones(len(W), dtype=x.dtype, requires_grad=True), **more),
    "func": lambda x, W, t, **more: grad(
        lambda x: ot.linear_cross_entropy(x, W, t, **more))(x),
}  # fmt: skip


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("way", CALLS)
def test_labels_may_be_of_any_integers(dtype: Any, way: str) -> None:
    x, W, _ = layer()
    assert same(CALLS[way](x, W, FEW.to(dtype)), CALLS[way](x, W, FEW))


@pytest.mark.parametrize("way", CALLS)
def test_the_label_of_what_is_ignored_is_not_wrapped_into_a_format(way: str) -> None:
    x, W = layer()[0], torch.linspace(-1, 1, 200 * WIDTH, dtype=torch.float64)
    W = W.reshape(200, WIDTH).requires_grad_()
    wide = torch.tensor([156, 0, 255, 3, 199, 155])  # -100 is 156 in 8 bits
    mask = wide.to(torch.uint8)
    for options in ({"ignore_index": 255}, {"ignore_index": 255, "reduction": "sum"}):
        plain, narrow = (CALLS[way](x, W, t, **options) for t in (wide, mask))
        assert same(plain, narrow)
    few = wide.clamp(max=156)
    plain, narrow = (CALLS[way](x, W, t) for t in (few, few.to(torch.uint8)))
    assert same(plain, narrow)


@pytest.mark.parametrize("bad", [-1, -7, CLASSES])
@pytest.mark.parametrize("way", CALLS)
def test_a_label_that_no_class_has_is_refused(bad: int, way: str) -> None:
    x, W, _ = layer()
    with pytest.raises((IndexError, RuntimeError)):
        CALLS[way](x, W, torch.tensor([0, 1, bad, 2, 3, 4]))


def test_one_graph_does_for_all_numbers_of_rows_and_temperatures() -> None:
    torch._dynamo.reset()

    def loss(x: Any, W: Any, t: Any, temperature: float) -> Any:
        return ot.linear_cross_entropy(x, W, t, temperature=temperature)

    run = torch.compile(loss, backend="aot_eager", fullgraph=True, dynamic=True)
    for rows, temperature in ((6, 1.0), (3, 0.5), (8, 2.0), (5, 0.7)):
        x, W, _ = layer(rows=rows)
        t = torch.arange(rows) % CLASSES
        found, eager = (f(x, W, t, temperature) for f in (run, loss))
        assert same(found, eager)
        assert same(*(torch.autograd.grad(each, (x, W)) for each in (found, eager)))


@pytest.mark.parametrize("size", [1e308, 1e-310, 5e-324, -1.0])
@pytest.mark.parametrize("way", ["kernel", "func"])
def test_class_weights_of_any_size_weigh_a_mean(size: float, way: str) -> None:
    x, W, _ = layer()
    weight = torch.full((CLASSES,), size, dtype=torch.float64)
    exact = torch.autograd.grad(theirs(x, W, None, FEW), (x, W))  # all alike, and so of none

    def loss(x: Any, W: Any) -> Any:
        return ot.linear_cross_entropy(x, W, FEW, weight=weight)

    close(loss(x, W), theirs(x, W, None, FEW))
    found = grad(loss, (0, 1))(x, W) if way == "func" else torch.autograd.grad(loss(x, W), (x, W))
    close(found, exact)


def test_torch_s_options_of_chunks_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warn, "_warned", set())
    leaves, Options = layer(), torch.nn.LinearCrossEntropyOptions

    def gradients(**given: Any) -> Any:
        return torch.autograd.grad(ours(*leaves, labels(), **given), leaves)

    assert same(gradients(options=Options()), gradients())
    assert same(gradients(options=Options(batch_chunk_size=2)), gradients(chunk_rows=2))
    other = Options(chunking_method="aspect_ratio:2")
    with pytest.warns(UserWarning, match=r"options\.chunking_method has no effect"):
        assert same(gradients(options=other), gradients())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(gradients(options=other), gradients())
    with pytest.raises(TypeError, match="options must be"):
        gradients(options=2)


def test_no_index_to_ignore_is_torch_s_own() -> None:
    leaves = layer()
    for f in (ot.linear_cross_entropy, F.linear_cross_entropy):
        close(f(*leaves[:2], labels(), ignore_index=None), theirs(*leaves[:2], None, labels()))


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda t: t.detach().t().contiguous().t(),
    "stepped": lambda t: t.detach().repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda t: t.detach()[:1].expand_as(t),
    "negative": lambda t: torch._neg_view(-t.detach()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_rows", [None, 2, 100])
def test_any_layout(layout: str, chunk_rows: Any) -> None:
    leaves = [LAYOUTS[layout](t).requires_grad_() for t in layer()[:2]]
    target = labels().repeat_interleave(2)[::2]
    found, exact = (
        derivatives(f(*leaves, None, target, chunk_rows=chunk_rows), leaves, 2)
        for f in (ours, theirs)
    )
    close(found, exact)


@pytest.mark.parametrize("rows", [0, ROWS])
@pytest.mark.parametrize("several", [(), (3,), (0,)])
@pytest.mark.parametrize(
    "way", [plain, leading_on, transformed, in_chunks], ids=lambda way: way.__name__
)
def test_a_mean_over_nothing_is_zero(rows: int, several: tuple[int, ...], way: Any) -> None:
    leaves = layer(several, rows=rows)
    target = torch.full((rows, *several), -100)
    assert ours(*leaves, target) == 0
    for g, t in zip(way(ours, leaves, target), leaves, strict=True):
        assert g.shape == t.shape
        assert not g.any()


def test_one_class_costs_nothing() -> None:
    x, W, b = (t[:1].detach().requires_grad_() for t in layer())
    loss = ours(x, W, b, torch.tensor([0]))
    assert loss == 0
    assert not any(g.any() for g in torch.autograd.grad(loss, (x, W, b)))


def test_formats_may_differ() -> None:
    x, W, b = layer()
    leaves = [t.detach().to(d).requires_grad_() for t, d in (
        (x, torch.float32), (W, torch.float64), (b, torch.float32))]  # fmt: skip
    wide = [t.detach().double().requires_grad_() for t in leaves]
    loss, exact = ours(*leaves, labels()), theirs(*wide, labels())
    assert loss.dtype == torch.float64
    for order, (found, expected) in enumerate(
        zip(derivatives(loss, leaves, 2), derivatives(exact, wide, 2), strict=True)
    ):
        if order:
            assert [g.dtype for g in found] == [t.dtype for t in leaves]
        close([g.double() for g in tree_leaves(found)], tree_leaves(expected), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("out_features", [(), (3, 2)])
def test_the_module_is_torch_s(bias: bool, out_features: tuple[int, ...]) -> None:
    given: dict[str, Any] = {
        "out_features": out_features, "bias": bias, "dtype": torch.float64, "label_smoothing": 0.1,
        "weight": torch.linspace(0.5, 2, CLASSES, dtype=torch.float64), "ignore_index": 3,
    }  # fmt: skip
    mine, whole = (m.LinearCrossEntropyLoss(WIDTH, CLASSES, **given) for m in (ot.nn, torch.nn))
    mine.load_state_dict(whole.state_dict())
    assert vars(mine).keys() >= vars(whole).keys()
    target = labels(out_features, ignored=3)
    found, exact = (
        derivatives(m(layer()[0], target), list(m.parameters()), 2) for m in (mine, whole)
    )
    close(found, exact)
    assert repr(mine).startswith(
        f"LinearCrossEntropyLoss(\n  in_features={WIDTH}, num_classes={CLASSES}"
    )
    with pytest.raises(ValueError, match=r"weight of shape \(2,\) does not fit 5 classes"):
        ot.nn.LinearCrossEntropyLoss(WIDTH, CLASSES, weight=torch.ones(2))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((6, 4), (5, 3), (6,)), "do not fit"),
        (((4,), (5, 3, 4), (3,)), "several losses for each input"),
        (((6, 4), (5, 3, 4), (6,)), r"neither as labels \(6, 3\) nor as probabilities \(6, 5, 3\)"),
        (((6, 4), (0, 4), (6,)), "no classes"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: Any, message: str) -> None:
    x, W, t = shapes
    with pytest.raises(ValueError, match=message):
        ot.linear_cross_entropy(torch.ones(x), torch.ones(W), torch.zeros(t, dtype=torch.long))


def test_a_scaled_loss_makes_no_second_gradient_of_the_weights() -> None:
    """Accumulation divides the loss; the kept gradient of the weights is scaled where it lies."""
    torch.manual_seed(0)
    x, W = torch.randn(6, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)
    target = torch.arange(6)

    def loss() -> Any:
        return ot.linear_cross_entropy(x, W, target)

    (again, kept) = loss(), loss()
    (again / 3).backward(retain_graph=True)
    twice = W.grad.clone()
    (again / 3).backward()  # what is asked for again is not scaled in its place
    assert torch.equal(W.grad, twice + twice)
    W.grad = x.grad = None
    places = {t.data_ptr() for t in kept.grad_fn.saved_tensors if t is not None and t is not W}
    (kept / 3).backward()
    assert W.grad.data_ptr() in places
    assert torch.equal(W.grad, twice)
