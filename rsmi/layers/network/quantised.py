"""Quantisation of the network itself, so that every layer is a discrete variable."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.network.selection import Selector
from rsmi.layers.network.wrapping import with_followers


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
