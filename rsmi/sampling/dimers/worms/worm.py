"""Worm update of dimers: closed loops of any shape, so that the winding changes too."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.dimers.pictures import directions_of
from rsmi.sampling.dimers.start import columnar
from rsmi.sampling.dimers.states import copies, flat_bonds
from rsmi.sampling.dimers.words import DimerStream
from rsmi.sampling.dimers.worms.links import link_table
from rsmi.sampling.dimers.worms.sweeps import Graph, worm_sweeps
from rsmi.sampling.dimers.worms.turns import Weights
from rsmi.sampling.threads import check_run, share_chains

HOT_SWEEPS = 4


@dataclass(frozen=True)
class Worm:
    """Worm (directed loop) update of free and interacting dimers, with detailed balance.

    A worm lifts a dimer at a random site and moves its free end, pushing other dimers aside, until
    the loop closes; loops around the torus change the winding. A sweep is a fixed number of worms.

    Args:
        model: dimers on any of the lattices.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.
        worms: worms in a sweep, or None for the fourth root of the number of sites, about one step
            per site for free dimers on a square torus; for interacting dimers, whose worms are
            short, one for every eight sites.

    Raises:
        InputError: a bad seed, or fewer than one worker or worm.

    Source: Sandvik, Moessner (2006), cond-mat/0507277.

    >>> sampler = Worm(Dimers((4, 4)), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: Dimers
    seed: int
    workers: int = 1
    worms: int | None = None

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers, worms=self.worms)

    @property
    def worms_per_sweep(self) -> int:
        """Number of worms in a sweep."""
        sites = self.model.geometry.n_sites
        default = sites**0.25 if self.model.coupling == 0 else sites / 8
        return self.worms or max(1, round(default))

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, axes, *shape): even chains hot, odd chains cold.

        Cold is columnar; hot is columnar after some sweeps of free worms.

        Raises:
            InputError: fewer than one chain.
        """
        state = copies(columnar(self.model.geometry), chains)
        bonds = flat_bonds(self.model, state, 0, 0)
        free = np.ones_like(self._boltzmann)
        for chain in range(0, chains, 2):
            hot = bonds[chain : chain + 1]
            self._move(hot, free, (chain, 0, HOT_SWEEPS), DimerStream.INITIAL)
        return state

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: bonds int8 (chains, axes, *shape) on the CPU, contiguous, +1 or -1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model, is not on the CPU, or is no covering.
        """
        self.run(state, first_sweep, sweeps)

    def run(self, state: Tensor, first_sweep: int, sweeps: int) -> int:
        """Do what `advance` does, and return the number of steps of all worms."""
        bonds = flat_bonds(self.model, state, first_sweep, sweeps)

        def work(group: slice) -> int:
            span = (group.start, first_sweep, sweeps)
            return self._move(bonds[group], self._boltzmann, span, DimerStream.WORM)

        steps = share_chains(len(state), self.workers, work)
        if min(steps) < 0:
            directions_of(self.model.geometry, state)
        return sum(steps)

    def _move(
        self,
        bonds: NDArray[np.int8],
        boltzmann: Weights,
        span: tuple[int, int, int],
        stream: DimerStream,
    ) -> int:
        return worm_sweeps(
            bonds,
            self._graph,
            boltzmann,
            self.worms_per_sweep,
            span,
            int(stream),
            np.uint64(self.seed),
        )

    @cached_property
    def _graph(self) -> Graph:
        lattice = self.model.geometry
        starts = np.flatnonzero(lattice.sites).astype(np.int32)
        return (lattice.neighbours, *link_table(lattice), starts)

    @cached_property
    def _boltzmann(self) -> Weights:
        return np.exp(self.model.coupling * np.arange(2 * len(self.model.shape) - 1))
