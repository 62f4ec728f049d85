"""Quenched disorder as a pure function of a seed: random bonds and dilution."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rsmi.errors import InputError
from rsmi.lattice.graphs import GraphLattice
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.random import check_seed, fill_uint64

Floats = NDArray[np.float64]

GRID = 2.0**32
"""Gaussian bonds are multiples of 1 / GRID, so that energies add up without rounding."""


def bimodal_bonds(lattice: GraphLattice, seed: int, negative: float = 0.5) -> Floats:
    """Independent bonds of +1 and -1, the +-J spin glass of Edwards and Anderson.

    Args:
        lattice: the graph.
        seed: seed of the disorder, 0 <= seed < 2**64; bond e depends on (seed, e) only.
        negative: probability of -1.

    Returns:
        float64 (n_edges,).

    Raises:
        InputError: a bad seed or probability.

    >>> from rsmi.lattice.graphs import graph_lattice
    >>> bimodal_bonds(graph_lattice("chain", (6,)), seed=1).tolist()
    [-1.0, -1.0, 1.0, 1.0, 1.0, -1.0]
    """
    _check_probability("negative", negative)
    return np.where(_uniform(lattice.n_edges, seed, GraphStream.RANDOM_BONDS) < negative, -1.0, 1.0)


def gaussian_bonds(
    lattice: GraphLattice, seed: int, mean: float = 0.0, width: float = 1.0
) -> Floats:
    """Independent Gaussian bonds, rounded to multiples of 2**-32.

    Args:
        lattice: the graph.
        seed: seed of the disorder, 0 <= seed < 2**64; bond e depends on (seed, e) only.
        mean, width: mean and standard deviation, units of J.

    Returns:
        float64 (n_edges,).

    Raises:
        InputError: a bad seed, a mean that is not finite, or a width below 0.
    """
    if not np.isfinite(mean) or not (np.isfinite(width) and width >= 0):
        raise InputError(
            f"Gaussian bonds have mean {mean} and width {width}; expected finite numbers and a "
            "width of at least 0; give them in units of J"
        )
    uniform = _uniform(lattice.n_edges, seed, GraphStream.RANDOM_BONDS)
    return np.rint((mean + width * ndtri(uniform + 2.0**-54)) * GRID) / GRID


def dilute_bonds(lattice: GraphLattice, bonds: float | Floats, keep: float, seed: int) -> Floats:
    """Set each bond to 0 unless it is kept, independently with probability `keep`.

    Args:
        lattice: the graph.
        bonds: b before dilution, one number or (n_edges,).
        keep: probability to keep a bond.
        seed: seed of the disorder.

    Returns:
        float64 (n_edges,).

    Raises:
        InputError: a bad seed or probability.
    """
    _check_probability("keep", keep)
    kept = _uniform(lattice.n_edges, seed, GraphStream.DILUTION) < keep
    return np.where(kept, bonds, 0.0)


def dilute_sites(lattice: GraphLattice, keep: float, seed: int) -> NDArray[np.bool_]:
    """Which sites hold a spin, each independently with probability `keep`.

    Args:
        lattice: the graph.
        keep: probability of a spin.
        seed: seed of the disorder.

    Returns:
        bool (n_sites,), the `occupied` of `GraphIsing`.

    Raises:
        InputError: a bad seed or probability.
    """
    _check_probability("keep", keep)
    return _uniform(lattice.n_sites, seed, GraphStream.DILUTION) < keep


def _uniform(count: int, seed: int, stream: GraphStream) -> Floats:
    """Uniform numbers in [0, 1) with 53 bits, number i from (seed, i)."""
    check_seed(seed)
    words = np.empty(count + count % 2, dtype=np.uint64)
    fill_uint64(words, 0, 0, 0, int(stream), np.uint64(seed))
    return (words[:count] >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value}; expected a probability from 0 to 1")
