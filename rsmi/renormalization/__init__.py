"""Apply a rule again and again, and read critical exponents off the flow of couplings."""

from rsmi.renormalization.averages import Average
from rsmi.renormalization.coarse_grain import coarse_grain
from rsmi.renormalization.coarse_samples import CoarseSamples, coarse_samples, coarse_space
from rsmi.renormalization.couplings import Interaction, generate_interactions
from rsmi.renormalization.exponents import SYMBOLS, Exponent
from rsmi.renormalization.inverse import InverseLevel, InversionResult, invert
from rsmi.renormalization.measure import measure
from rsmi.renormalization.monte_carlo_rg import check_iteration, find_rule, renormalise
from rsmi.renormalization.renormalised import (
    RenormalisedCouplings,
    exact_couplings,
    fitted_couplings,
)
from rsmi.renormalization.result import MCRGResult, known_exponents
from rsmi.renormalization.stability import ScanEntry, over_steps, stability_matrix
from rsmi.renormalization.variational import variational_couplings
from rsmi.renormalization.verdict import Drift, Verdict, copies

__all__ = [
    "SYMBOLS",
    "Average",
    "CoarseSamples",
    "Drift",
    "Exponent",
    "Interaction",
    "InverseLevel",
    "InversionResult",
    "MCRGResult",
    "RenormalisedCouplings",
    "ScanEntry",
    "Verdict",
    "check_iteration",
    "coarse_grain",
    "coarse_samples",
    "coarse_space",
    "copies",
    "exact_couplings",
    "find_rule",
    "fitted_couplings",
    "generate_interactions",
    "invert",
    "known_exponents",
    "measure",
    "over_steps",
    "renormalise",
    "stability_matrix",
    "variational_couplings",
]
