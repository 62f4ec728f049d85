"""Entropies of lattice inputs: counted, in closed form, integrated from energies."""

import math

import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.information import entropy
from rsmi.layers import (
    RGLayer,
    analyse_layers,
    drawn_inputs,
    enumerated_inputs,
    integrated_entropy,
    sampled_inputs,
    without_ties,
)
from rsmi.layers.physics import clenshaw_curtis
from rsmi.learning import majority
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang, System
from rsmi.sampling.families import verb_rows


def updates(shape):
    return lambda k: SwendsenWang(Ising(shape, k), seed=round(1e9 * k) + 1)


def free(shape):
    return System(shape, "dimers", "inf")


def hot(shape, coupling):
    return System(shape, temperature=1 / coupling)


@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (6, 6)])
def test_coverings_are_counted_as_kasteleyn_does(shape):
    counted = enumerated_inputs(free(shape)).entropy.value
    assert counted == pytest.approx(free(shape).entropy().value)


LISTED = [row for row in verb_rows() if not row.reasons()["exact"]]


@pytest.mark.parametrize("row", LISTED, ids=lambda row: row.name)
def test_every_closed_form_is_the_entropy_of_the_list(row):
    model = row.model()
    listed = float(entropy(row.family.law(model)[1]))
    assert row.family.entropy(model).value == pytest.approx(listed, abs=1e-9)
    if row.family.has_temperature:
        law = row.family.law
        near = System(row.example.shape, row.family.name, "inf", row.example.parameters)
        assert near.entropy().value == pytest.approx(float(entropy(law(near.built)[1])), abs=1e-9)
        assert near.entropy().value > listed - 1e-9


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ((11,), {"lattice": "chain"}),
        ((4, 4), {"lattice": "square", "bonds": -1.0}),
        ((3, 4), {"lattice": "triangular", "bonds": -1.0}),
        ((2, 3), {"lattice": "honeycomb", "bonds": 0.7}),
        ((2, 2), {"lattice": "kagome", "bonds": -0.5}),
    ],
)
def test_solved_graphs_have_the_entropy_of_their_list(shape, parameters):
    system = System(shape, "ising_graph", 1.7, parameters)
    closed = system.family.closed_entropy(system.built)
    assert closed == pytest.approx(float(entropy(system.law()[1])), abs=1e-9)


@pytest.mark.parametrize(
    "system",
    [
        System((2, 3), "potts", 1.0, {"states": 3}),
        System((3, 3), "blume_capel", 0.7, {"crystal_field": 1.5}),
        System((4, 4), "dimers", 1.0),
        System((4, 4)),
        System((2, 2), "ising_graph", 2.0, {"lattice": "kagome"}),
        System((3, 3), "ising_graph", 4.0, {"lattice": "triangular", "field": 0.3}),
        System((3, 3), "mazes"),
        System((6,), "tfim"),
    ],
    ids=str,
)
def test_drawn_inputs_have_the_law_of_the_enumerated_ones(system, p_value):
    """Classes of configurations of about an eighth each, from the least likely to the likeliest."""
    every, n = enumerated_inputs(system), 64 * 80
    listed = next(every.stream(1 << 20))
    # Records of a chain are correlated: every fourth is used.
    drawn = next(drawn_inputs(system, n, seed=3).stream(n)).x.view(-1, 64, *listed.x.shape[1:])
    rows = {row.numpy().tobytes(): place for place, row in enumerate(listed.x)}
    place = [rows[row.numpy().tobytes()] for row in drawn[::4].flatten(0, 1)]
    law = listed.weights.numpy()
    order, rank = np.argsort(law, kind="stable"), np.empty(len(law), dtype=int)
    rank[order] = np.minimum(8 * law[order].cumsum(), 7).astype(int)
    counts = np.bincount(rank[place], minlength=8).astype(float)
    assert p_value(counts, np.bincount(rank, law, 8)) > 1e-6
    assert p_value(counts, np.bincount(rank, minlength=8) / len(rank)) < 1e-6


@pytest.mark.parametrize(("temperature", "energy"), [(2.0, -0.309815660), (1.0, -0.385824214)])
def test_interacting_dimers_have_the_energy_known(temperature, energy):
    """H = ln Z + E / T, with E per site from an independent enumeration of 4 x 4."""
    cold = enumerated_inputs(System((4, 4), "dimers", temperature))
    step = 1e-4
    near = [
        enumerated_inputs(System((4, 4), "dimers", 1 / (1 / temperature + s)))
        for s in (-step, step)
    ]
    # dH/dK = K dE/dK, so H and E are tied by their differences over K.
    free_ = [h.entropy.value - k * 16 * e for h, k, e in _log_partitions(near, temperature, step)]
    slope = (free_[1] - free_[0]) / (2 * step)
    assert -slope / 16 == pytest.approx(energy, abs=1e-6)
    assert cold.entropy.value < free((4, 4)).entropy().value


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
    known = hot(shape, coupling).entropy().value
    found = integrated_entropy(updates(shape), coupling, math.prod(shape) * math.log(2))
    assert abs(found.deviation(known)) < 4.9
    assert found.error < 0.02 * math.prod(shape) * math.log(2)
    assert abs(found.deviation(hot(shape, 0.8 * coupling).entropy().value)) > 4.9


def test_errors_of_the_integral_are_right():
    """Deviations over 30 seeds: their mean square is 1 within its own scatter."""
    known = hot((4, 4), 0.3).entropy().value
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
    system = System((2, 2, 4), temperature=5.0)
    exact = enumerated_inputs(system)
    rows = next(drawn_inputs(system, 6400, seed=1).stream(6400)).x
    integrated = integrated_entropy(updates((2, 2, 4)), 0.2, 16 * math.log(2))
    inputs = sampled_inputs(rows, entropy=integrated, chains=64)
    assert abs(integrated.deviation(exact.entropy.value)) < 4.9
    rule = RGLayer(without_ties(majority((2, 2, 1)).table()), (2, 2, 1))
    known = analyse_layers(rule, exact)["model"].interval("H(X|T)")
    found = analyse_layers(rule, inputs)["model"].interval("H(X|T)")
    assert found.contains(known.middle, 1 - 1e-6)
    assert found.lower.error > integrated.error


def test_what_cannot_be_listed_is_integrated():
    """Kaufman's square torus, as a graph that no closed form is known of: bonds of two strengths.

    A field that is next to nothing leaves the entropy as it is, and takes its closed form away.
    """
    square = System((6, 6), "ising_graph", 3.0, {"lattice": "square", "field": 1e-9})
    with pytest.raises(InputError, match=r"not known here in closed form; .*20"):
        square.entropy()
    known = System((6, 6), temperature=3.0).entropy()
    found = drawn_inputs(square, 64).entropy
    assert found.kind == "estimate"
    assert abs(found.deviation(known.value)) < 4.9
    assert found.error < 0.02 * known.value
    with pytest.raises(InputError, match=r"24 spins; exact diagonalisation is supported up to 20"):
        drawn_inputs(System((24,), "tfim"), 64)


def test_drawn_dimers_keep_their_planes():
    found = drawn_inputs(free((4, 4)), 640)
    assert found.entropy == free((4, 4)).entropy()
    assert next(found.stream(640)).x.shape == (640, 2, 4, 4)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"coupling 0\.0 in 16 intervals; expected"):
        integrated_entropy(updates((4, 4)), 0.0, 1.0)
    with pytest.raises(InputError, match="in 3 intervals; expected"):
        integrated_entropy(updates((4, 4)), 1.0, 1.0, intervals=3)
    with pytest.raises(InputError, match="100 configurations; expected a multiple of 64"):
        drawn_inputs(free((4, 4)), 100)
    with pytest.raises(InputError, match=r"an extent is 2\.5; expected a whole number"):
        System((2.5, 2))
    with pytest.raises(InputError, match="drawing samples takes a lattice that ends"):
        drawn_inputs(System((4, "inf")), 64)
