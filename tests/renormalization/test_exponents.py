import math
from dataclasses import replace

import pytest

from rsmi.errors import AnalysisError
from rsmi.renormalization.exponents import (
    changes,
    choose,
    exponents_of,
    extrapolated,
    further_exponents,
    relevance,
    truncation_error,
)


@pytest.fixture
def even(kit):
    """One list per step of a 64 x 64 lattice: y with 1, 2, 3 couplings."""
    return kit.made_up_scan(
        "even", [[0.90, 0.96, 0.97], [0.96, 0.99, 0.993], [0.96, 0.998, 1.0], [0.9, 0.9, 0.9]]
    )


def test_the_deepest_step_that_does_not_feel_the_torus_is_chosen(even):
    chosen = choose(even)
    assert (chosen.level, chosen.n_couplings) == (2, 3)


def test_of_a_small_lattice_the_second_step_is_chosen(kit):
    small = kit.made_up_scan("even", [[0.9] * 3, [1.0] * 3], side=16)
    assert choose(small).level == 1
    assert choose(kit.made_up_scan("even", [[0.9] * 3, [1.0] * 3], side=8)).level == 0


def test_a_change_is_measured_in_the_basis_of_both_steps(kit):
    scan = kit.made_up_scan("even", [[0.9, 0.95, 0.97], [0.93, 0.99]])
    assert [c.value.value for c in changes(scan)] == pytest.approx([0.04])
    assert changes(scan)[0].value.error == pytest.approx(0.0002 * 2**0.5, rel=0.5)


def test_truncation_joins_what_basis_and_steps_may_leave(kit):
    scan = kit.made_up_scan("odd", [[1.90] * 3, [1.88, 1.88, 1.884], [1.88, 1.88, 1.882]], error=0)
    basis, steps = 0.25 * 0.002, 0.35 * 0.016 / 2
    chosen = choose(scan)
    assert truncation_error(scan, chosen) == pytest.approx((basis**2 + steps**2) ** 0.5)


def test_a_step_that_changes_little_by_chance_is_not_trusted(kit):
    scan = kit.made_up_scan("odd", [[1.90] * 3, [1.88] * 3, [1.88] * 3], error=0)
    assert truncation_error(scan, choose(scan)) == pytest.approx(0.35 * 0.02 / 2)


def test_a_flow_that_moves_on_is_not_trusted(kit):
    scan = kit.made_up_scan("odd", [[1.880] * 3, [1.879] * 3, [1.879] * 3, [1.86] * 3], error=0)
    assert truncation_error(scan, choose(scan)) == pytest.approx(0.019)


@pytest.mark.parametrize(("parity", "expected"), [("even", 0.026), ("odd", 0.012)])
def test_a_single_step_states_what_first_steps_do(parity, expected, kit):
    scan = kit.made_up_scan(parity, [[1.0] * 3], side=30, error=0)
    assert truncation_error(scan, choose(scan)) == pytest.approx(expected)


@pytest.mark.parametrize(("parity", "expected"), [("even", 0.06), ("odd", 0.003)])
def test_a_single_coupling_states_what_one_misses(parity, expected, kit):
    scan = kit.made_up_scan(parity, [[1.0]] * 3, error=0)
    assert truncation_error(scan, choose(scan)) == pytest.approx(expected, rel=0.05)


def test_noise_is_not_taken_for_a_change(kit):
    scan = kit.made_up_scan("even", [[0.98] * 3, [1.0] * 3, [1.0] * 3], error=0.03)
    assert truncation_error(scan, choose(scan)) == pytest.approx(0.35 * 0.4 * 0.026 / 2, rel=0.3)


@pytest.mark.parametrize(("error", "expected"), [(0, 0.0011 / 2), (0.002, 0.4 * 0.012 / 4)])
def test_the_last_two_changes_say_more_where_they_are_measured_well(error, expected, kit):
    values = [[1.8811] * 3, [1.8762] * 3, [1.8751] * 3, [1.8750] * 3]
    scan = kit.made_up_scan("odd", values, side=128, error=error)
    assert choose(scan).level == 3
    assert truncation_error(scan, choose(scan)) == pytest.approx(0.35 * expected, rel=0.01)


def test_a_slow_correction_is_added_and_half_of_it_doubted(kit):
    left, factor = 2**-0.83, 2**-0.83 / (1 - 2**-0.83)
    values = [[1.6 - 0.2 * left**k] for k in range(4)]
    scan = kit.made_up_scan("even", values, axes=3, error=0)
    found = extrapolated(scan, choose(scan), 0.83)
    assert found.value.value == pytest.approx(1.6)
    steps = factor * (values[2][0] - values[1][0]) / 2
    assert found.truncation == pytest.approx((steps**2 + 0.06**2) ** 0.5)


def test_a_slow_correction_that_noise_cancels_is_counted(kit):
    scan = kit.made_up_scan("even", [[1.11], [1.16], [1.16], [1.16]], error=0)
    left = 2**-0.8
    assert choose(scan).level == 2
    steps = 0.05 * left**2 / (1 - left) / 2
    found = extrapolated(scan, choose(scan), 0.8)
    assert found.truncation == pytest.approx((steps**2 + 0.06**2) ** 0.5)


def test_a_later_step_that_says_otherwise_is_counted(kit):
    scan = kit.made_up_scan("odd", [[1.90], [1.88], [1.88], [1.84]], error=0)
    factor = 2**-0.8 / (1 - 2**-0.8)
    found = extrapolated(scan, choose(scan), 0.8)
    assert found.truncation == pytest.approx(0.04 * (1 + factor), rel=0.01)


def test_one_slow_step_has_no_error(kit):
    scan = kit.made_up_scan("even", [[1.11]], error=0)
    with pytest.raises(AnalysisError, match="one step alone could be measured"):
        extrapolated(scan, choose(scan), 0.8)


def test_noise_of_a_limit_is_that_of_both_steps(kit):
    scan = kit.made_up_scan("even", [[1.1] * 3, [1.14] * 3, [1.16] * 3, [1.17] * 3], error=0.001)
    factor = 2**-0.8 / (1 - 2**-0.8)
    found = extrapolated(scan, choose(scan), 0.8)
    chosen = found.statistical / 0.001
    assert 1 < chosen < 1 + 2 * factor


def test_eigenvalues_behind_the_leading_one(kit):
    def ranked(parity, values):
        return [replace(e, rank=1) for e in kit.made_up_scan(parity, values)]

    scan = ranked("even", [[0.5, 0.7, 0.72], [0.6, 0.78, 0.8], [0.6, 0.8, 0.82], [0.6, 0.8, 0.83]])
    scan += ranked("odd", [[-1.9] * 3, [-2.0] * 3, [-2.0] * 3, [-2.0] * 3])
    found = further_exponents(scan)
    assert list(found) == ["even[1]", "odd[1]"]
    even = found["even[1]"]
    assert even.value.value == 0.82
    assert even.truncation == pytest.approx(math.hypot(0.01, 0.02))
    assert relevance(even) == "relevant"
    assert relevance(found["odd[1]"]) == "irrelevant"


def test_the_step_before_is_quoted_where_the_torus_moves_the_chosen_one(kit):
    odd = kit.made_up_scan("odd", [[1.881] * 3, [1.876] * 3, [1.8751] * 3, [1.8750] * 3], side=128)
    steps = [[0.978] * 3, [1.001] * 3, [1.0003] * 3, [1.001] * 3]
    for last, expected in ((1.001, 1.001), (1.02, 1.0003)):
        even = kit.made_up_scan("even", [*steps, [last] * 3], side=128)
        found = exponents_of(even, odd, 2)
        assert found["y_t"].value.value == pytest.approx(expected)
        assert found["y_h"].value.value == pytest.approx(1.8750)
    one = kit.made_up_scan("even", [[1.0] * 3, [1.01] * 3, [1.1] * 3], side=32)
    assert exponents_of(one, odd, 2)["y_t"].value.value == pytest.approx(1.01)  # no first step


def test_all_exponents_follow_from_two(even, kit):
    odd = kit.made_up_scan("odd", [[1.88] * 3, [1.877] * 3, [1.875] * 3])
    found = exponents_of([entry for entry in even if entry.level < 3], odd, 2)
    values = {name: exponent.value.value for name, exponent in found.items()}
    expected = {"y_t": 1, "y_h": 1.875, "nu": 1, "eta": 0.25}
    assert values == pytest.approx(expected | {"delta_sigma": 0.125, "delta_epsilon": 1})
    assert found["eta"].statistical == pytest.approx(2 * found["y_h"].statistical)
    y_h = found["y_h"]
    assert y_h.value.error**2 == pytest.approx(y_h.statistical**2 + y_h.truncation**2)
