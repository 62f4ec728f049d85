"""Windows drawn at random from configurations: every translation and the symmetries they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.lattice import Placement, Symmetry

_PIECE = 1 << 16  # windows of which a device that runs no kernel of ours holds the sites at once


@dataclass(frozen=True, eq=False)
class _Way:
    """One image of a window: a table of sites, the columns to take, and what letters become."""

    table: int
    visible: Tensor
    environment: Tensor
    letters: Tensor


class Images:
    """Sites of a window in every place, and its images under the elements of a group.

    A turn that maps the window to itself gives its translations once more, in another order; then
    both share one table of sites.

    Args:
        placement: Block, buffer and environment in a space.
        group: Symmetries of the configurations, a group; without it the identity alone.
        device: Where the configurations are.
    """

    def __init__(
        self, placement: Placement, group: Sequence[Symmetry] = (), device: str = "cpu"
    ) -> None:
        self.placement, self.device = placement, torch.device(device)
        self._tables = [self._placed(*placement.translates)]
        self._ways = [self._way(g) for g in group or placement.space.symmetries[:1]]

    def __len__(self) -> int:
        return len(self._ways)

    def cut(
        self, turn: int, flat: Tensor, which: Tensor, where: Tensor, partner: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Block and environment of the image `turn` in places of configurations.

        Args:
            turn: Number of the image.
            flat: (n, sites) letters.
            which: (m,) int64 configurations of the blocks.
            where: (m,) int64 places.
            partner: (m,) int64 configurations of the environments.

        Returns:
            v (m, n_v) and e (m, n_e), dtype as given.
        """
        way = self._ways[turn]
        visible, environment = self._tables[way.table]
        letters = way.letters.to(flat.dtype)
        take = _compiled if flat.device.type == "cpu" else _indexed
        return (
            take(flat, which, where, visible, way.visible, letters),
            take(flat, partner, where, environment, way.environment, letters),
        )

    def _way(self, g: Symmetry) -> _Way:
        letters = g.letters.to(self.device)
        visible = g.source[self.placement.visible]
        environment = g.source[self.placement.environment]
        for number, table in enumerate(self._tables):
            order = _order(table, visible.to(self.device), environment.to(self.device))
            if order is not None:
                return _Way(number, *order, letters)
        n_v, both = len(visible), torch.cat([visible, environment])
        every = self.placement.space.translated(both.tolist())
        self._tables.append(self._placed(every[:, :n_v], every[:, n_v:]))
        own = torch.arange(len(both), device=self.device)
        return _Way(len(self._tables) - 1, own[:n_v], own[: len(both) - n_v], letters)

    def _placed(self, visible: Tensor, environment: Tensor) -> tuple[Tensor, Tensor]:
        return visible.contiguous().to(self.device), environment.contiguous().to(self.device)


def _order(
    table: tuple[Tensor, Tensor], visible: Tensor, environment: Tensor
) -> tuple[Tensor, Tensor] | None:
    """The columns of a place of a window that are an image of it, None where it has no such."""
    for place in torch.nonzero((table[0] == visible[0]).any(1)).flatten().tolist():
        block, around = _columns(table[0][place], visible), _columns(table[1][place], environment)
        if block is not None and around is not None:
            return block, around
    return None


def _columns(own: Tensor, image: Tensor) -> Tensor | None:
    """Which of some sites each site of an image is, None where they are not the same sites."""
    first, second = own.argsort(), image.argsort()
    if not torch.equal(own[first], image[second]):
        return None
    return torch.empty_like(first).index_copy_(0, second, first)


def _indexed(
    flat: Tensor, which: Tensor, where: Tensor, table: Tensor, columns: Tensor, letters: Tensor
) -> Tensor:
    """Letters (m, n) on the sites `table[where][:, columns]`, after they were renamed."""
    pieces = zip(which.split(_PIECE), where.split(_PIECE), strict=True)
    sites = flat.shape[1]
    # One index into all letters: three times as fast as one for each axis.
    found = [
        flat.take(table[place].index_select(1, columns).add_(row[:, None] * sites))
        for row, place in pieces
    ]
    return letters[torch.cat(found).long()]


def _compiled(*parts: Tensor) -> Tensor:
    """The same by a kernel, which writes no index down."""
    flat, which, where, table, columns, letters = (part.numpy() for part in parts)
    out = np.empty((len(which), len(columns)), dtype=flat.dtype)
    _gather(flat, which, where, table, columns, letters, out)
    return torch.from_numpy(out)


@njit(cache=True, nogil=True)
def _gather(
    flat: NDArray[Any],
    which: NDArray[np.int64],
    where: NDArray[np.int64],
    table: NDArray[np.int64],
    columns: NDArray[np.int64],
    letters: NDArray[Any],
    out: NDArray[Any],
) -> None:
    for i in range(len(which)):
        row, sites = flat[which[i]], table[where[i]]
        for j in range(len(columns)):
            out[i, j] = letters[row[sites[columns[j]]]]


class WindowPool:
    """Configurations from which (block, environment) pairs are drawn.

    Args:
        images: Windows in every place, and which of their images are drawn.
        configurations: (n, *space.shape) letters, on the device of the images; the windows are on
            the same one, and equal for all devices.
        partners: (n,) int64, the configuration that lends each block its environment. The
            default pairs a block with its own surroundings; a permutation makes the null, in
            which block and environment are independent.

    >>> from rsmi.lattice import Space, Window, place
    >>> from rsmi.lattice.alphabet import SPIN
    >>> placed = place(Window((2, 2), 1), Space.hypercubic((8, 8), SPIN))
    >>> pool = WindowPool(Images(placed), torch.ones(3, 8, 8, 1, dtype=torch.int8))
    >>> v, e = pool.draw(5, torch.Generator().manual_seed(0))
    >>> v.shape, e.shape
    (torch.Size([5, 4]), torch.Size([5, 20]))
    """

    def __init__(
        self, images: Images, configurations: Tensor, partners: Tensor | None = None
    ) -> None:
        self._images, self._flat = images, configurations.flatten(1).contiguous()
        own = torch.arange(len(configurations)) if partners is None else partners
        self._partners = own.to(configurations.device)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n windows, uniform in configuration, position and (per batch) symmetry.

        Returns:
            v (n, n_v) and e (n, n_e), dtype of the configurations.
        """
        which = torch.randint(len(self._flat), (n,), generator=generator)
        where = torch.randint(self._positions, (n,), generator=generator)
        turn = int(torch.randint(len(self._images), (1,), generator=generator))
        return self._take(which, where, turn)

    def draw_each(self, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw m windows at random positions of every configuration, or all if they are fewer.

        Returns:
            v (n m, n_v) and e (n m, n_e), the windows of one configuration side by side.
        """
        n, places = len(self._flat), self._positions
        if m >= places:
            m, where = places, torch.arange(places).repeat(n)
        else:
            where = torch.randint(places, (n * m,), generator=generator)
        return self._take(torch.arange(n).repeat_interleave(m), where, 0)

    @property
    def _positions(self) -> int:
        return self._images.placement.positions

    def _take(self, which: Tensor, where: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        which, where = which.to(self._flat.device), where.to(self._flat.device)
        return self._images.cut(turn, self._flat, which, where, self._partners[which])
