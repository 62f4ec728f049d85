"""Correlators of operators on a torus, averaged over translations, block by block."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import block_labels
from rsmi.progress import Progress, silent
from rsmi.renormalization.operators.basis import Basis
from rsmi.storage import check_source
from rsmi.storage.interface import Samples, space_of

_BATCH = 1 << 22  # numbers of fields held at once
_BLOCKS, _LEAST_BLOCKS = 64, 16
_POWER = 3
"""Of the window: its weight at short distances r falls as r^6, faster than the correlators of all
operators of dimension below 3 grow there (in two dimensions), so that the lattice is not seen."""

Chosen = Callable[[int, int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Correlators:
    r"""Sums over blocks of configurations of one lattice.

    .. math:: C_{ab}(r) = \frac{1}{V} \sum_x \langle O_a(x) O_b(x + r) \rangle
              - \langle O_a \rangle \langle O_b \rangle, \quad
              \bar C_{ab} = \sum_r w(r/L) C_{ab}(r) \cos(Q r) \Big/ \sum_r w(r/L), \quad
              w = \Big[ \sum_i \frac{1 - \cos(2 \pi r_i / L_i)}{2 d} \Big]^3

    Args:
        cells: Extents of the lattice.
        distances: 0, 1 ... L/2 along the axes, over which the correlators are averaged.
        products: (blocks, 1 + distances, A, A) float64, sums over configurations of the window and
            of every distance, components added up.
        means: (blocks, A, components) float64 sums over configurations.
        overlap: (1 + distances,) mean of cos(Q r) in each, which multiplies a mean that is there.
        counts: (blocks,) configurations.
        connected: Whether means are taken off; of an odd sector they vanish.
    """

    cells: tuple[int, ...]
    distances: tuple[int, ...]
    products: Tensor
    means: Tensor
    overlap: Tensor
    counts: Tensor
    connected: bool

    @property
    def size(self) -> int:
        """Smallest extent L."""
        return min(self.cells)

    @property
    def blocks(self) -> int:
        """How many."""
        return len(self.counts)

    def covariances(self, times: Tensor) -> Tensor:
        """C of all data (R, blocks) taken so many times: (R, 1 + distances, A, A), symmetric."""
        n = (times @ self.counts)[:, None, None, None]
        found = torch.einsum("rg,gdab->rdab", times, self.products) / n
        if self.connected:
            means = torch.einsum("rg,gac->rac", times, self.means) / n[:, 0]
            both = torch.einsum("rac,rbc->rab", means, means)
            found = found - self.overlap[:, None, None] * both[:, None]
        return (found + found.transpose(-1, -2)) / 2

    @cached_property
    def everything(self) -> Tensor:
        """C of all data, (1 + distances, A, A)."""
        return self.covariances(torch.ones(1, self.blocks, dtype=torch.float64))[0]

    def resampled(self, resamples: int, seed: int) -> Tensor:
        """C of blocks drawn with replacement, (resamples, 1 + distances, A, A)."""
        generator = torch.Generator().manual_seed(seed)
        draws = torch.randint(self.blocks, (resamples, self.blocks), generator=generator)
        times = torch.zeros(resamples, self.blocks, dtype=torch.float64)
        return self.covariances(times.scatter_add_(1, draws, torch.ones_like(times)))

    @property
    def left_out(self) -> Tensor:
        """C without each block in turn, (blocks, 1 + distances, A, A)."""
        return self.covariances(1 - torch.eye(self.blocks, dtype=torch.float64))

    def chosen(self, kept: Sequence[int]) -> "Correlators":
        """Of some of the operators."""
        some = torch.tensor(list(kept))
        products = self.products[:, :, some][..., some]
        return Correlators(
            self.cells, self.distances, products, self.means[:, some], self.overlap, self.counts,
            self.connected,
        )  # fmt: skip


def correlators(
    samples: Samples,
    basis: Basis,
    *,
    momentum: Sequence[float] = (),
    connected: bool | None = None,
    progress: Progress = silent,
) -> Correlators:
    """Measure the correlators of operators on the torus of some samples.

    Args:
        samples: Open samples.
        basis: Operators of their letters.
        momentum: Q in units of 2 pi for each axis.
        connected: Whether means are taken off; they are, unless symmetry makes them vanish.
        progress: Is told how many configurations of how many are done.

    Returns:
        Sums by blocks of chains.

    Raises:
        InputError: For rows that drift, too few blocks for an error, or cells that differ.
    """
    labels = labels_of(samples)
    take_off = connected if connected is not None else not basis.odd
    weights = Weights.of(space_of(samples).cells, momentum)
    sums = Sums.zeros(weights, len(basis), basis.tables.shape[1], int(labels.max()) + 1)
    step = max(1, _BATCH // (space_of(samples).n_cells * basis.tables[:, :, 0].numel()))
    for start, stop in steps(samples.n, step):
        sums.add(basis.fields(samples.letters(start, stop)), labels[start:stop])
        progress(stop, samples.n)
    return sums.found(take_off)


def steps(n: int, step: int) -> Iterator[tuple[int, int]]:
    """Pieces of n rows."""
    for start in range(0, n, step):
        yield start, min(start + step, n)


def labels_of(samples: Samples) -> Tensor:
    """Independent blocks of the rows of some samples.

    Raises:
        InputError: For cells that differ, rows that drift, or too few blocks.
    """
    space = space_of(samples)
    if not space.homogeneous:
        raise InputError(
            f"{samples.source}: the cells of this lattice are not alike, so correlators cannot be "
            "averaged over translations; bring a lattice of equal cells on a torus"
        )
    blocks = min(_BLOCKS, check_source(samples).blocks)
    labels = block_labels(samples.n, samples.chains, blocks, blocks)
    if (found := int(labels.max()) + 1) < _LEAST_BLOCKS:
        raise InputError(
            f"{samples.source}: {samples.n} configurations of {samples.chains} chains make {found} "
            f"independent blocks; expected at least {_LEAST_BLOCKS} for an error; draw "
            f"{_BLOCKS} chains, or longer ones"
        )
    return labels


@dataclass(frozen=True, eq=False)
class Weights:
    """What is read off the power spectrum of fields on one lattice.

    Args:
        cells: Extents of the lattice.
        distances: Along the axes.
        spectrum: (1 + distances, modes of rfftn) float64, weights of the power of each mode.
        maps: (1 + distances, *cells) float64, the same as weights of each displacement.
        overlap: (1 + distances,) see `Correlators`.
    """

    cells: tuple[int, ...]
    distances: tuple[int, ...]
    spectrum: Tensor
    maps: Tensor
    overlap: Tensor

    @classmethod
    def of(cls, cells: tuple[int, ...], momentum: Sequence[float] = ()) -> "Weights":
        """The window, then every distance up to half the lattice.

        Raises:
            InputError: For a momentum that does not fit the lattice.
        """
        phase = _phase(cells, momentum)
        places = np.indices(cells)
        distances = tuple(range(min(cells) // 2 + 1))
        maps = [_window(cells), *(_axes(cells, r) for r in distances)]
        weights = np.stack([u / u.sum() * phase for u in maps])
        axes = tuple(range(1, places.ndim))
        # The mean of both directions is even, so its transform is real.
        spectrum = np.fft.fftn(weights, axes=axes).real[..., : cells[-1] // 2 + 1]
        spectrum = spectrum * _twice(cells[-1])
        overlap = torch.from_numpy(weights.reshape(len(maps), -1).sum(1))
        flat = torch.from_numpy(spectrum.reshape(len(maps), -1).copy())
        return cls(cells, distances, flat, torch.from_numpy(weights), overlap)


def _phase(cells: tuple[int, ...], momentum: Sequence[float]) -> Any:
    """cos(Q r) on the torus."""
    if momentum and len(momentum) != len(cells):
        raise InputError(
            f"momentum is {list(momentum)}; expected {len(cells)} numbers in units of 2 pi, one "
            f"for each axis of the lattice {list(cells)}, such as {[0.5] * len(cells)}"
        )
    angle = np.zeros(cells)
    for q, extent, place in zip(momentum, cells, np.indices(cells), strict=False):
        if abs(q * extent - round(q * extent)) > 1e-9:
            raise InputError(
                f"momentum {q} in units of 2 pi does not fit {extent} cells; expected a multiple "
                f"of 1/{extent}"
            )
        angle = angle + 2 * math.pi * q * place
    return np.cos(angle)


def _window(cells: tuple[int, ...]) -> Any:
    total = np.zeros(cells)
    for extent, place in zip(cells, np.indices(cells), strict=True):
        total = total + (1 - np.cos(2 * math.pi * place / extent)) / (2 * len(cells))
    return total**_POWER


def _axes(cells: tuple[int, ...], distance: int) -> Any:
    """One at a distance along every axis, both ways."""
    found = np.zeros(cells)
    for axis in range(len(cells)):
        for way in (distance, -distance):
            found[tuple(way % cells[axis] if i == axis else 0 for i in range(len(cells)))] += 1
    return found


def _twice(extent: int) -> Any:
    """How often each mode of the half spectrum stands in the whole one."""
    times = np.full(extent // 2 + 1, 2.0)
    times[0] = 1
    if extent % 2 == 0:
        times[-1] = 1
    return times


@dataclass(eq=False)
class Sums:
    """Sums over configurations by block, while they are read."""

    weights: Weights
    products: Tensor
    means: Tensor
    counts: Tensor

    @classmethod
    def zeros(cls, weights: Weights, operators: int, components: int, blocks: int) -> "Sums":
        """Before anything is read."""
        k = len(weights.spectrum)
        return cls(
            weights,
            torch.zeros(blocks, k, operators, operators, dtype=torch.float64),
            torch.zeros(blocks, operators, components, dtype=torch.float64),
            torch.zeros(blocks, dtype=torch.float64),
        )

    def add(self, fields: Tensor, labels: Tensor) -> None:
        """Fields (n, operators, components, *cells), real, of blocks (n,)."""
        axes = tuple(range(3, fields.ndim))
        volume = math.prod(self.weights.cells)
        modes = torch.fft.rfftn(fields, dim=axes).flatten(3) / volume
        self.means.index_add_(0, labels, modes[..., 0].real.double())
        self.counts.index_add_(0, labels, torch.ones(len(labels), dtype=torch.float64))
        for block in labels.unique().tolist():
            self.products[block] += self._power(modes[labels == block])

    def _power(self, modes: Tensor) -> Tensor:
        """(functionals, operators, operators) of modes (n, operators, components, modes)."""
        flat = modes.permute(3, 0, 2, 1).flatten(1, 2)  # (modes, n * components, operators)
        power = torch.bmm(flat.mH, flat).real.double()
        return torch.einsum("km,mab->kab", self.weights.spectrum, power)

    def found(self, connected: bool) -> Correlators:
        """All of them."""
        w = self.weights
        return Correlators(
            w.cells, w.distances, self.products, self.means, w.overlap, self.counts, connected
        )
