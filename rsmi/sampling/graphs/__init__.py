"""Ising models on any graph: frustrated, random, diluted, in a field, and their updates."""

from rsmi.sampling.graphs.cluster_updates import GraphSwendsenWang, GraphWolff
from rsmi.sampling.graphs.disorder import (
    bimodal_bonds,
    dilute_bonds,
    dilute_sites,
    gaussian_bonds,
)
from rsmi.sampling.graphs.frustration import frustrated_edge
from rsmi.sampling.graphs.heat_bath import GraphHeatBath
from rsmi.sampling.graphs.ladder import Ladder, geometric_ladder
from rsmi.sampling.graphs.model import GraphIsing
from rsmi.sampling.graphs.registry import registry
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.graphs.tempering import ParallelTempering, SwapReport

__all__ = [
    "GraphHeatBath",
    "GraphIsing",
    "GraphStream",
    "GraphSwendsenWang",
    "GraphWolff",
    "Ladder",
    "ParallelTempering",
    "SwapReport",
    "bimodal_bonds",
    "dilute_bonds",
    "dilute_sites",
    "frustrated_edge",
    "gaussian_bonds",
    "geometric_ladder",
    "registry",
]
