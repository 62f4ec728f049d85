"""Experiments with claims of their own: `rsmi layers configs/layers_NAME.yaml` in a clone."""
