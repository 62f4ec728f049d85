"""The updates of Potts and Blume-Capel models by name."""

from collections.abc import Callable, Mapping

from rsmi.sampling.interface import Sampler
from rsmi.sampling.potts.cluster_updates import BlumeCapelClusters, PottsSwendsenWang, PottsWolff
from rsmi.sampling.potts.heat_bath import BlumeCapelHeatBath, PottsHeatBath

potts_registry: Mapping[str, Callable[..., Sampler]] = {
    "heat_bath": PottsHeatBath,
    "swendsen_wang": PottsSwendsenWang,
    "wolff": PottsWolff,
}
"""Update name -> class taking (model, seed, workers)."""

blume_capel_registry: Mapping[str, Callable[..., Sampler]] = {
    "heat_bath": BlumeCapelHeatBath,
    "clusters": BlumeCapelClusters,
}
"""Update name -> class taking (model, seed, workers)."""
