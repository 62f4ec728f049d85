"""|psi|^2 samples against the exact law, kernels by enumeration, bytes that depend on the seed."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling import Sampler, equilibrate, mean_estimate, sample_blocks
from rsmi.sampling.quantum import (
    AmplitudeSampler,
    BornSampler,
    ExactWave,
    HeisenbergChain,
    QuantumChain,
    RbmWave,
    TransverseIsingChain,
    hamiltonian,
    sector,
)
from rsmi.sampling.quantum.samplers import move_probability

Matrix = NDArray[np.float64]
PValue = Callable[[Matrix, Matrix], float]
FALSE_ALARM = 1e-6
CHAINS: list[QuantumChain] = [
    TransverseIsingChain(5, 0.8),
    TransverseIsingChain(5, 0.8, "x"),
    HeisenbergChain(6),
]


def machine(chain: QuantumChain, scale: float = 0.4) -> RbmWave:
    rng = np.random.default_rng(3)
    shapes = (chain.sites, 3, (3, chain.sites))
    return RbmWave(chain, *(scale * rng.normal(size=shape) for shape in shapes))


def square(wave: RbmWave) -> Matrix:
    weight = np.exp(2 * wave.log_amplitudes(sector(wave.chain)))
    return np.asarray(weight / weight.sum())


def counts(chain: QuantumChain, spins: torch.Tensor) -> Matrix:
    """How often each configuration of the sector was seen; none may be outside."""
    places = 1 << np.arange(chain.sites)
    known = (sector(chain) > 0) @ places
    seen = (spins.numpy() > 0) @ places
    assert np.isin(seen, known).all()
    return np.bincount(np.searchsorted(known, seen), minlength=len(known)).astype(float)


def draw(sampler: Sampler, chains: int, sweeps: int) -> torch.Tensor:
    state = sampler.initial(chains)
    sampler.advance(state, 0, sweeps)
    return state


@pytest.mark.parametrize("chain", CHAINS)
def test_born_samples(chain: QuantumChain, p_value: PValue) -> None:
    wave = ExactWave.ground_state(chain)
    seen = counts(chain, draw(BornSampler(wave, 7), 40000, 1))
    assert p_value(seen, wave.probabilities) > FALSE_ALARM


def test_a_field_two_per_cent_off_is_rejected(p_value: PValue) -> None:
    right, wrong = (
        ExactWave.ground_state(TransverseIsingChain(5, field)) for field in (0.8, 0.816)
    )
    seen = counts(wrong.chain, draw(BornSampler(wrong, 7), 400000, 1))
    assert p_value(seen, right.probabilities) < FALSE_ALARM


@pytest.mark.parametrize("chain", CHAINS)
def test_amplitude_samples(chain: QuantumChain, p_value: PValue) -> None:
    wave = machine(chain)
    seen = counts(chain, draw(AmplitudeSampler(wave, 7), 20000, 20))
    assert p_value(seen, square(wave)) > FALSE_ALARM


@pytest.mark.parametrize("chain", CHAINS)
def test_weights_two_per_cent_off_are_rejected(chain: QuantumChain, p_value: PValue) -> None:
    sampler = AmplitudeSampler(machine(chain, 0.98 * 0.4), 7)
    state = draw(sampler, 20000, 10)
    spins, _ = next(sample_blocks(sampler, state, 10, 3, 15))
    assert p_value(counts(chain, spins), square(machine(chain))) < FALSE_ALARM


def sweep_matrix(wave: RbmWave) -> Matrix:
    """One sweep: the product of the two-state heat baths of all moves in turn."""
    chain, every = wave.chain, sector(wave.chain)
    places = 1 << np.arange(chain.sites)
    known = (every > 0) @ places
    ratios, elements = wave.log_ratios(every), chain.elements(every)
    sweep = np.eye(len(every))
    for move, flips in enumerate(chain.moves()):
        step = np.zeros_like(sweep)
        for row, spins in enumerate(every):
            if elements[row, move] == 0:
                step[row, row] = 1
                continue
            target = np.searchsorted(known, (spins * flips > 0) @ places)
            chance = move_probability(ratios[row, move])
            step[row, target] += chance
            step[row, row] += 1 - chance
        sweep = sweep @ step
    return sweep


@pytest.mark.parametrize("chain", CHAINS)
def test_sweeps_leave_the_law_alone_and_the_code_obeys(
    chain: QuantumChain, p_value: PValue
) -> None:
    wave = machine(chain)
    matrix, law = sweep_matrix(wave), square(wave)
    assert np.abs(law @ matrix - law).max() < 1e-12
    start = torch.from_numpy(sector(chain)[3])
    state = start.expand(40000, -1).contiguous()
    AmplitudeSampler(wave, 3).advance(state, 17, 1)
    assert p_value(counts(chain, state), matrix[3]) > FALSE_ALARM
    assert p_value(counts(chain, state), sweep_matrix(machine(chain, 0.3))[3]) < FALSE_ALARM


def test_mean_of_the_local_energy_is_the_energy_of_the_state() -> None:
    chain = HeisenbergChain(6)
    wave = machine(chain, 0.2)
    psi = np.sqrt(square(wave))
    sampler = AmplitudeSampler(wave, 5)
    state = sampler.initial(200)
    report = equilibrate(sampler, state)
    _, seen = next(sample_blocks(sampler, state, report.discarded, report.thin, 50))
    energy = mean_estimate(seen["energy"].reshape(50, 200).T)
    assert abs(energy.deviation(float(psi @ (hamiltonian(chain) @ psi)))) < 4.9
    assert energy.error < 0.02


def test_equilibration_of_independent_draws_is_immediate() -> None:
    sampler = BornSampler(ExactWave.ground_state(TransverseIsingChain(5, 0.8)), 3)
    report = equilibrate(sampler, sampler.initial(20), sweeps=64)
    assert report.thin == 1


SAMPLERS = [
    lambda seed, workers: BornSampler(ExactWave.ground_state(CHAINS[0]), seed, workers),
    *[
        lambda seed, workers, chain=chain: AmplitudeSampler(machine(chain), seed, workers)
        for chain in CHAINS
    ],
]


@pytest.mark.parametrize("make", SAMPLERS)
def test_calls_and_other_chains_and_workers_do_not_matter(
    make: Callable[..., Sampler], after: Callable[..., torch.Tensor]
) -> None:
    alone = after(make(4, 1), 9, [12])
    assert torch.equal(alone, after(make(4, 1), 9, [1, 4, 7, 0]))
    assert torch.equal(alone[:4], after(make(4, 1), 4, [12]))
    for workers in (2, 4):
        assert torch.equal(alone, after(make(4, workers), 9, [12]))
    assert not torch.equal(alone, make(5, 1).initial(9))


@pytest.mark.parametrize("make", SAMPLERS)
def test_a_run_goes_on_from_its_last_record(make: Callable[..., Sampler]) -> None:
    sampler = make(4, 1)
    blocks = sample_blocks(sampler, sampler.initial(3), 0, 2, 5)
    first, second = (spins for spins, _ in itertools.islice(blocks, 2))
    resumed, seen = next(sample_blocks(sampler, first[-3:].clone(), 10, 2, 5))
    assert torch.equal(resumed, second)
    assert torch.equal(seen["magnetisation"], second.sum(1))


def test_refusals() -> None:
    sampler = AmplitudeSampler(machine(CHAINS[2]), 1)
    with pytest.raises(InputError, match="the state leaves the sector of the ground state"):
        sampler.advance(torch.ones(2, 6, dtype=torch.int8), 0, 1)
    with pytest.raises(InputError, match="chains is 0; expected at least 1"):
        sampler.initial(0)
    with pytest.raises(InputError, match="workers is 0"):
        AmplitudeSampler(machine(CHAINS[2]), 1, workers=0)
    with pytest.raises(InputError, match=r"expected torch\.int8 of shape \(n, 6\)"):
        sampler.advance(torch.ones(2, 5, dtype=torch.int8), 0, 1)
