"""All inputs that a network of square layers sends to the same activation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsmi.errors import InputError

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
