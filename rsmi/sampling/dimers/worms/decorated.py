"""Sampling of decorated dimers: worms for the dimers, exact draws for the spin pairs."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.sampling.dimers.decorated import DecoratedDimers
from rsmi.sampling.dimers.words import DimerStream
from rsmi.sampling.dimers.worms.worm import Worm
from rsmi.sampling.random import fill_uint64, unit
from rsmi.sampling.start import check_advance
from rsmi.sampling.threads import check_run, share_chains

PAIRS = int(DimerStream.PAIRS)

_TOP_BIT = np.uint64(63)


@dataclass(frozen=True)
class DecoratedWorm:
    """Worms for the dimers; the spin pairs are drawn anew, exactly, in each sweep.

    Args:
        model: decorated dimers.
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.
        worms: worms in a sweep, as in `Worm`.

    Raises:
        InputError: a bad seed, or fewer than one worker or worm.

    >>> from rsmi.sampling.dimers.model import Dimers
    >>> sampler = DecoratedWorm(DecoratedDimers(Dimers((4, 4)), 2.0), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    model: DecoratedDimers
    seed: int
    workers: int = 1
    worms: int | None = None

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers, worms=self.worms)

    @cached_property
    def _worm(self) -> Worm:
        return Worm(self.model.dimers, self.seed, self.workers, self.worms)

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, axes + 1, *shape), dimers as in `Worm`.

        Raises:
            InputError: fewer than one chain.
        """
        bonds = self._worm.initial(chains)
        return torch.cat([bonds, torch.ones_like(bonds[:, :1])], 1)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, axes + 1, *shape) on the CPU, contiguous, +1 or -1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model, is not on the CPU, or is no covering.
        """
        check_advance(self.model, state, first_sweep, sweeps)
        bonds = state[:, :-1].contiguous()
        self._worm.advance(bonds, first_sweep, sweeps)
        state[:, :-1] = bonds
        if sweeps == 0:
            return
        spins = torch.empty_like(state[:, -1]).numpy().reshape(len(state), -1)
        parallel = 1 / (1 + math.exp(-2 * self.model.coupling))

        def work(group: slice) -> None:
            _draw_pairs(
                spins[group], parallel, group.start, first_sweep + sweeps - 1, np.uint64(self.seed)
            )

        share_chains(len(state), self.workers, work)
        state[:, -1] = torch.from_numpy(spins.reshape(len(state), *self.model.shape))


@njit(cache=True, nogil=True)
def _draw_pairs(
    spins: NDArray[np.int8], parallel: float, first_chain: int, sweep: int, seed: np.uint64
) -> None:
    """Draw the pairs (2 j, 2 j + 1) of each chain: a random sign, and parallel by chance."""
    pairs = spins.shape[1] // 2
    words = np.empty(2 * pairs, dtype=np.uint64)
    for n in range(len(spins)):
        fill_uint64(words, 0, first_chain + n, sweep, PAIRS, seed)
        for j in range(pairs):
            sign = np.int8(1) - np.int8(2) * np.int8(words[2 * j] >> _TOP_BIT)
            spins[n, 2 * j] = sign
            spins[n, 2 * j + 1] = sign if unit(words[2 * j + 1]) < parallel else -sign
