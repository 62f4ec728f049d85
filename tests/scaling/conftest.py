"""Points of a transition whose scaling functions are given."""

from collections.abc import Callable

import numpy as np
import pytest

from rsmi.information import Estimate
from rsmi.scaling import Point

CRITICAL, NU, BETA_OVER_NU = 2.0, 0.8, 0.2
SIZES, TEMPERATURES = (12, 16, 24, 32, 48), (1.9, 1.94, 1.97, 2.0, 2.03, 2.06, 2.1)
BLOCKS, NOISE = 64, 0.02

Family = Callable[..., list[Point]]


@pytest.fixture(scope="session")
def synthetic() -> Family:
    """Points of 64 blocks whose moments scatter around given scaling functions."""

    def draw(seed: int, sizes: tuple[int, ...] = SIZES, nu: float = NU) -> list[Point]:
        generator = np.random.default_rng(seed)
        return [_point(size, t, nu, generator) for size in sizes for t in TEMPERATURES]

    return draw


def _point(size: int, t: float, nu: float, generator: np.random.Generator) -> Point:
    x = (t / CRITICAL - 1) * size ** (1 / nu)
    cumulant, ratio = 0.61 - 0.2 * np.tanh(0.8 * x), 0.9 * np.exp(-0.25 * x)
    m = size**-BETA_OVER_NU * np.exp(-0.3 * x + 0.02 * x**2)
    m2 = 1.1 * m**2
    sine = 2 * np.sin(np.pi / size) * size
    means = np.array([m, m2, 3 * m2**2 * (1 - cumulant), m2 / (1 + (ratio * sine) ** 2)])
    shared = generator.normal(0, NOISE, (BLOCKS, 1)) * [1, 2, 4, -1]
    own = generator.normal(0, NOISE / 3, (BLOCKS, 4))
    series = means * (1 + shared + own)
    memory = Estimate(0.5, 0.0, "estimate", "records")
    return Point((size, size), size**2, t, series, np.arange(BLOCKS), None, memory)
