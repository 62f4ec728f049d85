"""Apply a rule again and again, and read critical exponents off the flow of couplings."""

from rsmi.renormalization.averages import Average
from rsmi.renormalization.coarse_grain import coarse_grain
from rsmi.renormalization.coarse_samples import (
    CoarseSamples,
    coarse_samples,
    coarse_space,
    learn_rules,
)
from rsmi.renormalization.couplings import Interaction, generate_interactions
from rsmi.renormalization.exponents import SYMBOLS, Exponent
from rsmi.renormalization.flow import FlowResult, flow
from rsmi.renormalization.inverse import InverseLevel, InversionResult, invert
from rsmi.renormalization.locality import (
    LocalityStudy,
    couplings_against_information,
    random_rules,
)
from rsmi.renormalization.matching import Match
from rsmi.renormalization.measure import measure
from rsmi.renormalization.monte_carlo_rg import check_iteration, find_rule, renormalise
from rsmi.renormalization.operators import (
    ChargesResult,
    Encoders,
    OperatorsResult,
    charge_dimensions,
    learn_encoders,
    scaling_dimensions,
)
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
    "ChargesResult",
    "CoarseSamples",
    "Drift",
    "Encoders",
    "Exponent",
    "FlowResult",
    "Interaction",
    "InverseLevel",
    "InversionResult",
    "LocalityStudy",
    "MCRGResult",
    "Match",
    "OperatorsResult",
    "RenormalisedCouplings",
    "ScanEntry",
    "Verdict",
    "charge_dimensions",
    "check_iteration",
    "coarse_grain",
    "coarse_samples",
    "coarse_space",
    "copies",
    "couplings_against_information",
    "exact_couplings",
    "find_rule",
    "fitted_couplings",
    "flow",
    "generate_interactions",
    "invert",
    "known_exponents",
    "learn_encoders",
    "learn_rules",
    "measure",
    "over_steps",
    "random_rules",
    "renormalise",
    "scaling_dimensions",
    "stability_matrix",
    "variational_couplings",
]
