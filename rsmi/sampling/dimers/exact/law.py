"""The exact law of a small dimer model: every covering with its probability."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.sampling.dimers.exact.enumeration import coverings
from rsmi.sampling.dimers.model import Dimers


@dataclass(frozen=True)
class DimerLaw:
    """All coverings of a model, P = exp(-E / T) / Z.

    Args:
        configurations: bonds int8 (count, axes, *shape).
        probability: float64 (count,), sums to 1.
        log_partition: ln Z; the entropy of the coverings for free dimers.
    """

    configurations: Tensor
    probability: Tensor
    log_partition: float

    def mean(self, values: Tensor) -> float:
        """Exact mean of an observable, given its value in each configuration (count,)."""
        return float((self.probability * values.to(torch.float64)).sum())


def dimer_law(model: Dimers) -> DimerLaw:
    """Enumerate a small model.

    Args:
        model: at most 40 sites and two million coverings.

    Raises:
        InputError: the lattice is too large.

    >>> law = dimer_law(Dimers((4, 4), temperature=2.0))
    >>> round(law.mean(Dimers((4, 4)).energy(law.configurations)) / 16, 9)
    -0.30981566
    """
    states = coverings(model.geometry)
    exponent = -model.coupling * model.energy(states).to(torch.float64)
    log_partition = float(exponent.logsumexp(0))
    probability = (exponent - log_partition).exp()
    return DimerLaw(states, probability, log_partition)
