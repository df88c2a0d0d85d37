"""Losses take what torch's losses take, in its order, and say what they say."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from cases import other_number  # noqa: E402

SHARED = [
    (card.name, peer.name.rpartition(".")[2], card.title)
    for card in ogive.catalog("heads")
    for peer in card.peers
    if peer.name.startswith("torch.nn.functional.") and not card.layer
]
every_shared = pytest.mark.parametrize(("name", "theirs", "title"), SHARED)
DEPRECATED = "size_average and reduce args will be deprecated"


def data(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return z, torch.arange(6) % 5 if name == "cross_entropy" else torch.sigmoid(z.flip(0))


def test_both_of_torch_s_losses_of_logits_are_here() -> None:
    found = {theirs for _, theirs, _ in SHARED}
    assert found == {"binary_cross_entropy_with_logits", "cross_entropy"}


@every_shared
def test_the_signature_begins_with_torch_s(name: str, theirs: str, title: str) -> None:
    for ours, wanted in (
        (inspect.signature(getattr(ot, name)), inspect.signature(getattr(F, theirs))),
        (getattr(ot.nn, title).signature, inspect.signature(getattr(torch.nn, title))),
    ):
        expected = [(p.name, p.default) for p in wanted.parameters.values()]
        found = list(ours.parameters.values())
        assert [(p.name, p.default) for p in found[: len(expected)]] == expected
        assert all(p.kind is p.KEYWORD_ONLY for p in found[len(expected) :])
    assert getattr(ot, theirs) is getattr(ot, name)
    assert theirs in ot.__all__


@every_shared
def test_arguments_may_be_given_by_position(name: str, theirs: str, title: str) -> None:
    z, t = data(name)
    weight = torch.linspace(0.5, 2, 5, dtype=z.dtype)
    given: tuple[Any, ...] = (
        (weight, None, 2, None, "sum", 0.2) if name == "cross_entropy"
        else (weight, None, None, "sum", 2 * weight)
    )  # fmt: skip
    for count in range(len(given) + 1):
        torch.testing.assert_close(
            getattr(ot, name)(z, t, *given[:count]), getattr(F, theirs)(z, t, *given[:count])
        )
        modules = [getattr(each, title)(*given[:count]) for each in (ot.nn, torch.nn)]
        torch.testing.assert_close(*(module(z, t) for module in modules))
        assert modules[0].reduction == modules[1].reduction
        assert modules[0].state_dict().keys() == modules[1].state_dict().keys()


@every_shared
@pytest.mark.parametrize("average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_what_torch_has_deprecated_is_taken_with_its_warning(
    name: str, theirs: str, title: str, average: bool | None, reduce: bool | None
) -> None:
    z, t = data(name)
    given = {"size_average": average, "reduce": reduce, "reduction": "sum"}

    def results(functions: Any, modules: Any, function: str) -> list[torch.Tensor]:
        warned: Any = nullcontext()
        if average is not None or reduce is not None:
            warned = pytest.warns(UserWarning, match=DEPRECATED)
        with warned:
            loss = getattr(functions, function)(z, t, **given)
            return [loss, getattr(modules, title)(**given)(z, t)]

    for ours, exact in zip(
        results(ot, ot.nn, name), results(F, torch.nn, theirs), strict=True
    ):  # fmt: skip
        torch.testing.assert_close(ours, exact)


@pytest.mark.parametrize("name", [c.name for c in ogive.catalog("heads") if not c.layer])
def test_an_argument_that_nobody_has_is_named(name: str) -> None:
    z, t = data(name)
    for call in (getattr(ot, name), getattr(ot.nn, ogive.card(name).title)):
        given = (z, t) if call is getattr(ot, name) else ()
        with pytest.raises(TypeError, match=r"\(\) got an unexpected (keyword )?argument 'smooth'"):
            call(*given, smooth=1)


def test_weights_may_be_what_as_tensor_takes() -> None:
    z, t = data("cross_entropy")
    expected = ot.cross_entropy(z, t, torch.tensor([1.0, 2, 3, 4, 5]))
    assert torch.equal(ot.cross_entropy(z, t, [1, 2, 3, 4, 5]), expected)


FORMS = (
    ogive.linear_cross_entropy, ogive.value_and_grad.linear_cross_entropy, ot.linear_cross_entropy,
    ot.vocab_parallel_cross_entropy, ot.vocab_parallel_linear_cross_entropy,
    ot.nn.LinearCrossEntropyLoss, ot.nn.CrossEntropyLoss.signature,
)  # fmt: skip


def test_every_form_of_a_loss_takes_the_options_of_its_card() -> None:
    for card in ogive.catalog("heads"):
        for form in (getattr(ogive, card.name), getattr(ot, card.name)):
            missing = {p.name for p in card.parameters} - {*inspect.signature(form).parameters}
            assert missing <= {"axis", "bias", "accumulate"}, form
    own = {p.name for p in ogive.card("cross_entropy").parameters if p.role != "axis"}
    for form in FORMS:
        signature = form if isinstance(form, inspect.Signature) else inspect.signature(form)
        assert own <= {*signature.parameters}, form


def test_a_linear_loss_keeps_its_options_and_hands_them_on() -> None:
    x, target = torch.randn(6, 4), torch.arange(6) % 5
    for p in ogive.card("cross_entropy").parameters:
        if not p.operand:
            continue
        value = other_number(p)
        layer = ot.nn.LinearCrossEntropyLoss(4, 5, **{p.name: value})
        assert f"{p.name}={value!r}" in repr(layer)
        found = layer(x, target)
        expected = ot.linear_cross_entropy(x, layer.linear.weight, target, **{p.name: value})
        usual = ot.linear_cross_entropy(x, layer.linear.weight, target)
        assert torch.equal(found, expected)
        assert not torch.equal(found, usual)
