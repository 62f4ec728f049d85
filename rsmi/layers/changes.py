"""Quantised and noisy networks: layers whose entropies are finite."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.selection import Selector, with_followers, with_output_modules


class Quantise(nn.Module):
    """Round to the nearest of equally spaced levels; gradients pass straight through.

    Args:
        levels: Number of values, at least 2.
        low: Lowest value.
        high: Highest value; beyond these the output saturates.

    Raises:
        InputError: For fewer than two levels or a range without width.

    >>> Quantise(3, -1.0, 1.0)(torch.tensor([-5.0, 0.2, 0.7])).tolist()
    [-1.0, 0.0, 1.0]
    """

    def __init__(self, levels: int, low: float, high: float) -> None:
        super().__init__()
        if levels < 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(
                f"{levels} levels from {low} to {high}; expected at least 2 levels and finite "
                "low < high (a constant layer needs no quantisation)"
            )
        self.levels, self.low, self.high = levels, low, high

    @property
    def step(self) -> float:
        """Distance of neighbouring levels."""
        return (self.high - self.low) / (self.levels - 1)

    def codes(self, t: Tensor) -> Tensor:
        """Number of the nearest level of each finite entry, int64 in 0..levels-1."""
        return ((t - self.low) / self.step).round().clamp(0, self.levels - 1).long()

    def forward(self, t: Tensor) -> Tensor:
        """The nearest levels; NaN and infinity stay what they are, for they have none."""
        rounded = self.low + self.step * self.codes(t.detach()).to(t.dtype)
        rounded = torch.where(t.detach().isfinite(), rounded, t.detach())
        return t + (rounded - t).detach() if t.requires_grad else rounded


def quantise(
    model: nn.Module,
    layers: Selector | Sequence[Selector] | None,
    levels: int,
    ranges: tuple[float, float] | Mapping[str, tuple[float, float]] = (-1.0, 1.0),
) -> nn.Module:
    """A copy of a network that computes with quantised activations.

    This is another network, and the entropies of its layers are its own: nothing is binned
    behind its back.

    Args:
        model: Left as it is.
        layers: Which activations to round, as in `select_layers`.
        levels: Number of values of each unit.
        ranges: Lowest and highest value, for all layers or by name.

    Returns:
        The quantised network; its layers keep their names.

    Raises:
        InputError: For an unusable range or a layer without one.

    >>> net = quantise(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Tanh, levels=4)
    >>> len(net(torch.randn(100, 3)).unique()) <= 4
    True
    """

    def follower(name: str) -> Quantise:
        if isinstance(ranges, Mapping):
            if name not in ranges:
                raise InputError(
                    f"no range for layer '{name}'; ranges are known for {', '.join(ranges)}"
                )
            return Quantise(levels, *ranges[name])
        return Quantise(levels, *ranges)

    return with_followers(model, layers, follower)


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
        generator = self.generator_of(t.device)
        noise = torch.randn(t.shape, generator=generator, device=t.device, dtype=t.dtype)
        return t + self.sigma * noise

    def generator_of(self, device: torch.device) -> torch.Generator:
        """The sequence of random numbers on a device, begun where it was not."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self._generators[device]


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
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of torch, numpy and Python from a seed inside, and as they were afterwards.

    >>> before = torch.random.get_rng_state()
    >>> with seeded(1):
    ...     weight = nn.Linear(2, 2).weight
    >>> torch.equal(before, torch.random.get_rng_state())
    True
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002, users draw from it
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(list(devices)):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


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
