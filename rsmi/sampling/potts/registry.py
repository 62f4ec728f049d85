"""The updates of Potts and Blume-Capel models by name."""

from collections.abc import Mapping

from rsmi.sampling.potts.blume_capel import BlumeCapel
from rsmi.sampling.potts.cluster_updates import (
    BlumeCapelClusters,
    BlumeCapelEmbeddedClusters,
    PottsSwendsenWang,
    PottsWolff,
)
from rsmi.sampling.potts.heat_bath import BlumeCapelHeatBath, PottsHeatBath
from rsmi.sampling.potts.model import Potts
from rsmi.sampling.select import Update, compiled

potts_registry: Mapping[str, Update[Potts]] = {
    "swendsen_wang": compiled(PottsSwendsenWang),
    "heat_bath": compiled(PottsHeatBath),
    "wolff": compiled(PottsWolff),
}
"""Update name -> update, the default first."""

blume_capel_registry: Mapping[str, Update[BlumeCapel]] = {
    "clusters": compiled(BlumeCapelClusters),
    "embedded_clusters": compiled(BlumeCapelEmbeddedClusters),
    "heat_bath": compiled(BlumeCapelHeatBath),
}
"""Update name -> update, the default first."""
