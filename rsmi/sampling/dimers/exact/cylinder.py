"""Transfer matrix of square-lattice dimers on a cylinder, infinitely long or closed to a torus."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError

WIDEST = 12
WIDEST_TORUS = 8
TOLERANCE = 1e-13

Rows = NDArray[np.int64]


def cylinder_stiffness(width: int, temperature: float = math.inf) -> float:
    """Stiffness of the height field on the infinite cylinder, g = (L / pi) ln(Lambda_0 / Lambda_1).

    Lambda_w is the largest eigenvalue of the row transfer matrix with winding number w, of dimers
    with the energy -1 for each plaquette with two parallel dimers.

    Args:
        width: circumference L, even, 4 to 12.
        temperature: T in units of the attraction, or inf.

    Raises:
        InputError: a width or a temperature out of range.

    Source: Alet et al. (2005), cond-mat/0501241; Papanikolaou, Luijten, Fradkin (2007),
    cond-mat/0607316.

    >>> round(cylinder_stiffness(8, 1.0), 5)
    1.47638
    """
    _check(width, temperature)
    logs = [log_eigenvalue(width, temperature, winding) for winding in (0, 1)]
    return width / math.pi * (logs[0] - logs[1])


def log_eigenvalue(width: int, temperature: float, winding: int) -> float:
    """Logarithm per row of the leading eigenvalue of the transfer matrix in one winding sector.

    Args:
        width: circumference, even.
        temperature: T, or inf.
        winding: winding number of the sector.

    >>> round(log_eigenvalue(8, math.inf, 0) / 8, 3)
    0.3
    """
    return math.log(_leading(_two_rows(width, temperature, winding))) / 2


def winding_law(rows: int, width: int, temperature: float = math.inf) -> dict[int, float]:
    """Exact distribution of the winding number W_0 on a torus, P(w) = tr T_w^rows / Z.

    Args:
        rows: sites along axis 0, even.
        width: sites along axis 1, even, 4 to 8.
        temperature: T, or inf.

    Returns:
        Probability of every winding number from -width / 2 to width / 2.

    Raises:
        InputError: sides or a temperature out of range.

    >>> law = winding_law(4, 4)
    >>> round(272 * law[0]), round(272 * law[1]), round(272 * law[2])
    (198, 36, 1)
    """
    _check(width, temperature)
    if rows % 2 or rows < 2 or width > WIDEST_TORUS:
        raise InputError(
            f"a torus of {rows} x {width} sites; expected an even number of rows and a width of at "
            f"most {WIDEST_TORUS}"
        )
    logs = {}
    for winding in range(-width // 2, width // 2 + 1):
        double = _two_rows(width, temperature, winding)
        scale = _leading(double)
        power = np.linalg.matrix_power(double.toarray() / scale, rows // 2)
        logs[winding] = rows / 2 * math.log(scale) + math.log(np.trace(power))
    top = max(logs.values())
    total = sum(math.exp(log - top) for log in logs.values())
    return {winding: math.exp(log - top) / total for winding, log in logs.items()}


def row_states(width: int) -> tuple[Rows, Rows, Rows]:
    """All coverings of a ring of sites by dimers down, along the ring, and up, as bit masks.

    Returns:
        int64 masks (n,) each: bit j of `below` and `above` is the dimer of site j down or up, bit j
        of `across` the dimer between the sites j and j + 1.

    >>> [len(mask) for mask in row_states(4)]
    [34, 34, 34]
    """
    full = (1 << width) - 1
    states = []
    for across in range(full + 1):
        turned = ((across << 1) | (across >> (width - 1))) & full
        if across & turned:
            continue
        free = full & ~(across | turned)
        below = free
        while True:
            states.append((below, across, free & ~below))
            if below == 0:
                break
            below = (below - 1) & free
    masks = np.array(states, dtype=np.int64).T
    return masks[0], masks[1], masks[2]


def _two_rows(width: int, temperature: float, winding: int) -> Any:
    """Transfer matrix of two rows in one winding sector, sparse.

    The staggered number of dimers that leave a row upwards changes its sign from row to row.
    """
    below, across, above = row_states(width)
    signs = 1 - 2 * (np.arange(width) % 2)
    flux = _digits(above, width) @ signs
    up = np.flatnonzero(flux == winding)
    down = np.flatnonzero(flux == -winding)
    first = _transfer(below, across, above, up, down, width, 1 / temperature)
    second = _transfer(below, across, above, down, up, width, 1 / temperature)
    return second @ first


def _transfer(
    below: Rows, across: Rows, above: Rows, old: Rows, new: Rows, width: int, coupling: float
) -> Any:
    """Matrix (new, old) of weights exp(K times the parallel pairs between the two rows)."""
    from scipy.sparse import csr_array  # slow to import, rarely used

    rows, columns, weights = [], [], []
    order = np.argsort(below[new], kind="stable")
    first = np.searchsorted(below[new], above[old], "left", order)
    last = np.searchsorted(below[new], above[old], "right", order)
    for column, state in enumerate(old):
        ups = above[state]
        fits = order[first[column] : last[column]]
        turned = (ups << 1 | ups >> (width - 1)) & ((1 << width) - 1)
        pairs = _popcount(across[new[fits]] & across[state]) + _popcount(ups & turned)
        rows.append(fits)
        columns.append(np.full(len(fits), column))
        weights.append(np.exp(coupling * pairs))
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(weights), where), shape=(len(new), len(old)))


def _leading(matrix: Any) -> float:
    """Largest eigenvalue of a matrix with non-negative entries, by the power method."""
    vector = np.ones(matrix.shape[0])
    value, change = 0.0, 1.0
    while change > TOLERANCE:
        following = matrix @ vector
        norm = float(following.sum())
        change = float(np.abs(following / norm - vector).max())
        vector, value = following / norm, norm / float(vector.sum())
    return value


def _digits(masks: Rows, width: int) -> Rows:
    """Bits (n, width) of masks."""
    return (masks[:, None] >> np.arange(width)) & 1


def _popcount(masks: Rows) -> Rows:
    """Number of ones in each mask."""
    return np.bitwise_count(masks).astype(np.int64)


def _check(width: int, temperature: float) -> None:
    if width % 2 or not 4 <= width <= WIDEST:
        raise InputError(f"width is {width}; expected an even number from 4 to {WIDEST}; give 8")
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}; expected above 0, or inf; give 1.0")
