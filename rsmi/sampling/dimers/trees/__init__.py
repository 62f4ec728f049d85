"""Exact sampling of free dimers through uniform spanning trees."""

from rsmi.sampling.dimers.trees.wilson import Wilson

__all__ = ["Wilson"]
