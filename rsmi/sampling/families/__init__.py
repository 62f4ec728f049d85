"""Every model behind one face, so that one recipe and one file format serve them all."""

from rsmi.sampling.families.interface import Engine, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.families.registry import families, find_family

__all__ = ["Engine", "Family", "Parameter", "Setup", "families", "find_family"]
