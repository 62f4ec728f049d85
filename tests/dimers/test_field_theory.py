"""Exponents of the height field: exact correlations, winding numbers, and samples of them."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.sampling.dimers import (
    DimerLattice,
    Dimers,
    Worm,
    cylinder_stiffness,
    dimer_correlation,
    dimer_law,
    monomer_correlation,
    winding,
    winding_law,
)
from rsmi.sampling.dimers.exact.correlations import WEIGHTS, Green, Site, monomer_ratio

FALSE_ALARM = 1e-6


def exponent(near: float, far: float, factor: float) -> float:
    return math.log(abs(near / far)) / math.log(factor)


def test_dimers_decay_as_one_over_the_distance_squared() -> None:
    along = [dimer_correlation((0, 0), (r, 0)) for r in (33, 99)]
    assert exponent(*along, 3) == pytest.approx(2, abs=2e-3)
    assert 99**2 * along[1] == pytest.approx(-1 / math.pi**2, rel=1e-3)
    assert dimer_correlation((0, 0), (100, 0)) > 0
    across = [dimer_correlation((0, 1), (r, r)) for r in (30, 90)]
    assert exponent(*across, 3) == pytest.approx(2, abs=0.1)


def test_monomers_decay_as_one_over_the_root_of_the_distance() -> None:
    near, far = monomer_correlation(21), monomer_correlation(63)
    assert exponent(near, far, 3) == pytest.approx(0.5, abs=1e-3)
    assert abs(exponent(near, far, 3) - 0.48) > 1e-2


@pytest.mark.parametrize("site", [(2, 0), (0, 2), (5, 3), (-4, 7)])
@pytest.mark.parametrize("axis", [0, 1])
def test_one_dimer_on_every_site(axis: int, site: Site) -> None:
    x, y = site
    around = [(0, (x, y)), (0, (x - 1, y)), (1, (x, y)), (1, (x, y - 1))]
    total = sum(dimer_correlation((axis, other), start) for other, start in around)
    assert total == pytest.approx(0, abs=1e-12)


def board_green(side: int) -> Green:
    """Inverse Kasteleyn matrix of an open square."""
    sites = [(i, j) for i in range(side) for j in range(side)]
    even, odd = ([s for s in sites if sum(s) % 2 == parity] for parity in (0, 1))
    matrix = np.zeros((len(even), len(odd)), dtype=complex)
    for row, (i, j) in enumerate(even):
        for column, (k, m) in enumerate(odd):
            if abs(i - k) + abs(j - m) == 1:
                matrix[row, column] = WEIGHTS[int(i == k)]
    inverse = np.linalg.inv(matrix)
    return lambda a, b: complex(inverse[odd.index(a), even.index(b)])


@cache
def count(free: frozenset[Site]) -> int:
    """Coverings of a set of sites, one by one."""
    if not free:
        return 1
    i, j = min(free)
    return sum(count(free - {(i, j), end}) for end in ((i + 1, j), (i, j + 1)) if end in free)


@pytest.mark.parametrize(
    ("first", "distance"), [((1, 1), 3), ((0, 2), 5), ((2, 2), 1), ((0, 0), 5)]
)
def test_coverings_without_two_sites_are_counted(first: Site, distance: int) -> None:
    board = frozenset((i, j) for i in range(6) for j in range(6))
    assert count(board) == 6728
    without = board - {first, (first[0] + distance, first[1])}
    ratio = monomer_ratio(board_green(6), first, distance)
    assert ratio * count(board) == pytest.approx(count(without), rel=1e-10)


def test_the_stiffness_of_wide_cylinders_tends_to_one_half() -> None:
    rest = {width: cylinder_stiffness(width) - 0.5 for width in (4, 6, 8, 10)}
    scaled = [value * width**2 for width, value in rest.items()]
    assert all(0.85 < value < 1.1 for value in scaled)
    assert (100 * rest[10] - 64 * rest[8]) / 36 == pytest.approx(0, abs=3e-3)


@pytest.mark.parametrize("temperature", [math.inf, 1.0])
def test_winding_law_of_small_tori(temperature: float) -> None:
    law = dimer_law(Dimers((6, 4), temperature))
    numbers = winding(DimerLattice((6, 4)), law.configurations)[:, 0]
    for number, probability in winding_law(6, 4, temperature).items():
        assert law.mean(numbers == number) == pytest.approx(probability, abs=1e-14)


@pytest.mark.parametrize(("temperature", "stiffness"), [(math.inf, 0.51569), (1.0, 1.47638)])
def test_long_tori_have_the_stiffness_of_the_cylinder(temperature: float, stiffness: float) -> None:
    law = winding_law(64, 8, temperature)
    assert math.log(law[0] / law[1]) / (8 * math.pi) == pytest.approx(stiffness, abs=5e-6)


@pytest.mark.parametrize(
    ("temperature", "rows", "other"), [(math.inf, 16, 2.0), (2.0, 8, math.inf), (1.0, 8, 1.5)]
)
def test_worms_have_the_windings_of_the_transfer_matrix(
    temperature: float, rows: int, other: float, p_value: Callable[..., float]
) -> None:
    model = Dimers((rows, 8), temperature)
    sampler = Worm(model, seed=12, workers=2, worms=32)
    state = sampler.initial(4000)
    sampler.advance(state, 0, 10)
    numbers = winding(model.geometry, state)[:, 0].numpy()
    counts = np.array([(np.abs(numbers) == number).sum() for number in range(5)], dtype=float)
    assert p_value(counts, folded(rows, temperature)) > FALSE_ALARM
    assert p_value(counts, folded(rows, other)) < FALSE_ALARM


def folded(rows: int, temperature: float) -> np.ndarray:
    """Probabilities of |W_0| = 0 ... 4 on a torus eight sites wide."""
    law = winding_law(rows, 8, temperature)
    return np.array([law[0], *(2 * law[number] for number in range(1, 5))])


def test_messages() -> None:
    with pytest.raises(InputError, match="distance is 4; expected an odd number"):
        monomer_correlation(4)
    with pytest.raises(InputError, match=r"axes are \(0, 0\) and shift \(0, 0\)"):
        dimer_correlation((0, 0), (0, 0))
    with pytest.raises(InputError, match=r"a torus of 5 x 8 sites; expected an even number"):
        winding_law(5, 8)
