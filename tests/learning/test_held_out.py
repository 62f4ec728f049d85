"""Errors of held-out bounds: one slow chain, autocorrelated scores, the luck of a training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.errors import AnalysisError
from rsmi.information import Estimate, bootstrap_error, predictive_bound
from rsmi.lattice import Window
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import Rule, majority
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import (
    Sums,
    chain_estimate,
    check_bound,
    held_out_bound,
    held_out_sums,
    symmetrised,
)
from rsmi.learning.learn import learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.predictor import MEMBERS, Predictor
from rsmi.learning.windowed import HeldOut
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, SwendsenWang

SHAPE = (8, 8)
WINDOW = Window((2, 2), 1)
CHAINS = 12
MAJORITY = majority((2, 2))
FAR = 41.0  # chi-square of 12 degrees of freedom above 51 has probability 1e-6; t is wider


def saved(configurations: Tensor, path: Path) -> HeldOut:
    np.save(path, configurations.numpy())
    return WindowData(str(path), WINDOW, windows_per_configuration=16).test_windows()


@pytest.fixture(scope="module")
def chains() -> Tensor:
    """Critical chains of local updates, in which the magnetisation is slow."""
    sampler = Metropolis(Ising(SHAPE, CRITICAL_COUPLING), seed=2)
    state, kept = sampler.initial(CHAINS), []
    sampler.advance(state, 0, 500)
    for record in range(1400):
        sampler.advance(state, 500 + 2 * record, 2)
        kept.append(state.clone())
    return torch.stack(kept, 1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    sampler = SwendsenWang(Ising(SHAPE, CRITICAL_COUPLING), seed=9)
    state, kept = sampler.initial(500), []
    sampler.advance(state, 0, 50)
    for record in range(20):
        sampler.advance(state, 50 + 5 * record, 5)
        kept.append(state.clone())
    return saved(torch.cat(kept), tmp_path_factory.mktemp("many") / "many.npy")


@pytest.fixture(scope="module")
def model(chains: Tensor, tmp_path_factory: pytest.TempPathFactory) -> PosteriorRSMI:
    directory = tmp_path_factory.mktemp("fit")
    np.save(directory / "train.npy", chains.flatten(0, 1).numpy())
    found = PosteriorRSMI(WINDOW, hidden=(16,), learning_rate=2e-2)
    data = WindowData(str(directory / "train.npy"), WINDOW, batch_size=512, steps_per_epoch=40)
    learn(found, data, make_trainer(directory, 2, 2, "cpu", progress=False))
    return found


def test_one_slow_chain_is_worth_what_its_error_says(
    chains: Tensor, many: HeldOut, model: PosteriorRSMI, tmp_path: Path
) -> None:
    truth = held_out_bound(model, many, MAJORITY)
    pulls, naive = [], []
    for i, chain in enumerate(chains):
        held_out = saved(chain, tmp_path / f"{i}.npy")
        bound = held_out_bound(model, held_out, MAJORITY)
        error = np.hypot(bound.statistical, truth.statistical)
        pulls.append((bound.information.value - truth.information.value) / error)
        raw = float(predictive_bound(unsymmetrised(model, held_out, MAJORITY).sum(0, keepdim=True)))
        naive.append((raw - truth.information.value) / error)
    assert np.square(pulls).sum() < FAR
    assert np.square(naive).sum() > 3 * FAR


def unsymmetrised(model: PosteriorRSMI, held_out: HeldOut, rule: Rule) -> Tensor:
    """Sums with the signs that happened to be in the sample."""
    from rsmi.information import predictive_sums

    with torch.no_grad():
        log_q = model.log_prediction(rule, held_out.e)
    return predictive_sums(model.probabilities(rule, held_out.v), log_q, held_out.groups)


def test_counting_both_signs_is_counting_every_window_twice(
    chains: Tensor, model: PosteriorRSMI, tmp_path: Path
) -> None:
    held_out = saved(chains[0], tmp_path / "chain.npy")
    twice = HeldOut(
        torch.cat([held_out.v, 1 - held_out.v]),
        torch.cat([held_out.e, 1 - held_out.e]),
        held_out.groups.repeat(2),
        held_out.chains,
        held_out.symmetry,
    )
    expected = unsymmetrised(model, twice, MAJORITY) / 2
    flip = torch.tensor([[0, 1], [1, 0]])
    found = symmetrised(unsymmetrised(model, held_out, MAJORITY), flip)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(held_out_sums(model, held_out, MAJORITY).blocks, expected)


def autoregressive(memory: float, generator: torch.Generator) -> Tensor:
    """Sums of one chain in 64 stretches whose scores remember each other."""
    score, scores = torch.randn(1, generator=generator) / (1 - memory**2) ** 0.5, []
    for _ in range(64):
        score = memory * score + torch.randn(1, generator=generator)
        scores.append(score)
    half = torch.full((64, 2), 5.0)
    return torch.cat([half, torch.stack(scores), torch.full((64, 1), 10.0)], 1).double()


@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_errors_know_the_autocorrelation_of_a_chain(memory: float) -> None:
    generator = torch.Generator().manual_seed(1)
    truth, inside, naive = float(np.log(2)), 0, 0
    for _ in range(300):
        sums = autoregressive(memory, generator)
        found = chain_estimate(sums, chains=1)
        inside += abs(found.value - truth) < found.error
        naive += abs(found.value - truth) < bootstrap_error(sums, predictive_bound)
    assert 0.54 < inside / 300 < 0.82  # 68 % and 4.9 standard deviations of the count
    assert (naive / 300 > 0.54) == (memory == 0)


def test_the_luck_of_the_training_is_a_jackknife_over_the_networks() -> None:
    generator = torch.Generator().manual_seed(2)
    ratios = []
    for _ in range(200):
        members = torch.randn(MEMBERS, generator=generator, dtype=torch.float64)
        without = (members.sum() - members) / (MEMBERS - 1)
        ratios.append(Sums(torch.zeros(1, 4), without).training)
    assert np.mean(np.square(ratios)) == pytest.approx(1 / MEMBERS, rel=0.3)


def test_each_network_learns_from_windows_of_its_own() -> None:
    predict = Predictor(SPIN, 6, 4, (8,))
    for parameter in predict.parameters():
        torch.nn.init.normal_(parameter)
    e = torch.randint(0, 2, (10, 6), dtype=torch.int8)
    trained = predict.train()(e)
    members = predict.members(e)
    owner = torch.arange(10) // 3
    torch.testing.assert_close(trained, members[owner, torch.arange(10)])
    mean = predict.eval()(e).exp()
    torch.testing.assert_close(mean, members.exp().mean(0))


def test_a_bound_far_below_zero_is_refused() -> None:
    assert check_bound(Estimate(-0.02, 0.01, "lower")).value < 0
    with pytest.raises(AnalysisError, match=r"the training failed: .*by -1.935\(6\) nats"):
        check_bound(Estimate(-1.935, 0.006, "lower"))
