"""Mean energy of the Ising model on a lattice that is solved exactly."""

import math

import numpy as np

from rsmi.lattice.graphs import graph_lattice
from rsmi.sampling.exact.kaufman import kaufman
from rsmi.sampling.graphs.exact.planar import LARGEST_COUPLING, SOLVED, planar_ising
from rsmi.sampling.graphs.model import GraphIsing


def exact_energy(model: GraphIsing) -> float | None:
    """Exact mean energy of the whole finite lattice, units of J; None where it is not known.

    Known are the periodic chain, square, triangular, honeycomb and kagome lattices with equal bonds
    of either sign, no field and no empty site (on the square lattice with negative bonds, even
    sides).

    Args:
        model: any Ising model on a graph.

    >>> triangular = graph_lattice("triangular", (24, 24))
    >>> round(exact_energy(GraphIsing(triangular, 1.0, bonds=-1.0)) / 24**2, 6)
    -0.931306
    """
    if not _is_plain(model):
        return None
    bond = float(model.strengths[0])
    per_site = _energy(model, model.coupling * bond)
    return None if per_site is None else bond * per_site * model.n_sites


def _is_plain(model: GraphIsing) -> bool:
    """Whether bonds are equal, fields zero and all sites present."""
    equal = model.lattice.n_edges > 0 and bool((model.strengths == model.strengths[0]).all())
    return equal and not model.fields.any() and bool(model.present.all())


def _energy(model: GraphIsing, coupling: float) -> float | None:
    """Energy per site with bonds b = 1 at K of either sign."""
    lattice = model.lattice
    cells = lattice.shape if lattice.name in ("chain", "square") else lattice.shape[:2]
    known = lattice.name in ("chain", "square", *SOLVED) and abs(coupling) <= LARGEST_COUPLING
    # The name is the user's to choose: the edges decide.
    if not known or not np.array_equal(lattice.edges, graph_lattice(lattice.name, cells).edges):
        return None
    if coupling == 0:
        return 0.0
    if lattice.name == "chain":
        t = math.tanh(coupling)
        return -(t + t ** (model.n_sites - 1)) / (1 + t**model.n_sites)
    if lattice.name == "square":
        if coupling < 0 and any(side % 2 for side in cells):
            return None
        return math.copysign(kaufman((cells[0], cells[1]), abs(coupling)).energy, -coupling)
    return planar_ising(lattice.name, coupling, (cells[0], cells[1])).energy
