"""Exact numbers, each by two ways where there are two."""

import math
from collections import Counter

import pytest
from scipy.integrate import quad

from rsmi.errors import InputError
from rsmi.sampling.dimers import (
    HONEYCOMB_ENTROPY,
    SQUARE_ENTROPY,
    DimerLattice,
    Dimers,
    coverings,
    cylinder_stiffness,
    dimer_law,
    flippable,
    hexagon_coverings,
    log_corner_coverings,
    log_eigenvalue,
    log_open_coverings,
    log_torus_coverings,
    winding,
)

TORUS_4 = DimerLattice((4, 4))


@pytest.mark.parametrize(
    ("shape", "count"), [((2, 2), 8), ((4, 4), 272), ((4, 6), 3108), ((6, 6), 90176)]
)
def test_torus_counts(shape: tuple[int, int], count: int) -> None:
    assert len(coverings(DimerLattice(shape))) == count
    assert math.exp(log_torus_coverings(*shape)) == pytest.approx(count, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "count"), [((4, 4), 36), ((3, 4), 11), ((4, 6), 281), ((6, 6), 6728)]
)
def test_open_counts(shape: tuple[int, int], count: int) -> None:
    assert len(coverings(DimerLattice(shape, boundary="open"))) == count
    assert math.exp(log_open_coverings(*shape)) == pytest.approx(count, rel=1e-12)


def test_chessboard_count() -> None:
    assert math.exp(log_open_coverings(8, 8)) == pytest.approx(12988816, rel=1e-12)


@pytest.mark.parametrize(("shape", "count"), [((3, 3), 4), ((3, 7), 56), ((5, 5), 192)])
def test_corner_counts(shape: tuple[int, int], count: int) -> None:
    assert len(coverings(DimerLattice(shape, boundary="corner"))) == count
    assert math.exp(log_corner_coverings(*shape)) == pytest.approx(count, rel=1e-12)


@pytest.mark.parametrize("side", [1, 2])
def test_hexagon_counts(side: int) -> None:
    lattice = DimerLattice((2 * side, 4 * side), "honeycomb", "open")
    assert lattice.n_sites == 6 * side**2
    assert len(coverings(lattice)) == hexagon_coverings(side)


def test_cubic_count_is_a_permanent() -> None:
    # The cube has 9 perfect matchings, and each of their 4 bonds is doubled on the torus of side 2.
    assert len(coverings(DimerLattice((2, 2, 2), "cubic"))) == 9 * 2**4


def test_entropies() -> None:
    assert pytest.approx(0.291560904030819, abs=1e-15) == SQUARE_ENTROPY
    assert log_torus_coverings(512, 512) / 512**2 == pytest.approx(SQUARE_ENTROPY, abs=5e-6)
    integral = quad(lambda x: math.log(2 * math.cos(x)), 0, math.pi / 3)[0] / math.pi
    assert pytest.approx(integral, abs=1e-10) == HONEYCOMB_ENTROPY


def test_flippable_histogram() -> None:
    found = flippable(TORUS_4, coverings(TORUS_4))
    assert Counter(found.tolist()) == {0: 12, 2: 32, 3: 64, 4: 112, 6: 48, 8: 4}
    assert found.double().mean() / 16 == pytest.approx(4 / 17, rel=1e-14)


def test_winding_sectors() -> None:
    sectors = Counter(map(tuple, winding(TORUS_4, coverings(TORUS_4)).tolist()))
    one_axis = {(w, 0): n for w, n in ((1, 32), (-1, 32), (2, 1), (-2, 1))}
    other_axis = {(b, a): n for (a, b), n in one_axis.items()}
    both = {(a, b): 2 for a in (1, -1) for b in (1, -1)}
    assert sectors == {(0, 0): 132} | one_axis | other_axis | both


@pytest.mark.parametrize(
    ("temperature", "energy", "winding_square"),
    [(math.inf, -4 / 17, 0.294117647), (2.0, -0.309815660, None), (1.0, -0.385824214, 0.042389461)],
)
def test_interacting_moments(
    temperature: float, energy: float, winding_square: float | None
) -> None:
    model = Dimers((4, 4), temperature)
    law = dimer_law(model)
    assert law.mean(model.energy(law.configurations)) / 16 == pytest.approx(energy, abs=1e-9)
    if winding_square is not None:
        square = winding(TORUS_4, law.configurations)[:, 0].square()
        assert law.mean(square) == pytest.approx(winding_square, abs=1e-9)


def test_partition_function_is_a_polynomial_in_the_flippable_plaquettes() -> None:
    histogram = {0: 12, 2: 32, 3: 64, 4: 112, 6: 48, 8: 4}
    partition = sum(count * math.exp(n / 2.0) for n, count in histogram.items())
    law = dimer_law(Dimers((4, 4), 2.0))
    assert law.log_partition == pytest.approx(math.log(partition), rel=1e-14)
    assert law.probability.sum() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("temperature", "stiffness"),
    [(math.inf, 0.51569), (2.0, 0.90062), (1.0, 1.47638), (0.65, 2.39712)],
)
def test_cylinder_stiffness(temperature: float, stiffness: float) -> None:
    assert cylinder_stiffness(8, temperature) == pytest.approx(stiffness, abs=5e-6)


def test_leading_eigenvalue_of_a_long_torus() -> None:
    per_row = log_torus_coverings(4, 400) / 400
    assert log_eigenvalue(4, math.inf, 0) == pytest.approx(per_row, abs=1e-10)
    assert log_eigenvalue(4, 2.0, 1) == pytest.approx(log_eigenvalue(4, 2.0, -1), abs=1e-10)


def test_messages() -> None:
    with pytest.raises(InputError, match="width is 7; expected an even number from 4 to 12"):
        cylinder_stiffness(7)
    with pytest.raises(InputError, match=r"temperature is 0\.0; expected above 0"):
        cylinder_stiffness(8, 0.0)
    with pytest.raises(InputError, match="side is 0; expected at least 1"):
        hexagon_coverings(0)
    with pytest.raises(InputError, match="has 64 sites; at most 40 can be enumerated"):
        coverings(DimerLattice((8, 8)))
    with pytest.raises(InputError, match=r"\(2, 4, 4\) has more than 2000000 coverings"):
        coverings(DimerLattice((2, 4, 4), "cubic"))
