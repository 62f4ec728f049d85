"""Bytes depend on the seed alone: not on workers, on calls or on other chains."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import equilibrate
from rsmi.sampling.dimers import DecoratedDimers, DecoratedWorm, Dimers, Wilson, Worm

After = Callable[..., torch.Tensor]
CASES = [
    (Worm, Dimers((6, 8))),
    (Worm, Dimers((6, 8), 1.2)),
    (Worm, Dimers((4, 6), lattice="honeycomb")),
    (Worm, Dimers((4, 4, 4), 2.0, "cubic")),
    (Wilson, Dimers((9, 11), boundary="corner")),
    (DecoratedWorm, DecoratedDimers(Dimers((6, 8), 2.0), 1.5)),
]


@pytest.mark.parametrize(("kind", "model"), CASES, ids=str)
def test_bytes(kind: Any, model: Any, after: After) -> None:
    sampler = kind(model, 4)
    alone = after(sampler, 6, [12])
    assert torch.equal(alone, after(sampler, 6, [1, 4, 0, 7]))
    for workers in (2, 4):
        assert torch.equal(alone, after(kind(model, 4, workers), 6, [12]))
    assert torch.equal(alone[:4], after(sampler, 4, [12]))
    assert len({bytes(chain.numpy()) for chain in alone}) == 6


@pytest.mark.parametrize(("kind", "model"), CASES, ids=str)
def test_seeds_and_sweeps_matter(kind: Any, model: Any) -> None:
    sampler, other = kind(model, 4), kind(model, 5)
    assert not torch.equal(sampler.initial(2)[0], other.initial(2)[0])
    first, later, foreign = (sampler.initial(4) for _ in range(3))
    sampler.advance(first, 0, 1)
    sampler.advance(later, 2**32, 1)
    other.advance(foreign, 0, 1)
    assert not torch.equal(first, later)
    assert not torch.equal(first, foreign)


def test_starts_are_hot_and_cold_in_turn() -> None:
    model = Dimers((16, 16), 1.0)
    energy = model.energy(Worm(model, seed=1).initial(4))
    assert energy[1::2].tolist() == [-128, -128]
    assert (energy[::2] > -100).all()


def test_equilibration_works_with_worms() -> None:
    sampler = Worm(Dimers((8, 8), 1.5), seed=2)
    state = sampler.initial(8)
    assert equilibrate(sampler, state).equilibrated
    sampler.model.check(state)


@pytest.mark.parametrize(("kind", "model"), CASES, ids=str)
def test_bad_requests(kind: Any, model: Any) -> None:
    sampler = kind(model, 4)
    state = sampler.initial(2)
    with pytest.raises(InputError, match="chains is 0; expected at least 1"):
        sampler.initial(0)
    with pytest.raises(InputError, match=r"expected torch\.int8 of shape"):
        sampler.advance(state[:, :1], 0, 1)
    with pytest.raises(InputError, match=r"not contiguous.*use .contiguous\(\)"):
        sampler.advance(torch.cat([state, state], -1)[..., : model.shape[-1]], 0, 1)
    with pytest.raises(InputError, match="sweeps -1 to 0 were asked for"):
        sampler.advance(state, -1, 1)
    with pytest.raises(InputError, match="state is on meta; the dimer updates run on the CPU"):
        sampler.advance(state.to("meta"), 0, 1)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        kind(model, 4, workers=0)
    with pytest.raises(InputError, match="seed is -1; expected 0 <= seed"):
        kind(model, -1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_state_that_is_no_covering(workers: int) -> None:
    sampler = Worm(Dimers((4, 4)), 4, workers)
    state = sampler.initial(5)
    state[3] = -1
    with pytest.raises(InputError, match="configuration 3 is no perfect matching"):
        sampler.advance(state, 0, 1)


def test_bad_samplers() -> None:
    with pytest.raises(InputError, match="worms is 0; expected at least 1"):
        Worm(Dimers((4, 4)), 1, worms=0)
    with pytest.raises(InputError, match=r"boundary is 'torus'.*use the update Worm"):
        Wilson(Dimers((4, 4)), 1)
    with pytest.raises(InputError, match=r"temperature 2\.0; exact sampling needs free dimers"):
        Wilson(Dimers((5, 5), 2.0, boundary="corner"), 1)
