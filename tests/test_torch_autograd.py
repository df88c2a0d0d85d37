"""Every function in every mode of differentiation that torch has, beside those of the table."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.autograd import forward_ad  # noqa: E402

from torch_cases import CASES, Case, samples, weighted  # noqa: E402

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def leaves(case: Case, **kwargs: Any) -> list[torch.Tensor]:
    return [x.requires_grad_() for x in samples(case, **kwargs)]


@every_case
def test_transforms_agree_with_autograd(case: Case) -> None:
    xs = samples(case)
    given = [x.clone().requires_grad_() for x in xs]
    loss = weighted(case.torch(*given))
    expected = torch.autograd.grad(loss, given)
    every = tuple(range(case.inputs))
    found = torch.func.grad(lambda *x: weighted(case.torch(*x)), argnums=every)(*xs)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)

    tangents = [torch.randn_like(x) for x in xs]
    primal, tangent = torch.func.jvp(
        lambda *x: weighted(case.torch(*x)), tuple(xs), tuple(tangents)
    )
    torch.testing.assert_close(primal, loss.detach())
    along = sum((g * t).sum() for g, t in zip(expected, tangents, strict=True))
    torch.testing.assert_close(tangent, along)

    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, t) for x, t in zip(xs, tangents, strict=True)]
        found = forward_ad.unpack_dual(weighted(case.torch(*duals))).tangent
    torch.testing.assert_close(found, along)


@every_case
def test_jacobians_and_hessians_agree(case: Case) -> None:
    x, *rest = samples(case, shape=(2, 3))

    def f(x: torch.Tensor) -> torch.Tensor:
        return case.torch(x, *rest)

    reverse, forward = torch.func.jacrev(f)(x), torch.func.jacfwd(f)(x)
    torch.testing.assert_close(reverse, forward)
    by_loops = torch.autograd.functional.jacobian(f, x)
    torch.testing.assert_close(reverse, by_loops)
    hessian = torch.func.hessian(lambda x: weighted(f(x)))(x)
    by_loops = torch.autograd.functional.hessian(lambda x: weighted(f(x)), x)
    torch.testing.assert_close(hessian, by_loops)


@every_case
def test_fake_and_meta_tensors_have_the_right_shape(case: Case) -> None:
    xs = samples(case)
    y = case.torch(*xs)
    meta = case.torch(*(x.to("meta") for x in xs)) if case.variant != "channels" else y.to("meta")
    assert meta.device.type == "meta"
    assert (meta.shape, meta.dtype, meta.stride()) == (y.shape, y.dtype, y.stride())
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = case.torch(*(mode.from_tensor(x) for x in xs))
    assert (fake.shape, fake.dtype) == (y.shape, y.dtype)


@every_case
def test_hooks_on_saved_tensors_see_what_is_kept(case: Case) -> None:
    xs = leaves(case)
    expected = torch.autograd.grad(weighted(case.torch(*xs)), xs)
    packed: list[torch.Tensor] = []

    def pack(t: torch.Tensor) -> int:
        packed.append(t)
        return len(packed) - 1

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda at: packed[at]):
        y = case.torch(*xs)
    assert packed
    found = torch.autograd.grad(weighted(y), xs)
    assert all(map(torch.equal, found, expected))


@every_case
def test_checkpointing_recomputes_the_same_gradient(case: Case) -> None:
    from torch.utils.checkpoint import checkpoint

    if case.variant == "training":
        pytest.skip("a given seed makes it trivial")
    xs = leaves(case)
    expected = torch.autograd.grad(weighted(case.torch(*xs)), xs)
    y = checkpoint(case.torch, *xs, use_reentrant=False)
    found = torch.autograd.grad(weighted(y), xs)
    assert all(map(torch.equal, found, expected))
