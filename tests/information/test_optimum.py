import itertools

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import best_rule, rule_information
from rsmi.information import optimum as module
from rsmi.information.ascent import ascend
from rsmi.information.assignments import Action
from rsmi.information.merging import merge_equal, merge_similar
from rsmi.lattice import words


def problem(seed, n_e=400, n_v=16):
    """Posteriors that vary along a few directions, as those of a block of spins do."""
    generator = torch.Generator().manual_seed(seed)
    modes = torch.randn(3, n_v, generator=generator, dtype=torch.float64)
    amplitudes = torch.randn(n_e, 3, generator=generator, dtype=torch.float64)
    weights = torch.rand(n_e, generator=generator, dtype=torch.float64)
    return torch.softmax(amplitudes @ modes, 1), weights / weights.sum()


def brute_force(posterior, weights, k=2):
    n_v = posterior.shape[1]
    return max(
        rule_information(posterior, torch.eye(k)[list(a)], weights).item()
        for a in itertools.product(range(k), repeat=n_v)
    )


@pytest.mark.parametrize("seed", range(5))
def test_exhaustive_search_finds_the_best_of_all_rules(seed):
    posterior, weights = problem(seed, n_e=20, n_v=8)
    table, value = best_rule(posterior, weights, z2="allow")
    assert value.kind == "exact"
    assert value.value == pytest.approx(brute_force(posterior, weights), abs=1e-12)
    assert rule_information(posterior, table, weights).item() == pytest.approx(value.value)


def test_four_symbols_on_four_states():
    posterior, weights = problem(3, n_e=20, n_v=4)
    table, value = best_rule(posterior, weights, n_symbols=4, z2="allow")
    assert value.value == pytest.approx(brute_force(posterior, weights, k=4), abs=1e-12)
    assert table.shape == (4, 4)


def test_three_symbols_on_six_states_with_the_last_state_on_the_last_symbol():
    posterior, weights = problem(3, n_e=20, n_v=6)
    table, value = best_rule(posterior, weights, n_symbols=3, z2="allow")
    assert value.value == pytest.approx(brute_force(posterior, weights, k=3), abs=1e-12)
    assert table[-1].tolist() == [0, 0, 1]


def test_pruning_on_merged_environments_changes_nothing(monkeypatch):
    posterior, weights = problem(1, n_e=3000)
    plain = best_rule(posterior, weights, z2="allow")
    monkeypatch.setattr(module, "_AFFORDABLE", 1)
    pruned = best_rule(posterior, weights, z2="allow")
    assert pruned[1].value == pytest.approx(plain[1].value, abs=1e-13)
    assert torch.equal(pruned[0], plain[0])


@pytest.mark.parametrize("n_symbols", [2, 4])
def test_imposed_rules_are_odd_and_oriented(n_symbols):
    posterior, weights = problem(5)
    table, odd = best_rule(posterior, weights, n_symbols, z2="impose")
    assert torch.equal(table, table.flip(0, 1))
    assert table[-1, -1] == 1
    assert odd.kind == "exact"
    free = best_rule(posterior, weights, n_symbols, z2="allow")[1]
    if n_symbols == 2:
        assert odd.value <= free.value + 1e-13


@pytest.mark.parametrize("z2", ["impose", "allow"])
def test_local_search_reaches_the_exhaustive_optimum(z2):
    posterior, weights = problem(2)
    exact = best_rule(posterior, weights, z2=z2)[1].value
    action = Action.of(z2, 16, 2)
    table = action.tables(ascend(posterior, weights, action, seed=0))
    value = rule_information(posterior, table, weights).item()
    assert value == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("n_symbols", [3, 4])
def test_few_symbols_of_sixteen_states_are_exact_too(n_symbols):
    """Over all sets of states, where there are too many rules to list; the search ends there."""
    posterior, weights = problem(7)
    table, value = best_rule(posterior, weights, n_symbols, z2="allow")
    assert value.kind == "exact"
    assert table[-1, -1] == 1
    action = Action.none(16, n_symbols)
    found = action.tables(ascend(posterior, weights, action, seed=0))
    searched = rule_information(posterior, found, weights).item()
    assert searched == pytest.approx(value.value, abs=1e-9)
    assert best_rule(posterior, weights, 8, z2="allow")[1].kind == "lower"


def potts(letters, sites, symmetries):
    """Permutations of words by permutations of letters, which symbols follow."""
    every = words(letters, sites)
    weights = letters ** torch.arange(sites)
    states = torch.stack([(torch.tensor(p)[every] * weights).sum(1) for p in symmetries])
    return Action(states, torch.tensor(symmetries))


@pytest.mark.parametrize(
    ("letters", "symmetries"),
    [
        (3, list(itertools.permutations(range(3)))),
        (3, [(0, 1, 2), (2, 1, 0)]),
        (2, [(0, 1), (1, 0)]),
    ],
)
@pytest.mark.parametrize("search", ["all", "ascent"])
def test_the_best_rule_that_commutes_with_a_group(letters, symmetries, search, monkeypatch):
    """Brute force over rules of two sites: one symbol each, or some at random where both agree."""
    action = potts(letters, 2, symmetries)
    posterior, weights = problem(7, n_e=30, n_v=letters**2)
    rows = torch.cat([posterior[:, states] for states in action.states])
    sets = list(itertools.product((0.0, 1.0), repeat=letters))[1:]
    spread = torch.nn.functional.normalize(torch.tensor(sets, dtype=torch.float64), p=1, dim=1)
    single = [i for i, row in enumerate(sets) if sum(row) == 1]
    alike = [range(len(sets)) if a == b else single for a, b in words(letters, 2).tolist()]
    tables = spread[torch.cartesian_prod(*map(torch.tensor, map(list, alike)))]
    for states, symbols in zip(action.states, action.symbols, strict=True):
        tables = tables[(tables[:, states][..., symbols] == tables).flatten(1).all(1)]
    best = rule_information(rows, tables, weights.repeat(len(symmetries))).max()
    if search == "ascent":
        monkeypatch.setattr(module, "_EXHAUSTIVE", 0)
    table, value = best_rule(rows, weights.repeat(len(symmetries)), letters, action)
    assert value.value == pytest.approx(float(best), abs=1e-12)
    for states, symbols in zip(action.states, action.symbols, strict=True):
        assert torch.equal(table[states][:, symbols], table)


def test_a_state_that_the_group_leaves_alone_has_a_symbol_at_random():
    """Two vacancies turned over are two vacancies, and no symbol of two is turned into itself."""
    action = potts(3, 2, [(0, 1, 2), (2, 1, 0)])
    action = Action(action.states, torch.tensor([[0, 1], [1, 0]]))
    posterior, weights = problem(8, n_e=30, n_v=9)
    table, _ = best_rule(posterior, weights, 2, action)
    assert table[4].tolist() == [0.5, 0.5]
    assert torch.equal(table[action.states[1]].flip(1), table)
    assert (table.max(1).values == 1).sum() == 8


def test_a_search_that_cannot_try_all_claims_a_lower_bound_only():
    posterior, weights = problem(4, n_v=32)
    table, value = best_rule(posterior, weights, z2="allow")
    full = rule_information(posterior, torch.eye(32), weights).item()
    assert value.kind == "lower"
    assert 0 < value.value < full
    assert table.shape == (32, 2)


def test_merging_equal_rows_loses_nothing_and_similar_rows_little():
    posterior, weights = problem(6, n_e=5000)
    doubled, twice = torch.cat([posterior, posterior]), torch.cat([weights, weights])
    assert len(merge_equal(doubled, twice)[0]) == 5000
    everything = torch.eye(16)
    full = rule_information(posterior, everything, weights)
    rows, w = merge_similar(posterior, weights, 500)
    assert len(rows) <= 500
    assert 0 <= full - rule_information(rows, everything, w) < 0.1 * full


def test_bad_input_is_named():
    posterior = torch.full((2, 4), 0.25, dtype=torch.float64)
    with pytest.raises(InputError, match="expected 'impose' or 'allow'"):
        best_rule(posterior, z2="broken")
    with pytest.raises(InputError, match="1 coarse symbols were asked for; expected at least 2"):
        best_rule(posterior, n_symbols=1)
    with pytest.raises(InputError, match="3 symbols are not those of bits"):
        best_rule(posterior, n_symbols=3, z2="impose")
    odd = torch.full((2, 5), 0.2, dtype=torch.float64)
    with pytest.raises(InputError, match="even number of block states, got 5"):
        best_rule(odd)
