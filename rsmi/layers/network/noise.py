"""Noise in the network itself, so that I(X;T) of real activations is finite."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.network.followed import with_output_modules
from rsmi.layers.network.selection import Selector
from rsmi.layers.network.wrapping import with_followers


class GaussianNoise(nn.Module):
    """Add independent Gaussian noise to every activation, in evaluation mode too.

    Args:
        sigma: Standard deviation, in units of the activations.
        seed: Of the noise; `reseed` starts it again.

    Raises:
        InputError: For a sigma that is not positive.

    >>> noise = GaussianNoise(0.1)
    >>> noise(torch.zeros(5)).shape, noise.mean.shape
    (torch.Size([5]), torch.Size([5]))
    """

    def __init__(self, sigma: float, seed: int = 0) -> None:
        super().__init__()
        if not (math.isfinite(sigma) and sigma > 0):
            raise InputError(f"the noise has sigma {sigma}; expected a finite number > 0")
        self.sigma = sigma
        self.mean: Tensor = torch.empty(0)
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the sequence of random numbers again."""
        self.seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def forward(self, t: Tensor) -> Tensor:
        """The activations with noise; what came in stays in `mean` until the next call."""
        self.mean = t.detach()
        if t.device not in self._generators:
            self._generators[t.device] = torch.Generator(t.device).manual_seed(self.seed)
        generator = self._generators[t.device]
        noise = torch.randn(t.shape, generator=generator, device=t.device, dtype=t.dtype)
        return t + self.sigma * noise


def with_noise(
    model: nn.Module,
    layers: Selector | Sequence[Selector] | None,
    sigma: float,
    seed: int = 0,
) -> nn.Module:
    """A copy of a network with Gaussian noise in chosen layers, which later layers see.

    Args:
        model: Left as it is.
        layers: As in `select_layers`; to be measured, each is used once per forward pass.
        sigma: Standard deviation of the noise, in units of the activations.
        seed: Layer k of those chosen uses seed + k.

    Returns:
        The noisy network; its layers keep their names.
    """
    made: list[GaussianNoise] = []

    def follower(name: str) -> GaussianNoise:
        made.append(GaussianNoise(sigma, seed + len(made)))
        return made[-1]

    return with_followers(model, layers, follower)


def noises(model: nn.Module) -> list[GaussianNoise]:
    """All the noise of a network, that of its layers and that which is a layer."""
    return [m for m in with_output_modules(model) if isinstance(m, GaussianNoise)]


@contextmanager
def fixed_randomness(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Begin the noise of a network at its seeds, and leave no trace on any random number.

    What is trained afterwards sees the random numbers that it would have seen.
    """
    noise = noises(model)
    before = [(one, one.mean, one._generators) for one in noise]
    for one in noise:
        one.reseed(one.seed)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        for one, mean, generators in before:
            one.mean, one._generators = mean, generators
