"""`rsmi layers`: what each layer of a network forgets, for one's own networks and in studies."""

from rsmi.cli.layers.command import main

__all__ = ["main"]
