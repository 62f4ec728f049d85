"""What the dimers around a block say about the dimers in it: exact, on a small torus."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.sampling.dimers.exact.law import dimer_law
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.exact.window import WindowPosterior


@dataclass(frozen=True)
class DimerBlock:
    """All states of a block of dimers, and how likely each is given its environment.

    V are the bonds that touch the block, E those that touch neither the block nor the buffer.

    Args:
        lattice: where the dimers live.
        visible: bool (axes, *shape), the bonds of V.
        states: int8 (m, n_v), the states of V that occur, +1 occupied, bonds in row-major order.
        solved: p(state | environment) and p(environment), one row per class of environments.
    """

    lattice: DimerLattice
    visible: Tensor
    states: Tensor
    solved: WindowPosterior

    def full(self) -> Estimate:
        """I(V:E) in nats, the most any rule can keep."""
        return self.solved.full()

    def kept(self, values: Tensor) -> Estimate:
        """I(H:E) in nats of a function of the block's state.

        Args:
            values: (m,) or (m, k), the value of the function in each state.
        """
        symbols = torch.unique(values.reshape(len(self.states), -1), dim=0, return_inverse=True)[1]
        table = torch.nn.functional.one_hot(symbols).to(torch.float64)
        return self.solved.rule(table)

    def fields(self) -> Tensor:
        """Electric fields (m, axes): sum of (-1)^(x + y + ...) n_a over the bonds of V along a."""
        return self._sums(np.stack([self.lattice.parity] * self.lattice.n_axes))

    def columns(self) -> Tensor:
        """Columnar order (m, axes): sum of (-1)^(x_a) n_a over the bonds of V along each axis a."""
        return self._sums(np.indices(self.lattice.shape) % 2)

    def _sums(self, parity: NDArray[np.int64]) -> Tensor:
        """Signed numbers of dimers along each axis; the sign of a bond is (-1)^parity."""
        signs = torch.from_numpy(1 - 2 * parity)[self.visible]
        axes = self.visible.nonzero()[:, 0]
        dimers = (self.states == 1) * signs
        return torch.stack([dimers[:, axes == a].sum(1) for a in range(self.lattice.n_axes)], 1)


def dimer_block(model: Dimers, block: tuple[int, ...] = (2, 2), buffer: int = 1) -> DimerBlock:
    """Enumerate a small torus and condition the block on all that lies beyond the buffer.

    Args:
        model: dimers on a torus of at most 40 sites.
        block: sites of the block along each axis.
        buffer: width of the buffer in sites, whose bonds belong to neither side.

    Raises:
        InputError: another boundary, a window without environment, or a lattice that is too large.

    >>> print(dimer_block(Dimers((4, 4)), (1, 1), buffer=1).full())
    0.015916271 nats (exact)
    """
    lattice = model.geometry
    _check(lattice, block, buffer)
    visible = _touching(lattice, block, 0)
    environment = ~_touching(lattice, block, buffer) & torch.from_numpy(lattice.bonds)
    law = dimer_law(model)
    rows = law.configurations[:, visible]
    states, state = torch.unique(rows, dim=0, return_inverse=True)
    outside = _numbered(law.configurations[:, environment])
    joint = torch.zeros(int(outside.max()) + 1, len(states), dtype=torch.float64)
    joint.index_put_((outside, state), law.probability, accumulate=True)
    weights = joint.sum(1)
    return DimerBlock(
        lattice, visible, states, WindowPosterior.of(joint / weights[:, None], weights)
    )


def _touching(lattice: DimerLattice, block: tuple[int, ...], width: int) -> Tensor:
    """Bonds with an end within `width` sites of the block at the origin, bool (axes, *shape)."""
    inside = np.ones(lattice.shape, dtype=np.bool_)
    for axis, (size, side) in enumerate(zip(block, lattice.shape, strict=True)):
        near = (np.arange(side) + width) % side < size + 2 * width
        inside &= near.reshape([-1 if a == axis else 1 for a in range(lattice.n_axes)])
    ends = np.stack([inside | np.roll(inside, -1, axis) for axis in range(lattice.n_axes)])
    return torch.from_numpy(ends & lattice.bonds)


def _numbered(rows: Tensor) -> Tensor:
    """Number of each row among the different ones; packed first, since sorting bits is slow."""
    packed = np.packbits(rows.numpy() == 1, axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    return torch.from_numpy(np.unique(keys, return_inverse=True)[1])


def _check(lattice: DimerLattice, block: tuple[int, ...], buffer: int) -> None:
    if lattice.boundary != "torus":
        raise InputError(
            f"boundary is {lattice.boundary!r}; the exact block lives on a torus; choose that"
        )
    fits = len(block) == lattice.n_axes and min(block) >= 1 and buffer >= 0
    if not fits or any(b + 2 * buffer >= s for b, s in zip(block, lattice.shape, strict=True)):
        raise InputError(
            f"block {list(block)} with buffer {buffer} on a torus {list(lattice.shape)}; expected "
            "one extent >= 1 per axis, a buffer >= 0, and sites left beyond the buffer"
        )
