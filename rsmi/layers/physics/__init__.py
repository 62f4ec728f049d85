"""Inputs and layers from physics whose entropies are known."""
