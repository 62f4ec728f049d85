"""First and second moments of interactions at all levels, block by block of the data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsmi.renormalization.couplings import Operator


@dataclass(frozen=True)
class Covariances:
    """Covariances of interactions within a level and between neighbouring levels.

    Args:
        same: (..., levels, m, m), of S_a and S_b at one level.
        step: (..., levels - 1, m, m), of S_a one level up (row) and S_b (column).
    """

    same: NDArray[np.float64]
    step: NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over configurations, kept apart for each block of the data (integers, so exact).

    Each configuration has several images at a level (one for every way of laying the blocks);
    averages run over configurations and images. The components of a vector count as further
    configurations in the second moments, and their means vanish together.

    Args:
        interactions: The basis, of one parity.
        shapes: Shape of the lattice at each level, the first being that of the samples.
        images: Images of each configuration at each level.
        count: (blocks,) int64, configurations in each block.
        first: (blocks, levels, components, m) int64, sums of S_a.
        same: (blocks, levels, m, m) int64, sums of S_a S_b.
        step: (blocks, levels - 1, m, m) int64, sums of S_a one level up times S_b.
    """

    interactions: Sequence[Operator]
    shapes: tuple[tuple[int, ...], ...]
    images: tuple[int, ...]
    count: NDArray[np.int64]
    first: NDArray[np.int64]
    same: NDArray[np.int64]
    step: NDArray[np.int64]

    @classmethod
    def zeros(
        cls,
        interactions: Sequence[Operator],
        shapes: tuple[tuple[int, ...], ...],
        images: tuple[int, ...],
        blocks: int,
    ) -> "Moments":
        """Empty sums."""
        m, levels = len(interactions), len(shapes)
        extents = (
            (blocks,),
            (blocks, levels, interactions[0].components, m),
            (blocks, levels, m, m),
            (blocks, levels - 1, m, m),
        )
        return cls(interactions, shapes, images, *(np.zeros(e, dtype=np.int64) for e in extents))

    def add(self, block: int, values: list[NDArray[np.int64]]) -> None:
        """Add configurations that belong to one block of the data.

        Args:
            block: Which one.
            values: For each level, (n, components, images, m) values of the interactions; the
                images of a level are ordered by the image of the level before that they came from.
                A level with fewer images than the one before has one of each of its first.
        """
        m = len(self.interactions)
        self.count[block] += len(values[0])
        for level, here in enumerate(values):
            self.first[block, level] += here.sum((0, 2))
            self.same[block, level] += _products(here, here)
            if level:
                before = values[level - 1][:, :, : here.shape[2]]  # those that have images here
                children = here.reshape(*before.shape[:3], -1, m).sum(3)
                self.step[block, level - 1] += _products(children, before)

    @property
    def components(self) -> int:
        """Of a vector, all summing to 0; 1 for numbers."""
        return self.first.shape[2]

    def averages(self, level: int, component: int = 0) -> NDArray[np.float64]:
        """Means of the interactions per term and site, of each block of the data: (blocks, m)."""
        n_terms = [len(interaction.terms) for interaction in self.interactions]
        n_sites = math.prod(self.shapes[level])
        per_block = self.count[:, None] * (self.images[level] * n_sites * np.array(n_terms))
        means: NDArray[np.float64] = self.first[:, level, component] / per_block
        return means

    def covariances(self) -> tuple[Covariances, Covariances]:
        """Covariances of all data, and with each block left out (a leading axis of blocks)."""
        sums = (self.count, self.first, self.same, self.step)
        whole = self._covariances(*(x.sum(0, keepdims=True) for x in sums))
        left_out = self._covariances(*(x.sum(0) - x for x in sums))
        return Covariances(whole.same[0], whole.step[0]), left_out

    def _covariances(
        self,
        count: NDArray[np.int64],
        first: NDArray[np.int64],
        same: NDArray[np.int64],
        step: NDArray[np.int64],
    ) -> Covariances:
        n = (count[:, None] * np.array(self.images))[:, :, None] * self.components
        mean = first.sum(2) / n
        return Covariances(
            same / n[..., None] - mean[..., :, None] * mean[..., None, :],
            step / n[:, 1:, :, None] - mean[:, 1:, :, None] * mean[:, :-1, None, :],
        )


def _products(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of outer products: exact, because sums of integers below 2**53 are so in float64."""
    a = left.reshape(-1, left.shape[-1]).astype(np.float64)
    b = right.reshape(-1, right.shape[-1]).astype(np.float64)
    return (a.T @ b).astype(np.int64)
