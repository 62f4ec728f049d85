"""Conventional trainings against what enumeration says that each of them can reach."""

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import bottleneck, entropy
from rsmi.information.bottleneck import rate_of
from rsmi.lattice import Window, place, word_index, words
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import (
    METHODS,
    Boltzmann,
    Phases,
    TrainedRule,
    WindowData,
    block_alone,
    majority,
    make_rule,
    measure_symmetry,
    phase_entropy,
    train_by,
)
from rsmi.learning.boltzmann import hard_rule
from rsmi.learning.conventional import copy_hidden
from rsmi.learning.phases import phases_of, system_of
from rsmi.learning.trainable import LinearRule
from rsmi.sampling import System
from rsmi.storage import samples_of

TORUS, SQUARE = System((4, 4)), "spins on square [4, 4]"
SQUARES = Window((2, 2), 0)
N = 8192
FALSE_ALARM = 4.9  # standard errors
QUICK = {"max_epochs": 6, "learning_rate": 3e-2, "batch_size": 512, "windows_per_configuration": 16}


@cache
def drawn() -> Tensor:
    """Independent configurations of the critical torus."""
    letters, p = TORUS.family.enumerate(TORUS.built)
    chosen = torch.multinomial(p, N, replacement=True, generator=torch.Generator().manual_seed(1))
    return letters[chosen].squeeze(-1)


@cache
def law(block: tuple[int, ...]) -> Tensor:
    """Exact p(v) of a block, in the order of words."""
    letters, p = TORUS.family.enumerate(TORUS.built)
    v, _ = place(Window(block, 0, None), TORUS.space).cut(letters)
    number = word_index(v[:, 0], 2)
    return torch.zeros(2 ** v.shape[-1], dtype=torch.float64).index_add_(0, number, p)


def trained(method: str, window: Window = SQUARES, **options: object) -> TrainedRule:
    return train_by(
        method, drawn().numpy(), window, chains=N, space=SQUARE, seed=3, **{**QUICK, **options}
    )


def descended(loss: Callable[[Tensor], Tensor], size: int, starts: int = 6) -> float:
    """The least value of a smooth function from several starts."""
    best = math.inf
    for start in range(starts):
        generator = torch.Generator().manual_seed(start)
        x = torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_()
        optimizer = torch.optim.LBFGS([x], max_iter=400, line_search_fn="strong_wolfe")

        def closure(x: Tensor = x, optimizer: torch.optim.LBFGS = optimizer) -> Tensor:
            optimizer.zero_grad()
            value = loss(x)
            value.backward()
            return value

        optimizer.step(closure)
        best = min(best, float(loss(x.detach())))
    return best


def reaches(found: TrainedRule, least: float, slack: float) -> bool:
    """Whether a training came to the least loss, and not below it."""
    assert found.goal is not None
    value, error = found.goal.value.value, found.goal.value.error
    return least - FALSE_ALARM * error <= value <= least + slack + FALSE_ALARM * error


def test_the_first_principal_component_is_that_of_the_exact_covariance() -> None:
    line = Window((1, 3), 0, None)
    spins = 2.0 * words(2, 3).double() - 1
    covariance = (spins * law((1, 3))[:, None]).T @ spins
    values, vectors = torch.linalg.eigh(covariance)
    found = trained("pca", line)
    share = values / values.sum()
    assert reaches(found, float(share[-1]), 0.0)
    assert not reaches(found, float(share[-1]) - 0.05, 0.0)
    sign = (spins @ vectors[:, -1] * vectors[:, -1].sum().sign() > 0).double()
    assert torch.equal(found.rule.table()[:, 1], sign)


def test_the_autoencoder_comes_to_the_least_error_of_its_class() -> None:
    v, p = words(2, 4), law((2, 2))
    spins = 2.0 * v.double() - 1

    def error(x: Tensor) -> Tensor:
        code = torch.sigmoid(2 * spins @ x[:4])
        logits = torch.outer(code, x[4:8]) + x[8:]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, v.double(), reduction="none"
        )
        return p @ loss.sum(1)

    least = descended(error, 12)
    assert reaches(trained("autoencoder", max_epochs=16), least, 0.02)
    assert least < 0.5 * 4 * math.log(2)  # what no code at all leaves is 4 ln 2
    assert not reaches(trained("autoencoder", max_epochs=1, steps_per_epoch=2), least, 0.02)


def test_the_machine_comes_to_the_largest_likelihood_of_one_hidden_unit() -> None:
    spins, p = 2.0 * words(2, 4).double() - 1, law((2, 2))

    def lost(x: Tensor) -> Tensor:
        log_p = spins @ x[:4] + torch.nn.functional.softplus(x[8] + spins @ x[4:8])
        return -(p @ torch.log_softmax(log_p, 0))

    least = descended(lost, 9)
    assert least > float(entropy(p))  # a single unit does not tell all
    assert reaches(trained("rbm", max_epochs=16), least, 0.02)
    assert not reaches(trained("rbm", max_epochs=1, steps_per_epoch=2), least, 0.02)


@pytest.mark.parametrize("symmetry", ["impose", "allow"])
def test_infomax_ends_in_a_balanced_rule_without_chance(symmetry: str) -> None:
    found = trained("infomax", symmetry=symmetry, max_epochs=12)
    table = found.rule.table()
    kept = rate_of(law((2, 2)), table)
    assert found.goal is not None
    assert abs(found.goal.value.value - kept) < FALSE_ALARM * found.goal.value.error + 1e-3
    assert kept > 0.97 * math.log(2)
    if symmetry == "impose":
        assert kept == pytest.approx(math.log(2))
        assert set(table.flatten().tolist()) == {0.0, 1.0}


def test_the_bottleneck_lies_on_the_curve_of_blahut_and_arimoto() -> None:
    solved = TORUS.solve(Window((2, 2), 0, None))
    curve = bottleneck(solved.posterior, solved.weights)
    table = trained("bottleneck", max_epochs=10).rule.table()
    kept, rate = solved.rule(table).value, rate_of(curve.states, table)
    assert kept <= curve.upper(rate) + 1e-9
    assert kept > 0.97 * solved.optimum(2, "impose")[1].value
    worst = make_rule("linear", place(SQUARES, TORUS.space), seed=7).hardened().table()
    assert solved.rule(worst).value < 0.97 * solved.optimum(2, "impose")[1].value


def test_the_first_layer_of_a_classifier_sums_its_block() -> None:
    phases = Phases.drawn(System((8, 8)), 1, (0.6, 0.8, 1.5, 2.5))
    eights = Window((2, 2), 1)
    coins = torch.randint(0, 2, (256, 8, 8), generator=torch.Generator().manual_seed(2))
    common = {"chains": 256, "space": "spins on square [8, 8]", "seed": 3, **QUICK}
    found = train_by("classifier", coins.numpy(), eights, phases=phases, **common)
    assert found.goal is not None
    assert found.goal.value.value < 0.35
    alike = (found.rule.table() * majority((2, 2)).table()).sum(1).mean()
    assert float(alike) > 0.75
    shuffled = torch.randperm(len(phases.labels), generator=torch.Generator().manual_seed(4))
    null = Phases(phases.letters, phases.labels[shuffled], phases.groups, phases.space)
    nothing = train_by("classifier", coins.numpy(), eights, phases=null, **common)
    assert nothing.goal is not None
    assert nothing.goal.value.value > math.log(2) - 0.02


def test_the_phase_is_left_open_where_labels_mean_nothing() -> None:
    phases = Phases.drawn(System((8, 8)), 1, (0.5, 2.5))
    rule, window = majority((2, 2)), Window((2, 2), 1)
    told = phase_entropy(rule, phases, window)
    assert told.kind == "upper"
    assert told.value < 0.1
    shuffled = torch.randperm(len(phases.labels), generator=torch.Generator().manual_seed(5))
    null = Phases(phases.letters, phases.labels[shuffled], phases.groups, phases.space)
    assert phase_entropy(rule, null, window).value > math.log(2) - 0.02
    with pytest.raises(InputError, match="do not tile the lattice"):
        phase_entropy(majority((3, 3)), phases, Window((3, 3), 1))


def test_three_letters_have_one_component_for_all_directions() -> None:
    ring = System((8,), "potts", 0.7, {"states": 3})
    letters, p = ring.family.enumerate(ring.built)
    chosen = torch.multinomial(p, 4096, True, generator=torch.Generator().manual_seed(6))
    array = letters[chosen].view(-1, 1, 8).numpy()
    common = {"symbols": 3, "chains": 4096, "space": ring.space}
    found = train_by("pca", array, Window((3,), 1), **common, **QUICK)
    table = found.rule.table()
    every = words(3, 3)
    distinct = every.sort(1).values.eq(torch.arange(3)).all(1)
    assert torch.equal(table[distinct].argmax(1), every[distinct, 1])  # the middle has most to say
    data = WindowData(samples_of(array, chains=4096, space=ring.space), Window((3,), 1))
    data.setup("fit")
    rarest = make_rule("linear", data.placement, 3)
    assert isinstance(rarest, LinearRule)
    with torch.no_grad():
        rarest.weight.copy_(-rarest.features[:, None].expand_as(rarest.weight))
    kept = hard_rule(rarest, data).table()[0]  # of 000, where 1 and 2 are as rare
    assert kept.tolist() == [0.0, 0.5, 0.5]
    shares = [g.share for g in measure_symmetry(found.rule, place(Window((3,), 1), ring.space))]
    assert shares == pytest.approx([1.0] * len(shares))


def test_what_cannot_be_trained_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="no method 'pcaa'; did you mean 'pca'"):
        trained("pcaa")
    with pytest.raises(InputError, match="a training has no option 'patience'"):
        trained("pca", patience=3)
    with pytest.raises(InputError, match="hidden units of a Boltzmann machine are bits, and 3"):
        trained("rbm", symbols=3, symmetry="allow")
    with pytest.raises(InputError, match="no configurations with labels were given"):
        trained("classifier")
    alphabet = SPIN * SPIN  # four letters, two features
    placement = block_alone((2,), alphabet)
    soft = make_rule("linear", placement, symmetry="allow")
    assert isinstance(soft, LinearRule)
    with pytest.raises(InputError, match="span fewer functions than a Boltzmann machine learns"):
        copy_hidden(Boltzmann(alphabet, 2, 1), soft)
    with pytest.raises(InputError, match="expected one label each, 0 and 1"):
        Phases(drawn()[:64, ..., None], torch.zeros(64), torch.arange(64), TORUS.space)
    assert isinstance(phases_of(None, 0), InputError)
    assert "critical point of" in str(phases_of(System((4, 4), "dimers", 1.0), 0))
    assert system_of(drawn()) is None


def test_every_method_says_what_it_does_and_where_it_is_from() -> None:
    assert all(method.said for method in METHODS.values())
    assert all(method.source and method.formula for method in METHODS.values() if method.trained)
