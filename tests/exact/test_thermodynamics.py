import math

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.sampling.exact import density_of_states, kaufman, magnetisation_law

K_C = math.log(1 + math.sqrt(2)) / 2


@pytest.mark.parametrize(
    ("size", "log_z", "energy", "specific_heat"),
    [
        (4, 0.970119716172205, -1.56562378763832, 0.783266825929),
        (8, 0.939715324829206, -1.49158910743971, 1.14555923989),
        (32, 0.930320390184124, -1.43365846614625, 1.84676759004),
    ],
)
def test_critical_tori(size, log_z, energy, specific_heat):
    found = kaufman((size, size), K_C)
    assert found.log_partition / size**2 == pytest.approx(log_z, rel=1e-13)
    assert found.energy == pytest.approx(energy, rel=1e-13)
    assert found.specific_heat == pytest.approx(specific_heat, rel=1e-10)


@pytest.mark.parametrize(
    ("size", "coupling", "energy"),
    [(8, 0.3, -0.712467372672069), (8, 0.5, -1.7456831702932), (32, 1 / 2.5, -1.10729166097751)],
)
def test_energies_away_from_criticality(size, coupling, energy):
    assert kaufman((size, size), coupling).energy == pytest.approx(energy, rel=1e-12)
    assert abs(kaufman((size, size), 1.02 * coupling).energy - energy) > 1e-3


@pytest.mark.parametrize("shape", [(2, 3), (3, 4), (4, 4), (4, 5)])
@pytest.mark.parametrize("coupling", [0.2, K_C, 0.9])
def test_kaufman_agrees_with_enumeration(shape, coupling):
    states, closed = density_of_states(shape), kaufman(shape, coupling)
    assert states.log_partition(coupling) == pytest.approx(closed.log_partition, rel=1e-12)
    assert states.energy(coupling) == pytest.approx(closed.energy, rel=1e-12)


def test_specific_heat_is_the_energy_fluctuation():
    states, coupling = density_of_states((4, 4)), 0.4
    p = states.probabilities(coupling)
    variance = p @ states.energies**2 - (p @ states.energies) ** 2
    assert kaufman((4, 4), coupling).specific_heat == pytest.approx(coupling**2 * variance / 16)


def test_kaufman_far_from_criticality_and_on_large_tori():
    assert kaufman((256, 256), 1.0).energy == pytest.approx(-2, abs=3e-3)
    assert kaufman((256, 256), 0.01).energy == pytest.approx(-2 * math.tanh(0.01), rel=1e-3)
    assert kaufman((128, 256), K_C).energy == pytest.approx(-math.sqrt(2), rel=5e-3)


def test_density_of_states_of_the_four_by_four_torus():
    states = density_of_states((4, 4))
    table = {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524}
    for energy in range(-32, 33, 4):
        count = int(states.counts[states.energies == energy].sum())
        assert count == table.get(-abs(energy), 0)


def test_moments_of_the_four_by_four_torus():
    states = density_of_states((4, 4))
    moments = [states.moment(K_C, power) for power in (1, 2, 4)]
    assert moments == pytest.approx([0.8438604448, 0.7613589086, 0.6656912133], abs=1e-10)
    assert 1 - moments[2] / (3 * moments[1] ** 2) == pytest.approx(0.61719932, abs=1e-8)


def test_moments_of_the_eight_by_eight_torus():
    law = magnetisation_law((8, 8), K_C)
    for power, moment in ((1, 0.7773310928), (2, 0.6469115750), (4, 0.4858152341)):
        assert law.moment(power) == pytest.approx(moment, abs=1e-10)
    assert law.binder() == pytest.approx(0.61304538, abs=1e-8)
    assert abs(magnetisation_law((8, 8), 0.44).moment(2) - 0.6469115750) > 1e-3


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (2, 4), (5, 2)])
def test_magnetisation_laws_agree_with_enumeration(shape):
    states = density_of_states(shape)
    for coupling in (0.1, K_C, -0.3):
        known = np.bincount(
            (states.magnetisations + states.n_sites) // 2, states.probabilities(coupling)
        )
        found = magnetisation_law(shape, coupling).probability
        assert np.abs(found - known).max() < 1e-12


def test_open_chain_is_a_product_of_bonds():
    states = density_of_states((6,), periodic=False)
    assert states.log_partition(0.7) == pytest.approx(
        6 * math.log(2) + 5 * math.log(math.cosh(0.7))
    )
    assert np.array_equal(np.unique(states.energies), [-5, -3, -1, 1, 3, 5])


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"shape is \[8, 9\]; expected rows and columns"):
        magnetisation_law((8, 9), 0.4)
    with pytest.raises(InputError, match=r"\|K\| \(rows \+ columns\) <= 100"):
        magnetisation_law((8, 8), math.inf)
    with pytest.raises(InputError, match=r"\[6, 6\] has 36 spins.*up to 25"):
        density_of_states((6, 6))
    with pytest.raises(InputError, match="coupling K = J/T is nan"):
        kaufman((4, 4), math.nan)
    with pytest.raises(InputError, match="two extents >= 2"):
        kaufman((4,), 0.4)
