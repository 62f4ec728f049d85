"""Known answers of finite sets."""

import torch
from torch import nn

from rsmi.information.random_maps import random_map_entropies
from rsmi.lattice import states
from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.inputs import finite_inputs, independent_labels
from rsmi.layers.known.check import BIT, Check, bits
from rsmi.layers.known.networks import Keep, random_maps

_STATES, _LAYERS, _DRAWS = 256, 8, 2000


def random_map_checks() -> list[Check]:
    """H(X|T_l) of random maps, averaged over draws.

    One draw scatters by .14 bit at layer 8, so the mean of 2000 by .0031: the tolerance is more
    than 6 of its errors in every layer.
    """
    exact = random_map_entropies(_STATES, _LAYERS)
    found = forgotten_by_random_maps(_STATES, _LAYERS, _DRAWS)
    name = f"{_STATES} states, {_DRAWS} draws, random map"
    return [
        Check(f"{name} {k}: H(X|T)", e / BIT, g / BIT, 0.02)
        for k, (e, g) in enumerate(zip(exact, found, strict=True), 1)
    ]


def forgotten_by_random_maps(size: int, layers: int, draws: int, seed: int = 0) -> list[float]:
    """Mean measured H(X|T_l) of independent networks of random maps, in nats.

    All draws are one network, whose X and T both tell the draw: its H(X|T) is their mean.
    """
    report = analyse_layers(
        random_maps(size, layers, seed, draws),
        finite_inputs(torch.arange(size * draws)),
        options=Options(batch_size=1 << 14, quantities=["H(X|T)"]),
    )
    return [row.interval("H(X|T)").middle for row in report.rows]


def decimation_checks() -> list[Check]:
    """Layers that keep some of ten fair bits."""
    inputs = finite_inputs(states(10).float())
    report = analyse_layers(nn.Sequential(Keep(7), Keep(4), Keep(1)), inputs)
    return [
        Check(f"10 fair bits, {kept} kept: H(X|T)", 10.0 - kept, bits(row.interval("H(X|T)")), 1e-9)
        for kept, row in zip((7, 4, 1), report.rows, strict=True)
    ]


def control_checks() -> list[Check]:
    """Labels that say nothing."""
    x = states(6).float()
    labels = (x.sum(1) > 0).long()
    inputs = independent_labels(finite_inputs(x, labels))
    report = analyse_layers(nn.Sequential(Keep(3)), inputs)
    return [Check("independent label: I(T;Y)", 0.0, bits(report["0"].interval("I(T;Y)")), 1e-9)]
