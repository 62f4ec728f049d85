"""One lattice at one temperature: moments of its order parameter, by independent blocks."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, block_labels, block_sums
from rsmi.lattice import Alphabet, Space
from rsmi.sampling import autocorrelation_time
from rsmi.storage import Samples
from rsmi.storage.interface import energies_of, space_of, temperature_of
from rsmi.storage.recorded import Recorded

Array = NDArray[np.float64]

_BATCH = 1 << 22  # letters read at once
_LEAST_BLOCKS = 10
_BLOCKS, _MOST_BLOCKS = 64, 256
_LONG = 32  # records of a block by the autocorrelation time, where there are more than 64

MOMENTS = ("magnetisation", "m2", "m4", "f")
"""Columns of every series: |m|, m^2, m^4 and |m(k)|^2 at the smallest wave vector."""


@dataclass(frozen=True)
class Observed(ABC):
    """Averages of one lattice at one value of the parameter that drives the transition.

    Args:
        cells: Extents of the torus.
        sites: N, sites of the lattice.
        parameter: Temperature in units of J, or occupation probability.
        series: (n, k) what every configuration shows.
        labels: (n,) which independent block each configuration belongs to.
    """

    cells: tuple[int, ...]
    sites: int
    parameter: float
    series: Array
    labels: NDArray[np.int64]

    unit: ClassVar[str] = "1"

    @abstractmethod
    def ratios(self, means: Array) -> Array:
        """What all sizes share at the transition, (..., 2), from means (..., columns)."""

    def drift(self, means: Array) -> Array | None:
        """Derivative of means (..., columns) by the parameter; None where it is not known."""
        return None

    @property
    def size(self) -> float:
        """L, the geometric mean of the extents."""
        return float(math.prod(self.cells) ** (1 / len(self.cells)))

    @property
    def dimension(self) -> int:
        """d of space."""
        return len(self.cells)

    @property
    def blocks(self) -> int:
        """Number of independent blocks."""
        return int(self.labels.max()) + 1

    @property
    def columns(self) -> Array:
        """(n, columns) that are averaged."""
        return self.series

    @cached_property
    def without(self) -> Array:
        """(blocks, columns) means over all blocks but one, for the jackknife."""
        sums = block_sums(torch.from_numpy(self.columns), torch.from_numpy(self.labels)).numpy()
        rest = sums.sum(0) - sums
        return np.asarray(rest[:, :-1] / rest[:, -1:])

    def jackknife(self, function: Callable[[Array], Array]) -> tuple[Array, Array]:
        """Values of functions of the means, and their covariance.

        Args:
            function: Maps means (..., columns) to values (..., k).

        Returns:
            (k,) values and (k, k) covariance.
        """
        values = function(self.columns.mean(0))
        replicas = function(self.without)
        spread = replicas - replicas.mean(0)
        count = len(replicas)
        return values, np.asarray((count - 1) / count * spread.T @ spread)


@dataclass(frozen=True)
class Point(Observed):
    """Moments of one lattice at one temperature.

    Args:
        cells: Extents of the torus.
        sites: N, sites of the lattice.
        parameter: T in units of J.
        series: (n, 4) of every configuration: |m|, m^2, m^4 and |m(k)|^2, the mean over the axes of
            the smallest wave vector along each.
        labels: (n,) which independent block each configuration belongs to.
        energies: (n,) total energies in units of J; None where they are not known.
        memory: tau_int of |m| in records.
        exact_energy: Energy per site in units of J where it is known in closed form.
    """

    unit: ClassVar[str] = "J"

    energies: Array | None
    memory: Estimate
    exact_energy: float | None = None

    @property
    def temperature(self) -> float:
        """T in units of J."""
        return self.parameter

    @cached_property
    def columns(self) -> Array:
        """`series`, then e, e^2 and e times the series of the energy per site; (n, 4 or 10)."""
        if self.energies is None:
            return self.series
        e = self.energies / self.sites
        return np.column_stack([self.series, e, e**2, e[:, None] * self.series])

    def drift(self, means: Array) -> Array | None:
        """`(<O E> - <O> <E>) / T^2` of the series; 0 for the rest."""
        if self.energies is None:
            return None
        moved = means[..., 6:] - means[..., :4] * means[..., 4:5]
        rest = np.zeros_like(means[..., 4:])
        return np.concatenate([moved * self.sites / self.temperature**2, rest], -1)

    def ratios(self, means: Array) -> Array:
        """U4 and <|m(k)|^2> / <m^2>, which unlike xi_2 / L stays bounded on either side."""
        return np.stack([cumulant(means), means[..., 3] / means[..., 1]], -1)

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """What is quoted of the point by itself, per site, in units of J and k_B."""
        known = self.energies is not None
        values, covariance = self.jackknife(lambda means: _quoted(means, self, known))
        units = ("1", "1", "1/J", "1/J", "1", "J", "1")
        return {
            name: Estimate(value, math.sqrt(max(variance, 0.0)), "estimate", unit, self.blocks)
            for name, value, variance, unit in zip(
                QUOTED, values.tolist(), np.diag(covariance).tolist(), units, strict=False
            )
        }


QUOTED = (
    "magnetisation", "cumulant", "susceptibility", "connected_susceptibility", "length_ratio",
    "energy", "specific_heat",
)  # fmt: skip
"""Names of `Point.estimates`; the last two where the energy is known."""


def cumulant(means: Array) -> Array:
    r"""Binder's :math:`U_4 = 1 - \langle m^4 \rangle / 3 \langle m^2 \rangle^2`.

    Source: Binder (1981), Z. Phys. B 43, 119.
    """
    return np.asarray(1 - means[..., 2] / (3 * means[..., 1] ** 2))


def length_ratio(means: Array, point: Point) -> Array:
    r"""Second-moment correlation length over L.

    .. math:: \xi_2 = \frac{1}{2 \sin(k/2)} \sqrt{\frac{\langle m^2 \rangle}
              {\langle |m(k)|^2 \rangle} - 1}, \quad k = 2 \pi / L

    Source: Cooper, Freedman, Preston (1982), Nucl. Phys. B 210, 210.
    """
    excess = np.maximum(means[..., 1] / means[..., 3] - 1, 0.0)
    return np.asarray(np.sqrt(excess) / (2 * math.sin(math.pi / point.size) * point.size))


def _quoted(means: Array, point: Point, known: bool) -> Array:
    n, t = point.sites, point.temperature
    found = [
        means[..., 0],
        cumulant(means),
        n * means[..., 1] / t,
        n * (means[..., 1] - means[..., 0] ** 2) / t,
        length_ratio(means, point),
    ]
    if known:
        found += [means[..., 4], n * (means[..., 5] - means[..., 4] ** 2) / t**2]
    return np.stack(found, -1)


def measure_point(samples: Samples, temperature: float | None = None) -> Point:
    """Measure the moments of one lattice at one temperature.

    The order parameter is the mean over the sites of the letters' features, less their mean over
    the letters' symmetries: the magnetisation of spins, the Potts vector of Potts letters.

    Args:
        samples: Open samples; a line of equilibrated configurations.
        temperature: T in units of J; only where the samples do not know it.

    Raises:
        InputError: For a lattice whose sites are not alike, letters without a symmetry, a
            temperature that is missing or contradicted, or too few configurations.
    """
    space, at = space_of(samples), temperature_of(samples, temperature)
    if not space.homogeneous:
        raise InputError(
            f"{samples.source}: the sites of this lattice are not alike, and one realisation of "
            "the disorder has no finite-size scaling; average over realisations first"
        )
    if samples.n < _LEAST_BLOCKS:
        raise InputError(
            f"{samples.source}: {samples.n} configurations make {samples.n} blocks; "
            f"expected at least {_LEAST_BLOCKS} for an error; draw more"
        )
    series = np.concatenate([_moments(letters, space) for letters in _batches(samples, space)])
    memory = _memory(series[:, 0].reshape(-1, samples.chains).T, samples)
    long = int(samples.n / (_LONG * max(memory.value, 0.5)))  # blocks that would be
    count = max(_BLOCKS, min(_MOST_BLOCKS, long))
    labels = block_labels(samples.n, samples.chains, count, count).numpy()
    energies, exact = energies_of(samples), _exact_energy(samples)
    return Point(space.cells, space.n_sites, at, series, labels, energies, memory, exact)


def _memory(series: Array, samples: Samples) -> Estimate:
    """tau_int of |m|, which blocks within a chain have to outlast."""
    if samples.n == samples.chains:
        return Estimate(0.5, 0.0, "estimate", "records", samples.n)
    try:
        found = autocorrelation_time(series)
    except AnalysisError as error:
        raise AnalysisError(f"{samples.source}: {error}") from None
    longest = samples.n // samples.chains
    within = longest / max(1, _BLOCKS // samples.chains)
    if samples.chains < _BLOCKS and within < 4 * found.value:
        raise InputError(
            f"{samples.source}: the order parameter remembers {found.value:.3g} records, and "
            f"{samples.chains} chains of {longest} records make blocks of {within:.3g}, which are "
            f"not independent; draw {_BLOCKS} chains, or longer ones"
        )
    return found


def _exact_energy(samples: Samples) -> float | None:
    known = getattr(samples, "meaning", None)
    if not isinstance(known, Recorded):
        return None
    total = known.family.exact(known.model).get("energy")
    return None if total is None else total / known.family.sites(known.model)


def _batches(samples: Samples, space: Space) -> Iterator[Tensor]:
    step = max(1, _BATCH // space.n_sites)
    for start in range(0, samples.n, step):
        yield samples.letters(start, min(start + step, samples.n))


def order_features(alphabet: Alphabet) -> Tensor:
    """`Alphabet.order`, which is to be there.

    Raises:
        InputError: Where no symmetry is to be broken.
    """
    odd = alphabet.order
    if not odd.numel():
        raise InputError(
            f"the letters {', '.join(alphabet.names)} have no symmetry that a phase could break, "
            "so there is no order parameter to scale"
        )
    return odd


def _moments(letters: Tensor, space: Space) -> Array:
    """(n, 4) moments of letters (n, *cells, sites)."""
    features = order_features(space.alphabet).double().numpy()
    cells, n_cells = space.cells, math.prod(space.cells)
    found = np.zeros((len(letters), sum(cells), len(features)), np.int64)
    _count(letters.reshape(len(letters), n_cells, -1).numpy(), _layers(cells), found)
    layers = np.split(found @ features / space.n_sites, np.cumsum(cells)[:-1], 1)
    squared = (layers[0].sum(1) ** 2).sum(-1)
    modes = np.mean([_mode(own) for own in layers], 0)
    return np.stack([np.sqrt(squared), squared, squared**2, modes], 1)


def _layers(cells: tuple[int, ...]) -> NDArray[np.int64]:
    """(cells, axes): in which layer across each axis a cell lies, layers of all axes in a row."""
    places = np.indices(cells).reshape(len(cells), -1).T
    return np.ascontiguousarray(places + np.cumsum((0, *cells[:-1])))


@njit(cache=True, nogil=True)
def _count(letters: NDArray[np.int8], layers: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """Add up how often each letter comes in each layer, found (n, layers, q)."""
    for i in range(letters.shape[0]):
        for cell in range(letters.shape[1]):
            for site in range(letters.shape[2]):
                letter = letters[i, cell, site]
                for axis in range(layers.shape[1]):
                    found[i, layers[cell, axis], letter] += 1


def _mode(profile: Array) -> Array:
    """|m(k)|^2 (n,) of layers (n, extent, d) at the smallest wave vector across them."""
    extent = profile.shape[1]
    angle = 2 * math.pi / extent * np.arange(extent)
    waves = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray((np.einsum("wx,nxd->nwd", waves, profile) ** 2).sum((1, 2)))
