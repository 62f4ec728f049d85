r"""Folding entropy: what a deterministic layer of a continuous input forgets.

I(X;T) is infinite, yet where every activation has finitely many preimages H(X|T) is finite:
:math:`H(X|T) = h(X) - h(T) + E \ln|\det \partial T/\partial X|` (Ruelle 1996, J. Stat. Phys. 85).
The preimages are those of square layers, or the straight pieces of a network of one real input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.selection import copied

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


_MAX_PREIMAGES = 1 << 16
_SINGULAR = 1e-12


class Abs(nn.Module):
    """The absolute value of every entry."""

    def forward(self, x: Tensor) -> Tensor:
        """|x|."""
        return x.abs()


@dataclass(frozen=True)
class Preimages:
    """Points that are sent to one activation each.

    Args:
        points: (n, k, d) float64.
        log_jacobian: (n, k), ln |det dT/dX| at the points.
        valid: (n, k), whether the point exists.
    """

    points: Tensor
    log_jacobian: Tensor
    valid: Tensor


def preimages(layers: Sequence[nn.Module], t: Tensor) -> Preimages:
    """Go back through layers that have finitely many preimages.

    Args:
        layers: Square Linear, LeakyReLU with a slope > 0, Tanh, Sigmoid, Abs, Identity or
            Flatten.
        t: (n, d) activations after the last layer, float64.

    Returns:
        All preimages, each Abs doubling their number per unit.

    Raises:
        InputError: For a layer that loses a continuum, or more than 65 536 preimages.

    >>> preimages([Abs()], torch.tensor([[2.0]], dtype=torch.float64)).points.flatten().tolist()
    [2.0, -2.0]
    """
    points = t[:, None]
    zero = points.new_zeros(points.shape[:2])
    state = Preimages(points, zero, zero == 0)
    for layer in reversed(list(layers)):
        state = _before(layer, state)
    return state


def _before(layer: nn.Module, state: Preimages) -> Preimages:
    t = state.points
    if isinstance(layer, nn.Linear):
        return _before_linear(layer, state)
    if isinstance(layer, Abs):
        return _before_abs(state)
    if isinstance(layer, nn.Identity | nn.Flatten):
        return state
    if isinstance(layer, nn.LeakyReLU) and layer.negative_slope > 0:
        slope = torch.where(t < 0, layer.negative_slope, 1.0).to(t)
        return _moved(state, t / slope, slope.log())
    if isinstance(layer, nn.Tanh):
        return _moved(state, t.atanh(), (1 - t.square()).log())
    if isinstance(layer, nn.Sigmoid):
        return _moved(state, t.logit(), (t * (1 - t)).log())
    raise InputError(
        f"a layer of type {type(layer).__name__} sends a continuum of inputs to one activation, "
        "or is not known here, so H(X|T) is infinite or unknown; expected square Linear, "
        "LeakyReLU, Tanh, Sigmoid or Abs: quantise the network or put noise in it instead"
    )


def _before_linear(layer: nn.Linear, state: Preimages) -> Preimages:
    weight = layer.weight.detach().double().cpu()
    if weight.shape[0] != weight.shape[1]:
        raise InputError(
            f"a linear layer from {weight.shape[1]} to {weight.shape[0]} units is not square; "
            "the enumeration of preimages needs square layers"
        )
    sign, log_det = torch.linalg.slogdet(weight)
    if float(sign) == 0 or float(torch.linalg.cond(weight)) > 1 / _SINGULAR:
        raise InputError(
            "a linear layer has a singular matrix, so it loses a continuum of inputs and "
            "H(X|T) is infinite; quantise the network or put noise in it"
        )
    shifted = state.points if layer.bias is None else state.points - layer.bias.detach().double()
    points = torch.linalg.solve(weight, shifted.transpose(1, 2)).transpose(1, 2)
    return Preimages(points, state.log_jacobian + log_det, state.valid)


def _before_abs(state: Preimages) -> Preimages:
    n, k, d = state.points.shape
    if k << d > _MAX_PREIMAGES:
        raise InputError(
            f"{k} x 2^{d} preimages; at most {_MAX_PREIMAGES} are enumerated: use a narrower layer"
        )
    signs = 1 - 2 * ((torch.arange(1 << d)[:, None] >> torch.arange(d)) & 1).double()
    points = (state.points[:, :, None] * signs).reshape(n, -1, d)
    exists = state.valid & (state.points >= 0).all(2)
    repeat = 1 << d
    return Preimages(
        points,
        state.log_jacobian.repeat_interleave(repeat, 1),
        exists.repeat_interleave(repeat, 1),
    )


def _moved(state: Preimages, points: Tensor, log_slopes: Tensor) -> Preimages:
    ok = state.valid & points.isfinite().all(2)
    total = torch.where(ok, state.log_jacobian + log_slopes.sum(2), 0.0)
    return Preimages(torch.where(ok[:, :, None], points, 0.0), total, ok)


_SAME_LINE = 9  # decimals to which pieces on one line agree


def folding_entropy_1d(
    layers: Sequence[nn.Module], low: float = 0.0, high: float = 1.0
) -> list[Estimate]:
    """H(X|T) after each layer, for X uniform on an interval and piecewise-linear layers.

    Args:
        layers: As in `straight_pieces`.
        low: Lower end of X.
        high: Upper end.

    Returns:
        Exact values in nats (bits are nats / ln 2), one per layer.

    Raises:
        InputError: For a layer of another kind, or one that is constant on an interval, where
            H(X|T) is infinite.

    >>> from rsmi.layers.folding import Abs
    >>> print(folding_entropy_1d([Abs()], -1.0, 1.0)[0])
    0.69314718 nats (exact)
    """
    curves = straight_pieces(layers, low, high)
    return [Estimate(_folding(curve), 0.0, "exact") for curve in curves]


def folding_entropy(
    layers: Sequence[nn.Module], x: Tensor, log_density: Callable[[Tensor], Tensor]
) -> Estimate:
    r"""H(X|T) of square layers with finitely many preimages, averaged over samples of X.

    .. math:: H(X|T=t) = H(p), \qquad p_k \propto p_X(x_k) / |\det \partial T/\partial X|_{x_k}

    Args:
        layers: As in `preimages`.
        x: (n, d) samples of X; only their average is sampled, each term is exact.
        log_density: Maps points (..., d) to ln p_X (...), up to a constant.

    Returns:
        Nats: `exact` 0 for invertible layers, else an `estimate` with the error of the average.

    Raises:
        InputError: For layers that lose a continuum, or fewer than two samples.

    >>> print(folding_entropy([nn.LeakyReLU(0.1)], torch.randn(8, 3), lambda x: x.sum(-1)))
    0 nats (exact)
    """
    if x.dim() != 2 or len(x) < 2:
        raise InputError(f"samples have shape {list(x.shape)}; expected (n, d) with n >= 2")
    points = x.double()
    with torch.no_grad():
        t = _in_double(nn.Sequential(*layers))(points)
    found = preimages(layers, t)
    if found.points.shape[1] == 1:
        return Estimate(0.0, 0.0, "exact")
    logits = log_density(found.points) - found.log_jacobian
    p = logits.masked_fill(~found.valid, -torch.inf).softmax(1)
    each = torch.special.entr(p).sum(1)
    return Estimate(float(each.mean()), float(each.std()) / len(x) ** 0.5, "estimate", n=len(x))


def mean_log_jacobian(model: nn.Module, x: Tensor) -> Estimate:
    """E ln |det dT/dX| of a square network over samples (n, d), in nats.

    Raises:
        InputError: For a network that is not square.
    """
    jacobian = torch.func.vmap(torch.func.jacrev(_in_double(model)))(x.double())
    if jacobian.shape[-1] != jacobian.shape[-2]:
        raise InputError(
            f"the network maps {jacobian.shape[-1]} numbers to {jacobian.shape[-2]}; the "
            "Jacobian has a determinant only where both are equal"
        )
    logs = torch.linalg.slogdet(jacobian)[1].detach()
    return Estimate(float(logs.mean()), float(logs.std()) / len(x) ** 0.5, "estimate", n=len(x))


def _in_double(model: nn.Module) -> nn.Module:
    return copied(model).double().eval()


def _folding(curve: Pieces) -> float:
    flat = (np.abs(curve.slope).max(1) < 1e-12) & (curve.lengths > 0)
    if flat.any():
        share = curve.lengths[flat].sum() / curve.lengths.sum()
        raise InputError(
            f"the layer is constant on {share:.1%} of the inputs: infinitely many inputs share "
            "one activation, so H(X|T) is infinite; quantise the network or put noise in it"
        )
    speed = np.linalg.norm(curve.slope, axis=1)
    total = sum(_folding_on_line(curve, speed, line) for line in _lines(curve, speed))
    return max(total / float(curve.lengths.sum()), 0.0)


def _lines(curve: Pieces, speed: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Groups of pieces that lie on one straight line of activations."""
    u = _directions(curve, speed)
    foot = curve.offset - (curve.offset * u).sum(1, keepdims=True) * u
    keys = np.round(np.concatenate([u, foot], 1), _SAME_LINE) + 0.0
    label = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(label == k) for k in range(label.max() + 1)]


def _directions(curve: Pieces, speed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors along the pieces, the largest entry of each positive."""
    u = curve.slope / speed[:, None]
    leading = np.take_along_axis(u, np.abs(u.round(_SAME_LINE)).argmax(1)[:, None], 1)
    return u * np.sign(leading)


def _folding_on_line(curve: Pieces, speed: NDArray[np.float64], line: NDArray[np.int64]) -> float:
    """Integral over one line of (density of x that arrives) times H(which piece)."""
    u = _directions(curve, speed)[line]
    along = [
        ((curve.offset[line] + curve.slope[line] * end[line, None]) * u).sum(1)
        for end in (curve.ends[:-1], curve.ends[1:])
    ]
    low, high = np.minimum(*along), np.maximum(*along)
    cells = np.unique(np.concatenate([low, high]))
    middle = 0.5 * (cells[1:] + cells[:-1])
    arriving = ((low < middle[:, None]) & (middle[:, None] < high)) / speed[line]
    density = arriving.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = arriving / density[:, None]
        entropy = -np.where(p > 0, p * np.log(p), 0.0).sum(1)
    return float((np.diff(cells) * density * entropy).sum())
