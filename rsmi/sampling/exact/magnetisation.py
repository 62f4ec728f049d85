"""Exact distribution of the magnetisation of an Ising torus, from transfer matrices in a field."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import states

WIDEST = 8
MOST_SITES = 256

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MagnetisationLaw:
    """Distribution of the sum of spins.

    Args:
        n_sites: number of spins N.
        probability: (N + 1,) float64, entry u for u spins up, M = 2 u - N.
    """

    n_sites: int
    probability: Floats

    def moment(self, power: int) -> float:
        """Mean of |m|**power, m = M / N."""
        m = np.abs(2 * np.arange(self.n_sites + 1) / self.n_sites - 1)
        return float(self.probability @ m**power)

    def binder(self) -> float:
        """Binder's cumulant 1 - <m^4> / (3 <m^2>^2)."""
        return 1 - self.moment(4) / (3 * self.moment(2) ** 2)


def magnetisation_law(shape: tuple[int, int], coupling: float) -> MagnetisationLaw:
    r"""P(M) of the square-lattice Ising torus, far beyond what can be enumerated.

    .. math:: P(u) = \frac1{N+1} \sum_k e^{-i \theta_k u}\,
              \frac{\operatorname{tr} T_k^n}{\operatorname{tr} T_0^n}, \qquad
              \theta_k = \frac{2 \pi k}{N+1}

    for u spins up, where T_k is the transfer matrix of a row times exp(i theta_k u of the row).

    Args:
        shape: rows and columns, at least 2 each (2 has double bonds), columns up to 8, at most 256
            sites.
        coupling: K = J / T.

    Raises:
        InputError: a shape out of range or a coupling that is not finite.

    >>> law = magnetisation_law((4, 4), math.log(1 + math.sqrt(2)) / 2)
    >>> round(law.moment(2), 9), round(law.binder(), 8)
    (0.761358909, 0.61719932)
    """
    _check(shape, coupling)
    rows, columns = shape
    n_sites = rows * columns
    spins = states(columns).double().numpy()
    around = (spins * np.roll(spins, 1, 1)).sum(1)
    exponent = coupling * (spins @ spins.T + (around[:, None] + around) / 2)
    transfer = np.exp(exponent - exponent.max())
    transfer /= np.linalg.norm(transfer, 2)
    up = (spins > 0).sum(1)
    generating = np.empty((n_sites + 1) // 2 + 1, dtype=np.complex128)
    for k in range(len(generating)):  # the others are complex conjugates
        phase = np.exp(-2j * math.pi * k / (n_sites + 1) * up)
        generating[k] = np.trace(np.linalg.matrix_power(transfer * phase, rows))
    probability = np.clip(np.fft.irfft(generating, n_sites + 1), 0, None)
    return MagnetisationLaw(n_sites, probability / probability.sum())


def _check(shape: tuple[int, int], coupling: float) -> None:
    fits = len(shape) == 2 and min(shape) >= 2 and shape[1] <= WIDEST
    if not fits or math.prod(shape) > MOST_SITES:
        raise InputError(
            f"shape is {list(shape)}; expected rows and columns of at least 2, at most {WIDEST} "
            f"columns and {MOST_SITES} sites; turn the torus if it is wide and short"
        )
    if not (math.isfinite(coupling) and abs(coupling) * sum(shape) <= 100):
        raise InputError(
            f"coupling K = J/T is {coupling} on {list(shape)}; expected a finite K that leaves "
            "float64 enough digits, |K| (rows + columns) <= 100"
        )
