"""The one face of all estimators, beside tasks whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chi2, multivariate_t

from rsmi.errors import InputError
from rsmi.information import (
    ESTIMATORS,
    Estimate,
    Estimator,
    Quantity,
    contrastive_bound,
    counted_information,
    estimate,
    estimator,
    gaussian_information,
    infonce,
    interpolated_bound,
    smile_value,
)
from rsmi.information.contrastive import BOUNDS
from rsmi.information.estimators.pairs import Pairs, paired
from rsmi.known import known_task, known_tasks

CHANCE = 1e-6
NORMAL = known_task("normal 1v1")


def known_pairs(task, n, seed=0):
    x, y = task.draw(n, seed)
    return paired(x, y, seed=seed, log_conditional=task.log_conditional)


def chance(found, exact):
    """Probability that independent values with these errors lie so far from the truth."""
    return chi2.sf(sum(one.deviation(exact) ** 2 for one in found), len(found))


# Tasks


def test_there_are_enough_tasks_and_each_draws_what_it_says():
    tasks = known_tasks()
    assert len(tasks) >= 24 + 5 + 3
    for task in tasks.values():
        x, y = task.draw(20, seed=3)
        assert len(x) == len(y) == 20
        assert torch.equal(task.draw(20, seed=3)[0], x)
        assert not torch.equal(task.draw(20, seed=4)[0], x)
    assert {x.shape[1] for x, _ in (t.draw(2) for t in tasks.values())} >= {1, 2, 3, 5, 20, 25}


@pytest.mark.parametrize(
    "name", ["normal 1v1", "dense 5v5", "sparse 25v25", "two pairs 3v3", "staircase 6"]
)
def test_draws_of_normal_tasks_have_the_information_that_is_stated(name):
    task = known_task(name)
    found = [gaussian_information(*task.draw(500, seed)) for seed in range(30)]
    assert chance(found, task.exact) > CHANCE
    assert chance(found, task.exact + 2 * found[0].error) < CHANCE


@pytest.mark.parametrize(("name", "freedom"), [("Student(1) 1v1", 1), ("Student(3) dense 5v5", 3)])
def test_closed_form_of_student_pairs_is_the_mean_log_ratio(name, freedom):
    task = known_task(name)
    x, y = (side.numpy() for side in task.draw(20_000, seed=1))
    d = x.shape[1]
    c = np.eye(2) if d == 1 else np.full((10, 10), 0.5) + 0.5 * np.eye(10)
    z = np.concatenate([x, y], 1)
    ratio = multivariate_t(shape=c, df=freedom).logpdf(z)
    for side, own in ((x, c[:d, :d]), (y, c[d:, d:])):
        ratio = ratio - multivariate_t(shape=own, df=freedom).logpdf(side)
    error = ratio.std() / len(ratio) ** 0.5
    assert abs(ratio.mean() - task.exact) < 4.9 * error


def test_spins_are_drawn_as_they_are_listed():
    """Corrected counts of many rows, beside the joint table that the draw came from."""
    task = known_task("spins of a ring, 2v1")
    found = [counted_information(*task.draw(2000, seed), "miller_madow") for seed in range(30)]
    assert chance(found, task.exact) > CHANCE


# Counts


def test_corrections_take_away_the_bias_that_the_plug_in_has():
    """40 draws of 1000 pairs, 64 cells: the mean of the plug-in is off by 49 / 2000."""
    task = known_task("spins of a ring, 3v3")
    draws = [task.draw(1000, seed) for seed in range(40)]

    def mean(name):
        values = torch.tensor([counted_information(x, y, name).value for x, y in draws])
        return float(values.mean()) - task.exact, float(values.std()) / 40**0.5

    bias, error = mean("plug_in")
    assert bias > 4.9 * error
    assert bias == pytest.approx(49 / 2000, abs=4.9 * error)
    for name in ("miller_madow", "grassberger", "nsb"):
        left, _ = mean(name)
        assert abs(left) < 0.35 * bias, name


@pytest.mark.parametrize("name", ["miller_madow", "grassberger", "nsb"])
def test_error_of_counts_holds_for_independent_letters_too(name):
    """Spread of second order: without it every null would be refused."""
    generator = torch.Generator().manual_seed(5)
    draws = [torch.randint(6, (2, 800), generator=generator) for _ in range(40)]
    found = [counted_information(x, y, name) for x, y in draws]
    assert chance(found, 0.0) > CHANCE
    narrow = [replace(one, error=one.error / 5) for one in found]
    assert chance(narrow, 0.0) < CHANCE


def test_nsb_knows_the_entropy_of_few_rows_of_many_letters():
    """A hundred rows of a thousand equal letters: ln 1000 within .3, where counts say ln 100."""
    from rsmi.information.estimators.counts import nsb_entropy, plug_in_entropy

    values = []
    for seed in range(10):
        drawn = np.random.default_rng(seed).integers(0, 1000, 100)
        counts = np.unique(drawn, return_counts=True)[1].astype(float)
        assert plug_in_entropy(counts, 1000) < math.log(100) + 1e-9
        values.append(nsb_entropy(counts, 1000))
    assert abs(np.mean(values) - math.log(1000)) < 0.3


# Bounds from scores


def true_scores(rho, batches, k, seed):
    """ln of the ratio of densities of normal pairs, entry (b, i, j) of (y_i, x_j)."""
    generator = torch.Generator().manual_seed(seed)
    x, e = torch.randn(2, batches, k, generator=generator, dtype=torch.float64)
    y = rho * x + (1 - rho**2) ** 0.5 * e
    apart = y[:, :, None] - rho * x[:, None]
    own = -0.5 * math.log(1 - rho**2) - apart.square() / (2 * (1 - rho**2))
    return own + y.square()[:, :, None] / 2


VALUES = {
    "infonce": ("infonce", 0.0),
    "nwj": ("nwj", 1.0),
    "dv": ("dv", 0.0),
    "leave_one_out": ("leave_one_out", 0.0),
    "smile": (smile_value(5.0), 0.0),
    "alpha": (interpolated_bound(0.3), 0.0),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_of_the_true_ratio_are_the_information_and_scatter_as_stated(name):
    bound, shift = VALUES[name]
    scores = true_scores(0.75, 200, 100, seed=1) + shift
    found = [contrastive_bound(one[None], bound) for one in scores]
    values, errors = (torch.tensor([getattr(e, k) for e in found]) for k in ("value", "error"))
    spread = float(values.std())
    assert abs(float(values.mean()) - NORMAL.exact) < 4.9 * spread / 200**0.5 + 0.02
    # The spread of 200 values is known to 5 %; the error leaves out what is of second order.
    assert float(errors.mean()) == pytest.approx(spread, rel=0.3)


def test_ends_of_the_interpolated_bound():
    scores = true_scores(0.75, 20, 101, seed=2)
    assert contrastive_bound(scores, interpolated_bound(1.0)).value == pytest.approx(
        infonce(scores).value, abs=0.02
    )
    near = contrastive_bound(scores, interpolated_bound(1e-9)).value
    assert near == pytest.approx(contrastive_bound(scores + 1, "nwj").value, abs=1e-6)
    ceiling = interpolated_bound(0.1).ceiling(101)
    assert contrastive_bound(100 * scores, interpolated_bound(0.1)).value <= ceiling


def test_club_bounds_from_above_and_blocks_widen_the_error():
    scores = true_scores(0.75, 20, 100, seed=3)
    assert contrastive_bound(scores, "club").value > NORMAL.exact + 0.1
    blocks = torch.arange(2000) // 40
    doubled = scores[:10].repeat_interleave(2, 0)
    alone = contrastive_bound(doubled, "nwj")
    together = contrastive_bound(
        doubled, "nwj", torch.arange(1000).reshape(10, 100).repeat_interleave(2, 0).flatten()
    )
    assert together.error == pytest.approx(alone.error * 2**0.5, rel=0.2)
    assert contrastive_bound(scores, "nwj", blocks).n == 50


# Trained


@pytest.mark.parametrize(
    ("name", "estimators"),
    [
        ("normal 1v1", ["nwj(separable)", "alpha(0.1,separable)"]),
        ("cubed normal 1v1", ["js(separable)"]),
        ("two pairs 3v3", ["infonce"]),
        ("spins of a ring, 3v3", ["infonce(separable)"]),
    ],
)
def test_lower_bounds_keep_below_the_truth(name, estimators):
    task = known_task(name)
    found = estimate(*task.draw(1200, seed=1), estimators, null=False, seed=1)
    for line in found.lines:
        assert line.value.kind == "lower"
        assert 0.5 * task.exact < line.value.value < task.exact + 4.9 * line.value.error


class OnTrainingRows(Pairs):
    """A fault that has been made: what is reported was learned from."""

    @property
    def parts(self):
        rows = torch.arange(len(self))
        return rows, rows, rows


def test_a_value_of_training_rows_called_a_lower_bound_is_found_out():
    """Ten columns of noise: DV of rows learned from sees what is not there, others see nothing."""
    z = torch.randn(2, 400, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    honest = paired(*z)
    faulty = OnTrainingRows(honest.x, honest.y, honest.groups, honest.units, honest.seed)
    mutant, right = (estimator("dv(separable)").compute(pairs) for pairs in (faulty, honest))
    assert mutant.value > 4.9 * mutant.error + 0.1
    assert right.value < 4.9 * right.error
    assert right.kind == "estimate"


def test_letters_are_predicted_below_the_truth():
    task = known_task("spins of a ring, 3v3")
    line = estimate(*task.draw(3000, 1), "predictive", seed=1)["predictive"]
    assert line.value.kind == "lower"
    assert 0.7 * task.exact < line.value.value < task.exact + 4.9 * line.value.error
    assert line.refused is None
    x, y = NORMAL.draw(1500, seed=2)
    sign = (y > 0).long()
    halved = estimate(x, sign, "predictive", null=False)["predictive"].value
    swapped = estimate(sign, x, "predictive", null=False)["predictive"].value
    assert 0.1 < halved.value < NORMAL.exact
    assert swapped.value == pytest.approx(halved.value, abs=0.05)


def test_known_conditionals_enclose_the_truth_and_their_ceiling_holds():
    names = ["infonce_known(64)", "leave_one_out(64)", "club_known"]
    for nats in (2, 10):
        task = known_task(f"staircase {nats}")
        x, y = task.draw(2000, seed=1)
        found = estimate(x, y, names, log_conditional=task.log_conditional)
        low, high, club = (found[name].value for name in names)
        assert (low.kind, high.kind, club.kind) == ("lower", "upper", "upper")
        assert low.value - 4.9 * low.error < nats < high.value + 4.9 * high.error
        assert club.value > nats
        assert found["infonce_known"].ceiling == pytest.approx(math.log(2000 // 32))
        assert low.value <= found["infonce_known"].ceiling + 1e-9
        assert found["leave_one_out"].null is None
    assert found["infonce_known"].remark[0] == "ceiling"
    assert found["leave_one_out"].remark[0] == ""


# The face


def test_every_entry_of_the_registry_says_what_it_is():
    numbers = known_pairs(NORMAL, 400)
    letters = known_pairs(known_task("spins of a ring, 2v1"), 400)
    for name in ESTIMATORS:
        entry = estimator(name)
        assert entry.name.startswith(name)
        assert estimator(entry.name).name == entry.name
        assert entry.compute.__doc__, name
        able = [pairs for pairs in (numbers, letters) if entry.refusal(pairs) is None]
        assert able, name
        if not (entry.held_out and name not in ("predictive", "infonce")):
            value = entry.compute(able[0])
            assert value.kind == entry.kind
            ceiling = entry.ceiling(able[0])
            assert ceiling is None or value.value <= ceiling + 3 * value.error


def test_kinds_are_honest():
    kinds = {name: estimator(name).kind for name in ESTIMATORS}
    assert {name for name, kind in kinds.items() if kind == "lower"} == {
        "predictive", "infonce", "nwj", "js", "alpha", "infonce_known",
    }  # fmt: skip
    assert {n for n, kind in kinds.items() if kind == "upper"} == {"leave_one_out", "club_known"}
    assert BOUNDS["dv"].kind == "estimate"
    assert not estimator("renyi").comparable


def test_what_a_result_shows():
    x, y = NORMAL.draw(600)
    found = estimate(x, y, ["gaussian", "bins(50)", "renyi"])
    assert [line.estimator.name for line in found.lines] == ["gaussian", "bins(50)", "renyi(1.01)"]
    assert found["bins(50)"].refused is not None
    assert found["gaussian"].refused is None
    text = found.table()
    assert "refused: its null" in text
    assert "apart: of another quantity than I(X;Y), not to be compared" in " ".join(text.split())
    assert "I(X;Y) in nats from 600 pairs" in text
    kept = {q["name"]: q for q in found.to_dict()["quantities"]}
    assert kept["information.estimate.gaussian"]["context"]["held_out"] is False
    assert "information.estimate.gaussian.null" in kept
    assert kept["information.estimate.bins(50)"]["context"]["remark"].startswith("refused")
    assert len(found.to_frame()) == 6
    assert found.plot() is not None
    assert "<table" in found._repr_html_()
    assert isinstance(found.quantities()[0], Quantity)
    with pytest.raises(InputError, match=r"no estimator 'ksg' was asked for; there are gaussian"):
        found["ksg"]


def test_the_usual_estimators_are_those_that_can_take_the_pairs():
    letters = known_task("spins of a ring, 2v1").draw(100)
    names = [line.estimator.name for line in estimate(*letters, null=False).lines]
    assert names == ["plug_in", "miller_madow", "grassberger", "nsb"]  # too few to train on
    twice = estimate(*letters, ["nsb", "nsb"], null=False)
    assert len(twice.lines) == 1


def test_an_estimator_of_ones_own():
    own = Estimator(
        "mine",
        "anything",
        "estimate",
        lambda pairs: Estimate(float(pairs.x.rows.mean()), 1.0, "estimate"),
    )
    assert estimate(*NORMAL.draw(50), own)["mine"].value.error == 1.0


def test_the_seed_of_the_call_decides_and_nothing_else():
    x, y = NORMAL.draw(400)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = estimate(x, y, "infonce(separable)", null=False, seed=3).lines[0].value
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    again = estimate(x.numpy(), y.numpy(), "infonce(separable)", null=False, seed=3)
    assert again.lines[0].value == first
    other = estimate(x, y, "infonce(separable)", null=False, seed=4).lines[0].value
    assert other != first


def test_monotone_images_change_nothing_for_networks():
    """They see ranks: the value of a cubed Y is the same to rounding."""
    x, y = NORMAL.draw(400)
    plain, cubed = (
        estimate(x, z, "nwj(separable)", null=False).lines[0].value.value for z in (y, y**3)
    )
    assert cubed == pytest.approx(plain, abs=0.02)


# Rows that depend on each other


def chains_of_pairs(seed, chains=16, records=60, memory=0.9):
    """AR(1) chains, row i of chain i % chains, of normal pairs with the information of NORMAL."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(2, records, chains))
    for t in range(1, records):
        z[:, t] = memory * z[:, t - 1] + (1 - memory**2) ** 0.5 * z[:, t]
    x, e = z.reshape(2, -1)
    return x, 0.75 * x + (1 - 0.75**2) ** 0.5 * e


def test_errors_know_of_chains():
    found = [
        gaussian_information(
            *(torch.from_numpy(v)[:, None] for v in (x, y)), groups=paired(x, y, chains=16).groups
        )
        for x, y in map(chains_of_pairs, range(40))
    ]
    alone = [
        gaussian_information(*(torch.from_numpy(v)[:, None] for v in chains_of_pairs(seed)))
        for seed in range(40)
    ]
    assert chance(found, NORMAL.exact) > CHANCE
    assert chance(alone, NORMAL.exact) < CHANCE


def test_whole_chains_and_blocks_are_held_out():
    x, y = chains_of_pairs(0)
    by_chains = paired(x, y, chains=16)
    by_blocks = paired(x, y, blocks=np.arange(len(x)) // 96)
    for pairs, unit in ((by_chains, np.arange(len(x)) % 16), (by_blocks, np.arange(len(x)) // 96)):
        parts = [set(unit[part]) for part in pairs.parts]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
        assert sum(map(len, parts)) == len(set(unit))
        assert sum(map(len, pairs.parts)) == len(x)


def test_permuted_chains_keep_what_follows_each_other_and_lose_each_other():
    x, y = chains_of_pairs(1)
    pairs = paired(x, y, chains=16)
    moved = pairs.shuffled().y.rows[:, 0]
    shift = int((torch.from_numpy(y) == moved[0]).nonzero()[0, 0])
    assert shift % 16
    assert torch.equal(moved, torch.from_numpy(y).roll(-shift))
    null = estimate(x, y, "gaussian", chains=16)["gaussian"].null
    assert abs(null.deviation(0.0)) < 5


# Bad input


def refused(message, *arguments, **options):
    with pytest.raises(InputError, match=message):
        estimate(*arguments, **options)


def test_bad_pairs_are_named():
    x, y = (side[:, 0] for side in NORMAL.draw(100))
    refused("x has 100 rows and y has 60; expected as many of both", x, y[:60])
    refused("y is constant: all 100 rows are the same", x, torch.ones(100))
    hole = x.clone()
    hole[[3, 7]] = torch.tensor([math.nan, math.inf], dtype=torch.float64)
    refused(r"2 of 100 rows of x hold a number that is not finite \(rows 3, 7\)", hole, y)
    refused("5 rows; expected at least 10 pairs", x[:5], y[:5])
    refused(r"y is list of dtype .*; expected real numbers of shape", x, ["a"] * 100)
    refused("x is no array; expected real numbers", 3.0, y)
    refused("seed is -1; expected a whole number", x, y, seed=-1)


def test_bad_choices_are_named():
    x, y = NORMAL.draw(100)
    refused("unknown estimator 'infonse'; did you mean 'infonce'", x, y, "infonse")
    refused("nsb counts letters, and x holds real numbers", x, y, "nsb")
    refused("infonce needs at least 200 rows and 100 were given", x, y, "infonce")
    refused(r"ksg\(3\) needs at least 300 rows", x, y, "ksg")
    refused("needs log_conditional=", x, y, "leave_one_out")
    refused(r"predicts letters, and x and y both hold real numbers", x, y, "predictive")
    refused("critic is 'join'; did you mean 'joint'", x, y, "infonce(join)")
    refused("neighbours is '0'; expected a whole number above 0", x, y, "ksg(0)")
    refused(r"'gaussian\(3\)' has 1 arguments; expected at most: none", x, y, "gaussian(3)")
    refused("alpha is 2; expected a number above 0 and at most 1", x, y, "alpha(2)")
    refused("no estimator was named", x, y, [])
    spins = known_task("spins of a ring, 2v1").draw(100)
    refused(
        "gaussian takes real numbers, and x holds whole ones, 4 different rows", *spins, "gaussian"
    )
    wide = known_task("dense 5v5").draw(400)
    refused(r"ksg\(3\) takes at most 8 columns and x and y have 10", *wide, "ksg")


def test_bad_chains_and_blocks_are_named():
    x, y = NORMAL.draw(400)
    refused("chains is 0; expected a whole number from 1 to 400", x, y, chains=0)
    refused("chains and blocks were given", x, y, chains=4, blocks=np.zeros(400, dtype=int))
    refused(r"blocks has shape \[3\] and dtype int64; expected \(400,\)", x, y, blocks=[0, 1, 2])
    refused("2 independent chains or blocks; .* at least 3", x, y, "infonce", chains=2)
    uneven = np.minimum(np.arange(400), 2)
    refused(
        "1 rows are left to learn from, .* blocks of about equal size", x, y, "nwj", blocks=uneven
    )


def test_columns_that_determine_each_other_have_no_density():
    x, y = NORMAL.draw(100)
    refused("is a linear function of the others", torch.cat([x, 2 * x], 1), y, "gaussian")
