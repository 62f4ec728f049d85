import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule
from rsmi.renormalization import check_iteration, generate_interactions, renormalise
from rsmi.renormalization.coarse_grain import BitRule
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.stream import Ladder, accumulate
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact.universality import UNIVERSALITY, CriticalPoint
from rsmi.sampling.families import Setup, find_family
from rsmi.sampling.ising import CRITICAL_COUPLING_3D
from rsmi.storage.mcising import competing


def _accumulate(samples, kit, workers, levels=3, blocks=8):
    bases = {"even": tuple(i for i in generate_interactions(2.0) if i.parity == "even")}
    rule = BitRule.of(kit.majority_table(), (2, 2), 1)
    return accumulate(samples, rule, bases, levels=levels, blocks=blocks, workers=workers)["even"]


def test_workers_and_pieces_do_not_change_a_digit(kit, monkeypatch):
    samples = kit.InMemory(kit.random_spins((300, 32, 32)), chains=4)
    one = _accumulate(samples, kit, 1)
    monkeypatch.setattr("rsmi.renormalization.stream._PIECE", 17 * 1024)
    many = _accumulate(samples, kit, 4)
    for name in ("count", "first", "same", "step"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_moments_agree_with_the_definition(kit):
    interactions = generate_interactions(1.0)
    random = np.random.default_rng(0)
    fine, coarse = random.integers(-9, 9, (50, 1, 1, 2)), random.integers(-9, 9, (50, 1, 4, 2))
    moments = Moments.zeros(interactions, ((8, 8), (4, 4)), (1, 4), 2)
    moments.add(0, [fine[:20], coarse[:20]])
    moments.add(1, [fine[20:], coarse[20:]])
    whole, left_out = moments.covariances()
    parents = np.repeat(fine, 4, 2).reshape(-1, 2)
    joint = np.cov(coarse.reshape(-1, 2).T, parents.T, bias=True)
    np.testing.assert_allclose(whole.same[1], joint[:2, :2], atol=1e-12)
    np.testing.assert_allclose(whole.step[0], joint[:2, 2:], atol=1e-12)
    np.testing.assert_allclose(
        left_out.same[1, 0], np.cov(fine[:20, 0, 0].T, bias=True), atol=1e-12
    )


def test_blocks_of_the_data_hold_whole_chains_or_runs_of_one(kit):
    samples = kit.InMemory(kit.random_spins((640, 8, 8)), chains=128)
    assert _accumulate(samples, kit, 1, levels=1, blocks=64).count.tolist() == [10] * 64
    few = kit.InMemory(kit.random_spins((1000, 8, 8)), chains=4)
    count = _accumulate(few, kit, 1, levels=1, blocks=64).count
    assert len(count) == 64
    assert count.min() >= 15


@pytest.fixture(scope="module")
def critical(kit):
    """9600 configurations of 32 x 32."""
    return kit.drawn(
        (32, 32), CRITICAL_COUPLING, seed=11, records=150, thin=4, equilibration=200
    ).configurations


@pytest.mark.parametrize("first_weight", [1.0, 1.5], ids=["ties at random", "ties to a corner"])
def test_critical_ising_exponents_within_their_own_errors(critical, first_weight, kit):
    table = kit.majority_table(4, first_weight)
    result = renormalise(
        kit.InMemory(critical, chains=64), TableRule(SPIN, table, (2, 2)), seed=1, workers=2
    )
    exact = {"y_t": 1, "y_h": 1.875, "nu": 1, "eta": 0.25}
    exact |= {"delta_sigma": 0.125, "delta_epsilon": 1}
    for name, value in exact.items():
        assert abs(result.exponents[name].value.deviation(value)) < 4.9
        assert result.exponents[name].value.error < 0.03
    assert result.exponents["y_h"].value.error < 0.005
    assert result.shapes[-1] == (2, 2)
    assert result.blocks == 64


BAD = [
    ({"levels": 4}, (64, 16, 16), "can be tiled with blocks of .2, 2. 3 times"),
    ({}, (64, 15, 15), "can be tiled"),
    ({"levels": 0}, (64, 16, 16), "asked for was 0"),
    ({"levels": 1}, (64, 16, 16), "one step was asked for where 3 are possible"),
    ({}, (64, 6, 6), "first coarse lattice must be at least 4 sites wide"),
    ({}, (100, 16, 16), "100 samples are too few"),
    ({"blocks": 2}, (64, 16, 16), "2 jackknife blocks"),
    ({"n_even": 99}, (64, 16, 16), "99 even interactions"),
]


@pytest.mark.parametrize(("options", "shape", "message"), BAD)
def test_bad_requests_are_explained(options, shape, message, kit):
    samples = kit.InMemory(kit.random_spins(shape))
    with pytest.raises(InputError, match=message):
        renormalise(samples, TableRule(SPIN, kit.majority_table(), (2, 2)), **options)


def test_a_rule_that_breaks_the_symmetry_is_refused(kit):
    table = torch.zeros(16, 2)
    table[:, 1] = 1
    with pytest.raises(InputError, match="not odd under the flip"):
        renormalise(kit.InMemory(kit.random_spins((200, 8, 8))), TableRule(SPIN, table, (2, 2)))


def test_an_oblong_block_is_refused(kit):
    samples = kit.InMemory(kit.random_spins((200, 8, 8)))
    with pytest.raises(InputError, match="does not rescale all directions alike"):
        renormalise(samples, TableRule(SPIN, kit.majority_table(2), (2, 1)))


def test_a_block_of_another_dimension_is_refused(kit):
    samples = kit.InMemory(kit.random_spins((200, 8, 8, 8)))
    with pytest.raises(InputError, match=r"has 3 axes, the block .* \[2, 2\]; .* \[2, 2, 2\]"):
        renormalise(samples, TableRule(SPIN, kit.majority_table(), (2, 2)))


def test_too_few_steps_in_three_dimensions_are_refused(kit):
    samples = kit.InMemory(kit.random_spins((200, 16, 16, 16)))
    with pytest.raises(InputError, match="with fewer than 3 steps the error cannot be told"):
        renormalise(samples, TableRule(SPIN, kit.majority_table(8), (2, 2, 2)))


REFUSED = [
    ("potts", (8, 8), 1.0, {"states": 4}, "logarithm of the scale"),
    ("potts", (8, 8), 1.0, {"states": 5}, "5 states in 2 dimensions the transition is of first"),
    ("potts", (4, 4, 4), 1.0, {"states": 3}, "3 states in 3 dimensions the transition is of first"),
    ("ising_graph", (4, 4), 2.0, {"lattice": "triangular", "bonds": -1.0}, "bonds are negative"),
    ("ising_graph", (4, 4), 2.0, {"lattice": "triangular", "field": 0.1}, "a field breaks"),
    ("ising_graph", (4, 4), 2.0, {"lattice": "square", "disorder": "bimodal"}, "disorder the dist"),
    ("ising_graph", (4, 4), 2.0, {"lattice": "square", "keep_sites": 0.7}, "disorder the dist"),
    ("dimers", (8, 8), 1.0, {}, "bonds, not spins"),
    ("decorated_dimers", (8, 8), 1.0, {}, "bonds, not spins"),
    ("mazes", (8, 8), None, {}, "its sites are independent"),
    ("tfim", (8,), None, {}, "blocks would rescale space alone"),
    ("heisenberg", (8,), None, {}, "blocks would rescale space alone"),
]


def _made(name, shape, temperature, parameters):
    family = find_family(name)
    known = {key: parameter.default for key, parameter in family.parameters.items()}
    return family, family.model(
        Setup(shape, temperature, known | parameters, family.updates[0], seed=1)
    )


@pytest.mark.parametrize(("name", "shape", "temperature", "parameters", "reason"), REFUSED)
def test_models_that_cannot_be_iterated_give_the_reason(
    name, shape, temperature, parameters, reason, kit
):
    family, model = _made(name, shape, temperature, parameters)
    spins, reason_given = kit.random_spins((200, 16, 16)), family.iteration(model)
    samples = kit.InMemory(spins, model={"model": name}, iteration=reason_given)
    with pytest.raises(InputError, match=f"samples are of the model {name}, .*{reason}"):
        renormalise(samples, TableRule(SPIN, kit.majority_table(), (2, 2)), blocks=8)


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("ising", (4, 4, 4), {}),
        ("ising_graph", (4, 4), {"lattice": "kagome"}),
        ("potts", (4, 4), {"states": 3}),
        ("potts", (4, 4, 4), {"states": 2}),
        ("blume_capel", (4, 4), {"crystal_field": 1.0}),
        ("ising_graph", (4, 4), {"lattice": "triangular"}),
    ],
)
def test_models_that_can_be_iterated(name, shape, parameters):
    family, model = _made(name, shape, 2.0, parameters)
    assert family.iteration(model) == ""


def test_a_source_that_names_a_model_and_no_space_is_refused():
    with pytest.raises(InputError, match=r"the model clock, .*names a model, but not the space"):
        check_iteration(SimpleNamespace(model={"model": "clock"}))


@pytest.fixture(scope="module")
def cubic(kit):
    """640 configurations of the critical 32^3 torus."""
    return kit.drawn(
        (32, 32, 32), CRITICAL_COUPLING_3D, seed=5, chains=32, records=20
    ).configurations


def test_exponents_in_three_dimensions_within_their_own_errors(cubic, kit):
    result = renormalise(
        kit.InMemory(cubic, chains=32),
        TableRule(SPIN, kit.majority_table(8), (2, 2, 2)),
        reach=1.8,
        blocks=16,
    )
    # Bootstrap values: Kos, Poland, Simmons-Duffin, Vichi (2016), arXiv:1603.04436.
    for name, exact in {"y_t": 1.587375, "y_h": 2.481851}.items():
        assert abs(result.exponents[name].value.deviation(exact)) < 4.9
    assert result.exponents["y_t"].value.error < 0.25
    assert result.exponents["y_h"].value.error < 0.06


def test_constant_samples_are_refused(kit):
    samples = kit.InMemory(torch.ones(200, 8, 8, dtype=torch.int8))
    with pytest.raises(AnalysisError, match="constant or nearly ordered"):
        renormalise(samples, TableRule(SPIN, kit.majority_table(), (2, 2)))


def test_a_narrow_lattice_is_made_of_the_first_images(kit):
    """Moments of the last level agree with those of the images they came from."""
    spins = kit.drawn((32, 32), CRITICAL_COUPLING, seed=1, records=1).configurations[:40]
    interactions = [i for i in generate_interactions(1.0) if i.parity == "even"]
    rule = BitRule.of(kit.majority_table(), (2, 2), 1)
    ladder = Ladder.of((32, 32), rule, {"even": interactions}, 4)
    assert ladder.images == (1, 1, 4, 16, 4)
    values = [level["even"] for level in ladder.run(spins.numpy(), 0)]
    moments = Moments.zeros(tuple(interactions), ladder.shapes, ladder.images, 2)
    moments.add(0, [level[:25] for level in values])
    moments.add(1, [level[25:] for level in values])
    whole, _ = moments.covariances()
    parents, narrow = values[3][:, :, :4, 0].ravel(), values[4][..., 0].ravel()
    assert np.corrcoef(parents, narrow)[0, 1] > 0.5
    mean = narrow.mean() * values[3][..., 0].mean()
    assert whole.step[3, 0, 0] == pytest.approx((parents * narrow).mean() - mean)


def mcising(lattice="square", **couplings):
    pure = {"j1": 1.0, "j2": 0.0, "j3": 0.0, "h": 0.0}
    return {"model": "mcising", "lattice": lattice, "temperature": 2.0} | pure | couplings


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (mcising(j1=-1.0), r"coupling of -1 .* flip every other site, spins\[:, .* \*= -1"),
        (mcising(j1=-1.0, j2=0.5, j3=0.1), "flip every other site"),
        (mcising("cubic", j1=-1.0, j3=-0.1), "flip every other site"),
        (mcising("cubic", j1=-1.0, j3=0.1), "couplings compete"),
        (mcising(j2=-0.5), r"couplings compete \(J1 = 1, J2 = -0.5, J3 = 0\)"),
        (mcising(h=0.1), "field h = 0.1 breaks the flip of all spins"),
        (mcising("triangular"), "lattice is triangular; bring"),
    ],
)
def test_hamiltonians_that_cannot_be_iterated(model, message):
    assert re.search(message, competing(model))


@pytest.mark.parametrize("model", [mcising(j2=0.3), mcising("chain")])
def test_hamiltonians_that_can_be_iterated(model):
    assert competing(model) == ""


def test_an_antiferromagnet_is_refused_with_the_way_out():
    family, model = _made("ising", (4, 4), -1 / 0.44, {})
    assert "coupling of -0.44 neighbours order against each other" in family.iteration(model)


def test_the_way_out_of_an_antiferromagnet_is_right(kit):
    spins = kit.random_spins((50, 6, 8)).numpy()
    bonds = sum(spins * np.roll(spins, 1, axis) for axis in (1, 2)).sum()
    refusal = competing(mcising(j1=-1.0))
    exec(re.search(r"spins\[.*?\*= -1", refusal).group(), {"np": np, "spins": spins})
    assert sum(spins * np.roll(spins, 1, axis) for axis in (1, 2)).sum() == -bonds


def test_a_result_names_its_numbers_beside_those_known(critical, kit):
    samples = kit.InMemory(critical, chains=64, model={"model": "ising", "coupling": 0.0})
    samples.model["coupling"] = CRITICAL_COUPLING
    samples.critical = CriticalPoint(UNIVERSALITY["ising_2d"], CRITICAL_COUPLING)
    result = renormalise(samples, "majority")
    found = {quantity.name: quantity for quantity in result.quantities()}
    assert found["exponents.y_h"].reference == 15 / 8
    assert found["exponents.y_h"].context["rule"] == result.rule == "majority"
    assert found["exponents.fixed_point"].value == 1
    assert "exponents.y_t" in result.table()
    assert "scan" not in result.table()
    assert len(result.to_dict()["quantities"]) == len(result.quantities())
    assert "<table" in result._repr_html_()
    assert len(result.plot().axes) >= 2
    assert result.remarks[0].startswith("32x32 -> 16x16 -> 8x8 -> 4x4 -> 2x2; 6 even")


def test_an_array_is_as_good_as_a_file(critical, kit, tmp_path):
    spins = critical[:2000].numpy()
    np.save(tmp_path / "spins.npy", spins)
    held = renormalise(kit.InMemory(critical[:2000]), "majority", workers=1)
    for samples in (spins, critical[:2000], tmp_path / "spins.npy"):
        found = renormalise(samples, "majority", workers=1)
        assert [e.eigenvalue for e in found.scan] == [e.eigenvalue for e in held.scan]
        assert "nothing is known of the Hamiltonian" in found.remark
