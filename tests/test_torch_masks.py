"""What a mask leaves out counts nowhere, whatever it holds: in values, and derivatives of any kind.

The reference is each row without its masked elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.torch import _route, _rows  # noqa: E402

Tensor = torch.Tensor
NAMES = [c.name for c in ogive.catalog("rows") if not c.draws]
MASK = torch.tensor(
    [[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool
)
AT = 1.5
WAYS = ["function", "compiled", "operator", "formula", "transforms"]
TEMPERATURES: dict[str, Callable[[], Any]] = {
    "number": lambda: AT,
    "tensor": lambda: torch.full((4,), AT, dtype=torch.float64),
    "learned": lambda: torch.full((4,), AT, dtype=torch.float64, requires_grad=True),
}


def reduces(name: str) -> bool:
    return getattr(ot, name)(torch.ones(2)).dim() == 0


def kept(t: Tensor, mask: Tensor) -> Tensor:
    """With 0 for what is masked, and no derivative by it."""
    return torch.where(mask, t, torch.zeros((), dtype=t.dtype))


def row_by_row(name: str, x: Tensor, dy: Tensor) -> tuple[list[Tensor], Tensor]:
    """The values of the rows that are not empty, and their product with dy."""
    f = getattr(ot, name)
    rows = [(i, f(x[i][m], -1, temperature=AT)) for i, m in enumerate(MASK) if m.any()]
    total = sum((y * (dy[i] if reduces(name) else dy[i][MASK[i]])).sum() for i, y in rows)
    return [y.detach() for _, y in rows], total


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -float("inf"), 1e300])
@pytest.mark.parametrize("scale", [1.0, 1e20])
@pytest.mark.parametrize("kind", TEMPERATURES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_masked_counts_nowhere(
    name: str, kind: str, scale: float, junk: float, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "compiled" and (junk == junk or scale > 1):
        pytest.skip("compiled once")
    torch.manual_seed(0)
    bad = torch.tensor(junk, dtype=torch.float64)
    z, along = torch.randn(2, 4, 5, dtype=torch.float64)
    x, whole = kept(scale * z, MASK), not reduces(name)
    dy = torch.randn((4, 5) if whole else (4,), dtype=torch.float64)
    plain = x.requires_grad_()
    values, total = row_by_row(name, plain, dy)
    (dx,) = torch.autograd.grad(total, plain, create_graph=True)
    (second,) = torch.autograd.grad((dx * along).sum() + 0 * plain.sum(), plain)

    f, t = getattr(ot, name), TEMPERATURES[kind]()
    odd = torch.where(MASK, x.detach(), bad).requires_grad_()
    upstream = torch.where(MASK, dy, bad) if whole else dy

    def call(x: Tensor, mask: Tensor = MASK, t: Any = t) -> Tensor:
        return f(x, -1, temperature=t, where=mask)

    if way == "transforms":
        _, tangent = torch.func.jvp(call, (odd.detach(),), (torch.where(MASK, along, bad),))
        torch.testing.assert_close(
            kept(tangent * upstream, MASK if whole else MASK.any(-1)).sum(),
            (kept(along, MASK) * dx).sum().detach(),
        )

        def one(x: Tensor, mask: Tensor, dy: Tensor) -> Tensor:
            y = f(x, -1, temperature=AT, where=mask) * dy
            return (kept(y, mask) if whole else y).sum()

        found = torch.func.vmap(torch.func.grad(one))(odd.detach(), MASK, upstream)
        torch.testing.assert_close(found, dx.detach())
        return
    if way == "formula":
        monkeypatch.setattr(_rows, "route_of", lambda *_: _route.FORMULA)
    if way == "operator":
        monkeypatch.setattr(_rows, "route_of", lambda *_: _route.OPERATOR)
    if way == "compiled":
        torch._dynamo.reset()
        call = torch.compile(call, backend="aot_eager", fullgraph=True)
    y = call(odd)
    found = [y[i][m] if whole else y[i] for i, m in enumerate(MASK) if m.any()]
    for ours, theirs in zip(found, values, strict=True):
        torch.testing.assert_close(ours.detach(), theirs)
    given = [odd, t] if kind == "learned" else [odd]
    first = torch.autograd.grad(y, given, upstream, retain_graph=True)
    torch.testing.assert_close(first[0], dx.detach())
    assert all(torch.isfinite(g).all() for g in first)
    if way == "compiled":
        return
    again = torch.autograd.grad(y, given, upstream, create_graph=True)
    torch.testing.assert_close(again[0], dx)
    (found,) = torch.autograd.grad((again[0] * along).sum() + 0 * kept(odd, MASK).sum(), odd)
    torch.testing.assert_close(found, second)
