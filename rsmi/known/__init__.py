"""Somebody else's numbers, computed again by the installed code: what `rsmi verify` runs."""

from rsmi.known.checking import Check, Checked, Verification
from rsmi.known.sections import SECTIONS, check

__all__ = ["SECTIONS", "Check", "Checked", "Verification", "check"]
