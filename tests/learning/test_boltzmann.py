"""Restricted Boltzmann machines against enumeration, and the proxy of 2018 as a way to a rule."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import Window, words
from rsmi.lattice.alphabet import SPIN, clock
from rsmi.learning import Boltzmann, learn_by_proxy, value_rules
from rsmi.learning.boltzmann import descend, energies, proxy
from rsmi.renormalization import renormalise

WINDOW = Window((2, 2), 1)


def exact(machine: Boltzmann) -> Tensor:
    """P of every word."""
    with torch.no_grad():
        every = words(machine.n_letters, machine.n_sites)
        return (-machine.free_energy(every).double()).softmax(0)


def ring(coupling: float) -> Tensor:
    """P of a ring of four spins."""
    s = 2.0 * words(2, 4) - 1
    return (coupling * (s * s.roll(1, 1)).sum(1).double()).softmax(0)


def drawn(p: Tensor, n: int, q: int, sites: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return words(q, sites)[torch.multinomial(p, n, replacement=True, generator=g)].to(torch.int8)


def divergence(p: Tensor, machine: Boltzmann) -> float:
    return float((p * (p / exact(machine)).log()).sum())


def trained(p: Tensor, seed: int, sign: float = 1.0, steps: int = 2000) -> Boltzmann:
    machine, g = Boltzmann(SPIN, 4, 6, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.05)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    data = drawn(p, 20000, 2, 4, seed)
    for step in range(steps):
        batch = data[torch.randint(len(data), (256,), generator=g)]
        descend(optimizer, sign * machine.divergence(batch, 1, g), step)
        decay.step()
    return machine


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_divergence_learns_a_ring_of_four_spins(seed: int) -> None:
    p = ring(0.6)
    before = divergence(p, Boltzmann(SPIN, 4, 6, seed))
    after = divergence(p, trained(p, seed))
    assert before > 0.25
    assert after < 0.01


def test_a_machine_that_climbs_the_divergence_forgets_the_ring() -> None:
    assert divergence(ring(0.6), trained(ring(0.6), 0, sign=-0.1, steps=300)) > 0.25


@pytest.mark.parametrize("alphabet", [SPIN, clock(3)], ids=["spins", "clock"])
def test_sweeps_have_the_machine_s_own_distribution(alphabet, p_value) -> None:
    machine = Boltzmann(alphabet, 3, 4, seed=1)
    with torch.no_grad():
        for weight in machine.parameters():
            weight.copy_(
                0.7 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
            )
    p, g = exact(machine), torch.Generator().manual_seed(3)
    start = drawn(p, 40000, alphabet.size, 3, 4)
    after = machine.sweeps(start, 2, g)
    number = (after.long() * alphabet.size ** torch.arange(3)).sum(1)
    counts = torch.bincount(number, minlength=len(p)).double().numpy()
    assert p_value(counts, p.numpy()) > 1e-6
    assert p_value(counts, p.flip(0).numpy()) < 1e-6
    assert not torch.equal(start, after)


def test_free_energies_are_sums_over_hidden_units() -> None:
    machine = Boltzmann(clock(3), 2, 3, seed=5).double()
    for weight in machine.parameters():
        torch.nn.init.normal_(weight)
    x = machine.seen(words(3, 2))
    total = torch.zeros(9, dtype=torch.float64)
    for h in words(2, 3).double():
        total += (x @ machine.visible_bias + (x @ machine.weight + machine.hidden_bias) @ h).exp()
    assert torch.allclose(-machine.free_energy(words(3, 2)), total.log())


def test_energies_are_those_of_both_machines() -> None:
    both, block = Boltzmann(SPIN, 5, 4, 1), Boltzmann(SPIN, 2, 3, 2)
    for weight in (*both.parameters(), *block.parameters()):
        torch.nn.init.normal_(weight)
    v, e = words(2, 2), words(2, 3)
    delta = energies(both, block, v, e)
    for i in range(4):
        pair = torch.cat([v[i].expand(8, 2), e], 1)
        expected = both.free_energy(pair) - block.free_energy(v[i : i + 1])
        assert torch.allclose(delta[i], expected, atol=1e-5)


def test_the_gradient_of_the_proxy_is_its_finite_difference() -> None:
    g = torch.Generator().manual_seed(0)
    v, others = (2.0 * torch.randint(2, (n, 4), generator=g).double() - 1 for n in (30, 40))
    delta = torch.randn(40, 30, generator=g, dtype=torch.float64)

    def value(weights: Tensor) -> Tensor:
        p, q = (torch.stack([-x @ weights, x @ weights], 1).softmax(1) for x in (v, others))
        return proxy(p, q, delta)

    weights = torch.randn(4, generator=g, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(value(weights), weights)
    for i in range(4):
        step = 1e-6 * torch.eye(4, dtype=torch.float64)[i]
        difference = float((value(weights + step) - value(weights - step)).detach()) / 2e-6
        assert difference == pytest.approx(float(gradient[i]), rel=1e-6, abs=1e-9)


def test_with_exact_energies_the_proxy_is_below_the_information() -> None:
    """Jensen: with Delta = -ln P(e|v) it is at most -H(E) + I(H:E)."""
    g = torch.Generator().manual_seed(1)
    for _ in range(20):
        joint = torch.rand(6, 8, generator=g, dtype=torch.float64).square()
        joint /= joint.sum()
        rule = torch.randn(6, 2, generator=g, dtype=torch.float64).mul(3).softmax(1)
        p_v, p_e = joint.sum(1), joint.sum(0)
        p_he = rule.T @ joint
        truth = float((p_he * (p_he / p_he.sum(1, keepdim=True) / p_e).log()).sum())
        delta = -(joint / p_v[:, None]).log()
        # every pair (v, e) and every v' once, weighed by hand
        given = rule * p_v[:, None] / p_he.sum(1)
        found = -float((p_he * (given.T @ delta)).sum())
        assert found - float((p_e * p_e.log()).sum()) <= truth + 1e-12
        many = torch.multinomial(joint.flatten(), 40000, replacement=True, generator=g)
        v, e = many // 8, many % 8
        sampled = proxy(rule[v[:2000]], rule[v[2000:4000]], delta[v[2000:4000]][:, e[:2000]])
        assert float(sampled) == pytest.approx(found, abs=0.12)


def test_the_rule_of_the_proxy_is_nearly_the_best(samples: Path) -> None:
    found = learn_by_proxy(samples, WINDOW, seed=1, max_epochs=16)
    weights = found.soft._averaged_sites()[:, 1, 1].detach()
    assert bool((weights.sign() == weights.sign()[0]).all())
    assert float(weights.abs().min() / weights.abs().max()) > 0.5
    assert found.proxy.value > 5 * found.proxy.error
    rules = {"proxy": found.rule, "majority": "majority", "decimation": "decimation"}
    assert float(found.rule.table()[15, 1]) == 1.0  # up where its block is
    values = value_rules(samples, WINDOW, rules, max_epochs=4)
    bounds = {name: bound.information.value for name, bound in values.bounds.items()}
    assert bounds["proxy"] > 0.97 * bounds["majority"]
    assert bounds["proxy"] > 1.1 * bounds["decimation"]
    assert "information.proxy" in found.table()
    flow = renormalise(samples, found.rule)
    assert flow.quantities()


def test_the_same_seed_gives_the_same_rule(samples: Path) -> None:
    first, second, other = (
        learn_by_proxy(samples, WINDOW, seed=seed, max_epochs=1) for seed in (1, 1, 2)
    )
    assert torch.equal(first.soft.weight, second.soft.weight)
    assert not torch.equal(first.soft.weight, other.soft.weight)


BAD = [
    ({"sweeps": 0}, "sweeps is 0 and hidden"),
    ({"hidden": (8,)}, r"hidden \[8\]; expected at least 1 sweep, and how many hidden units"),
    ({"patience": 2}, "the proxy has no option 'patience'"),
    ({"symbols": 1}, "expected 2 to 16"),
    ({"seed": -1}, "seed is -1"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=str)
def test_what_cannot_be_is_refused(samples: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        learn_by_proxy(samples, WINDOW, **options)


def test_what_is_no_number_stops_the_training() -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([weight])
    with pytest.raises(AnalysisError, match="failed in step 4: the loss is nan"):
        descend(optimizer, (weight * math.nan).sum(), 3)
    with pytest.raises(InputError, match="0 hidden units"):
        Boltzmann(SPIN, 4, 0)
