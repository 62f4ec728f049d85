"""Operators of a symmetry sector and their scaling dimensions, without iterating anything."""

from rsmi.renormalization.operators.basis import Basis, check_sector, local_operators
from rsmi.renormalization.operators.charges import ChargesResult, charge_dimensions
from rsmi.renormalization.operators.correlators import Correlators, correlators
from rsmi.renormalization.operators.dimensions import OperatorsResult, scaling_dimensions
from rsmi.renormalization.operators.encoders import Encoders, learn_encoders
from rsmi.renormalization.operators.separation import (
    Collapse,
    Decay,
    Separation,
    collapse,
    separate,
)

__all__ = [
    "Basis",
    "ChargesResult",
    "Collapse",
    "Correlators",
    "Decay",
    "Encoders",
    "OperatorsResult",
    "Separation",
    "charge_dimensions",
    "check_sector",
    "collapse",
    "correlators",
    "learn_encoders",
    "local_operators",
    "scaling_dimensions",
    "separate",
]
