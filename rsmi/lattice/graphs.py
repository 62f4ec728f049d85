"""Lattices as lists of edges: unit cells with a basis, NetKet's graphs, and any list of edges."""

import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsmi.errors import InputError, nearest

Offset = tuple[int, ...]
Bond = tuple[int, int, Offset]

_ORIGIN_2, _ORIGIN_3 = (0, 0), (0, 0, 0)
_UNIT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


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


_CELLS: dict[str, tuple[int, list[Bond]]] = {
    "chain": (1, [(0, 0, (1,))]),
    "square": (1, [(0, 0, (1, 0)), (0, 0, (0, 1))]),
    "cubic": (1, [(0, 0, step) for step in _UNIT]),
    "triangular": (1, [(0, 0, (1, 0)), (0, 0, (0, 1)), (0, 0, (1, -1))]),
    "honeycomb": (2, [(0, 1, _ORIGIN_2), (1, 0, (1, 0)), (1, 0, (0, 1))]),
    "kagome": (
        3,
        _kagome(),
    ),
    "pyrochlore": (4, _pyrochlore()),
}
"""Name -> (sites in a cell, bonds from site a of a cell to site b of the cell at an offset)."""

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
    basis, bonds = _CELLS[name]
    dimension = len(bonds[0][2])
    _check_cells(name, cells, dimension, least=2)
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
