r"""Triangular, honeycomb and kagome lattices in closed form, on a finite torus and without end.

With :math:`x = e^{2K}` and :math:`\Lambda(a,b) = \cos a + \cos b + \cos(a + b)`, a triangular torus
of n x m sites has

.. math::
    Z = \tfrac12 x^{-nm/2} \Big[ \pm P_{00} + P_{01} + P_{10} + P_{11} \Big], \qquad
    P_{st}^2 = \prod_{a,b} \big[ x^4 - 2 x^2 \Lambda + 3 + 2 \Lambda \big]

over :math:`a = 2\pi(j + s/2)/n, b = 2\pi(k + t/2)/m`; the sign is that of :math:`x^2 - 3`, so plus
in the ordered phase. Summing out every second site of the honeycomb lattice leaves a triangular one
(star to triangle), and a spin on every bond of a honeycomb lattice leaves kagome. Both steps are
local, so they hold on the torus. Negative K is the antiferromagnet.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError

CRITICAL_COUPLINGS: Mapping[str, float] = {
    "square": math.log(1 + math.sqrt(2)) / 2,
    "triangular": math.log(3) / 4,
    "honeycomb": math.log(2 + math.sqrt(3)) / 2,
    "kagome": math.log(3 + 2 * math.sqrt(3)) / 4,
}
"""K_c of the ferromagnet: Houtappel (1950), Physica 16, 425; kagome Kano, Naya (1953),
Prog. Theor. Phys. 10, 158."""

RESIDUAL_ENTROPIES: Mapping[str, float] = {"triangular": 0.3230659472, "kagome": 0.5018331646}
"""Entropy per site of the antiferromagnet at T = 0 in nats: Wannier (1950), Phys. Rev. 79, 357 with
the erratum of 1973; Kano, Naya (1953)."""

SOLVED = ("triangular", "honeycomb", "kagome")
GRID = 512
LARGEST_COUPLING = 50

Cells = tuple[int, int] | None


@dataclass(frozen=True)
class PlanarIsing:
    """Thermodynamics of a lattice, per site.

    Args:
        log_partition: ln Z / N.
        energy: mean energy, units of |J| with the sign convention E = - sum of s s' (b = 1).
    """

    log_partition: float
    energy: float

    def entropy(self, coupling: float) -> float:
        """ln Z / N + K E / N in nats."""
        return self.log_partition + coupling * self.energy


def planar_ising(lattice: str, coupling: float, cells: Cells = None) -> PlanarIsing:
    """Free energy and energy of a planar lattice with bonds b = 1.

    Args:
        lattice: "triangular", "honeycomb" or "kagome".
        coupling: K = J / T of either sign.
        cells: unit cells of the torus along its axes, at least 2 each; None for the infinite
            lattice, whose integrals on 512 x 512 points are exact to 1e-12 away from K_c and to
            1e-6 at K_c.

    Raises:
        InputError: another lattice, cells below 2, or a coupling that is not finite or beyond 50.

    Source: Houtappel (1950), Physica 16, 425; Syozi in Domb, Green (1972), vol. 1. The four terms
    of the torus are those of Kaufman (1949), Phys. Rev. 76, 1232.

    >>> round(planar_ising("triangular", -8.0).entropy(-8.0), 4)
    0.3231
    """
    _check(lattice, coupling, cells)
    k = torch.tensor(coupling, dtype=torch.float64, requires_grad=True)
    log_z = _per_site(lattice, k, cells)
    (slope,) = torch.autograd.grad(log_z, k)
    return PlanarIsing(log_z.item(), -slope.item())


def _per_site(lattice: str, k: Tensor, cells: Cells) -> Tensor:
    """ln Z / N."""
    if lattice == "triangular":
        return _triangular(k, cells)
    if lattice == "honeycomb":
        return _honeycomb(k, cells) / 2
    # Kagome spins on the bonds of a honeycomb lattice: summed out, a bond leaves A exp(K' h h')
    # with K' = ln(c) / 2; summing out the honeycomb sites instead leaves R times a triangle.
    c = (torch.exp(4 * k) + 1) / 2
    log_bond = torch.log(4 * c) / 2
    log_star = math.log(2) + k + torch.log((1 + c) / 2) / 2
    return log_bond + (_honeycomb(torch.log(c) / 2, cells) - 2 * log_star) / 3


def _honeycomb(k: Tensor, cells: Cells) -> Tensor:
    """ln Z per cell: a site summed out leaves R exp[K' (a b + b c + c a)] for its neighbours."""
    one, three = _log_cosh(k), _log_cosh(3 * k)
    log_star = math.log(2) + (three + 3 * one) / 4
    return log_star + _triangular((three - one) / 4, cells)


def _triangular(k: Tensor, cells: Cells) -> Tensor:
    """ln Z per site."""
    square = torch.exp(4 * k)
    if cells is None:
        return torch.log(_weights(square, (GRID, GRID), (1, 1))).mean() / 2 - k
    logs, signs = [], []
    for shifts in itertools.product((0, 1), repeat=2):
        weights = _weights(square, cells, shifts)
        if shifts == (0, 0):  # the first weight is (x^2 - 3)^2, whose root changes sign at K_c
            signs.append(square - 3)
            weights = weights[1:]
        else:
            signs.append(torch.ones_like(square))
        logs.append(torch.log(weights).sum() / 2)
    top = torch.stack(logs).max().detach()
    bracket = (torch.stack(signs) * torch.exp(torch.stack(logs) - top)).sum()
    return (top + torch.log(bracket / 2)) / math.prod(cells) - k


def _weights(square: Tensor, cells: tuple[int, int], shifts: tuple[int, ...]) -> Tensor:
    """x^4 - 2 x^2 Lambda + 3 + 2 Lambda at each shifted momentum, never negative; x^2 = square."""
    a, b = (
        2 * math.pi * (torch.arange(n, dtype=torch.float64) + shift / 2) / n
        for n, shift in zip(cells, shifts, strict=True)
    )
    a = a[:, None]
    cosines = torch.cos(a) + torch.cos(b) + torch.cos(a + b)
    # 3 + 2 Lambda as a sum of squares, so that nothing cancels at large negative K.
    rest = (1 + torch.cos(a) + torch.cos(b)) ** 2 + (torch.sin(a) - torch.sin(b)) ** 2
    return (square**2 - 2 * square * cosines + rest).flatten()


def _log_cosh(x: Tensor) -> Tensor:
    """ln cosh x without overflow."""
    return torch.logaddexp(x, -x) - math.log(2)


def _check(lattice: str, coupling: float, cells: Cells) -> None:
    if lattice not in SOLVED:
        raise InputError(
            f"lattice is {lattice!r}; an exact solution is known here for "
            f"{', '.join(sorted(SOLVED))}; use kaufman for the square torus"
        )
    if not abs(coupling) <= LARGEST_COUPLING:
        raise InputError(
            f"coupling is {coupling}; expected a number from -{LARGEST_COUPLING} to "
            f"{LARGEST_COUPLING}"
        )
    if cells is not None and (len(cells) != 2 or min(cells) < 2):
        raise InputError(f"cells are {list(cells)}; expected two whole numbers of at least 2")
