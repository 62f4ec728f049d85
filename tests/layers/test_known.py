import dataclasses

import pytest

from rsmi.layers import known
from rsmi.layers.known import Check


@pytest.fixture(scope="module")
def answers(request):
    """With a tenth of the draws of random maps, and no more than their error allows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "_DRAWS", 20)
        return known.known_answers()


def test_every_known_answer_is_found(answers):
    assert len(answers) > 25
    maps = [check for check in answers if "random map" in check.name]
    assert all(abs(check.got - check.expected) < 0.2 for check in maps)
    assert [check.name for check in answers if check not in maps and not check.passed] == []


def test_a_wrong_answer_does_not_pass(answers):
    wrong = [dataclasses.replace(c, got=c.got + 1.01 * c.tolerance + 1e-6) for c in answers]
    assert not any(check.passed for check in wrong if check.got > check.expected + check.tolerance)
    assert not Check("x", 1.0, 1.1, 0.05).passed
