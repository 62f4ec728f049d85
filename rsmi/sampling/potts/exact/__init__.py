"""Exact answers for Potts and Blume-Capel models."""

from rsmi.sampling.exact.enumeration import all_values
from rsmi.sampling.exact.universality import POTTS_2D, TRICRITICAL_ISING_2D
from rsmi.sampling.potts.exact.critical import (
    BLUME_CAPEL_TRICRITICAL,
    critical_coupling,
    critical_energy,
)
from rsmi.sampling.potts.exact.enumeration import spectrum
from rsmi.sampling.potts.exact.strip import strip_dimensions

__all__ = [
    "BLUME_CAPEL_TRICRITICAL",
    "POTTS_2D",
    "TRICRITICAL_ISING_2D",
    "all_values",
    "critical_coupling",
    "critical_energy",
    "spectrum",
    "strip_dimensions",
]
