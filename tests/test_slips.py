"""The slips that mutants are made of are what they say; they are planted where they say."""

import pytest

pytest.importorskip("cosmic_ray", reason="make mutate installs it")

from cosmic_ray.mutating import mutate_code

import kernel_slips
import mutants
from slips import SLIPS


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_makes_what_its_examples_show(slip):
    for example in slip.examples():
        found = mutate_code(example.pre_mutation_code, slip(), example.occurrence)
        assert found == example.post_mutation_code


def test_mutants_of_a_change_lie_in_it():
    file = "src/ogive/_lean.py"
    found = mutants.drawn(50, 1, set(), {file: {58}})
    assert found
    assert found == mutants.drawn(50, 1, set(), {file: {58}})
    assert all(m.file == file and m.line <= 58 <= m.last_line for m in found)


@pytest.mark.parametrize("slip", kernel_slips.SLIPS.values(), ids=lambda slip: slip.name)
def test_a_slip_in_a_kernel_changes_one_place(slip):
    """Of every header, and there are such places."""
    count = 0
    for file in mutants.sources():
        if file.endswith(mutants.COMPILED):
            text = (mutants.ROOT / file).read_text()
            found = len(slip.matches(text))
            count += found
            for occurrence in {0, found - 1} if found else ():
                mutated = slip.mutated(text, occurrence)
                assert mutated != text
                assert kernel_slips.code_of(mutated) != kernel_slips.code_of(text)
    assert count
