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
from rsmi.layers import Inputs, enumerated_ising, ising_entropy, sampled_inputs, sampled_ising
from rsmi.sampling import Ising
from rsmi.sampling.exact import kaufman

_CHAINS = 64


@dataclass(frozen=True)
class Phases:
    """Inputs of a phase classifier.

    Args:
        inputs: What the layers are measured on.
        x: (n, L, L) float32 configurations.
        y: (n,) labels: number of the temperature.
        weights: (n,) probabilities of enumerated rows; None for samples.
    """

    inputs: Inputs
    x: Tensor
    y: Tensor
    weights: Tensor | None


def enumerated(shape: tuple[int, int], couplings: Sequence[float]) -> Phases:
    """Every configuration, once for each temperature."""
    inputs = enumerated_ising(shape, couplings)
    batch = next(inputs.stream(1 << 20))
    assert batch.y is not None
    return Phases(inputs, batch.x, batch.y, batch.weights)


def sampled(shape: tuple[int, int], couplings: Sequence[float], n: int, seed: int) -> Phases:
    """n configurations of each temperature, their chains side by side."""
    parts = [
        next(sampled_ising(shape, k, n, seed + place).stream(n)).x.view(-1, _CHAINS, *shape)
        for place, k in enumerate(couplings)
    ]
    x = torch.cat(parts, 1).flatten(0, 1)
    chains = _CHAINS * len(couplings)
    y = torch.arange(len(couplings)).repeat_interleave(_CHAINS).repeat(len(x) // chains)
    known = mixture_entropy(x, shape, couplings, chains)
    return Phases(sampled_inputs(x, y, entropy=known, chains=chains), x, y, None)


def mixture_entropy(
    x: Tensor, shape: tuple[int, int], couplings: Sequence[float], chains: int
) -> Estimate:
    """H(X) of the equal mixture; only H(Y|X) is averaged over the samples.

    Args:
        x: (n, L, L) samples of the mixture, of interleaved chains.
        shape: Extents.
        couplings: K of each temperature.
        chains: Over which the error is taken.
    """
    sites = math.prod(shape)
    log_z = [kaufman(shape, k).log_partition for k in couplings]
    energy = Ising(shape, 0.0).energy(x.to(torch.int8)).double()
    logits = torch.stack([-k * energy - z for k, z in zip(couplings, log_z, strict=True)], 1)
    p = logits.softmax(1)
    unknown = torch.special.entr(p).sum(1).view(-1, chains).mean(0)
    parts = sum(ising_entropy(shape, k).value for k in couplings) / len(couplings)
    value = math.log(len(couplings)) + parts - float(unknown.mean())
    error = float(unknown.std()) / math.sqrt(chains)
    assert value < sites * math.log(2)
    return Estimate(value, error, "estimate", n=len(x))
