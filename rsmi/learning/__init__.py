"""Filters, and the Lightning modules that learn them.

The modules that need Lightning are imported by name: `rsmi.learning.rsmi`, `rsmi.learning.data`
and `rsmi.learning.learn`, so that rules can be used without it.
"""

from rsmi.learning.filters import (
    Filter,
    LinearFilter,
    TableFilter,
    TrainableTable,
    decimation,
    majority,
)
from rsmi.learning.store import load_filter, read_card, rule_has_digest, save_filter

__all__ = [
    "Filter",
    "LinearFilter",
    "TableFilter",
    "TrainableTable",
    "decimation",
    "load_filter",
    "majority",
    "read_card",
    "rule_has_digest",
    "save_filter",
]
