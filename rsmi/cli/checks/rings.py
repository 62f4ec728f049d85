"""Information on a large lattice: exact conditionals p(v | ring), averaged over sampled rings."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from rsmi.cli.checks.check import Check
from rsmi.information import Estimate, block_labels, sampled_information
from rsmi.lattice import Window
from rsmi.learning import load_filter
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.sampling.exact import ring_posterior

_SOURCE = "transfer matrices on 32x32 rings, independent program, error about 1e-3"
_KNOWN_TO = 5e-3  # five standard errors of the known values

_CHAINS, _RECORDS, _THIN = 64, 16, 4

# buffer: {rule: nats}
_RINGS = {
    1: {"full": 0.528, "majority": 0.406, "decimation": 0.337},
    2: {"full": 0.456, "majority": 0.369, "decimation": 0.305},
}


def rings() -> list[Check]:
    """Checks of the ring contraction on the critical 32x32 torus."""
    draw = cache(_configurations)
    checks = []
    for buffer, values in _RINGS.items():
        solve = cache(partial(_posterior, draw, buffer))
        checks += [
            Check(
                f"torus_32x32.buffer={buffer}.{rule}",
                "information",
                partial(_value, solve, rule),
                value,
                _KNOWN_TO,
                _SOURCE,
            )
            for rule, value in values.items()
        ]
    return checks


def _configurations() -> Tensor:
    """Critical configurations, record by record."""
    sampler = SwendsenWang(Ising((32, 32), CRITICAL_COUPLING), seed=32)
    state = sampler.initial(_CHAINS)
    sampler.advance(state, 0, 200)
    records = []
    for record in range(_RECORDS):
        sampler.advance(state, 200 + _THIN * record, _THIN)
        records.append(state.clone())
    return torch.cat(records)


def _posterior(draw: Callable[[], Tensor], buffer: int) -> tuple[Tensor, Tensor]:
    """Exact conditionals of every eighth window, with the block label of each."""
    configurations = draw()
    _, rings = Window((2, 2), buffer).cut(configurations)
    chosen = rings[:, ::8].flatten(0, 1).contiguous()
    labels = block_labels(len(configurations), _CHAINS).repeat_interleave(rings.shape[1] // 8)
    return ring_posterior(chosen, CRITICAL_COUPLING, (2, 2), buffer), labels


def _value(solve: Callable[[], tuple[Tensor, Tensor]], rule: str) -> Estimate:
    posterior, labels = solve()
    if rule == "full":
        table = torch.eye(posterior.shape[1], dtype=torch.float64)
    else:
        table = load_filter(rule, (2, 2)).table()
    return sampled_information(posterior, table, labels)
