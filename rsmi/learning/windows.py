"""Windows drawn at random from configurations: every translation and the symmetries they have."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.lattice import Placement, Symmetry

_PIECE = 1 << 16


@dataclass(frozen=True, eq=False)
class _Way:
    """One image of a window: a table of sites, the columns to take, and what letters become."""

    table: int
    visible: Tensor | None
    environment: Tensor | None
    letters: Tensor | None


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
        self._ways = [self._way(g) for g in group] or [_Way(0, None, None, None)]

    def __len__(self) -> int:
        return len(self._ways)

    def sites(self, turn: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """Sites of block and environment of the image `turn` in places (n,): (n, n_v), (n, n_e)."""
        way = self._ways[turn]
        visible, environment = (part[where] for part in self._tables[way.table])
        if way.visible is None or way.environment is None:
            return visible, environment
        return visible.index_select(1, way.visible), environment.index_select(1, way.environment)

    def letters(self, turn: int, letters: Tensor) -> Tensor:
        """What letters become under the element `turn`."""
        table = self._ways[turn].letters
        if table is None:
            return letters
        return letters ^ 1 if len(table) == 2 else table[letters.long()]

    def _way(self, g: Symmetry) -> _Way:
        letters = None
        if not torch.equal(g.letters, torch.arange(len(g.letters))):
            letters = g.letters.to(torch.int8).to(self.device)
        visible = g.source[self.placement.visible]
        environment = g.source[self.placement.environment]
        for number, table in enumerate(self._tables):
            order = _order(table, visible.to(self.device), environment.to(self.device))
            if order is not None:
                return _Way(number, *order, letters)
        both = torch.cat([visible, environment]).tolist()
        every = self.placement.space.translated(both)
        n_v = len(visible)
        self._tables.append(self._placed(every[:, :n_v], every[:, n_v:]))
        return _Way(len(self._tables) - 1, None, None, letters)

    def _placed(self, visible: Tensor, environment: Tensor) -> tuple[Tensor, Tensor]:
        return visible.contiguous().to(self.device), environment.contiguous().to(self.device)


def _order(
    table: tuple[Tensor, Tensor], visible: Tensor, environment: Tensor
) -> tuple[Tensor | None, Tensor | None] | None:
    """The columns of a place of a window that are an image of it, None where it has no such."""
    for place in torch.nonzero((table[0] == visible[0]).any(1)).flatten().tolist():
        own = _columns(table[0][place], visible), _columns(table[1][place], environment)
        if own[0] is not None and own[1] is not None:
            return own
    return None


def _columns(own: Tensor, image: Tensor) -> Tensor | None:
    """Which of some sites each site of an image is, None where they are not the same sites."""
    first, second = own.argsort(), image.argsort()
    if not torch.equal(own[first], image[second]):
        return None
    return torch.empty_like(first).index_copy_(0, second, first)


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
        self._images, self._flat = images, configurations.flatten(1)
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
        which = torch.arange(n).repeat_interleave(m)
        # In pieces: the indices of all windows take 16 times the memory of the windows.
        pieces = zip(which.split(_PIECE), where.split(_PIECE), strict=True)
        v, e = zip(*(self._take(*piece, 0) for piece in pieces), strict=True)
        return torch.cat(v), torch.cat(e)

    @property
    def _positions(self) -> int:
        return self._images.placement.positions

    def _take(self, which: Tensor, where: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        which, where = which.to(self._flat.device), where.to(self._flat.device)
        # One index into all letters: three times as fast as one for each axis.
        first, partner = which[:, None], self._partners[which][:, None]
        sites = self._flat.shape[1]
        visible, environment = self._images.sites(turn, where)
        v = self._flat.take(visible.add_(first * sites))
        e = self._flat.take(environment.add_(partner * sites))
        return self._images.letters(turn, v), self._images.letters(turn, e)
