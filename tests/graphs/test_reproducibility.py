"""Bytes depend on the seed alone; models and samplers refuse what they cannot do."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice.graphs import graph_lattice
from rsmi.sampling import Model, Sampler, sample_blocks
from rsmi.sampling.graphs import (
    GraphHeatBath,
    GraphIsing,
    GraphSwendsenWang,
    GraphWolff,
    Ladder,
    ParallelTempering,
    dilute_sites,
    gaussian_bonds,
    geometric_ladder,
    registry,
)

After = Callable[..., torch.Tensor]
KAGOME = graph_lattice("kagome", (4, 3))
DILUTED = GraphIsing(KAGOME, 0.5, occupied=dilute_sites(KAGOME, 0.8, 1))
GLASS = GraphIsing(KAGOME, 1.0, bonds=gaussian_bonds(KAGOME, 1))
MODELS: dict[str, Any] = dict.fromkeys(registry, DILUTED) | {
    "heat_bath": GLASS,
    "parallel_tempering": Ladder(GLASS, (0.5, 1.0, 2.0)),
}


def make(name: str, seed: int = 4, workers: int = 1) -> Sampler:
    return registry[name](MODELS[name], seed, workers=workers)


@pytest.mark.parametrize("name", registry)
def test_calls_and_other_chains_and_workers_do_not_matter(name: str, after: After) -> None:
    alone = after(make(name), 5, [12])
    assert torch.equal(alone, after(make(name), 5, [1, 4, 0, 7]))
    assert torch.equal(alone[:3], after(make(name), 3, [12]))
    for workers in (2, 4):
        assert torch.equal(alone, after(make(name, workers=workers), 5, [12]))
    assert len({bytes(chain.numpy()) for chain in alone}) == 5


@pytest.mark.parametrize("name", registry)
def test_seeds_and_sweeps_matter(name: str) -> None:
    first, later, foreign = (make(name).initial(4) for _ in range(3))
    make(name).advance(first, 0, 3)
    make(name).advance(later, 2**32, 3)
    make(name, seed=5).advance(foreign, 0, 3)
    assert not torch.equal(first, later)
    assert not torch.equal(first, foreign)


@pytest.mark.parametrize("name", registry)
def test_a_run_goes_on_from_its_last_record(name: str) -> None:
    sampler = make(name)
    blocks = sample_blocks(sampler, sampler.initial(3), 0, 2, 5)
    first, second = (spins for spins, _ in itertools.islice(blocks, 2))
    resumed, seen = next(sample_blocks(sampler, first[-3:].clone(), 10, 2, 5))
    assert torch.equal(resumed, second)
    assert torch.equal(seen["energy"], sampler.model.energy(second))


def test_models_have_energies_and_magnetisations() -> None:
    model: Model = DILUTED
    up = make("swendsen_wang").initial(2)[1:]
    spins = int(DILUTED.present.sum())
    assert model.magnetisation(up).tolist() == [spins]
    bonds = DILUTED.present[KAGOME.edges].all(axis=1).sum()
    assert model.energy(up).tolist() == [-bonds]
    assert model.energy(up).dtype == torch.int64
    assert GLASS.energy(up.abs()).dtype == torch.float64
    ladder: Ladder = MODELS["parallel_tempering"]
    state = make("parallel_tempering").initial(2)
    assert torch.equal(ladder.energy(state), ladder.energies(state).sum(1))
    assert torch.equal(ladder.energies(state)[:, 1], GLASS.energy(state[:, 1]))
    assert torch.equal(ladder.magnetisations(state)[:, 1], GLASS.magnetisation(state[:, 1]))
    assert torch.equal(ladder.magnetisation(state), ladder.magnetisations(state).sum(1))


def test_starts() -> None:
    for name in registry:
        state = make(name).initial(4)
        assert (state[1::2] == state[1::2].abs()).all()
        assert not torch.equal(state[0], state[2])
    assert (make("wolff").initial(2).flatten(1)[:, ~DILUTED.present] == 0).all()


def test_frustrated_and_field_models_are_sent_to_the_right_update() -> None:
    antiferromagnet = GraphIsing(KAGOME, 0.5, bonds=-1.0)
    for update in (GraphSwendsenWang, GraphWolff):
        with pytest.raises(InputError, match=r"bonds are frustrated \(edge .*parallel_tempering"):
            update(antiferromagnet, 1)
        with pytest.raises(InputError, match=r"the model has a field.*use the update 'heat_bath'"):
            update(GraphIsing(KAGOME, 0.5, field=0.1), 1)


def test_bad_models() -> None:
    with pytest.raises(InputError, match="coupling is nan; expected a finite number K = J / T"):
        GraphIsing(KAGOME, math.nan)
    with pytest.raises(InputError, match=r"coupling is -0\.5.*make bonds negative"):
        GraphIsing(KAGOME, -0.5)
    with pytest.raises(InputError, match=r"coupling 1e\+308 times the largest energy 72 overflows"):
        GraphIsing(KAGOME, 1e308)
    with pytest.raises(InputError, match=r"bonds has shape \(3,\); expected one number, or one"):
        GraphIsing(KAGOME, 0.5, bonds=np.ones(3))
    with pytest.raises(InputError, match=r"field holds 1 value\(s\) that are not finite"):
        GraphIsing(KAGOME, 0.5, field=math.inf)
    with pytest.raises(InputError, match=r"occupied has shape \(2,\); expected one True or False"):
        GraphIsing(KAGOME, 0.5, occupied=np.ones(2, dtype=bool))
    with pytest.raises(InputError, match=r"temperatures are \[1.0\]; expected at least two"):
        Ladder(GLASS, (1.0,))
    with pytest.raises(InputError, match="at least two positive numbers in increasing order"):
        Ladder(GLASS, (1.0, 0.5))
    with pytest.raises(InputError, match="a ladder of 1 temperatures from 1 to 2"):
        geometric_ladder(1, 2, 1)


def test_bad_requests() -> None:
    sampler = GraphHeatBath(DILUTED, 1)
    state = sampler.initial(2)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        GraphHeatBath(DILUTED, 1, workers=0)
    with pytest.raises(InputError, match="chains is 0; expected at least 1"):
        sampler.initial(0)
    with pytest.raises(InputError, match=r"expected torch\.int8 of shape \(n, 4, 3, 3\)"):
        sampler.advance(state[:, :2].contiguous(), 0, 1)
    with pytest.raises(InputError, match=r"not contiguous.*use .contiguous\(\)"):
        sampler.advance(state.transpose(2, 3), 0, 1)
    with pytest.raises(InputError, match="sweeps -1 to 0 were asked for"):
        sampler.advance(state, -1, 1)
    with pytest.raises(InputError, match="hold values from 2 to 2; expected -1 to 1"):
        sampler.advance(torch.full_like(state, 2), 0, 1)
    with pytest.raises(InputError, match="configurations are on meta; this model works on the CPU"):
        sampler.advance(state.to("meta"), 0, 1)
    ladder = ParallelTempering(MODELS["parallel_tempering"], 1)
    with pytest.raises(InputError, match="one copy for each temperature"):
        ladder.model.energies(state)
