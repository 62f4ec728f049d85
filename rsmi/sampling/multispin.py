"""Metropolis updates of 32 spins at a time on the CPU, one bit to a spin."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.acceptance import MOST_AXES, Acceptance, acceptance
from rsmi.sampling.base import ThreadedSampler
from rsmi.sampling.ising import Ising
from rsmi.sampling.multispin_bonds import CHUNK, Geometry
from rsmi.sampling.multispin_kernel import sweep_groups
from rsmi.sampling.multispin_packing import kernel_geometry, pack_groups, unpack_groups
from rsmi.sampling.random import Stream
from rsmi.sampling.start import check_advance
from rsmi.sampling.threads import GROUPS_PER_WORKER, share
from rsmi.sampling.words import Packing, WordLattice

Words = NDArray[np.uint32]

LONGEST_ROW = 2 * CHUNK
"""Sites in a row that packing "replicas" can treat."""


@dataclass(frozen=True)
class Multispin(ThreadedSampler[Ising]):
    """The update of `Metropolis`, 32 chains to a word, with random bits of its own for each.

    One sweep has the law of one sweep of `Metropolis`, but other random numbers. The update of
    `TritonMetropolis` gives the same bytes.

    Args:
        model: Ising model on a chain, square or cubic torus with even sides, any sign of K.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.
        packing: "replicas", 32 chains to a word, or "sites", 32 sites of one chain to a word,
            for few chains of large lattices.

    Raises:
        InputError: an odd side, more than three axes, rows of more than 1024 sites in a lane, a bad
            seed, fewer than one worker, or a packing that does not fit.

    Source: bits of independent uniform numbers compared from the top, after the multispin coding
    of Creutz, Jacobs, Rebbi (1979), Phys. Rev. Lett. 42, 1390.

    >>> sampler = Multispin(Ising((4, 4), -0.4), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    packing: Packing = "replicas"

    def _check_model(self) -> None:
        check_packed(self.model)
        if self.lattice.width > CHUNK:
            raise InputError(
                f"shape is {self.model.shape}; rows of more than {LONGEST_ROW} words "
                "do not fit; choose packing='sites', or the method 'reference'"
            )

    @cached_property
    def lattice(self) -> WordLattice:
        """The packed lattice."""
        return WordLattice(self.model.shape, self.packing)

    @cached_property
    def _tables(self) -> tuple[Geometry, Acceptance]:
        geometry = kernel_geometry(self.lattice, self.model.coupling < 0)
        return geometry, acceptance(self.model.coupling, len(self.model.shape))

    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        words = self._empty(len(state))
        spins, parity = state.numpy().reshape(-1), self.lattice.parity

        def work(groups: tuple[int, int]) -> None:
            pack_groups(spins, words, parity, self.lattice.strides, *groups)
            self._sweep(words, groups, first_sweep, sweeps)
            unpack_groups(words, spins, parity, self.lattice.strides, *groups)

        share(self._parts(self.lattice.groups(len(state))), self.workers, work)

    def pack(self, state: Tensor) -> Words:
        """The chains as words, for `advance_packed`.

        Args:
            state: int8 (chains, *shape) on the CPU, contiguous.

        Returns:
            uint32 (2, groups * rows, width): the two colours of the checkerboard.
        """
        check_advance(self.model, state, 0, 0)
        words = self._empty(len(state))
        groups = (0, self.lattice.groups(len(state)))
        pack_groups(
            state.numpy().reshape(-1), words, self.lattice.parity, self.lattice.strides, *groups
        )
        return words

    def unpack(self, words: Words, state: Tensor) -> None:
        """Write the words of `pack` back into the state."""
        groups = (0, self.lattice.groups(len(state)))
        spins = state.numpy().reshape(-1)
        unpack_groups(words, spins, self.lattice.parity, self.lattice.strides, *groups)

    def advance_packed(self, words: Words, first_sweep: int, sweeps: int) -> None:
        """Carry the words of `pack` through some sweeps, in place."""

        def work(groups: tuple[int, int]) -> None:
            self._sweep(words, groups, first_sweep, sweeps)

        share(self._parts(words.shape[1] // self.lattice.rows), self.workers, work)

    def _empty(self, chains: int) -> Words:
        """Words for a number of chains."""
        rows = self.lattice.groups(chains) * self.lattice.rows
        return np.empty((2, rows, self.lattice.width), np.uint32)

    def _sweep(self, words: Words, groups: tuple[int, int], first_sweep: int, sweeps: int) -> None:
        geometry, digits = self._tables
        stream, seed = int(Stream.MULTISPIN), np.uint64(self.seed)
        sweep_groups(
            words, *groups, geometry, digits.changes, digits.open, first_sweep, sweeps, stream, seed
        )

    def _parts(self, groups: int) -> list[tuple[int, int]]:
        """Ranges of groups, several for each worker unless that leaves too few words to a chunk."""
        together = self._tables[0][0].shape[1] // (self.lattice.rows * self.lattice.width)
        several = min(groups // together, self.workers * GROUPS_PER_WORKER)
        parts = max(several, min(groups, self.workers)) if self.workers > 1 else 1
        return list(pairwise(groups * k // parts for k in range(parts + 1)))


def check_packed(model: Ising) -> None:
    """Raise InputError where the bit-packed kernels do not know the lattice."""
    if len(model.shape) > MOST_AXES:
        raise InputError(
            f"shape is {model.shape}; the bit-packed update knows at most {MOST_AXES} axes; "
            "choose the method 'reference'"
        )
