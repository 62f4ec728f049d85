"""The network 12-10-7-5-4-3-2: what it forgets, and what bins make of it."""

from rsmi.cli.studies.twelve_bits.study import main

__all__ = ["main"]
