"""Networks whose layer entropies are known."""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly
from rsmi.known.networks import (
    Keep,
    linear_gaussian,
    random_maps,
)
from rsmi.lattice import states
from rsmi.layers import (
    Abs,
    Estimators,
    Interval,
    LayerReport,
    Options,
    analyse_layers,
    coded_network,
    drawn_inputs,
    enumerated_inputs,
    finite_inputs,
    folding_entropy,
    folding_entropy_1d,
    independent_labels,
    integrated_entropy,
    noisy_information,
    rg_network,
    sawtooth,
    untrained,
    window_inputs,
    without_ties,
)
from rsmi.learning import block_alone, named_rule
from rsmi.sampling import CRITICAL_COUPLING, Sampler
from rsmi.sampling.families import System
from rsmi.theory import FloodNetwork, enumerated_mazes

_MAPS = "closed form for uniformly random maps"
_TENT = "every tent map halves what is left of the input: l bits"
_WARNED = "16 bins see their own number only"
_COUNT = "symmetry of the inputs: one bit for each sign or site lost"
_INVERTIBLE = "an invertible map forgets nothing"
_GAUSS = "1/2 ln det(1 + W W^T)"
_RG = "transfer matrices over the coarse rows, another way than enumeration or counting"
_LABEL = "T = Y: all but the one bit of the label is forgotten"
_CLASSES = "T = the classes of equal p(y|x): two bits forgotten, h(.1) of the label open"
_EVERY_RULE = "each of the 32 768 rules of two symbols tried"
_COPIES = "six copies of a coin are what seven spins have in common"
_MAZE = "breadth-first search decides every maze; fresh weights know next to nothing"

# All in bits. layer: H(X|T) of random maps of 256 states
_RANDOM_MAPS = {1: 0.8250, 2: 1.3415, 4: 2.0173, 8: 2.8172}
_STATES, _DRAWS = 256, 2000
_MAPS_WITHIN = 0.02
"""One draw scatters by .14 bit at layer 8, so the mean of 2000 by .0031: more than 6 errors."""
_INFORMATION = 1.3502198591  # of the noisy linear layer
_ISING_4X4 = {"majority": 4.5109175455, "decimation": 3.9954877398}
_ISING_6X6 = 10.6734016340
_BLOCK_SPIN = 0.5429734540  # nats
_UNTRAINED_MAZE = 0.2190350514
_FRESH = 1
"""Seed of fresh weights whose answer is the same for every maze, as that of seven in eight is."""
_DIMERS_4X4 = 8.0874628413
_ISING_8X8 = 26.0739278

Group = Callable[[], Sequence[Estimate]]


def layers() -> list[Check]:
    """All checks of this section."""
    return [
        *_finite(),
        *_continuous(),
        *_lattices(),
        *_mazes(),
        *_input_entropies(),
        *_training(),
        _check("independent_label", _independent_label, 0.0, 1e-9, "p(x) p(y) carries nothing"),
    ]


def _check(
    name: str, compute: Callable[[], Estimate], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "layers", compute, expected, tolerance, source)


def _bits(value: Interval | Estimate | float) -> Estimate:
    """A value in nats as bits, half way between two ends."""
    if isinstance(value, Interval):
        value = value.middle
    return exactly((value.value if isinstance(value, Estimate) else value) / math.log(2), "bits")


def _forgotten(report: LayerReport) -> list[Estimate]:
    return [_bits(row.interval("H(X|T)")) for row in report.rows]


def _nth(group: Group, place: int) -> Estimate:
    """One of several values that are computed when the first is asked for."""
    return group()[place]


def _finite() -> list[Check]:
    maps, kept = cache(_random_maps), cache(_decimation)
    return [
        *(
            _check(f"random_map.{k}", partial(_nth, maps, k - 1), bits, _MAPS_WITHIN, _MAPS)
            for k, bits in _RANDOM_MAPS.items()
        ),
        *(
            _check(f"decimation.{k}", partial(_nth, kept, place), 10.0 - k, 1e-9, _COUNT)
            for place, k in enumerate((7, 4, 1))
        ),
    ]


def _random_maps() -> list[Estimate]:
    """Mean H(X|T_l) of independent networks of random maps.

    All draws are one network, whose X and T both tell the draw: its H(X|T) is their mean.
    """
    report = analyse_layers(
        random_maps(_STATES, max(_RANDOM_MAPS), 0, _DRAWS),
        finite_inputs(torch.arange(_STATES * _DRAWS)),
        options=Options(batch_size=1 << 14, quantities=["H(X|T)"]),
    )
    return _forgotten(report)


def _decimation() -> list[Estimate]:
    """Layers that keep some of ten fair bits."""
    inputs = finite_inputs(states(10).float())
    return _forgotten(analyse_layers(nn.Sequential(Keep(7), Keep(4), Keep(1)), inputs))


def _continuous() -> list[Check]:
    tents, information = cache(_sawtooth), cache(_linear_gaussian)
    return [
        *(
            _check(f"sawtooth.{k}", partial(_nth, tents, k - 1), float(k), 0.01, _TENT)
            for k in range(1, 9)
        ),
        _check("sawtooth.binned_warned", _warned, 1.0, 0.0, _WARNED),
        _check("absolute_value", partial(_folded, [Abs()]), 5.0, 1e-9, _COUNT),
        _check("leaky_relu", _invertible, 0.0, 0.0, _INVERTIBLE),
        *(
            _check(
                f"linear_gaussian.{end}",
                partial(_nth, information, place),
                _INFORMATION,
                0.01 * _INFORMATION,
                _GAUSS,
            )
            for place, end in enumerate(("lower", "upper"))
        ),
    ]


def _sawtooth() -> list[Estimate]:
    """The tent map again and again: a bit for each."""
    return [_bits(entropy) for entropy in folding_entropy_1d(sawtooth(8))[2::3]]


def _warned() -> Estimate:
    """Whether the audit flags what 16 bins say of the sawtooth on a grid of 1024 inputs."""
    grid = (torch.arange(1024, dtype=torch.float64) + 0.5)[:, None] / 1024
    report = analyse_layers(
        nn.Sequential(*sawtooth(3)),
        finite_inputs(grid),
        layers=["2", "5", "8"],
        options=Options(estimators=Estimators(range_bins=(16,))),
    )
    flagged = {f.layer for f in report.findings if "range_bins(16).H(T)" in f.text}
    return exactly(flagged == {"2", "5", "8"})


def _gauss() -> Tensor:
    return torch.randn(64, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _folded(modules: Sequence[nn.Module]) -> Estimate:
    """H(X|T) of a map of five standard normal numbers, of which signs may be lost."""
    return _bits(folding_entropy(list(modules), _gauss(), lambda x: -0.5 * x.square().sum(-1)))


def _invertible() -> Estimate:
    rotation = nn.Linear(5, 5).double()
    with torch.no_grad():
        rotation.weight.copy_(torch.linalg.qr(_gauss()[:5])[0])
    return _folded([rotation, nn.LeakyReLU(0.2), rotation])


def _linear_gaussian() -> list[Estimate]:
    """I(X;T) of a noisy linear layer of a Gaussian input, from both sides."""
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]])
    x = torch.randn(16384, 3, generator=torch.Generator().manual_seed(1))
    found = noisy_information(linear_gaussian(weight, 1.0), x, batch=1024, draws=1)["0"]
    return [_bits(found.lower), _bits(found.upper)]


def _lattices() -> list[Check]:
    sampled = cache(_sampled_ising)
    return [
        *(
            _check(f"ising_4x4.{rule}", partial(_enumerated_ising, rule), bits, 1e-9, _RG)
            for rule, bits in _ISING_4X4.items()
        ),
        _check("ising_6x6.inside", lambda: _inside(sampled()), 1.0, 0.0, _RG),
        _check("ising_6x6.middle", lambda: _bits(sampled()), _ISING_6X6, 0.1, _RG),
    ]


def _enumerated_ising(rule: str) -> Estimate:
    """What an RG layer forgets of all configurations."""
    network = rg_network(without_ties(named_rule(rule, block_alone((2, 2))).table()), (2, 2), 2)
    report = analyse_layers(network, enumerated_inputs(System((4, 4))))
    return _bits(report["0"].interval("H(X|T)"))


def _sampled_ising() -> Interval:
    """The same of samples."""
    table = without_ties(named_rule("majority", block_alone((2, 2))).table())
    inputs = drawn_inputs(System((6, 6)), 32768, seed=5)
    return analyse_layers(rg_network(table, (2, 2), 1), inputs)["0"].interval("H(X|T)")


def _inside(found: Interval) -> Estimate:
    return exactly(found.contains(_ISING_6X6 * math.log(2), 0.9999))


def _mazes() -> list[Check]:
    within = 0.05 * _UNTRAINED_MAZE
    return [
        _check("maze.perfect", partial(_maze, True), 0.0, 0.0, _MAZE),
        _check("maze.untrained", partial(_maze, False), _UNTRAINED_MAZE, within, _MAZE),
    ]


def _maze(trained: bool) -> Estimate:
    """H(Y|T) of the answer of the network that floods a maze, or of fresh weights."""
    network = FloodNetwork.perfect(16)
    open_sites, weights, labels = enumerated_mazes(4)
    report = analyse_layers(
        network if trained else untrained(network, _FRESH),
        finite_inputs(open_sites, labels, weights),
        layers="centre",
        options=Options(quantise=2, range=(0.0, 1.0), quantities=["H(Y|T)"]),
    )
    return _bits(report["centre"].interval("H(Y|T)"))


def _input_entropies() -> list[Check]:
    return [
        _check("dimers_4x4.entropy", _coverings, _DIMERS_4X4, 1e-9, "272 coverings"),
        _check("ising_8x8.integrated", _integrated, _ISING_8X8, 0.9, "Kaufman (1949)"),
    ]


def _coverings() -> Estimate:
    return _bits(enumerated_inputs(System((4, 4), "dimers", "inf")).entropy or math.nan)


def _integrated() -> Estimate:
    """Entropy from energies that are integrated over the coupling."""

    square = System((8, 8))

    def update(k: float) -> Sampler:
        return square.heated(k).engine(seed=round(1e9 * k)).sampler

    return _bits(integrated_entropy(update, CRITICAL_COUPLING, 64 * math.log(2), intervals=8))


def _independent_label() -> Estimate:
    """I(T;Y) of labels that say nothing."""
    x = states(6).float()
    inputs = independent_labels(finite_inputs(x, (x.sum(1) > 0).long()))
    return _bits(analyse_layers(nn.Sequential(Keep(3)), inputs)["0"].interval("I(T;Y)"))


def _training() -> list[Check]:
    """Layers trained toward a goal whose optimum is known, and what their losses are made of."""
    goal, noisy = cache(_goal), cache(_noisy_labels)
    return [
        _check("training.goal.H(X|T)", partial(_nth, goal, 0), 3.0, 1e-6, _LABEL),
        _check("training.goal.H(Y|T)", partial(_nth, goal, 1), 0.0, 1e-6, _LABEL),
        _check("training.bottleneck.H(X|T)", partial(_nth, noisy, 0), 2.0, 1e-6, _CLASSES),
        _check("training.bottleneck.H(Y|T)", partial(_nth, noisy, 1), 0.4689956, 1e-6, _CLASSES),
        _check("training.rsmi.I(T;E)", _block_spin, _BLOCK_SPIN, 0.01 * _BLOCK_SPIN, _EVERY_RULE),
        _check("training.boltzmann.H(Y|T)", _machine, 0.0, 1e-6, _COPIES),
        _check("training.pairwise", _pairwise, 0.8112781, 1e-6, "entropy of what is told apart"),
        _check("training.left_out", _left_out, 0.5625, 1e-9, "one row from another, by hand"),
    ]


def _spins_of(count: int) -> Tensor:
    return states(count).float()


def _ends_of(
    x: Tensor, y: Tensor, units: Sequence[int], p: Tensor | None = None, **options: Any
) -> list[Estimate]:
    """H(X|T) and H(Y|T) of the last layer of a network trained on all inputs."""
    from rsmi.layers import Fit, train_layers

    fit = Fit(epochs=20, steps=12, batch_size=len(x), learning_rate=0.02, restarts=1)
    network = untrained(coded_network(x.shape[1], units, hidden=options.pop("hidden", 16)))
    found = train_layers(network, finite_inputs(x, y, p), fit=fit, **options)
    last = found.report.rows[-1]
    return [_bits(last.interval(name)) for name in ("H(X|T)", "H(Y|T)")]


def _goal() -> list[Estimate]:
    x = _spins_of(4)
    return _ends_of(x, (x[:, 0] * x[:, 1] > 0).long(), [2, 1])


def _noisy_labels() -> list[Estimate]:
    x = _spins_of(3)
    up = torch.where(x[:, 0] > 0, 0.9, 0.1)
    return _ends_of(
        x.repeat(2, 1), torch.arange(2).repeat_interleave(8), [2, 1],
        torch.cat([1 - up, up]), method="bottleneck",
    )  # fmt: skip


def _machine() -> Estimate:
    x = _spins_of(2)
    copies = torch.cat([x[:, :1].repeat(1, 6), x[:, 1:]], 1)
    label = (x[:, 0] > 0).long()
    return _ends_of(copies, label, [1], hidden=0, method="boltzmann")[1]


def _block_spin() -> Estimate:
    from rsmi.layers import Fit, train_layers

    found = train_layers(
        untrained(coded_network(4, [1], hidden=16)), window_inputs(System((4, 4)), (2, 2), 0),
        method="rsmi", fit=Fit(epochs=12, steps=8, restarts=3),
    )  # fmt: skip
    return exactly(found.report["T1"].interval("I(T;Y)").middle)


def _pairwise() -> Estimate:
    from rsmi.layers.training import pairwise_information

    apart, weights = torch.tensor([[0.0], [0.0], [99.0]]), torch.tensor([0.1, 0.15, 0.75])
    return _bits(float(pairwise_information(apart, 1.0, weights)))


def _left_out() -> Estimate:
    from rsmi.layers.training.objectives import left_out_error

    same, labels = torch.zeros(2, 1).double(), torch.tensor([[0.0], [1.0]]).double()
    return exactly(float(left_out_error(same, labels, torch.ones(2), 1.0)))
