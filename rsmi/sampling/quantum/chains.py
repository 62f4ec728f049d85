r"""Quantum spin chains without a sign problem, in a basis where the ground state is positive.

A Hamiltonian is given by its diagonal and by moves: move m flips a fixed set of spins, with a
matrix element that is never positive. Then the amplitudes of the ground state are positive (Perron,
Frobenius), and :math:`|\psi|^2` is a law of classical spins.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError

Spins = NDArray[np.int8]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Basis = Literal["z", "x"]

_TOP_BIT = np.uint64(63)


class QuantumChain(Protocol):
    """What samplers and solvers need to know of a chain."""

    @property
    def sites(self) -> int:
        """Number of spins."""
        ...

    @property
    def basis(self) -> Basis:
        """Which component of the spins a configuration shows."""
        ...

    @property
    def flips(self) -> bool:
        """Whether turning every spin over leaves the law of the configurations as it is."""
        ...

    def moves(self) -> Spins:
        """Factor +1 or -1 that each move applies to each spin, (moves, sites)."""
        ...

    def diagonal(self, spins: Spins) -> Floats:
        """Diagonal matrix elements of configurations (n, sites), (n,)."""
        ...

    def elements(self, spins: Spins) -> Floats:
        """Matrix element of every move from configurations (n, sites), (n, moves), <= 0."""
        ...

    def allowed(self, spins: Spins) -> NDArray[np.bool_]:
        """Whether configurations (n, sites) lie in the sector of the ground state, (n,)."""
        ...

    def hot(self, words: Words) -> Spins:
        """Random configurations of that sector from random words (n, sites)."""
        ...

    def cold(self) -> Spins:
        """An ordered configuration of that sector, (sites,)."""
        ...

    def exact_energy(self) -> float:
        """Ground-state energy in closed form, units of J."""
        ...


@dataclass(frozen=True)
class TransverseIsingChain:
    r"""Periodic transverse-field Ising chain with Pauli matrices, energies in units of J.

    .. math:: H / J = - \sum_i \sigma^z_i \sigma^z_{i+1} - g \sum_i \sigma^x_i

    Args:
        sites: number of spins, at least 3.
        field: g = h / J > 0; critical at 1.
        basis: "z", the component that orders, or "x", that of the field. In "x" the product of all
            spins is +1.

    Raises:
        InputError: fewer than 3 spins, a field that is not positive, another basis.

    Source: Pfeuty (1970), Ann. Phys. 57, 79.

    >>> round(TransverseIsingChain(4, 1.0).exact_energy(), 6)
    -5.226252
    """

    sites: int
    field: float
    basis: Basis = "z"

    def __post_init__(self) -> None:
        _check_sites(self.sites, least=3)
        _check_basis(self.basis)
        if not math.isfinite(self.field) or self.field <= 0:
            raise InputError(
                f"field is {self.field}; expected a finite number above 0 in units of J; without a "
                "field the ground state is not unique; the chain is critical at 1"
            )

    @property
    def flips(self) -> bool:
        """In the basis z; in the basis x the field prefers one direction."""
        return self.basis == "z"

    def moves(self) -> Spins:
        """Flips of one spin in the basis z, of two neighbours in the basis x."""
        flips = 1 - 2 * np.eye(self.sites, dtype=np.int8)
        return flips if self.basis == "z" else flips * np.roll(flips, 1, axis=1)

    def diagonal(self, spins: Spins) -> Floats:
        """- sum of s s' in the basis z, - g sum of s in the basis x."""
        values = spins.astype(np.float64)
        if self.basis == "z":
            return -np.sum(values * np.roll(values, -1, axis=1), axis=1)
        return -self.field * values.sum(axis=1)

    def elements(self, spins: Spins) -> Floats:
        """-g in the basis z, -1 in the basis x."""
        element = -self.field if self.basis == "z" else -1.0
        return np.full((len(spins), self.sites), element)

    def allowed(self, spins: Spins) -> NDArray[np.bool_]:
        """In the basis x, where the product of all spins is +1."""
        if self.basis == "z":
            return np.ones(len(spins), dtype=np.bool_)
        return spins.prod(axis=1) == 1

    def hot(self, words: Words) -> Spins:
        """Independent spins, the last one such that the product is +1 in the basis x."""
        spins = 1 - 2 * (words >> _TOP_BIT).astype(np.int8)
        if self.basis == "x":
            spins[:, -1] = spins[:, :-1].prod(axis=1)
        return spins

    def cold(self) -> Spins:
        """All spins up."""
        return np.ones(self.sites, dtype=np.int8)

    def exact_energy(self) -> float:
        """Free fermions, E = - sum over k of sqrt(1 + g^2 - 2 g cos k), k = 2 pi (m + 1/2) / n."""
        k = 2 * np.pi * (np.arange(self.sites) + 0.5) / self.sites
        return -float(np.sqrt(1 + self.field**2 - 2 * self.field * np.cos(k)).sum())


@dataclass(frozen=True)
class HeisenbergChain:
    r"""Periodic antiferromagnetic Heisenberg chain of spins 1/2, energies in units of J.

    .. math:: H / J = \sum_i \mathbf S_i \cdot \mathbf S_{i+1}

    Every second spin is turned by pi, which makes all amplitudes of the ground state positive
    (Marshall's sign rule) and leaves the law of configurations as it is. The ground state is a
    singlet: the law is the same in the bases z and x.

    Args:
        sites: number of spins, even and at least 4.
        basis: "z" or "x".

    Raises:
        InputError: an odd number of spins or fewer than 4, another basis.

    Source: Marshall (1955), Proc. R. Soc. A 232, 48; Bethe (1931), Z. Phys. 71, 205.

    >>> round(HeisenbergChain(4).exact_energy(), 12)
    -2.0
    """

    sites: int
    basis: Basis = "z"

    def __post_init__(self) -> None:
        _check_sites(self.sites, least=4)
        _check_basis(self.basis)
        if self.sites % 2:
            raise InputError(
                f"sites is {self.sites}; expected an even number, since Marshall's sign rule needs "
                "two sublattices; add or remove one spin"
            )

    @property
    def flips(self) -> bool:
        """Always: all directions of space are alike."""
        return True

    def moves(self) -> Spins:
        """Flips of two neighbours; only those of opposite sign have a matrix element."""
        flips = 1 - 2 * np.eye(self.sites, dtype=np.int8)
        return flips * np.roll(flips, 1, axis=1)

    def diagonal(self, spins: Spins) -> Floats:
        """Sum of s s' / 4."""
        values = spins.astype(np.float64)
        return np.asarray(np.sum(values * np.roll(values, -1, axis=1), axis=1) / 4)

    def elements(self, spins: Spins) -> Floats:
        """-1/2 for the exchange of opposite neighbours, else 0; move i flips spins i and i + 1."""
        return np.where(spins != np.roll(spins, -1, axis=1), -0.5, 0.0)

    def allowed(self, spins: Spins) -> NDArray[np.bool_]:
        """Where as many spins are up as down."""
        return spins.sum(axis=1) == 0

    def hot(self, words: Words) -> Spins:
        """Half of the spins up, at random."""
        rank = words.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        return np.where(rank < self.sites // 2, 1, -1).astype(np.int8)

    def cold(self) -> Spins:
        """Up and down in turn."""
        return (1 - 2 * (np.arange(self.sites) % 2)).astype(np.int8)

    def exact_energy(self) -> float:
        """Bethe's solution, see `bethe_energy`."""
        return bethe_energy(self.sites)


def bethe_energy(sites: int) -> float:
    r"""Ground-state energy of the periodic Heisenberg chain, units of J.

    The n / 2 rapidities solve
    :math:`n \arctan 2\lambda_j = \pi I_j + \sum_k \arctan(\lambda_j - \lambda_k)` with
    :math:`I_j = -(n/2 - 1)/2, \dots, (n/2 - 1)/2`, and
    :math:`E = n/4 - \sum_j \tfrac12 / (\lambda_j^2 + \tfrac14)`.

    Args:
        sites: n, even and at least 4.

    Source: Bethe (1931), Z. Phys. 71, 205; Hulthen (1938): E / n -> 1/4 - ln 2.

    >>> round(bethe_energy(8), 9)
    -3.651093409
    """
    pairs = sites // 2
    numbers = np.arange(pairs) - (pairs - 1) / 2
    rapidity = np.zeros(pairs)
    for _ in range(_MOST_ITERATIONS):
        phases = np.arctan(rapidity[:, None] - rapidity).sum(axis=1)
        new = np.tan((np.pi * numbers + phases) / sites) / 2
        change = float(np.abs(new - rapidity).max())
        rapidity = new
        if change < _CONVERGED:
            break
    return float(sites / 4 - np.sum(0.5 / (rapidity**2 + 0.25)))


_MOST_ITERATIONS = 10_000
_CONVERGED = 1e-14


def _check_sites(sites: int, least: int) -> None:
    if type(sites) is not int or sites < least:
        raise InputError(f"sites is {sites}; expected a whole number of at least {least}")


def _check_basis(basis: str) -> None:
    if basis not in ("z", "x"):
        raise InputError(f"basis is {basis!r}; expected 'z' or 'x', the component that is measured")
