"""Dimer models on square, honeycomb and cubic lattices: exact answers, worms, exact sampling."""

from rsmi.sampling.dimers.decorated import DecoratedDimers
from rsmi.sampling.dimers.exact import (
    CATALAN,
    HONEYCOMB_ENTROPY,
    SQUARE_ENTROPY,
    DimerBlock,
    DimerLaw,
    coverings,
    cylinder_stiffness,
    dimer_block,
    dimer_correlation,
    dimer_law,
    hexagon_coverings,
    log_corner_coverings,
    log_eigenvalue,
    log_open_coverings,
    log_torus_coverings,
    monomer_correlation,
    winding_law,
)
from rsmi.sampling.dimers.lattice import DimerLattice
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.dimers.observables import (
    flippable,
    height,
    height_steps,
    height_stiffness,
    stiffness_of_variance,
    winding,
    winding_variance,
)
from rsmi.sampling.dimers.pictures import bonds_to_sites, sites_to_bonds
from rsmi.sampling.dimers.start import columnar
from rsmi.sampling.dimers.trees import Wilson
from rsmi.sampling.dimers.worms import DecoratedWorm, Worm, monomer_visits

__all__ = [
    "CATALAN",
    "HONEYCOMB_ENTROPY",
    "SQUARE_ENTROPY",
    "DecoratedDimers",
    "DecoratedWorm",
    "DimerBlock",
    "DimerLattice",
    "DimerLaw",
    "Dimers",
    "Wilson",
    "Worm",
    "bonds_to_sites",
    "columnar",
    "coverings",
    "cylinder_stiffness",
    "dimer_block",
    "dimer_correlation",
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
    "monomer_correlation",
    "monomer_visits",
    "sites_to_bonds",
    "stiffness_of_variance",
    "winding",
    "winding_law",
    "winding_variance",
]
