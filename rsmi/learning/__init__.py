"""Rules, and the Lightning modules that learn them.

The modules that need Lightning are imported by name: `rsmi.learning.rsmi`, `rsmi.learning.data`
and `rsmi.learning.learn`, so that rules can be used without it.
"""

from rsmi.learning.classical import (
    CLASSICAL,
    block_alone,
    classical_for,
    columnar_field,
    decimation,
    electric_field,
    majority,
    named_rule,
)
from rsmi.learning.equivariance import Equivariance
from rsmi.learning.filters import (
    Filter,
    LinearFilter,
    TableFilter,
    TrainableTable,
    load_filter,
    save_filter,
)
from rsmi.learning.rules import (
    ConvRule,
    HardRule,
    LinearRule,
    LogitRule,
    MLPRule,
    NetworkRule,
    Rule,
    TableRule,
    make_rule,
    measure_symmetry,
    orientation,
)
from rsmi.learning.store import (
    describe_rule,
    load_rule,
    read_card,
    rule_has_digest,
    rule_name,
    save_rule,
)

__all__ = [
    "CLASSICAL",
    "ConvRule",
    "Equivariance",
    "Filter",
    "HardRule",
    "LinearFilter",
    "LinearRule",
    "LogitRule",
    "MLPRule",
    "NetworkRule",
    "Rule",
    "TableFilter",
    "TableRule",
    "TrainableTable",
    "block_alone",
    "classical_for",
    "columnar_field",
    "decimation",
    "describe_rule",
    "electric_field",
    "load_filter",
    "load_rule",
    "majority",
    "make_rule",
    "measure_symmetry",
    "named_rule",
    "orientation",
    "read_card",
    "rule_has_digest",
    "rule_name",
    "save_filter",
    "save_rule",
]
