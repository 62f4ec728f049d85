"""Spaces: where the variables of a configuration live, what they take, and what leaves it alike."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice.alphabet import Alphabet
from rsmi.lattice.graphs import Bond, GraphLattice, UnitCell, unit_cell


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A map of configurations onto configurations of the same weight.

    The image of the letters s is s'(i) = p[s(source(i))].

    Args:
        source: (n_sites,) int64, the site that comes to each site.
        letters: (q,) int64, what becomes of each letter.
        name: Where the cell at (x, y) goes, and what becomes of the letters.
    """

    source: Tensor
    letters: Tensor
    name: str

    @property
    def trivial(self) -> bool:
        """Whether it is the identity."""
        return bool(
            torch.equal(self.source, torch.arange(len(self.source)))
            and torch.equal(self.letters, torch.arange(len(self.letters)))
        )

    def __call__(self, letters: Tensor) -> Tensor:
        """The image of letters (..., n_sites), of the same dtype."""
        return self.letters.to(letters.dtype)[letters[..., self.source].long()]


@dataclass(frozen=True, eq=False)
class Space:
    """A periodic lattice of cells with one letter on each site.

    A configuration is int8 (n, *cells, sites of a cell); sites are numbered in that order.

    Args:
        cells: Extents of the torus, in cells.
        alphabet: Letters of a site.
        cell: Positions of the sites, cell vectors and bonds.
        homogeneous: Whether all cells are alike; not so with quenched disorder or an open boundary.

    Raises:
        InputError: For extents that do not fit the cell.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> square = Space.of("square", (4, 4), SPIN)
    >>> square.n_sites, len(square.point_group), len(square.symmetries)
    (16, 8, 16)
    """

    cells: tuple[int, ...]
    alphabet: Alphabet
    cell: UnitCell
    homogeneous: bool = True

    def __post_init__(self) -> None:
        dimension = len(self.cell.vectors)
        if len(self.cells) != dimension or min(self.cells, default=0) < 1:
            raise InputError(
                f"the lattice {self.cell.name} has {dimension} axes, cells are {list(self.cells)}; "
                "expected one extent of at least 1 for each axis"
            )

    @classmethod
    def of(cls, lattice: str, cells: Sequence[int], alphabet: Alphabet) -> "Space":
        """A lattice by its name: chain, square, cubic, triangular, honeycomb, kagome, pyrochlore.

        Raises:
            InputError: For an unknown name or a wrong number of extents.
        """
        return cls(tuple(cells), alphabet, unit_cell(lattice))

    @classmethod
    def hypercubic(cls, shape: Sequence[int], alphabet: Alphabet) -> "Space":
        """One site in each cell of a hypercubic lattice of any dimension."""
        return cls(tuple(shape), alphabet, UnitCell.hypercubic(len(shape)))

    @classmethod
    def from_text(cls, text: str | Mapping[str, Any]) -> "Space":
        """The space that a text describes, see `rsmi.lattice.text.space_of`.

        >>> Space.from_text("clock(3) on triangular [8, 8]").alphabet.size
        3
        """
        from rsmi.lattice.text import space_of  # which builds spaces

        return space_of(text)

    def to_text(self) -> str:
        """The space as text that `from_text` reads.

        >>> from rsmi.lattice.alphabet import SPIN
        >>> Space.of("square", (4, 4), SPIN).to_text()
        'spins on square [4, 4]'
        """
        from rsmi.lattice.text import space_text

        return space_text(self)

    @property
    def sites(self) -> int:
        """Sites of a cell."""
        return len(self.cell.basis)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.cells)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return self.n_cells * self.sites

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one configuration, (*cells, sites of a cell)."""
        return (*self.cells, self.sites)

    @cached_property
    def bonds(self) -> Tensor:
        """(n_bonds, 2) int64, each bond once."""
        pairs = [
            np.stack([self.numbers(self._places, a), self.numbers(self._places + step, b)], 1)
            for a, b, step in self.cell.bonds
        ]
        return torch.from_numpy(np.concatenate(pairs)) if pairs else torch.empty(0, 2).long()

    def translated(self, sites: Sequence[int]) -> Tensor:
        """Some sites as seen from every cell in turn, (n_cells, k) int64.

        Without homogeneity only the sites themselves are there, (1, k).

        Args:
            sites: k site numbers; row 0 repeats them.
        """
        chosen = torch.tensor(list(sites), dtype=torch.int64)
        if not self.homogeneous:
            return chosen[None]
        cell, site = np.divmod(chosen.numpy(), self.sites)
        places = np.stack(np.unravel_index(cell, self.cells), 1)
        return torch.from_numpy(self.numbers(self._places[:, None] + places, site))

    @cached_property
    def point_group(self) -> tuple[Symmetry, ...]:
        """Rotations and reflections that map sites and bonds to such, and the torus to itself.

        Letters that point are turned. The identity comes first; it alone is there where the cells
        differ or where nothing is known of the positions.
        """
        if not self.homogeneous:
            nothing = torch.arange(self.n_sites), torch.arange(self.alphabet.size)
            return (Symmetry(*nothing, "identity"),)
        found = [self._symmetry(*element) for element in self._elements()]
        return tuple(sorted(found, key=lambda element: not element.trivial))

    @cached_property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """Every element of the point group with every permutation of the letters alone."""
        renamed = [(torch.tensor(p), self._renaming(p)) for p in self.alphabet.symmetries]
        return tuple(
            Symmetry(element.source, letters[element.letters], _joined(element, name))
            for element in self.point_group
            for letters, name in renamed
        )

    def check_point_group(self) -> None:
        """Refuse to turn a space whose cells differ.

        Raises:
            InputError: With the reason.
        """
        if not self.homogeneous:
            raise InputError(
                f"the cells of the lattice {self.cell.name} are not alike (disorder, dilution or "
                "an open boundary), so no rotation or reflection maps it to itself; expected a "
                "lattice of equal cells to impose its point group on; take point_group: allow"
            )

    def product(self, second: Symmetry, first: Symmetry) -> Symmetry:
        """The element of `symmetries` that applies `first` and then `second`, up to a translation.

        Raises:
            KeyError: For maps that are no elements.
        """
        source = first.source[second.source[self._corner]]
        return self._elements_by_image[self._image(source, second.letters[first.letters])]

    def generated(self, elements: Iterable[Symmetry]) -> tuple[Symmetry, ...]:
        """The group that some elements of `symmetries` generate, in the order of these.

        >>> from rsmi.lattice.alphabet import SPIN
        >>> square = Space.of("square", (5, 5), SPIN)
        >>> [element.name for element in square.generated(square.point_group[-1:])]
        ['(x, y) -> (x, y)', '(x, y) -> (x, -y)']
        """
        identity = self.symmetries[0]
        generators = {self.product(g, identity) for g in elements}
        group = new = {identity}
        while new := {self.product(g, h) for g in generators for h in new} - group:
            group = group | new
        return tuple(g for g in self.symmetries if self.product(g, identity) in group)

    def distances(self, start: Sequence[int], farthest: int) -> Tensor:
        """Number of bonds from a set of sites to every site, (n_sites,) int64.

        Args:
            start: Site numbers.
            farthest: Where to stop; sites beyond have the distance `farthest + 1`.
        """
        found = torch.full((self.n_sites,), farthest + 1)
        found[list(start)] = 0
        left, right = torch.cat([self.bonds, self.bonds.flip(1)]).T
        for distance in range(1, farthest + 1):
            reached = right[found[left] == distance - 1]
            found[reached] = found[reached].clamp(max=distance)
        return found

    def numbers(
        self, places: NDArray[np.int64], site: int | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Numbers of sites of cells, which may lie beyond the torus and wrap around.

        Args:
            places: (..., d) coordinates of cells.
            site: Which site of a cell, (...) or one for all.
        """
        wrapped = np.moveaxis(places % np.array(self.cells), -1, 0)
        number: NDArray[np.int64] = np.ravel_multi_index(tuple(wrapped), self.cells)
        return number * self.sites + site

    def check(self, letters: Tensor) -> None:
        """Refuse configurations of another shape or with other letters.

        Raises:
            InputError: Naming the first configuration and site that do not fit.
        """
        if tuple(letters.shape[1:]) != self.shape:
            raise InputError(
                f"configurations have shape {list(letters.shape)}; expected (n, *{self.shape}): "
                f"the cells of the lattice {self.cell.name} and the sites of a cell"
            )
        wrong = (letters < 0) | (letters >= self.alphabet.size)
        if bool(wrong.any()):
            n, *place = torch.nonzero(wrong)[0].tolist()
            raise InputError(
                f"configuration {n} has the letter {int(letters[(n, *place)])} at {place}; "
                f"expected 0 to {self.alphabet.size - 1}, which stand for "
                f"{', '.join(self.alphabet.names)}"
            )

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """(n_cells, d) coordinates of the cells, in their order."""
        return np.indices(self.cells, dtype=np.int64).reshape(len(self.cells), -1).T

    @cached_property
    def _corner(self) -> Tensor:
        """Sites whose images tell an element: those of the first cell, one in each next cell."""
        steps = np.eye(len(self.cells), dtype=np.int64)
        beside = self.numbers(steps, 0) if self.homogeneous else np.empty(0, dtype=np.int64)
        return torch.from_numpy(np.concatenate([np.arange(self.sites), beside]))

    @cached_property
    def _elements_by_image(self) -> dict[bytes, Symmetry]:
        found: dict[bytes, Symmetry] = {}
        for element in self.symmetries:
            found.setdefault(self._image(element.source[self._corner], element.letters), element)
        return found

    def _image(self, source: Tensor, letters: Tensor) -> bytes:
        """What elements have in common that differ by a translation."""
        cell, site = np.divmod(source.numpy(), self.sites)
        places = np.stack(np.unravel_index(cell, self.cells), 1)
        relative = (places - places[0]) % np.array(self.cells)
        return b"".join(part.tobytes() for part in (relative, site, letters.numpy()))

    def _renaming(self, letters: tuple[int, ...]) -> str:
        names = self.alphabet.names
        moved = [f"{names[a]} -> {names[b]}" for a, b in enumerate(letters) if a != b]
        return ", ".join(moved)

    def _elements(self) -> Iterator[tuple[NDArray[np.int64], list[int], NDArray[np.int64]]]:
        """Matrix, image of each site of a cell, and the cell it comes to."""
        extents = np.array(self.cells)
        for matrix, image, step in self.cell.point_group():
            # x and x + L_i e_i are one site, so L_i times row i must be whole extents again.
            if not (extents[:, None] * matrix % extents).any():
                yield matrix, image, step

    def _symmetry(
        self, matrix: NDArray[np.int64], image: list[int], step: NDArray[np.int64]
    ) -> Symmetry:
        source = torch.empty(self.n_sites, dtype=torch.int64)
        for site, goes in enumerate(image):
            target = torch.from_numpy(self.numbers(self._places @ matrix + step[site], goes))
            source[target] = torch.from_numpy(self.numbers(self._places, site))
        letters = torch.tensor(self.alphabet.turned(matrix))
        return Symmetry(source, letters, _arrow(matrix))


def _joined(element: Symmetry, renaming: str) -> str:
    """The name of an element of the point group with letters exchanged beside."""
    parts = [renaming] if element.trivial and renaming else [element.name, renaming]
    return ", ".join(part for part in parts if part)


def _arrow(matrix: NDArray[np.int64]) -> str:
    """Where the cell at (x, y) goes.

    >>> _arrow(np.array([[0, 1], [-1, 1]]))
    '(x, y) -> (-y, x + y)'
    """
    names = "xyz" if len(matrix) < 4 else [f"x{axis}" for axis in range(len(matrix))]
    sums = []
    for column in matrix.T:
        terms = [f" {'-' if c < 0 else '+'} {n}" for c, n in zip(column, names, strict=False) if c]
        sums.append("".join(terms).removeprefix(" + ").replace(" - ", "-", terms[0][1] == "-"))
    return f"({', '.join(names[: len(matrix)])}) -> ({', '.join(sums)})"


def graph_space(lattice: GraphLattice, alphabet: Alphabet) -> Space:
    """The space of sites joined by any edges: one cell, nothing moves.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> from rsmi.lattice.graphs import from_edges
    >>> graph_space(from_edges([(0, 1), (1, 2)], 3), SPIN).shape
    (1, 3)
    """
    bonds: tuple[Bond, ...] = tuple((int(a), int(b), (0,)) for a, b in lattice.edges)
    basis = tuple((float(i),) for i in range(lattice.n_sites))
    cell = UnitCell(lattice.name, ((1.0,),), basis, bonds)
    return Space((1,), alphabet, cell, homogeneous=False)
