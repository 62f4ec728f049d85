"""Exact answers for dimers: counts, laws of small lattices, cylinders, correlations, blocks."""

from rsmi.sampling.dimers.exact.block import DimerBlock, dimer_block
from rsmi.sampling.dimers.exact.correlations import dimer_correlation, monomer_correlation
from rsmi.sampling.dimers.exact.cylinder import cylinder_stiffness, log_eigenvalue, winding_law
from rsmi.sampling.dimers.exact.enumeration import coverings
from rsmi.sampling.dimers.exact.kasteleyn import (
    CATALAN,
    HONEYCOMB_ENTROPY,
    SQUARE_ENTROPY,
    hexagon_coverings,
    log_corner_coverings,
    log_open_coverings,
    log_torus_coverings,
)
from rsmi.sampling.dimers.exact.law import DimerLaw, dimer_law

__all__ = [
    "CATALAN",
    "HONEYCOMB_ENTROPY",
    "SQUARE_ENTROPY",
    "DimerBlock",
    "DimerLaw",
    "coverings",
    "cylinder_stiffness",
    "dimer_block",
    "dimer_correlation",
    "dimer_law",
    "hexagon_coverings",
    "log_corner_coverings",
    "log_eigenvalue",
    "log_open_coverings",
    "log_torus_coverings",
    "monomer_correlation",
    "winding_law",
]
