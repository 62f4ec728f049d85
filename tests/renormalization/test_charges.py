"""Charges of the height of dimers, monomers among them, and encoders of a sector."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from rsmi.errors import InputError
from rsmi.information import best_rule, rule_information
from rsmi.information.assignments import Action
from rsmi.lattice import Space, words
from rsmi.lattice.alphabet import clock
from rsmi.renormalization import charge_dimensions, learn_encoders, scaling_dimensions
from rsmi.renormalization.operators import encoders
from rsmi.sampling.dimers import DimerLattice, coverings, monomer_visits
from rsmi.storage import SampleRecipe, generate, samples_of

FALSE_ALARM = 1e-6
SIGMAS = float(norm.isf(FALSE_ALARM / 2))


@pytest.fixture(scope="module")
def dimers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Free dimers of two sizes."""
    folder = tmp_path_factory.mktemp("dimers")
    return [_drawn(folder, n, math.inf) for n in (8, 16)]


def _drawn(folder: Path, n: int, temperature: float, records: int = 60) -> Path:
    path = folder / f"{n}_{temperature}.h5"
    recipe = SampleRecipe(
        model="dimers", shape=(n, n), temperature=temperature, chains=64, records=records,
        thin=2, equilibration=40, seed=n,
    )  # fmt: skip
    generate(recipe, path)
    return path


def _remaining(lattice: DimerLattice, removed: set[int]) -> int:
    """Coverings of a lattice without some sites, one by one."""

    def count(free: frozenset[int]) -> int:
        if not free:
            return 1
        x = min(free)
        ends = [int(y) for y in lattice.neighbours[x] if int(y) in free]
        return sum(count(free - {x, y}) for y in ends)

    return count(frozenset(range(math.prod(lattice.shape))) - frozenset(removed))


def test_monomers_are_counted_as_often_as_there_are_coverings() -> None:
    lattice, n = DimerLattice((4, 4)), 40_000
    every = coverings(lattice)
    drawn = every[torch.randint(len(every), (n,))].contiguous()
    before = drawn.clone()
    seen = monomer_visits(lattice, drawn, seed=3).double().flatten(1)
    assert torch.equal(drawn, before)
    exact = [4 * _remaining(lattice, {0, y}) / len(every) for y in range(1, 16)]
    mean, error = seen.mean(0)[1:], (seen.std(0) / n**0.5)[1:]
    z = (mean - torch.tensor(exact)) / error.clamp(min=1e-12)
    assert z.abs().max() < SIGMAS
    # a mutant that leaves the start out: every worm begins beside its tail
    starts = torch.tensor([0.25 * (e == 1.0) for e in exact])
    assert ((mean - starts - torch.tensor(exact)) / error.clamp(min=1e-12)).abs().max() > SIGMAS


def test_monomers_of_a_piece_are_those_of_the_whole() -> None:
    lattice = DimerLattice((4, 4))
    some = coverings(lattice)[:6]
    whole = monomer_visits(lattice, some, seed=1)
    parts = [monomer_visits(lattice, some[i : i + 3], seed=1, first=i) for i in (0, 3)]
    assert torch.equal(whole, torch.cat(parts))
    with pytest.raises(InputError, match="correlations of monomers are counted on the square tor"):
        monomer_visits(DimerLattice((4, 4), boundary="open"), some)


def test_charges_follow_the_square_law(dimers: list[Path]) -> None:
    found = charge_dimensions(dimers, "electric")
    assert found.charges == (0.125, 0.25, 0.375, 0.5)
    assert abs(found.power.deviation(2.0)) < SIGMAS
    assert found.power.error < 0.02
    for charge, value in zip(found.charges, found.dimensions, strict=True):
        assert abs(value.deviation(charge**2)) < SIGMAS  # e^2 / 2g with g = 1/2
    assert found.plot().axes
    magnetic = charge_dimensions(dimers, "magnetic")
    assert abs(magnetic.dimensions[0].deviation(0.25)) < SIGMAS
    assert magnetic.dimensions[0].error < 0.05
    names = [q.name for q in magnetic.quantities()]
    assert names == ["operators.magnetic.dimension.1", "operators.magnetic.stiffness.1"]


def test_an_attraction_makes_the_height_stiffer(dimers: list[Path], tmp_path: Path) -> None:
    cold = [_drawn(tmp_path, n, 1.0) for n in (8, 16)]
    stiff, free = (charge_dimensions(files, "electric").stiffnesses[1] for files in (cold, dimers))
    assert stiff.value - free.value > SIGMAS * math.hypot(stiff.error, free.error)
    with pytest.raises(InputError, match=r"temperature 1.0; monomers are counted among free dim"):
        charge_dimensions(cold, "magnetic")


def test_columns_are_an_operator_at_a_momentum(dimers: list[Path]) -> None:
    found = scaling_dimensions(dimers, "all", reach=0.0, momentum=(0.5, 0.0))
    assert abs(found.dimensions[0].deviation(1.0)) < SIGMAS
    assert found.quantities()[0].context["momentum"] == [0.5, 0.0]
    assert found.known is None
    assert found.plot().axes


def test_letters_without_a_height_have_no_charges(samples: Path) -> None:
    coins = [torch.randint(0, 2, (64, n, n)) for n in (8, 16)]
    with pytest.raises(InputError, match="nothing is known of a height field of these samples"):
        charge_dimensions(coins, "electric")
    with samples_of(samples) as small:
        assert small.meaning is not None
        with pytest.raises(InputError, match="model ising has no height field; electric and magn"):
            small.meaning.heights(small.read(0, 1))
        with pytest.raises(InputError, match="model ising has no defects that can be counted"):
            small.meaning.defects(small.read(0, 1), 0, 0)
    with pytest.raises(InputError, match="the charge is 'red'; expected electric or magnetic"):
        charge_dimensions(coins, "red")  # type: ignore[arg-type]


def test_the_command_takes_charges(
    dimers: list[Path], rsmi: Callable[..., Any], tmp_path: Path
) -> None:
    files, out = f"[{dimers[0]},{dimers[1]}]", tmp_path / "out"
    said = rsmi("operators", "--data", files, "--charges", "electric", "--out", out)
    assert said.code == 0, said.err
    assert "dimensions grow with the charge to the power" in said.out
    assert (out / "report.html").exists()


@pytest.mark.parametrize("odd", [True, False])
def test_a_deflated_rule_is_the_best_of_all(odd: bool) -> None:
    """Against every pair of rules, on a posterior over the words of three spins."""
    generator = torch.Generator().manual_seed(4)
    posterior = torch.rand(40, 8, generator=generator, dtype=torch.float64).square()
    posterior = posterior / posterior.sum(1, keepdim=True)
    weights = torch.full((40,), 1 / 40, dtype=torch.float64)
    states = torch.stack([torch.arange(8), torch.arange(8).flip(0)])
    symbols = torch.tensor([[0, 1], [1, 0] if odd else [0, 1]])
    action = Action(states, symbols)
    none = torch.ones(8, 1, dtype=torch.float64)
    first = encoders._best(posterior, weights, none, action)
    table, _ = best_rule(posterior, weights, 2, action)
    assert torch.equal(first, table)
    second = encoders._best(posterior, weights, first, action)
    rules = [torch.tensor(bits) for bits in itertools.product((0, 1), repeat=4)]
    whole = [torch.cat([r, (1 - r if odd else r).flip(0)]) for r in rules]
    tables = torch.stack([torch.eye(2, dtype=torch.float64)[w] for w in whole])
    joint = encoders.together(first.expand(16, -1, -1), tables)
    best = float(rule_information(posterior, joint, weights).max())
    own = rule_information(posterior, encoders.together(first, second), weights)
    assert float(own) == pytest.approx(best, abs=1e-12)
    climbed = [_climbed_value(posterior, weights, first, action, start) for start in range(8)]
    assert max(climbed) == pytest.approx(best, abs=1e-12)


def _climbed_value(p: Any, w: Any, before: Any, action: Action, start: int) -> float:
    def values(free: Any) -> Any:
        tables = action.tables(action.complete(free))
        joint = encoders.together(before.expand(len(tables), -1, -1), tables)
        return rule_information(p, joint, w)

    return encoders._climbed(values, start, action)[1]


def test_encoders_belong_to_their_sector(samples: Path) -> None:
    quick = {"max_epochs": 2, "steps_per_epoch": 20, "hidden": (32,)}
    flipped = 15 - torch.arange(16)
    for sector in ("odd", "even"):
        found = learn_encoders(samples, sector, count=2, **quick)
        assert list(found.rules) == ["encoder 1", "encoder 2"]
        for rule in found.rules.values():
            p = rule.table()
            image = p[flipped]
            assert torch.equal(image.flip(1) if sector == "odd" else image, p)
            turned = words(2, 4)[:, [2, 0, 3, 1]] @ (2 ** torch.arange(4))
            assert torch.equal(p[turned], p)
        first, second = found.information.values()
        assert first.kind == "lower"
        assert second.kind == "estimate"
        assert first.value > 3 * first.error
        assert first.value > second.value
    # blocks that all agree tell most of the energy around them
    even = found.rules["encoder 1"].table()[:, 1]
    assert even[0] == even[15]
    assert even[0] != even[1]


def test_encoders_that_cannot_be(samples: Path) -> None:
    with pytest.raises(
        InputError, match=r"5 encoders of 2 symbols were asked for; expected 1 to 4"
    ):
        learn_encoders(samples, "odd", count=5)
    potts = torch.randint(0, 3, (64, 8, 8))
    with (
        samples_of(potts, chains=64, space=Space.of("square", (8, 8), clock(3))) as letters,
        pytest.raises(InputError, match=r"3 encoders of 3 symbols were asked for; expected 1 to 2"),
    ):
        learn_encoders(letters, "vector", count=3)


def test_learned_encoders_give_dimensions(tmp_path: Path) -> None:
    files = []
    for n in (8, 16):
        files.append(tmp_path / f"{n}.h5")
        recipe = SampleRecipe(
            shape=(n, n), temperature="critical", chains=64, records=100, thin=2,
            equilibration=64, seed=n,
        )  # fmt: skip
        generate(recipe, files[-1])
    quick = {"max_epochs": 2, "steps_per_epoch": 20, "hidden": (32,)}
    found = scaling_dimensions(files, "even", learn=1, **quick)
    assert found.basis.names == ("encoder 1",)
    assert abs(found.dimensions[0].deviation(1.0)) < SIGMAS
    assert found.dimensions[0].error < 0.2
    assert "operators.encoder.encoder 1" in {q.name for q in found.quantities()}
    assert np.isfinite(found.information["encoder 1"].value)
