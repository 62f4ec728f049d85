"""Windows laid into a space: the site numbers of block, buffer and environment in every place."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice.space import Space, Symmetry
from rsmi.lattice.window import Window

Place = tuple[tuple[int, ...], int]
"""A cell, which may lie beyond the torus, and a site of it."""

_TINY = 1e-9
_FEW = 256  # sites of an environment that is not too much for anybody


@dataclass(frozen=True, eq=False)
class Placement:
    """A window in a space, seen from its first cell.

    Args:
        window: What is laid.
        space: Where.
        visible: (n_v,) int64 site numbers of the block.
        environment: (n_e,) int64 site numbers of the environment.
        touching: (n_e,) bool, which sites of the environment lie in its first shell.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> placed = place(Window((2, 2), 1), Space.hypercubic((8, 8), SPIN))
    >>> placed.visible.tolist(), placed.n_environment, placed.positions
    ([0, 1, 8, 9], 20, 64)
    """

    window: Window
    space: Space
    visible: Tensor
    environment: Tensor
    touching: Tensor

    @property
    def n_visible(self) -> int:
        """Number of sites of the block."""
        return len(self.visible)

    @property
    def n_environment(self) -> int:
        """Number of sites of the environment."""
        return len(self.environment)

    @property
    def positions(self) -> int:
        """Places where the window can be: one in each cell, or one alone where cells differ."""
        return self.space.n_cells if self.space.homogeneous else 1

    @property
    def near(self) -> Tensor:
        """Numbers of the environment's sites: all where they are few, else its first shell."""
        few = self.n_environment <= _FEW
        return torch.arange(self.n_environment) if few else torch.nonzero(self.touching).flatten()

    @cached_property
    def translates(self) -> tuple[Tensor, Tensor]:
        """Sites of block and environment in every place: (positions, n_v) and (positions, n_e)."""
        both = self.space.translated(torch.cat([self.visible, self.environment]).tolist())
        return both[:, : self.n_visible], both[:, self.n_visible :]

    def cut(self, letters: Tensor, symmetry: Symmetry | None = None) -> tuple[Tensor, Tensor]:
        """Letters of block and environment in every place, of configurations or of their images.

        Args:
            letters: (n, *space.shape).
            symmetry: Which image of each configuration; itself without.

        Returns:
            v (n, positions, n_v) and e (n, positions, n_e), dtype as given.

        >>> from rsmi.lattice.alphabet import clock
        >>> ring = Space.of("chain", (8,), clock(8))
        >>> v, e = place(Window((2,), 1), ring).cut(torch.arange(8).view(1, 8, 1))
        >>> v[0, 0].tolist(), e[0, 0].tolist()
        ([0, 1], [6, 3])
        """
        flat = letters.flatten(1)
        flat = flat if symmetry is None else symmetry(flat)
        visible, environment = self.translates
        return flat[:, visible], flat[:, environment]


def place(window: Window, space: Space) -> Placement:
    """Lay a window into a space.

    Args:
        window: Block, buffer and environment.
        space: Lattice or graph.

    Returns:
        The site numbers; those of a box in row-major order, sites of a cell last.

    Raises:
        InputError: For a window that is larger than the space, that meets itself around the
            torus, has another dimension, names sites that are not there, or has no environment.
    """
    _check(window, space)
    found = dict(_distances(window, space))
    numbers = _numbers(space, list(found))
    far = np.array(list(found.values()))
    inner = far <= window.buffer + _TINY
    shell = ~inner & (far <= window.margin + _TINY)
    within = numbers[inner | shell] if window.environment is not None else numbers[inner]
    if len(np.unique(within)) < len(within):
        raise _too_large(window, space)
    beyond = numbers[shell]
    touching = np.isin(beyond, numbers[shell & (far <= window.buffer + 1 + _TINY)])
    if window.environment is None:
        first = numbers[shell]
        beyond = np.setdiff1d(np.arange(space.n_sites), numbers[inner])
        touching = np.isin(beyond, first)
    if not len(beyond):
        raise _too_large(window, space)
    visible = torch.from_numpy(numbers[far <= _TINY])
    return Placement(window, space, visible, torch.from_numpy(beyond), torch.from_numpy(touching))


def _check(window: Window, space: Space) -> None:
    if window.block and len(window.block) != len(space.cells):
        raise InputError(
            f"{window} has {len(window.block)} axes, the lattice {space.cell.name} has cells "
            f"{list(space.cells)}; expected one extent of the block for each axis"
        )
    most = max((window.at, *window.sites))
    if most >= space.n_sites or len(set(window.sites)) < len(window.sites):
        raise InputError(
            f"{window} names the site {most}; expected different sites, each from 0 to "
            f"{space.n_sites - 1}"
        )


def _too_large(window: Window, space: Space) -> InputError:
    return InputError(
        f"{window} does not fit the {'x'.join(map(str, space.cells))} cells of the lattice "
        f"{space.cell.name}: it meets itself, or leaves no environment; take a larger lattice, or "
        "a smaller block, buffer or environment"
    )


def _distances(window: Window, space: Space) -> Iterator[tuple[Place, float]]:
    """How far places are from the block, as far as the window reaches, in reading order."""
    if window.block:
        return _box(window, space)
    if window.disk is not None:
        return _disk(window, window.disk, space)
    return _along_bonds(window, space)


def _box(window: Window, space: Space) -> Iterator[tuple[Place, float]]:
    """The largest of the distances along the axes, in cells."""
    start, _ = _place(space, window.at)
    reach = [range(-window.margin, b + window.margin) for b in window.block]
    for step in product(*reach):
        far = max(max(-x, x - b + 1, 0) for x, b in zip(step, window.block, strict=True))
        cell = tuple(a + b for a, b in zip(start, step, strict=True))
        yield from (((cell, site), float(far)) for site in range(space.sites))


def _disk(window: Window, radius: float, space: Space) -> Iterator[tuple[Place, float]]:
    """How far outside of a circle or sphere, in Cartesian units."""
    vectors, basis = np.array(space.cell.vectors), np.array(space.cell.basis)
    start, middle = _place(space, window.at)
    reach = radius + window.margin
    # A plane of cells is at least so far from the next one.
    spacing = 1 / np.linalg.norm(np.linalg.pinv(vectors), axis=0)
    most = [math.ceil(reach / width) + 1 for width in spacing]
    for step in product(*(range(-m, m + 1) for m in most)):
        away = np.linalg.norm((np.array(step) + basis - basis[middle]) @ vectors, axis=1)
        cell = tuple(a + b for a, b in zip(start, step, strict=True))
        for site in np.flatnonzero(away <= reach + _TINY).tolist():
            yield (cell, site), max(float(away[site]) - radius, 0.0)


def _along_bonds(window: Window, space: Space) -> Iterator[tuple[Place, float]]:
    """Number of bonds from the block, breadth first, on the lattice without its boundary."""
    inside = 0 if window.sites else window.ball or 0
    start = _together(window.sites, space) if window.sites else [_place(space, window.at)]
    for far, shell in enumerate(islice(_shells(space, start), inside + window.margin + 1)):
        yield from ((place, float(max(far - inside, 0))) for place in shell)


def _together(sites: tuple[int, ...], space: Space) -> list[Place]:
    """Places of sites, on the side of the torus that is nearest to the first of them."""
    found = {sites[0]: _place(space, sites[0])}
    farthest = sum(space.cells) * space.sites
    for shell in islice(_shells(space, list(found.values())), farthest):
        if not shell or len(found) == len(sites):
            break
        for number, place in zip(_numbers(space, shell).tolist(), shell, strict=True):
            if number in sites:
                found.setdefault(number, place)
    return [found.get(site) or _place(space, site) for site in sites]


def _shells(space: Space, start: list[Place]) -> Iterator[list[Place]]:
    """Places at the distances 0, 1, 2, ... from some, on the lattice without its boundary."""
    neighbours: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in range(space.sites)]
    for a, b, step in space.cell.bonds:
        neighbours[a].append((b, step))
        neighbours[b].append((a, tuple(-x for x in step)))
    shell = dict.fromkeys(start)
    known = dict(shell)
    while True:
        yield list(shell)
        reached = (
            (tuple(a + b for a, b in zip(cell, step, strict=True)), other)
            for cell, site in shell
            for other, step in neighbours[site]
        )
        shell = {place: None for place in reached if place not in known}
        known |= shell


def _place(space: Space, site: int) -> Place:
    cell, basis = divmod(site, space.sites)
    return tuple(int(x) for x in np.unravel_index(cell, space.cells)), basis


def _numbers(space: Space, places: list[Place]) -> NDArray[np.int64]:
    cells, sites = zip(*places, strict=True)
    return space.numbers(np.array(cells), np.array(sites))
