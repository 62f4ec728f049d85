r"""Configurations at two temperatures, labelled by which one, with the entropy of the mixture.

.. math:: H(X) = \ln 2 + \tfrac12 \sum_k H_k - H(Y|X)

H_k is the exact entropy at each temperature, and p(y|x) depends on the energy alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.information import Estimate
from rsmi.layers import Inputs, drawn_inputs, enumerated_inputs, sampled_inputs
from rsmi.sampling import Ising, System
from rsmi.sampling.exact import kaufman
from studies.training import Labelled

_CHAINS = 64


@dataclass(frozen=True)
class Phases:
    """Inputs of a phase classifier.

    Args:
        inputs: What the layers are measured on.
        data: What the networks learn from: (n, L, L) float32 spins and the number of the
            temperature.
        best: Largest share of right answers, that of argmax p(y|x).
    """

    inputs: Inputs
    data: Labelled
    best: Estimate


def enumerated(shape: tuple[int, int], couplings: Sequence[float]) -> Phases:
    """Every configuration, once for each temperature."""
    inputs = enumerated_inputs(_systems(shape, couplings))
    batch = next(inputs.stream(1 << 20))
    assert batch.y is not None
    assert batch.weights is not None
    likeliest = posterior(batch.x, shape, couplings).amax(1)
    best = float((likeliest * batch.weights).sum() / batch.weights.sum())
    data = Labelled(batch.x, batch.y, batch.weights)
    return Phases(inputs, data, Estimate(best, 0.0, "exact", "1"))


def sampled(shape: tuple[int, int], couplings: Sequence[float], n: int, seed: int) -> Phases:
    """n configurations of each temperature, their chains side by side."""
    systems = _systems(shape, couplings)
    parts = [
        next(drawn_inputs(system, n, seed + place).stream(n)).x.view(-1, _CHAINS, *shape)
        for place, system in enumerate(systems)
    ]
    x = torch.cat(parts, 1).flatten(0, 1)
    chains = _CHAINS * len(couplings)
    y = torch.arange(len(couplings)).repeat_interleave(_CHAINS).repeat(len(x) // chains)
    p = posterior(x, shape, couplings)
    parts_known = sum(system.entropy().value for system in systems) / len(systems)
    unknown = _mean(torch.special.entr(p).sum(1), chains)
    whole = math.log(len(couplings)) + parts_known - unknown.value
    known = Estimate(whole, unknown.error, "estimate", n=len(x))
    inputs = sampled_inputs(x, y, entropy=known, chains=chains)
    return Phases(inputs, Labelled(x, y), _mean(p.amax(1), chains, "1"))


def posterior(x: Tensor, shape: tuple[int, int], couplings: Sequence[float]) -> Tensor:
    """p(y|x) of the equal mixture, exact, (n, couplings) float64."""
    energy = Ising(shape, 0.0).energy(x.to(torch.int8)).double()
    log_z = [kaufman(shape, k).log_partition for k in couplings]
    logits = [-k * energy - z for k, z in zip(couplings, log_z, strict=True)]
    return torch.stack(logits, 1).softmax(1)


def _systems(shape: tuple[int, int], couplings: Sequence[float]) -> list[System]:
    return [System(shape, temperature=1 / coupling) for coupling in couplings]


def _mean(values: Tensor, chains: int, unit: str = "nats") -> Estimate:
    """Mean over interleaved chains, with the error of their spread."""
    per_chain = values.view(-1, chains).mean(0)
    error = float(per_chain.std()) / math.sqrt(chains)
    return Estimate(float(per_chain.mean()), error, "estimate", unit, len(values))
