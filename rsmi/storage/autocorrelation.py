"""How long the kept records of each chain remember each other."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.sampling import correlation
from rsmi.storage.writer import SampleWriter


def autocorrelation_times(
    writer: SampleWriter, names: Iterable[str]
) -> dict[str, NDArray[np.float64]]:
    """Integrated times of observables by chain; the magnetisation is taken without its sign.

    Args:
        writer: Holds all records.
        names: Observables of the file.

    Returns:
        float64 (chains,) by name, in records; NaN where a chain is too short to tell.
    """
    found = {}
    for name in names:
        series = writer.observable(name).reshape(-1, writer.header.chains).T
        values = np.abs(series) if name == "magnetisation" else series
        found[name] = np.array([_time(chain) for chain in values])
    return found


def _time(series: NDArray[np.float64]) -> float:
    try:
        return correlation(series).time
    except (InputError, AnalysisError):
        return math.nan
