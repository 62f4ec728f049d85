"""Rules, operators and exponents of any letters, against plain sums and enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import Space, words
from rsmi.lattice.alphabet import SPIN, clock, occupations, vacant_spins
from rsmi.lattice.graphs import unit_cell
from rsmi.learning import TableRule, majority
from rsmi.learning.classical import decimation_table, plurality_table, vacancy_majority_table
from rsmi.renormalization import Interaction, copies, generate_interactions, renormalise
from rsmi.renormalization.coarse_grain import BitRule, LetterRule, block_sites
from rsmi.renormalization.letters import LetterOperator, LetterPlan, letter_operators
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.stability import stability_matrix
from rsmi.renormalization.stream import Ladder, accumulate
from rsmi.sampling.families import Setup, find_family
from rsmi.sampling.potts.exact import critical_coupling
from rsmi.storage import SampleRecipe, generate, open_samples, split

ALPHABETS = {"potts3": clock(3), "potts4": clock(4), "vacant": vacant_spins()}


def _letters(q, shape, seed=0):
    return np.random.default_rng(seed).integers(0, q, shape).astype(np.int8)


def _plain(letters, operator, component):
    """The definition: clusters of one letter, counted with rolled lattices."""
    axes = tuple(range(1, letters.ndim))

    def clusters(letter):
        here = letters == letter
        rolled = [
            [np.roll(here, [-o for o in site], axes) for site in term] for term in operator.terms
        ]
        return sum(np.logical_and.reduce(r).sum(axes) for r in rolled)

    counts = {letter: clusters(letter) for letter in operator.orbit}
    if operator.parity == "even":
        return sum(counts.values())
    return len(counts) * counts[operator.orbit[component]] - sum(counts.values())


@pytest.mark.parametrize(
    ("lattice", "shape"), [("square", (4, 6)), ("triangular", (5, 4)), ("chain", (9,))]
)
@pytest.mark.parametrize("name", ALPHABETS)
def test_operators_agree_with_the_definition(name, lattice, shape):
    alphabet = ALPHABETS[name]
    letters = _letters(alphabet.size, (3, *shape))
    bases = letter_operators(generate_interactions(1.8, unit_cell(lattice)), alphabet)
    found = LetterPlan.of(shape, bases, alphabet.size).run(letters)
    for parity, basis in bases.items():
        assert {operator.parity for operator in basis} == {parity}
        for m, operator in enumerate(basis):
            assert found[parity].shape == (3, operator.components, len(basis))
            for c in range(operator.components):
                expected = _plain(letters, operator, c)
                np.testing.assert_array_equal(found[parity][:, c, m], expected)


@pytest.mark.parametrize("name", ALPHABETS)
def test_sectors_are_those_of_the_letters_symmetry(name):
    alphabet = ALPHABETS[name]
    letters = _letters(alphabet.size, (4, 4, 4))
    bases = letter_operators(generate_interactions(1.5), alphabet)
    plan = LetterPlan.of((4, 4), bases, alphabet.size)
    before = plan.run(letters)
    assert not before["odd"].sum(1).any()
    for p in alphabet.symmetries:
        after = plan.run(np.array(p, dtype=np.int8)[letters])
        np.testing.assert_array_equal(after["even"], before["even"])
        orbit = list(bases["odd"][0].orbit)
        moved = [orbit.index(p[a]) for a in orbit]
        np.testing.assert_array_equal(after["odd"][:, moved], before["odd"])


def test_a_rule_of_two_letters_is_that_of_spins_bit_for_bit(kit):
    table = 0.8 * majority((2, 2)).table() + 0.2 * kit.decimation_table(4)
    spins = kit.random_spins((20, 1, 64)).numpy()
    sites = block_sites((8, 8), (2, 2))
    coarse = BitRule.of(table, (2, 2), 7).apply(spins, sites, 3, 1)
    letters = ((spins + 1) // 2).astype(np.int8)
    found = LetterRule.of(table, 2, (2, 2), 7).apply(letters, sites, 3, 1)
    np.testing.assert_array_equal(2 * found - 1, coarse)


def test_a_rule_draws_its_letters_with_their_probabilities():
    table = plurality_table(3, 4)
    rows = np.repeat(words(3, 4).numpy().astype(np.int8), 400, 0)
    rule = LetterRule.of(table, 3, (4,), 5)
    drawn = rule.apply(rows[:, None], block_sites((4,), (4,)), 0, 0).reshape(81, 400)
    counts = (drawn[..., None] == np.arange(3)).sum(1)
    expected = 400 * table.numpy()
    assert not counts[expected == 0].any()
    # 81 rows with at most 3 letters each: six standard deviations are 1e-6 all together.
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected * (1 - table.numpy()))).all()


class _Held:
    """Letters in memory with their space."""

    def __init__(self, letters, space, chains=1):
        self.space, self.chains = space, chains
        self.shape, self.iteration, self._letters = space.cells, "", torch.from_numpy(letters)

    def __len__(self):
        return len(self._letters)

    def read(self, start, stop):
        return 2 * (self._letters[start:stop] > 0).to(torch.int8) - 1

    def letters(self, start, stop):
        return self._letters[start:stop, ..., None]


def _ring(n_letters, length, coupling):
    """Every configuration of the Potts ring, and its weight."""
    every = words(n_letters, length).numpy().astype(np.int8)
    weight = np.exp(coupling * (every == np.roll(every, -1, 1)).sum(1))
    return every, weight / weight.sum()


def test_the_stability_matrix_is_that_of_the_enumerated_ring():
    """Decimation of the Potts chain: T is the derivative of its exact recursion of couplings."""
    coupling, q = 0.7, 3
    every, weight = _ring(q, 8, coupling)
    repeated = np.repeat(every, np.round(weight * 4e5).astype(int), 0)
    nearest = generate_interactions(1.0, unit_cell("chain"))
    bases = letter_operators([i for i in nearest if i.n_spins == 2], clock(q))
    rule = LetterRule.of(decimation_table(q, 2), q, (2,), 0)
    moments = accumulate(
        _Rows(repeated), rule, {"even": bases["even"]}, levels=1, blocks=8, workers=1
    )["even"]
    found = stability_matrix(moments.covariances()[0], 0, 1)[0, 0]

    def t_of(k):  # of a bond: the second eigenvalue of the transfer matrix over the first
        return (math.exp(k) - 1) / (math.exp(k) + q - 1)

    step = 1e-5
    # K' from t' = t**2; on the ring of 8 sites corrections are t**4 and smaller.
    slope = 2 * t_of(coupling) * (t_of(coupling + step) - t_of(coupling - step)) / (2 * step)
    t2 = t_of(coupling) ** 2
    coarse = math.log((1 + (q - 1) * t2) / (1 - t2))
    slope /= (t_of(coarse + step) - t_of(coarse - step)) / (2 * step)
    assert found == pytest.approx(slope, rel=5e-3)
    wrong = accumulate(
        _Rows(repeated), _mutant(rule), {"even": bases["even"]}, levels=1, blocks=8, workers=1
    )["even"]
    assert abs(stability_matrix(wrong.covariances()[0], 0, 1)[0, 0] / slope - 1) > 0.05


class _Rows:
    def __init__(self, letters):
        self._letters, self.shape, self.chains = letters, letters.shape[1:], 1

    def __len__(self):
        return len(self._letters)

    def read(self, start, stop):
        return torch.from_numpy(np.ascontiguousarray(self._letters[start:stop]))


def _mutant(rule):
    """The same rule but for one state of a block."""
    wrong = rule.cumulative.copy()
    wrong[1] = wrong[0]
    return LetterRule(wrong, rule.n_letters, rule.block, rule.seed)


def test_components_count_as_configurations():
    """Moments of a vector are those of its components laid side by side."""
    basis = letter_operators(generate_interactions(1.0), clock(3))["odd"]
    random = np.random.default_rng(0)
    fine, coarse = random.integers(-9, 9, (60, 3, 1, 2)), random.integers(-9, 9, (60, 3, 4, 2))
    moments = Moments.zeros(basis, ((8, 8), (4, 4)), (1, 4), 2)
    moments.add(0, [fine[:20], coarse[:20]])
    moments.add(1, [fine[20:], coarse[20:]])
    whole, _ = moments.covariances()
    parents = np.repeat(fine, 4, 2).reshape(-1, 2)
    joint = np.cov(coarse.reshape(-1, 2).T, parents.T, bias=True)
    np.testing.assert_allclose(whole.same[1], joint[:2, :2], atol=1e-12)
    np.testing.assert_allclose(whole.step[0], joint[:2, 2:], atol=1e-12)
    for component in range(3):
        mean = coarse[:20, component].mean((0, 1)) / (16 * np.array([1, 2]))
        np.testing.assert_allclose(moments.averages(1, component)[0], mean)


@pytest.mark.parametrize("name", ["potts3", "vacant"])
def test_a_ladder_of_letters_is_the_rule_applied_again(name):
    alphabet = ALPHABETS[name]
    letters = _letters(alphabet.size, (5, 16, 16))
    bases = letter_operators(generate_interactions(1.0), alphabet)
    rule = LetterRule.of(plurality_table(3, 4), 3, (2, 2), 1)
    levels = Ladder.of((16, 16), rule, bases, 2).run(letters, 0)
    coarse = rule.apply(letters.reshape(5, 1, -1), block_sites((16, 16), (2, 2)), 0, 0)
    expected = LetterPlan.of((8, 8), bases, 3).run(coarse.reshape(5, 8, 8))
    np.testing.assert_array_equal(levels[1]["odd"][:, :, 0], expected["odd"])
    assert levels[2]["odd"].shape == (5, bases["odd"][0].components, 4, len(bases["odd"]))


@pytest.fixture(scope="module")
def potts(tmp_path_factory):
    """3840 configurations of the three-state Potts model at its critical point, 32 x 32."""
    path = tmp_path_factory.mktemp("potts") / "s.h5"
    recipe = SampleRecipe(
        model="potts", shape=(32, 32), temperature="critical", parameters={"states": 3}, chains=64,
        records=60, seed=21,
    )  # fmt: skip
    generate(recipe, path)
    with open_samples(path) as samples:
        yield samples


def test_potts_exponents_within_their_own_errors(potts):
    result = renormalise(potts, "plurality", workers=1)
    for name, exact in {"y_t": 6 / 5, "y_h": 28 / 15}.items():
        assert abs(result.exponents[name].value.deviation(exact)) < 4.9
    assert result.exponents["y_t"].value.error < 0.12
    assert result.exponents["y_h"].value.error < 0.01
    assert result.omega == 4 / 5
    assert result.verdict.flip_chance > 1e-6
    assert {average.name for average in result.verdict.odd} >= {"1-site of letter 0"}


def test_letters_that_one_state_prefers_are_told(potts):
    letters = potts.letters(0, 1280).numpy()[..., 0]
    most = np.array([np.bincount(x.ravel(), minlength=3).argmax() for x in letters])
    turned = ((letters - most[:, None, None]) % 3).astype(np.int8)
    result = renormalise(_Held(turned, potts.space, 64), "plurality", workers=1)
    assert "averages that must vanish" in result.verdict.text


def test_a_temperature_beside_the_critical_one_is_refused(tmp_path):
    recipe = SampleRecipe(
        model="potts", shape=(32, 32), temperature=1.02 / critical_coupling(3),
        parameters={"states": 3}, chains=64, records=20, seed=3,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        result = renormalise(samples, "plurality", workers=1)
        told = "no fixed point here: the samples say K = J/T = 0.985346, 2.0 % below the critical"
        assert result.verdict.text.startswith(told)
        letters = samples.letters(0, len(samples)).numpy()[..., 0]
        untold = _Held(letters, samples.space, 64)
        with pytest.raises(AnalysisError, match="y_h drifts"):
            _ = renormalise(untold, "plurality", workers=1).exponents


def test_triangular_exponents_within_their_own_errors(tmp_path):
    recipe = SampleRecipe(
        model="ising_graph", shape=(32, 32), temperature=4 / math.log(3),
        parameters={"lattice": "triangular"}, update="swendsen_wang", chains=64, records=60,
        seed=22,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        result = renormalise(samples, "majority", workers=1)
    for name, exact in {"y_t": 1, "y_h": 15 / 8}.items():
        assert abs(result.exponents[name].value.deviation(exact)) < 4.9
    assert result.exponents["y_t"].value.error < 0.06
    assert result.exponents["y_h"].value.error < 0.01
    hexagon = next(i for i in result.interactions["even"])
    assert len(hexagon.terms) == 3


def test_a_cell_of_two_sites_becomes_one_by_a_first_step(tmp_path):
    recipe = SampleRecipe(
        model="ising_graph", shape=(32, 32), temperature=2 / math.log(2 + math.sqrt(3)),
        parameters={"lattice": "honeycomb"}, update="swendsen_wang", chains=64, records=25, seed=23,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        result = renormalise(samples, "majority", workers=1)
        with pytest.raises(
            InputError, match=r"cell of the lattice honeycomb holds 2 sites.*by name"
        ):
            renormalise(samples, majority((2, 2)))
    assert result.shapes[:2] == ((16, 16), (8, 8))
    for name, exact in {"y_t": 1, "y_h": 15 / 8}.items():
        assert abs(result.exponents[name].value.deviation(exact)) < 4.9
        assert result.known[name] == exact


def test_both_relevant_directions_of_a_tricritical_point_are_found(tmp_path):
    recipe = SampleRecipe(
        model="blume_capel", shape=(32, 32), temperature=0.60858,
        parameters={"crystal_field": 1.96582}, update="embedded_clusters", chains=64, records=30,
        thin=4, equilibration=150, seed=24,
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    with open_samples(tmp_path / "s.h5") as samples:
        result = renormalise(samples, "vacancy_majority", workers=1)
    found = result.exponents | result.further_exponents
    exact = {"y_t": 9 / 5, "y_h": 77 / 40, "even[1]": 4 / 5, "odd[1]": 9 / 8}
    for name, value in exact.items():
        assert abs(found[name].value.deviation(value)) < 4.9
        assert found[name].value.error < 0.1
    assert abs(found["even[1]"].value.deviation(9 / 8)) > 4.9
    seen = {quantity.name: quantity for quantity in result.quantities()}
    assert seen["exponents.eigenvalues.even[1]"].context["relevance"] == "relevant"
    assert "exponents.scan.odd[1]" in seen
    assert len(result.plot().axes) == 4


def test_two_states_are_ising_spins(kit):
    spins = kit.drawn((16, 16), 0.44, seed=4).configurations
    plain = renormalise(kit.InMemory(spins, chains=64), "majority", workers=1)
    letters = (spins.numpy() > 0).astype(np.int8)
    space = Space.hypercubic((16, 16), SPIN)
    held = _Held(letters, space, 64)
    held.shape = (1, 16, 16)  # stored as a plane
    again = renormalise(held, "majority", workers=1)
    assert [entry.eigenvalue for entry in again.scan] == [e.eigenvalue for e in plain.scan]


POTTS = clock(3)
BAD = [
    (
        TableRule(POTTS, decimation_table(3, 4)[:, [1, 0, 2]], (2, 2)),
        (16, 16),
        "takes 0, 1, 2 to 0, 2, 1, p.gh.gv. != p",
    ),
    (
        TableRule(POTTS, vacancy_majority_table(4), (2, 2)),
        (16, 16),
        "not alike under the symmetry of the letters",
    ),
    (majority((2, 2)), (16, 16), r"for the letters -1, \+1, those of the samples are 0, 1, 2"),
    (
        TableRule(POTTS, torch.full((81, 2), 0.5), (2, 2)),
        (16, 16),
        "2 symbols per block, the samples 3",
    ),
    ("plurality", (8, 8), "with these letters the flow nears its fixed point slowly"),
    ("majority", (16, 16), "the rule 'majority' is for two letters.*use plurality or decimation"),
    ("plurallity", (16, 16), "did you mean 'plurality'"),
    (
        TableRule(POTTS, plurality_table(3, 4)),
        (16, 16),
        "block of the rule is 4 sites that are no box",
    ),
]


@pytest.mark.parametrize(("rule", "shape", "message"), BAD)
def test_bad_rules_of_letters_are_explained(rule, shape, message):
    samples = _Held(_letters(3, (640, *shape)), Space.hypercubic(shape, POTTS))
    with pytest.raises(InputError, match=message):
        renormalise(samples, rule)


def test_a_space_without_a_symmetry_of_its_letters_is_refused():
    samples = _Held(_letters(2, (640, 16, 16)), Space.hypercubic((16, 16), occupations()))
    with pytest.raises(InputError, match="no symmetry of its letters"):
        renormalise(samples, "plurality")


@pytest.mark.parametrize(("q", "n"), [(2, 4), (3, 4), (4, 4)])
def test_copying_rules_of_letters_are_told(q, n):
    mixed = 0.1 * plurality_table(q, n) + 0.9 * decimation_table(q, n)
    for table in (decimation_table(q, n), mixed):
        assert "copies spins" in (copies(TableRule(clock(q), table)) or "")
    assert copies(TableRule(clock(q), plurality_table(q, n))) is None


def test_letters_are_the_same_by_every_way(potts):
    whole = potts.letters(0, 200)
    family = find_family("potts")
    known = {"states": 3}
    model = family.model(Setup((32, 32), 1.0, known, "swendsen_wang", 0))
    planes = family.encode(model, whole[..., 0])
    assert torch.equal(planes, potts.read(0, 200))
    part = split(potts, (0.5, 0.5))[1]
    rows = part.indices()[7:150].tolist()
    one_by_one = torch.cat([potts.letters(i, i + 1) for i in rows])
    assert torch.equal(part.letters(7, 150), one_by_one)
    assert part.space.alphabet == potts.space.alphabet
    assert part.letters(3, 3).shape == (0, 32, 32, 1)


def test_names_and_orders_of_operators():
    clusters = generate_interactions(1.0)
    vacant = letter_operators(clusters, vacant_spins())
    assert [o.name for o in vacant["even"]] == ["1-site 0", "2-site (1,0) +1", "2-site (1,0) 0"]
    assert all(isinstance(o, LetterOperator) for o in itertools.chain(*vacant.values()))
    assert isinstance(clusters[0], Interaction)
