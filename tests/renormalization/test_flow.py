"""T'(T) against closed forms, the fixed point of the Ising model, and what is refused."""

import json
import math
from html import unescape

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from rsmi.cli.main import main
from rsmi.errors import AnalysisError, InputError
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule, majority
from rsmi.renormalization import flow, learn_rules, renormalise
from rsmi.renormalization.matching import Replicas
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.storage import SampleGrid, sample_grid, samples_of

T_C = 1 / CRITICAL_COUPLING
TEMPERATURES = tuple(T_C * (1.004 + 0.06 * step) for step in (-1, -0.5, 0, 0.5, 1))


def _decimated(temperature):
    return 1 / math.atanh(math.tanh(1 / temperature) ** 2)


@pytest.mark.parametrize("seed", [1, 2])
def test_decimation_of_a_ring_moves_the_temperature_as_it_should(seed, kit):
    temperatures, rings = (0.8, 0.9, 1.0, 1.1, 1.25, 1.4), []
    for k, t in enumerate(temperatures):
        for length in (64, 32):
            drawn = kit.exact_ring(2000, length, 1 / t, 100 * seed + 10 * k + length)
            rings.append((t, drawn))
    found = flow([ring for _, ring in rings], "decimation", [t for t, _ in rings])
    seen = 0
    for match in found.levels[-1][:3]:
        for t, moved in match.effective:
            assert abs(moved.deviation(_decimated(t))) < 4.9
            assert abs(moved.deviation(t)) > 4.9  # what no flow would say
            seen += 1
    assert seen >= 3
    with pytest.raises(AnalysisError, match=r"copies spins of its block.*crosses T nowhere"):
        found.check()
    assert "flow.T_c" not in {quantity.name for quantity in found.quantities()}


@pytest.fixture(scope="module")
def draw(tmp_path_factory):
    """A collection of two sizes at five temperatures, with energies."""
    path = tmp_path_factory.mktemp("flow")

    def drawn(seed, temperatures=TEMPERATURES, **options):
        base = {"chains": 64, "records": 40, "thin": 2, "equilibration": 100} | options
        cells = {"shape": [[16, 16], [8, 8]], "temperature": list(temperatures), "seed": [seed]}
        return sample_grid(SampleGrid(base, cells), path / f"{seed}_{options.get('model')}")

    return drawn


@pytest.fixture(scope="module")
def flows(draw):
    return [flow(draw(seed), "majority") for seed in range(6)]


@pytest.mark.parametrize(("name", "exact"), [("T_c", T_C), ("nu", 1.0), ("y_t", 1.0)])
def test_the_fixed_point_lies_where_it_should_with_honest_errors(name, exact, flows):
    found = [getattr(one, name) for one in flows]
    pulls = np.array([value.deviation(exact) for value in found])
    assert np.square(pulls).sum() < chi2.isf(1e-6, len(pulls))
    assert np.square(pulls * 4).sum() > chi2.isf(1e-6, len(pulls))  # errors are not too wide
    assert max(value.error for value in found) < {"T_c": 0.02, "nu": 0.12, "y_t": 0.12}[name]


def test_levels_come_nearer_to_the_fixed_point(flows):
    for found in flows:
        first, second = (match.fixed.distance for match in found.levels[-1][:2])
        assert first.value > 5 * first.error
        assert abs(second.value) < first.value / 3
    far = [(m.fixed.distance.deviation(0.0)) for one in flows for m in one.levels[-1][2:]]
    assert np.square(far).sum() < chi2.isf(1e-6, len(far)) + len(far)


def test_numbers_and_table_and_figure(flows):
    found = flows[0]
    names = [quantity.name for quantity in found.quantities()]
    assert names[:4] == ["flow.T_c", "flow.nu", "flow.y_t", "flow.fixed_point"]
    assert {"flow.scan.T_c", "flow.scan.y_t", "flow.scan.distance", "flow.scan.temperature"} < set(
        names
    )
    assert found.quantities()[0].reference == pytest.approx(T_C)
    assert "16 -> 8" in found.table()
    assert len(found.plot().axes) == 4


def test_arrays_whose_energies_are_not_known_give_the_same_within_errors(kit):
    arrays, temperatures = [], []
    for side in (16, 8):
        for k, t in enumerate(TEMPERATURES):
            one = kit.drawn((side, side), 1 / t, seed=50 * side + k, records=60)
            arrays.append(one.configurations.reshape(60, 64, side, side).swapaxes(0, 1))
            temperatures.append(t)
    found = flow(arrays, "majority", temperatures, chains=64)
    assert abs(found.T_c.deviation(T_C)) < 4.9
    assert abs(found.nu.deviation(1.0)) < 4.9
    assert found.known is None
    wrong = [t * (1.0 if k % 2 else 1.04) for k, t in enumerate(temperatures)]
    with pytest.raises(AnalysisError, match="no smooth functions of the temperatures"):
        flow(arrays, "majority", wrong, chains=64).check()


def test_temperatures_on_one_side_say_where_the_flow_goes(draw):
    hot = flow(draw(7, temperatures=(2.5, 2.6, 2.7, 2.8)), "majority")
    with pytest.raises(AnalysisError, match=r"crosses T nowhere between 2\.5 and 2\.8 J after"):
        hot.check()
    assert "none" in hot.table()


def test_potts_letters_flow_too(draw):
    critical = 1 / math.log(1 + math.sqrt(3))
    temperatures = tuple(critical * (1 + 0.03 * k) for k in (-2, -1, 0, 1, 2))
    found = flow(draw(8, temperatures, model="potts", parameters={"states": 3}), "plurality")
    assert abs(found.T_c.deviation(critical)) < 4.9
    assert abs(found.y_t.deviation(1.2)) < 4.9


def test_rules_follow_each_other(kit):
    half = TableRule(SPIN, 0.9 * majority((2, 2)).table() + 0.05, (2, 2))
    samples = kit.drawn((16, 16), CRITICAL_COUPLING, seed=3)
    both = renormalise(samples, [majority((2, 2)), half], workers=1)
    alone = renormalise(samples, majority((2, 2)), workers=1)
    first = [entry.exponent.value for entry in both.scan if entry.level == 0]
    assert first == [entry.exponent.value for entry in alone.scan if entry.level == 0]
    assert both.scan != alone.scan
    with pytest.raises(InputError, match=r"rules have blocks \[2, 2\], \[4, 4\]"):
        renormalise(samples, [majority((2, 2)), majority((4, 4))])
    with pytest.raises(InputError, match="no rule was given"):
        renormalise(samples, [])


def test_rules_are_learned_anew_at_each_level(kit):
    samples = kit.drawn((32, 32), CRITICAL_COUPLING, seed=4, records=60).configurations
    array, said = samples.reshape(60, 64, 32, 32).swapaxes(0, 1).numpy(), []
    rules = learn_rules(
        samples_of(array, chains=64), say=said.append, max_epochs=2, steps_per_epoch=10, null=False
    )
    assert len(rules) == len(said) == 2
    for rule in rules:  # no majority is ever overruled
        clear = [0b0000, 0b0001, 0b1000, 0b1111, 0b0111, 0b1110]
        assert torch.equal(
            rule.table()[clear].argmax(1) == 1, torch.tensor([0, 0, 0, 1, 1, 1]) == 1
        )
    with pytest.raises(InputError, match="3 rules were asked for on a lattice of"):
        learn_rules(samples_of(array, chains=64), 3)


@pytest.mark.parametrize(
    ("shapes", "temperatures", "message"),
    [
        (((16, 16), (12, 12)), None, "12, 16 wide; expected two sizes with ratio 2"),
        (((16, 16), (8, 16)), None, "expected equal extents"),
        (((16, 16), (8, 8)), (2.0, 2.1), "L = 8 has 2 temperatures; expected at least 3"),
        (((16, 16), (8, 8, 8)), None, "one source lives on"),
    ],
)
def test_lattices_that_do_not_match_are_refused(shapes, temperatures, message, kit):
    at = temperatures or (2.1, 2.3, 2.5)
    sources = [kit.random_spins((100, *shape), k) for k, shape in enumerate(shapes * len(at))]
    with pytest.raises(InputError, match=message):
        flow(sources, "majority", [t for t in at for _ in shapes])


def test_what_is_said_of_sources_is_checked(kit):
    rows = kit.random_spins((64, 8, 8))
    with pytest.raises(InputError, match="2 temperatures were given for 1 sources"):
        flow([rows], "majority", [2.0, 2.1])
    with pytest.raises(InputError, match="max_epochs say how a rule is learned"):
        flow([rows], "majority", [2.0], max_epochs=3)
    with pytest.raises(InputError, match="does not know its temperature"):
        flow([rows, rows[:, :4, :4]], "majority")


@pytest.mark.parametrize(("share", "variance"), [(0.0, 4.0), (1.0, 16.0)])
def test_ensembles_that_share_random_numbers_are_not_counted_as_independent(share, variance):
    found, blocks = [], 64
    for seed in range(20):
        generator = np.random.default_rng(seed)
        common, own = generator.normal(size=(1, blocks)), generator.normal(size=(4, blocks))
        means = math.sqrt(share) * common + math.sqrt(1 - share) * own
        left_out = (means.sum(1, keepdims=True) - means) / (blocks - 1)
        values = np.concatenate([[0.0], left_out.ravel()])[:, None]
        found.append(Replicas(values, (blocks,) * 4).errors()[0] ** 2 * blocks)
    # The sum of 20 x 63 squares; 1e-6 of false alarms.
    assert abs(np.mean(found) / variance - 1) < 4.9 * math.sqrt(2 / (20 * (blocks - 1)))


def test_the_command_writes_what_the_function_finds_and_a_page(draw, tmp_path, capsys):
    out, samples = tmp_path / "out", draw(8)
    assert main(["flow", "--data", str(samples), "--out", str(out)]) == 0
    assert "flow.T_c" in capsys.readouterr().out
    written = json.loads((out / "result.json").read_text())["quantities"]
    assert [q["value"] for q in written] == [q.value for q in flow(samples).quantities()]
    assert (out / "flow.png").is_file()
    assert "T'(T) crosses the diagonal" in unescape((out / "report.html").read_text())
