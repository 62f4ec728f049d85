"""Known exact values, by section, for `rsmi verify` to recompute."""

from rsmi.cli.checks.check import Check, Outcome, evaluate
from rsmi.cli.checks.registry import SECTIONS

__all__ = ["SECTIONS", "Check", "Outcome", "evaluate"]
