"""Bytes depend on the seed alone; models and samplers refuse what they cannot do."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import Model, Sampler, sample_blocks
from rsmi.sampling.potts import (
    BlumeCapel,
    BlumeCapelClusters,
    Potts,
    PottsHeatBath,
    PottsSwendsenWang,
    PottsWolff,
    blume_capel_registry,
    potts_registry,
)
from rsmi.sampling.potts.exact import (
    BLUME_CAPEL_TRICRITICAL,
    POTTS_2D,
    TRICRITICAL_ISING_2D,
    all_values,
    critical_coupling,
    critical_energy,
)

After = Callable[..., torch.Tensor]
Update = Callable[..., Sampler]
POTTS = Potts((5, 7), 4, 0.9)
SPIN_ONE = BlumeCapel((3, 4, 3), 0.6, 1.5)
UPDATES = [(update, POTTS) for update in potts_registry.values()]
CASES: list[tuple[Update, Model]] = [
    *UPDATES,
    *((update, SPIN_ONE) for update in blume_capel_registry.values()),
]


@pytest.mark.parametrize(("update", "model"), CASES)
def test_calls_and_other_chains_and_workers_do_not_matter(
    update: Update, model: Model, after: After
) -> None:
    alone = after(update(model, 4), 5, [12])
    assert torch.equal(alone, after(update(model, 4), 5, [1, 4, 0, 7]))
    assert torch.equal(alone[:3], after(update(model, 4), 3, [12]))
    for workers in (2, 4):
        assert torch.equal(alone, after(update(model, 4, workers=workers), 5, [12]))
    assert len({bytes(chain.numpy()) for chain in alone}) == 5


@pytest.mark.parametrize(("update", "model"), CASES)
def test_seeds_and_sweeps_matter(update: Update, model: Model) -> None:
    first, later, foreign = (update(model, 4).initial(4) for _ in range(3))
    update(model, 4).advance(first, 0, 5)
    update(model, 4).advance(later, 2**32, 5)
    update(model, 5).advance(foreign, 0, 5)
    assert not torch.equal(first, later)
    assert not torch.equal(first, foreign)


@pytest.mark.parametrize(("update", "model"), CASES)
def test_a_run_goes_on_from_its_last_record(update: Update, model: Model) -> None:
    sampler = update(model, 4)
    blocks = sample_blocks(sampler, sampler.initial(3), 0, 2, 5)
    first, second = (spins for spins, _ in itertools.islice(blocks, 2))
    resumed, seen = next(sample_blocks(sampler, first[-3:].clone(), 10, 2, 5))
    assert torch.equal(resumed, second)
    assert torch.equal(seen["energy"], model.energy(second))


def test_starts_are_hot_and_cold_in_turn() -> None:
    state = PottsWolff(Potts((32, 32), 3, 1.0), 1).initial(2)
    counts = Potts((32, 32), 3, 1.0).occupations(state)
    assert counts[1].tolist() == [1024, 0, 0]
    assert (counts[0] - 1024 / 3).abs().max() < 4.9 * math.sqrt(1024 * 2 / 9)
    spins = BlumeCapelClusters(SPIN_ONE, 1).initial(2)
    assert (spins[1] == 1).all()
    assert set(spins[0].unique().tolist()) == {-1, 0, 1}


def test_observables_by_hand() -> None:
    model = Potts((2, 2), 3, 1.0)
    states = torch.tensor([[[0, 0], [1, 2]], [[1, 1], [1, 1]]], dtype=torch.int8)
    assert model.energy(states).tolist() == [-2, -8]
    assert model.magnetisation(states).tolist() == [2, 8]
    spins = torch.tensor([[[0, 1], [1, -1]]], dtype=torch.int8)
    blume = BlumeCapel((2, 2), 1.0, 0.5)
    assert blume.energy(spins).tolist() == [0.5 * 3 + 4]
    assert blume.magnetisation(spins).tolist() == [1]


def test_critical_constants() -> None:
    assert critical_coupling(2) == pytest.approx(math.log(1 + math.sqrt(2)))
    assert 1 / critical_coupling(3) == pytest.approx(0.994973, abs=1e-6)
    assert critical_energy(2) == pytest.approx(-1 - 1 / math.sqrt(2))
    for exponents in (*POTTS_2D.values(), TRICRITICAL_ISING_2D):
        assert exponents["nu"] == pytest.approx(1 / exponents["y_t"])
        assert exponents["delta_epsilon"] == pytest.approx(2 - exponents["y_t"])
        assert exponents["delta_sigma"] == pytest.approx(2 - exponents["y_h"])
    assert abs(BLUME_CAPEL_TRICRITICAL["crystal_field"][0] - 1.966) < 0.001


def test_bad_models() -> None:
    with pytest.raises(InputError, match="states is 1; expected a whole number q from 2 to 127"):
        Potts((4, 4), 1, 1.0)
    with pytest.raises(InputError, match="states is 1; expected a whole number q of at least 2"):
        critical_coupling(1)
    with pytest.raises(InputError, match=r"coupling is nan; expected a finite number K = J / T"):
        Potts((4, 4), 3, math.nan)
    with pytest.raises(InputError, match=r"coupling is 200.* at most 150 in size.*overflows"):
        Potts((4, 4), 3, 200.0)
    with pytest.raises(InputError, match=r"shape is \(1, 4\); expected one integer of at least 2"):
        Potts((1, 4), 3, 1.0)
    with pytest.raises(InputError, match="temperature is 0; expected a finite number other than 0"):
        Potts.at_temperature((4, 4), 3, 0)
    with pytest.raises(InputError, match=r"coupling is -1\.0; expected a finite number K"):
        BlumeCapel((4, 4), -1.0, 1.0)
    with pytest.raises(InputError, match=r"crystal_field is inf.*tricritical near 1\.966"):
        BlumeCapel((4, 4), 1.0, math.inf)
    with pytest.raises(InputError, match=r"coupling 1e\+300 times crystal_field 1e\+10 overflows"):
        BlumeCapel((4, 4), 1e300, 1e10)
    with pytest.raises(InputError, match=r"16 sites with 3 values.*take a smaller lattice"):
        all_values(3, 16)


def test_bad_requests() -> None:
    for update in (PottsSwendsenWang, PottsWolff):
        with pytest.raises(InputError, match=r"needs K >= 0.*use the update 'heat_bath'"):
            update(Potts((4, 4), 3, -0.1), 1)
    sampler = PottsHeatBath(POTTS, 1)
    with pytest.raises(InputError, match="hold values from 5 to 5; expected 0 to 3"):
        sampler.advance(torch.full((2, 5, 7), 5, dtype=torch.int8), 0, 1)
    with pytest.raises(InputError, match="seed is -1"):
        PottsHeatBath(POTTS, -1)
