"""Heat bath of Potts and Blume-Capel models: a table of laws indexed by the neighbourhood."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.lattice import Hypercubic
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.model import Potts
from rsmi.sampling.random import fill_uint64, unit

Sites = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


def potts_weights(coupling: float, dimension: int) -> Floats:
    """Weight exp(K n) of a state that n = 0 ... 2d neighbours are in.

    >>> potts_weights(0.0, 1).tolist()
    [1.0, 1.0, 1.0]
    """
    return np.exp(coupling * np.arange(2 * dimension + 1.0))


def blume_capel_laws(coupling: float, crystal_field: float, dimension: int) -> Floats:
    """Probabilities of s = -1, 0, +1 in a field h = -2d ... 2d of the neighbours.

    p(s | h) is proportional to exp(K (s h - D s^2)).

    Returns:
        float64 (4d + 1, 3), row h + 2d.

    >>> blume_capel_laws(0.0, 1.0, 1).round(3).tolist()[0]
    [0.333, 0.333, 0.333]
    """
    field = np.arange(-2 * dimension, 2 * dimension + 1.0)[:, None]
    spin = np.array([-1.0, 0.0, 1.0])
    exponent = coupling * (spin * field - crystal_field * spin**2)
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class PottsHeatBath(ChainSampler[Potts]):
    """Heat bath, one sweep visits the sites in row-major order; any sign of the coupling.

    Args:
        model: Potts model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    >>> sampler = PottsHeatBath(Potts((4, 4), 3, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    @cached_property
    def _tables(self) -> tuple[Sites, Floats, int]:
        model = self.model
        weights = potts_weights(model.coupling, len(model.shape))
        return Hypercubic(model.shape).neighbours(), weights, model.states

    def _sweep(self, spins: Spins, address: Address) -> None:
        _advance_potts(spins, *self._tables, address)


@dataclass(frozen=True)
class BlumeCapelHeatBath(ChainSampler[BlumeCapel]):
    """Heat bath, one sweep visits the sites in row-major order.

    Args:
        model: Blume-Capel model.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: a bad seed or fewer than one worker.

    >>> sampler = BlumeCapelHeatBath(BlumeCapel((4, 4), 1.0, 1.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    @cached_property
    def _tables(self) -> tuple[Sites, Floats]:
        return Hypercubic(self.model.shape).neighbours(), blume_capel_bounds(self.model)

    def _sweep(self, spins: Spins, address: Address) -> None:
        advance_blume_capel(spins, *self._tables, address)


def blume_capel_bounds(model: BlumeCapel) -> Floats:
    """A uniform number below the first bound is s = -1, below the second 0, else +1."""
    laws = blume_capel_laws(model.coupling, model.crystal_field, len(model.shape))
    return np.ascontiguousarray(laws.cumsum(axis=1)[:, :2])


@njit(cache=True, nogil=True)
def _advance_potts(
    spins: Spins, neighbours: Sites, weights: Floats, states: int, address: Address
) -> None:
    first_chain, first_sweep, sweeps, seed = address
    sites = spins.shape[1]
    words = np.empty(sites + sites % 2, np.uint64)
    counts = np.empty(states, np.int64)
    for chain in range(spins.shape[0]):
        for sweep in range(first_sweep, first_sweep + sweeps):
            fill_uint64(words, 0, first_chain + chain, sweep, GraphStream.HEAT_BATH, seed)
            for site in range(sites):
                counts[:] = 0
                for k in range(neighbours.shape[1]):
                    counts[spins[chain, neighbours[site, k]]] += 1
                total = 0.0
                for a in range(states):
                    total += weights[counts[a]]
                rest = unit(words[site]) * total - weights[counts[0]]
                chosen = 0
                while rest >= 0.0 and chosen < states - 1:
                    chosen += 1
                    rest -= weights[counts[chosen]]
                spins[chain, site] = chosen


@njit(cache=True, nogil=True)
def advance_blume_capel(spins: Spins, neighbours: Sites, bounds: Floats, address: Address) -> None:
    """Heat-bath sweeps of a group of chains (chains, n_sites), in place."""
    first_chain, first_sweep, sweeps, seed = address
    sites = spins.shape[1]
    middle = bounds.shape[0] // 2
    words = np.empty(sites + sites % 2, np.uint64)
    for chain in range(spins.shape[0]):
        for sweep in range(first_sweep, first_sweep + sweeps):
            fill_uint64(words, 0, first_chain + chain, sweep, GraphStream.HEAT_BATH, seed)
            for site in range(sites):
                field = middle
                for k in range(neighbours.shape[1]):
                    field += spins[chain, neighbours[site, k]]
                u = unit(words[site])
                above = np.int8(u >= bounds[field, 0]) + np.int8(u >= bounds[field, 1])
                spins[chain, site] = above - np.int8(1)
