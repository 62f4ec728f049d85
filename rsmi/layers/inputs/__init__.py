"""What goes into a network, and controls whose answer is known."""

from rsmi.layers.inputs.batches import Batch, InputKind, Inputs
from rsmi.layers.inputs.finite import finite_inputs
from rsmi.layers.inputs.samples import file_inputs, loader_inputs, sampled_inputs

__all__ = [
    "Batch",
    "InputKind",
    "Inputs",
    "file_inputs",
    "finite_inputs",
    "loader_inputs",
    "sampled_inputs",
]
