"""Cluster updates of the ferromagnetic Potts model and of Blume-Capel spins."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.cluster_updates import edge_probabilities
from rsmi.sampling.graphs.clusters import swendsen_wang_chains as sign_clusters
from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.clusters import Turns, embedded_chains, swendsen_wang_chains, wolff_chains
from rsmi.sampling.potts.heat_bath import advance_blume_capel, blume_capel_bounds
from rsmi.sampling.potts.model import Potts, forward_bonds

Sites = NDArray[np.int64]
Floats = NDArray[np.float64]

HELD = (1, -1, 1, -1, 1, -1, 0)
"""Letters that are held in the turns of one sweep of embedded clusters."""


def bond_probability(coupling: float) -> float:
    """Probability to join two neighbours in the same state, p = 1 - exp(-K).

    Source: Swendsen, Wang (1987), Phys. Rev. Lett. 58, 86.

    >>> bond_probability(0.0)
    0.0
    """
    return -math.expm1(-coupling)


@dataclass(frozen=True)
class PottsSwendsenWang(ChainSampler[Potts]):
    """Swendsen-Wang: join equal neighbours at random, give every cluster a random state.

    Args:
        model: ferromagnetic Potts model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a negative coupling, a bad seed, or fewer than one worker.

    >>> sampler = PottsSwendsenWang(Potts((4, 4), 3, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    def _check_model(self) -> None:
        _check_ferromagnet(self.model, "Swendsen-Wang")

    @cached_property
    def _tables(self) -> tuple[Sites, float, int]:
        model = self.model
        return forward_bonds(model.shape), bond_probability(model.coupling), model.states

    def _sweep(self, spins: Spins, address: Address) -> None:
        swendsen_wang_chains(spins, *self._tables, address)


@dataclass(frozen=True)
class PottsWolff(ChainSampler[Potts]):
    """Wolff: grow one cluster of equal states from a random site, give it another state.

    One sweep is one cluster.

    Args:
        model: ferromagnetic Potts model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a negative coupling, a bad seed, or fewer than one worker.

    Source: Wolff (1989), Phys. Rev. Lett. 62, 361.

    >>> sampler = PottsWolff(Potts((4, 4), 3, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    def _check_model(self) -> None:
        _check_ferromagnet(self.model, "Wolff")

    @cached_property
    def _tables(self) -> tuple[Sites, float, int]:
        model = self.model
        neighbours = Hypercubic(model.shape).neighbours()
        return neighbours, bond_probability(model.coupling), model.states

    def _sweep(self, spins: Spins, address: Address) -> None:
        wolff_chains(spins, *self._tables, address)


@dataclass(frozen=True)
class BlumeCapelClusters(ChainSampler[BlumeCapel]):
    """A heat-bath sweep of all spins, then Swendsen-Wang clusters of those that are not 0.

    The clusters change signs only, so the heat bath is needed to create and remove zeros.

    Args:
        model: Blume-Capel model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    Source: Bouabci, Carneiro (1996), Phys. Rev. B 54, 359.

    >>> sampler = BlumeCapelClusters(BlumeCapel((4, 4), 1.0, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    @cached_property
    def _heat_bath(self) -> tuple[Sites, Floats]:
        return Hypercubic(self.model.shape).neighbours(), blume_capel_bounds(self.model)

    @cached_property
    def _bonds(self) -> tuple[Sites, Floats, Floats]:
        edges = forward_bonds(self.model.shape)
        strengths = np.ones(len(edges))
        return edges, strengths, edge_probabilities(self.model.coupling, strengths)

    def _sweep(self, spins: Spins, address: Address) -> None:
        first_chain, first_sweep, sweeps, seed = address
        for sweep in range(first_sweep, first_sweep + sweeps):
            one = (first_chain, sweep, 1, seed)
            advance_blume_capel(spins, *self._heat_bath, one)
            sign_clusters(spins, *self._bonds, one)


@dataclass(frozen=True)
class BlumeCapelEmbeddedClusters(ChainSampler[BlumeCapel]):
    r"""Swendsen-Wang clusters of two of the three letters at a time, so of vacancies as well.

    A turn holds all spins of one letter and updates the Ising model that the others form. Where
    -a is held, a = 1 or -1, it is s = a (1 + sigma) / 2 with

    .. math:: -E / T = \frac K4 \sum_{\langle ij\rangle} \sigma_i \sigma_j
        + \frac12 \sum_i h_i \sigma_i + \text{const},
        \qquad h_i = K \left(d - D - \tfrac32 m_i\right)

    on the d-dimensional torus, m_i the number of held neighbours of site i. Equal neighbours are
    joined with probability 1 - exp(-K / 2). Given the bonds, every cluster C takes the letter a
    with probability 1 / (1 + exp(-sum_C h_i)), else 0, whatever it was. Where 0 is held, sigma = s
    has the coupling K and no field. Bonds and letters are so drawn in turn from their joint law,
    whose marginal is Boltzmann's given the held spins: every turn satisfies detailed balance. Any
    configuration is reached, since every cluster may be a single site. Near the tricritical point
    D is close to d, so that h is small and clusters of tens of sites become vacancies at once.

    A sweep holds +1, -1, +1, -1, +1, -1, 0.

    Args:
        model: Blume-Capel model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    Source: Edwards, Sokal (1988), Phys. Rev. D 38, 2009, for the joint law; Wolff (1989), Phys.
    Rev. Lett. 62, 361, for Ising models embedded in others.

    >>> sampler = BlumeCapelEmbeddedClusters(BlumeCapel((4, 4), 1.0, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    @cached_property
    def _tables(self) -> tuple[Sites, Turns]:
        laws = np.array([embedded_law(self.model, held) for held in HELD]).T
        probability, alone, contact = np.ascontiguousarray(laws)
        held = np.array(HELD, dtype=np.int8)
        return forward_bonds(self.model.shape), (held, probability, alone, contact)

    def _sweep(self, spins: Spins, address: Address) -> None:
        embedded_chains(spins, *self._tables, address)


def embedded_law(model: BlumeCapel, held: int) -> tuple[float, float, float]:
    """What the clusters of the two letters other than `held` need.

    Returns:
        Probability to join equal neighbours, field of the higher letter (-held or +1) against the
        lower at a site, and what every held neighbour takes away from it.

    >>> embedded_law(BlumeCapel((4, 4), 1.0, 1.5), 1)[1:]
    (0.5, 1.5)
    """
    if held == 0:
        return bond_probability(2 * model.coupling), 0.0, 0.0
    alone = model.coupling * (len(model.shape) - model.crystal_field)
    return bond_probability(model.coupling / 2), alone, 1.5 * model.coupling


def _check_ferromagnet(model: Potts, update: str) -> None:
    if model.coupling < 0:
        raise InputError(
            f"coupling is {model.coupling}; {update} needs K >= 0, because its clusters join equal "
            "states; use the update 'heat_bath' for antiferromagnets"
        )
