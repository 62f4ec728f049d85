"""Configurations on disk: write, resume, verify, open whoever wrote them, and stream."""

from rsmi.storage.drawn import DrawnSamples
from rsmi.storage.generation import generate
from rsmi.storage.generator import Generator, write_samples
from rsmi.storage.grid import SampleGrid
from rsmi.storage.header import SampleHeader
from rsmi.storage.interface import Samples
from rsmi.storage.opening import Selection, open_arrays, open_samples, opened, points_of, samples_of
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.shards import sample_grid
from rsmi.storage.source import check_lattice, check_source
from rsmi.storage.stream import Subset, iterate, split
from rsmi.storage.summary import Summary, describe, describe_grid
from rsmi.storage.tasks import Cluster, Job
from rsmi.storage.verification import FileReport, verify
from rsmi.storage.writer import SampleWriter

__all__ = [
    "Cluster",
    "DrawnSamples",
    "FileReport",
    "Generator",
    "Job",
    "SampleGrid",
    "SampleHeader",
    "SampleRecipe",
    "SampleWriter",
    "Samples",
    "Selection",
    "Subset",
    "Summary",
    "check_lattice",
    "check_source",
    "describe",
    "describe_grid",
    "generate",
    "iterate",
    "open_arrays",
    "open_samples",
    "opened",
    "points_of",
    "sample_grid",
    "samples_of",
    "split",
    "verify",
    "write_samples",
]
