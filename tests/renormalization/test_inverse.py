"""The inverse of a rule: its chain is the model's own, and larger lattices are its samples."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from rsmi.cli.main import main
from rsmi.errors import InputError
from rsmi.lattice import word_index
from rsmi.learning import majority
from rsmi.renormalization import InversionResult, invert
from rsmi.renormalization.inverse import BlockLaw, Blocks, Inverter, log_ratio, tables
from rsmi.sampling import System
from rsmi.storage import samples_of

SEEDS = range(10)
CHANCE = 1e-6

Array = NDArray[np.float64]
Accepts = Callable[[Array, Array], Callable[..., Array]]

SYSTEMS = (
    (System((8,), "ising", 1.5), (2,)),
    (System((4, 2), "ising", 2.5), (2, 1)),
    (System((6,), "potts", 0.9, {"states": 3}), (2,)),
    (System((6,), "blume_capel", 0.8, {"crystal_field": 0.5}), (3,)),
)


def _inverter(system: System, block: tuple[int, ...], seed: int = 0) -> Inverter:
    """With a law that was never trained, and is far from the model's."""
    torch.manual_seed(seed)
    blocks = Blocks(system.space, block)
    law = BlockLaw(blocks, system.space.alphabet.size)
    with torch.no_grad():
        law.net[-1].weight *= 8
    return Inverter(blocks, law, tables(system))


def _law(system: System) -> tuple[NDArray[np.int64], Array]:
    """All configurations (n, n_sites) in the order of their numbers, and their probabilities."""
    letters, p = system.family.enumerate(system.built)
    flat = letters.flatten(1).long()
    order = word_index(flat, system.space.alphabet.size).argsort()
    return flat[order].numpy(), p[order].numpy()


def _kernel(inverter: Inverter, states: NDArray[np.int64], block: int, accepts: Accepts) -> Array:
    """(n, n) probabilities that one block is changed, from the functions that a sweep uses."""
    blocks, law = inverter.blocks, inverter.law
    around = states[:, blocks.around[[block]]].reshape(len(states), -1)
    fill = np.full((len(states), law.width - around.shape[1]), law.n_letters)
    different, which, offered = law.rows(np.concatenate([around, fill], 1))
    ratio = accepts(inverter.weights(different), offered)
    sites, q = blocks.sites[block], law.n_letters
    old = word_index(torch.from_numpy(states[:, sites]), q).numpy()
    numbers = np.arange(len(states))
    powers = q**sites
    found = np.zeros((len(states), len(states)))
    for new, word in enumerate(inverter.words):
        target = numbers + ((word - states[:, sites]) * powers).sum(1)
        taken = np.exp(np.minimum(ratio(which, old, np.full(len(old), new)), 0.0))
        chance = np.exp(offered[which, new]) * taken
        np.add.at(found, (numbers, target), chance)
        np.add.at(found, (numbers, numbers), np.exp(offered[which, new]) - chance)
    return found


def _always(weights: Array, offered: Array) -> Callable[..., Array]:
    """What is offered is taken."""
    return lambda row, old, new: np.zeros(len(row))


def _forgets_the_offer(weights: Array, offered: Array) -> Callable[..., Array]:
    """Metropolis without the ratio of the offers."""
    return log_ratio(weights, np.zeros_like(offered))


@pytest.mark.parametrize(("system", "block"), SYSTEMS, ids=str)
def test_every_block_keeps_the_detailed_balance_of_the_model(
    system: System, block: tuple[int, ...]
) -> None:
    inverter = _inverter(system, block)
    states, p = _law(system)
    for own in range(len(inverter.blocks.sites)):
        kernel = _kernel(inverter, states, own, log_ratio)
        assert np.abs(kernel.sum(1) - 1).max() < 1e-12
        flow = p[:, None] * kernel
        assert np.abs(flow - flow.T).max() < 1e-14


@pytest.mark.parametrize("mutant", [_always, _forgets_the_offer])
def test_without_the_correction_the_law_is_another(mutant: Accepts) -> None:
    system, block = SYSTEMS[0]
    inverter = _inverter(system, block)
    states, p = _law(system)
    kernel = _kernel(inverter, states, 0, mutant)
    assert np.abs(p @ kernel - p).max() > 1e-6


@pytest.mark.parametrize(("system", "block"), SYSTEMS, ids=str)
def test_sweeps_leave_samples_of_the_model_samples(system: System, block: tuple[int, ...]) -> None:
    inverter = _inverter(system, block)
    states, p = _law(system)
    assert _surprise(inverter, states, p) > CHANCE


def test_sweeps_without_correction_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsmi.renormalization.inverse.log_ratio", _always)
    system, block = SYSTEMS[0]
    assert _surprise(_inverter(system, block), *_law(system)) < CHANCE


def _surprise(inverter: Inverter, states: NDArray[np.int64], p: Array) -> float:
    """Chance of the chi^2 of exact samples after three sweeps, the least of ten, times ten."""
    found = []
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        letters = states[generator.choice(len(p), 20_000, p=p)]
        for _ in range(3):
            inverter.sweep(letters, generator)
        q = inverter.law.n_letters
        seen = np.bincount(word_index(torch.from_numpy(letters), q).numpy(), minlength=len(p))
        found.append(_chi_squared(seen, p * len(letters)))
    return min(found) * len(found)


def _chi_squared(seen: NDArray[np.int64], expected: Array) -> float:
    """Rare states are joined to one."""
    often = expected >= 5
    parts = [np.append(x[often], x[~often].sum()) for x in (seen.astype(float), expected)]
    parts = [x[: len(x) if parts[1][-1] >= 5 else -1] for x in parts]
    return float(chi2.sf(((parts[0] - parts[1]) ** 2 / parts[1]).sum(), len(parts[0]) - 1))


def test_weights_are_those_of_the_model_on_every_lattice() -> None:
    system = System((4, 4), "ising_graph", 3.0, {"lattice": "triangular", "field": 0.3})
    inverter = _inverter(system, (2, 2))
    letters = np.random.default_rng(0).integers(2, size=(50, 16))
    spins = torch.from_numpy(2 * letters - 1).to(torch.int8)
    energy = system.built.energy(spins.reshape(50, *system.family.stored_shape(system.built)))
    assert np.allclose(-inverter.exponents(letters) * 3.0, energy.double().numpy())
    around = letters[:, inverter.blocks.around[0]]
    fill = np.full((50, inverter.law.width - around.shape[1]), 2)
    weights = inverter.weights(np.concatenate([around, fill], 1))
    for new, word in list(enumerate(inverter.words))[::5]:
        changed = letters.copy()
        changed[:, inverter.blocks.sites[0]] = word
        difference = inverter.exponents(changed) - weights[:, new]
        first = inverter.exponents(_with(letters, inverter, 0)) - weights[:, 0]
        assert np.allclose(difference, first)


def _with(letters: NDArray[np.int64], inverter: Inverter, word: int) -> NDArray[np.int64]:
    changed = letters.copy()
    changed[:, inverter.blocks.sites[0]] = inverter.words[word]
    return changed


@pytest.mark.parametrize("cells", [(4, 4), (6, 6), (6, 8)])
def test_blocks_of_one_colour_are_not_joined(cells: tuple[int, int]) -> None:
    for lattice, block in product(("square", "triangular"), ((2, 2), (2, 1))):
        system = System(cells, "ising_graph", 3.0, {"lattice": lattice})
        blocks = Blocks(system.space, block)
        for own in blocks.colours:
            assert not np.isin(blocks.beside[own], own).any()
        assert sorted(np.concatenate(blocks.colours)) == list(range(len(blocks.sites)))


@pytest.fixture(scope="module")
def found() -> list[InversionResult]:
    """Lattices of 8 x 8 that are enlarged, over ten seeds."""
    system = System((8, 8))
    return [invert(system, chains=64, sweeps=16, steps=150, seed=seed) for seed in SEEDS]


def _far(found: list[InversionResult], shift: float = 0.0) -> float:
    """Chance of the sum of the deviations of the energies from their exact value."""
    energies = [q for r in found for q in r.quantities() if q.name == "invert.energy"]
    pulls = [(q.value + shift - float(q.reference or 0)) / q.error for q in energies]
    return float(2 * norm.sf(abs(np.sum(pulls)) / len(pulls) ** 0.5))


def test_larger_lattices_have_the_exact_energy(found: list[InversionResult]) -> None:
    assert all(r.levels[0].exact == pytest.approx(-1.4530648528) for r in found)
    assert _far(found) > CHANCE


def test_another_energy_would_be_noticed(found: list[InversionResult]) -> None:
    assert _far(found, shift=0.1) < CHANCE


def test_the_inverse_saves_sweeps(found: list[InversionResult]) -> None:
    for result in found:
        level = result.levels[0]
        assert level.settled(level.random).value > level.settled(level.inverted).value


def test_binder_agrees_with_direct_samples(found: list[InversionResult]) -> None:
    binder = [q for r in found for q in r.quantities() if q.name == "invert.binder"]
    pulls = [
        (q.value - float(q.reference or 0)) / np.hypot(q.error, q.reference_error) for q in binder
    ]
    assert float(2 * norm.sf(abs(np.sum(pulls)) / len(pulls) ** 0.5)) > CHANCE


def test_a_trained_law_is_taken_often(found: list[InversionResult]) -> None:
    assert min(r.levels[0].acceptance.value for r in found) > 0.7


def test_letters_of_three_kinds_and_two_levels() -> None:
    system = System((4,), "potts", 0.9, {"states": 3})
    result = invert(system, "plurality", levels=2, chains=32, sweeps=16, steps=50)
    assert [level.system.shape for level in result.levels] == [(8,), (16,)]
    assert result.letters.shape == (32, 16)
    assert set(result.letters.unique().tolist()) == {0, 1, 2}


def test_a_file_is_enlarged_and_written(
    found: list[InversionResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--shape", "[8, 8]", "--chains", "64", "--sweeps", "16", "--steps", "150"]
    out = tmp_path / "out"
    assert main(["invert", *small, "--seed", "0", "--out", str(out)]) == 0
    assert "16 x 16" in capsys.readouterr().out
    written = json.loads((out / "result.json").read_text())["quantities"]
    assert [q["value"] for q in written] == [q.value for q in found[0].quantities()]
    assert (out / "invert.png").is_file()
    assert "have to grow their correlations first" in (out / "report.html").read_text()
    with samples_of(out / "samples.h5") as samples:
        letters = samples.letters(0, samples.n).reshape(samples.n, -1)
        assert torch.equal(letters.long(), found[0].letters)
        energy = samples.observable("energy").mean() / 256
    assert energy == pytest.approx(found[0].levels[0].inverted[:, -1, 0].mean())
    again = invert(out / "samples.h5", chains=16, sweeps=8, steps=20)
    assert again.levels[0].system.shape == (32, 32)


@pytest.mark.parametrize(
    ("source", "asked", "message"),
    [
        (System((4, 4), "dimers", 1.0), {}, "no product over the bonds and sites"),
        (System((4, 4), "ising", "inf"), {}, "need no inverse of a rule"),
        (System((8, 8)), {"block": (2, 1)}, "same extent along every axis"),
        (System((8, 8)), {"block": (4, 4)}, "a block of 16 sites has 65536 words"),
        (System((2, 4)), {"rule": majority((2, 2))}, "expected at least 2 along each axis"),
        (System((8, 8)), {"sweeps": 0}, "sweeps is 0; expected a whole number of at least 8"),
        (System((8, 8)), {"seed": -1}, "seed is -1"),
    ],
)
def test_bad_input_is_explained(source: System, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        invert(source, **asked)  # type: ignore[arg-type]


def test_arrays_do_not_know_their_model() -> None:
    spins = np.random.default_rng(0).choice([-1, 1], (64, 4, 4))
    with (
        samples_of(spins, chains=64, space="spins on square [4, 4]") as samples,
        pytest.raises(InputError, match="does not know its model"),
    ):
        invert(samples, majority((2, 2)))
