"""The slips that mutants are made of are what they say; they are planted where they say."""

from importlib.util import find_spec

import pytest

import kernel_slips
import mutants

with_operators = pytest.mark.skipif(
    find_spec("cosmic_ray") is None, reason="make mutate installs it"
)


@with_operators
def test_a_slip_makes_what_its_examples_show():
    from cosmic_ray.mutating import mutate_code

    from slips import SLIPS

    for slip in SLIPS:
        for example in slip.examples():
            found = mutate_code(example.pre_mutation_code, slip(), example.occurrence)
            assert found == example.post_mutation_code


@with_operators
def test_mutants_of_a_change_lie_in_it():
    file = "src/ogive/_numpy/lean.py"
    found = mutants.drawn(50, 1, set(), {file: {58}})
    assert found
    assert found == mutants.drawn(50, 1, set(), {file: {58}})
    assert all(m.file == file and m.line <= 58 <= m.last_line for m in found)


def test_a_changed_kernel_has_mutants_unasked():
    file = "src/ogive/kernels/math/sums.hpp"
    found = mutants.drawn(50, 1, set(), {file: {22}})
    assert found
    assert all(m.file == file and m.line <= 22 <= m.last_line for m in found)


@pytest.mark.parametrize("slip", kernel_slips.SLIPS.values(), ids=lambda slip: slip.name)
def test_a_slip_in_a_kernel_changes_one_place_of_its_code(slip):
    places = 0
    for file in mutants.sources():
        if not file.endswith(mutants.COMPILED):
            continue
        text = (mutants.ROOT / file).read_text()
        found = slip.matches(text)
        places += len(found)
        for occurrence in {0, len(found) - 1} if found else ():
            match, mutated = found[occurrence], slip.mutated(text, occurrence)
            assert mutated[: match.start()] == text[: match.start()]
            assert mutated.endswith(text[match.end() :])
            assert kernel_slips.code_of(mutated) != kernel_slips.code_of(text)
    assert places
