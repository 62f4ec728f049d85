"""Dimer models on square, honeycomb and cubic lattices: exact answers, worms, exact sampling."""

from rsmi.sampling.dimers.cylinder import cylinder_stiffness, log_eigenvalue
from rsmi.sampling.dimers.decorated import DecoratedDimers
from rsmi.sampling.dimers.decorated_worm import DecoratedWorm
from rsmi.sampling.dimers.enumeration import coverings
from rsmi.sampling.dimers.kasteleyn import (
    CATALAN,
    HONEYCOMB_ENTROPY,
    SQUARE_ENTROPY,
    hexagon_coverings,
    log_corner_coverings,
    log_open_coverings,
    log_torus_coverings,
)
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.law import DimerLaw, dimer_law
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.dimers.observables import flippable, height, height_steps, winding
from rsmi.sampling.dimers.pictures import bonds_to_sites, sites_to_bonds
from rsmi.sampling.dimers.start import columnar
from rsmi.sampling.dimers.stiffness import (
    height_stiffness,
    stiffness_of_variance,
    winding_variance,
)
from rsmi.sampling.dimers.wilson import Wilson
from rsmi.sampling.dimers.worm import Worm

__all__ = [
    "CATALAN",
    "HONEYCOMB_ENTROPY",
    "SQUARE_ENTROPY",
    "DecoratedDimers",
    "DecoratedWorm",
    "DimerLattice",
    "DimerLaw",
    "Dimers",
    "Wilson",
    "Worm",
    "bonds_to_sites",
    "columnar",
    "coverings",
    "cylinder_stiffness",
    "dimer_law",
    "flippable",
    "height",
    "height_steps",
    "height_stiffness",
    "hexagon_coverings",
    "log_corner_coverings",
    "log_eigenvalue",
    "log_open_coverings",
    "log_torus_coverings",
    "sites_to_bonds",
    "stiffness_of_variance",
    "winding",
    "winding_variance",
]
