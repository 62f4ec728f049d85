"""Entropies of lattice inputs: counted, in closed form, integrated from energies."""

import math

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.layers import (
    RGLayer,
    analyse_layers,
    dimer_entropy,
    enumerated_dimers,
    enumerated_ising,
    integrated_entropy,
    ising_entropy,
    sampled_dimers,
    sampled_ising,
    without_ties,
)
from rsmi.layers.physics import clenshaw_curtis
from rsmi.learning import majority
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang


def updates(shape):
    return lambda k: SwendsenWang(Ising(shape, k), seed=round(1e9 * k) + 1)


@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (6, 6)])
def test_coverings_are_counted_as_kasteleyn_does(shape):
    assert enumerated_dimers(shape).entropy.value == pytest.approx(dimer_entropy(shape).value)


@pytest.mark.parametrize(("temperature", "energy"), [(2.0, -0.309815660), (1.0, -0.385824214)])
def test_interacting_dimers_have_the_energy_known(temperature, energy):
    """H = ln Z + E / T, with E per site from an independent enumeration of 4 x 4."""
    cold = enumerated_dimers((4, 4), temperature)
    step = 1e-4
    near = [enumerated_dimers((4, 4), 1 / (1 / temperature + s)) for s in (-step, step)]
    # dH/dK = K dE/dK, so H and E are tied by their differences over K.
    free = [h.entropy.value - k * 16 * e for h, k, e in _log_partitions(near, temperature, step)]
    slope = (free[1] - free[0]) / (2 * step)
    assert -slope / 16 == pytest.approx(energy, abs=1e-6)
    assert cold.entropy.value < dimer_entropy((4, 4)).value


def _log_partitions(inputs, temperature, step):
    """Each with its coupling and its mean energy per site, from its own weights."""
    for found, shift in zip(inputs, (-step, step), strict=True):
        batch = next(found.stream(272))
        bonds = (batch.x > 0).float()
        pairs = sum(bonds[:, axis] * bonds[:, axis].roll(-1, 2 - axis) for axis in (0, 1)).sum(
            (1, 2)
        )
        yield found, 1 / temperature + shift, -float((batch.weights * pairs).sum()) / 16


def test_the_rule_is_exact_for_polynomials():
    nodes, weights = clenshaw_curtis(8)
    for power in range(9):
        assert float(weights @ nodes**power) == pytest.approx(1 / (power + 1))


@pytest.mark.parametrize(("shape", "coupling"), [((8, 8), CRITICAL_COUPLING), ((4, 4), 0.7)])
def test_integrated_energies_give_kaufmans_entropy(shape, coupling):
    known = ising_entropy(shape, coupling).value
    found = integrated_entropy(updates(shape), coupling, math.prod(shape) * math.log(2))
    assert abs(found.deviation(known)) < 4.9
    assert found.error < 0.02 * math.prod(shape) * math.log(2)
    assert abs(found.deviation(ising_entropy(shape, 0.8 * coupling).value)) > 4.9


def test_errors_of_the_integral_are_right():
    """Deviations over 30 seeds: their mean square is 1 within its own scatter."""
    known = ising_entropy((4, 4), 0.3).value
    deviations = [
        integrated_entropy(
            lambda k, s=s: SwendsenWang(Ising((4, 4), k), seed=round(1e9 * k) + s),
            0.3,
            16 * math.log(2),
            intervals=4,
            chains=64,
            sweeps=32,
        ).deviation(known)
        for s in range(30)
    ]
    # 30 squares of normal numbers lie between 6.2 and 82 at a false alarm of 1e-6 each.
    assert 6.2 < np.square(deviations).sum() < 82


def test_an_integrated_entropy_flows_into_what_layers_forget():
    """Three dimensions: no closed form, but 2 x 2 x 4 can be enumerated as well."""
    inputs = sampled_ising((2, 2, 4), 0.2, 6400, seed=1)
    exact = enumerated_ising((2, 2, 4), 0.2)
    assert inputs.entropy.kind == "estimate"
    assert abs(inputs.entropy.deviation(exact.entropy.value)) < 4.9
    rule = RGLayer(without_ties(majority((2, 2, 1)).table()), (2, 2, 1))
    known = analyse_layers(rule, exact)["model"].interval("H(X|T)")
    found = analyse_layers(rule, inputs)["model"].interval("H(X|T)")
    assert found.contains(known.middle, 1 - 1e-6)
    assert found.lower.error > inputs.entropy.error


def test_sampled_dimers():
    free, cold = sampled_dimers((4, 4), 640), sampled_dimers((4, 4), 640, 1.0)
    assert free.entropy == dimer_entropy((4, 4))
    assert abs(cold.entropy.deviation(enumerated_dimers((4, 4), 1.0).entropy.value)) < 4.9
    assert next(free.stream(640)).x.shape == (640, 2, 4, 4)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="closed form is for two dimensions: use integrated"):
        ising_entropy((4, 4, 4), 0.2)
    with pytest.raises(InputError, match=r"coupling 0\.0 in 16 intervals; expected"):
        integrated_entropy(updates((4, 4)), 0.0, 1.0)
    with pytest.raises(InputError, match="in 3 intervals; expected"):
        integrated_entropy(updates((4, 4)), 1.0, 1.0, intervals=3)
    with pytest.raises(InputError, match="100 configurations; expected a multiple of 64"):
        sampled_dimers((4, 4), 100)
    with pytest.raises(InputError, match="1 labels for 2 couplings"):
        enumerated_dimers((4, 4), [1.0, 2.0], labels=[0])
