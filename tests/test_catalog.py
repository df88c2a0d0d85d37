"""The join: kernels, cards, native entries, public names and stubs are the same set."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ogive
from cases import public, public_modes
from ogive import _native
from ogive._numpy.api import PUBLIC_MODES
from ogive.calls.loop import Operand, loop, modes
from ogive.calls.losses import loss_of
from ogive.catalog import find
from ogive.catalog.card import ABOVE_ONE, BELOW_ZERO, Card, Parameter

PACKAGE = Path(ogive.__file__).parent
CATALOG = PACKAGE / "catalog"
KINDS = ("unary", "gated", "rows", "heads")
CARDS = ogive.catalog()

every_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


def stems(pattern: str, kind: str) -> set[str]:
    return {path.stem for path in (CATALOG / kind).glob(pattern)} - {"__init__"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_has_its_card_and_every_card_its_kernel(kind: str) -> None:
    assert stems("*.hpp", kind) == stems("*.py", kind) == set(ogive.catalog.names(kind))


def test_native_entries_are_the_catalog() -> None:
    assert set(_native.entries()) == set(ogive.catalog.names())


def test_public_names_are_the_catalog() -> None:
    functions = set(dir(ogive)) - set(ogive.__all__)
    assert functions == set(ogive.catalog.names())
    for name in functions:
        assert callable(getattr(ogive, name))


@pytest.mark.parametrize("mode", PUBLIC_MODES)
def test_stubs_name_what_exists(mode: str) -> None:
    stub = PACKAGE / ("__init__.pyi" if mode == "value" else f"{mode}.pyi")
    declared = set()
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            declared.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            declared.add(node.target.id)
    live = {name for name in ogive.catalog.names() if mode in public_modes(name)}
    assert declared & set(ogive.catalog.names()) == live


@every_card
def test_the_card_is_filed_under_its_own_name(card: Card) -> None:
    assert ogive.card(card.name) is card
    assert (CATALOG / card.kind / f"{card.name}.py").exists()
    assert (card.claims is not None) == (card.kind == "unary")
    assert (card.row_claims != ()) == (card.kind != "unary")
    assert (card.gate != "") == (card.kind == "gated")


def test_every_card_names_its_paper_and_year_but_for_what_nobody_introduced() -> None:
    assert {card.name for card in CARDS if not card.papers} == {
        "identity", "tanhshrink", "log_softmax", "logsumexp", "softmin", "binary_cross_entropy",
    }  # fmt: skip
    for card in CARDS:
        for paper in card.papers:
            assert re.search(r"\b(1[7-9]|20)\d\d\b", paper), (card.name, paper)


LOSSES = [card for card in ogive.catalog("heads") if not card.layer]


@pytest.mark.parametrize("card", LOSSES, ids=lambda card: card.name)
def test_a_kernel_takes_the_weights_and_numbers_that_the_card_states(card: Card) -> None:
    of = loss_of(card.name)
    numbers = of.checked_numbers(*(p.default for p in of.numbers))
    for mode in modes(card.name):
        *operands, _ = loop(card.name, mode).operands[2 : -1 if "hessian" in mode else None]
        assert [operand.row for operand in operands].count(True) == len(card.weights)
        assert len(operands) == len(card.weights) + len(numbers)


@every_card
def test_kernel_card_and_signature_have_the_same_parameters(card: Card) -> None:
    names = [p.name for p in card.parameters]
    if card.kind == "unary":
        numbers = loop(card.name, "value").numbers
        assert numbers == (Operand("d", row=False),) * sum(p.operand for p in card.parameters)
        taken = list(inspect.signature(card.formula).parameters)
        assert taken[2:] == [p.name for p in card.parameters if p.operand]
    for mode in public_modes(card.name):
        built = public(card.name, mode)
        if isinstance(built, np.ufunc):
            assert names == []
            continue
        signature = inspect.signature(built).parameters
        shown = [name for name in signature if name in names]
        dropped = set(names) - set(shown)
        assert shown == [name for name in names if name in shown]
        if mode in ("lean", "lean_backward"):
            dropped -= {p.name for p in card.parameters if not p.operand}
        assert dropped <= {"where"}, mode  # a mask is in the output already
        for p in card.parameters:
            if p.name in signature:
                assert signature[p.name].default == p.default


@every_card
def test_public_functions_tell_their_name_and_what_they_do(card: Card) -> None:
    for mode in public_modes(card.name):
        built = public(card.name, mode)
        assert built.__name__ in (card.name, f"{mode}.{card.name}")
        assert built is public(card.name, mode)
        for section in ("Parameters", "Returns", "Raises"):
            assert f"{section}\n" in built.__doc__


@every_card
def test_what_is_documented_is_what_a_function_takes(card: Card) -> None:
    for mode in public_modes(card.name):
        built = public(card.name, mode)
        listed = re.search(
            r"^Parameters\n-+\n(.*?)\n\nReturns\n", inspect.getdoc(built) or "", re.M | re.S
        )
        assert listed
        documented = re.findall(r"^(?:\*\*)?(\w+)(?: : .*)?$", listed[1], re.M)
        taken = list(inspect.signature(built).parameters)
        if isinstance(built, np.ufunc):  # NumPy names its operands, and what it takes, itself
            assert documented[built.nin :] == ["out", "where", "kwargs"], mode
        else:
            assert documented == taken, mode
        returned = inspect.getdoc(built).partition("Returns\n")[2].partition("Raises\n")[0]
        learned = [p.name for p in card.parameters if p.learnable and mode == "backward"]
        assert all(f"d{name}" in returned for name in learned)


@pytest.mark.parametrize("card", ogive.catalog("unary"), ids=lambda card: card.name)
def test_every_function_but_straight_lines_with_kinks_has_a_second_derivative(card: Card) -> None:
    assert card.claims is not None
    expected = card.claims.smoothness >= 2 or bool(card.claims.second_derivative_at_breaks)
    assert ("second_derivative" in public_modes(card.name)) == expected


def test_aliases_find_the_card_and_none_hides_a_name() -> None:
    seen: dict[str, str] = {}
    for card in CARDS:
        for alias in card.aliases:
            assert alias not in ogive.catalog.names()
            assert alias not in seen
            seen[alias] = card.name
            assert ogive.card(alias) is card
    assert seen["swish"] == "silu"


def test_a_name_is_found_however_it_is_written_and_a_wrong_one_says_what_is_near() -> None:
    for card in CARDS:
        for name in (card.name, *card.aliases):
            for written in (name.upper(), f"  {name}\n", name.replace("_", "-"), name.title()):
                assert find(written) is card, written
    with pytest.raises(ValueError, match=r"unknown function 'gellu'; did you mean .*\bgelu\b"):
        find("gellu")
    with pytest.raises(ValueError, match="unknown function 'xyzzy'; `ogive list` shows all"):
        find("xyzzy")
    with pytest.raises(TypeError, match="name must be a string, not int"):
        find(3)  # type: ignore[arg-type]


def test_a_domain_is_written_with_the_ends_that_belong_to_it() -> None:
    inf = float("inf")
    written = {
        (0.0, inf): "(0, inf)", (BELOW_ZERO, inf): "[0, inf)", (-inf, inf): "(-inf, inf)",
        (-1.0, 2.5): "(-1, 2.5)", (BELOW_ZERO, 1.0): "[0, 1)", (BELOW_ZERO, ABOVE_ONE): "[0, 1]",
    }  # fmt: skip
    for domain, text in written.items():
        assert Parameter(name="a", default=1, doc="", domain=domain).interval == text


def test_a_domain_is_an_interval_and_a_default_lies_in_it() -> None:
    for card in CARDS:
        for p in card.parameters:
            low, high = p.domain
            assert (type(low), type(high)) == (float, float), (card.name, p.name)
            assert low < high, (card.name, p.name)
            if type(p.default) in (int, float):
                assert low <= p.default <= high, (card.name, p.name)


def test_the_catalog_lists_the_cards_of_each_kind() -> None:
    assert [c.name for c in CARDS] == ogive.catalog.names()
    for kind in KINDS:
        assert [c.name for c in ogive.catalog(kind)] == ogive.catalog.names(kind)


@pytest.mark.parametrize("module", [ogive, *(getattr(ogive, m) for m in PUBLIC_MODES[1:])])
def test_a_name_that_does_not_exist_is_an_attribute_error(module: Any) -> None:
    with pytest.raises(AttributeError, match="no_such_function"):
        module.no_such_function  # noqa: B018
