"""Known answers of continuous inputs."""

import torch
from torch import Tensor, nn

from rsmi.layers.analyse import Options, analyse_layers
from rsmi.layers.estimators import Estimators
from rsmi.layers.folding import Abs, folding_entropy, folding_entropy_1d
from rsmi.layers.inputs import finite_inputs
from rsmi.layers.known.check import BIT, Check
from rsmi.layers.known.networks import linear_gaussian, sawtooth
from rsmi.layers.noisy import linear_gaussian_information, noisy_information


def sawtooth_checks() -> list[Check]:
    """The tent map again and again: a bit for each."""
    found = folding_entropy_1d(sawtooth(8))[2::3]
    checks = [
        Check(f"sawtooth {k}: H(X|T)", float(k), e.value / BIT, 0.01)
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


def folding_checks() -> list[Check]:
    """Signs that are lost, and layers that lose nothing."""
    x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotation = nn.Linear(5, 5).double()
    with torch.no_grad():
        rotation.weight.copy_(torch.linalg.qr(x[:5])[0])
    folded = folding_entropy([Abs()], x, _log_gauss)
    kept = folding_entropy([rotation, nn.LeakyReLU(0.2), rotation], x, _log_gauss)
    return [
        Check("|x| of 5 symmetric inputs: H(X|T)", 5.0, folded.value / BIT, 1e-9),
        Check("invertible leaky-ReLU: H(X|T)", 0.0, kept.value / BIT, 0.0),
    ]


def _log_gauss(x: Tensor) -> Tensor:
    return -0.5 * x.square().sum(-1)


def linear_gaussian_checks() -> list[Check]:
    """A noisy linear layer of a Gaussian input, from both sides."""
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]])
    x = torch.randn(16384, 3, generator=torch.Generator().manual_seed(1))
    expected = linear_gaussian_information(weight, 1.0, torch.eye(3)) / BIT
    found = noisy_information(linear_gaussian(weight, 1.0), x, batch=1024, draws=1)["0"]
    lower, upper = found.lower.value / BIT, found.upper.value / BIT
    return [
        Check("linear Gaussian, I(X;T), lower", expected, lower, 0.01 * expected),
        Check("linear Gaussian, I(X;T), upper", expected, upper, 0.01 * expected),
    ]
