"""Operators of any letters: clusters of sites that hold one letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rsmi.compiling import njit
from rsmi.lattice import Alphabet
from rsmi.renormalization.couplings import Interaction, Parity
from rsmi.renormalization.measure import Plan, pack_bits, popcount, shift_planes


@dataclass(frozen=True)
class LetterOperator:
    """Clusters of sites that all hold one letter, summed over the lattice, in one sector.

    ```
    C_a(s) = sum over x, sum over terms, prod over offsets o of [s(x + o) = a]
    even:  sum over a of an orbit O of the letters' symmetries of C_a
    odd:   |O| C_b - sum over a in O of C_a, for each b in O (the components of a vector)
    ```

    Args:
        cluster: The sites, up to the symmetries of the lattice.
        parity: `even` for the invariant operator, `odd` for the vector.
        orbit: O.
        label: Of the orbit, for people.
    """

    cluster: Interaction
    parity: Parity
    orbit: tuple[int, ...]
    label: str

    @property
    def name(self) -> str:
        """For people, such as `2-site (1,0)`."""
        return self.cluster.name.replace("spin", "site") + self.label

    @property
    def terms(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Those of the cluster."""
        return self.cluster.terms

    @property
    def n_spins(self) -> int:
        """Sites of the cluster."""
        return self.cluster.n_spins

    @property
    def diameter2(self) -> int:
        """Largest squared distance between two of its sites."""
        return self.cluster.diameter2

    @property
    def components(self) -> int:
        """One for each letter of the orbit in the vector sector."""
        return len(self.orbit) if self.parity == "odd" else 1

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Say whether a torus of this shape keeps the operator apart from all others."""
        return self.cluster.fits(shape)

    def share(self, mean: float) -> float:
        """The mean itself: pairs that both hold one letter of the orbit."""
        return mean


def letter_operators(
    clusters: Sequence[Interaction], alphabet: Alphabet
) -> dict[Parity, tuple[LetterOperator, ...]]:
    """Operators of clusters of equal letters, in order of the clusters.

    Of single sites one invariant is left out, since there is always some letter.

    >>> from rsmi.lattice.alphabet import clock
    >>> from rsmi.renormalization.couplings import generate_interactions
    >>> found = letter_operators(generate_interactions(1.0), clock(3))
    >>> {parity: [o.name for o in operators] for parity, operators in found.items()}
    {'even': ['2-site (1,0)'], 'odd': ['1-site', '2-site (1,0)']}
    """
    orbits = letter_orbits(alphabet)
    labels = ["" if len(orbits) == 1 else f" {alphabet.names[orbit[-1]]}" for orbit in orbits]
    found: dict[Parity, list[LetterOperator]] = {"even": [], "odd": []}
    for cluster in clusters:
        for k, (orbit, label) in enumerate(zip(orbits, labels, strict=True)):
            if cluster.n_spins > 1 or k:
                found["even"].append(LetterOperator(cluster, "even", orbit, label))
            if len(orbit) > 1:
                found["odd"].append(LetterOperator(cluster, "odd", orbit, label))
    return {parity: tuple(operators) for parity, operators in found.items()}


def letter_orbits(alphabet: Alphabet) -> list[tuple[int, ...]]:
    """Letters that symmetries exchange, orbit by orbit, the single ones last.

    >>> from rsmi.lattice.alphabet import vacant_spins
    >>> letter_orbits(vacant_spins())
    [(0, 2), (1,)]
    """
    orbits = {tuple(sorted({p[a] for p in alphabet.symmetries})) for a in range(alphabet.size)}
    return sorted(orbits, key=lambda orbit: (-len(orbit), orbit))


@dataclass(frozen=True)
class LetterPlan:
    """Operators laid out for the compiled loop on one lattice shape.

    Args:
        plan: Clusters, each once.
        operators: Of both sectors.
        n_letters: q.
    """

    plan: Plan
    operators: Mapping[Parity, tuple[LetterOperator, ...]]
    n_letters: int

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        operators: Mapping[Parity, tuple[LetterOperator, ...]],
        n_letters: int,
    ) -> Self:
        """Lay out operators for a lattice shape."""
        return cls(Plan.of(shape, _clusters_of(operators)), operators, n_letters)

    def run(self, letters: NDArray[np.int8]) -> dict[Parity, NDArray[np.int64]]:
        """Measure (n, *shape) letters: (n, components, operators) of each sector."""
        counts = self.clusters(letters)
        return {
            parity: np.stack(
                [_component(counts[..., self._columns[o.cluster]], o) for o in some], -1
            )
            for parity, some in self.operators.items()
        }

    @cached_property
    def _columns(self) -> dict[Interaction, int]:
        """Where the counts of each cluster stand; looked up once, not for every piece of data."""
        return {cluster: m for m, cluster in enumerate(_clusters_of(self.operators))}

    def clusters(self, letters: NDArray[np.int8]) -> NDArray[np.int64]:
        """Clusters of each letter, (n, q, clusters) int64."""
        plan = self.plan
        flat = letters.reshape(len(letters), plan.rows.shape[1], plan.shape[-1])
        out = np.zeros((len(letters), self.n_letters, plan.n_interactions), dtype=np.int64)
        tables = plan.rows, plan.shifts, plan.planes, plan.n_spins, plan.owner
        _count_clusters(flat, *tables, out)
        return out


def _clusters_of(operators: Mapping[Parity, tuple[LetterOperator, ...]]) -> list[Interaction]:
    """Clusters of both sectors, each once."""
    return list(dict.fromkeys(o.cluster for some in operators.values() for o in some))


def _component(counts: NDArray[np.int64], operator: LetterOperator) -> NDArray[np.int64]:
    """Counts (n, q) of one cluster as the components (n, c) of an operator."""
    mine = counts[:, list(operator.orbit)]
    total = mine.sum(1, keepdims=True)
    return total if operator.parity == "even" else len(operator.orbit) * mine - total


@njit(cache=True, nogil=True)
def _together(planes, term, n_spins):  # type: ignore[no-untyped-def]
    """How many translations of one term have the letter on all sites."""
    total = np.uint64(0)
    for i in range(planes.shape[1]):
        word = planes[term[0], i]
        for spin in range(1, n_spins):
            word &= planes[term[spin], i]
        total += popcount(word)
    return np.int64(total)


@njit(cache=True, nogil=True)
def _count_clusters(letters, rows, shifts, terms, n_spins, owner, out):  # type: ignore[no-untyped-def]
    n_rows, length = letters.shape[1:]
    n_words = (length + 63) >> 6
    planes = np.zeros((len(shifts), n_rows, n_words), dtype=np.uint64)
    flat = planes.reshape(len(shifts), n_rows * n_words)
    packed = np.zeros((n_rows, n_words + 1), dtype=np.uint64)
    reach = shifts.max()
    for c in range(len(letters)):
        for letter in range(out.shape[1]):
            pack_bits(letters[c] == letter, reach, packed)
            shift_planes(packed, rows, shifts, length, planes)
            for t in range(len(owner)):
                out[c, letter, owner[t]] += _together(flat, terms[t], n_spins[t])
