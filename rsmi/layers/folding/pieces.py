"""Networks of one real input as lists of straight pieces, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rsmi.errors import InputError
from rsmi.layers.folding.preimages import Abs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """A piecewise-linear curve t = offset + slope x.

    Args:
        ends: (m + 1,) increasing ends of the pieces of x.
        offset: (m, d).
        slope: (m, d).
    """

    ends: Array
    offset: Array
    slope: Array

    @classmethod
    def identity(cls, low: float, high: float) -> Self:
        """t = x on one interval."""
        return cls(np.array([low, high]), np.zeros((1, 1)), np.ones((1, 1)))

    @property
    def lengths(self) -> Array:
        """(m,) lengths of the pieces of x."""
        return np.diff(self.ends)

    def linear(self, weight: Array, bias: Array) -> "Pieces":
        """After a matrix and an offset."""
        return Pieces(self.ends, self.offset @ weight.T + bias, self.slope @ weight.T)

    def bent(self, negative_slope: float) -> "Pieces":
        """After a unit function with another slope below 0: 0 for ReLU, -1 for |t|."""
        cut = self._cut(self._zeros())
        middle = 0.5 * (cut.ends[1:] + cut.ends[:-1])[:, None]
        factor = np.where(cut.offset + cut.slope * middle < 0, negative_slope, 1.0)
        return Pieces(cut.ends, cut.offset * factor, cut.slope * factor)

    def _zeros(self) -> Array:
        """Every x inside a piece at which a unit crosses 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            zero = -self.offset / self.slope
        low, high = self.ends[:-1, None], self.ends[1:, None]
        return zero[(zero > low) & (zero < high)]

    def _cut(self, at: Array) -> "Pieces":
        ends = np.union1d(self.ends, at)
        # Crossings closer than rounding are one crossing.
        ends = ends[np.r_[True, np.diff(ends) > 1e-13 * (ends[-1] - ends[0])]]
        ends[-1] = self.ends[-1]
        middle = 0.5 * (ends[1:] + ends[:-1])
        source = np.searchsorted(self.ends, middle) - 1
        return Pieces(ends, self.offset[source], self.slope[source])


def straight_pieces(layers: Sequence[nn.Module], low: float, high: float) -> list[Pieces]:
    """The curve after each layer of a network with one real input.

    Args:
        layers: Linear, ReLU, LeakyReLU, Abs, Identity or Flatten.
        low: Lower end of the input.
        high: Upper end.

    Returns:
        One curve per layer.

    Raises:
        InputError: For another kind of layer or a reversed interval.

    >>> len(straight_pieces([Abs()], -1.0, 1.0)[0].ends)
    3
    """
    if not low < high:
        raise InputError(f"the input runs from {low} to {high}; expected low < high")
    curve, curves = Pieces.identity(low, high), []
    for layer in layers:
        curve = _after(curve, layer)
        curves.append(curve)
    return curves


def _after(curve: Pieces, layer: nn.Module) -> Pieces:
    if isinstance(layer, nn.Linear):
        weight = layer.weight.detach().double().cpu().numpy()
        bias = np.zeros(len(weight))
        if layer.bias is not None:
            bias = layer.bias.detach().double().cpu().numpy()
        return curve.linear(weight, bias)
    if isinstance(layer, nn.Identity | nn.Flatten):
        return curve
    slopes = {nn.ReLU: 0.0, Abs: -1.0}
    if type(layer) in slopes:
        return curve.bent(slopes[type(layer)])
    if isinstance(layer, nn.LeakyReLU):
        return curve.bent(layer.negative_slope)
    raise InputError(
        f"a layer of type {type(layer).__name__} is not piecewise linear in a way known here; "
        "expected Linear, ReLU, LeakyReLU, Abs, Identity or Flatten: quantise the network instead"
    )
