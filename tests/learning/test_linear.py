"""Closed-form beginnings: canonical functions and discriminants against known answers."""

import math

import pytest
import torch
from torch import Tensor

from rsmi.information import predictive_information
from rsmi.lattice import Space, Window, place
from rsmi.lattice.alphabet import SPIN, clock
from rsmi.learning.linear import Canonical, begin_rule, discriminant
from rsmi.learning.predictor import MEMBERS, Predictor
from rsmi.learning.rules import most_probable
from rsmi.learning.trainable import KINDS, make_rule

N = 1 << 16
FAR = 4.9  # standard errors, 1e-6


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def test_canonical_correlations_of_known_ones() -> None:
    """Pairs with correlations .8 and .3, hidden in mixtures, one variable being a copy."""
    a, noise = normal(2, N, 2)
    rho = torch.tensor([0.8, 0.3])
    b = rho * a + (1 - rho**2).sqrt() * noise
    x = torch.cat([a @ torch.tensor([[1.0, 0.5], [-1.0, 2.0]]), a[:, :1]], 1)
    found = Canonical.of(x + 3, b @ torch.tensor([[1.0, 1.0], [0.0, -2.0]]), 5)
    error = (1 - rho**2) / math.sqrt(N)
    assert len(found.correlations) == 2
    assert ((found.correlations - rho).abs() < FAR * error).all()
    known = (x + 3 - found.mean).float() @ found.weights.float()
    alike = torch.corrcoef(torch.cat([known, a], 1).T)[:2, 2:].abs()
    assert torch.allclose(alike, torch.eye(2), atol=0.05)


def test_a_discriminant_is_that_of_normal_classes() -> None:
    """Normal x of one covariance: the weights are Sigma^-1 mu; with labels of noise they shrink."""
    generator = torch.Generator().manual_seed(6)
    means = torch.tensor([[1.0, 0.0], [-0.5, 0.5], [0.0, -1.0]])
    s, other = torch.randint(3, (2, N), generator=generator)
    mix = torch.tensor([[1.0, 0.4], [0.0, 1.0]])
    x = means[s] + normal(N, 2) @ mix
    exact = torch.linalg.solve(mix.T @ mix, means.T)
    weight, _ = discriminant(x, torch.eye(3)[s])
    assert torch.allclose(weight - weight[:, :1], exact - exact[:, :1], atol=0.05)
    noisy = torch.where(torch.rand(N, generator=generator) < 0.6, other, s)
    lower, _ = discriminant(x, torch.eye(3)[noisy])
    assert (lower - lower[:, :1]).norm() < 0.6 * (exact - exact[:, :1]).norm()


def test_what_does_not_depend_begins_at_zero() -> None:
    """Of 200 useless variables and 3000 samples nothing is believed: the bound on others holds."""
    x, p = normal(6000, 200), torch.eye(4)[torch.arange(6000) % 4]
    weight, bias = discriminant(x[:3000], p[:3000])
    fresh = predictive_information(p[3000:], torch.log_softmax(x[3000:] @ weight + bias, -1))
    assert fresh.value > -0.02


def spins(n: int) -> tuple[Tensor, Tensor, object]:
    """Blocks of 2 x 2 spins whose environment repeats the sign of the first row, mostly."""
    placed = place(Window((2, 2), 0), Space.hypercubic((8, 8), SPIN))
    generator = torch.Generator().manual_seed(7)
    v = torch.randint(0, 2, (n, 4), generator=generator, dtype=torch.int8)
    told = torch.rand(n, placed.n_environment, generator=generator) < 0.7
    e = torch.where(told, v[:, :1], torch.randint(0, 2, told.shape, generator=generator))
    return v, e.to(torch.int8), placed


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_rule_begins_as_the_best_linear_one(kind: str) -> None:
    """Only the first spin is told by the environment: the rule is its sign."""
    v, e, placed = spins(N)
    linear = make_rule("linear", placed, 2)
    begin_rule(linear, v, e)
    rule = make_rule(kind, placed, 2, seed=3)
    rule.begin(linear, v)
    hard = most_probable(rule.log_prob(v).exp())
    agrees = (hard[:, 1] > 0.5) == (v[:, 0] > 0)
    assert float(agrees.float().mean()) in (0.0, 1.0)


def test_two_bits_and_three_symbols_begin_with_what_is_told() -> None:
    """Clock variables: three symbols tell the letter of the one site that is told."""
    placed = place(Window((2,), 0), Space.of("chain", (8,), clock(3)))
    generator = torch.Generator().manual_seed(8)
    v = torch.randint(0, 3, (N, 2), generator=generator, dtype=torch.int8)
    e = v[:, :1].repeat(1, placed.n_environment)
    e[:, 1:] = torch.randint(0, 3, e[:, 1:].shape, generator=generator)
    rule = make_rule("linear", placed, 3)
    begin_rule(rule, v, e)
    hard = rule.log_prob(v).argmax(1)
    seen = torch.stack([torch.bincount(hard[v[:, 0] == a], minlength=3) for a in range(3)])
    assert int((seen.amax(1)).sum()) == N
    assert len(seen.argmax(1).unique()) == 3


def test_a_predictor_begins_near_its_best() -> None:
    """Each network from its own share; a start from shuffled pairs knows nothing."""
    v, e, _ = spins(N)
    p = torch.eye(2)[v[:, 0].long()]
    values, different = [], []
    for pairs in (p, p.roll(1, 0)):
        predictor = Predictor(SPIN, e.shape[1], 2, (8,))
        predictor.begin(e[: N // 2], pairs[: N // 2], torch.arange(e.shape[1]))
        predictor.eval()
        log_q = predictor(e[N // 2 :]).detach()
        values.append(predictive_information(pairs[N // 2 :], log_q).value)
        different.append(len(predictor.direct[:, 0, 0].unique()))
    assert different[0] == MEMBERS
    hits = torch.distributions.Binomial(e.shape[1], torch.tensor([0.85, 0.15]))
    k = torch.arange(e.shape[1] + 1.0)[:, None]
    joint = hits.log_prob(k).double().exp() / 2
    exact = float((joint * (joint / joint.sum(1, keepdim=True) / 0.5).log()).sum())
    assert exact - 0.01 < values[0] < exact + 0.01
    assert abs(values[1]) < 0.002
