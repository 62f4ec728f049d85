"""What is measured on a dimer configuration: flippable faces, winding, height, stiffness."""

from rsmi.sampling.dimers.observables.faces import flippable
from rsmi.sampling.dimers.observables.heights import height, height_steps
from rsmi.sampling.dimers.observables.stiffness import (
    height_stiffness,
    stiffness_of_variance,
    winding_variance,
)
from rsmi.sampling.dimers.observables.windings import winding

__all__ = [
    "flippable",
    "height",
    "height_steps",
    "height_stiffness",
    "stiffness_of_variance",
    "winding",
    "winding_variance",
]
