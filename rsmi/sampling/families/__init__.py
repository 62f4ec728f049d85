"""Every model behind one face, so that one recipe and one file format serve them all."""

from rsmi.sampling.families.interface import Engine, Example, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.families.registry import DEFAULT, families, family_of, find_family
from rsmi.sampling.families.system import System
from rsmi.sampling.families.verbs import VERBS, Row, verb_rows

__all__ = [
    "DEFAULT",
    "VERBS",
    "Engine",
    "Example",
    "Family",
    "Parameter",
    "Row",
    "Setup",
    "System",
    "families",
    "family_of",
    "find_family",
    "verb_rows",
]
