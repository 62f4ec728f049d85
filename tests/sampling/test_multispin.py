"""Bit-packed Metropolis: the law of one sweep, the digits of the probabilities, the packing."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, Multispin, Sampler, registry
from rsmi.sampling.acceptance import DIGITS, acceptance
from rsmi.sampling.metropolis import flip_probabilities
from rsmi.sampling.words import Packing, WordLattice

Counts = NDArray[np.float64]
PValue = Callable[[Counts, Counts], float]
FALSE_ALARM = 1e-6


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("coupling", [0.0, 0.2, -CRITICAL_COUPLING, 3.0, 20.0])
def test_digits_are_those_of_the_reference(coupling: float, dimension: int) -> None:
    digits = acceptance(coupling, dimension)
    bits = np.bitwise_xor.accumulate(digits.changes, axis=1) & 1
    values = (bits * 0.5 ** np.arange(1, DIGITS + 1)[:, None]).sum(axis=0)
    alignment = range(2 * dimension, -1, -2)  # of 0, 1, ..., d unsatisfied bonds
    chance = flip_probabilities(abs(coupling), dimension)
    expected = [float(chance[(s + 2 * dimension) // 2]) for s in alignment]
    assert np.abs(values[: dimension + 1] - expected).max() < 2.0**-52
    still = np.bitwise_xor.accumulate(digits.open, axis=1) & 1
    assert (still == (np.cumsum(bits[::-1], axis=0)[::-1] > 0)).all()


def one_sweep(sampler: Sampler, start: torch.Tensor, chains: int) -> torch.Tensor:
    state = start.expand(chains, *start.shape).contiguous()
    sampler.advance(state, first_sweep=17, sweeps=1)
    return state


def reference_law(model: Ising, start: torch.Tensor) -> Counts:
    """Probability of every state after one sweep of the reference, from its own probabilities."""
    sites = model.n_sites
    dimension = len(model.shape)
    table = flip_probabilities(model.coupling, dimension).numpy()
    law = {tuple(start.flatten().tolist()): 1.0}
    parity = np.indices(model.shape).sum(axis=0) % 2
    for colour in (0, 1):
        chosen = np.flatnonzero(parity == colour)
        following: dict[tuple[int, ...], float] = {}
        for spins, weight in law.items():
            grid = np.array(spins).reshape(model.shape)
            field = sum(np.roll(grid, s, axis) for axis in range(dimension) for s in (1, -1))
            chance = table[((grid * field).ravel()[chosen] + 2 * dimension) // 2]
            for flips in itertools.product([0, 1], repeat=len(chosen)):
                end = np.array(spins)
                end[chosen] *= 1 - 2 * np.array(flips)
                p = weight * np.prod(np.where(flips, chance, 1 - chance))
                following[tuple(end)] = following.get(tuple(end), 0.0) + p
        law = following
    states = 2 * (np.arange(2**sites)[:, None] >> np.arange(sites) & 1) - 1
    return np.array([law.get(tuple(state), 0.0) for state in states.tolist()])


STARTS = [0, 0b1, 0b1010, 0b110100]


@pytest.mark.parametrize("coupling", [0.37, -0.37, 0.0])
@pytest.mark.parametrize("start", STARTS)
def test_one_sweep_has_the_law_of_the_reference(
    start: int, coupling: float, p_value: PValue
) -> None:
    model = Ising((2, 4), coupling)
    spins = torch.tensor([2 * (start >> i & 1) - 1 for i in range(8)], dtype=torch.int8)
    state = one_sweep(Multispin(model, 3), spins.reshape(2, 4), 40000)
    index = ((state.flatten(1) > 0) * 2 ** torch.arange(8)).sum(1)
    counts = np.bincount(index.numpy(), minlength=256).astype(float)
    assert p_value(counts, reference_law(model, spins.reshape(2, 4))) > FALSE_ALARM
    wrong = Ising((2, 4), coupling + 0.05)
    assert p_value(counts, reference_law(wrong, spins.reshape(2, 4))) < FALSE_ALARM


LATTICES: list[tuple[tuple[int, ...], Packing]] = [
    ((6,), "replicas"),
    ((4, 4, 6), "replicas"),
    ((64, 34), "replicas"),
    ((1024,), "replicas"),
    ((64,), "sites"),
    ((6, 128), "sites"),
    ((4, 2, 192), "sites"),
]


@pytest.mark.parametrize(("shape", "packing"), LATTICES)
@pytest.mark.parametrize("coupling", [0.3, -0.3])
def test_moments_after_a_few_sweeps(
    shape: tuple[int, ...], packing: Packing, coupling: float
) -> None:
    """From an ordered start, so that a bond that is missing or false shows."""
    model = Ising(shape, coupling)
    results = []
    for sampler in (Metropolis(model, 2), Multispin(model, 3, packing=packing)):
        state = torch.ones(max(64, 20000 // model.n_sites), *shape, dtype=torch.int8)
        sampler.advance(state, 0, 3)
        results.append((model.energy(state).double(), model.magnetisation(state).double()))
    for first, second in zip(*results, strict=True):
        error = ((first.var() + second.var()) / len(first)).sqrt()
        assert abs(first.mean() - second.mean()) < 5 * error


@pytest.mark.parametrize(("shape", "packing"), LATTICES)
@pytest.mark.parametrize("chains", [1, 32, 33, 70])
def test_packing_is_undone(shape: tuple[int, ...], packing: Packing, chains: int) -> None:
    model = Ising(shape, 0.3)
    sampler = Multispin(model, 3, packing=packing)
    generator = torch.Generator().manual_seed(1)
    state = (2 * torch.randint(0, 2, (chains, *shape), generator=generator) - 1).to(torch.int8)
    words = sampler.pack(state)
    assert int(np.bitwise_count(words).sum()) == int((state > 0).sum())
    copy = torch.zeros_like(state)
    sampler.unpack(words, copy)
    assert torch.equal(copy, state)
    sampler.advance_packed(words, 5, 2)
    sampler.unpack(words, copy)
    sampler.advance(state, 5, 2)
    assert torch.equal(copy, state)


def test_bits_of_different_chains_are_independent() -> None:
    """Chains with equal starts and shared random bits would stay equal."""
    model = Ising((16, 16), 0.2)
    state = torch.ones(64, 16, 16, dtype=torch.int8)
    Multispin(model, 3).advance(state, 0, 100)
    spins = state.flatten(1).double()
    overlap = (spins @ spins.T / 256).fill_diagonal_(0)
    # chi = <M^2> / n is below 4 here, so overlaps have a standard deviation below 1/8.
    assert overlap.abs().max() < 6 / 8
    assert overlap.sum().abs() < 6 * 64 / 8


def test_antiferromagnet_is_the_ferromagnet_on_a_staggered_lattice() -> None:
    staggered = 1 - 2 * (torch.arange(8)[:, None] + torch.arange(8)).remainder(2).to(torch.int8)
    for method in ("reference", "multispin"):
        ferro = registry["metropolis"](Ising((8, 8), 0.4), 3, method)
        antiferro = registry["metropolis"](Ising((8, 8), -0.4), 3, method)
        state = ferro.initial(40)
        other = state * staggered
        ferro.advance(state, 0, 10)
        antiferro.advance(other, 0, 10)
        assert torch.equal(state * staggered, other)


def test_bad_samplers() -> None:
    with pytest.raises(InputError, match=r"shape is \(4, 5\); the checkerboard update needs even"):
        Multispin(Ising((4, 5), 0.1), 1)
    with pytest.raises(InputError, match="at most 3 axes; choose the method 'reference'"):
        Multispin(Ising((2, 2, 2, 2), 0.1), 1)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        Multispin(Ising((4, 4), 0.1), 1, workers=0)
    with pytest.raises(InputError, match="packing is 'spins'; expected 'replicas' or 'sites'"):
        WordLattice((4, 4), "spins")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"'sites' cuts rows into 64 parts; choose a last side"):
        Multispin(Ising((4, 32), 0.1), 1, packing="sites")
    with pytest.raises(InputError, match="rows of more than 1024 words do not fit"):
        Multispin(Ising((2, 1026), 0.1), 1)
    sampler = Multispin(Ising((4, 4), 0.1), 1)
    with pytest.raises(InputError, match="state is on meta; Multispin runs on the CPU; move"):
        sampler.advance(sampler.initial(2).to("meta"), 0, 1)
