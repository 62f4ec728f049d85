"""Numbers of coverings in closed form, from Kasteleyn's determinants."""

import math

import numpy as np

from rsmi.errors import InputError
from rsmi.sampling.dimers.lattice import DimerLattice

CATALAN = 0.915965594177219015054603514932384110774
"""Catalan's constant G = 1 - 1/9 + 1/25 - ..."""

SQUARE_ENTROPY = CATALAN / math.pi
"""Entropy per site of free dimers on the infinite square lattice, G / pi, nats (Kasteleyn 1961)."""

HONEYCOMB_ENTROPY = 0.16153297360972524
"""Entropy per site on the infinite honeycomb lattice in nats, (1 / pi) times the integral of
ln(2 cos x) from 0 to pi / 3 (Wannier 1950)."""


def log_open_coverings(rows: int, columns: int) -> float:
    """Logarithm of the number of coverings of an open rows x columns square lattice.

    Z = prod_{j <= m/2} prod_{k <= n/2} (4 cos^2(pi j / (m + 1)) + 4 cos^2(pi k / (n + 1))),
    the halves rounded up.

    Args:
        rows, columns: m and n sites, at least 2, with an even product.

    Raises:
        InputError: no perfect matching exists.

    Source: Kasteleyn (1961), Physica 27, 1209; Temperley, Fisher (1961), Phil. Mag. 6, 1061.

    >>> round(math.exp(log_open_coverings(8, 8)))
    12988816
    """
    DimerLattice((rows, columns), "square", "open")
    j = np.arange(1, (rows + 1) // 2 + 1)
    k = np.arange(1, (columns + 1) // 2 + 1)
    a = np.cos(np.pi * j / (rows + 1)) ** 2
    b = np.cos(np.pi * k / (columns + 1)) ** 2
    return float(np.log(4 * (a[:, None] + b)).sum())


def log_torus_coverings(rows: int, columns: int) -> float:
    """Logarithm of the number of coverings of a rows x columns torus, both even.

    Z = (1/2) (Z_01 + Z_10 + Z_11), the Pfaffians of Kasteleyn matrices with antiperiodic (1) or
    periodic (0) axes, Z_st = prod (4 sin^2 a + 4 sin^2 b)^(1/4) over the momenta
    a = 2 pi (j + s/2) / m, b = 2 pi (k + t/2) / n; the fourth one, Z_00, vanishes.

    Args:
        rows, columns: m and n sites, even.

    Raises:
        InputError: an odd side.

    Source: Kasteleyn (1961), Physica 27, 1209.

    >>> round(math.exp(log_torus_coverings(6, 6)))
    90176
    """
    DimerLattice((rows, columns))
    logs = [_log_pfaffian(rows, columns, s, t) for s, t in ((0.0, 0.5), (0.5, 0.0), (0.5, 0.5))]
    return float(np.logaddexp.reduce(logs)) - math.log(2)


def _log_pfaffian(rows: int, columns: int, s: float, t: float) -> float:
    """Logarithm of the Pfaffian with momenta shifted by s and t steps."""
    a = np.sin(2 * np.pi * (np.arange(rows) + s) / rows) ** 2
    b = np.sin(2 * np.pi * (np.arange(columns) + t) / columns) ** 2
    return float(np.log(4 * (a[:, None] + b)).sum()) / 4


def hexagon_coverings(side: int) -> int:
    """Number of coverings of the open honeycomb hexagon of side k, an exact integer.

    Z = prod_{a, b, c = 1..k} (a + b + c - 1) / (a + b + c - 2), the plane partitions in a box.

    Args:
        side: k, at least 1.

    Raises:
        InputError: the side is below 1.

    Source: MacMahon (1916), Combinatory Analysis, volume 2.

    >>> [hexagon_coverings(k) for k in (1, 2, 3)]
    [2, 20, 980]
    """
    if side < 1:
        raise InputError(f"side is {side}; expected at least 1; give a positive number")
    above = below = 1
    for a in range(1, side + 1):
        for b in range(1, side + 1):
            above *= a + b + side - 1
            below *= a + b - 1
    return above // below


def log_corner_coverings(rows: int, columns: int) -> float:
    """Logarithm of the number of coverings of an odd x odd square without a corner.

    By Temperley's bijection it is the number of spanning trees of the m x n grid with 2 m - 1 rows
    and 2 n - 1 columns of sites, Z = (1 / mn) prod' (4 sin^2(pi j / 2m) + 4 sin^2(pi k / 2n)) over
    all (j, k) but (0, 0).

    Args:
        rows, columns: 2 m - 1 and 2 n - 1 sites, odd, at least 3.

    Raises:
        InputError: an even side.

    Source: Temperley (1974), LMS Lecture Notes 13, 202.

    >>> round(math.exp(log_corner_coverings(5, 5)))
    192
    """
    DimerLattice((rows, columns), "square", "corner")
    m, n = (rows + 1) // 2, (columns + 1) // 2
    a = np.sin(np.pi * np.arange(m) / (2 * m)) ** 2
    b = np.sin(np.pi * np.arange(n) / (2 * n)) ** 2
    eigenvalues = 4 * (a[:, None] + b).ravel()[1:]
    return float(np.log(eigenvalues).sum()) - math.log(m * n)
