"""Lattices as edge lists: built-in cells against NetKet, and what is refused."""

import sys
from collections import Counter

import networkx
import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.lattice.graphs import GraphLattice, from_edges, from_netket, graph_lattice

CELLS = {"triangular": [3, 4], "honeycomb": [3, 4], "kagome": [3, 4], "pyrochlore": [3, 3, 4]}
# name -> (coordination number, triangles per site)
LOCAL = {"triangular": (6, 2), "honeycomb": (3, 0), "kagome": (4, 2 / 3), "pyrochlore": (6, 2)}


def as_networkx(lattice: GraphLattice) -> "networkx.Graph[int]":
    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_edges_from(lattice.edges.tolist())
    return graph


def undirected(edges: np.ndarray) -> Counter[tuple[int, ...]]:
    return Counter(tuple(sorted(edge)) for edge in edges.tolist())


@pytest.mark.parametrize("name", CELLS)
def test_cells_agree_with_netket(name: str) -> None:
    netket = pytest.importorskip("netket")
    ours = graph_lattice(name, CELLS[name])
    theirs = from_netket(getattr(netket.graph, name.capitalize())(CELLS[name]))
    assert ours.shape == theirs.shape
    assert ours.n_edges == theirs.n_edges
    degrees = Counter(ours.degrees().tolist())
    assert degrees == Counter(theirs.degrees().tolist()) == {LOCAL[name][0]: ours.n_sites}
    if name == "kagome":  # NetKet numbers the three sites of a cell in another order
        assert networkx.is_isomorphic(as_networkx(ours), as_networkx(theirs))
    else:
        assert undirected(ours.edges) == undirected(theirs.edges)


@pytest.mark.parametrize("name", LOCAL)
def test_local_structure(name: str) -> None:
    lattice = graph_lattice(name, [5] * (3 if name == "pyrochlore" else 2))
    found = sum(networkx.triangles(as_networkx(lattice)).values()) / 3 / lattice.n_sites
    assert found == pytest.approx(LOCAL[name][1])


@pytest.mark.parametrize(
    ("name", "shape"), [("chain", (6,)), ("square", (2, 5)), ("cubic", (2, 3, 4))]
)
def test_hypercubic_lattices_have_the_same_bonds(name: str, shape: tuple[int, ...]) -> None:
    assert undirected(graph_lattice(name, shape).edges) == undirected(Hypercubic(shape).bonds())


def test_lattices_that_netket_builds() -> None:
    pytest.importorskip("netket")
    diamond = graph_lattice("diamond", [3, 3, 3])
    assert diamond.shape == (3, 3, 3, 2)
    assert set(diamond.degrees()) == {4}
    assert set(graph_lattice("fcc", [3, 3, 3]).degrees()) == {12}
    assert set(graph_lattice("bcc", [3, 3, 3]).degrees()) == {8}


def test_any_netket_graph() -> None:
    netket = pytest.importorskip("netket")
    ring = from_netket(netket.graph.Graph(edges=[(2, 1), (0, 1), (0, 2)]))
    assert ring.edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert ring.shape == (3,)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    known = "bcc, chain, cubic, diamond, fcc, honeycomb, kagome, pyrochlore, square, triangular"
    with pytest.raises(InputError, match=f"lattice is 'penrose'; expected one of {known}; choose"):
        graph_lattice("penrose", (3, 3))
    with pytest.raises(InputError, match=r"'kagome' has cells \[3\]; expected 2 whole number"):
        graph_lattice("kagome", (3,))
    with pytest.raises(InputError, match="at least 2 each"):
        graph_lattice("triangular", (1, 4))
    with pytest.raises(InputError, match="joins site 1 to itself"):
        from_edges([(0, 1), (1, 1)], 2)
    with pytest.raises(InputError, match="edges between sites 0 and 5; expected site numbers"):
        from_edges([(0, 5)], 3)
    with pytest.raises(InputError, match=r"edges are float64 of shape \(1, 2\); expected whole"):
        from_edges([(0.5, 1.0)], 3)  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"graph is of type list; expected a netket\.graph"):
        from_netket([(0, 1)])
    with pytest.raises(InputError, match=r"has 4 sites and shape \[3\]"):
        GraphLattice(4, np.array([[0, 1]]), "odd", (3,))
    monkeypatch.setitem(sys.modules, "netket.graph", None)
    with pytest.raises(
        InputError, match=r"NetKet, which is not installed.*run: pip install netket"
    ):
        graph_lattice("diamond", (3, 3, 3))
