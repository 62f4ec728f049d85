"""The bottleneck curve against closed forms, data processing, and rules that lie below it."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import bottleneck, mutual_information, rule_information
from rsmi.information.bottleneck import rate_of


def binary(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def channel(seed: int, states: int, environments: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    joint = torch.rand(environments, states, generator=generator, dtype=torch.float64) ** 6
    joint /= joint.sum()
    return joint / joint.sum(1, keepdim=True), joint.sum(1)


@pytest.mark.parametrize("noise", [0.02, 0.11, 0.3])
def test_a_symmetric_channel_has_the_curve_of_mrs_gerber(noise: float) -> None:
    """I(H:E) = ln 2 - h(noise * h^-1(ln 2 - R)), for every rate (Wyner, Ziv 1973)."""
    flip = torch.tensor([[1 - noise, noise], [noise, 1 - noise]], dtype=torch.float64)
    curve = bottleneck(flip, tolerance=2e-4)
    assert curve.gap < 2e-4
    assert curve.full == pytest.approx(math.log(2) - binary(noise), abs=1e-12)
    for rate in np.linspace(0.02, math.log(2) - 1e-3, 23):
        flipped = brentq(lambda q, r=rate: binary(q) - math.log(2) + r, 1e-15, 0.5)
        kept = math.log(2) - binary(flipped * (1 - noise) + (1 - flipped) * noise)
        assert curve.lower(float(rate)) <= kept + 1e-9
        assert curve.upper(float(rate)) >= kept - 1e-9
    wrong = math.log(2) - binary(0.05 + noise)
    assert not curve.lower(0.35) <= wrong <= curve.upper(0.35)


def test_an_erasing_channel_keeps_its_share_of_every_nat() -> None:
    """E is V or nothing: I(H:E) = (1 - e) I(V:H) for every H, a curve that is one chord."""
    uniform = torch.full((1, 3), 1 / 3, dtype=torch.float64)
    posterior = torch.cat([torch.eye(3, dtype=torch.float64), uniform])
    weights = torch.tensor([0.2, 0.2, 0.2, 0.4], dtype=torch.float64)
    curve = bottleneck(posterior, weights, tolerance=1e-4)
    for rate in np.linspace(0, math.log(3), 9):
        assert curve.lower(float(rate)) == pytest.approx(0.6 * rate, abs=1e-4)
        assert curve.upper(float(rate)) == pytest.approx(0.6 * rate, abs=1e-4)


def test_a_fine_grid_of_gaussians_nears_their_closed_form() -> None:
    """I = -ln(1 - rho^2 (1 - e^{-2 R})) / 2 (Chechik and others 2005), within what a grid takes."""
    x = torch.linspace(-4, 4, 25, dtype=torch.float64)
    rho = 0.8
    joint = torch.exp(-(x[:, None] ** 2 - 2 * rho * x[:, None] * x + x**2) / (2 * (1 - rho**2)))
    joint /= joint.sum()
    curve = bottleneck(joint / joint.sum(1, keepdim=True), joint.sum(1), tolerance=4e-3)
    for rate in (0.1, 0.3, 0.6, 1.0):
        kept = -0.5 * math.log(1 - rho**2 * (1 - math.exp(-2 * rate)))
        assert curve.lower(rate) - 3e-3 < kept < curve.upper(rate) + 3e-3


@pytest.mark.parametrize("seed", range(6))
def test_no_rule_lies_above_and_the_curve_is_concave(seed: int) -> None:
    posterior, weights = channel(seed, 6, 30)
    curve = bottleneck(posterior, weights)
    assert curve.gap < 2e-3
    states = weights @ posterior
    rates = np.linspace(0, 1.1 * curve.points[-1].rate, 60)
    for side in (curve.lower, curve.upper):
        values = np.array([side(float(rate)) for rate in rates])
        assert (np.diff(values) > -1e-9).all()
        assert (np.diff(values, 2) < 1e-9).all()
    for rate in rates:  # data processing
        assert curve.lower(float(rate)) <= min(rate, curve.full) + 1e-9
        assert curve.upper(float(rate)) <= min(rate, curve.full) + 1e-9
    generator = torch.Generator().manual_seed(seed)
    for symbols in (2, 3, 5):
        tables = torch.eye(symbols, dtype=torch.float64)[
            torch.randint(symbols, (200, 6), generator=generator)
        ]
        soft = torch.rand(200, 6, symbols, generator=generator, dtype=torch.float64) ** 8
        for table in [*tables, *(soft / soft.sum(-1, keepdim=True))]:
            kept = float(rule_information(posterior, table, weights))
            assert kept <= curve.upper(rate_of(states, table)) + 1e-9
    for point in curve.points[1:-1]:
        assert point.table is not None
        kept = float(rule_information(posterior, point.table, weights))
        assert (point.kept, point.rate) == pytest.approx((kept, rate_of(states, point.table)))


def test_merged_environments_only_widen_the_band() -> None:
    """The search takes merged environments, the bound all of them: no rule lies above it."""
    posterior, few = channel(3, 4, 60)
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(1500, 4, generator=generator, dtype=torch.float64)
    many = posterior.repeat(25, 1) * (1 + 0.5 * noise)
    many, weights = many / many.sum(1, keepdim=True), few.repeat(25)
    curve = bottleneck(many, weights, tolerance=4e-3)
    full = float(mutual_information(weights[:, None] * many))
    assert curve.full == pytest.approx(full, abs=1e-12)
    assert curve.gap < 6e-3
    for bits in range(1, 15):
        table = torch.eye(2, dtype=torch.float64)[[bits >> state & 1 for state in range(4)]]
        kept = float(rule_information(many, table, weights))
        assert kept <= curve.upper(rate_of(curve.states, table)) + 1e-9


def test_states_that_are_alike_or_never_come_take_nothing() -> None:
    posterior, weights = channel(1, 4, 30)
    doubled = torch.cat([posterior * 0.5, posterior * 0.5, torch.zeros(30, 1).double()], 1)
    found, single = bottleneck(doubled, weights), bottleneck(posterior, weights)
    assert found.points[-1].rate == pytest.approx(single.points[-1].rate, abs=1e-12)
    assert found.full == pytest.approx(single.full, abs=1e-12)
    assert found.lower(0.5) == pytest.approx(single.lower(0.5), abs=2e-3)
    nothing = bottleneck(torch.full((2, 2), 0.5, dtype=torch.float64))
    numbers = nothing.full, nothing.points[-1].rate, nothing.gap, nothing.lower(0.3)
    assert numbers == pytest.approx((0, 0, 0, 0), abs=1e-12)


def test_a_result_prints_and_draws() -> None:
    curve = bottleneck(*channel(2, 4, 20))
    names = [quantity.name for quantity in curve.quantities()]
    assert names.count("information.bottleneck.scan.kept") == len(curve.points)
    assert "information.bottleneck.gap" in curve.table()
    assert len(curve.to_dict()["quantities"]) == len(names)
    axes = curve.plot({"mine": (0.5, 0.1), "best_of_2": (0.6, 0.2)}).axes[0]
    assert "mine" in axes.get_legend_handles_labels()[1]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"tolerance is 0\.0 nats"):
        bottleneck(torch.eye(2, dtype=torch.float64), tolerance=0.0)
    with pytest.raises(InputError, match="at most 0 points"):
        bottleneck(torch.eye(2, dtype=torch.float64), most_points=0)
    with pytest.raises(InputError, match="rows are >= 0 and sum to 1"):
        bottleneck(torch.ones(2, 2, dtype=torch.float64))
