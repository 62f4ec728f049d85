"""Layers with known noise."""
