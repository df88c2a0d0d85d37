"""Targets of losses in torch: every integer format, rows that are ignored, and what no class has,
the same whichever way a call goes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.func import grad, jvp, vmap  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from cases import ELEMENT_LOSSES, ROW_LOSSES, other_number  # noqa: E402

INTEGERS = [
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32,
    torch.uint64, torch.bool,
]  # fmt: skip
Way = Callable[..., Any]


def learned(f: Any, z: Any, t: Any, **options: Any) -> Any:
    """With class weights that learn."""
    weight = torch.ones(z.shape[1], dtype=z.dtype, requires_grad=True)
    return f(z, t, weight, **options)


def target_learned(f: Any, z: Any, t: Any, **options: Any) -> Any:
    t = t.clone().requires_grad_() if t.is_floating_point() else t
    return f(z, t, **options)


def second(f: Any, z: Any, t: Any, **options: Any) -> Any:
    z = z.clone().requires_grad_()
    loss = f(z, t, **options)
    torch.autograd.grad(loss.sum(), z, create_graph=True)[0].sum().backward()
    return loss


def compiled(f: Any, z: Any, t: Any, **options: Any) -> Any:
    torch._dynamo.reset()
    return torch.compile(lambda z, t: f(z, t, **options), backend="aot_eager")(z, t)


def called_directly(f: Any, z: Any, t: Any, **options: Any) -> Any:
    op = getattr(torch.ops.ogive, f.__name__)
    ignored = None if t.is_floating_point() else -100
    values = {"z": z, "target": t, "dim": 1, "weight": None, "ignore_index": ignored,
              "gradient": True, **options}  # fmt: skip
    defaults = {p.name: p.default for p in ogive.card(f.__name__).parameters}
    names = [a.name for a in op.default._schema.arguments]
    return op(*({**defaults, **values}[name] for name in names))[0]


WAYS: dict[str, Way] = {
    "plain": lambda f, z, t, **o: f(z, t, **o),
    "with a gradient": lambda f, z, t, **o: f(z.clone().requires_grad_(), t, **o),
    "its gradient alone": lambda f, z, t, **o: f(
        z.clone().requires_grad_(), t, create_graph=False, **o
    ),
    "twice": second,
    "learned weights": learned,
    "learned target": target_learned,
    "module": lambda f, z, t, **o: getattr(ot.nn, ogive.card(f.__name__).title)(**o)(z, t),
    "grad": lambda f, z, t, **o: torch.func.grad_and_value(lambda z: f(z, t, **o).sum())(z)[1],
    "jvp": lambda f, z, t, **o: jvp(lambda z: f(z, t, **o), (z,), (z,))[0],
    "vmap": lambda f, z, t, **o: vmap(lambda z, t: f(z, t, **o))(z[None], t[None])[0],
    "vmap of grad": lambda f, z, t, **o: vmap(
        torch.func.grad_and_value(lambda z, t: f(z, t, **o).sum())
    )(z[None], t[None])[1][0],
    "compile": compiled,
    "operator": called_directly,
}
every_way = pytest.mark.parametrize("way", WAYS)


def logits(classes: int = 3) -> torch.Tensor:
    return torch.randn(6, classes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@every_way
@pytest.mark.parametrize("name", ROW_LOSSES)
def test_labels_of_any_format_are_those_of_int64(name: str, way: str) -> None:
    z, f, labels = logits(), getattr(ot, name), torch.tensor([0, 1, 0, 1, 1, 0])
    numbers = {p.name: other_number(p) for p in ogive.card(name).parameters if p.operand}
    for dtype in INTEGERS if way != "compile" else (torch.uint8, torch.int32):
        ends = (0, 1) if dtype is torch.bool else {1, 100, 127 if str(dtype)[6] == "u" else -1}
        for ignored in (-100, *ends):
            marked = labels.clone().to(dtype)
            if ignored != -100:  # else a number that no label has
                marked[1] = marked[4] = ignored
            options = {**numbers, "ignore_index": ignored}
            expected = f(z, torch.where(marked.long() == ignored, -7, marked.long()),
                         **{**options, "ignore_index": -7})  # fmt: skip
            assert torch.equal(WAYS[way](f, z, marked, **options), expected)


class Marks(enum.IntEnum):
    VOID = 1


@every_way
@pytest.mark.parametrize("name", ROW_LOSSES)
def test_the_label_to_ignore_may_be_any_integer(name: str, way: str) -> None:
    z, f, labels = logits(), getattr(ot, name), torch.tensor([0, 1, 0, 1, 1, 0])
    expected = WAYS[way](f, z, labels, ignore_index=1)
    kinds = (np.int64(1), np.uint8(1), Marks.VOID, torch.tensor(1), True)
    for ignored in kinds if way != "compile" else kinds[:0]:
        assert torch.equal(WAYS[way](f, z, labels, ignore_index=ignored), expected)
    for refused in (1.0, [1], "1") if way not in ("operator", "compile") else ():
        with pytest.raises(TypeError, match="ignore_index must be an integer"):
            WAYS[way](f, z, labels, ignore_index=refused)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("options", [
    {}, {"label_smoothing": 0.1}, {"reduction": "none"}, {"weight": torch.tensor([0.5, 1, 2])},
])  # fmt: skip
def test_a_mask_of_an_image_has_torch_s_loss_and_gradient(options: Any, dtype: Any) -> None:
    mask = torch.arange(2 * 6 * 7).reshape(2, 6, 7) % 3
    mask[0, :2] = 255
    images = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    for x in (images, images.contiguous(memory_format=torch.channels_last)):
        x = x.requires_grad_()
        options = {k: v.double() if k == "weight" else v for k, v in options.items()}
        ours = ot.cross_entropy(x, mask.to(dtype), ignore_index=255, **options)
        theirs = F.cross_entropy(x, mask, ignore_index=255, **options)
        torch.testing.assert_close(ours, theirs)
        dx, expected = (torch.autograd.grad(y.square().sum(), x)[0] for y in (ours, theirs))
        torch.testing.assert_close(dx, expected)
        assert dx.stride() == x.stride()


BAD_LABELS = [
    ([0, -1, 1, 2, 0, 1], torch.int64), ([0, 1, 1, 2, 0, -7], torch.int32),
    ([3, 1, 1, 2, 0, 1], torch.uint8), ([0, 1, 1, 2, 0, 255], torch.uint8),
    ([0, 1, 1, -128, 0, 1], torch.int8), ([0, 1, 1, 2, 40000, 1], torch.uint16),
    ([0, 1, 2**62, 2, 0, 1], torch.uint64),
]  # fmt: skip


@every_way
@pytest.mark.parametrize("name", ROW_LOSSES)
def test_a_label_that_no_class_has_is_refused(name: str, way: str) -> None:
    for labels, dtype in BAD_LABELS if way != "compile" else BAD_LABELS[:3]:
        target = torch.tensor(labels).to(dtype)
        with pytest.raises(IndexError, match=r"target\[.*labels must be in \[0, 3\) for 3 classes"):
            WAYS[way](getattr(ot, name), logits(), target)


@every_way
@pytest.mark.parametrize("name", [*ROW_LOSSES, *ELEMENT_LOSSES])
def test_targets_that_are_no_probabilities_are_refused(name: str, way: str) -> None:
    if way == "learned weights" and name in ELEMENT_LOSSES:
        pytest.skip("its weights are of elements")
    wrong = [-0.25, float("nan")] + ([1.5] if name in ELEMENT_LOSSES else [float("inf")])
    for number in wrong if way != "compile" else wrong[:1]:
        target = torch.full((6, 3), 0.25, dtype=torch.float64)
        target[4, 2] = number
        with pytest.raises(ValueError, match=r"target\[.*4, 2\] = .*probabilities must be"):
            WAYS[way](getattr(ot, name), logits(), target)


def test_labels_that_cannot_be_read_are_refused_as_torch_does_it() -> None:
    """A transform inside what is compiled is torch's formula, which indexes with the label."""
    z = logits()
    for labels in ([0, -1, 1, 2, 0, 1], [3, 1, 1, 2, 0, 1]):
        torch._dynamo.reset()
        t = torch.tensor(labels)
        gradient = torch.compile(
            lambda z, t: grad(lambda z: ot.cross_entropy(z, t))(z), backend="aot_eager"
        )
        with pytest.raises((RuntimeError, IndexError), match="out of bounds"):
            gradient(z, t)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_that_learn_are_checked(temperature: float) -> None:
    z, t = logits(), torch.tensor([0, 1, 2, 0, 1, 2])
    learns = torch.tensor(temperature, requires_grad=True)

    def loss(temperature: Any) -> torch.Tensor:
        return ot.cross_entropy(z, t, temperature=temperature)  # type: ignore[no-any-return]

    for call in (
        lambda: loss(learns),
        lambda: loss(learns.detach()),
        lambda: grad(loss)(learns.detach()),
        lambda: vmap(loss)(torch.tensor([1.0, temperature])),
    ):
        with pytest.raises(ValueError, match=r"temperature must be in \(0, inf\)"):
            call()


def test_an_operator_called_directly_takes_nothing_that_does_not_fit() -> None:
    z, t = logits(), torch.tensor([0, 1, 2, 0, 1, 2])
    rest = (None, -100, 0.0, 0.0, None, 1.0, "mean")
    op, backward = torch.ops.ogive.cross_entropy, torch.ops.ogive.cross_entropy_backward
    one = torch.ones((), dtype=z.dtype)
    assert torch.equal(op(z, t, -1, *rest, True)[1], backward(one, z, t, 1, *rest))
    for kind, call in (
        (ValueError, lambda: op(z, t[:3], 1, *rest, True)),
        (IndexError, lambda: op(z, t, 2, *rest, True)),
        (TypeError, lambda: op(z.long(), t, 1, *rest, True)),
        (TypeError, lambda: op(z, t.double(), 1, *rest, True)),
        (ValueError, lambda: op(z, t, 1, torch.ones(2), *rest[1:], True)),
        (ValueError, lambda: op(z, t, 1, *rest[:-1], "avg", True)),
        (IndexError, lambda: backward(one, z, t - 5, 1, *rest)),
        (ValueError, lambda: backward(torch.ones(6), z, t, 1, *rest)),
        (ValueError, lambda: backward(one, z, t, 1, *rest[:-1], "none")),
    ):
        with pytest.raises(kind):  # type: ignore[call-overload]
            call()
