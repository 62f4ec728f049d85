"""Worm updates of free, interacting and decorated dimers."""

from rsmi.sampling.dimers.worms.decorated import DecoratedWorm
from rsmi.sampling.dimers.worms.monomers import monomer_visits
from rsmi.sampling.dimers.worms.worm import Worm

__all__ = ["DecoratedWorm", "Worm", "monomer_visits"]
