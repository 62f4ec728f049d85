"""Certified lower and upper values from samples."""
