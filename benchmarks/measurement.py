"""What every benchmark shares: the clock, the line it prints, and samples drawn once."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rsmi.storage import SampleRecipe, generate

SCRATCH = Path(tempfile.gettempdir()) / "rsmi_benchmarks"
WORKERS = 2


@dataclass(frozen=True)
class Measurement:
    """One line of the table.

    Args:
        result: The number that was asked for.
        peer: What it is compared with, and the peer's number.
        ratio: Result over peer, as text.
    """

    result: str
    peer: str
    ratio: str


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Shortest wall-clock time of a few runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def critical_samples(side: int, records: int) -> Path:
    """Critical configurations of 64 chains; drawn by the first benchmark that needs them."""
    path = SCRATCH / f"critical_{side}_{records}.h5"
    recipe = SampleRecipe(
        shape=(side, side), temperature="critical", chains=64, records=records, seed=1
    )
    generate(recipe, path, workers=WORKERS, resume=True)
    return path
