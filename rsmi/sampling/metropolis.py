"""Single-spin Metropolis updates in plain torch: the readable reference, on CPU and CUDA."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.base import MarkovSampler
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream
from rsmi.sampling.torch_random import philox_words

PROPOSAL = 0.75
"""Fraction of sites offered a flip. At 1 the update is not ergodic: a spin in zero field is always
flipped, so a configuration with every spin in zero field alternates with its mirror image."""


def flip_probabilities(coupling: float, dimension: int) -> Tensor:
    """Probability to flip a spin s in the field h of its neighbours, q min(1, exp(-2 K s h)).

    Args:
        coupling: K = J / T.
        dimension: d, so that s h is one of -2d, -2d + 2, ..., 2d.

    Returns:
        float64 (2d + 1,), entry (s h + 2d) / 2.

    Source: Metropolis et al. (1953), J. Chem. Phys. 21, 1087.

    >>> flip_probabilities(0.0, 1).tolist()
    [0.75, 0.75, 0.75]
    """
    alignment = torch.arange(-2 * dimension, 2 * dimension + 1, 2, dtype=torch.float64)
    return PROPOSAL * torch.exp(-2 * coupling * alignment).clamp(max=1)


@dataclass(frozen=True)
class Metropolis(MarkovSampler[Ising]):
    """Metropolis update of the two checkerboard sublattices in turn, all chains at once.

    The result is the same, byte by byte, on every device.

    Args:
        model: Ising model on a torus with even sides, any sign of the coupling.
        seed: 0 <= seed < 2**64.

    Raises:
        InputError: an odd side or a bad seed.

    >>> sampler = Metropolis(Ising((4, 4), -0.4), seed=1)
    >>> state = sampler.initial(chains=2)
    >>> sampler.advance(state, first_sweep=0, sweeps=3)
    """

    def _check_model(self) -> None:
        if any(side % 2 for side in self.model.shape):
            raise InputError(
                f"shape is {self.model.shape}; the checkerboard update needs even sides; "
                "choose even sides or the update 'swendsen_wang'"
            )

    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        dimension = len(self.model.shape)
        chance = flip_probabilities(self.model.coupling, dimension) * 2**32
        thresholds = chance.round().to(torch.int64).to(state.device)
        parity = checkerboard(self.model.shape).to(state.device)
        for sweep in range(first_sweep, first_sweep + sweeps):
            words = philox_words(
                self.model.n_sites, len(state), sweep, Stream.METROPOLIS, self.seed, state.device
            ).reshape(state.shape)
            for colour in (0, 1):
                alignment = state * neighbour_sum(state)
                chance = thresholds[(alignment.long() + 2 * dimension) // 2]
                flips = (words < chance) & (parity == colour)
                state.mul_(1 - 2 * flips.to(torch.int8))


def neighbour_sum(state: Tensor) -> Tensor:
    """Field of the neighbours at each site, h = sum of s' over the 2d neighbours, int8."""
    field = torch.zeros_like(state)
    for axis in range(1, state.ndim):
        field += state.roll(1, axis) + state.roll(-1, axis)
    return field


def checkerboard(shape: tuple[int, ...]) -> Tensor:
    """Parity of the sum of coordinates at each site, int64 of the given shape.

    >>> checkerboard((2, 2)).tolist()
    [[0, 1], [1, 0]]
    """
    parity = torch.zeros(shape, dtype=torch.int64)
    for axis, side in enumerate(shape):
        steps = torch.arange(side).reshape([-1] + [1] * (len(shape) - axis - 1))
        parity = parity + steps
    return parity % 2
