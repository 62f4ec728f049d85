"""Configurations on disk: write, resume, verify, open whoever wrote them, and stream."""

from rsmi.storage.generation import generate
from rsmi.storage.header import SampleHeader
from rsmi.storage.interface import Samples
from rsmi.storage.opening import open_samples
from rsmi.storage.recipe import SampleRecipe
from rsmi.storage.stream import Subset, iterate, split
from rsmi.storage.verification import FileReport, verify
from rsmi.storage.writer import SampleWriter

__all__ = [
    "FileReport",
    "SampleHeader",
    "SampleRecipe",
    "SampleWriter",
    "Samples",
    "Subset",
    "generate",
    "iterate",
    "open_samples",
    "split",
    "verify",
]
