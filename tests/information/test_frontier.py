"""The frontier of an enumerated p(x, y) against closed forms, all partitions, and a lattice."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from rsmi.errors import InputError
from rsmi.information import best_partition, frontier, mutual_information, partitions
from rsmi.information.bottleneck import _Along, _Problem
from rsmi.lattice import Window, states
from rsmi.sampling import System


def binary(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def table(seed, n, m):
    joint = torch.rand(n, m, generator=torch.Generator().manual_seed(seed)).double() ** 3
    return joint / joint.sum()


def every_label(n, k):
    """Every way to give n values at most k symbols, up to names."""
    found = [[0]]
    for _ in range(n - 1):
        found = [[*one, s] for one in found for s in range(min(max(one) + 2, k))]
    return torch.tensor(found)


def goals(joint, labels, price):
    cells = torch.nn.functional.one_hot(labels).double().transpose(1, 2) @ joint
    rate = torch.special.entr(cells.sum(2)).sum(1)
    return mutual_information(cells) - price * rate


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("n", "m", "k"), [(8, 2, 3), (8, 2, 5), (8, 4, 3), (7, 3, 4), (9, 12, 2)])
def test_no_partition_is_better_than_the_best(n, m, k, seed):
    joint, labels = table(seed, n, m), every_label(n, k)
    for price in (0.0, 0.25):
        found = best_partition(joint, k, price=price)
        best = float(goals(joint, labels, price).max())
        assert found.kept.kind == "exact"
        assert found.kept.value - price * found.rate == pytest.approx(best, abs=1e-12)
        assert float(goals(joint, found.label[None], price)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(8, 2), (7, 4)])
def test_symbols_that_do_not_pay_are_not_taken(n, m):
    joint, labels = table(3, n, m), every_label(n, n)
    numbers = []
    for price in (0.02, 0.2, 0.6, 1.0):
        found = best_partition(joint, price=price)
        best = float(goals(joint, labels, price).max())
        assert found.kept.value - price * found.rate == pytest.approx(best, abs=1e-12)
        numbers.append(found.symbols)
    assert numbers[0] > numbers[1] >= numbers[2] >= numbers[3] == 1


def test_divisions_in_another_order_than_that_of_the_label_are_worse():
    """The proof behind the intervals needs the order of p(y=1|x)."""
    joint = table(1, 12, 2).numpy()
    given = (joint[:, 1] / joint.sum(1)).argsort()
    worth = [
        partitions._worth(partitions._cells(one, partitions._intervals(one, 3, 0.0), 3), 0.0).sum()
        for one in (joint[given], joint)
    ]
    assert worth[0] > worth[1] + 1e-3


@pytest.mark.parametrize("seed", range(10))
def test_merged_values_of_y_only_leave_out_sets_that_cannot_win(seed, monkeypatch):
    joint = table(seed, 9, 5).repeat(1, 12) * (1 + 20 * table(seed + 1, 9, 60))
    joint /= joint.sum()
    whole = best_partition(joint, 3)
    assert whole.kept.kind == "exact"
    monkeypatch.setattr(partitions, "_BINS", 24)
    merged = best_partition(joint, 3)
    assert merged.kept.value == pytest.approx(whole.kept.value, abs=1e-12)
    assert torch.equal(merged.label, whole.label)
    sets = []
    monkeypatch.setattr(
        partitions,
        "_set_values",
        lambda j, s, p, own=partitions._set_values: sets.append(len(s)) or own(j, s, p),
    )
    best_partition(joint, 3)
    assert sets[0] == 512
    assert sets[1] < 512


@pytest.mark.parametrize("seed", range(10))
def test_the_search_reaches_the_best_and_calls_it_a_lower_bound(seed, monkeypatch):
    joint = table(seed, 14, 5)
    exact = best_partition(joint, 4)
    monkeypatch.setattr(partitions, "SUBSETS", 4)
    found = best_partition(joint, 4, seed=seed)
    assert (exact.kept.kind, found.kept.kind) == ("exact", "lower")
    assert found.kept.value == pytest.approx(exact.kept.value, abs=1e-9)
    monkeypatch.setattr(partitions, "_settle", lambda *_: None)
    assert best_partition(joint, 4, seed=seed).kept.value <= exact.kept.value + 1e-12


def test_agglomeration_alone_is_not_enough(monkeypatch):
    monkeypatch.setattr(partitions, "SUBSETS", 4)
    monkeypatch.setattr(partitions, "_settle", lambda *_: None)
    monkeypatch.setattr(partitions, "_STARTS", 1)
    alone = [best_partition(table(seed, 14, 5), 4).kept.value for seed in range(10)]
    monkeypatch.undo()
    best = [best_partition(table(seed, 14, 5), 4).kept.value for seed in range(10)]
    assert sum(b > a + 1e-6 for a, b in zip(alone, best, strict=True)) >= 3


def test_many_values_of_x_are_merged_before_they_are_searched():
    joint = table(0, 700, 3)
    found = best_partition(joint, 3)
    assert found.kept.kind == "lower"
    thirds = torch.stack([joint[joint.argmax(1) == y].sum(0) for y in range(3)])
    full = float(mutual_information(joint))
    assert float(mutual_information(thirds)) < found.kept.value < full


def test_a_block_of_the_critical_torus():
    """Two and three symbols for a block of 2 x 2 on 6 x 6, environment beyond one site."""
    solved = System((6, 6)).solve(Window((2, 2), 1, None))
    joint = (solved.posterior * solved.weights[:, None]).T
    found = [best_partition(joint, k) for k in (2, 3)]
    assert [one.kept.kind for one in found] == ["exact"] * 2
    assert found[0].kept.value == pytest.approx(0.467434, abs=1e-6)
    assert found[1].kept.value == pytest.approx(0.516479, abs=1e-6)
    assert float(mutual_information(joint)) == pytest.approx(0.549401, abs=1e-6)


@pytest.mark.parametrize("noise", [0.05, 0.11, 0.3])
def test_a_symmetric_channel(noise):
    """H(Y|T) = h(noise * h^-1(H(X|T))), Mrs. Gerber's lemma (Wyner, Ziv 1973)."""
    joint = torch.tensor([[1 - noise, noise], [noise, 1 - noise]], dtype=torch.float64) / 2
    found = frontier(joint, tolerance=1e-3)
    assert found.curve.certain
    assert found.curve.gap < 1e-3
    for forgotten in np.linspace(0.01, math.log(2) - 0.01, 12):
        q = brentq(lambda q, h=forgotten: binary(q) - h, 1e-15, 0.5)
        missing = binary(q * (1 - noise) + (1 - q) * noise)
        low, high = found.missing(float(forgotten))
        assert low.value - 1e-12 <= missing <= high.value + 1e-12
        assert high.value - low.value < 1e-3 + 1e-9
        back = found.forgotten(missing)
        assert back[0].value - 1e-9 <= forgotten <= back[1].value + 1e-9
    wrong = binary(0.11 + noise)
    low, high = found.missing(binary(0.11))
    assert not low.value <= wrong <= high.value


def test_an_erasing_channel():
    """H(Y|T) = H(Y) - (1 - e) I(X;T) for every T: Y is X or nothing."""
    erased = 0.3
    joint = (
        torch.tensor([[1 - erased, 0, erased], [0, 1 - erased, erased]], dtype=torch.float64) / 2
    )
    found = frontier(joint)
    assert found.curve.certain
    whole = binary(erased) + (1 - erased) * math.log(2)
    for forgotten in np.linspace(0, math.log(2), 7):
        law = whole - (1 - erased) * (math.log(2) - forgotten)
        low, high = found.missing(float(forgotten))
        assert high.value == pytest.approx(law, abs=1e-9)
        assert law - 1e-4 < low.value < law + 1e-9
    assert found.least == pytest.approx(binary(erased), abs=1e-12)


def test_labels_that_x_decides():
    """The most is forgotten by T = Y: H(X|T) = H(X) - H(Y)."""
    x = states(10)
    label = torch.stack([(x.sum(1) > 0), (x.sum(1) <= 0)], 1).double() / len(x)
    found = frontier(label)
    assert list(found.best) == [1, 2]
    low, high = found.forgotten(0.0)
    assert low.value == pytest.approx(found.entropy_x - found.entropy_y, abs=1e-9)
    assert high.value == pytest.approx(low.value, abs=1e-9)
    forgotten, missing = found.of_symbols(2)
    assert (missing.value, missing.kind) == (0.0, "exact")
    assert forgotten.value == pytest.approx(low.value, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_no_variable_lies_beyond_the_frontier(seed):
    joint = table(seed, 6, 2)
    found = frontier(joint, [2, 3], tolerance=1e-2)
    rules = torch.rand(200, 6, 3, generator=torch.Generator().manual_seed(seed)).double() ** 4
    rules /= rules.sum(2, keepdim=True)
    for rule in rules:
        kept = float(mutual_information(rule.T @ joint))
        taken = float(mutual_information(joint.sum(1)[:, None] * rule))
        low = found.missing(found.entropy_x - taken)[0]
        assert found.entropy_y - kept >= low.value - 1e-9
    for k in (2, 3):
        forgotten, missing = found.of_symbols(k)
        assert missing.value >= found.missing(forgotten.value)[0].value - 1e-9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("beta", [1.5, 8.0])
def test_the_largest_code_on_a_line_is_enclosed(seed, beta):
    joint = table(seed, 9, 2).T
    problem = _Problem.of(joint / joint.sum(1, keepdim=True), joint.sum(1), 0)
    level = problem.levels[0]
    log_z = -torch.rand(9, generator=torch.Generator().manual_seed(seed)).double()
    search = _Along(level, level.line, beta, log_z)
    on_grid = float(search._parts(torch.linspace(0, 1, 4001).double())[0].max())
    found, code = search.largest(1e-3)
    assert on_grid <= found <= on_grid + 1.01e-3
    assert float(code.sum()) == pytest.approx(1.0)


def test_what_is_said_of_the_frontier():
    found = frontier(table(0, 6, 2), [2, 3])
    names = [quantity.name for quantity in found.quantities()]
    assert names.count("information.frontier.symbols") == 2
    assert names.count("information.frontier.scan.missed") == len(found.curve.points)
    assert "proven" in found.table()
    assert found.plot().axes[0].get_xlabel() == "forgotten, H(X|T) (nats)"
    assert "as certain as a search" in frontier(table(0, 6, 3), [2], tolerance=0.1).table()
    nothing = frontier(torch.full((2, 2), 0.25))
    assert list(nothing.best) == [1]
    three = frontier(torch.eye(3, dtype=torch.float64) / 3)
    assert nothing.curve.certain
    assert three.curve.certain  # by data processing alone
    assert list(three.best) == [1, 2, 3]
    assert nothing.forgotten(math.log(2))[0].value == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: frontier(torch.ones(2, 2)), r"p\(x, y\) sums to 4; expected 1"),
        (lambda: frontier(torch.tensor([[1.5, -0.5]])), "entries from -0.5 to 1.5; expected prob"),
        (lambda: frontier(torch.tensor([[math.nan, 1.0]])), "which are finite and not negative"),
        (lambda: frontier(torch.ones(4) / 4), r"has shape \[4\]; expected \(n, m\)"),
        (lambda: best_partition(torch.eye(2) / 2, 0), "0 symbols were asked for; expected a whol"),
        (lambda: frontier(torch.eye(2) / 2, [2, -1]), "-1 symbols were asked for"),
        (lambda: best_partition(torch.eye(2) / 2, 1.5), "1.5 symbols were asked for; expected a w"),
        (lambda: best_partition(torch.eye(2) / 2, True), "True symbols were asked for"),
        (lambda: best_partition(torch.eye(2) / 2), "or none with a price above 0"),
        (lambda: best_partition(torch.eye(2) / 2, 2, price=1.5), "price of H.T. is 1.5; expected"),
        (lambda: frontier(torch.eye(2) / 2).missing(0.8), "given as 0.8 nats; expected 0 to H.X"),
        (lambda: frontier(torch.full((2, 2), 0.25)).forgotten(0.1), "expected at least H.Y.X. = 0"),
        (lambda: frontier(torch.eye(2) / 2, [2]).of_symbols(3), "3 symbols were not asked for"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()
