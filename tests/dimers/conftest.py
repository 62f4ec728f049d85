"""Exact laws by enumeration, and the chi-square test that all dimer tests share."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2

from rsmi.sampling.dimers import Dimers, dimer_law

Numbers = NDArray[np.float64]


def chi_square_p_value(counts: Numbers, probability: Numbers) -> float:
    """p-value of counts; cells that expect fewer than 10 are put together."""
    expected = probability * counts.sum()
    rare = expected < 10
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    observed, expected = observed[expected > 1], expected[expected > 1]
    statistic = ((observed - expected) ** 2 / expected).sum()
    return float(chi2.sf(statistic, len(observed) - 1))


def covering_counts(states: torch.Tensor, samples: torch.Tensor) -> Numbers:
    """How often each state of a complete list was drawn; an unknown sample is an error."""
    number = {bytes(state.numpy()): index for index, state in enumerate(states)}
    seen = [number[bytes(sample.numpy())] for sample in samples]
    return np.bincount(seen, minlength=len(states)).astype(float)


@pytest.fixture
def p_value() -> Callable[[Numbers, Numbers], float]:
    """p-value of counts under a distribution."""
    return chi_square_p_value


@pytest.fixture
def covering_p_value() -> Callable[[Dimers, torch.Tensor], float]:
    """p-value of independent configurations under the exact law of the model."""

    def test(model: Dimers, samples: torch.Tensor) -> float:
        law = dimer_law(model)
        counts = covering_counts(law.configurations, samples)
        return chi_square_p_value(counts, law.probability.numpy())

    return test
