"""Symmetries of letters are used where configurations have them, and dropped where not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space, Window, place
from rsmi.lattice.alphabet import SPIN, clock, spins
from rsmi.lattice.graphs import from_edges
from rsmi.lattice.space import graph_space
from rsmi.learning.equivariance import make_images
from rsmi.learning.symmetry import DataSymmetry, _by_chain, _p_phases, _student, find_symmetry
from rsmi.sampling import Ising, SwendsenWang
from rsmi.sampling.families import Setup, families
from rsmi.sampling.metropolis import Metropolis

SQUARE = [(1, 0), (-1, 0), (0, 1), (0, -1)]


def chain_of(sampler: SwendsenWang | Metropolis, records: int, skip: int, thin: int) -> Tensor:
    """One chain, record after record."""
    state = sampler.initial(chains=1)
    sampler.advance(state, 0, skip)
    rows = []
    for record in range(records):
        sampler.advance(state, skip + thin * record, thin)
        rows.append(state.clone())
    return torch.cat(rows)


def ising(records: int = 300, coupling: float = 0.4, seed: int = 1) -> Tensor:
    """On the 12 x 12 torus."""
    return chain_of(SwendsenWang(Ising((12, 12), coupling), seed=seed), records, 50, 2)


def drawn(name: str, shape: tuple[int, ...], temperature: object, records: int, **given: object):
    """Letters of a model, 16 chains, and its space."""
    family = families[name]
    parameters = {key: known.default for key, known in family.parameters.items()} | given
    setup = Setup(shape, temperature, parameters, family.updates[0], seed=3)
    model = family.model(setup)
    sampler = family.engine(setup, model, 1, "cpu").sampler
    state = sampler.initial(16)
    sampler.advance(state, 0, 40)
    rows = []
    for record in range(records):
        sampler.advance(state, 40 + 4 * record, 4)
        rows.append(family.letters(model, state).clone())
    return torch.cat(rows), family.space(model)


def relaxed(flip_chance: Callable[[Tensor], Tensor], n: int = 300, sweeps: int = 40) -> Tensor:
    """Independent configurations by heat-bath updates of a quarter of all sites at a time."""
    found = 1 - 2 * torch.randint(0, 2, (n, 12, 12))
    for _ in range(4 * sweeps):
        mask = torch.rand(found.shape) < 0.25
        up = torch.rand(found.shape) < torch.sigmoid(2 * flip_chance(found))
        found = torch.where(mask, 2 * up.long() - 1, found)
    return found.to(torch.int8)


def coupled(*strengths: tuple[tuple[int, int], float], field: float = 0.0):
    """Fields of spins with couplings along some steps and back."""

    def at(found: Tensor) -> Tensor:
        both = ((s, k) for (x, y), k in strengths for s in ((x, y), (-x, -y)))
        return sum(k * found.roll(step, (1, 2)) for step, k in both) + field

    return at


def chiral(found: Tensor) -> Tensor:
    """Four spins of an L interact, its mirror image does not: turns are left, mirrors are not."""
    arms = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    field = torch.zeros(found.shape)
    for (x, y), (u, v) in zip(arms, arms[1:] + arms[:1], strict=True):
        cells = [(0, 0), (x, y), (2 * x, 2 * y), (2 * x + u, 2 * y + v)]
        for a, b in cells:
            others = [found.roll((a - c, b - d), (1, 2)) for c, d in cells if (c, d) != (a, b)]
            field += 0.25 * others[0] * others[1] * others[2]
    return field


def of_spins(
    found: Tensor, declared: bool = False, chains: int = 1, lattice: str = ""
) -> DataSymmetry:
    shape = tuple(found.shape[1:])
    space = Space.of(lattice, shape, SPIN) if lattice else Space.hypercubic(shape, SPIN)
    return find_symmetry((found > 0).to(torch.int8)[..., None], chains, space, declared)


def moves(found: DataSymmetry) -> set[str]:
    return {g.name.split(" -> ")[1] for g in found.moves}


def test_the_ising_model_keeps_everything() -> None:
    found = of_spins(ising())
    assert len(found.group) == found.order == 16
    assert found.group[0].trivial
    assert found.letters == ((0, 1), (1, 0))
    assert str(found) == (
        "8 of 8 rotations and reflections, 2 of 2 permutations of the letters, "
        "not contradicted by the data"
    )


def test_diagonal_bonds_keep_the_group_of_the_diagonal() -> None:
    found = of_spins(relaxed(coupled(((1, 0), 0.2), ((0, 1), 0.2), ((1, 1), 0.2))))
    assert moves(found) == {"(x, y)", "(-x, -y)", "(y, x)", "(-y, -x)"}
    assert len(found.letters) == 2
    assert "4 of 8 rotations and reflections ((x, y) -> (x, y); " in str(found)
    assert "others broken by the data (mean product of 2 neighbouring spins" in str(found)


@pytest.mark.parametrize(("third", "order"), [(0.15, 12), (0.0, 4)])
def test_the_triangular_lattice_has_more_symmetries_than_its_anisotropic_couplings(
    third: float, order: int
) -> None:
    fields = coupled(((1, 0), 0.15), ((0, 1), 0.15), ((1, -1), third))
    assert len(of_spins(relaxed(fields), lattice="triangular").moves) == order


def test_mirrors_are_dropped_where_only_turns_are_left() -> None:
    found = of_spins(relaxed(chiral))
    assert moves(found) == {"(x, y)", "(-y, x)", "(-x, -y)", "(y, -x)"}


def test_a_plane_of_dimers_is_not_turned() -> None:
    """A bit says whether a dimer begins here and covers the next site to the right."""
    pair = torch.rand(300, 12, 12) < 0.3
    taken = pair & ~pair.roll(1, 2)
    found = of_spins(1 - 2 * taken.to(torch.int8))
    assert moves(found) == {"(x, y)", "(-x, y)", "(x, -y)", "(-x, -y)"}
    assert found.letters == ((0, 1),)


def test_a_field_breaks_the_flip_and_impose_is_refused() -> None:
    found = of_spins(relaxed(coupled(((1, 0), 0.2), ((0, 1), 0.2), field=0.3)))
    assert len(found.moves) == 8
    assert found.letters == ((0, 1),)
    assert not found.symmetrises("allow")
    found.check("allow")
    with pytest.raises(InputError, match=r"mean spin 0\..*set learning.symmetry: allow"):
        found.check("impose")


def test_a_chain_that_is_slow_says_nothing_against_the_flip() -> None:
    """Metropolis sweeps below the critical temperature: the magnetisation hardly moves."""
    slow = chain_of(Metropolis(Ising((12, 12), 0.46), seed=3), 200, 100, 1)
    assert abs(float(slow.double().mean())) > 0.5
    assert len(of_spins(slow, declared=True).letters) == 2


def telegraph(generator: np.random.Generator, noise: float, records: int = 1400) -> np.ndarray:
    """A magnetisation that keeps its sign for 100 records on average, with fast noise around it."""
    flips = generator.random(records) < 0.01
    phase = np.where(np.cumsum(flips) % 2, 1.0, -1.0)
    return phase + noise * generator.normal(size=records)


def p_value(series: np.ndarray) -> float:
    return _p_phases(_by_chain(series, 1))


def test_rare_changes_of_phase_say_nothing_against_the_flip_yet_a_field_does() -> None:
    generator = np.random.default_rng(1)
    slow = [telegraph(generator, noise) for noise in (0.3, 1.0) for _ in range(300)]
    assert min(map(p_value, slow)) > 1e-8
    assert min(_student(_by_chain(series, 1)) for series in slow) < 1e-8
    for field in (0.3, 0.5, 1.0, 2.0, 3.0, 5.0):
        assert p_value(generator.normal(field, 1, 1400)) < 1e-7


@pytest.mark.parametrize("letters", [2, 3, 6])
def test_a_known_model_is_not_contradicted_by_few_ordered_chains(letters: int) -> None:
    space = Space.hypercubic((12, 12), SPIN if letters == 2 else clock(letters))
    one = torch.ones(20 * 8, *space.shape, dtype=torch.int8)
    every = space.alphabet.symmetries
    assert len(find_symmetry(one, 8, space, declared=True).letters) == len(every)
    assert len(find_symmetry(one, 8, space, declared=False).letters) < len(every)
    many = torch.ones(4 * 64, *space.shape, dtype=torch.int8)
    assert len(find_symmetry(many, 64, space, declared=True).letters) < len(every)


def test_symmetric_data_keep_their_symmetries_at_every_seed() -> None:
    for seed in range(8):
        assert len(of_spins(ising(records=64, coupling=0.44, seed=seed)).group) == 16


def test_chains_tori_and_cubes_are_tested_too() -> None:
    chain = 1 - 2 * torch.randint(0, 2, (100, 30)).to(torch.int8)
    assert len(of_spins(chain).moves) == 2
    oblong = 1 - 2 * torch.randint(0, 2, (50, 6, 12)).to(torch.int8)
    assert len(of_spins(oblong).moves) == 4
    cube = 1 - 2 * torch.randint(0, 2, (120, 5, 5, 5)).to(torch.int8)
    layered = torch.where(torch.rand(120, 5, 5, 5) < 0.3, cube.roll(1, 3), cube)
    assert len(of_spins(layered).moves) == 16


def test_potts_letters_are_exchanged_but_for_the_one_in_a_field() -> None:
    letters, space = drawn("potts", (8, 8), 1.5, 40, states=3)
    assert len(find_symmetry(letters, 16, space, declared=False).group) == 48
    letters[torch.rand(letters.shape) < 0.1] = 0
    found = find_symmetry(letters, 16, space, declared=False)
    assert found.letters == ((0, 1, 2), (0, 2, 1))
    assert len(found.moves) == 8
    with pytest.raises(InputError, match=r"fraction of .* after 0 -> 1, 1 -> 0"):
        found.check("impose")


def test_a_mirror_may_hold_with_letters_exchanged_alone() -> None:
    """Letters wind up to the right: the mirror needs an exchange of two letters with it."""
    step = torch.where(torch.rand(400, 24) < 0.5, 1, torch.randint(0, 3, (400, 24)))
    space = Space.of("chain", (24,), clock(3))
    letters = (step.cumsum(1) % 3).to(torch.int8)[..., None]
    found = find_symmetry(letters, 1, space, declared=False)
    assert (len(found.moves), len(found.letters), len(found.group)) == (1, 3, 6)
    assert ", 3 of both together" in str(found)


def test_dimers_are_turned_with_their_letters_and_not_without() -> None:
    letters, space = drawn("dimers", (8, 8), "inf", 20)
    found = find_symmetry(letters, 16, space, declared=False)
    assert len(found.group) == found.order == 8
    rigid = replace(space, alphabet=replace(space.alphabet, directions=()))
    still = find_symmetry(letters, 16, rigid, declared=False)
    assert len(still.group) == 1
    assert still.order == 8


@pytest.mark.parametrize("lattice", ["honeycomb", "kagome"])
def test_lattices_with_several_sites_in_a_cell(lattice: str) -> None:
    letters, space = drawn("ising_graph", (6, 6), 3.0, 20, lattice=lattice)
    found = find_symmetry(letters, 16, space, declared=False)
    assert (len(found.moves), len(found.letters)) == (12, 2)
    letters[..., 0] = (torch.rand(letters.shape[:-1]) < 0.7).to(torch.int8)
    assert len(find_symmetry(letters, 16, space, declared=False).moves) < 12


def test_fields_of_random_sign_on_a_graph_are_noticed() -> None:
    space = graph_space(from_edges([(i, (i + 1) % 40) for i in range(40)], 40), spins())
    up = torch.rand(1000, 1, 40)
    assert len(find_symmetry((up < 0.5).to(torch.int8), 1, space, False).letters) == 2
    fields = 0.5 + 0.2 * (-1) ** torch.arange(40)
    found = find_symmetry((up < fields).to(torch.int8), 1, space, False)
    assert found.letters == ((0, 1),)


def test_a_space_whose_cells_differ_is_not_turned() -> None:
    space = graph_space(from_edges([(i, (i + 1) % 9) for i in range(9)], 9), spins())
    with pytest.raises(InputError, match=r"disorder.*take point_group: allow"):
        make_images(place(Window(ball=1, buffer=1), space), 2, "impose", "impose")


def test_letters_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match="has the letter 2"):
        find_symmetry(torch.full((4, 5, 1), 2, dtype=torch.int8), 1, Space.of("chain", (5,), SPIN),
                      False)  # fmt: skip
