import pytest

from rsmi.information.estimate import Estimate
from rsmi.renormalization.exponents import choose, critical_exponents, truncation_error
from rsmi.renormalization.stability import ScanEntry


def _entry(parity, level, n, y, diameter2, axes=2):
    shape, coarse = (64 >> level,) * axes, (32 >> level,) * axes
    number = Estimate(y, 0.002, "estimate", unit="1")
    return ScanEntry(parity, level, shape, coarse, n, "", diameter2, number, number)


def _scan(parity, values):
    """One list per level: y from 1, 2, 3 couplings of squared diameter 1, 2, 4."""
    diameters = (1, 2, 4)
    return [
        _entry(parity, level, n + 1, y, diameters[n])
        for level, row in enumerate(values)
        for n, y in enumerate(row)
    ]


EVEN = _scan("even", [[0.90, 0.96, 0.97], [0.96, 0.99, 0.993], [0.96, 0.998, 1.0], [0.9, 0.9, 0.9]])


def test_the_deepest_step_that_does_not_feel_the_torus_is_chosen():
    chosen = choose(EVEN)
    assert (chosen.level, chosen.n_couplings) == (2, 3)


def test_truncation_adds_the_changes_with_basis_and_step():
    assert truncation_error(EVEN, choose(EVEN)) == pytest.approx(0.002 + 0.007)


def test_a_step_that_changes_little_by_chance_is_not_trusted():
    even = _scan("even", [[0.9] * 3, [1.0] * 3, [1.0] * 3])
    assert truncation_error(even, choose(even)) == pytest.approx(0.1 / 4)


def test_a_single_step_states_the_whole_change_of_the_basis():
    even = EVEN[:3]
    assert truncation_error(even, choose(even)) == pytest.approx(0.01 + 0.07)


def test_a_single_step_that_counts_is_held_against_the_one_after_it():
    even = _scan("even", [[0.96, 0.97, 0.97], [0.9, 0.9, 0.9]])
    chosen = next(entry for entry in even if (entry.level, entry.n_couplings) == (0, 3))
    assert truncation_error(even, chosen) == pytest.approx(0.07)


def test_in_three_dimensions_the_slow_correction_is_counted():
    even = [
        _entry("even", level, 1, y, 1, axes=3) for level, y in enumerate([1.4, 1.5, 1.55, 1.53])
    ]
    left = 2**-0.83
    assert truncation_error(even, even[2]) == pytest.approx(0.1 * left / (1 - left))


def test_all_exponents_follow_from_two():
    odd = _scan("odd", [[1.88] * 3, [1.877] * 3, [1.875] * 3])
    found = critical_exponents(EVEN, odd, 2)
    values = {name: exponent.value.value for name, exponent in found.items()}
    expected = {"y_t": 1, "y_h": 1.875, "nu": 1, "eta": 0.25}
    assert values == pytest.approx(expected | {"delta_sigma": 0.125, "delta_epsilon": 1})
    assert found["eta"].statistical == pytest.approx(2 * found["y_h"].statistical)
    y_h = found["y_h"]
    assert y_h.value.error**2 == pytest.approx(y_h.statistical**2 + y_h.truncation**2)
