"""What a reported information carries: frozen rule, null, seeds, learning curve, asked error."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import Tensor, nn

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate
from rsmi.lattice import Window
from rsmi.learning import LearnedRule, Refused, learn_rule
from rsmi.learning.data import WindowData
from rsmi.learning.growth import Amount, LearningCurve, fit_growth
from rsmi.learning.held_out import null_reason
from rsmi.learning.joint import JointRSMI
from rsmi.learning.learn import parts_for
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, Sampler, SwendsenWang
from rsmi.sampling.exact import exact_window
from rsmi.storage import Samples, Subset, samples_of
from rsmi.storage import split as true_split

WINDOW = Window((2, 2), 1)
SIGMAS = 5.0  # one-sided false alarm below 1e-6
FAST: dict[str, Any] = {
    "max_epochs": 3,
    "steps_per_epoch": 25,
    "batch_size": 512,
    "learning_rate": 1e-2,
    "windows_per_configuration": 36,
    "hidden": (32,),
}


def drawn(sampler: Sampler, chains: int, records: int, thin: int) -> Tensor:
    """Records of independent chains, (chains, records, *shape)."""
    state, kept = sampler.initial(chains), []
    sampler.advance(state, 0, 50 * thin)
    for record in range(records):
        sampler.advance(state, thin * (50 + record), thin)
        kept.append(state.clone())
    return torch.stack(kept, 1)


def samples(chains: int = 64, records: int = 16, side: int = 6, seed: int = 1) -> Samples:
    """Nearly independent critical configurations."""
    found = drawn(SwendsenWang(Ising((side, side), CRITICAL_COUPLING), seed), chains, records, 6)
    return samples_of(found.numpy(), chains=chains, space=f"spins on square [{side}, {side}]")


def learned(source: Samples, window: Window = WINDOW, **options: Any) -> LearnedRule:
    """Also of a result that is refused."""
    try:
        return learn_rule(source, window, seed=1, **{**FAST, **options})
    except Refused as refused:
        return refused.found


def coins(chains: int, records: int, side: int = 6) -> Samples:
    letters = np.random.default_rng(1).integers(0, 2, (chains, records, side, side))
    return samples_of(letters, chains=chains, space=f"spins on square [{side}, {side}]")


def rows(part: Samples) -> set[int]:
    """Which configurations of the source a part of a part holds."""
    found = np.arange(part.n)
    while isinstance(part, Subset):
        found, part = part._of_parent(found), part._parent
    return set(found.tolist())


@pytest.mark.parametrize(("chains", "records"), [(40, 3), (1, 240), (2, 120), (5, 30)])
def test_neither_rule_nor_first_predictor_saw_what_values_them(chains: int, records: int) -> None:
    data = WindowData(coins(chains, records), WINDOW)
    choice, value = ([rows(p) for p in d._parts] for d in parts_for(JointRSMI(WINDOW), data))
    uses = [*choice[:2], *value]
    assert choice[2] == value[2]
    assert sum(map(len, uses)) == len(set.union(*uses))
    if chains < 5:  # stretches of the same chains have forgotten each other
        times = [{row // chains for row in use} for use in uses]
        gaps = [min(abs(a - b) for a in x for b in y) for x in times for y in times if x is not y]
        assert min(gaps) > 10
    counts = value[0], value[1], value[2]
    amounts = {"training": len(counts[0]), "validation": len(counts[1]), "test": len(counts[2])}
    assert parts_for(JointRSMI(WINDOW), data)[1].amounts() == amounts


@pytest.mark.parametrize(("chains", "records"), [(1, 401), (63, 5)])
def test_pieces_of_a_learning_curve_are_alike_and_share_nothing(chains: int, records: int) -> None:
    data = WindowData(coins(chains, records), WINDOW)
    pieces = [rows(piece._parts[0]) for piece in data.shared(8)]
    assert len({len(piece) for piece in pieces}) == 1
    assert len(set.union(*pieces)) == sum(map(len, pieces))
    assert set.union(*pieces) < rows(data._parts[0])


def test_a_frozen_rule_is_valued_by_a_predictor_of_its_own() -> None:
    found = learned(samples(), method="joint", rule="linear", restarts=1)
    exact = exact_window((6, 6), CRITICAL_COUPLING, (2, 2), 1).rule(found.rule.table()).value
    assert found.information.value - exact < SIGMAS * found.information.error
    assert found.information.value > 0.9 * exact - SIGMAS * found.information.error
    assert isinstance(found.judge, JointRSMI)
    assert found.judge.fixed
    assert set(found.rule.table().flatten().tolist()) == {0.0, 1.0}
    first = found.quantities()[0]
    assert first.context["configurations"] == dict(found.amounts)
    assert found.amounts["rule.training"] + found.amounts["training"] < 1024


def test_the_best_rule_of_the_six_by_six_torus_breaks_the_symmetry() -> None:
    """`h = + iff at least three are up` keeps .467434 nats, more than any odd rule (.461566)."""
    solved = exact_window((6, 6), CRITICAL_COUPLING, (2, 2), 1)
    _, best = solved.optimum(z2="allow")
    assert best.value == pytest.approx(0.467434, abs=5e-7)
    options = {"symmetry": "allow", "null": False, "max_epochs": 6, "learning_rate": 4e-3}
    found = learned(samples(64, 64), **options)
    exact = solved.rule(found.rule.table()).value
    _, odd = solved.optimum(z2="impose")
    assert (odd.value + best.value) / 2 < exact < best.value + 1e-9
    assert abs(found.information.value - best.value) < 3 * found.information.error
    assert found.information.value - exact < SIGMAS * found.information.error


def test_bounds_of_small_data_sets_cover_what_their_rules_keep() -> None:
    """Sixteen data sets, each with a rule of its own; errors four times too small would fail."""
    solved = exact_window((6, 6), CRITICAL_COUPLING, (2, 2), 1)
    pulls = []
    for seed in range(16):
        kind = {"method": "joint", "restarts": 1} if seed % 2 else {}
        found = learned(samples(64, 8, seed=10 + seed), null=False, learning_rate=2e-2, **kind)
        exact = solved.rule(found.rule.table()).value
        pulls.append((found.information.value - exact) / found.information.error)
    squares, far = np.square(pulls).sum(), chi2.isf(1e-6, 16)
    assert squares < far < 16 * squares


def slow(side: int = 16, records: int = 1024) -> Tensor:
    """One chain of single flips, whose neighbouring records are alike."""
    return drawn(Metropolis(Ising((side, side), CRITICAL_COUPLING), 2), 1, records, 1)


def test_one_chain_that_was_declared_many_is_refused() -> None:
    """Every row its own chain: the environment of the `next chain` is that of the next moment."""
    many = samples_of(slow()[0][:, None].numpy(), chains=1024, space="spins on square [16, 16]")
    with pytest.raises(Refused, match=r"the null is .* errors from 0.*declared") as refused:
        learn_rule(many, WINDOW, symmetry="allow", seed=1, **FAST)
    assert refused.value.found.null is not None
    assert refused.value.found.rule.table().shape == (16, 2)


def test_as_one_chain_it_is_what_it_is() -> None:
    found = learned(samples_of(slow(8, 2048).numpy(), chains=1, space="spins on square [8, 8]"))
    assert found.null is not None
    assert null_reason(found.null.information) == ""


@pytest.mark.parametrize("leak", [False, True])
def test_a_test_part_that_was_trained_on_is_refused(
    leak: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coins, which say nothing of each other, and networks that learn them by heart."""

    def leaking(source: Samples, shares: Sequence[float], gap: int = 10) -> tuple[Subset, ...]:
        parts = true_split(source, shares, gap)
        return (parts[0],) * 3 if leak else parts

    monkeypatch.setattr("rsmi.learning.data.split", leaking)
    letters = np.random.default_rng(3).integers(0, 2, (64, 1, 12))
    found = learned(
        samples_of(letters, chains=64, space="spins on chain [12]"),
        Window((1,), 0, None), symmetry="none", hidden=(128,), steps_per_epoch=100,
    )  # fmt: skip
    assert found.null is not None
    assert ("not independent" in null_reason(found.null.information)) == leak
    assert (found.information.value > 0.1) == leak


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0.0031, 0.001, "3.1 errors from 0, which it is in truth: environments of other chains"),
        (-0.0031, 0.001, "takes noise for knowledge"),
        (0.0029, 0.001, ""),
        (-0.0029, 0.001, ""),
        (1e-8, 0.0, ""),
    ],
)
def test_a_null_is_zero_within_three_errors(value: float, error: float, message: str) -> None:
    reason = null_reason(Estimate(value, error, "lower"))
    assert message in reason
    assert bool(reason) == bool(message)


def test_a_null_below_zero_is_covered_by_a_larger_error() -> None:
    low, high = (Estimate(sign * 0.0031, 0.001, "lower") for sign in (-1, 1))
    assert null_reason(low, error=0.004) == ""
    assert "takes noise for knowledge" in null_reason(low, error=0.003)
    assert "not independent" in null_reason(high, error=0.004)


def test_trainings_from_other_seeds_widen_the_error() -> None:
    found = learned(samples(), seeds=3, null=False, max_epochs=1)
    values = [estimate.value for estimate in found.seeds]
    spread = float(np.std(values, ddof=1))
    assert len(set(values)) == 3
    assert found.information.value in values
    assert found.bound.training >= spread * (1 - 1e-9) > 0
    assert found.information.error == pytest.approx(
        math.hypot(found.bound.statistical, found.bound.training)
    )
    names = [quantity.name for quantity in found.quantities()]
    assert names[-4:-1] == [f"information.learned.seed.{i}" for i in range(3)]
    assert found.quantities()[-1].value == pytest.approx(spread)
    assert learned(samples(), null=False, max_epochs=1).information.value == values[0]


def test_an_error_larger_than_asked_for_says_what_it_takes() -> None:
    source, options = samples(), FAST | {"null": False}
    with pytest.raises(Refused, match=r"larger than 0.002 nats: .*independent.*at least") as few:
        learn_rule(source, WINDOW, seed=1, error=0.002, **options)
    found = few.value.found
    needed = int(str(few.value).split("at least ")[1].split()[0])
    assert learn_rule(source, WINDOW, seed=1, error=0.1, **options).information == found.information
    more = math.sqrt(found.amounts["test"] / needed) * found.bound.statistical
    assert math.hypot(more, found.bound.training) == pytest.approx(0.002, rel=0.01)
    assert "train longer" in found.bound.too_wide(found.bound.training, 100, found.order)


def points(power: float, scatter: float, generator: torch.Generator, rise: float = 2.0) -> Any:
    """Values that grow with a known power, with the scatter of subsets."""
    found = []
    for n, subsets in ((100, 4), (200, 4), (400, 2), (800, 1)):
        noise = scatter / n * torch.randn(subsets, generator=generator)
        found.append(Amount(n, tuple((0.46 - rise * n**-power + noise).tolist())))
    return found


@pytest.mark.parametrize(("power", "rise"), [(0.7, 0.5), (1.0, 2.0), (1.5, 10.0)])
def test_the_limit_of_a_learning_curve_is_covered(power: float, rise: float) -> None:
    generator = torch.Generator().manual_seed(1)
    pulls = []
    for _ in range(120):
        fit = fit_growth(points(power, 0.2, generator, rise))
        assert fit.gain.error > 0
        pulls.append((fit.limit.value - 0.46) / fit.limit.error)
    inside = float(np.mean(np.abs(pulls) < 1))
    last = [points(power, 0.2, generator, rise)[-1].mean - 0.46 for _ in range(120)]
    error = float(np.std(last)) / math.sqrt(120)
    assert inside > 0.47  # 68 % less 4.9 standard deviations of the count
    assert np.mean(last) < -4.9 * error  # without the fit the value stays below


def test_a_flat_or_undetermined_curve_has_no_limit() -> None:
    generator = torch.Generator().manual_seed(2)
    flat = [fit_growth(points(1.0, 0.2, generator, rise=0.0)).reason for _ in range(50)]
    assert all("no limit is fitted" in reason for reason in flat)
    steep = [Amount(n, (0.46 - 0.1 * n**-0.2 + d, 0.46 - 0.1 * n**-0.2 - d)) for n, d in
             ((100, 3e-3), (200, 3e-3), (400, 3e-3), (800, 3e-3))]  # fmt: skip
    assert "no limit is" in fit_growth(steep).reason


def test_a_learning_curve_stands_in_the_result() -> None:
    found = learned(samples(64, 8), curve=True, null=False, max_epochs=1, steps_per_epoch=10)
    grown = found.learning_curve
    assert isinstance(grown, LearningCurve)
    assert [len(point.values) for point in grown.amounts] == [4, 4, 2, 1]
    assert grown.amounts[-1] == Amount(found.amounts["training"], (found.information.value,))
    names = [quantity.name for quantity in found.quantities()]
    assert f"information.learned.curve.{grown.amounts[0].n}" in names
    assert ("information.learned.curve.limit" in names) == (grown.fit.reason == "")


def test_too_few_configurations_for_a_learning_curve() -> None:
    with pytest.raises(InputError, match="too few for 8 parts"):
        learn_rule(coins(1, 100), WINDOW, curve=True, **FAST)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(tmp_path: Any) -> None:
    options = FAST | {"learning_rate": 1e30, "max_epochs": 3}
    with pytest.raises(
        AnalysisError, match=r"failed at step \d+: .*; the weights of step 0, .*ckpt"
    ):
        learn_rule(samples(), WINDOW, directory=tmp_path, **options)
    state = torch.load(tmp_path / "training" / "last_good.ckpt", weights_only=True)["state_dict"]
    assert all(bool(weight.isfinite().all()) for weight in state.values())


class Broken(nn.Module):
    """A network of a user's own that answers with no number."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, features: Tensor) -> Tensor:
        return self.layer(features[..., 0]) * math.nan


def test_a_network_that_gives_no_numbers_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"step 0: .* nan before anything was learned; look"):
        learn_rule(samples(), WINDOW, rule=Broken(), symmetry="allow", **FAST)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (Window((6, 6), 0, None), "meets itself, or leaves no environment"),
        (Window((2, 2), 2, None), "meets itself, or leaves no environment"),
        (Window((2, 2), 1, 2), "meets itself, or leaves no environment"),
        (Window((7, 2), 0), "meets itself, or leaves no environment"),
        (Window((2, 2, 2), 1), "expected one extent of the block for each axis"),
        (Window(sites=(40,), buffer=0), "names the site 40; expected different sites"),
    ],
)
def test_windows_that_cannot_be(window: Window, message: str) -> None:
    with pytest.raises(InputError, match=message):
        learn_rule(coins(64, 1), window, **FAST)
