"""What depth buys against width: constructions, exact pieces and distances, what no net reaches."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import (
    Sawtooth,
    count_pieces,
    folding_entropy_1d,
    least_distance,
    mean_distance,
    most_pieces,
    sawtooth,
    shallow_sawtooth,
    study_sawtooth,
    train_teeth,
)


def network(seed, widths):
    """Linear and ReLU layers of random weights with bends in 0..1."""
    torch.manual_seed(seed)
    modules = []
    for before, after in zip((1, *widths), (*widths, 1), strict=True):
        modules += [nn.Linear(before, after).double(), nn.ReLU()]
        nn.init.normal_(modules[-2].weight, std=2.0)
    return modules[:-1]


def values(layers, x):
    with torch.no_grad():
        return nn.Sequential(*layers)(torch.as_tensor(x, dtype=torch.float64)[:, None])[
            :, 0
        ].numpy()


@pytest.mark.parametrize("teeth", range(1, 9))
def test_l_layers_of_two_units_are_one_layer_of_two_to_the_l(teeth):
    deep, shallow = sawtooth(teeth), shallow_sawtooth(teeth)
    assert count_pieces(deep) == count_pieces(shallow) == 2**teeth
    assert mean_distance(deep, shallow) == pytest.approx(0, abs=1e-9)
    found = folding_entropy_1d(shallow)[-1].value / math.log(2)
    assert found == pytest.approx(teeth, abs=1e-9)
    assert mean_distance(deep, sawtooth(teeth + 1)) > 0.1


@pytest.mark.parametrize("seed", range(10))
def test_pieces_and_distances_are_those_of_a_fine_grid(seed):
    f, g = network(seed, (3, 3)), network(seed + 50, (4,))
    x = np.linspace(0, 1, 200_001)
    distance = np.abs(values(f, x) - values(g, x))
    mean = float(distance.mean() - 0.5 * (distance[0] + distance[-1]) / len(x))
    assert mean_distance(f, g) == pytest.approx(mean, abs=1e-4 * max(mean, 1))
    for net, most in ((f, most_pieces(3, 2)), (g, most_pieces(4, 1))):
        slope = np.diff(values(net, x))
        bent = np.abs(np.diff(slope)) > 1e-9
        seen = 1 + int((bent[1:] & ~bent[:-1]).sum()) + bool(bent[0])
        assert seen <= count_pieces(net) <= most


@pytest.mark.parametrize("seed", range(10))
def test_no_function_of_few_pieces_comes_nearer_than_the_limit(seed):
    """Not even the best ones: the sawtooth itself on some of its pieces, flat elsewhere."""
    rng = np.random.default_rng(seed)
    target = sawtooth(6)
    for units in (2, 6, 12):
        bends = np.sort(rng.choice(64, units, replace=False)) / 64
        layer, out = nn.Linear(1, units).double(), nn.Linear(units, 1).double()
        with torch.no_grad():
            layer.weight.fill_(1.0)
            layer.bias.copy_(torch.from_numpy(-bends))
        x = (np.arange(6400) + 0.5) / 6400
        columns = np.column_stack([np.maximum(x[:, None] - bends, 0), np.ones(6400)])
        best = np.linalg.lstsq(columns, values(target, x), rcond=None)[0]
        with torch.no_grad():
            out.weight.copy_(torch.from_numpy(best[None, :-1]))
            out.bias.fill_(best[-1])
        pieces = count_pieces([layer, nn.ReLU(), out])
        assert mean_distance([layer, nn.ReLU(), out], target) >= least_distance(pieces, 6) > 0
    assert mean_distance(sawtooth(6), target) < least_distance(20, 6)


def test_depth_reaches_what_width_does_not():
    settings = Sawtooth(teeth=2, depths=(1, 2), widths=(12,), seeds=3, steps=400)
    found = study_sawtooth(settings)
    assert [one.value for one in found.forgotten] == pytest.approx([1, 2], abs=1e-9)
    assert found.pieces == (2, 4)
    for (depth, width), one in found.trained.items():
        assert one.best >= found.limit(depth, width)
        assert one.pieces.value <= most_pieces(width, depth)
    assert found.limit(1, 12) == least_distance(13, 2) == 0
    assert found.trained[2, 12].best < 0.12
    names = {quantity.name for quantity in found.quantities()}
    assert "theory.sawtooth.distance" in names
    assert found.plot().axes[1].get_xlabel() == "width"
    assert all(q.deviation is None for q in found.quantities() if "forgotten" in q.name)


def test_a_shallow_network_that_is_wide_enough_learns():
    settings = Sawtooth(teeth=1, depths=(1,), widths=(8,), seeds=3, steps=400)
    distances = [mean_distance(net, sawtooth(1)) for net in train_teeth(settings, 1, 8)]
    assert min(distances) < 0.02


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"teeth": 0}, "0 tents; expected 1 to 16"),
        ({"widths": ()}, r"widths \[\]; expected at least one of each"),
        ({"depths": (0,)}, r"depths \[0\]"),
        ({"seeds": 1}, "1 seeds, 2000 steps"),
        ({"learning_rate": 0.0}, "learning rate 0.0; expected"),
    ],
)
def test_bad_input_is_refused_in_words(settings, words):
    with pytest.raises(InputError, match=words):
        Sawtooth(**settings)
