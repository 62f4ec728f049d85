"""Geometry: lattices, windows on them, and states of groups of spins."""

from rsmi.lattice.alphabet import Alphabet
from rsmi.lattice.hypercubic import Hypercubic
from rsmi.lattice.placement import Placement, place
from rsmi.lattice.space import Space, Symmetry
from rsmi.lattice.states import coarse_shape, state_index, states, tile, word_index, words
from rsmi.lattice.window import Window

__all__ = [
    "Alphabet",
    "Hypercubic",
    "Placement",
    "Space",
    "Symmetry",
    "Window",
    "coarse_shape",
    "place",
    "state_index",
    "states",
    "tile",
    "word_index",
    "words",
]
