import dataclasses

import pytest

from rsmi.layers.known import Check, finite, function_space, known_answers
from rsmi.layers.known.check import BIT


@pytest.fixture(scope="module")
def answers():
    """With a twentieth of the draws of random maps, and no more than their error allows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finite, "_DRAWS", 100)
        return known_answers()


def test_every_known_answer_is_found(answers):
    assert len(answers) > 25
    maps = [check for check in answers if "random map" in check.name]
    # The mean of 100 draws scatters by .014 bit at most: 4.9 of that.
    assert all(abs(check.got - check.expected) < 0.07 for check in maps)
    assert [check.name for check in answers if check not in maps and not check.passed] == []


def test_a_wrong_answer_does_not_pass(answers):
    wrong = [dataclasses.replace(c, got=c.got + 1.01 * c.tolerance + 1e-6) for c in answers]
    assert not any(check.passed for check in wrong if check.got > check.expected + check.tolerance)
    assert not Check("x", 1.0, 1.1, 0.05).passed


def test_function_spaces_of_random_machines():
    """Against values computed elsewhere."""
    signs = [3.6656, 3.8931, 3.9609, 3.9850, 3.9941, 3.9977]
    found = [h / BIT for h in function_space.sign_machine_entropies(2, 6)]
    assert found == pytest.approx(signs, abs=2e-3)
    counted = function_space.measured_sign_machine(2, 1, 4096, seed=1)[0] / BIT
    assert counted == pytest.approx(signs[0], abs=0.05)
    gates = [h / BIT for h in function_space.gate_machine_entropies(4)]
    assert gates == pytest.approx([4, 3.7850, 3.4026, 3.0078], abs=5e-5)
