"""Exact answers for the Ising model: thermodynamics, densities of states, window posteriors."""

from rsmi.sampling.exact.coarse import (
    coarse_distribution,
    coarse_torus_distribution,
    coupling_of,
    products_of,
)
from rsmi.sampling.exact.cylinder import adjacent_columns, chain_posterior, cylinder_posterior
from rsmi.sampling.exact.elimination import marginal, torus_posterior
from rsmi.sampling.exact.enumeration import DensityOfStates, density_of_states
from rsmi.sampling.exact.kaufman import Thermodynamics, kaufman
from rsmi.sampling.exact.magnetisation import MagnetisationLaw, magnetisation_law
from rsmi.sampling.exact.ring import ring_posterior
from rsmi.sampling.exact.window import WindowPosterior, enumerated_window, exact_window

__all__ = [
    "DensityOfStates",
    "MagnetisationLaw",
    "Thermodynamics",
    "WindowPosterior",
    "adjacent_columns",
    "chain_posterior",
    "coarse_distribution",
    "coarse_torus_distribution",
    "coupling_of",
    "cylinder_posterior",
    "density_of_states",
    "enumerated_window",
    "exact_window",
    "kaufman",
    "magnetisation_law",
    "marginal",
    "products_of",
    "ring_posterior",
    "torus_posterior",
]
