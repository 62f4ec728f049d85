"""Known answers, recomputed by the installed code: what `rsmi verify layers` runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.information import Estimate, entropy
from rsmi.information.random_maps import random_map_entropies
from rsmi.lattice import states
from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.block_layers import rg_network, without_ties
from rsmi.layers.controls import independent_labels, untrained
from rsmi.layers.estimators import Estimators
from rsmi.layers.folding import folding_entropy, folding_entropy_1d
from rsmi.layers.inputs import Inputs, finite_inputs
from rsmi.layers.interval import Interval
from rsmi.layers.known_networks import Keep, linear_gaussian, random_maps, sawtooth
from rsmi.layers.maze_network import perfect_maze_network
from rsmi.layers.noisy import linear_gaussian_information
from rsmi.layers.noisy_information import noisy_information
from rsmi.layers.physical import enumerated_ising, ising_entropy, sampled_ising
from rsmi.layers.preimages import Abs
from rsmi.layers.row_transfer import coarse_distribution
from rsmi.learning import decimation, majority
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD, sample_mazes, solve

_BIT = math.log(2)
_DRAWS = 200


@dataclass(frozen=True)
class Check:
    """One known answer.

    Args:
        name: What was computed.
        expected: The answer.
        got: What the installed code finds.
        tolerance: Largest difference that passes.
        unit: Of all three.
    """

    name: str
    expected: float
    got: float
    tolerance: float
    unit: str = "bits"

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.got - self.expected) <= self.tolerance


def known_answers() -> list[Check]:
    """Recompute every known answer, in about ten seconds on one core.

    Source: closed forms, or as named in the functions that give the answer.
    """
    groups: list[Callable[[], list[Check]]] = [
        _random_maps,
        _sawtooth,
        _folding,
        _linear_gaussian,
        _decimation,
        _ising_exact,
        _ising_sampled,
        _mazes,
        _controls,
    ]
    return [check for group in groups for check in group()]


def forgotten_by_random_maps(size: int, layers: int, draws: int) -> list[float]:
    """Mean measured H(X|T_l) of independent networks of random maps, in nats."""
    inputs = finite_inputs(torch.arange(size))
    options = Options(batch_size=size, quantities=["H(X|T)"])
    total = np.zeros(layers)
    for seed in range(draws):
        report = analyse_layers(random_maps(size, layers, seed), inputs, options=options)
        total += [row.interval("H(X|T)").middle for row in report.rows]
    return [float(value) / draws for value in total]


def all_mazes(size: int) -> Inputs:
    """Every maze of a small size with an open centre, its probability and its label."""
    sites = size * size
    open_sites = (states(sites) > 0).reshape(-1, size, size)
    open_sites = open_sites[open_sites[:, size // 2, size // 2]]
    count = open_sites.flatten(1).sum(1).double() - 1
    p = PERCOLATION_THRESHOLD
    weights = p**count * (1 - p) ** (sites - 1 - count)
    labels = torch.from_numpy(solve(open_sites.numpy()).solvable).long()
    return finite_inputs(open_sites.float(), labels, weights)


def _random_maps() -> list[Check]:
    exact = random_map_entropies(256, 8)
    found = forgotten_by_random_maps(256, 8, _DRAWS)
    return [
        Check(f"256 states, {_DRAWS} draws, random map {k}: H(X|T)", e / _BIT, g / _BIT, 0.02)
        for k, (e, g) in enumerate(zip(exact, found, strict=True), 1)
    ]


def _sawtooth() -> list[Check]:
    found = folding_entropy_1d(sawtooth(8))[2::3]
    checks = [
        Check(f"sawtooth {k}: H(X|T)", float(k), e.value / _BIT, 0.01)
        for k, e in enumerate(found, 1)
    ]
    return [*checks, Check("sawtooth: warnings of the binned column", 1.0, _warned(), 0.0, "1")]


def _warned() -> float:
    """Whether the audit flags what 16 bins say of the sawtooth on a grid of 1024 inputs."""
    grid = (torch.arange(1024, dtype=torch.float64) + 0.5)[:, None] / 1024
    report = analyse_layers(
        nn.Sequential(*sawtooth(3)),
        finite_inputs(grid),
        layers=["2", "5", "8"],
        options=Options(estimators=Estimators(range_bins=(16,))),
    )
    flagged = {f.layer for f in report.findings if "range_bins(16).H(T)" in f.text}
    return float(flagged == {"2", "5", "8"})


def _folding() -> list[Check]:
    x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotation = nn.Linear(5, 5).double()
    with torch.no_grad():
        rotation.weight.copy_(torch.linalg.qr(x[:5])[0])
    folded = folding_entropy([Abs()], x, _log_gauss)
    kept = folding_entropy([rotation, nn.LeakyReLU(0.2), rotation], x, _log_gauss)
    return [
        Check("|x| of 5 symmetric inputs: H(X|T)", 5.0, folded.value / _BIT, 1e-9),
        Check("invertible leaky-ReLU: H(X|T)", 0.0, kept.value / _BIT, 0.0),
    ]


def _log_gauss(x: Tensor) -> Tensor:
    return -0.5 * x.square().sum(-1)


def _linear_gaussian() -> list[Check]:
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]])
    x = torch.randn(16384, 3, generator=torch.Generator().manual_seed(1))
    expected = linear_gaussian_information(weight, 1.0, torch.eye(3)) / _BIT
    found = noisy_information(linear_gaussian(weight, 1.0), x, batch=1024, draws=1)["0"]
    lower, upper = found.lower.value / _BIT, found.upper.value / _BIT
    return [
        Check("linear Gaussian, I(X;T), lower", expected, lower, 0.01 * expected),
        Check("linear Gaussian, I(X;T), upper", expected, upper, 0.01 * expected),
    ]


def _decimation() -> list[Check]:
    bits = finite_inputs(states(10).float())
    report = analyse_layers(nn.Sequential(Keep(7), Keep(4), Keep(1)), bits)
    return [
        Check(
            f"10 fair bits, {kept} kept: H(X|T)", 10.0 - kept, _bits(row.interval("H(X|T)")), 1e-9
        )
        for kept, row in zip((7, 4, 1), report.rows, strict=True)
    ]


def _ising_exact() -> list[Check]:
    checks = []
    for name, rule in (("majority", majority((2, 2))), ("decimation", decimation((2, 2)))):
        table = without_ties(rule.table())
        inputs = enumerated_ising((4, 4), CRITICAL_COUPLING)
        report = analyse_layers(rg_network(table, (2, 2), 2), inputs)
        p = coarse_distribution((4, 4), CRITICAL_COUPLING, table)
        known = ising_entropy((4, 4), CRITICAL_COUPLING).value - float(entropy(p))
        got = _bits(report["0"].interval("H(X|T)"))
        checks.append(Check(f"4x4 Ising, {name}: H(X|T)", known / _BIT, got, 1e-9))
    return checks


def _ising_sampled() -> list[Check]:
    table = without_ties(majority((2, 2)).table())
    inputs = sampled_ising((6, 6), CRITICAL_COUPLING, 32768, seed=5)
    report = analyse_layers(rg_network(table, (2, 2), 1), inputs)
    p = coarse_distribution((6, 6), CRITICAL_COUPLING, table)
    known = ising_entropy((6, 6), CRITICAL_COUPLING).value - float(entropy(p))
    found = report["0"].interval("H(X|T)")
    inside = float(found.contains(known, 0.9999))
    return [
        Check("6x6 Ising, majority: exact H(X|T) inside", 1.0, inside, 0.0, "1"),
        Check("6x6 Ising, majority: H(X|T), middle", known / _BIT, _bits(found), 0.1),
    ]


def _mazes() -> list[Check]:
    network, inputs = perfect_maze_network(4), all_mazes(4)
    perfect = analyse_layers(network, inputs, layers="answer")
    fresh = analyse_layers(untrained(network), inputs, layers="answer")
    known = fresh.entropy_y
    h_y = _bits(known) if isinstance(known, Interval) else math.nan
    solvable = float(sample_mazes(50_000, 17, seed=3).solvable.mean())
    return [
        Check(
            "perfect maze network: H(Y|T)", 0.0, _bits(perfect["answer"].interval("H(Y|T)")), 0.0
        ),
        Check(
            "untrained maze network: H(Y|T)",
            h_y,
            _bits(fresh["answer"].interval("H(Y|T)")),
            0.05 * h_y,
        ),
        Check("17x17 mazes that can be solved", 0.861, solvable, 0.01, "1"),
    ]


def _controls() -> list[Check]:
    x = states(6).float()
    labels = (x.sum(1) > 0).long()
    inputs = independent_labels(finite_inputs(x, labels))
    report = analyse_layers(nn.Sequential(Keep(3)), inputs)
    return [Check("independent label: I(T;Y)", 0.0, _bits(report["0"].interval("I(T;Y)")), 1e-9)]


def _bits(value: Interval | Estimate) -> float:
    return (value.middle if isinstance(value, Interval) else value.value) / _BIT
