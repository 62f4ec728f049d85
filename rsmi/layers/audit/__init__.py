"""Checks that catch nonsense before it is believed."""
