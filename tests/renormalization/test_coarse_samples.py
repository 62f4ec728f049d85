"""Coarse samples are samples: exact laws, lazy reading, spaces, and exponents asked of them."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.information import mutual_information
from rsmi.lattice import Space, Window, place, word_index, words
from rsmi.lattice.alphabet import SPIN, clock
from rsmi.layers import analyse_layers
from rsmi.learning import (
    TableRule,
    decimation,
    learn_rule,
    load_rule,
    majority,
    make_rule,
    named_rule,
    value_rules,
)
from rsmi.renormalization import coarse_samples, coarse_space, renormalise
from rsmi.sampling.dimers import Dimers
from rsmi.sampling.dimers.space import dimer_space
from rsmi.sampling.exact import coarse_torus_distribution
from rsmi.storage import SampleRecipe, generate, open_samples, samples_of, split


def _law(coupling):
    """Every configuration of the 4 x 4 torus, and its probability."""
    spins = 2 * words(2, 16).reshape(-1, 4, 4) - 1
    energy = sum((spins * spins.roll(1, axis)).sum((1, 2)) for axis in (1, 2))
    weight = (coupling * energy.double()).exp()
    return (spins > 0).to(torch.int8), weight / weight.sum()


def _joint(letters, placed, p):
    """p(v, e) of a window at its first place."""
    v, e = (word_index(letters[:, s].long(), 2) for s in (placed.visible, placed.environment))
    size = 1 << placed.n_visible, 1 << placed.n_environment
    return torch.zeros(size, dtype=torch.float64).index_put_((v, e), p, accumulate=True)


RULE = torch.tensor([[1.0, 0.0], [0.7, 0.3], [0.3, 0.7], [0.0, 1.0]], dtype=torch.float64)


def test_information_of_a_rule_on_coarse_samples_is_that_of_the_enumerated_torus():
    """2 x 2 blocks of the lattice that 2 x 1 blocks of the 4 x 4 torus make, draws included."""
    states, p = _law(0.35)
    soft = TableRule(SPIN, RULE, (2, 1))
    pairs = states.reshape(-1, 2, 2, 4).transpose(2, 3).reshape(-1, 8, 2)
    up = RULE[word_index(pairs.long(), 2), 1]
    coarse = words(2, 8)
    law = torch.zeros(256, dtype=torch.float64)
    for number, word in enumerate(coarse):
        law[number] = (p * torch.where(word > 0, up, 1 - up).prod(1)).sum()
    assert float(law.sum()) == pytest.approx(1)

    n = 60_000
    drawn = torch.multinomial(p, n, replacement=True, generator=torch.Generator().manual_seed(1))
    fine = samples_of(states[drawn], space="spins on square [4, 4]")
    samples = coarse_samples(fine, soft, seed=3)
    assert samples.space.cells == (2, 4)
    placed = place(Window((2, 2), 0, None), samples.space)
    hard = majority((2, 2)).table()
    truth = float(mutual_information(hard.T @ _joint(coarse, placed, law)))
    letters = samples.letters(0, n).flatten(1)
    counts = torch.full((n,), 1 / n, dtype=torch.float64)
    found = float(mutual_information(hard.T @ _joint(letters, placed, counts)))
    # Cells of the table bias it up by their number over 2 n; fluctuations are a few times 1 / n.
    assert abs(found - truth) < 0.003
    mutant = TableRule(SPIN, RULE.roll(1, 0), (2, 1))
    wrong = coarse_samples(fine, mutant, seed=3).letters(0, n).flatten(1)
    assert abs(float(mutual_information(hard.T @ _joint(wrong, placed, counts))) - truth) > 0.01


def _fine(text, n=300, chains=None):
    space = Space.from_text(text)
    generator = torch.Generator().manual_seed(2)
    letters = torch.randint(0, space.alphabet.size, (n, *space.shape), generator=generator)
    letters = letters[..., 0] if space.sites == 1 else letters
    return samples_of(letters.numpy().astype(np.int8), space=space, chains=chains)


SPACES = [
    ("spins on square [8, 8]", "majority", (2, 2), "spins on square [4, 4]", 8),
    ("spins on square [8, 8]", "majority", (2, 1), None, 4),
    ("spins on triangular [8, 8]", "majority", (2, 2), "spins on triangular [4, 4]", 12),
    ("spins on cubic [4, 4, 4]", "majority", (2, 2, 2), "spins on cubic [2, 2, 2]", 48),
    ("spins on honeycomb [6, 6]", "majority", (1, 1), None, 4),
    ("spins on kagome [6, 6]", "majority", (2, 2), None, 12),
    ("clock(3) on square [9, 9]", "plurality", (3, 3), "clock(3) on square [3, 3]", 8),
    (
        "vacant_spins on square [8, 8]",
        "vacancy_majority",
        (2, 2),
        "vacant_spins on square [4, 4]",
        8,
    ),
    ("occupations on chain [12]", "majority", (3,), "occupations on chain [4]", 2),
]


@pytest.mark.parametrize(("text", "rule", "block", "coarse", "order"), SPACES)
def test_a_rule_applied_to_a_space_gives_a_space(text, rule, block, coarse, order):
    samples = _fine(text)
    found = coarse_samples(samples, rule, block=block)
    space = found.space
    assert coarse is None or space.to_text() == coarse
    assert Space.from_text(space.to_text()).shape == space.shape
    assert len(space.point_group) == order
    letters = found.letters(0, 300)
    space.check(letters)
    # Every symbol is the rule's for the block of that place, looked up one by one.
    made = named_rule(rule, place(Window(block, 0, None), samples.space))
    table = made.table()
    blocks = samples.letters(0, 300).flatten(1)[:, found._sites.astype(np.int64)]
    p = table[word_index(blocks.long(), samples.space.alphabet.size)]
    assert (p.gather(2, letters.flatten(1)[..., None].long()) > 0).all()
    assert torch.equal(letters.flatten(1)[..., None].long()[p.max(-1).values == 1][:, 0],
                       p.argmax(-1)[p.max(-1).values == 1])  # fmt: skip


def test_bits_of_dimers_are_letters():
    space = dimer_space(Dimers((8, 8), math.inf))
    rule = named_rule("electric", place(Window((2, 2), 1), space))
    found = coarse_space(space, rule)
    assert found.alphabet.names == ("-1 -1", "+1 -1", "-1 +1", "+1 +1")
    assert found.alphabet.symmetries == ((0, 1, 2, 3),)
    assert found.alphabet.directions == ()
    chain = Space.from_text("spins on chain [8]")
    flipped = coarse_space(chain, TableRule(SPIN, torch.eye(4), (2,)))
    assert flipped.alphabet.symmetries == ((0, 1, 2, 3), (3, 2, 1, 0))
    biased = TableRule(SPIN, torch.eye(2)[[0, 1, 1, 1]], (2,))
    assert coarse_space(chain, biased).alphabet.symmetries == ((0, 1),)


@pytest.mark.parametrize("text", ["spins on square [8, 8]", "clock(3) on square [8, 8]"])
def test_however_it_is_read_a_configuration_has_the_same_symbols(text):
    coarse = coarse_samples(_fine(text), "plurality", seed=5)
    whole, planes = coarse.letters(0, 300), coarse.read(0, 300)
    assert torch.equal(coarse.letters(100, 170), whole[100:170])
    some = np.random.default_rng(0).permutation(300)[:40]
    assert torch.equal(coarse.take(some), planes[some])
    part = split(coarse, (0.5, 0.5), gap=0)[1]
    assert torch.equal(part.letters(0, part.n), whole[part.indices()])
    assert torch.equal(coarse.meaning.letters(planes), whole)
    assert not torch.equal(coarse_samples(_fine(text), "plurality", seed=6).letters(0, 300), whole)
    twice = coarse_samples(coarse, "plurality", seed=5)
    assert twice.level == 2
    assert twice.space.cells == (2, 2)
    with pytest.raises(InputError, match=r"0..301 were asked for"):
        coarse.letters(0, 301)


def test_a_network_too_wide_for_a_table_is_asked_for_every_block():
    samples = _fine("spins on square [12, 12]", 40)
    placed = place(Window((6, 6), 0, None), samples.space)
    rule = make_rule("conv", placed, 2, seed=4).hardened()
    letters = coarse_samples(samples, rule).letters(0, 40)
    blocks = samples.letters(0, 40).reshape(40, 2, 6, 2, 6).transpose(2, 3).reshape(160, 36)
    expected = rule.log_prob(blocks.long()).argmax(1)
    assert torch.equal(letters.flatten().long(), expected)
    soft = make_rule("mlp", placed, 3, symmetry="allow", seed=4)
    drawn = coarse_samples(samples, soft, seed=1)
    assert torch.equal(drawn.letters(0, 40)[17:30], drawn.letters(17, 30))
    p = soft.log_prob(blocks.long()).exp()
    share = torch.bincount(drawn.letters(0, 40).flatten().long(), minlength=3) / 160
    # Independent draws of 160 blocks: six standard deviations and more.
    assert (share - p.mean(0)).abs().max() < 6 * 0.5 / 160**0.5


def test_exponents_of_coarse_samples_are_those_of_the_samples(tmp_path):
    recipe = SampleRecipe(
        model="ising", shape=(32, 32), temperature="critical", chains=64, records=60, thin=4, seed=5
    )
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        result = renormalise(coarse_samples(samples, "majority"), "majority", workers=1)
    assert result.shapes[0] == (16, 16)
    assert result.known["y_h"] == 15 / 8
    for name, exact in {"y_t": 1, "y_h": 1.875}.items():
        assert abs(result.exponents[name].value.deviation(exact)) < 4.9


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("spins on square [9, 9]", "majority", "cannot be tiled with blocks of .2, 2."),
        ("clock(3) on square [8, 8]", "majority", "'majority' is for two letters"),
        ("spins on square [8, 8]", decimation((2,)), "has 2 axes, the block of the rule is .2."),
        (
            "spins on square [8, 8]",
            TableRule(clock(3), torch.eye(3)[words(3, 4)[:, 0]], (2, 2)),
            "for the letters 0, 1, 2, those of the samples",
        ),
        (
            '{"alphabet": "spins", "lattice": "square", "cells": [8, 8], "homogeneous": false}',
            "majority",
            "cells of the space differ",
        ),
    ],
)
def test_what_gives_no_space_is_refused(text, rule, message):
    with pytest.raises(InputError, match=message):
        coarse_samples(_fine(text), rule)


def test_a_rule_learned_elsewhere_is_found_by_its_directory():
    samples = _fine("spins on square [8, 8]")
    found = coarse_samples(samples, "models/ising2d_2x2")
    same = coarse_samples(samples, load_rule("models/ising2d_2x2"))
    assert torch.equal(found.letters(0, 300), same.letters(0, 300))


@pytest.fixture(scope="module")
def coarse_torus(tmp_path_factory, kit):
    """What majority makes of the critical 8 x 4 torus, and the exact law of its 2^8 states."""
    path = tmp_path_factory.mktemp("coarse") / "s.h5"
    recipe = SampleRecipe(
        model="ising", shape=(8, 4), temperature=2.269185, chains=64, records=150, thin=4, seed=6
    )
    generate(recipe, path)
    table = kit.majority_table(4, 1.5)  # ties to the first spin
    law = coarse_torus_distribution((8, 4), 1 / 2.269185, table)
    with open_samples(path) as samples:
        yield coarse_samples(samples, TableRule(SPIN, table, (2, 2))), law


WINDOW = Window((2, 2), buffer=0, environment=None)


def test_rules_are_valued_and_learned_on_coarse_samples(coarse_torus):
    samples, law = coarse_torus
    options = {"max_epochs": 4, "steps_per_epoch": 40, "learning_rate": 1e-2, "seed": 2}
    joint = _joint(words(2, 8), place(WINDOW, samples.space), law)
    exact = {
        name: float(mutual_information(rule((2, 2)).table().T @ joint))
        for name, rule in (("majority", majority), ("decimation", decimation))
    }
    found = value_rules(samples, WINDOW, list(exact), **options).bounds
    for name, value in exact.items():
        bound = found[name].information
        assert bound.value < value + 5 * bound.error
        assert bound.value > 0.95 * value - 5 * bound.error
    learned = learn_rule(samples, WINDOW, null=False, **options)
    best = float(mutual_information(learned.rule.table().T @ joint))
    assert best > 0.999 * exact["majority"]
    assert learned.information.value < best + 5 * learned.information.error


def test_layers_are_analysed_on_coarse_samples(coarse_torus):
    samples, law = coarse_torus
    report = analyse_layers(nn.Sequential(nn.Flatten(), nn.Linear(8, 1), nn.Softsign()), samples)
    entropy = float(-(law * law.log()).sum())
    kept = report.rows[0].interval("H(T)")
    assert kept.lower.value - 5 * kept.lower.error < entropy
    assert entropy < kept.upper.value + 5 * kept.upper.error
