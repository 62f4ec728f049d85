"""Rules of every kind on every space satisfy one contract, whatever their parametrisation."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Placement, Space, Symmetry, Window, place, words
from rsmi.lattice.alphabet import SPIN, clock, occupations, spins, vacant_spins
from rsmi.learning.equivariance import block_symmetries, symbol_action
from rsmi.learning.rules import HardRule, Rule, TableRule, measure_symmetry, orientation
from rsmi.learning.trainable import KINDS, LogitRule, NetworkRule, make_rule
from rsmi.sampling.families import Setup, families

SQUARE = Window((2, 2), 1)
WINDOWS: dict[str, tuple[str, tuple[int, ...], dict[str, Any], Window, int]] = {
    "ising chain": ("ising", (9,), {}, Window((3,), 1), 2),
    "ising": ("ising", (8, 8), {}, SQUARE, 8),
    "ising ball": ("ising", (8, 8), {}, Window(ball=1), 8),
    "ising cubic": ("ising", (6, 6, 6), {}, Window((2, 2, 2), 1), 48),
    "triangular": ("ising_graph", (8, 8), {"lattice": "triangular"}, Window(disk=1.0), 12),
    "in a field": ("ising_graph", (8, 8), {"lattice": "triangular", "field": 0.2}, SQUARE, 4),
    "honeycomb": ("ising_graph", (6, 6), {"lattice": "honeycomb"}, Window((2, 2), 1), 4),
    "kagome": ("ising_graph", (6, 6), {"lattice": "kagome"}, Window((1, 1), 1), 6),
    "pyrochlore": ("ising_graph", (5, 5, 5), {"lattice": "pyrochlore"}, Window((1, 1, 1), 1), 24),
    "disorder": (
        "ising_graph",
        (7, 7),
        {"lattice": "square", "disorder": "bimodal"},
        Window(sites=(0, 1, 7)),
        1,
    ),
    "potts": ("potts", (8, 8), {"states": 3}, SQUARE, 8),
    "seven states": ("potts", (8,), {"states": 7}, Window((2,), 1), 2),
    "vacancies": ("blume_capel", (8, 8), {"crystal_field": 1.5}, SQUARE, 8),
    "dimers": ("dimers", (8, 8), {}, SQUARE, 8),
    "honeycomb dimers": ("dimers", (12, 12), {"lattice": "honeycomb"}, Window((1, 1), 1), 2),
    "cubic dimers": ("dimers", (6, 6, 6), {"lattice": "cubic"}, Window((1, 1, 2), 1), 16),
    "decorated": ("decorated_dimers", (4, 8), {"pair_coupling": 0.4}, Window((1, 1), 0), 4),
    "mazes": ("mazes", (9, 9), {}, Window((3, 3), 1), 8),
    "quantum": ("tfim", (8,), {}, Window((2,), 1), 2),
}


def placement_of(name: str) -> Placement:
    model, shape, given, window, _ = WINDOWS[name]
    family = families[model]
    complete = {key: known.default for key, known in family.parameters.items()} | given
    temperature = {"mazes": None, "tfim": None, "dimers": "inf"}.get(model, 2.0)
    built = family.model(Setup(shape, temperature, complete, family.updates[0], seed=0))
    return place(window, family.space(built))


def kinds_of(placed: Placement) -> list[str]:
    boxed = bool(placed.window.block)
    return [kind for kind in KINDS if boxed or kind != "conv"]


def trained(kind: str, placed: Placement, n_symbols: int, **options: Any) -> LogitRule:
    """A rule with weights as large as those after a training."""
    rule = make_rule(kind, placed, n_symbols, seed=2, **options)
    with torch.no_grad():
        for weight in rule.parameters():
            drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
            weight.copy_(drawn / weight[0].numel() ** 0.5)
    return rule


def some_letters(space: Space, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, space.alphabet.size, (n, space.n_sites), generator=generator)


def symbols_under(space: Space, symmetry: Symmetry, n_symbols: int) -> tuple[int, ...]:
    """What a symmetry of the space does to symbols, told by its letters alone."""
    letters = tuple(symmetry.letters.tolist())
    turns = {tuple(g.letters.tolist()) for g in space.point_group}
    for p, action in zip(
        space.alphabet.symmetries, symbol_action(space.alphabet, n_symbols), strict=True
    ):
        if letters in {tuple(p[a] for a in turn) for turn in turns}:
            return tuple(action)
    raise AssertionError(letters)


def violation(rule: Rule, placed: Placement, symmetry: Symmetry) -> float:
    """How much the rule changes when a whole configuration is mapped, at the best place for it."""
    letters = some_letters(placed.space, 3)
    blocks, _ = placed.translates
    image = symmetry(letters)[:, placed.visible]
    goes = set(symmetry.source[placed.visible].tolist())
    here = next((row for row in blocks if set(row.tolist()) == goes), None)
    if here is None:
        return -1.0
    before, after = rule.log_prob(letters[:, here]).exp(), rule.log_prob(image).exp()
    symbols = symbols_under(placed.space, symmetry, rule.n_symbols)
    return float((after[:, list(symbols)] - before).abs().max())


@pytest.mark.parametrize("name", WINDOWS)
def test_imposed_symmetries_hold_for_every_kind_on_every_space(name: str) -> None:
    placed, order = placement_of(name), WINDOWS[name][-1]
    q, turns = placed.space.alphabet.size, len(block_symmetries(placed))
    for kind in kinds_of(placed):
        for n_symbols in {q, 2} if len(placed.space.alphabet.symmetries) <= 2 else {q}:
            turned = "impose" if placed.space.homogeneous else "allow"
            rule = trained(kind, placed, n_symbols, point_group=turned)
            with torch.no_grad():
                found = [violation(rule, placed, g) for g in placed.space.symmetries]
            kept = [change for change in found if change >= 0]
            assert max(kept) < 1e-6, (kind, n_symbols)
            assert len(kept) == order * len(placed.space.alphabet.symmetries)
    assert turns == order


@pytest.mark.parametrize("name", ["ising", "potts", "vacancies", "dimers", "triangular"])
def test_a_free_rule_has_no_symmetry(name: str) -> None:
    placed = placement_of(name)
    q = placed.space.alphabet.size
    for kind in kinds_of(placed):
        rule = trained(kind, placed, q, symmetry="allow")
        with torch.no_grad():
            assert max(violation(rule, placed, g) for g in placed.space.symmetries) > 1e-3


def test_log_prob_is_the_log_of_the_table_word_by_word() -> None:
    for name in ("ising", "potts", "vacancies", "dimers", "triangular"):
        placed = placement_of(name)
        every = words(placed.space.alphabet.size, placed.n_visible)
        for kind in kinds_of(placed):
            rule = trained(kind, placed, placed.space.alphabet.size)
            some = every[7 : 7 + len(every) // 2]
            alone = rule.log_prob(some).exp().double()  # fewer than there are words
            torch.testing.assert_close(alone, rule.table()[7 : 7 + len(some)], atol=1e-6, rtol=0)
            both = rule.log_prob(torch.stack([every, every]).to(torch.int8)).exp().double()
            torch.testing.assert_close(both[1], rule.table(), atol=1e-6, rtol=0)


def test_linear_rules_are_sums_over_sites() -> None:
    """The fast way of a linear rule is the sum over the group that every other rule uses."""
    for name in ("potts", "vacancies", "dimers"):
        placed = placement_of(name)
        rule = trained("linear", placed, placed.space.alphabet.size, point_group="impose")
        letters = some_letters(placed.space, 40)[:, : placed.n_visible]
        plain = super(type(rule), rule).log_prob(letters)
        torch.testing.assert_close(rule.log_prob(letters), plain, atol=1e-5, rtol=1e-5)


def test_linear_rules_of_spins_are_perceptrons() -> None:
    r"""p(h_k = +1|v) = sigma(2 (L_k v + b_k)), Koch-Janusz and Ringel (2018)."""
    rule = trained("linear", placement_of("ising"), 4, symmetry="allow")
    v = words(2, 4)
    weight, bias = rule.get_parameter("weight").squeeze(-1), rule.get_parameter("bias")
    up = torch.sigmoid(2 * ((2.0 * v - 1) @ weight.T + bias))
    bits = torch.stack([torch.stack([1 - up, up], -1)[:, k] for k in range(2)], 1)
    expected = (bits[:, 0][:, None, :] * bits[:, 1][:, :, None]).flatten(1)
    torch.testing.assert_close(rule.table().float(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_come_from_the_seed_of_the_call(kind: str) -> None:
    placed = placement_of("potts")
    rules = [make_rule(kind, placed, 3, seed=seed) for seed in (4, 4, 5)]
    torch.rand(1)
    state = torch.random.get_rng_state()
    assert torch.equal(rules[0].table(), rules[1].table())
    assert not torch.equal(rules[0].table(), rules[2].table())
    make_rule(kind, placed, 3, seed=9)
    assert torch.equal(torch.random.get_rng_state(), state)  # and leave the global ones alone


@pytest.mark.parametrize("kind", KINDS)
def test_hardened_rules_put_all_weight_on_the_largest_entries(kind: str) -> None:
    rule = trained(kind, placement_of("potts"), 3)
    table, hard = rule.table(), rule.hardened()
    assert isinstance(hard, TableRule)
    assert torch.equal(hard.table() > 0, table >= table.max(1, keepdim=True).values - 1e-9)


@pytest.mark.parametrize("kind", ["linear", "mlp", "conv"])
def test_large_blocks_have_networks_and_no_table(kind: str) -> None:
    placed = place(Window((6, 6), 1), Space.hypercubic((16, 16), SPIN))
    rule = trained(kind, placed, 2)
    letters = some_letters(placed.space, 200)[:, :36]
    with pytest.raises(InputError, match=r"36 sites.*2\^36 rows.*1.02e\+03 GiB.*linear, mlp, conv"):
        rule.table()
    hard = rule.hardened()
    assert isinstance(hard, HardRule)
    assert hard.hardened() is hard
    assert rule.training
    assert all(weight.requires_grad for weight in rule.parameters())  # it may be trained on
    p = hard.log_prob(letters).exp()
    assert torch.equal(p.argmax(1), rule.log_prob(letters).argmax(1))
    torch.testing.assert_close(hard.log_prob(1 - letters).exp(), p.flip(1))
    turned = rule.renamed([1, 0])
    torch.testing.assert_close(turned.log_prob(letters).exp(), p.flip(1))
    back = turned.renamed([1, 0])
    assert isinstance(back, HardRule)
    assert not isinstance(back.soft, HardRule)
    torch.testing.assert_close(back.log_prob(letters).exp(), p)


def test_ties_of_a_symmetric_network_stay_random() -> None:
    """What symmetry leaves undecided is no matter of rounding."""
    placed = place(Window((4, 4), 1), Space.hypercubic((16, 16), SPIN))
    rule = HardRule(trained("mlp", placed, 2, point_group="impose"))
    striped = torch.tensor([[0, 1] * 8])
    assert rule.log_prob(striped).exp().tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("kind", KINDS)
def test_rules_are_asked_and_made_in_inference_and_trained_after_it(kind: str) -> None:
    placed = placement_of("potts")
    letters = some_letters(placed.space, 200)[:, :4]
    rule = trained(kind, placed, 3, point_group="impose")
    with torch.inference_mode():
        asked = rule.log_prob(letters)
        made = trained(kind, placed, 3, point_group="impose")
        torch.testing.assert_close(made.log_prob(letters), asked)
        torch.testing.assert_close(made.hardened().table(), rule.hardened().table())
    rule.log_prob(letters).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in rule.parameters())


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_a_group_that_is_loaded_is_not_taken_for_the_one_before(kind: str) -> None:
    placed = placement_of("ising")
    letters = some_letters(placed.space, 200)[:, :4]
    odd = trained(kind, placed, 2, symmetry="impose")
    turned = trained(kind, placed, 2, symmetry="allow", point_group="impose")
    numbers = turned.state_dict()
    for name in ("sources", "letters", "symbols"):  # a group of as many elements
        numbers[f"images.{name}"] = numbers[f"images.{name}"][[0, 3]]
    before = odd.log_prob(letters)
    odd.load_state_dict(numbers)
    assert not torch.allclose(odd.log_prob(letters), before)
    fresh = trained(kind, placed, 2, symmetry="impose")
    fresh.load_state_dict(numbers)
    torch.testing.assert_close(odd.log_prob(letters), fresh.log_prob(letters))


class Own(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4 * depth, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layer(x.flatten(1).float())
        return logits


@pytest.mark.parametrize(("sees", "depth"), [("features", 3), ("letters", 1)])
def test_a_network_of_ones_own_is_a_rule(sees: Any, depth: int) -> None:
    placed = placement_of("potts")
    rule = make_rule(Own(depth), placed, 3, point_group="impose", sees=sees)
    assert isinstance(rule, NetworkRule)
    with torch.no_grad():
        assert max(violation(rule, placed, g) for g in placed.space.symmetries) < 1e-6


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Flatten(), r"gives \[2, 12\] for features \[2, 4, 3\]; expected logits \[2, 3\]"),
        (nn.Linear(5, 3), r"fails \(.*\) for features \[2, 4, 3\]; expected logits \[2, 3\]"),
    ],
)
def test_networks_with_other_logits_are_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_rule(network, placement_of("potts"), 3)


def test_symmetries_are_measured() -> None:
    placed = placement_of("ising")
    odd, *turned = measure_symmetry(trained("table", placed, 2), placed)
    assert odd.name == "letters (1, 0)"
    assert len(turned) == 7
    assert odd.share == pytest.approx(1, abs=1e-6)
    assert max(g.share for g in turned) < 0.99
    free = trained("table", placed, 2, symmetry="measure", point_group="impose")
    mixed, *turned = measure_symmetry(free, placed)
    assert mixed.share < 0.9
    assert all(g.share == pytest.approx(1, abs=1e-6) for g in turned)
    copy = TableRule(clock(3), torch.eye(3).repeat(27, 1), (2, 2))
    found = measure_symmetry(copy, placement_of("potts"))
    assert all(g.share == pytest.approx(1) for g in found[:5])
    assert found[0].symbols == (0, 2, 1)


def test_large_rules_are_measured_on_given_blocks() -> None:
    placed = place(Window((6, 6), 1), Space.hypercubic((16, 16), SPIN))
    rule = trained("mlp", placed, 2)
    with pytest.raises(InputError, match=r"needs 1.02e"):
        measure_symmetry(rule, placed)
    letters = some_letters(placed.space, 50)[:, :36]
    flip, *others = measure_symmetry(rule, placed, letters)
    assert flip.share == pytest.approx(1, abs=1e-5)
    assert max(g.share for g in others) < 0.99


@pytest.mark.parametrize(
    ("alphabet", "n_symbols", "action"),
    [
        (SPIN, 2, [(0, 1), (1, 0)]),
        (SPIN, 4, [(0, 1, 2, 3), (3, 2, 1, 0)]),
        (vacant_spins(), 3, [(0, 1, 2), (2, 1, 0)]),
        (vacant_spins(), 2, [(0, 1), (1, 0)]),
        (clock(4), 4, list(clock(4).symmetries)),
        (occupations(), 5, [(0, 1, 2, 3, 4)]),
    ],
)
def test_letters_act_on_symbols(
    alphabet: Alphabet, n_symbols: int, action: list[tuple[int, ...]]
) -> None:
    assert symbol_action(alphabet, n_symbols) == action


def test_names_follow_the_letters() -> None:
    down = torch.eye(2)[words(2, 3).sum(1).lt(2).long()]
    assert orientation(down, words(2, 3)).tolist() == [1, 0]
    letters = words(3, 2)
    named = torch.eye(3)[(letters[:, 0] + 1) % 3]  # letter a is called a + 1
    assert orientation(named, letters, clock(3)).tolist() == [1, 2, 0]
    bits = torch.eye(4)[2 * letters[:, 0].lt(1) + letters[:, 1].gt(1)]
    assert orientation(bits, letters, vacant_spins()).tolist() == [2, 3, 0, 1]


BAD: list[tuple[Any, str]] = [
    (lambda: make_rule("tabel", placement_of("ising")), "did you mean 'table'"),
    (lambda: make_rule("table", placement_of("ising"), 17), "17 symbols; expected 2 to 16"),
    (lambda: make_rule("table", placement_of("ising"), 1), "1 symbols; expected 2 to 16"),
    (lambda: make_rule("table", placement_of("potts"), 2), "use symmetry: allow, or 3 symbols"),
    (
        lambda: make_rule("table", placement_of("ising"), symmetry="never"),  # type: ignore[arg-type]
        "symmetry is 'never'; expected one of impose, allow, measure",
    ),
    (
        lambda: make_rule("table", placement_of("disorder"), point_group="impose"),
        "cells of the lattice square are not alike .* take point_group: allow",
    ),
    (
        lambda: make_rule("conv", placement_of("ising ball")),
        "a convolutional rule needs a block that is a box",
    ),
    (
        lambda: make_rule("table", place(Window((6, 6), 1), Space.hypercubic((16, 16), SPIN))),
        r"2\^36 rows and needs 1.02e\+03 GiB; expected at most 0.25 GiB",
    ),
    (lambda: TableRule(SPIN, torch.ones(4, 2)), "every row must sum to 1"),
    (lambda: TableRule(SPIN, torch.tensor([[2.0, -1.0]] * 4)), "every entry must be >= 0"),
    (lambda: TableRule(clock(3), torch.eye(2)), r"has shape \[2, 2\]; expected \[3\^n, K\]"),
    (lambda: TableRule(SPIN, torch.full((4, 17), 1 / 17)), "2 to 16 symbols"),
    (lambda: TableRule(SPIN, torch.tensor(1.0)), r"has shape \[\]"),
    (lambda: TableRule(SPIN, torch.eye(2)[[0, 1, 0, 1]], (3,)), r"block is \[3\] with 2 sites"),
    (
        lambda: measure_symmetry(TableRule(clock(3), torch.eye(3)), placement_of("ising")),
        "letters 0, 1, 2, those of the space are -1, \\+1",
    ),
    (
        lambda: measure_symmetry(TableRule(spins(), torch.eye(2)), placement_of("ising")),
        "for a block of 1 sites, the window with block .2, 2., .* has 4",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input_is_named(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
