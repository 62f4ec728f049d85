"""Interactions generated from geometry: every group of up to four spins, by lattice symmetry."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rsmi.errors import InputError

Parity = Literal["even", "odd"]
Site = tuple[int, ...]
Term = tuple[Site, ...]


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

    Attributes:
        parity: `even` or `odd` under the flip of all spins.
        n_spins: Spins in the product.
        diameter2: Largest squared distance between two of its spins.
        extent: Largest offset along any axis; a lattice narrower than `2 * extent` cannot
            tell the interaction from others, because it wraps.
    """

    name: str
    terms: tuple[Term, ...]

    @property
    def n_spins(self) -> int:  # noqa: D102
        return len(self.terms[0])

    @property
    def parity(self) -> Parity:  # noqa: D102
        return "odd" if self.n_spins % 2 else "even"

    @property
    def diameter2(self) -> int:  # noqa: D102
        return max(
            (_distance2(a, b) for a, b in itertools.combinations(self.terms[0], 2)), default=0
        )

    @property
    def extent(self) -> int:  # noqa: D102
        return max(c for term in self.terms for site in term for c in site)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Say whether a torus of this shape keeps the interaction apart from all others."""
        return 2 * self.extent <= min(shape)


def generate_interactions(
    reach: float, dimension: int = 2, max_spins: int = 4
) -> tuple[Interaction, ...]:
    """All interactions of 1 to `max_spins` spins with no two spins farther apart than `reach`.

    The order is fixed: by diameter, then by the number of spins, then by geometry. On the
    square lattice the even ones begin nearest neighbours, next-nearest neighbours, plaquette,
    third neighbours; the odd ones begin single spin, corner of three.

    Args:
        reach: Largest distance between two spins, in lattice constants.
        dimension: 1, 2 or 3: hypercubic lattices.
        max_spins: Most spins in a product, 1 to 4.

    Returns:
        Interactions of both parities in that order.

    Raises:
        InputError: For another dimension, or a reach or number of spins out of range.

    >>> [i.name for i in generate_interactions(1.5)]  # doctest: +NORMALIZE_WHITESPACE
    ['1-spin', '2-spin (1,0)', '2-spin (1,1)', '3-spin (0,0)(0,1)(1,0)',
     '4-spin plaquette (0,0)(0,1)(1,0)(1,1)']
    >>> [len(i.terms) for i in generate_interactions(1.5)]
    [1, 2, 2, 4, 1]
    """
    _check(reach, dimension, max_spins)
    limit = math.floor(reach**2 + 1e-9)
    found: set[tuple[Term, ...]] = set()
    for group in _groups(limit, dimension, max_spins):
        found.add(_orbit(group))
    interactions = [Interaction(_name(orbit), orbit) for orbit in found]
    return tuple(sorted(interactions, key=lambda i: (i.diameter2, i.n_spins, i.terms)))


def _check(reach: float, dimension: int, max_spins: int) -> None:
    if dimension not in (1, 2, 3):
        raise InputError(f"interactions on a lattice of dimension {dimension}; expected 1, 2 or 3")
    if not 0 <= reach <= 8:
        raise InputError(f"reach is {reach}; expected a distance between 0 and 8 lattice constants")
    if not 1 <= max_spins <= 4:
        raise InputError(f"max_spins is {max_spins}; expected 1 to 4")


def _groups(limit: int, dimension: int, max_spins: int) -> Iterable[Term]:
    """Every group whose first site in lexicographic order is the origin."""
    width = math.isqrt(limit)
    origin = (0,) * dimension
    box = itertools.product(range(-width, width + 1), repeat=dimension)
    near = [site for site in box if site > origin and _distance2(site, origin) <= limit]
    for others in range(max_spins):
        for rest in itertools.combinations(near, others):
            if all(_distance2(a, b) <= limit for a, b in itertools.combinations(rest, 2)):
                yield (origin, *rest)


def _distance2(a: Site, b: Site) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def _orbit(group: Term) -> tuple[Term, ...]:
    """The distinct images of a group under reflections and exchanges of axes, sorted."""
    dimension = len(group[0])
    images = set()
    for axes in itertools.permutations(range(dimension)):
        for signs in itertools.product((1, -1), repeat=dimension):
            moved = [tuple(signs[k] * site[axes[k]] for k in range(dimension)) for site in group]
            images.add(_to_corner(moved))
    return tuple(sorted(images))


def _to_corner(sites: list[Site]) -> Term:
    """Translate a group so that its smallest offset along every axis is 0."""
    corner = tuple(map(min, *sites)) if len(sites) > 1 else sites[0]
    return tuple(sorted(tuple(x - c for x, c in zip(site, corner, strict=True)) for site in sites))


def _name(orbit: tuple[Term, ...]) -> str:
    term = orbit[0]
    if len(term) == 1:
        return "1-spin"
    if len(term) == 2:
        distances = (abs(a - b) for a, b in zip(*term, strict=True))
        return f"2-spin {_text(tuple(sorted(distances, reverse=True)))}"
    square = len(term) == 4 and len(orbit) == 1 and len(term[0]) == 2
    word = "plaquette " if square and max(map(max, term)) == 1 else ""
    return f"{len(term)}-spin {word}{''.join(map(_text, term))}"


def _text(site: Site) -> str:
    return f"({','.join(map(str, site))})"
