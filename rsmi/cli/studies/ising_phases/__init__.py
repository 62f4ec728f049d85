"""Networks that tell the phases of the Ising model apart, beside RG layers of equal widths."""

from rsmi.cli.studies.ising_phases.study import main

__all__ = ["main"]
