"""Interactions generated from geometry: every group of up to four spins, by lattice symmetry."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice.graphs import UnitCell, unit_cell

Parity = Literal["even", "odd"]
Site = tuple[int, ...]
Term = tuple[Site, ...]

SQUARE = unit_cell("square")


class Operator(Protocol):
    """What is summed over the lattice and belongs to one symmetry sector, for any letters."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def terms(self) -> tuple[Term, ...]:
        """Distinct images under the point group."""
        ...

    @property
    def parity(self) -> Parity:
        """`even` for the invariant sector, `odd` for the other."""
        ...

    @property
    def n_spins(self) -> int:
        """Sites of a term."""
        ...

    @property
    def diameter2(self) -> int:
        """Largest squared distance between two of its sites."""
        ...

    @property
    def components(self) -> int:
        """Of a vector, summing to 0; 1 for numbers."""
        ...

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a torus of this shape keeps it apart from all others."""
        ...

    def share(self, mean: float) -> float:
        """Of a pair: what its mean per term and site adds to the share of equal pairs."""
        ...


@dataclass(frozen=True)
class Interaction:
    """One coupling's operator: a product of spins summed over translations and point group.

    ```
    S_a(s) = sum over lattice sites x, sum over terms, product over offsets o of s(x + o)
    ```

    Args:
        name: For people, such as `2-spin (1,0)`.
        terms: The distinct images of the group under the point group; each is a tuple of
            offsets >= 0, and translations count once.
        diameter2: Largest squared distance between two of its spins.

    Attributes:
        parity: `even` or `odd` under the flip of all spins.
        n_spins: Spins in the product.
        extent: Largest offset along any axis; a lattice narrower than `2 * extent` cannot
            tell the interaction from others, because it wraps.
    """

    name: str
    terms: tuple[Term, ...]
    diameter2: int

    @property
    def n_spins(self) -> int:  # noqa: D102
        return len(self.terms[0])

    @property
    def parity(self) -> Parity:  # noqa: D102
        return "odd" if self.n_spins % 2 else "even"

    @property
    def components(self) -> int:  # noqa: D102
        return 1

    @property
    def extent(self) -> int:  # noqa: D102
        return max(c for term in self.terms for site in term for c in site)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Say whether a torus of this shape keeps the interaction apart from all others."""
        return 2 * self.extent <= min(shape)

    def share(self, mean: float) -> float:
        """The share of equal pairs whose product has this mean."""
        return (1 + mean) / 2


def generate_interactions(
    reach: float, cell: UnitCell = SQUARE, max_spins: int = 4
) -> tuple[Interaction, ...]:
    """All interactions of 1 to `max_spins` spins with no two spins farther apart than `reach`.

    The order is fixed: by diameter, then by the number of spins, then by geometry. On the
    square lattice the even ones begin nearest neighbours, next-nearest neighbours, plaquette,
    third neighbours; the odd ones begin single spin, corner of three.

    Args:
        reach: Largest distance between two spins, in lattice constants.
        cell: The lattice, with one site in a cell; its unit is the distance of nearest neighbours.
        max_spins: Most spins in a product, 1 to 8.

    Returns:
        Interactions of both parities in that order.

    Raises:
        InputError: For several sites in a cell, or a reach or number of spins out of range.

    >>> [i.name for i in generate_interactions(1.5)]  # doctest: +NORMALIZE_WHITESPACE
    ['1-spin', '2-spin (1,0)', '2-spin (1,1)', '3-spin (0,0)(0,1)(1,0)',
     '4-spin plaquette (0,0)(0,1)(1,0)(1,1)']
    >>> [len(i.terms) for i in generate_interactions(1.5)]
    [1, 2, 2, 4, 1]
    """
    _check(reach, cell, max_spins)
    metric = _Metric.of(cell)
    limit = math.floor(reach**2 + 1e-9)
    matrices = [matrix for matrix, _, _ in cell.point_group()]
    found = {_orbit(group, matrices) for group in _groups(limit, metric, max_spins)}
    names = Counter(map(_name, found))
    interactions = [
        Interaction(_name(orbit, names[_name(orbit)] == 1), orbit, metric.diameter2(orbit[0]))
        for orbit in found
    ]
    return tuple(sorted(interactions, key=lambda i: (i.diameter2, i.n_spins, i.terms)))


@dataclass(frozen=True)
class _Metric:
    """Squared distances between cells, in units of the nearest ones (whole numbers)."""

    gram: NDArray[np.float64]

    @classmethod
    def of(cls, cell: UnitCell) -> "_Metric":
        vectors = np.array(cell.vectors)
        gram = vectors @ vectors.T
        return cls(gram / gram.diagonal().min())

    def distance2(self, a: Site, b: Site) -> int:
        """Between two cells."""
        step = np.array(a) - np.array(b)
        return round(float(step @ self.gram @ step))

    def diameter2(self, group: Term) -> int:
        """Largest between two sites of a group."""
        return max((self.distance2(a, b) for a, b in itertools.combinations(group, 2)), default=0)

    def width(self, limit: int) -> int:
        """Largest coordinate of a cell within a squared distance."""
        return math.floor(math.sqrt(limit * np.linalg.inv(self.gram).diagonal().max()) + 1e-9)


def _check(reach: float, cell: UnitCell, max_spins: int) -> None:
    if len(cell.basis) != 1:
        raise InputError(
            f"the lattice {cell.name} has {len(cell.basis)} sites in a cell; interactions are made "
            "for one site in a cell; coarse-grain whole cells to one site first"
        )
    if not 0 <= reach <= 8:
        raise InputError(f"reach is {reach}; expected a distance between 0 and 8 lattice constants")
    if not 1 <= max_spins <= 8:
        raise InputError(f"max_spins is {max_spins}; expected 1 to 8")


def _groups(limit: int, metric: _Metric, max_spins: int) -> Iterable[Term]:
    """Every group whose first site in lexicographic order is the origin."""
    width, dimension = metric.width(limit), len(metric.gram)
    origin = (0,) * dimension
    box = itertools.product(range(-width, width + 1), repeat=dimension)
    near = [site for site in box if site > origin and metric.distance2(site, origin) <= limit]
    close = {a: {b for b in near if b > a and metric.distance2(a, b) <= limit} for a in near}
    groups: list[tuple[Term, set[Site]]] = [((origin,), set(near))]
    for size in range(1, max_spins + 1):
        yield from (group for group, _ in groups)
        if size < max_spins:
            groups = [
                ((*group, site), may & close[site]) for group, may in groups for site in sorted(may)
            ]


def _orbit(group: Term, matrices: list[NDArray[np.int64]]) -> tuple[Term, ...]:
    """The distinct images of a group under the point group, sorted."""
    sites = np.array(group)
    return tuple(sorted({_to_corner([tuple(s) for s in (sites @ m).tolist()]) for m in matrices}))


def _to_corner(sites: list[Site]) -> Term:
    """Translate a group so that its smallest offset along every axis is 0."""
    corner = tuple(map(min, *sites)) if len(sites) > 1 else sites[0]
    return tuple(sorted(tuple(x - c for x, c in zip(site, corner, strict=True)) for site in sites))


def _name(orbit: tuple[Term, ...], alone: bool = True) -> str:
    """Of a pair the distances along the axes, where no other pair has the same."""
    term = orbit[0]
    if len(term) == 1:
        return "1-spin"
    if len(term) == 2 and alone:
        distances = (abs(a - b) for a, b in zip(*term, strict=True))
        return f"2-spin {_text(tuple(sorted(distances, reverse=True)))}"
    square = len(term) == 4 and len(orbit) == 1 and len(term[0]) == 2
    word = "plaquette " if square and max(map(max, term)) == 1 else ""
    return f"{len(term)}-spin {word}{''.join(map(_text, term))}"


def _text(site: Site) -> str:
    return f"({','.join(map(str, site))})"
