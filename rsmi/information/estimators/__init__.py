"""Estimators of mutual information from rows: one registry, one face."""
