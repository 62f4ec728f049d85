"""Averages of interactions that a symmetry or the phase gives away, with errors that last."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from rsmi.information.number import Estimate
from rsmi.renormalization.moments import Moments

_ODD_ALARM = 1e-6
_LEAST_GROUPS = 16
_MOST_ODD = 4
_ORDERED = 0.985


@dataclass(frozen=True)
class Average:
    """Mean of an interaction, per term and site; an odd one vanishes by the flip symmetry.

    Args:
        name: Of the interaction.
        level: Of the lattice.
        value: With a standard error that knows of correlations longer than a block.
    """

    name: str
    level: int
    value: Estimate


def odd_averages(moments: Moments) -> tuple[Average, ...]:
    """Averages of all odd interactions on the lattice of the samples and the first coarse one."""
    found = []
    for level, component in itertools.product(range(2), _free(moments)):
        means = moments.averages(level, component)
        errors = np.max([_standard_errors(joined) for joined in _groupings(means)], 0)
        letter = f" of letter {component}" if moments.components > 1 else ""
        for interaction, mean, error in zip(
            moments.interactions, means.mean(0), errors, strict=True
        ):
            value = Estimate(float(mean), float(error), "estimate", unit="1")
            found.append(Average(interaction.name + letter, level, value))
    return tuple(found)


def _free(moments: Moments) -> range:
    """Components that are independent: all but the last of a vector, whose sum is 0."""
    return range(max(1, moments.components - 1))


def flip_chance(moments: Moments) -> float:
    """Probability of odd averages so far from 0 all together, if symmetry makes them vanish.

    ```
    T^2 = G x C^-1 x,    F = T^2 (G - m) / (m (G - 1))        (Hotelling, G groups, m averages)
    ```

    All together they tell more than each: near a critical point they follow the sign of the
    magnetisation and scatter widely, but what one of them is at a given other scatters little.
    """
    found = []
    for level in range(2):
        parts = [moments.averages(level, c)[:, :_MOST_ODD] for c in _free(moments)]
        means = np.concatenate(parts, 1)[:, : 2 * _MOST_ODD]
        found.append(max(_hotelling(joined) for joined in _groupings(means)))
    return min(1.0, len(found) * min(found))


def _hotelling(groups: NDArray[np.float64]) -> float:
    n, m = groups.shape
    mean, scatter = groups.mean(0), np.cov(groups.T).reshape(m, m)
    squared = float(n * mean @ np.linalg.pinv(scatter, rcond=1e-10, hermitian=True) @ mean)
    return float(fdtrc(m, n - m, squared * (n - m) / (m * (n - 1))))


def _standard_errors(groups: NDArray[np.float64]) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = groups.std(0, ddof=1) / math.sqrt(len(groups))
    return errors


def _groupings(blocks: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Means of (blocks, m), and of neighbouring blocks joined again and again.

    A chain that turns over more slowly than a block is long has correlated blocks, whose scatter
    alone would promise too much.
    """
    found = [blocks]
    while len(found[-1]) >= 2 * _LEAST_GROUPS:
        parts = np.array_split(blocks, len(found[-1]) // 2)
        found.append(np.array([part.mean(0) for part in parts]))
    return found


def forbidden(averages: Sequence[Average], chance: float) -> str | None:
    """Say so where averages that the flip of all spins forbids are there."""
    if chance > _ODD_ALARM:
        return None
    listed = ", ".join(f"{a.name} {a.value}" for a in averages if a.level == 0)
    return (
        f"averages that must vanish under the flip of all spins do not ({listed}; chance "
        f"{chance:.0e}): are these +1 and -1 of a model in a field, letters of a model with more "
        "states, or chains too short to turn over?"
    )


def ordered(even: Moments) -> str | None:
    """Say so where neighbours hardly ever differ, on any lattice at least 4 sites wide."""
    levels = [level for level, shape in enumerate(even.shapes) if min(shape) >= 4]
    agree = [_agreement(even, level) for level in levels]
    if max(agree) < _ORDERED:
        return None
    shares = ", ".join(f"{share:.4f}" for share in agree)
    return (
        f"the samples are constant or nearly ordered (of neighbouring spins {shares} agree over "
        "the levels), so the flow ends in the ordered phase; draw them at the critical temperature"
    )


def _agreement(even: Moments, level: int) -> float:
    """Share of neighbours that hold one letter."""
    means = even.averages(level).mean(0)
    pairs = [m for m, o in enumerate(even.interactions) if o.n_spins == 2]
    nearest = min((even.interactions[m].diameter2 for m in pairs), default=0)
    shares: dict[object, float] = {}
    for m in pairs:
        pair = even.interactions[m]
        if pair.diameter2 == nearest:  # letters of several orbits share their pairs
            shares[pair.terms] = shares.get(pair.terms, 0.0) + pair.share(float(means[m]))
    return sum(shares.values()) / max(1, len(shares))
