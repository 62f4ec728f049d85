"""The updates of the Ising model on graphs by name."""

from collections.abc import Mapping
from typing import Any

from rsmi.sampling.graphs.cluster_updates import GraphSwendsenWang, GraphWolff
from rsmi.sampling.graphs.heat_bath import GraphHeatBath
from rsmi.sampling.graphs.tempering import ParallelTempering
from rsmi.sampling.select import Update, compiled

registry: Mapping[str, Update[Any]] = {
    "heat_bath": compiled(GraphHeatBath),
    "swendsen_wang": compiled(GraphSwendsenWang),
    "wolff": compiled(GraphWolff),
    "parallel_tempering": compiled(ParallelTempering),
}
"""Update name -> update, the default first; parallel_tempering takes a `Ladder`."""
