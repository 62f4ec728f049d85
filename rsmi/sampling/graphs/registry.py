"""The updates of the Ising model on graphs by name."""

from collections.abc import Callable, Mapping

from rsmi.sampling.graphs.cluster_updates import GraphSwendsenWang, GraphWolff
from rsmi.sampling.graphs.heat_bath import GraphHeatBath
from rsmi.sampling.graphs.tempering import ParallelTempering
from rsmi.sampling.interface import Sampler

registry: Mapping[str, Callable[..., Sampler]] = {
    "heat_bath": GraphHeatBath,
    "swendsen_wang": GraphSwendsenWang,
    "wolff": GraphWolff,
    "parallel_tempering": ParallelTempering,
}
"""Update name -> class taking (model, seed, workers); parallel_tempering takes a `Ladder`."""
