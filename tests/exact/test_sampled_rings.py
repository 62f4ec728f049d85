"""The 32 x 32 torus: exact conditionals averaged over rings of sampled configurations."""

import math

import pytest
import torch

from rsmi.information import block_labels, sampled_information
from rsmi.lattice import Space, Window, place, states
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.exact import ring_posterior
from rsmi.sampling.ising import Ising
from rsmi.sampling.swendsen_wang import SwendsenWang

K_C = math.log(1 + math.sqrt(2)) / 2
CHAINS, RECORDS, SWEEPS, POSITIONS = 32, 20, 10, 64
REFERENCE_ERROR = 1e-3
SIGMAS = 4.9


@pytest.fixture(scope="module")
def configurations():
    sampler = SwendsenWang(Ising((32, 32), K_C), seed=5)
    state = sampler.initial(chains=CHAINS)
    records = []
    for record in range(RECORDS + 5):
        sampler.advance(state, first_sweep=record * SWEEPS, sweeps=SWEEPS)
        records.append(state.clone())
    return torch.cat(records[5:])


@pytest.mark.parametrize(
    ("buffer", "full", "majority", "decimation"),
    [(1, 0.528, 0.406, 0.337), (2, 0.456, 0.369, 0.305)],
)
def test_information_of_a_large_torus(configurations, buffer, full, majority, decimation):
    placed = place(Window((2, 2), buffer), Space.hypercubic((32, 32), SPIN))
    rings = placed.cut(configurations)[1][:, :: 1024 // POSITIONS].flatten(0, 1).contiguous()
    posterior = ring_posterior(rings, K_C, (2, 2), buffer)
    labels = block_labels(len(configurations), CHAINS).repeat_interleave(POSITIONS)
    v = states(4).double()
    up = 0.5 * (1 + torch.stack([v.sum(1).sign(), v[:, 0]]))
    tables = [torch.eye(16), *torch.stack([1 - up, up], 2)]
    for table, expected in zip(tables, (full, majority, decimation), strict=True):
        found = sampled_information(posterior, table, labels)
        assert found.error < 0.01
        assert abs(found.value - expected) < SIGMAS * math.hypot(found.error, REFERENCE_ERROR)
    wrong = ring_posterior(rings, 1.05 * K_C, (2, 2), buffer)
    mutant = sampled_information(wrong, tables[0], labels)
    assert abs(mutant.value - full) > SIGMAS * math.hypot(mutant.error, REFERENCE_ERROR)
