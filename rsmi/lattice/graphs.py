"""Lattices as lists of edges: unit cells with a basis, NetKet's graphs, and any list of edges."""

import importlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsmi.errors import InputError, nearest

Offset = tuple[int, ...]
Bond = tuple[int, int, Offset]

_ORIGIN_2, _ORIGIN_3 = (0, 0), (0, 0, 0)
_UNIT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_TINY = 1e-9
_HYPERCUBIC = ("chain", "square", "cubic")


def _kagome() -> list[Bond]:
    """Site 0 at the origin, 1 at a_1 / 2 and 2 at a_2 / 2; up and down triangles share them."""
    up: list[Bond] = [(0, 1, _ORIGIN_2), (0, 2, _ORIGIN_2), (1, 2, _ORIGIN_2)]
    return [*up, (1, 0, (1, 0)), (2, 0, (0, 1)), (1, 2, (1, -1))]


def _pyrochlore() -> list[Bond]:
    """Site 0 at the origin and site i at a_i / 2; up and down tetrahedra share the sites."""
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    up: list[Bond] = [(i, j, _ORIGIN_3) for i, j in pairs]
    down: list[Bond] = [(i, 0, _UNIT[i - 1]) for i in (1, 2, 3)]
    for i, j in ((1, 2), (1, 3), (2, 3)):
        step = tuple(a - b for a, b in zip(_UNIT[i - 1], _UNIT[j - 1], strict=True))
        down.append((i, j, step))
    return up + down


@dataclass(frozen=True)
class UnitCell:
    """What a periodic lattice repeats.

    Args:
        name: For messages and files.
        vectors: (d, D) Cartesian cell vectors, one per row.
        basis: (sites, d) positions of the sites, in units of the cell vectors.
        bonds: From site a of a cell to site b of the cell at an offset, each bond once.
        kinds: Kind of each bond; all alike where it is empty. A symmetry keeps the kind.
    """

    name: str
    vectors: tuple[tuple[float, ...], ...]
    basis: tuple[tuple[float, ...], ...]
    bonds: tuple[Bond, ...]
    kinds: tuple[int, ...] = ()

    @classmethod
    def hypercubic(cls, dimension: int) -> "UnitCell":
        """One site, with a bond along each axis: chain, square, cubic, hypercubic.

        >>> UnitCell.hypercubic(2).name
        'square'
        """
        steps = tuple(tuple(int(a == b) for b in range(dimension)) for a in range(dimension))
        vectors = tuple(tuple(map(float, step)) for step in steps)
        bonds = tuple((0, 0, step) for step in steps)
        name = dict(enumerate(_HYPERCUBIC, start=1)).get(dimension, "hypercubic")
        return cls(name, vectors, ((0.0,) * dimension,), bonds)

    def point_group(
        self,
    ) -> Iterator[tuple[NDArray[np.int64], list[int], NDArray[np.int64]]]:
        """Isometries that map the lattice and its bonds to themselves, up to translations.

        Yields:
            matrix (d, d), with which the cell x goes to x @ matrix; the image of each site of a
            cell; and (sites, d), the cells by which the images lie further.
        """
        for matrix in self._isometries():
            for target in range(len(self.basis)):
                moved = self._moved(matrix, target)
                if moved is not None and self._keeps_bonds(matrix, *moved):
                    yield matrix, *moved

    def _isometries(self) -> Iterator[NDArray[np.int64]]:
        """Integer matrices that keep all lengths and angles of the cell vectors."""
        vectors = np.array(self.vectors)
        gram, d = vectors @ vectors.T, len(vectors)
        rows = np.array(list(product((-1, 0, 1), repeat=d)), dtype=np.int64)
        lengths = np.einsum("ri,ij,rj->r", rows, gram, rows)
        fitting = [rows[np.abs(lengths - gram[i, i]) < _TINY] for i in range(d)]
        for chosen in product(*fitting):
            matrix = np.array(chosen)
            if np.abs(matrix @ gram @ matrix.T - gram).max() < _TINY:
                yield matrix

    def _moved(
        self, matrix: NDArray[np.int64], target: int
    ) -> tuple[list[int], NDArray[np.int64]] | None:
        """Where the sites go when site 0 goes to site `target` of the same cell."""
        basis = np.array(self.basis)
        positions = (basis - basis[0]) @ matrix + basis[target]
        image, steps = [], []
        for position in positions:
            rest = position - basis
            fits = np.flatnonzero(np.abs(rest - np.rint(rest)).max(1) < _TINY)
            if not len(fits):
                return None
            image.append(int(fits[0]))
            steps.append(np.rint(rest[fits[0]]).astype(np.int64))
        return image, np.array(steps)

    def _keeps_bonds(
        self, matrix: NDArray[np.int64], image: list[int], steps: NDArray[np.int64]
    ) -> bool:
        kinds = self.kinds or (0,) * len(self.bonds)
        there = Counter(
            _undirected(*bond, kind) for bond, kind in zip(self.bonds, kinds, strict=True)
        )
        moved = Counter(
            _undirected(
                image[a], image[b], tuple(np.array(step) @ matrix + steps[b] - steps[a]), kind
            )
            for (a, b, step), kind in zip(self.bonds, kinds, strict=True)
        )
        return there == moved


def _undirected(a: int, b: int, step: Sequence[int], kind: int) -> tuple[int, int, Offset, int]:
    """A bond in the one of its two directions that is listed first."""
    forward = (a, b, tuple(int(x) for x in step), kind)
    back = (b, a, tuple(-int(x) for x in step), kind)
    return min(forward, back)


_ROOT_3, _ROOT_2 = math.sqrt(3), math.sqrt(2)
_TRIANGULAR = ((1.0, 0.0), (0.5, _ROOT_3 / 2))
_FCC = (
    (0.0, 1 / _ROOT_2, 1 / _ROOT_2),
    (1 / _ROOT_2, 0.0, 1 / _ROOT_2),
    (1 / _ROOT_2, 1 / _ROOT_2, 0.0),
)
_CELLS: dict[str, UnitCell] = {
    cell.name: cell
    for cell in (
        *(UnitCell.hypercubic(dimension) for dimension in (1, 2, 3)),
        UnitCell(
            "triangular",
            _TRIANGULAR,
            ((0.0, 0.0),),
            ((0, 0, (1, 0)), (0, 0, (0, 1)), (0, 0, (1, -1))),
        ),
        UnitCell(
            "honeycomb",
            _TRIANGULAR,
            ((0.0, 0.0), (1 / 3, 1 / 3)),
            ((0, 1, _ORIGIN_2), (1, 0, (1, 0)), (1, 0, (0, 1))),
        ),
        UnitCell("kagome", _TRIANGULAR, ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)), tuple(_kagome())),
        UnitCell(
            "pyrochlore",
            _FCC,
            ((0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)),
            tuple(_pyrochlore()),
        ),
    )
}


BUILT_IN = frozenset(_CELLS)
"""Names of the lattices that `unit_cell` knows."""


def unit_cell(name: str) -> UnitCell:
    """The cell of a lattice that is built in.

    Raises:
        InputError: For an unknown name.

    >>> len(unit_cell("kagome").basis)
    3
    """
    if name not in _CELLS:
        known = ", ".join(sorted(_CELLS))
        raise InputError(f"lattice is {name!r}; {nearest(name, _CELLS)}expected one of {known}")
    return _CELLS[name]


_NETKET = {"bcc": "BCC", "fcc": "FCC", "diamond": "Diamond"}


@dataclass(frozen=True, eq=False)
class GraphLattice:
    """Sites joined by edges; two sites may share several edges, and none is joined to itself.

    Args:
        n_sites: Number of sites, at least 1.
        edges: (m, 2) int64 site numbers.
        name: For messages and recipes.
        shape: How configurations are stored, with product n_sites; sites are numbered in
            row-major order. Cells come first and the sites of a cell last.

    Raises:
        InputError: For edges out of range or from a site to itself, or a shape of another size.

    >>> GraphLattice(3, np.array([[0, 1], [1, 2]]), "path", (3,)).degrees().tolist()
    [1, 2, 1]
    """

    n_sites: int
    edges: NDArray[np.int64]
    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        edges = np.array(self.edges, dtype=np.int64).reshape(-1, 2)
        edges.flags.writeable = False
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.n_sites < 1 or math.prod(self.shape) != self.n_sites:
            raise InputError(
                f"lattice {self.name!r} has {self.n_sites} sites and shape {list(self.shape)}; "
                "expected at least one site and a shape whose product is their number"
            )
        if edges.size and (edges.min() < 0 or edges.max() >= self.n_sites):
            raise InputError(
                f"lattice {self.name!r} has edges between sites {edges.min()} and {edges.max()}; "
                f"expected site numbers from 0 to {self.n_sites - 1}; number sites from 0"
            )
        if (loops := edges[edges[:, 0] == edges[:, 1]]).size:
            raise InputError(
                f"lattice {self.name!r} joins site {loops[0, 0]} to itself; expected edges between "
                "two different sites; make periodic lattices at least 2 cells wide"
            )

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edges)

    def degrees(self) -> NDArray[np.int64]:
        """Number of edges at each site, (n_sites,) int64."""
        return np.bincount(self.edges.ravel(), minlength=self.n_sites)


def graph_lattice(name: str, cells: Sequence[int]) -> GraphLattice:
    """A periodic lattice by its name.

    Chain, square, cubic, triangular, honeycomb, kagome and pyrochlore are built in; bcc, fcc and
    diamond come from NetKet. As on the hypercubic lattice, two cells in a direction are joined
    twice. (NetKet's lattices are open in such a direction.)

    Args:
        name: The lattice.
        cells: Unit cells in each direction, at least 2 (from NetKet 3) each.

    Returns:
        The lattice; its shape is `cells`, followed by the sites of a cell if there are several.

    Raises:
        InputError: For an unknown name, wrong cells, or where NetKet is needed and missing.

    >>> kagome = graph_lattice("kagome", (3, 4))
    >>> kagome.n_sites, kagome.n_edges, kagome.shape
    (36, 72, (3, 4, 3))
    """
    if name in _NETKET:
        _check_cells(name, cells, 3, least=3)
        return from_netket(_netket_class(name)(extent=list(cells), pbc=True))
    if name not in _CELLS:
        known = sorted([*_CELLS, *_NETKET])
        raise InputError(
            f"lattice is {name!r}; {nearest(name, known)}expected one of {', '.join(known)}; "
            "choose one, or give your own edges with from_edges or a netket.graph with from_netket"
        )
    cell = _CELLS[name]
    basis, bonds = len(cell.basis), cell.bonds
    _check_cells(name, cells, len(cell.vectors), least=2)
    numbers = np.arange(math.prod(cells)).reshape(tuple(cells))
    edges = [_copies(numbers, basis, bond) for bond in bonds]
    shape = (*cells, basis) if basis > 1 else tuple(cells)
    return GraphLattice(numbers.size * basis, np.concatenate(edges), name, shape)


def from_edges(
    edges: ArrayLike | Iterable[tuple[int, int]], n_sites: int, name: str = "graph"
) -> GraphLattice:
    """A lattice from any list of edges.

    Args:
        edges: (m, 2) site numbers from 0 to n_sites - 1.
        n_sites: Number of sites.
        name: For messages.

    Raises:
        InputError: For anything but whole numbers in pairs, and see `GraphLattice`.

    >>> from_edges([(0, 1), (1, 2), (2, 0)], 3).shape
    (3,)
    """
    pairs = np.asarray(edges if isinstance(edges, np.ndarray) else list(edges))  # type: ignore[arg-type]
    if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu"):
        raise InputError(
            f"edges are {pairs.dtype} of shape {pairs.shape}; expected whole numbers of shape "
            "(m, 2), the two sites of each edge"
        )
    return GraphLattice(n_sites, pairs.astype(np.int64).reshape(-1, 2), name, (n_sites,))


def from_netket(graph: Any) -> GraphLattice:
    """A lattice from a `netket.graph` object; its edges are sorted, since NetKet's order varies.

    Args:
        graph: `netket.graph.Lattice` (its cells become the shape) or any `netket.graph.Graph`.

    Raises:
        InputError: For an object without `n_nodes` and `edges()`.
    """
    if not hasattr(graph, "n_nodes") or not hasattr(graph, "edges"):
        raise InputError(
            f"graph is of type {type(graph).__name__}; expected a netket.graph object with n_nodes "
            "and edges(); for a list of edges use from_edges"
        )
    n_sites = int(graph.n_nodes)
    edges = np.array(sorted(tuple(sorted(edge)) for edge in graph.edges()), dtype=np.int64)
    shape: tuple[int, ...] = (n_sites,)
    if hasattr(graph, "extent"):
        cells = tuple(int(extent) for extent in graph.extent)
        basis = n_sites // math.prod(cells)
        shape = (*cells, basis) if basis > 1 else cells
    return GraphLattice(n_sites, edges.reshape(-1, 2), str(getattr(graph, "name", "netket")), shape)


def _copies(numbers: NDArray[np.int64], basis: int, bond: Bond) -> NDArray[np.int64]:
    """One bond of the unit cell in every cell."""
    first, second, offset = bond
    there = np.roll(numbers, [-step for step in offset], tuple(range(numbers.ndim)))
    return np.stack([numbers.ravel() * basis + first, there.ravel() * basis + second], axis=1)


def _check_cells(name: str, cells: Sequence[int], dimension: int, least: int) -> None:
    wrong = len(cells) != dimension or any(type(extent) is not int for extent in cells)
    if wrong or min(cells) < least:
        raise InputError(
            f"lattice {name!r} has cells {list(cells)}; expected {dimension} whole number(s), at "
            f"least {least} each; give for example {[4] * dimension}"
        )


def _netket_class(name: str) -> Callable[..., Any]:
    try:
        graphs = importlib.import_module("netket.graph")
    except ImportError:
        raise InputError(
            f"lattice {name!r} is built by NetKet, which is not installed; expected the package "
            f"netket; run: pip install netket, or choose one of {', '.join(sorted(_CELLS))}"
        ) from None
    return getattr(graphs, _NETKET[name])
