"""Run benchmarks by name and print one line of a markdown table for each.

python benchmarks/run.py NAME [NAME ...]
"""

import datetime
import importlib
import os
import sys

NAMES = (
    "rings",
    "stability",
    "optimum",
    "learned",
    "blocks",
    "swendsen_wang",
    "tricritical",
    "pipeline",
    "storage",
    "streaming",
    "layers",
    "cores",
)


def main(names: list[str]) -> int:
    if not names or any(name not in NAMES for name in names):
        sys.stderr.write(f"usage: python benchmarks/run.py NAME ... with {', '.join(NAMES)}\n")
        return 2
    for name in names:
        print(line(name), flush=True)
    return 0


def line(name: str) -> str:
    """The benchmark's line: command, machine, load, date, result, peer, ratio."""
    found = importlib.import_module(name).main()
    load = f"{os.getloadavg()[0]:.1f}"
    command = f"`python benchmarks/run.py {name}`"
    cells = (command, load, str(datetime.date.today()), found.result, found.peer, found.ratio)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
