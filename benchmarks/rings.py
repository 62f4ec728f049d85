"""Exact p(v | ring) of 100 000 rings with buffer 3, and against a direct sum with buffer 1."""

import torch
from measurement import WORKERS, Measurement, seconds
from torch import Tensor

from rsmi.lattice import states
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import ring_posterior

BLOCK = (2, 2)
K = CRITICAL_COUPLING


def main() -> Measurement:
    torch.set_num_threads(WORKERS)
    wide = random_rings(100_000, 3)
    ring_posterior(wide[:256], K, BLOCK, 3)
    time = seconds(lambda: ring_posterior(wide, K, BLOCK, 3))

    few, many = random_rings(256, 1), random_rings(50_000, 1)
    assert torch.allclose(direct_sum(few), ring_posterior(few, K, BLOCK, 1))
    peer = seconds(lambda: direct_sum(few)) / len(few)
    ours = seconds(lambda: ring_posterior(many, K, BLOCK, 1)) / len(many)
    return Measurement(
        f"{time:.1f} s for 100 000 rings, buffer 3",
        f"buffer 1: {1e6 * ours:.2f} us per ring; sum over all 2^16 states in torch "
        f"{1e6 * peer:.0f} us",
        f"{ours / peer:.1e}",
    )


def random_rings(n: int, buffer: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    size = 2 * sum(BLOCK) + 8 * buffer + 4
    return (2 * torch.randint(0, 2, (n, size), generator=generator) - 1).to(torch.int8)


def direct_sum(rings: Tensor) -> Tensor:
    """The definition, for buffer 1: all 2^16 states of the 4x4 patch inside the ring."""
    inside = states(16).double().view(-1, 4, 4)
    bonds = (inside[:, 1:] * inside[:, :-1]).sum((1, 2))
    bonds += (inside[:, :, 1:] * inside[:, :, :-1]).sum((1, 2))
    edges = torch.cat([inside[:, 0], inside[:, :, 0], inside[:, :, 3], inside[:, 3]], 1)
    block = ((inside[:, 1:3, 1:3].flatten(1) > 0) * torch.tensor([1, 2, 4, 8])).sum(1)
    # Rings are row-major: top row of 6, four pairs of sides, bottom row of 6.
    order = [1, 2, 3, 4, 6, 8, 10, 12, 7, 9, 11, 13, 15, 16, 17, 18]
    exponent = K * (bonds[:, None] + edges @ rings[:, order].double().T)
    weights = (exponent - exponent.max(0).values).exp()
    joint = torch.zeros(16, len(rings), dtype=torch.float64).index_add_(0, block, weights)
    return (joint / joint.sum(0)).T
