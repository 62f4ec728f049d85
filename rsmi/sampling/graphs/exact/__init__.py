"""Exact answers for the Ising model on graphs."""

from rsmi.sampling.graphs.exact.energies import exact_energy, exact_entropy
from rsmi.sampling.graphs.exact.enumeration import spectrum
from rsmi.sampling.graphs.exact.planar import CRITICAL_COUPLINGS, PlanarIsing, planar_ising

__all__ = [
    "CRITICAL_COUPLINGS",
    "PlanarIsing",
    "exact_energy",
    "exact_entropy",
    "planar_ising",
    "spectrum",
]
