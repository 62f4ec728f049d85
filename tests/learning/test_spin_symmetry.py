"""Symmetries are used where configurations have them, and dropped where they do not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Isometry, Window, generated, point_group
from rsmi.learning.data import WindowData
from rsmi.learning.learn import learn, make_trainer
from rsmi.learning.rsmi import PosteriorRSMI
from rsmi.learning.spin_symmetry import Symmetry, _Means, find_symmetry
from rsmi.sampling import Ising, SwendsenWang
from rsmi.sampling.metropolis import Metropolis

WINDOW = Window((2, 2), 1)
MIRROR = Isometry((0, 1), (True, False))
TURN = Isometry((0, 1), (True, True))
SWAP = Isometry((1, 0), (False, False))


def ising(records: int = 300, coupling: float = 0.4, seed: int = 1) -> Tensor:
    """One chain on the 12 x 12 torus, record after record."""
    sampler = SwendsenWang(Ising((12, 12), coupling), seed=seed)
    state = sampler.initial(chains=1)
    sampler.advance(state, 0, 50)
    rows = []
    for record in range(records):
        sampler.advance(state, 50 + 2 * record, 2)
        rows.append(state.clone())
    return torch.cat(rows)


def relaxed(flip_chance: Callable[[Tensor], Tensor], n: int = 300, sweeps: int = 40) -> Tensor:
    """Independent configurations by heat-bath updates of a quarter of all sites at a time."""
    spins = 1 - 2 * torch.randint(0, 2, (n, 12, 12))
    for _ in range(4 * sweeps):
        mask = torch.rand(spins.shape) < 0.25
        up = torch.rand(spins.shape) < torch.sigmoid(2 * flip_chance(spins))
        spins = torch.where(mask, 2 * up.long() - 1, spins)
    return spins.to(torch.int8)


def triangular(spins: Tensor) -> Tensor:
    """Fields of the triangular lattice, drawn on a square one with one kind of diagonals."""
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)]
    return 0.2 * sum(spins.roll(step, (1, 2)) for step in steps)


def in_a_field(spins: Tensor) -> Tensor:
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    return 0.2 * sum(spins.roll(step, (1, 2)) for step in steps) + 0.3


def chiral(spins: Tensor) -> Tensor:
    """Four spins of an L interact, its mirror image does not: turns are left, mirrors are not."""
    arms = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    field = torch.zeros(spins.shape)
    for (x, y), (u, v) in zip(arms, arms[1:] + arms[:1], strict=True):
        cells = [(0, 0), (x, y), (2 * x, 2 * y), (2 * x + u, 2 * y + v)]
        for a, b in cells:
            others = [spins.roll((a - c, b - d), (1, 2)) for c, d in cells if (c, d) != (a, b)]
            field += 0.25 * others[0] * others[1] * others[2]
    return field


def symmetry_of(spins: Tensor, known: bool = False, chains: int = 1) -> Symmetry:
    return find_symmetry(spins, chains, WINDOW.extent, known)


def test_the_ising_model_keeps_everything() -> None:
    found = symmetry_of(ising())
    assert len(found.group) == found.order == 8
    assert found.flip
    assert str(found).endswith("flip of all spins not contradicted by the data")


def test_a_triangular_lattice_keeps_the_group_of_its_diagonal() -> None:
    found = symmetry_of(relaxed(triangular))
    assert set(found.group) == generated([TURN, SWAP])
    assert found.flip


def test_mirrors_are_dropped_where_only_turns_are_left() -> None:
    found = symmetry_of(relaxed(chiral))
    assert set(found.group) == generated([Isometry((1, 0), (False, True))])


def test_a_plane_of_dimers_is_not_turned() -> None:
    """A bit says whether a dimer begins here and covers the next site to the right."""
    pair = torch.rand(300, 12, 12) < 0.3
    taken = pair & ~pair.roll(1, 2)
    found = symmetry_of(1 - 2 * taken.to(torch.int8))
    assert set(found.group) == generated([MIRROR, Isometry((0, 1), (False, True))])
    assert not found.flip


def test_a_field_breaks_the_flip_and_impose_is_refused(tmp_path: Path) -> None:
    spins = relaxed(in_a_field)
    assert not symmetry_of(spins).flip
    np.save(tmp_path / "spins.npy", spins.numpy())
    data = WindowData(str(tmp_path / "spins.npy"), WINDOW, batch_size=512, steps_per_epoch=40)
    trainer = make_trainer(tmp_path, 2, 2, "cpu", progress=False)
    with pytest.raises(InputError, match=r"mean spin 0\..*set learning.z2: allow"):
        learn(PosteriorRSMI(WINDOW, hidden=(8,)), data, trainer)
    data.symmetry.check("allow")
    assert not data.test_windows().symmetry.symmetrises("allow")


def test_a_chain_that_is_slow_says_nothing_against_the_flip() -> None:
    """Metropolis sweeps below the critical temperature: the magnetisation hardly moves."""
    sampler = Metropolis(Ising((12, 12), 0.46), seed=3)
    state = sampler.initial(chains=1)
    sampler.advance(state, 0, 100)
    rows = []
    for record in range(200):
        sampler.advance(state, 100 + record, 1)
        rows.append(state.clone())
    spins = torch.cat(rows)
    assert abs(float(spins.double().mean())) > 0.5
    assert symmetry_of(spins, known=True).flip


def telegraph(generator: np.random.Generator, records: int = 1400) -> np.ndarray:
    """A magnetisation that keeps its sign for 100 records on average, as fast noise around it."""
    flips = generator.random(records) < 0.01
    phase = np.where(np.cumsum(flips) % 2, 1.0, -1.0)
    return phase + 0.3 * generator.normal(size=records)


def odd_p_value(series: np.ndarray) -> float:
    return _Means(torch.ones(len(series), 4, 4, dtype=torch.int8), 1, False).p_odd(series)


def test_rare_changes_of_phase_say_nothing_against_the_flip_yet_a_field_does() -> None:
    generator = np.random.default_rng(1)
    slow = [telegraph(generator) for _ in range(300)]
    assert min(map(odd_p_value, slow)) > 1e-8
    naive = [_Means(torch.ones(1400, 4, 4), 1, False).p_value(series) for series in slow]
    assert min(naive) < 1e-8
    for field in (0.3, 0.5, 1.0, 2.0, 3.0, 5.0):
        assert odd_p_value(generator.normal(field, 1, 1400)) < 1e-7


def test_a_known_model_is_not_contradicted_by_few_ordered_chains() -> None:
    spins = torch.ones(20, 8, 12, 12, dtype=torch.int8)
    assert symmetry_of(spins.flatten(0, 1), known=True, chains=8).flip
    assert not symmetry_of(spins.flatten(0, 1), known=False, chains=8).flip
    many = torch.ones(4, 64, 12, 12, dtype=torch.int8)
    assert not symmetry_of(many.flatten(0, 1), known=True, chains=64).flip


def test_a_torus_that_is_no_square_is_not_turned() -> None:
    spins = 1 - 2 * torch.randint(0, 2, (50, 6, 12)).to(torch.int8)
    assert len(symmetry_of(spins).group) == 4


def test_symmetric_data_keep_their_symmetries_at_every_seed() -> None:
    for seed in range(8):
        spins = ising(records=64, coupling=0.44, seed=seed)
        found = symmetry_of(spins)
        assert (len(found.group), found.flip) == (8, True)


def test_chains_and_cubes_are_tested_too() -> None:
    chain = 1 - 2 * torch.randint(0, 2, (100, 30)).to(torch.int8)
    assert len(find_symmetry(chain, 1, (6,), False).group) == 2
    cube = 1 - 2 * torch.randint(0, 2, (120, 5, 5, 5)).to(torch.int8)
    assert len(point_group((5, 5, 5))) == 48
    layered = torch.where(torch.rand(120, 5, 5, 5) < 0.3, cube.roll(1, 3), cube)
    assert len(find_symmetry(layered, 1, (5, 5, 5), False).group) == 16
