"""Scaling dimensions from the transfer matrix of a Blume-Capel strip."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.sampling.potts.blume_capel import BlumeCapel

WIDEST = 10

Vector = NDArray[np.float64]


def strip_dimensions(width: int, coupling: float, crystal_field: float) -> tuple[float, float]:
    r"""Scaled gaps of an infinite Blume-Capel cylinder, which tend to scaling dimensions.

    .. math:: x = \frac{L}{2\pi} \ln \frac{\Lambda_0}{\Lambda_x}

    with the largest eigenvalue of the transfer matrix, the largest one odd under a spin flip and
    the second even one. At a fixed point they are Delta_sigma and Delta_epsilon for large L.

    Args:
        width: circumference L, 2 to 10.
        coupling: K = J / T > 0.
        crystal_field: D in units of J.

    Returns:
        x_sigma and x_epsilon.

    Raises:
        InputError: a width out of range, or couplings that the model refuses.

    Source: Cardy (1984), J. Phys. A 17, L385; for this model Beale (1986), Phys. Rev. B 33, 1717.

    >>> x_sigma, x_epsilon = strip_dimensions(4, 1 / 0.60858, 1.96582)
    >>> round(x_sigma, 3), round(x_epsilon, 3)  # 3/40 and 1/5 of tricritical Ising for large L
    (0.077, 0.205)
    """
    if not 2 <= width <= WIDEST:
        raise InputError(f"width is {width}; expected 2 to {WIDEST}, states grow as 3**width")
    BlumeCapel((width, width), coupling, crystal_field)  # checks the couplings
    columns = np.indices((3,) * width).reshape(width, -1).T - 1
    apply = _transfer(columns, coupling, crystal_field)
    flipped = np.arange(len(columns))[::-1]
    even = _leading(lambda v: apply(v + v[flipped]) / 2, np.ones(len(columns)), 2)
    odd = _leading(lambda v: apply(v - v[flipped]) / 2, columns.sum(1) * 1.0, 1)
    scale = width / (2 * math.pi)
    return scale * math.log(even[-1] / odd[-1]), scale * math.log(even[-1] / even[-2])


def _transfer(
    columns: NDArray[np.int64], coupling: float, crystal_field: float
) -> Callable[[Vector], Vector]:
    """The symmetric transfer matrix as a product of one small matrix for each site."""
    width = columns.shape[1]
    around = (columns * np.roll(columns, -1, 1)).sum(1) - crystal_field * (columns**2).sum(1)
    half = np.exp(coupling / 2 * around)
    spins = np.arange(-1, 2)
    bond = np.exp(coupling * np.outer(spins, spins))

    def apply(vector: Vector) -> Vector:
        tensor = (half * vector).reshape((3,) * width)
        for _ in range(width):  # the first axis is contracted, its successor becomes the last
            tensor = np.tensordot(tensor, bond, ([0], [0]))
        return np.asarray(half * tensor.ravel())

    return apply


def _leading(apply: Callable[[Vector], Vector], start: Vector, count: int) -> Vector:
    """Largest eigenvalues in increasing order."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # slow to import, rarely used

    operator = LinearOperator((len(start),) * 2, matvec=lambda v: apply(v.ravel()), dtype=float)
    values = eigsh(operator, k=count, which="LA", v0=start, return_eigenvectors=False)
    return np.sort(values)
