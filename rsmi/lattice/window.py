"""Windows: a visible block V, a buffer B around it, and the environment E beyond."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rsmi.errors import InputError


@dataclass(frozen=True)
class Window:
    """A block, a buffer shell around it and an environment shell around that.

    The block is a box of cells, a disk, a ball, or a list of sites; give one of the four. For a
    model with nearest-neighbour couplings one shell of environment carries all that the whole
    outside knows of the block (Markov property).

    Args:
        block: Extents of a box, in cells; shells around it are boxes too.
        buffer: Width of the buffer shell, 0 for none: in cells around a box, in units of the cell
            vectors around a disk, in bonds around a ball or a list of sites.
        environment: Width of the environment shell, in the same units; None for all that lies
            beyond the buffer.
        disk: Radius of a disk around the site `at`, in units of the cell vectors.
        ball: Radius of a ball around the site `at`, in bonds.
        sites: The sites themselves, by number.
        at: Site in whose cell a box begins, or in the middle of a disk or ball. It matters only
            where the cells of a space differ; else the window is moved to every cell.

    Raises:
        InputError: For no block or several, extents below 1, or a negative width.

    >>> window = Window((2, 2), buffer=1)
    >>> window.extent, window.n_visible, window.n_environment
    ((6, 6), 4, 20)
    """

    block: tuple[int, ...] = ()
    buffer: int = 1
    environment: int | None = 1
    disk: float | None = None
    ball: int | None = None
    sites: tuple[int, ...] = ()
    at: int = 0

    def __post_init__(self) -> None:
        kinds = (bool(self.block), self.disk is not None, self.ball is not None, bool(self.sites))
        radius = min(self.disk or 0, self.ball or 0)
        widths = self.buffer, 1 if self.environment is None else self.environment - 1
        if sum(kinds) != 1 or min((*self.block, 1)) < 1 or min(*widths, radius, self.at) < 0:
            raise InputError(
                f"{self}; expected one of block (extents >= 1, such as [2, 2]), disk, ball or "
                "sites, with buffer >= 0 and environment >= 1, or null for all beyond"
            )

    def __str__(self) -> str:
        kinds = {
            "block": list(self.block),
            "disk": self.disk,
            "ball": self.ball,
            "sites": list(self.sites),
        }
        given = {name: value for name, value in kinds.items() if value not in (None, [])}
        shown = ", ".join(f"{name} {value}" for name, value in given.items()) or "no block"
        beyond = "all beyond" if self.environment is None else self.environment
        return f"the window with {shown}, buffer {self.buffer}, environment {beyond}"

    @property
    def margin(self) -> int:
        """Distance from the block to the edge of the patch."""
        return self.buffer + (1 if self.environment is None else self.environment)

    @property
    def extent(self) -> tuple[int, ...]:
        """Extents of the whole patch."""
        return tuple(b + 2 * self.margin for b in self.block)

    @property
    def n_visible(self) -> int:
        """Number of sites in the block."""
        return math.prod(self.block)

    @property
    def n_environment(self) -> int:
        """Number of sites in the environment."""
        return int(self.environment_mask.sum())

    @cached_property
    def block_mask(self) -> Tensor:
        """Which sites of the patch are visible, bool of shape `extent`."""
        return self._inside(0)

    @cached_property
    def buffer_mask(self) -> Tensor:
        """Which sites of the patch are buffer, bool of shape `extent`."""
        return self._inside(self.buffer) & ~self.block_mask

    @cached_property
    def environment_mask(self) -> Tensor:
        """Which sites of the patch are environment, bool of shape `extent`."""
        return ~self._inside(self.buffer)

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a lattice on which the patch would meet itself.

        Raises:
            InputError: If the dimensions differ or the patch is larger than the torus.
        """
        if len(shape) != len(self.block) or any(
            p > s for p, s in zip(self.extent, shape, strict=True)
        ):
            raise InputError(
                f"the window needs {list(self.extent)} sites (block {list(self.block)}, buffer "
                f"{self.buffer}, environment {self.environment}), the lattice has {list(shape)}; "
                "take a larger lattice, or a smaller block, buffer or environment"
            )

    def patches(self, configurations: Tensor) -> Tensor:
        """Every translation of the patch over a batch of configurations on the torus.

        Args:
            configurations: (n, *shape), any dtype.

        Returns:
            (n, *shape, *extent): a view of one wrapped copy; position p has its block's first
            site at p.
        """
        self.check(tuple(configurations.shape[1:]))
        wrapped = _wrap(configurations, self.margin, self.extent)
        for axis, extent in enumerate(self.extent, start=1):
            wrapped = wrapped.unfold(axis, extent, 1)
        return wrapped

    def cut(self, configurations: Tensor) -> tuple[Tensor, Tensor]:
        """Visible and environment spins of every translation.

        Args:
            configurations: (n, *shape).

        Returns:
            v (n, n_sites, n_visible) and e (n, n_sites, n_environment), positions and sites
            in row-major order, dtype as given.

        >>> v, e = Window((2,), buffer=1).cut(torch.arange(8)[None])
        >>> v[0, 0].tolist(), e[0, 0].tolist()
        ([0, 1], [6, 3])
        """
        patches = self.patches(configurations)
        d = len(self.block)
        flat = patches.reshape(len(configurations), -1, *patches.shape[1 + d :])
        return flat[..., self.block_mask], flat[..., self.environment_mask]

    @property
    def nearest_shell(self) -> Tensor:
        """Which environment sites touch the buffer, bool (n_environment,) in row-major order."""
        return self._inside(self.buffer + 1)[self.environment_mask]

    def _inside(self, width: int) -> Tensor:
        mask = torch.zeros(self.extent, dtype=torch.bool)
        low = self.margin - width
        mask[tuple(slice(low, extent - low) for extent in self.extent)] = True
        return mask


def _wrap(configurations: Tensor, margin: int, extent: tuple[int, ...]) -> Tensor:
    """Continue periodically so that every translation of a patch lies inside."""
    for axis, patch in enumerate(extent, start=1):
        size = configurations.shape[axis]
        index = torch.arange(-margin, size + patch - margin - 1) % size
        configurations = configurations.index_select(axis, index.to(configurations.device))
    return configurations
