r"""Correlations of free dimers on the infinite square lattice, from the inverse Kasteleyn matrix.

With weight 1 on bonds along axis 0 and i on bonds along axis 1 every face has the sign that counts
coverings, and the inverse matrix between sites at distance (x, y), x + y odd, is

.. math:: G(x, y) = \frac{1}{4\pi^2} \iint \frac{e^{i(\theta x + \phi y)}}
          {2 \cos\theta + 2 i \cos\phi}\, d\theta\, d\phi

Probabilities of dimers are determinants of G (Kenyon 1997). Taking two sites out turns the sign of
the bonds between them, which makes a determinant of the size of their distance.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError

WEIGHTS = (1.0, 1j)

_POINTS = 400

Site = tuple[int, int]
Green = Callable[[Site, Site], complex]


def green(odd: Site, even: Site) -> complex:
    """G between a site of the odd and one of the even sublattice."""
    return _green(abs(odd[0] - even[0]), abs(odd[1] - even[1]))


def dimer_correlation(axes: tuple[int, int], shift: Site) -> float:
    """Connected correlation of two bonds, P(both occupied) - 1/16.

    It decays as 1/r^2, with a sign that follows the columns: dimer exponent 1/g = 2.

    Args:
        axes: axis of the first bond, which starts at (0, 0), and of the second one.
        shift: site where the second bond starts, another bond than the first.

    Raises:
        InputError: an axis other than 0 and 1, or twice the same bond.

    Source: Fisher, Stephenson (1963), Phys. Rev. 132, 1411; Kenyon (1997), math/0105052.

    >>> round(dimer_correlation((0, 0), (0, 1)), 12)  # 1/8 - 1/16: two parallel dimers
    0.0625
    """
    if any(axis not in (0, 1) for axis in axes) or (axes[0] == axes[1] and shift == (0, 0)):
        raise InputError(
            f"axes are {axes} and shift {shift}; expected axes 0 or 1 and two different bonds"
        )
    (even, odd), (other_even, other_odd) = _ends(axes[0], (0, 0)), _ends(axes[1], shift)
    product = WEIGHTS[axes[0]] * WEIGHTS[axes[1]] * green(odd, other_even) * green(other_odd, even)
    return -product.real


def monomer_correlation(distance: int) -> float:
    """Coverings without two sites of a row, over all coverings, in the limit of a large lattice.

    It decays as 1/sqrt(r): monomer exponent g = 1/2. Sites of one sublattice give zero.

    Args:
        distance: r between the sites, odd and positive.

    Raises:
        InputError: an even distance or one below 1.

    Source: Fisher, Stephenson (1963), Phys. Rev. 132, 1411.

    >>> round(monomer_correlation(1), 12)  # next neighbours can be joined by a dimer
    0.25
    """
    if distance < 1 or distance % 2 == 0:
        raise InputError(
            f"distance is {distance}; expected an odd number of at least 1, since two sites of one "
            "sublattice leave no covering"
        )
    return monomer_ratio(green, (0, 0), distance)


def monomer_ratio(green: Green, first: Site, distance: int) -> float:
    """The ratio of `monomer_correlation` from the inverse Kasteleyn matrix of any planar lattice.

    Args:
        green: inverse matrix between an odd and an even site.
        first: an even site; the other one lies `distance` further along axis 0.
        distance: odd.
    """
    i, j = first
    turned = [_ends(1, (i + step, j)) for step in range(1, distance)]
    evens = [even for even, _ in turned] + [first]
    odds = [odd for _, odd in turned] + [(i + distance, j)]
    matrix = np.array([[green(odd, even) for even in evens] for odd in odds])
    bonds = np.arange(distance - 1)
    matrix[bonds, bonds] -= 1 / (2 * WEIGHTS[1])
    return float(2.0 ** (distance - 1) * abs(np.linalg.det(matrix)))


def _ends(axis: int, start: Site) -> tuple[Site, Site]:
    """Even and odd site of a bond."""
    stop = (start[0] + (axis == 0), start[1] + (axis == 1))
    return (start, stop) if sum(start) % 2 == 0 else (stop, start)


@cache
def _green(x: int, y: int) -> complex:
    """One integral by residues, the other by Gauss and Legendre; its integrand is smooth."""
    nodes, weights = _gauss_legendre()
    theta = np.pi / 4 * (nodes + 1)
    cosine = np.cos(theta)
    decay = np.exp(-y * np.arcsinh(cosine)) / np.sqrt(1 + cosine**2)
    integral = float((weights * np.cos(theta * x) * decay).sum()) / 4
    return (-1j) ** y * integral


@cache
def _gauss_legendre() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights on [-1, 1]; finding them takes longer than the integral."""
    return np.polynomial.legendre.leggauss(_POINTS)
