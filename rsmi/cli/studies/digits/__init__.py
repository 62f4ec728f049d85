"""Handwritten digits of scikit-learn: an MLP and a CNN, as they are, quantised and noisy."""

from rsmi.cli.studies.digits.study import main

__all__ = ["main"]
