"""Print the coverage tables of docs/trust.md: how often stated errors and refusals are right.

python benchmarks/trust.py with any of the names below; without, all of them.

All of them take some hours of one core.
"""

import sys

from coverage_couplings import couplings, truncation
from coverage_exponents import bars, exponents, flows, letters
from coverage_information import information
from coverage_layers import layers
from coverage_operators import operators
from coverage_rules import rules
from coverage_scaling import scaling, threshold
from coverage_sources import sources
from coverage_training import training

TABLES = {
    "couplings": couplings,
    "truncation": truncation,
    "exponents": exponents,
    "letters": letters,
    "bars": bars,
    "flows": flows,
    "information": information,
    "layers": layers,
    "training": training,
    "sources": sources,
    "rules": rules,
    "scaling": scaling,
    "percolation": threshold,
    "operators": operators,
}


def main(names: list[str]) -> int:
    if any(name not in TABLES for name in names):
        sys.stderr.write(f"usage: python benchmarks/trust.py with any of {', '.join(TABLES)}\n")
        return 2
    for name in names or TABLES:
        TABLES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
