"""Values of interactions in configurations, by bit operations on packed rows of spins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.renormalization.couplings import Interaction, Parity

_WORD = 64


def measure(configurations: Tensor, interactions: Sequence[Interaction]) -> NDArray[np.int64]:
    """Sum every interaction over the lattice, for each configuration.

    ```
    S_a(s) = sum_x sum_terms prod_o s(x + o)        (x + o on the torus)
    ```

    Offsets wrap around a small lattice, so a bond that closes on itself counts twice: that is
    the operator to which the coupling K_a of the infinite lattice belongs on the torus.

    Args:
        configurations: (n, *shape) int8 of +1 and -1.
        interactions: What to measure, of the same dimension as the lattice.

    Returns:
        (n, len(interactions)) int64; nearest neighbours all aligned on L x L give 2 L**2.

    Raises:
        InputError: If an interaction has another dimension than the lattice or reaches
            beyond 63 sites.

    >>> import torch
    >>> from rsmi.renormalization.couplings import generate_interactions
    >>> measure(torch.ones(1, 4, 4, dtype=torch.int8), generate_interactions(1.0)).tolist()
    [[16, 32]]
    """
    plan = Plan.of(tuple(configurations.shape[1:]), interactions)
    return plan.run(configurations.contiguous().numpy())


@dataclass(frozen=True)
class Plan:
    """Interactions laid out for the compiled loop on one lattice shape.

    The lattice shifted by an offset is a *plane* of packed bits; a term of k spins is k planes,
    and its product over all translations is their exclusive or.

    Args:
        shape: Of the lattice.
        rows: (n_planes, n_rows) int64, row that lies at the plane's offset along leading axes.
        shifts: (n_planes,) int64, the plane's offset along the last axis.
        planes: (n_terms, 4) int64, planes of each spin of each term.
        n_spins: (n_terms,) int64.
        owner: (n_terms,) int64, which interaction the term belongs to.
        n_interactions: Length of the list.
    """

    shape: tuple[int, ...]
    rows: NDArray[np.int64]
    shifts: NDArray[np.int64]
    planes: NDArray[np.int64]
    n_spins: NDArray[np.int64]
    owner: NDArray[np.int64]
    n_interactions: int

    @classmethod
    def of(cls, shape: tuple[int, ...], interactions: Sequence[Interaction]) -> "Plan":
        """Lay out a list of interactions for a lattice shape."""
        _check(shape, interactions)
        terms = [(a, t) for a, interaction in enumerate(interactions) for t in interaction.terms]
        wrapped = [[_wrap(site, shape) for site in term] for _, term in terms]
        offsets = sorted({offset for term in wrapped for offset in term})
        planes = [[offsets.index(o) for o in term] + [0] * (4 - len(term)) for term in wrapped]
        return cls(
            shape,
            _row_tables(shape, offsets),
            np.array([offset[-1] for offset in offsets]),
            np.array(planes),
            np.array([len(term) for term in wrapped]),
            np.array([a for a, _ in terms]),
            len(interactions),
        )

    def run(self, spins: NDArray[np.int8]) -> NDArray[np.int64]:
        """Measure (n, *shape) spins: (n, n_interactions) int64."""
        flat = spins.reshape(len(spins), self.rows.shape[1], self.shape[-1])
        out = np.zeros((len(spins), self.n_interactions), dtype=np.int64)
        _measure(flat, self.rows, self.shifts, self.planes, self.n_spins, self.owner, out)
        return out


@dataclass(frozen=True)
class SpinPlan:
    """Interactions of both parities laid out together.

    Args:
        plan: All of them.
        sizes: How many each parity has.
    """

    plan: Plan
    sizes: Mapping[Parity, int]

    @classmethod
    def of(
        cls, shape: tuple[int, ...], bases: Mapping[Parity, tuple[Interaction, ...]]
    ) -> "SpinPlan":
        """Lay out the bases for a lattice shape."""
        plan = Plan.of(shape, [i for basis in bases.values() for i in basis])
        return cls(plan, {parity: len(basis) for parity, basis in bases.items()})

    def run(self, spins: NDArray[np.int8]) -> dict[Parity, NDArray[np.int64]]:
        """Measure (n, *shape) spins: (n, 1, interactions) of each parity."""
        values, begin, found = self.plan.run(spins)[:, None], 0, {}
        for parity, size in self.sizes.items():
            found[parity] = values[..., begin : begin + size]
            begin += size
        return found


def _check(shape: tuple[int, ...], interactions: Sequence[Interaction]) -> None:
    for interaction in interactions:
        dimension = len(interaction.terms[0][0])
        if dimension != len(shape):
            raise InputError(
                f"interaction {interaction.name} lives in {dimension} dimensions, the lattice "
                f"{list(shape)} in {len(shape)}; generate interactions for that dimension"
            )
        if interaction.extent >= _WORD:
            raise InputError(
                f"interaction {interaction.name} reaches {interaction.extent} sites; "
                f"at most {_WORD - 1} can be measured"
            )


def _wrap(site: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x % extent for x, extent in zip(site, shape, strict=True))


def _row_tables(shape: tuple[int, ...], offsets: list[tuple[int, ...]]) -> NDArray[np.int64]:
    # The leading axis of one site makes a chain, which has a single row, no special case.
    index = np.arange(math.prod(shape[:-1])).reshape(1, *shape[:-1])
    axes = tuple(range(len(shape)))
    rolled = [np.roll(index, (0, *(-o for o in offset[:-1])), axes) for offset in offsets]
    return np.array(rolled).reshape(len(offsets), -1)


def _ctpop(typingctx, word):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint64, one machine instruction."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


popcount: Any = intrinsic(_ctpop)


@njit(cache=True, nogil=True)
def pack_bits(minus, reach, packed):  # type: ignore[no-untyped-def]
    """Set bit x of a row where it is True; the row goes on for `reach` bits behind its end."""
    n_rows, length = minus.shape
    for r in range(n_rows):
        for w in range(packed.shape[1]):
            word = np.uint64(0)
            begin = 64 * w
            for x in range(begin, min(begin + 64, length)):
                word |= np.uint64(minus[r, x]) << np.uint64(x - begin)
            packed[r, w] = word
        for x in range(length, length + reach):
            packed[r, x >> 6] |= np.uint64(minus[r, x % length]) << np.uint64(x & 63)


@njit(cache=True, nogil=True)
def shift_planes(packed, rows, shifts, length, planes):  # type: ignore[no-untyped-def]
    """Fill each plane with the lattice shifted by its offset."""
    n_planes, n_rows, n_words = planes.shape
    rest = np.uint64(length & 63)
    last = (np.uint64(1) << rest) - np.uint64(1) if rest else ~np.uint64(0)
    for p in range(n_planes):
        right = np.uint64(shifts[p])
        for r in range(n_rows):
            row = packed[rows[p, r]]
            for w in range(n_words):
                word = row[w] >> right
                if right:
                    word |= row[w + 1] << (np.uint64(64) - right)
                planes[p, r, w] = word & last if w == n_words - 1 else word


@njit(cache=True, nogil=True)
def _count(planes, term, n_spins):  # type: ignore[no-untyped-def]
    """How many translations of one term have product -1."""
    total = np.uint64(0)
    a, b, c, d = planes[term[0]], planes[term[1]], planes[term[2]], planes[term[3]]
    if n_spins == 1:
        for i in range(len(a)):
            total += popcount(a[i])
    elif n_spins == 2:
        for i in range(len(a)):
            total += popcount(a[i] ^ b[i])
    elif n_spins == 3:
        for i in range(len(a)):
            total += popcount(a[i] ^ b[i] ^ c[i])
    else:
        for i in range(len(a)):
            total += popcount(a[i] ^ b[i] ^ c[i] ^ d[i])
    return np.int64(total)


@njit(cache=True, nogil=True)
def _measure(spins, rows, shifts, terms, n_spins, owner, out):  # type: ignore[no-untyped-def]
    n_rows, length = spins.shape[1:]
    n_words = (length + 63) >> 6
    packed = np.zeros((n_rows, n_words + 1), dtype=np.uint64)
    planes = np.zeros((len(shifts), n_rows, n_words), dtype=np.uint64)
    flat = planes.reshape(len(shifts), n_rows * n_words)
    reach = shifts.max()
    for c in range(len(spins)):
        pack_bits(spins[c] < 0, reach, packed)
        shift_planes(packed, rows, shifts, length, planes)
        for t in range(len(owner)):
            minus = _count(flat, terms[t], n_spins[t])
            out[c, owner[t]] += n_rows * length - 2 * minus
