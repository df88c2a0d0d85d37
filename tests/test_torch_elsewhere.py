"""What operators do with tensors on a GPU, on the CPU: by Triton's interpreter, and without it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ogive.torch import _operators, _warn  # noqa: E402


def there(name: str, *args: Any) -> Any:
    """As below an operator, where nothing is recorded for autograd."""
    with torch._C._AutoDispatchBelowAutograd():
        return _operators.ON_CUDA[name](*args)


@pytest.fixture(params=["triton", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "triton":
        pytest.importorskip("triton")
        if not pytest.importorskip("ogive.torch._triton").seam.INTERPRETED:
            pytest.skip("the kernels need tensors of the GPU")
    else:
        monkeypatch.setattr(_operators, "triton", lambda: None)
        monkeypatch.setattr(_warn, "_warned", set())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield request.param
    said = [w for w in seen if "has no kernel" in str(w.message)]
    assert len(said) == (request.param == "torch")


@pytest.mark.parametrize("count", [1, 3])
def test_prelu_s_gradients(way: str, count: int) -> None:
    x, dy = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    weight = torch.linspace(0.1, 0.3, count).reshape(-1, 1) if count > 1 else torch.tensor(0.2)
    found = there("prelu_backward", dy, x, weight)
    expected = torch.ops.ogive.prelu_backward(dy, x, weight)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b)


OPTIONS: list[dict[str, Any]] = [
    {}, {"reduction": "sum", "label_smoothing": 0.1},
    {"weight": torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5]), "z_loss": 0.01},
    {"ignore_index": None, "softcap": 5.0, "temperature": 0.7},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o))
@pytest.mark.parametrize("target", ["labels", "probabilities", "ignored"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_linear_head(way: str, target: str, bias: bool, options: dict[str, Any]) -> None:
    x, W = (torch.randn(*s, 3) for s in ((2, 3), (5,)))
    b = torch.randn(5) if bias else None
    goal = torch.softmax(torch.randn(2, 3, 5), -1)
    if target != "probabilities":
        goal = torch.tensor([[0, 4, 2], [1, 3, 0]])
        if target == "ignored" and options.get("ignore_index", -100) is not None:
            goal = (
                torch.full_like(goal, -100) if not options else torch.where(goal == 0, -100, goal)
            )
    given = {
        "weight": None, "ignore_index": -100, "label_smoothing": 0.0, "z_loss": 0.0,
        "softcap": None, "temperature": 1.0, "reduction": "mean", "chunk_rows": 2, **options,
    }  # fmt: skip
    if target == "probabilities":
        given["ignore_index"] = None
    wanted = [True, True, bias]
    found = there("linear_cross_entropy", x, W, b, goal, *given.values(), wanted)
    expected = torch.ops.ogive.linear_cross_entropy(x, W, b, goal, *given.values(), wanted)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_an_ignored_row_of_the_linear_head_counts_nowhere(way: str) -> None:
    x, W, b, t = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5), torch.tensor([0, -100, 2, 4])
    x[1] = torch.nan
    kept = torch.arange(4) != 1
    given = (None, -100, 0.0, 0.0, None, 1.0, "mean", 2, [True] * 3)
    found = there("linear_cross_entropy", x, W, b, t, *given)
    expected = torch.ops.ogive.linear_cross_entropy(x[kept], W, b, t[kept], *given)
    assert not found[1][1].any()
    for ours, theirs in zip((found[0], found[1][kept], *found[2:]), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_linear_head_gives_only_the_gradients_asked_for() -> None:
    x, W, t = torch.randn(4, 3), torch.randn(5, 3), torch.tensor([0, 1, 2, 3])
    given = (None, -100, 0.0, 0.0, None, 1.0, "mean", None)
    pytest.importorskip("triton")
    if not pytest.importorskip("ogive.torch._triton").seam.INTERPRETED:
        pytest.skip("the kernels need tensors of the GPU")
    _, dx, dW, db = there("linear_cross_entropy", x, W, None, t, *given, [False, True, False])
    assert (dx.numel(), dW.shape, db.numel()) == (0, W.shape, 0)


@pytest.mark.parametrize(
    ("kind", "message", "place", "value"),
    [
        (ValueError, "reduction must be", -2, "avg"),
        (ValueError, "label_smoothing must be", 2, 2.0),
        (ValueError, "chunk_rows must be at least 1", -1, 0),
    ],
)
def test_the_linear_head_checks_what_it_need_not_wait_for(
    kind: type[Exception], message: str, place: int, value: Any
) -> None:
    x, W, t = torch.randn(4, 3), torch.randn(5, 3), torch.tensor([0, 1, 2, 3])
    given: list[Any] = [None, -100, 0.0, 0.0, None, 1.0, "mean", None]
    given[place] = value
    with pytest.raises(kind, match=message):
        there("linear_cross_entropy", x, W, None, t, *given, [True] * 3)
