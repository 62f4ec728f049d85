"""Potts and Blume-Capel models on the hypercubic torus, and their updates."""

from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.cluster_updates import (
    BlumeCapelClusters,
    BlumeCapelEmbeddedClusters,
    PottsSwendsenWang,
    PottsWolff,
)
from rsmi.sampling.potts.heat_bath import BlumeCapelHeatBath, PottsHeatBath
from rsmi.sampling.potts.model import Potts
from rsmi.sampling.potts.registry import blume_capel_registry, potts_registry

__all__ = [
    "BlumeCapel",
    "BlumeCapelClusters",
    "BlumeCapelEmbeddedClusters",
    "BlumeCapelHeatBath",
    "Potts",
    "PottsHeatBath",
    "PottsSwendsenWang",
    "PottsWolff",
    "blume_capel_registry",
    "potts_registry",
]
