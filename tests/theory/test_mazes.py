"""Networks that flood critical mazes: alone and in banks, trained, judged, and measured."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, entropy
from rsmi.layers import Options, analyse_layers, sampled_inputs
from rsmi.sampling.mazes import sample_mazes
from rsmi.theory import (
    FloodNetwork,
    Floods,
    Stage,
    Way,
    cost_lines,
    enumerated_mazes,
    explored_entropies,
    flip_rates,
    flood_logits,
    flood_weights,
    judge_floods,
    layer_entropies,
    maze_tensors,
    neglecting_weights,
    site_entropy,
    solvable_share,
    starting_weights,
    train_floods,
    trained_floods,
    unseen_sites,
)

# Each cell sees open sites, and the answer whether at least two sites beside the centre are open.
WALLS = torch.tensor([[0.0, 60.0, -30.0], [12.0, 0.0, -30.0]])
# The light spreads through walls, and too few layers let it reach the centre from all sides.
NEIGHBOURS = torch.tensor([[12.0, 0.0, -6.0], [12.0, 0.0, -42.0]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def wrong(weights, size, layers, mazes=400):
    return 1 - float(judge_floods(weights, size, layers, mazes, 3).accuracy)


@pytest.mark.parametrize("layers", [6, 20])
def test_perfect_weights_find_every_way_that_is_short_enough(layers):
    mazes = sample_mazes(300, 13, seed=1)
    said = FloodNetwork.perfect(layers)(torch.from_numpy(mazes.open_sites).float()).detach()
    known = (mazes.depth >= 0) & (mazes.depth <= layers)
    assert np.array_equal(said[:, 0].numpy() > 0.5, known)
    assert known.sum() < mazes.solvable.sum() or layers == 20


def test_perfect_weights_need_their_steepness_and_their_walls():
    assert wrong(flood_weights()[None, None], 17, 68) == 0
    assert wrong(flood_weights(8.0)[None, None], 17, 68) > 0.05
    assert wrong(flood_weights(wall=2.4)[None, None], 17, 68) > 0.02
    assert wrong(flood_weights(wall=3.4)[None, None], 17, 68) == 0


def test_a_bank_says_what_its_networks_say_alone():
    open_sites, _ = maze_tensors(50, 7, 5)
    for kernel, rows in (("cross", 1), ("full", 4)):
        bank = 3 * starting_weights("default", 3, generator(), kernel, rows)
        together = flood_logits(bank, open_sites[:, None].expand(-1, 3, -1, -1), 4).sigmoid()
        for place in range(3):
            alone = FloodNetwork.of(bank[:, place], 4)(open_sites)[:, 0]
            torch.testing.assert_close(together[:, place], alone, rtol=0, atol=1e-6)


def test_a_step_is_its_formula():
    lit, open_sites = torch.rand(2, 1, 5, 6, 6, generator=generator()).unbind()
    weights = torch.randn(1, 1, 11, generator=generator())
    kernel, (wall, offset) = weights[0, 0, :9].reshape(3, 3), weights[0, 0, 9:]
    padded = F.pad(lit, (1, 1, 1, 1))
    drive = sum(
        kernel[i, j] * padded[0, :, 3 + i - 1 + 1, 3 + j - 1 + 1]
        for i in range(3)
        for j in range(3)
    )
    known = drive + wall * open_sites[0, :, 3, 3] + offset
    found = flood_logits(weights, open_sites.transpose(0, 1), 1, lit.transpose(0, 1))
    torch.testing.assert_close(found[:, 0], known)


def test_shared_weights_are_one_parameter_and_own_ones_are_not():
    shared, own = FloodNetwork(5), FloodNetwork(5, shared=False, kernel="full")
    assert [p.numel() for p in shared.parameters()] == [3]
    assert [p.numel() for p in own.parameters()] == [11] * 5
    loss = shared(maze_tensors(20, 5, 1)[0]).sum()
    loss.backward()
    assert shared.steps[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("kernel", ["cross", "full"])
def test_starts(kernel):
    flat = torch.full((1, 1, 9, 9), 0.5)
    for start in ("identity", "orthogonal"):
        w = starting_weights(start, 200, generator(), kernel, rows=2)
        assert w.shape == (2, 200, 3 if kernel == "cross" else 11)
        inside = flood_logits(w[:1], torch.zeros(1, 200, 9, 9), 1, flat.expand(-1, 200, -1, -1))
        slope = (
            flood_logits(w[:1], torch.zeros(1, 200, 9, 9), 1, flat.expand(-1, 200, -1, -1) + 0.01)
            - inside
        ) / 0.04
        assert float(inside.abs().max()) < 0.5  # a half stays about a half
        assert float((slope.abs() - 1).abs().max()) < 0.15
        assert (float(slope.min()) < -0.8) == (start == "orthogonal")
    positive = starting_weights("positive", 50, generator(), kernel)
    assert bool((positive[..., :-1] >= 0).all())
    assert bool((positive[..., -1] <= 0).all())


def test_a_constant_answer_costs_the_entropy_of_the_label_and_is_stationary():
    open_sites, labels = maze_tensors(3000, 9, 2)
    share = float(labels.mean())
    for kind, still in (("solvable", True), ("unsolvable", False)):
        weights = neglecting_weights(kind, share)[None, None].requires_grad_()
        logits = flood_logits(weights, open_sites[:, None], 10)[:, 0]
        cost = F.binary_cross_entropy_with_logits(logits, labels)
        (slope,) = torch.autograd.grad(cost, weights)
        known = float(entropy(torch.tensor([share, 1 - share])))
        assert (abs(cost.item() - known) < 1e-5) == still
        assert (float(slope.norm()) < 1e-5) == still


def test_verdicts():
    said = {
        "perfect": flood_weights()[None],
        "solvable": neglecting_weights("solvable", 0.9)[None],
        "unsolvable": neglecting_weights("unsolvable", 0.9)[None],
        "partial": flood_weights(wall=2.4)[None],
    }
    for verdict, weights in said.items():
        assert judge_floods(weights[:, None], 13, 52, 500, 1).verdicts == [verdict]
    assert judge_floods(WALLS[:, None], 7, 2, 500, 1).verdicts == ["walls"]
    assert judge_floods(NEIGHBOURS[:, None], 5, 2, 500, 1).verdicts == ["neighbours"]


def test_networks_that_see_walls_or_neighbours_alone_answer_alike_always():
    for kind in ("walls", "neighbours"):
        weights = neglecting_weights(kind, 0.86)[None, None]
        judged = judge_floods(weights, 33, 66, 100, 1)
        assert judged.verdicts == ["solvable"]
        known = float(entropy(torch.tensor([0.86, 0.14])))
        assert float(judged.cost) == pytest.approx(known, abs=0.15)


def test_networks_of_a_bank_learn_alone():
    one = starting_weights("positive", 2, generator(), "cross")
    other = one.clone()
    other[:, 1] *= -2
    trained = [train_floods(w, [Stage(5, 4, 5)], seed=1, mazes=64)[0] for w in (one, other)]
    assert torch.equal(trained[0][:, 0], trained[1][:, 0])
    assert not torch.equal(trained[0][:, 1], trained[1][:, 1])


def test_growth_multiplies_until_the_largest_weight_is_a_hundred():
    weights = torch.tensor([[[1.0, 0.5, -2.0], [1.0, 0.5, -2.0], [20.0, 90.0, -99.5]]])
    growth = torch.tensor([0.0, 0.1, 0.1])
    found, _ = train_floods(weights, [Stage(5, 3, 10, rate=1e-9)], 0, growth, mazes=32)
    torch.testing.assert_close(found[0, 0], weights[0, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[0, 1], weights[0, 1] * 1.1**10)
    torch.testing.assert_close(found[0, 2], weights[0, 2] * 1.1)


def test_own_weights_are_stretched_by_copies():
    weights = starting_weights("default", 2, generator(), "full", rows=2)
    found, costs = train_floods(weights, [Stage(5, 5, 0)], 0, mazes=32)
    assert torch.equal(found, weights[[0, 0, 0, 1, 1]])
    assert costs.shape == (10, 2)


def test_annealed_steepness_finds_the_flood_and_plain_training_does_not():
    start = starting_weights("identity", 10, generator(1), "cross")
    growth = torch.tensor([0.005] * 10 + [0.0] * 10)
    weights, costs = train_floods(
        torch.cat([start, start], 1), [Stage(5, 6, 600, 0.05, 16)], 1, growth
    )
    verdicts = judge_floods(weights, 9, 36, 400, 2).verdicts
    assert verdicts[:10].count("perfect") >= 9
    assert verdicts[10:].count("perfect") <= 1
    assert float(costs[-1].max()) < float(costs[0].min())


def test_ways_of_training_are_judged_where_they_can_be():
    settings = Floods(school=(Stage(5, 4, 2), Stage(7, 6, 2)), seeds=10, mazes=20, sizes=(5, 9))
    shared = trained_floods(Way(), settings)
    assert set(shared.judged) == {(5, 20), (9, 36)}
    for weights, rows in (("untied", 6), ("own", 6)):
        ended = trained_floods(Way("full", weights), settings)
        assert ended.weights.shape == (rows, 10, 11)
        assert set(ended.judged) == {(7, 6)}
    assert trained_floods(Way(curriculum=False), settings).weights.shape == (1, 10, 3)


@pytest.mark.parametrize("size", [3, 4])
def test_every_maze_is_listed_once(size):
    open_sites, p, labels = enumerated_mazes(size)
    assert len(open_sites.flatten(1).unique(dim=0)) == len(open_sites) == 2 ** (size * size - 1)
    assert float(p.sum()) == pytest.approx(1)
    sampled = sample_mazes(40_000, size, seed=3).solvable.mean()
    assert abs(float(p @ labels.double()) - sampled) < 5 * math.sqrt(0.06 / 40_000)


def test_corners_of_side_5_are_no_way():
    open_sites, p, labels = enumerated_mazes(5)
    assert len(open_sites) == 2**20
    assert float(open_sites[:, ::4, ::4].sum()) == 0
    sampled = sample_mazes(40_000, 5, seed=4).solvable.mean()
    assert abs(float(p @ labels.double()) - sampled) < 5 * math.sqrt(0.06 / 40_000)


def test_the_perfect_network_forgets_what_its_flood_has_not_seen():
    mazes = enumerated_mazes(4)
    found = layer_entropies(flood_weights()[None], mazes, 4)
    known = unseen_sites(mazes[0], 4).double() @ mazes[1] * (site_entropy() / math.log(2))
    assert [one.value for one in found.inputs] == pytest.approx(known.tolist(), abs=1e-9)
    assert found.labels[-1].value == pytest.approx(0, abs=1e-9)
    assert found.answers[-1].value == pytest.approx(0, abs=1e-9)
    assert found.answers[1].value > found.labels[1].value > 0
    leaky = layer_entropies(flood_weights(wall=1.4)[None], mazes, 4)
    assert abs(leaky.inputs[2].value - float(known[2])) > 0.1


def test_a_network_that_neglects_knows_all_walls_and_no_answer():
    mazes = enumerated_mazes(4)
    share = float(mazes[1] @ mazes[2].double())
    label = float(entropy(torch.tensor([share, 1 - share], dtype=torch.float64))) / math.log(2)
    walls = layer_entropies(neglecting_weights("walls", share)[None], mazes, 2)
    assert walls.inputs[2].value == pytest.approx(0, abs=1e-9)
    assert walls.labels[2].value == pytest.approx(0, abs=1e-9)
    assert walls.answers[2].value == pytest.approx(label, abs=1e-9)
    nothing = layer_entropies(neglecting_weights("solvable", share)[None], mazes, 2)
    assert nothing.labels[2].value == pytest.approx(label, abs=1e-9)


def test_certified_entropies_of_samples_hold_what_the_flood_has_not_seen():
    open_sites, _ = maze_tensors(20_000, 4, 12)
    inputs = sampled_inputs(open_sites, entropy=Estimate(15 * site_entropy(), 0.0, "exact"))
    two = Options(quantise=2, range=(0.0, 1.0))
    report = analyse_layers(FloodNetwork.perfect(3), inputs, layers="steps.0", options=two)
    known = layer_entropies(flood_weights()[None], enumerated_mazes(4), 1).inputs
    found = report["steps.0"].interval("H(X|T)")
    assert found.contains(known[1].value * math.log(2), 1 - 1e-6)
    assert not found.contains(known[0].value * math.log(2), 1 - 1e-6)
    explored = explored_entropies(4, 20_000, 1, 9)[1]
    assert abs(explored.value - known[1].value) < 4.9 * explored.error


def test_leaking_walls_and_a_background_that_lights_itself():
    settings = Floods(mazes=1000, seed=4)
    leaks = flip_rates(17, settings, walls=(5.0, 2.4, 1.4))
    assert leaks[5.0].value == 0
    assert leaks[1.4].value == 1
    assert abs(leaks[2.4].value - 0.39) < 4.9 * math.hypot(leaks[2.4].error, 0.02)
    ignited = flip_rates(17, settings, steepnesses=(3.0, 6.0, 12.0))
    open_sites, labels = maze_tensors(1000, 17, 9)
    dark = open_sites[labels == 0]
    alone = dark[:, [7, 9, 8, 8], [8, 8, 7, 9]].sum(1) == 0
    assert ignited[6.0].value == pytest.approx(1 - float(alone.float().mean()))
    assert (ignited[3.0].value, ignited[12.0].value) == (1, 0)


def test_one_arm_exponent():
    shares = {size: solvable_share(size, 1000, 5) for size in (9, 33)}
    scaled = {size: share.value * size ** (5 / 48) for size, share in shares.items()}
    errors = {size: share.error * size ** (5 / 48) for size, share in shares.items()}
    assert abs(scaled[9] - scaled[33]) < 4.9 * math.hypot(*errors.values()) + 0.01
    assert abs(shares[9].value - shares[33].value) > 0.08


def test_lines_end_at_nothing_and_begin_at_the_entropy_of_the_label():
    settings = Floods(line_points=11, line_mazes=100, seed=1)
    lines = cost_lines(9, settings)
    for kind, line in lines.items():
        shares = [a.value / b.value for a, b in zip(line.cost, line.shape, strict=True)]
        assert shares == pytest.approx([shares[0]] * 11)  # of mazes that are unsolvable
        assert line.cost[-1].value < 1e-2
        assert 0 < line.half.value < 1
        assert line.cost[0].value > (20 if kind == "unsolvable" else 0.1)


def test_mazes_that_are_all_solvable_are_too_few():
    with pytest.raises(AnalysisError, match="0 of 20 mazes of 3 x 3 sites cannot be solved"):
        cost_lines(3, Floods(line_mazes=20))


BAD = {
    "layers": (lambda: FloodNetwork(0), "0 layers; expected at least 1"),
    "kernel": (lambda: FloodNetwork(2, kernel="cros"), "did you mean 'cross'"),
    "rows": (lambda: FloodNetwork.of(torch.zeros(2, 3), 4), r"shape \[2, 3\] for 4 layers"),
    "width": (lambda: FloodNetwork.of(torch.zeros(1, 4), 4), r"of 3 \(cross\) or 11 \(full\)"),
    "start": (lambda: starting_weights("identit", 1, generator()), "did you mean 'identity'"),
    "neglect": (lambda: neglecting_weights("wall", 0.8), "did you mean 'walls'"),
    "share": (lambda: neglecting_weights("walls", 1.0), "a share between 0 and 1"),
    "stage": (lambda: Stage(2, 4, 1), "size 2, 1 steps, batch 32; expected at least 3"),
    "rate": (lambda: Stage(5, 4, 1, rate=0.0), "the rate is 0.0; expected a number above 0"),
    "weights": (lambda: Way(weights="share"), "did you mean 'shared'"),
    "growth": (lambda: Way(growth=1.0), "a growth from 0 to below 1"),
    "untied": (lambda: Way(weights="untied", curriculum=False), "set curriculum: true"),
    "seeds": (lambda: Floods(seeds=2), "2 seeds .* expected at least 10"),
    "mazes": (lambda: Floods(mazes=3), "expected at least 20 mazes"),
    "sizes": (lambda: Floods(sizes=(2,)), r"sizes are \[2\] and"),
    "no line": (lambda: Floods(line_sizes=()), "expected at least one of each, and none below 3"),
    "walls": (
        lambda: Floods(walls=(math.nan,)),
        r"walls are \[nan\].* at least one number above 0",
    ),
    "one layer": (
        lambda: Floods(ways=(Way(weights="own"),), school=(Stage(5, 1, 1),)),
        "give the first stage at least 2 layers",
    ),
    "bank": (
        lambda: judge_floods(torch.zeros(1, 2, 5), 5, 3, 20, 0),
        r"weights have shape \[1, 2, 5\]",
    ),
    "no layer": (lambda: judge_floods(torch.zeros(1, 2, 3), 5, 0, 20, 0), "0 layers"),
    "growths": (
        lambda: train_floods(torch.zeros(1, 2, 3), [Stage(5, 3, 1)], 0, torch.zeros(3)),
        r"growth has shape \[3\] for 2 networks",
    ),
    "seed": (lambda: Floods(seed=-1), "seed is -1; expected a whole number from 0"),
    "enumerated": (lambda: Floods(enumerated=6), r"expected 3, 4 or 5: of 6 there are 2\^35"),
    "device": (lambda: Floods(device="gpu"), "device is 'gpu'; expected cpu or cuda"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_words(case):
    call, words = BAD[case]
    with pytest.raises(InputError, match=words):
        call()
