"""Bad input is refused as torch's users expect, and what is wrong is named; no kernel reads it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.torch import _loss_kernels, _warn  # noqa: E402
from torch_kinds import OnlyAten, Wrapped  # noqa: E402

X, Z, LABELS = torch.randn(3, 4), torch.randn(3, 5), torch.tensor([0, 1, 2])
AWAY = {"device": "meta"}
OPS = torch.ops.ogive

BAD: dict[str, tuple[type[Exception], str, Any]] = {
    "a parameter that is no number": (
        TypeError, "leaky_relu: negative_slope must be one number, not 'a'",
        lambda: ot.leaky_relu(X, "a"),
    ),
    "a parameter of many numbers": (
        TypeError, r"negative_slope must be one number, not .a tensor of shape \(4,\)",
        lambda: ot.leaky_relu(X, torch.ones(4)),
    ),
    "a parameter outside its domain": (
        ValueError, r"b = 0.0: it must be in \(0, inf\)", lambda: ot.squareplus(X, 0.0),
    ),
    "lean": (ValueError, "lean must be None, True or False, not 'yes'",
             lambda: ot.gelu(X, lean="yes")),
    "a sparse tensor": (RuntimeError, "storage|dense tensors", lambda: ot.gelu(X.to_sparse())),
    "a weight that is no number": (
        TypeError, "prelu: weight must be one number, not 'a'", lambda: ot.prelu(X, "a"),
    ),
    "a weight elsewhere": (
        RuntimeError, "prelu: x and weight are on different devices, cpu and meta",
        lambda: ot.prelu(X, torch.ones(1, **AWAY)),
    ),
    "a seed": (
        TypeError, "seed must be an integer, not 1.5",
        lambda: ot.rrelu(X, training=True, seed=1.5),
    ),
    "a seed of noise": (
        TypeError, "seed must be an integer, not 'a'", lambda: ot.gumbel_softmax(X, seed="a"),
    ),
    "a bound": (
        TypeError, "rrelu: lower must be one number", lambda: ot.rrelu(X, None, training=True),
    ),
    "a gate elsewhere": (
        RuntimeError, "swiglu: a and b are on different devices, cpu and meta",
        lambda: ot.swiglu(X, torch.empty(3, 4, **AWAY)),
    ),
    "a mask elsewhere": (
        RuntimeError, "softmax: x and where are on different devices, cpu and meta",
        lambda: ot.softmax(X, where=torch.ones(3, 4, dtype=torch.bool, **AWAY)),
    ),
    "a mask that is a list": (
        TypeError, "where must be a Tensor, not list", lambda: ot.softmax(X, where=[True]),
    ),
    "temperatures of other rows": (
        ValueError, r"temperature of shape \(7,\) does not fit rows of shape \(3,\)",
        lambda: ot.softmax(X, temperature=torch.ones(7)),
    ),
    "temperatures elsewhere": (
        RuntimeError, "x and temperature are on different devices",
        lambda: ot.softmax(X.to("meta"), temperature=torch.ones(3)),
    ),
    "a temperature that is no number": (
        TypeError, "temperature must be one number, not 'a'",
        lambda: ot.softmax(X, temperature="a"),
    ),
    "weights of classes elsewhere": (
        RuntimeError, "cross_entropy: logits and weight are on different devices, cpu and meta",
        lambda: ot.cross_entropy(Z, LABELS, torch.ones(5, **AWAY)),
    ),
    "weights of the layer elsewhere": (
        RuntimeError, "linear_cross_entropy: input and linear_weight are on different devices",
        lambda: ot.linear_cross_entropy(X, torch.ones(5, 4, **AWAY), LABELS),
    ),
    "labels of the layer elsewhere": (
        RuntimeError, "input and target are on different devices",
        lambda: ot.linear_cross_entropy(X, torch.ones(5, 4), LABELS.to("meta")),
    ),
    "labels of the layer in a list": (
        TypeError, "linear_cross_entropy: target must be a Tensor, not list",
        lambda: ot.linear_cross_entropy(X, torch.ones(5, 4), [0, 1, 2]),
    ),
    "a shard's labels in a list": (
        TypeError, "vocab_parallel_cross_entropy: target must be a Tensor, not list",
        lambda: ot.vocab_parallel_cross_entropy(Z, [0, 1, 2]),
    ),
    "a shard's labels elsewhere": (
        RuntimeError, "logits_shard and target are on different devices, cpu and meta",
        lambda: ot.vocab_parallel_cross_entropy(Z, LABELS.to("meta")),
    ),
    "a shard's biases": (
        ValueError, r"bias_shard of shape \(4,\) does not fit 5 classes",
        lambda: split(bias_shard=torch.ones(4)),
    ),
    "a shard's weights": (
        ValueError, r"weights of shape \(4,\) .* do not fit",
        lambda: ot.vocab_parallel_linear_cross_entropy(X, torch.ones(4), LABELS),
    ),
    "a shard's chunks": (
        ValueError, "chunk_rows must be a whole number from 1 on, not 0",
        lambda: split(chunk_rows=0),
    ),
    "rows of a shard": (ValueError, "keeps no gradient for each row",
                        lambda: split(reduction="none")),
}  # fmt: skip


def split(**options: Any) -> Any:
    return ot.vocab_parallel_linear_cross_entropy(X, torch.ones(5, 4), LABELS, **options)


@pytest.mark.parametrize("which", BAD)
def test_bad_input_is_refused_by_name(which: str) -> None:
    kind, message, call = BAD[which]
    with pytest.raises(kind, match=message):
        call()


NO_FIT: dict[str, Any] = {
    "softmax": lambda: OPS.softmax_backward(torch.ones(2, 4), X, 1, 1.0, None),
    "softmax from y": lambda: OPS.softmax_backward_from_output(torch.ones(2, 4), X, 1, 1.0),
    "logsumexp": lambda: OPS.logsumexp_backward(torch.ones(7), X, -1, 1.0, None),
    "gumbel": lambda: OPS.gumbel_softmax_backward(
        torch.ones(2), X, 1, 1.0, False, torch.tensor(1)),
    "rrelu": lambda: OPS.rrelu_sampled_backward(torch.ones(2), X, 0.1, 0.2, torch.tensor(1)),
    "bits": lambda: OPS.relu_lean_backward(torch.ones(100), torch.zeros(1, dtype=torch.uint8), [1]),
    "outputs": lambda: OPS.gelu_lean_backward(
        torch.ones(9), torch.ones(1), torch.zeros(2, dtype=torch.uint8), [1]),
    "prelu": lambda: OPS.prelu_backward(torch.ones(2), X, torch.ones(1)),
}  # fmt: skip
EIGHT = torch.ones(8)
NOT_KEPT: dict[str, Any] = {
    "an output of other strides": lambda: OPS.gelu_lean_backward(
        EIGHT, torch.ones(1).expand(8), torch.zeros(1, dtype=torch.uint8), [1]),
    "an output of another format": lambda: OPS.gelu_lean_backward(
        EIGHT, EIGHT.half(), torch.zeros(1, dtype=torch.uint8), [1]),
    "bits of another format": lambda: OPS.relu_lean_backward(EIGHT, torch.zeros(1), [1]),
    "bits that lie apart": lambda: OPS.relu_lean_backward(
        torch.ones(16), torch.zeros(4, dtype=torch.uint8)[::2], [1]),
}  # fmt: skip


@pytest.mark.parametrize("which", NOT_KEPT)
def test_lean_backward_takes_what_forward_kept_alone(which: str) -> None:
    with pytest.raises(RuntimeError, match="kept"):
        NOT_KEPT[which]()


def test_losses_over_split_classes_name_what_is_wrong() -> None:
    for given, message in (
        ({"weight": [1.0, 2.0]}, "weight must be a Tensor, not list"),
        ({"ignore_index": 2.5}, "ignore_index must be an integer, not 2.5"),
    ):
        with pytest.raises(TypeError, match=message):
            ot.vocab_parallel_cross_entropy(Z, LABELS, **given)


@pytest.mark.parametrize("which", NO_FIT)
def test_operators_called_by_themselves_check_shapes(which: str) -> None:
    with pytest.raises(RuntimeError, match=r"tensors of shapes \(.*\) and \(.*\) do not fit"):
        NO_FIT[which]()


def test_operators_called_by_themselves_take_what_they_should() -> None:
    for dim in (-1, 1):
        dx = OPS.logsumexp_backward(torch.ones(3), X, dim, 1.0, None)
        torch.testing.assert_close(dx, torch.softmax(X, 1))
    with pytest.raises(RuntimeError, match="gaps"):
        OPS.relu_lean_backward(torch.ones(9), torch.zeros(2, dtype=torch.uint8), [0])
    for count in (2, 7):
        with pytest.raises(RuntimeError, match="size"):
            OPS.prelu(X, torch.ones(count))
        with pytest.raises(RuntimeError, match="size"):
            OPS.prelu_backward(X, X, torch.ones(count))
    for card in ogive.catalog("unary"):
        if card.learns:
            continue
        numbers = [float(p.default) for p in card.parameters if p.operand]
        with pytest.raises(RuntimeError, match="is not one of float16"):
            getattr(OPS, card.name)(torch.arange(3), *numbers)


def test_an_error_inside_an_operator_is_not_taken_for_a_kind_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise NotImplementedError("inside")

    z, target = torch.randn(3, 5), torch.tensor([0, 4, 2])
    monkeypatch.setattr(_loss_kernels.Kernels, "run", broken)
    with pytest.raises(RuntimeError, match="ogive::cross_entropy failed: inside") as found:
        ot.cross_entropy(Wrapped(z), target)
    assert found.type is RuntimeError
    # Of a kind that has none, torch's formula takes its place.
    monkeypatch.setattr(_warn, "_warned", set())
    with pytest.warns(RuntimeWarning, match="no kernel for OnlyAten tensors"):
        loss = ot.cross_entropy(OnlyAten(z), target)
    torch.testing.assert_close(loss.inner, torch.nn.functional.cross_entropy(z, target))
