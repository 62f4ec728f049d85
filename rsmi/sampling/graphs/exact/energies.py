"""Mean energy and entropy of the Ising model on a lattice that is solved exactly."""

import math

import numpy as np

from rsmi.lattice.graphs import graph_lattice
from rsmi.sampling.exact.kaufman import kaufman
from rsmi.sampling.graphs.exact.planar import LARGEST_COUPLING, SOLVED, PlanarIsing, planar_ising
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
    known = _solved(model)
    return None if known is None else float(model.strengths[0]) * known.energy * model.n_sites


def exact_entropy(model: GraphIsing) -> float | None:
    """Exact entropy of the whole finite lattice in nats, known where `exact_energy` is.

    >>> triangular = graph_lattice("triangular", (24, 24))
    >>> round(exact_entropy(GraphIsing(triangular, 0.0)) / 24**2, 6)  # ln 2
    0.693147
    """
    known = _solved(model)
    if known is None:
        return None
    return known.entropy(model.coupling * float(model.strengths[0])) * model.n_sites


def _is_plain(model: GraphIsing) -> bool:
    """Whether bonds are equal, fields zero and all sites present."""
    equal = model.lattice.n_edges > 0 and bool((model.strengths == model.strengths[0]).all())
    return equal and not model.fields.any() and bool(model.present.all())


def _solved(model: GraphIsing) -> PlanarIsing | None:
    """Thermodynamics with bonds b = 1 at K of either sign."""
    if not _is_plain(model):
        return None
    lattice, coupling = model.lattice, model.coupling * float(model.strengths[0])
    cells = lattice.shape if lattice.name in ("chain", "square") else lattice.shape[:2]
    known = lattice.name in ("chain", "square", *SOLVED) and abs(coupling) <= LARGEST_COUPLING
    # The name is the user's to choose: the edges decide.
    if not known or not np.array_equal(lattice.edges, graph_lattice(lattice.name, cells).edges):
        return None
    if coupling == 0:
        return PlanarIsing(math.log(2), 0.0)
    if lattice.name == "chain":
        return _ring(coupling, model.n_sites)
    if lattice.name == "square":
        if coupling < 0 and any(side % 2 for side in cells):
            return None
        found = kaufman((cells[0], cells[1]), abs(coupling))
        energy = math.copysign(found.energy, -coupling)
        return PlanarIsing(found.log_partition / model.n_sites, energy)
    return planar_ising(lattice.name, coupling, (cells[0], cells[1]))


def _ring(coupling: float, sites: int) -> PlanarIsing:
    """Z = (2 cosh K)^N + (2 sinh K)^N."""
    t = math.tanh(coupling)
    log_cosh = np.logaddexp(coupling, -coupling)
    energy = -(t + t ** (sites - 1)) / (1 + t**sites)
    return PlanarIsing(float(log_cosh + math.log1p(t**sites) / sites), energy)
