"""Exact answers for the Ising model on graphs."""

from rsmi.sampling.graphs.exact.enumeration import Spectrum, spectrum
from rsmi.sampling.graphs.exact.planar import CRITICAL_COUPLINGS, PlanarIsing, planar_ising

__all__ = ["CRITICAL_COUPLINGS", "PlanarIsing", "Spectrum", "planar_ising", "spectrum"]
