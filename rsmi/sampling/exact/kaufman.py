"""Free energy, energy and specific heat of the Ising model on a finite torus, in closed form."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError


@dataclass(frozen=True)
class Thermodynamics:
    """Exact thermal averages of a finite Ising torus, H = -J sum s s', K = J/T.

    Args:
        log_partition: ln Z, pure number, of the whole lattice.
        energy: Mean energy per site, units of J.
        specific_heat: K^2 d^2 ln Z / dK^2 per site, units of k_B.
    """

    log_partition: float
    energy: float
    specific_heat: float


def kaufman(shape: tuple[int, int], coupling: float) -> Thermodynamics:
    r"""Exact thermodynamics of the n x m square-lattice Ising torus.

    .. math:: Z = \tfrac12 (2\sinh 2K)^{nm/2} \Big[
        \prod_r 2\cosh\tfrac{m\gamma_{2r+1}}2 + \prod_r 2\sinh\tfrac{m\gamma_{2r+1}}2 +
        \prod_r 2\cosh\tfrac{m\gamma_{2r}}2 + \prod_r 2\sinh\tfrac{m\gamma_{2r}}2 \Big]

    with :math:`\cosh\gamma_r = \cosh 2K \coth 2K - \cos(\pi r/n)` and
    :math:`\gamma_0 = 2K + \ln\tanh K`, which changes sign at the critical point. Derivatives
    are taken by automatic differentiation in float64.

    Args:
        shape: (n, m), sites along each axis; an extent of 2 has double bonds.
        coupling: K = J/T > 0.

    Returns:
        ln Z, the energy per site and the specific heat per site.

    Raises:
        InputError: For another dimension, an extent below 2 or a coupling that is not positive.

    Source: Kaufman, Phys. Rev. 76, 1232 (1949).

    >>> round(kaufman((4, 4), 0.44068679350977).energy, 10)
    -1.5656237876
    """
    if len(shape) != 2 or min(shape) < 2:
        raise InputError(
            f"lattice shape is {list(shape)}; Kaufman's formula needs two extents >= 2"
        )
    if not (math.isfinite(coupling) and coupling > 0):
        raise InputError(f"coupling K = J/T is {coupling}; expected a finite number > 0")
    k = torch.tensor(coupling, dtype=torch.float64, requires_grad=True)
    log_z = _log_partition(shape, k)
    (first,) = torch.autograd.grad(log_z, k, create_graph=True)
    (second,) = torch.autograd.grad(first, k)
    sites = math.prod(shape)
    return Thermodynamics(log_z.item(), -first.item() / sites, coupling**2 * second.item() / sites)


def _log_partition(shape: tuple[int, int], k: Tensor) -> Tensor:
    n, m = shape
    odd, even = _gammas(n, k)
    log_odd, ratio_odd = _products(0.5 * m * odd)
    log_even, ratio_even = _products(0.5 * m * even)
    top = torch.maximum(log_odd, log_even).detach()
    bracket = (log_odd - top).exp() * (1 + ratio_odd) + (log_even - top).exp() * (1 + ratio_even)
    log_sinh = 2 * k + torch.log1p(-torch.exp(-4 * k))
    return 0.5 * n * m * log_sinh - math.log(2) + top + bracket.log()


def _gammas(n: int, k: Tensor) -> tuple[Tensor, Tensor]:
    """The odd and the even gammas, n of each."""
    r = torch.arange(1, 2 * n, dtype=torch.float64)
    cosh = torch.cosh(2 * k) / torch.tanh(2 * k) - torch.cos(math.pi * r / n)
    gamma = torch.arccosh(cosh)
    zeroth = 2 * k + torch.log(torch.tanh(k))
    return gamma[0::2], torch.cat([zeroth[None], gamma[1::2]])


def _products(x: Tensor) -> tuple[Tensor, Tensor]:
    """ln prod 2 cosh x, and prod sinh x / prod cosh x; only x[0] may be zero or negative."""
    tanh = torch.tanh(x)
    return torch.logaddexp(x, -x).sum(), tanh[0] * tanh[1:].log().sum().exp()
