r"""Folding entropy: what a deterministic layer of a continuous input forgets.

I(X;T) is infinite, yet where every activation has finitely many preimages H(X|T) is finite:
:math:`H(X|T) = h(X) - h(T) + E \ln|\det \partial T/\partial X|` (Ruelle 1996, J. Stat. Phys. 85).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.folding.pieces import Pieces, straight_pieces
from rsmi.layers.folding.preimages import preimages
from rsmi.layers.network.wrapping import copied

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

    >>> from rsmi.layers.folding.preimages import Abs
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
