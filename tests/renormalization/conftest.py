"""Samples held in memory, exact chains, and slow, plain versions of what is tested."""

import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.information.number import Estimate
from rsmi.lattice import states
from rsmi.renormalization import Interaction
from rsmi.renormalization.stability import ScanEntry, jackknife_error
from rsmi.sampling import Ising, SwendsenWang
from rsmi.sampling.exact.universality import CriticalPoint


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """The helpers of this file."""
    return sys.modules[__name__]


@dataclass
class InMemory:
    configurations: Tensor
    chains: int = 1
    model: dict[str, str | float] | None = None
    iteration: str = ""
    critical: CriticalPoint | None = None

    def __post_init__(self) -> None:
        self.shape = tuple(self.configurations.shape[1:])

    def __len__(self) -> int:
        return len(self.configurations)

    def read(self, start: int, stop: int) -> Tensor:
        return self.configurations[start:stop]


def majority_table(n_v: int = 4, first_weight: float = 1.0) -> Tensor:
    """Sign of the sum, the first spin weighing more if asked; ties at random."""
    v = states(n_v).double()
    up = (1 + torch.sign(v.sum(1) + (first_weight - 1) * v[:, 0])) / 2
    return torch.stack([1 - up, up], 1)


def decimation_table(n_v: int) -> Tensor:
    up = (1 + states(n_v)[:, 0].double()) / 2
    return torch.stack([1 - up, up], 1)


def random_spins(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randint(0, 2, shape, generator=generator) - 1).to(torch.int8)


def exact_ring(n: int, length: int, coupling: float, seed: int) -> Tensor:
    """Independent configurations of the Ising ring: bonds are free but for their product."""
    random = np.random.default_rng(seed)
    aligned = 1 / (1 + np.exp(-2 * coupling))
    bonds = np.where(random.random((3 * n, length)) < aligned, 1, -1)
    closed = bonds[bonds.prod(1) == 1][:n]
    assert len(closed) == n
    first = random.choice([-1, 1], size=(n, 1))
    return torch.from_numpy((first * closed.cumprod(1)).astype(np.int8))


def plain_values(configurations: Tensor, interaction: Interaction) -> np.ndarray:
    """The definition: products of rolled lattices."""
    spins = configurations.long()
    axes = tuple(range(1, spins.ndim))
    total = torch.zeros(len(spins), dtype=torch.int64)
    for term in interaction.terms:
        product = torch.ones_like(spins)
        for offset in term:
            product = product * spins.roll([-o for o in offset], axes)
        total += product.flatten(1).sum(1)
    return total.numpy()


def drawn(shape, coupling, *, seed, chains=64, records=40, thin=3, equilibration=60):
    """Swendsen-Wang configurations, record by record, of a Hamiltonian that is not told."""
    sampler = SwendsenWang(Ising(shape, coupling), seed=seed, workers=1)
    state = sampler.initial(chains=chains)
    sampler.advance(state, first_sweep=0, sweeps=equilibration)
    kept = []
    for record in range(records):
        sampler.advance(state, first_sweep=equilibration + thin * record, sweeps=thin)
        kept.append(state.clone())
    return InMemory(torch.cat(kept), chains)


def made_up_scan(parity, values, *, side=64, axes=2, error=0.0002):
    """A scan with given exponents: one list per step, a value per shell of diameters."""
    random = np.random.default_rng(1)
    entries = []
    for level, row in enumerate(values):
        shape, coarse = (side >> level,) * axes, (side >> (level + 1),) * axes
        for n, y in enumerate(row):
            noise = random.standard_normal(64)
            left_out = y + error * noise / max(jackknife_error(noise), 1e-300)
            number = Estimate(y, error, "estimate", unit="1")
            diameter2 = (1, 2, 4)[n]
            entries.append(
                ScanEntry(
                    parity, level, shape, coarse, n + 1, "", diameter2, number, number, left_out
                )
            )
    return entries
