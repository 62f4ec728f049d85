"""Swendsen's linearised renormalisation-group transformation and its leading eigenvalues."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate
from rsmi.renormalization.couplings import Parity
from rsmi.renormalization.moments import Covariances, Moments

# Beyond this the solution of B T = A has lost all digits to rounding.
_MAX_CONDITION = 1e12
_TINY = 1e-12  # of an eigenvalue that is 0 but for rounding
_RANKS = 2  # eigenvalues of a sector that are followed
_SHARE = 0.3  # of the largest part in a combination that vanishes, to be named


@dataclass(frozen=True)
class ScanEntry:
    """One of the largest eigenvalues of the stability matrix of one step in one basis.

    Args:
        parity: Sector.
        level: The step from `level` to `level + 1`.
        shape: Lattice before the step.
        coarse_shape: Lattice after the step.
        n_couplings: Interactions in the basis, the first of the ordered list.
        last: Name of the last of them.
        diameter2: Its squared diameter.
        eigenvalue: Its modulus, with its jackknife error.
        exponent: y = ln(eigenvalue) / ln(b), with its jackknife error.
        left_out: (blocks,) the exponent without each block of the data.
        rank: 0 for the eigenvalue of largest modulus, 1 for the next one, and so on.
    """

    parity: Parity
    level: int
    shape: tuple[int, ...]
    coarse_shape: tuple[int, ...]
    n_couplings: int
    last: str
    diameter2: int
    eigenvalue: Estimate
    exponent: Estimate
    left_out: NDArray[np.float64] = field(repr=False, compare=False)
    rank: int = 0

    @property
    def narrow(self) -> bool:
        """Whether the coarse lattice is so small that the torus itself moves the exponent."""
        return min(self.coarse_shape) < 4


def stability_matrix(
    covariances: Covariances, level: int, n: int, names: Sequence[str] = ()
) -> NDArray[np.float64]:
    """The linearised transformation of the couplings in one step.

    ```
    T_ab = dK_a' / dK_b,    B T = A,
    A_ab = <S_a' S_b> - <S_a'><S_b>,    B_ab = <S_a' S_b'> - <S_a'><S_b'>     (' = one level up)
    ```

    Args:
        covariances: From `Moments.covariances`, with any leading axes.
        level: Of the finer lattice.
        n: Use the first n interactions.
        names: Of the interactions, for messages.

    Returns:
        (..., n, n): row a is the coarse coupling, column b the fine one.

    Raises:
        AnalysisError: If interactions are linearly dependent on the coarse lattice, with their
            names.

    Source: R. H. Swendsen (1979), Phys. Rev. Lett. 42, 859; G. S. Pawley, R. H. Swendsen,
    D. J. Wallace, K. G. Wilson (1984), Phys. Rev. B 29, 4030.
    """
    b = covariances.same[..., level + 1, :n, :n]
    a = covariances.step[..., level, :n, :n]
    scale = np.sqrt(np.einsum("...ii->...i", b))
    if not (scale > 0).all():
        raise AnalysisError(_FROZEN.format(level=level + 1))
    correlation = b / (scale[..., :, None] * scale[..., None, :])
    if np.linalg.cond(correlation).max() > _MAX_CONDITION:
        raise AnalysisError(
            f"the first {n} interactions are linearly dependent at level {level + 1}"
            f"{_dependent(correlation, names)}; use more samples, fewer levels or a smaller reach"
        )
    matrix: NDArray[np.float64] = np.linalg.solve(correlation, a / scale[..., None])
    return matrix / scale[..., None]


_FROZEN = (
    "an interaction has the same value in all configurations at level {level}; expected samples "
    "that fluctuate; check that the data are not constant, or use fewer levels"
)


def _dependent(correlation: NDArray[np.float64], names: Sequence[str]) -> str:
    """Which interactions make up the combination that does not fluctuate."""
    worst = correlation.reshape(-1, *correlation.shape[-2:])[np.linalg.cond(correlation).argmax()]
    part = np.abs(np.linalg.eigh(worst)[1][:, 0])
    named = [name for name, size in zip(names, part, strict=False) if size > _SHARE * part.max()]
    return f" ({', '.join(named)})" if named else ""


def leading_eigenvalue(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest modulus among the eigenvalues of (..., n, n) matrices.

    >>> float(leading_eigenvalue(np.array([[2.0, 5.0], [0.0, 1.0]])))
    2.0
    """
    return np.asarray(_moduli(matrix)[..., 0])


def _moduli(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moduli of the eigenvalues of (..., n, n) matrices, the largest first."""
    return np.asarray(-np.sort(-np.abs(np.linalg.eigvals(matrix)), -1))


def jackknife_error(left_out: NDArray[np.float64]) -> float:
    """Standard error from the values with one block of the data left out at a time.

    ```
    error^2 = (B - 1) / B * sum_b (x_b - mean x)^2
    ```

    >>> round(jackknife_error(np.array([1.0, 2.0, 3.0])), 6)
    1.154701
    """
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))


def scan(moments: Moments, scale: int) -> tuple[ScanEntry, ...]:
    """Largest eigenvalues of every step in every basis that fits the coarse lattice.

    It ends before the first level whose configurations no longer tell the interactions apart,
    as they do where the flow has run into a phase, or on a lattice of very few sites.

    Args:
        moments: Of one parity.
        scale: Linear size b of the block.

    Returns:
        Entries ordered by level, then by size of the basis, then by rank.

    Raises:
        InputError: If not even the first interaction fits the coarsest lattice.
        AnalysisError: If a covariance matrix of the first step is singular.
    """
    covariances = moments.covariances()
    entries: list[ScanEntry] = []
    for level in range(len(moments.shapes) - 1):
        bases = range(1, _fitting(moments, level + 1) + 1)
        try:
            for n in bases:
                entries += _entries(moments, *covariances, level, n, scale)
        except AnalysisError:
            if not entries:
                raise
            break
    return tuple(entries)


def by_level(entries: Sequence[ScanEntry]) -> list[list[ScanEntry]]:
    """Entries of each step, by growing basis, in order of the steps."""
    found: dict[int, list[ScanEntry]] = {}
    for entry in entries:
        found.setdefault(entry.level, []).append(entry)
    return [found[level] for level in sorted(found)]


def over_steps(entries: Sequence[ScanEntry], parity: Parity) -> str:
    """The exponent of every step with its largest basis, as a person reads it."""
    mine = [entry for entry in entries if entry.parity == parity]
    return ", ".join(str(level[-1].exponent) for level in by_level(mine))


def _fitting(moments: Moments, level: int) -> int:
    """How many leading interactions a lattice can tell apart."""
    shape = moments.shapes[level]
    fits = [interaction.fits(shape) for interaction in moments.interactions]
    count = fits.index(False) if False in fits else len(fits)
    if count == 0:
        raise InputError(
            f"the lattice at level {level} has shape {list(shape)}, too small for the shortest "
            "interaction; expected at least 2 sites in each direction; use fewer levels"
        )
    return count


def _entries(
    moments: Moments, whole: Covariances, left_out: Covariances, level: int, n: int, scale: int
) -> list[ScanEntry]:
    names = [interaction.name for interaction in moments.interactions]
    values, others = (
        np.maximum(_moduli(stability_matrix(part, level, n, names)), _TINY)
        for part in (whole, left_out)
    )
    last = moments.interactions[n - 1]
    about = (
        last.parity,
        level,
        moments.shapes[level],
        moments.shapes[level + 1],
        n,
        last.name,
        max(i.diameter2 for i in moments.interactions[:n]),
    )
    return [
        ScanEntry(
            *about,
            _estimate(values[rank], others[:, rank]),
            _estimate(
                np.log(values[rank]) / np.log(scale), y := np.log(others[:, rank]) / np.log(scale)
            ),
            y,
            rank,
        )
        for rank in range(min(n, _RANKS))
    ]


def _estimate(value: float, left_out: NDArray[np.float64]) -> Estimate:
    return Estimate(float(value), jackknife_error(left_out), "estimate", unit="1")
