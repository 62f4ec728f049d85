"""Rules of any letters in any space: never above their exact value, near the best, equivariant."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import Space, Window, place, words
from rsmi.lattice.alphabet import SPIN, Alphabet, clock, directions, vacant_spins
from rsmi.learning import TableRule, learn_rule, value_rules
from rsmi.learning.predictor import Predictor, first_among_images
from rsmi.learning.windows import Images, WindowPool, _indexed
from rsmi.sampling.exact.window import WindowPosterior, enumerated_window
from rsmi.sampling.families import find_family
from rsmi.storage import Samples, samples_of

SIGMAS = 5.0  # one-sided false alarm below 1e-6
FAST: dict[str, Any] = {
    "max_epochs": 4,
    "steps_per_epoch": 40,
    "batch_size": 1024,
    "learning_rate": 2e-2,
    "null": False,
}
SYSTEMS = {
    "dimers": ("dimers", (4, 4), "inf", {}, Window((1, 2), 1, None), 2),
    "Blume-Capel": ("blume_capel", (3, 3), 0.8, {"crystal_field": 1.9}, Window((2, 2), 0, None), 3),
    "Potts": ("potts", (3, 3), 1.0, {"states": 3}, Window((2, 2), 0, None), 3),
    "triangular": (
        "ising_graph", (3, 4), 3.6, {"lattice": "triangular"}, Window((2, 2), 0, None), 2,
    ),
    "honeycomb": ("ising_graph", (2, 3), 1.5, {"lattice": "honeycomb"}, Window((1, 1), 0, None), 2),
}  # fmt: skip


def drawn(
    name: str, rows: int = 4096, seed: int = 0, window: Window | None = None
) -> tuple[Samples, WindowPosterior, Window, int]:
    """Independent configurations of a small system, and its exact solution."""
    model, shape, temperature, parameters, chosen, symbols = SYSTEMS[name]
    family = find_family(model)
    built = family.built(shape, temperature, parameters)
    letters, chances = family.enumerate(built)
    space = family.space(built)
    solved = enumerated_window(letters, chances, place(window or chosen, space))
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(chances, rows, replacement=True, generator=generator)
    samples = samples_of(letters[which], chains=rows, space=space)
    return samples, solved, window or chosen, symbols


@pytest.mark.parametrize("name", SYSTEMS)
def test_learned_rules_stay_below_their_exact_value_and_near_the_best(name: str) -> None:
    samples, solved, window, symbols = drawn(name)
    found = learn_rule(samples, window, symbols=symbols, seed=1, **FAST)
    exact = solved.rule(found.rule.table()).value
    assert found.information.kind == "lower"
    assert found.information.value - exact < SIGMAS * found.information.error
    assert found.information.value > 0.95 * exact - SIGMAS * found.information.error
    assert exact > 0.97 * solved.optimum(symbols, "allow")[1].value


@pytest.mark.parametrize(("name", "kind"), [("Potts", "linear"), ("dimers", "mlp")])
def test_rule_and_predictor_are_learned_together_for_any_letters(name: str, kind: str) -> None:
    samples, solved, window, symbols = drawn(name)
    options = FAST | {"learning_rate": 5e-3, "steps_per_epoch": 100, "restarts": 3}
    found = learn_rule(samples, window, symbols=symbols, rule=kind, seed=1, **options)
    exact = solved.rule(found.rule.table()).value
    assert found.information.value - exact < SIGMAS * found.information.error
    assert exact > 0.85 * solved.optimum(symbols, "allow")[1].value


class Corner(nn.Module):
    """A network of a user's own, which looks at one site."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, features: Tensor) -> Tensor:
        return self.layer(features[:, 0])


def test_a_network_of_ones_own_learns_and_is_valued() -> None:
    """Of rules that see one site decimation is best; a predictor for it alone says the same."""
    samples, solved, window, _ = drawn("Potts")
    found = learn_rule(samples, window, symbols=3, rule=Corner(), symmetry="allow", **FAST)
    table = found.rule.table()
    exact = solved.rule(table).value
    assert torch.equal(table, torch.eye(3, dtype=torch.float64).repeat(27, 1))
    assert abs(found.information.value - exact) < SIGMAS * found.information.error + 0.02 * exact
    rules = {"mine": found.rule}
    valued = value_rules(samples, window, rules, method="joint", **FAST).bounds["mine"].information
    assert valued.value - exact < SIGMAS * valued.error
    assert valued.value > 0.9 * exact - SIGMAS * valued.error


def test_one_posterior_bounds_rules_of_three_letters() -> None:
    samples, solved, window, _ = drawn("Potts")
    generator = torch.Generator().manual_seed(2)
    tables = torch.rand(3, 81, 4, generator=generator, dtype=torch.float64) ** 3
    tables /= tables.sum(-1, keepdim=True)
    rules = {f"rule{i}": TableRule(clock(3), table, (2, 2)) for i, table in enumerate(tables)}
    found = value_rules(samples, window, {**rules, "first": "decimation"}, **FAST)
    assert set(found.bounds) == {"full", *rules, "first"}
    for i, table in enumerate(tables):
        bound, exact = found.bounds[f"rule{i}"].information, solved.rule(table).value
        assert bound.value - exact < SIGMAS * bound.error
        assert bound.value > 0.8 * exact - SIGMAS * bound.error
    assert "information.first" in found.table()


ALPHABETS = {"clock": clock(3), "vacant": vacant_spins(), "spins": SPIN, "pairs": clock(3) * SPIN}


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_predictors_are_equivariant_whatever_the_environment(alphabet: Alphabet) -> None:
    """Environments of one letter, too, which some elements leave alone."""
    q, n = alphabet.size, 5
    letters = torch.tensor(alphabet.symmetries)
    predict = Predictor(alphabet, n, q, (8,), (letters, letters))
    generator = torch.Generator().manual_seed(1)
    for parameter in predict.parameters():
        nn.init.normal_(parameter, generator=generator)
    e = torch.randint(0, q, (60, n), generator=generator, dtype=torch.int8)
    e = torch.cat([e, torch.arange(q, dtype=torch.int8)[:, None].expand(q, n), e % 2])
    for training in (True, False):
        predict.train(training)
        answer = predict.members(e)
        torch.testing.assert_close(answer.exp().sum(-1), torch.ones(answer.shape[:2]))
        for g in letters:
            image = predict.members(g.to(torch.int8)[e.long()])
            torch.testing.assert_close(image[..., g], answer, atol=1e-5, rtol=0)
    free = Predictor(alphabet, n, q, (8,))
    for parameter in free.parameters():
        nn.init.normal_(parameter, generator=generator)
    image = free.members(letters[-1].to(torch.int8)[e.long()])[..., letters[-1]]
    assert not torch.allclose(image, free.members(e), atol=1e-2)


def test_the_first_image_is_the_last_word_of_the_lexicon() -> None:
    letters = torch.tensor(list(permutations(range(3))))
    word = torch.randint(0, 3, (50, 4), generator=torch.Generator().manual_seed(3))
    numbers = (letters[:, word] * 3 ** torch.arange(3, -1, -1)).sum(-1)
    assert torch.equal(first_among_images(word, letters).T, numbers == numbers.amax(0))


SPACES = {
    "square": (Space.of("square", (6, 6), clock(3)), Window((2, 2), 1)),
    "triangular": (Space.of("triangular", (6, 6), SPIN), Window((2, 2), 1)),
    "honeycomb": (Space.of("honeycomb", (5, 5), SPIN), Window(disk=1.1, buffer=0)),
    "oblong": (Space.of("square", (8, 8), SPIN), Window((1, 3), 1)),
    "dimers": (Space.of("square", (6, 6), directions(2)), Window((2, 2), 0)),
}


@pytest.mark.parametrize("name", SPACES)
def test_windows_are_all_images_under_all_symmetries(name: str) -> None:
    """Every image of a configuration, cut in every place, and nothing else."""
    space, window = SPACES[name]
    placed = place(window, space)
    generator = torch.Generator().manual_seed(1)
    letters = torch.randint(
        0, space.alphabet.size, (1, *space.shape), generator=generator, dtype=torch.int8
    )
    images = Images(placed, space.symmetries)
    where = torch.arange(placed.positions)
    flat, one = letters.flatten(1), torch.zeros_like(where)
    for turn, symmetry in enumerate(space.symmetries):
        found = images.cut(turn, flat, one, where, one)
        expected = [part[0] for part in placed.cut(letters, symmetry)]
        rows = [torch.cat(pair, 1).tolist() for pair in (found, expected)]
        assert sorted(rows[0]) == sorted(rows[1])
    pool = WindowPool(images, letters)
    v, e = pool.draw_each(10**6, generator)
    assert torch.equal(v, placed.cut(letters)[0][0])
    assert torch.equal(e, placed.cut(letters)[1][0])


def test_a_device_without_the_kernel_cuts_the_same_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Blocks and environments of different configurations, renamed and turned."""
    space, window = SPACES["dimers"]
    generator = torch.Generator().manual_seed(2)
    letters = torch.randint(0, 4, (5, *space.shape), generator=generator, dtype=torch.int8)
    images = Images(place(window, space), space.symmetries)
    pool = WindowPool(images, letters, torch.tensor([3, 4, 0, 1, 2]))
    drawn = [[pool.draw(7, torch.Generator().manual_seed(i)) for i in range(40)]]
    monkeypatch.setattr("rsmi.learning.windows._compiled", _indexed)
    drawn.append([pool.draw(7, torch.Generator().manual_seed(i)) for i in range(40)])
    for (v, e), (same_v, same_e) in zip(*drawn, strict=True):
        assert torch.equal(v, same_v)
        assert torch.equal(e, same_e)


def test_the_same_seed_learns_the_same_whatever_went_before() -> None:
    samples, _, window, symbols = drawn("Potts", 512)
    values = []
    for state in (1, 2):
        torch.manual_seed(state)
        options = FAST | {"max_epochs": 1, "steps_per_epoch": 5}
        values.append(learn_rule(samples, window, symbols=symbols, seed=3, **options).information)
    assert values[0] == values[1]


def test_sites_of_a_disordered_lattice_have_rules_of_their_own() -> None:
    """Bonds of two strengths: what an end says of the middle is what its bond lets through."""
    generator = torch.Generator().manual_seed(1)
    left = torch.randint(0, 2, (4096, 1), generator=generator)
    noise = torch.rand(4096, 2, generator=generator)
    near = torch.where(noise[:, :1] < 0.02, 1 - left, left)
    far = torch.where(noise[:, 1:] < 0.4, 1 - left, left)
    letters = torch.cat([near, left, far], 1).to(torch.int8)[:, None, :]
    space = Space.from_text({"alphabet": "spins", "edges": "0-1 1-2", "sites": 3})
    values = [
        learn_rule(
            letters,
            Window(ball=0, buffer=0, environment=1, at=at),
            chains=4096,
            space=space,
            **FAST,
        ).information
        for at in (0, 2)
    ]
    exact = [np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p) for p in (0.02, 0.4)]
    for value, truth in zip(values, exact, strict=True):
        assert abs(value.value - truth) < SIGMAS * value.error + 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbols": 17}, "symbols is 17; expected 2 to 16"),
        ({"symbols": 5}, "no way known in which they would act on 5 symbols"),
        ({"n_hidden": 1}, "has another name now: symbols, of which k coarse bits make"),
        ({"z2": "allow"}, "has another name now: symmetry"),
        ({"hiden": (8,)}, "did you mean 'hidden'"),
        ({"seed": -1}, "seed is -1"),
        ({"rule": "forest"}, "rule is 'forest'"),
        ({"hidden": (1 << 20, 1 << 20)}, "lower hidden"),
    ],
)
def test_options_that_there_are_not(options: dict[str, Any], message: str) -> None:
    samples, _, window, _ = drawn("Potts", 64)
    with pytest.raises(InputError, match=message):
        learn_rule(samples, window, **({"symbols": 3} | FAST | options))


def test_windows_rules_and_symmetries_that_do_not_fit() -> None:
    samples, _, window, _ = drawn("Potts", 64)
    with pytest.raises(InputError, match=r"does not fit the 3x3 cells.*take a larger lattice"):
        learn_rule(samples, Window((2, 2), 1), symbols=3)
    with pytest.raises(InputError, match=r"letters -1, \+1, those of the space are 0, 1, 2"):
        value_rules(samples, window, {"mine": TableRule(SPIN, torch.eye(2).repeat(8, 1), (2, 2))})
    with pytest.raises(InputError, match="is for two letters, the space has the letters 0, 1, 2"):
        value_rules(samples, window, ["majority"])
    space = Space.from_text({"alphabet": "spins", "edges": "0-1 1-2", "sites": 3})
    coins = np.random.default_rng(0).integers(0, 2, (64, 1, 3))
    with pytest.raises(InputError, match="expected a lattice of equal cells"):
        learn_rule(
            coins,
            Window(sites=(1,), buffer=0),
            chains=64,
            space=space,
            point_group="impose",
            **FAST,
        )


def test_letters_outside_of_the_alphabet_are_named() -> None:
    letters = np.random.default_rng(0).integers(0, 3, (64, 4, 4))
    letters[5, 2, 1] = 3
    with pytest.raises(InputError, match=r"configuration 5 .*3 at .*2, 1"):
        learn_rule(letters, Window((1, 1), 0), chains=64, space="clock(3) on square [4, 4]")


def test_a_table_that_would_not_fit_names_rules_that_do() -> None:
    letters = np.random.default_rng(0).integers(0, 4, (64, 8, 8))
    with pytest.raises(InputError, match=r"4\^16 rows and needs 128 GiB.*linear, mlp, conv"):
        learn_rule(
            letters, Window((4, 4), 1), symbols=4, method="joint", chains=64,
            space="clock(4) on square [8, 8]", **FAST,
        )  # fmt: skip


def test_what_is_measured_of_a_rule_that_may_break_symmetries() -> None:
    """Decimation keeps the letters' symmetry, and no rotation of the block."""
    samples, _, window, _ = drawn("Potts", 512)
    options = FAST | {"symmetry": "measure", "point_group": "measure", "max_epochs": 2}
    found = learn_rule(samples, window, symbols=3, rule=Corner(), **options).quantities()
    shares = {q.context["symmetry"]: q.value for q in found if q.name == "rule.equivariance"}
    letters = [share for name, share in shares.items() if str(name).startswith("letters")]
    assert letters == pytest.approx([1.0] * 5)
    turned = [share for name, share in shares.items() if not str(name).startswith("letters")]
    assert len(turned) == 7
    assert min(turned) < 0.9


def test_without_symmetry_none_is_used() -> None:
    samples, _, window, _ = drawn("Potts", 512)
    options = FAST | {"symmetry": "none", "max_epochs": 1, "steps_per_epoch": 5}
    found = learn_rule(samples, window, symbols=3, **options)
    assert str(found.symmetry).startswith("1 of 8 rotations and reflections")
    assert "1 of 6 permutations of the letters" in str(found.symmetry)


def test_words_that_never_came_follow_the_nearest_that_did() -> None:
    """Of three spins that were always alike the rule learned is the majority, for any word."""
    spins = np.random.default_rng(1).integers(0, 2, (256, 1, 1)).repeat(8, 1)
    found = learn_rule(spins, Window((3,), 1), chains=256, space="spins on chain [8]", **FAST)
    up = words(2, 3).sum(1) > 1
    assert found.rule.table()[:, 1].tolist() == up.tolist()
