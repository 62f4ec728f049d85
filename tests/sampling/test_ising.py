import itertools
import math
from typing import Any

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING, Ising

DENSITY_4X4 = {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524}


@pytest.mark.parametrize("shape", [(5,), (2, 2), (3, 4), (2, 3, 4)])
def test_energy_is_the_sum_over_forward_bonds(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    spins = (2 * torch.randint(0, 2, (3, *shape), generator=generator) - 1).to(torch.int8)
    model = Ising(shape, 0.4)
    for n, energy in enumerate(model.energy(spins).tolist()):
        bonds = 0
        for site in itertools.product(*map(range, shape)):
            for axis, side in enumerate(shape):
                other = list(site)
                other[axis] = (site[axis] + 1) % side
                bonds += int(spins[n][site]) * int(spins[n][tuple(other)])
        assert energy == -bonds
    assert model.magnetisation(spins).tolist() == [int(s.long().sum()) for s in spins]


def test_density_of_states_of_the_4x4_torus() -> None:
    bits = (torch.arange(2**16)[:, None] >> torch.arange(16)) & 1
    states = (2 * bits - 1).to(torch.int8).reshape(-1, 4, 4)
    energy = Ising((4, 4), 0.4).energy(states)
    for value, count in DENSITY_4X4.items():
        assert int((energy == value).sum()) == count
        assert int((energy == -value).sum()) == count


def test_temperature() -> None:
    assert math.isclose(Ising((4, 4), CRITICAL_COUPLING).temperature, 2.26918531421302)
    assert Ising((4,), 0.0).temperature == math.inf
    assert Ising.at_temperature((4, 4), 2.5) == Ising((4, 4), 0.4)


BAD_MODELS: list[tuple[Any, Any, str]] = [
    ((4, 1), 0.4, r"shape is \(4, 1\); expected one integer of at least 2"),
    ((), 0.4, r"shape is \(\)"),
    ((4, 4.0), 0.4, r"shape is \(4, 4.0\)"),
    ((4, 4), math.nan, "coupling is nan; expected a finite number K"),
    ((4, 4), math.inf, "coupling is inf"),
]


@pytest.mark.parametrize(("shape", "coupling", "message"), BAD_MODELS)
def test_bad_model(shape: Any, coupling: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Ising(shape, coupling)


@pytest.mark.parametrize("temperature", [0.0, math.nan, math.inf])
def test_bad_temperature(temperature: float) -> None:
    with pytest.raises(InputError, match=f"temperature is {temperature}; expected a finite"):
        Ising.at_temperature((4, 4), temperature)


def test_configurations_of_another_kind() -> None:
    model = Ising((4, 4), 0.4)
    with pytest.raises(InputError, match=r"shape \(1, 4, 5\); expected torch.int8 of shape"):
        model.energy(torch.ones(1, 4, 5, dtype=torch.int8))
    with pytest.raises(InputError, match=r"configurations are torch\.float32"):
        model.magnetisation(torch.ones(1, 4, 4))
