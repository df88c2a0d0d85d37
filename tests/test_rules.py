"""What a mode takes, and what is kept for backward, as every framework reads it."""

import numpy as np
import pytest

import ogive
from ogive.calls import rules
from ogive.calls.loop import loop, modes
from ogive.formula.numpy import derivative

CARDS = [card for card in ogive.catalog() if card.kind != "heads"]
MODES = [
    pytest.param(card, mode, id=f"{mode}-{card.name}")
    for card in CARDS
    for mode in modes(card.name)
    if mode in rules.INPUTS
]


@pytest.mark.parametrize(("card", "mode"), MODES)
def test_a_mode_has_a_name_for_each_tensor_that_its_kernel_reads(card, mode):
    named = rules.inputs(card, mode)
    assert loop(card.name, mode).tensors == len([name for name in named if name != "mask"])
    assert ("mask" in named) == any(n.kind == "b" for n in loop(card.name, mode).numbers)


def test_every_mode_of_a_kernel_is_among_the_rules():
    missing = {m for card in CARDS for m in modes(card.name)} - set(rules.INPUTS)
    assert missing == {"sampled_derivative"}  # of tests alone


UNARY = [card for card in CARDS if card.kind == "unary"]


@pytest.mark.parametrize("lean", [None, True, False])
@pytest.mark.parametrize("card", UNARY, ids=lambda card: card.name)
def test_what_is_kept_gives_the_formula_s_derivative_by_the_mode_that_goes_with_it(card, lean):
    defaults = [p.default for p in card.parameters if p.operand]
    other = [-0.25 if p.holds(-0.25) else 0.25 for p in card.parameters if p.operand]
    keeping = rules.keeping(card, output=True)
    x = np.linspace(-3, 3, 61) + 0.01
    for numbers in (defaults, other) if len(other) == 1 else (defaults,):
        kept = keeping.kept(numbers, lean)
        assert lean is not False or kept == "input"
        assert lean is not True or not keeping.bits or kept == "bits"
        exact = derivative(card, x, *numbers)
        assert np.allclose(slopes(card, kept, x, numbers), exact, rtol=1e-4, atol=1e-6), kept


def slopes(card, kept, x, numbers):
    """The slopes by the mode that goes with what is kept."""
    named = {"dy": np.ones_like(x), "x": x}
    if kept == "output":
        named["y"] = getattr(ogive, card.name)(x, *numbers)
    if kept == "bits":
        named["y"], named["mask"] = getattr(ogive.lean, card.name)(x, *numbers)
    mode = rules.PULLS_BACK[kept]
    given = [named[name] for name in rules.inputs(card, mode)]
    dx = getattr(getattr(ogive, mode), card.name)(*given, *numbers)
    return dx[0] if rules.learned(card, mode) else dx
