"""Exact laws by enumeration."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.sampling.dimers import Dimers, dimer_law

Numbers = NDArray[np.float64]


def covering_counts(states: torch.Tensor, samples: torch.Tensor) -> Numbers:
    """How often each state of a complete list was drawn; an unknown sample is an error."""
    number = {bytes(state.numpy()): index for index, state in enumerate(states)}
    seen = [number[bytes(sample.numpy())] for sample in samples]
    return np.bincount(seen, minlength=len(states)).astype(float)


@pytest.fixture
def covering_p_value(
    p_value: Callable[[Numbers, Numbers], float],
) -> Callable[[Dimers, torch.Tensor], float]:
    """p-value of independent configurations under the exact law of the model."""

    def test(model: Dimers, samples: torch.Tensor) -> float:
        law = dimer_law(model)
        counts = covering_counts(law.configurations, samples)
        return p_value(counts, law.probability.numpy())

    return test
