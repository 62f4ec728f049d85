"""Heights close around every site, windings are the same on every plane."""

import math

import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling.dimers import (
    DimerLattice,
    Dimers,
    Worm,
    coverings,
    dimer_law,
    flippable,
    height,
    height_steps,
    height_stiffness,
    stiffness_of_variance,
    winding,
)

TORI = [DimerLattice((4, 4)), DimerLattice((4, 6)), DimerLattice((4, 6), "honeycomb")]
BOARDS = [
    DimerLattice((4, 5), boundary="open"),
    DimerLattice((5, 5), boundary="corner"),
]


def circulation(lattice: DimerLattice, configurations: torch.Tensor) -> torch.Tensor:
    """Sum of the height steps around each site (i + 1, j + 1)."""
    down, along = height_steps(lattice, configurations)
    return down + along.roll(-1, 1) - down.roll(-1, 2) - along


@pytest.mark.parametrize("lattice", TORI, ids=str)
def test_heights_close_around_every_site(lattice: DimerLattice) -> None:
    assert (circulation(lattice, coverings(lattice)) == 0).all()


def test_a_missing_dimer_opens_the_height() -> None:
    states = coverings(TORI[0])
    dimer = tuple((states[0] == 1).nonzero()[0])
    states[0][dimer] = -1
    assert (circulation(TORI[0], states)[0] != 0).sum() == 2


@pytest.mark.parametrize("lattice", BOARDS, ids=str)
def test_height_is_the_same_along_every_path(lattice: DimerLattice) -> None:
    states = coverings(lattice)
    down, along = (steps[:, :-1, :-1] for steps in height_steps(lattice, states))
    field = height(lattice, states)
    assert field.shape == (len(states), lattice.shape[0] - 1, lattice.shape[1] - 1)
    assert (field[:, 0, 0] == 0).all()
    assert torch.equal(field.diff(dim=1), down[:, :-1])
    assert torch.equal(field.diff(dim=2), along[:, :, :-1])


@pytest.mark.parametrize("lattice", TORI[:2], ids=str)
def test_height_gains_the_winding_around_the_torus(lattice: DimerLattice) -> None:
    states = coverings(lattice)
    down, along = height_steps(lattice, states)
    found = winding(lattice, states)
    assert (along.sum(2) == 4 * found[:, :1]).all()
    assert (down.sum(1) == -4 * found[:, 1:]).all()
    assert height(lattice, states).shape == (len(states), *lattice.shape)


@pytest.mark.parametrize("lattice", [*TORI, DimerLattice((2, 2, 2), "cubic")], ids=str)
def test_winding_is_the_same_on_every_plane(lattice: DimerLattice) -> None:
    states = coverings(lattice)
    for axis in range(lattice.n_axes):
        moved = states.roll(1, axis + 2)
        assert torch.equal(winding(lattice, moved)[:, axis], -winding(lattice, states)[:, axis])


def test_flippable_hexagons_by_flipping_them() -> None:
    lattice = DimerLattice((4, 8), "honeycomb", "open")
    states = coverings(lattice)
    known = {bytes(s.numpy()) for s in states}
    corner = [(1, 0, 0), (1, 0, 1), (0, 0, 2), (1, 1, 1), (1, 1, 0), (0, 0, 0)]
    for state, count in zip(states, flippable(lattice, states), strict=True):
        flips = 0
        for i in range(3):
            for j in range(6):
                flipped = state.clone()
                for axis, di, dj in corner:
                    flipped[axis, i + di, j + dj] *= -1
                flips += bytes(flipped.numpy()) in known
        assert flips == count


def test_flippable_on_a_board_does_not_wrap() -> None:
    lattice = DimerLattice((2, 2), boundary="open")
    assert flippable(lattice, coverings(lattice)).tolist() == [1, 1]


def test_orientation_counts_dimers() -> None:
    model = Dimers((4, 4))
    states = coverings(model.geometry)
    found = model.observables(states)
    assert found["magnetisation"].min() == -8
    assert found["magnetisation"].max() == 8
    assert torch.equal(found["flippable"], -found["energy"])
    assert set(found) == {"energy", "magnetisation", "flippable", "winding_0", "winding_1"}
    board = Dimers((4, 4), boundary="open")
    assert "winding_0" not in board.observables(coverings(board.geometry))


@pytest.mark.parametrize("temperature", [math.inf, 1.0])
def test_stiffness_from_windings(temperature: float) -> None:
    model = Dimers((4, 4), temperature)
    law = dimer_law(model)
    square = winding(model.geometry, law.configurations).double().square().mean(1)
    exact = stiffness_of_variance(law.mean(square))
    sampler = Worm(model, seed=7)
    state = sampler.initial(100)
    records = []
    for sweep in range(210):
        sampler.advance(state, sweep, 1)
        if sweep >= 10:
            records.append(winding(model.geometry, state))
    found = height_stiffness(model.geometry, torch.cat(records), chains=100)
    assert 0 < found.error < 0.05 * found.value
    assert abs(found.deviation(exact)) < 4.9


def test_stiffness_messages() -> None:
    torus = DimerLattice((4, 4))
    with pytest.raises(AnalysisError, match="no winding was ever seen; sample longer"):
        height_stiffness(torus, torch.zeros(40, 2, dtype=torch.int64), chains=2)
    with pytest.raises(AnalysisError, match="belongs to no stiffness between"):
        stiffness_of_variance(1e6)
    with pytest.raises(InputError, match=r"windings have shape \(40, 3\) for 2 chains"):
        height_stiffness(torus, torch.zeros(40, 3, dtype=torch.int64), chains=2)
    with pytest.raises(InputError, match="measured on the square torus"):
        height_stiffness(DimerLattice((4, 4), boundary="open"), torch.zeros(4, 2), chains=2)
    with pytest.raises(InputError, match="boundary is 'open'; winding numbers exist on a torus"):
        winding(DimerLattice((4, 4), boundary="open"), torch.zeros(1, 2, 4, 4, dtype=torch.int8))
    with pytest.raises(InputError, match="a height field exists in two dimensions only"):
        height(DimerLattice((2, 2, 2), "cubic"), torch.zeros(1, 3, 2, 2, 2, dtype=torch.int8))
