"""Bytes depend on the seed alone: not on workers, on calls, on blocks or on other chains."""

import itertools
from collections.abc import Callable

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import (
    Ising,
    Metropolis,
    Multispin,
    SwendsenWang,
    Wolff,
    find_update,
    registry,
    sample_blocks,
)

After = Callable[..., torch.Tensor]
MODEL = Ising((6, 10), 0.42)


@pytest.mark.parametrize("name", registry)
def test_calls_do_not_matter(name: str, after: After) -> None:
    sampler = registry[name](MODEL, 4)
    assert torch.equal(after(sampler, 5, [12]), after(sampler, 5, [1, 4, 0, 7]))


@pytest.mark.parametrize("name", registry)
def test_seeds_and_sweeps_matter(name: str) -> None:
    sampler, other = registry[name](MODEL, 4), registry[name](MODEL, 5)
    assert not torch.equal(sampler.initial(2)[0], other.initial(2)[0])
    first, later, foreign = (sampler.initial(4) for _ in range(3))
    sampler.advance(first, 0, 1)
    sampler.advance(later, 2**32, 1)
    other.advance(foreign, 0, 1)
    assert not torch.equal(first, later)
    assert not torch.equal(first, foreign)


@pytest.mark.parametrize("name", registry)
def test_other_chains_do_not_matter(name: str, after: After) -> None:
    sampler = registry[name](MODEL, 4)
    few = after(sampler, 3, [9])
    assert torch.equal(few, after(sampler, 8, [9])[:3])
    assert len({bytes(chain.numpy()) for chain in few}) == 3


@pytest.mark.parametrize("shape", [(8, 8), (5, 7), (3, 3, 5)])
@pytest.mark.parametrize("workers", [2, 4, 7])
def test_workers_do_not_matter(shape: tuple[int, ...], workers: int, after: After) -> None:
    model = Ising(shape, 0.3)
    for name in ("swendsen_wang", "wolff"):
        alone = after(registry[name](model, 4), 6, [10])
        assert torch.equal(alone, after(registry[name](model, 4, workers=workers), 6, [10]))


@pytest.mark.parametrize("shape", [(8, 8), (10,), (4, 4, 6), (64, 16)])
@pytest.mark.parametrize("workers", [2, 4, 7])
def test_workers_do_not_matter_to_packed_chains(
    shape: tuple[int, ...], workers: int, after: After
) -> None:
    model = Ising(shape, 0.3)
    alone = after(Multispin(model, 4), 170, [10])
    assert torch.equal(alone, after(Multispin(model, 4, workers), 170, [10]))


@pytest.mark.parametrize("name", registry)
def test_blocks_do_not_matter(name: str) -> None:
    def stream(records: int, blocks: int) -> torch.Tensor:
        sampler = registry[name](MODEL, 4)
        taken = sample_blocks(sampler, sampler.initial(3), 0, 2, records)
        return torch.cat([spins for spins, _ in itertools.islice(taken, blocks)])

    assert torch.equal(stream(1, 6), stream(3, 2))


@pytest.mark.parametrize("name", registry)
def test_a_run_goes_on_from_its_last_record(name: str) -> None:
    sampler = registry[name](MODEL, 4)
    blocks = sample_blocks(sampler, sampler.initial(3), 0, 2, 5)
    first, second = (spins for spins, _ in itertools.islice(blocks, 2))
    resumed, _ = next(sample_blocks(sampler, first[-3:].clone(), 10, 2, 5))
    assert torch.equal(resumed, second)


def test_blocks_are_in_record_major_order_with_their_observables(after: After) -> None:
    sampler = SwendsenWang(MODEL, 4)
    spins, seen = next(sample_blocks(sampler, sampler.initial(3), 0, 2, 4))
    state = after(sampler, 3, [4])
    assert spins.shape == (12, 6, 10)
    assert torch.equal(spins[3:6], state)
    assert torch.equal(seen["energy"][3:6], MODEL.energy(state))
    assert torch.equal(seen["magnetisation"][3:6], MODEL.magnetisation(state))


def test_starts_are_hot_and_cold_in_turn() -> None:
    state = SwendsenWang(Ising((32, 32), 0.4), 1).initial(4)
    assert (state[1::2] == 1).all()
    assert (state.abs() == 1).all()
    assert (state[::2].float().mean((1, 2)).abs() < 4.9 / 32).all()


def test_bad_requests() -> None:
    sampler = SwendsenWang(MODEL, 4)
    state = sampler.initial(2)
    with pytest.raises(InputError, match="chains is 0; expected at least 1"):
        sampler.initial(0)
    with pytest.raises(InputError, match=r"expected torch\.int8 of shape"):
        sampler.advance(state[:, :3], 0, 1)
    with pytest.raises(InputError, match=r"not contiguous.*use .contiguous\(\)"):
        sampler.advance(torch.ones(2, 10, 6, dtype=torch.int8).mT, 0, 1)
    with pytest.raises(InputError, match="sweeps -1 to 0 were asked for"):
        sampler.advance(state, -1, 1)
    with pytest.raises(InputError, match="state is on meta; SwendsenWang runs on the CPU"):
        sampler.advance(state.to("meta"), 0, 1)
    with pytest.raises(InputError, match="thin is 0 and records_per_block is 1"):
        sample_blocks(sampler, state, 0, 0, 1)


def test_bad_samplers() -> None:
    with pytest.raises(InputError, match=r"coupling is -0.1; Swendsen-Wang needs K >= 0.*metropol"):
        SwendsenWang(Ising((4, 4), -0.1), 1)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        SwendsenWang(MODEL, 1, workers=0)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        Wolff(MODEL, 1, workers=0)
    with pytest.raises(InputError, match=r"coupling is -0.1; Wolff needs K >= 0.*'metropolis'"):
        Wolff(Ising((4, 4), -0.1), 1)
    with pytest.raises(InputError, match=r"shape is \(4, 5\); the checkerboard update needs even"):
        Metropolis(Ising((4, 5), 0.1), 1)
    with pytest.raises(InputError, match="update is 'wolf'; did you mean 'wolff'"):
        find_update("wolf")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_metropolis_gives_the_same_bytes_on_cuda(after: After) -> None:
    sampler = Metropolis(MODEL, 4)
    state = sampler.initial(5).cuda()
    sampler.advance(state, 0, 30)
    assert torch.equal(state.cpu(), after(sampler, 5, [30]))
