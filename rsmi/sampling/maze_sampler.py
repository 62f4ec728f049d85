"""Mazes as a sampler: independent draws in place of a Markov chain."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.mazes import sample_mazes, solve
from rsmi.sampling.random import check_seed
from rsmi.sampling.start import check_advance


@dataclass(frozen=True)
class MazeModel:
    """Law of the mazes: the centre is open, every other site independently.

    A configuration is int8 (L, L), +1 where a site is open and -1 where it is closed.

    Args:
        shape: (L, L), L at least 3.
        probability: of a site to be open.

    Raises:
        InputError: no square, too small, or no probability.

    >>> MazeModel((5, 5), 0.6).depth(torch.ones(1, 5, 5, dtype=torch.int8)).tolist()
    [2]
    """

    shape: tuple[int, ...]
    probability: float

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or self.shape[0] != self.shape[1] or self.shape[0] < 3:
            raise InputError(
                f"shape is {list(self.shape)}; mazes are squares with a side of at least 3; give "
                "for example [17, 17]"
            )
        if not 0 <= self.probability <= 1:
            raise InputError(
                f"probability is {self.probability}; expected a probability from 0 to 1; the "
                "threshold of site percolation is 0.592746"
            )

    def energy(self, configurations: Tensor) -> Tensor:
        """Zero: nothing interacts, int64 (n,)."""
        return torch.zeros(len(configurations), dtype=torch.int64)

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Open minus closed sites, int64 (n,)."""
        self.check(configurations)
        return configurations.flatten(1).sum(1, dtype=torch.int64)

    def depth(self, configurations: Tensor) -> Tensor:
        """Steps from the border to the centre, -1 where there is no way, int64 (n,)."""
        self.check(configurations)
        return torch.from_numpy(solve((configurations > 0).cpu().numpy()).depth)

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 of shape (n, L, L)."""
        if configurations.dtype != torch.int8 or configurations.shape[1:] != self.shape:
            raise InputError(
                f"mazes are {configurations.dtype} of shape {tuple(configurations.shape)}; "
                f"expected torch.int8 of shape (n, {', '.join(map(str, self.shape))})"
            )


@dataclass(frozen=True)
class MazeSampler:
    """Maze number `sweep * chains + chain` of `sample_mazes` after each sweep of each chain.

    With one record after every sweep, configuration i of a file is therefore maze i of the seed.

    Args:
        model: the law.
        seed: 0 <= seed < 2**64.

    Raises:
        InputError: a bad seed.

    >>> sampler = MazeSampler(MazeModel((5, 5), 0.6), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=1)
    """

    model: MazeModel
    seed: int

    def __post_init__(self) -> None:
        check_seed(self.seed)

    def initial(self, chains: int) -> Tensor:
        """All sites open, int8 (chains, L, L); the first sweep replaces it.

        Raises:
            InputError: fewer than one chain.
        """
        if chains < 1:
            raise InputError(f"chains is {chains}; expected at least 1; give a positive number")
        return torch.ones(chains, *self.model.shape, dtype=torch.int8)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Replace the state by the mazes of the last sweep, in place.

        Raises:
            InputError: the state does not fit the model.
        """
        check_advance(self.model, state, first_sweep, sweeps)
        if sweeps == 0:
            return
        chains, size = len(state), self.model.shape[0]
        first = (first_sweep + sweeps - 1) * chains
        mazes = sample_mazes(chains, size, self.seed, self.model.probability, first)
        state.copy_(2 * torch.from_numpy(mazes.open_sites).to(torch.int8) - 1)
