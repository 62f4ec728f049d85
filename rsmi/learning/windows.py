"""Windows drawn at random from configurations: every translation and the symmetries they have."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.lattice import Hypercubic, Isometry, Window, masked_permutations

_PIECE = 1 << 16


class WindowPool:
    """Configurations from which (block, environment) pairs are drawn.

    Args:
        window: Block, buffer and environment.
        configurations: (n, *shape) of +1 and -1, on any device; the windows are on the same one,
            and equal for all of them.
        partners: (n,) int64, the configuration that lends each block its environment. The
            default pairs a block with its own surroundings; a permutation makes the null, in
            which block and environment are independent.
        group: Elements of the window's point group under which the data are invariant (see
            `rsmi.learning.spin_symmetry`); the default assumes all of them.

    Raises:
        InputError: If the window does not fit the lattice.

    >>> pool = WindowPool(Window((2, 2), 1), torch.ones(3, 8, 8, dtype=torch.int8))
    >>> v, e = pool.draw(5, torch.Generator().manual_seed(0))
    >>> v.shape, e.shape
    (torch.Size([5, 4]), torch.Size([5, 20]))
    """

    def __init__(
        self,
        window: Window,
        configurations: Tensor,
        partners: Tensor | None = None,
        group: Sequence[Isometry] | None = None,
    ) -> None:
        shape = tuple(configurations.shape[1:])
        visible, environment = window.cut(torch.from_numpy(Hypercubic(shape).sites())[None])
        place = configurations.device
        self._visible, self._environment = visible[0].to(place), environment[0].to(place)
        self._visible_images = masked_permutations(window.block_mask, group)
        self._environment_images = masked_permutations(window.environment_mask, group)
        self._flat = configurations.flatten(1)
        own = torch.arange(len(configurations)) if partners is None else partners
        self._partners = own.to(place)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n windows, uniform in configuration, position and (per batch) symmetry.

        Returns:
            v (n, n_v) and e (n, n_e), dtype of the configurations.
        """
        which = torch.randint(len(self._flat), (n,), generator=generator)
        where = torch.randint(self._flat.shape[1], (n,), generator=generator)
        turn = int(torch.randint(len(self._visible_images), (1,), generator=generator))
        v, e = self._take(which, where)
        own, around = self._visible_images[turn], self._environment_images[turn]
        return v.index_select(1, own.to(v.device)), e.index_select(1, around.to(e.device))

    def draw_each(self, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw m windows at random positions of every configuration.

        Returns:
            v (n m, n_v) and e (n m, n_e), the windows of one configuration side by side.
        """
        n, n_sites = self._flat.shape
        where = torch.randint(n_sites, (n * m,), generator=generator)
        which = torch.arange(n).repeat_interleave(m)
        # In pieces: the indices of all windows take 16 times the memory of the windows.
        pieces = zip(which.split(_PIECE), where.split(_PIECE), strict=True)
        v, e = zip(*(self._take(*piece) for piece in pieces), strict=True)
        return torch.cat(v), torch.cat(e)

    def _take(self, which: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        which, where = which.to(self._flat.device), where.to(self._flat.device)
        # One index into all spins: three times as fast as one for each axis.
        first, partner = which[:, None], self._partners[which][:, None]
        sites = self._flat.shape[1]
        v = self._flat.take(first * sites + self._visible[where])
        e = self._flat.take(partner * sites + self._environment[where])
        return v, e
