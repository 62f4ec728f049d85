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


@dataclass(frozen=True)
class ScanEntry:
    """Leading eigenvalue of the stability matrix of one step in one basis.

    Args:
        parity: Sector.
        level: The step from `level` to `level + 1`.
        shape: Lattice before the step.
        coarse_shape: Lattice after the step.
        n_couplings: Interactions in the basis, the first of the ordered list.
        last: Name of the last of them.
        diameter2: Its squared diameter.
        eigenvalue: Leading eigenvalue, with its jackknife error.
        exponent: y = ln(eigenvalue) / ln(b), with its jackknife error.
        left_out: (blocks,) the exponent without each block of the data.
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

    @property
    def narrow(self) -> bool:
        """Whether the coarse lattice is so small that the torus itself moves the exponent."""
        return min(self.coarse_shape) < 4


def stability_matrix(covariances: Covariances, level: int, n: int) -> NDArray[np.float64]:
    """The linearised transformation of the couplings in one step.

    ```
    T_ab = dK_a' / dK_b,    B T = A,
    A_ab = <S_a' S_b> - <S_a'><S_b>,    B_ab = <S_a' S_b'> - <S_a'><S_b'>     (' = one level up)
    ```

    Args:
        covariances: From `Moments.covariances`, with any leading axes.
        level: Of the finer lattice.
        n: Use the first n interactions.

    Returns:
        (..., n, n): row a is the coarse coupling, column b the fine one.

    Raises:
        AnalysisError: If the interactions are linearly dependent on the coarse lattice.

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
            f"the first {n} interactions are linearly dependent at level {level + 1}; "
            "use more samples, fewer levels or a smaller reach"
        )
    matrix: NDArray[np.float64] = np.linalg.solve(correlation, a / scale[..., None])
    return matrix / scale[..., None]


_FROZEN = (
    "an interaction has the same value in all configurations at level {level}; expected samples "
    "that fluctuate; check that the data are not constant, or use fewer levels"
)


def leading_eigenvalue(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest modulus among the eigenvalues of (..., n, n) matrices.

    >>> float(leading_eigenvalue(np.array([[2.0, 5.0], [0.0, 1.0]])))
    2.0
    """
    modulus: NDArray[np.float64] = np.abs(np.linalg.eigvals(matrix)).max(-1)
    return modulus


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
    """Leading eigenvalues of every step in every basis that fits the coarse lattice.

    It ends before the first level whose configurations no longer tell the interactions apart,
    as they do where the flow has run into a phase, or on a lattice of very few sites.

    Args:
        moments: Of one parity.
        scale: Linear size b of the block.

    Returns:
        Entries ordered by level, then by size of the basis.

    Raises:
        InputError: If not even the first interaction fits the coarsest lattice.
        AnalysisError: If a covariance matrix of the first step is singular.
    """
    covariances = moments.covariances()
    entries: list[ScanEntry] = []
    for level in range(len(moments.shapes) - 1):
        bases = range(1, _fitting(moments, level + 1) + 1)
        try:
            entries += [_entry(moments, *covariances, level, n, scale) for n in bases]
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


def _entry(
    moments: Moments, whole: Covariances, left_out: Covariances, level: int, n: int, scale: int
) -> ScanEntry:
    value = leading_eigenvalue(stability_matrix(whole, level, n))
    others = leading_eigenvalue(stability_matrix(left_out, level, n))
    exponents = np.log(others) / np.log(scale)
    last = moments.interactions[n - 1]
    return ScanEntry(
        last.parity,
        level,
        moments.shapes[level],
        moments.shapes[level + 1],
        n,
        last.name,
        max(i.diameter2 for i in moments.interactions[:n]),
        Estimate(float(value), jackknife_error(others), "estimate", unit="1"),
        Estimate(
            float(np.log(value) / np.log(scale)),
            jackknife_error(exponents),
            "estimate",
            unit="1",
        ),
        exponents,
    )
