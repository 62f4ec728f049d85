"""Random machines: functions, orthants and gates, against other ways to the same numbers."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal

from rsmi.errors import InputError
from rsmi.lattice import states
from rsmi.theory import (
    agreement_law,
    agreement_rate,
    finite_machines,
    literals,
    machines_at_error,
    measured_errors,
    next_overlaps,
    orthant_probabilities,
    output_errors,
    sparse_machines,
    two_node_machines,
    weight_overlap,
    wide_machines,
)
from rsmi.theory.perturbed_machines import Learning, learning_order
from rsmi.theory.random_machines import counted_entropy, overlap_map

SIGN = [3.6656, 3.8931, 3.9609, 3.9850, 3.9941, 3.9977]
RELU = [3.6656, 3.6672, 3.5136, 3.3598, 3.221, 3.098]


def _values(space):
    return [entropy.value for entropy in space.entropies]


@pytest.mark.parametrize(("activation", "known"), [("sign", SIGN), ("relu", RELU)])
def test_entropies_of_wide_machines_with_two_inputs(activation, known):
    space = wide_machines(2, 6, activation)
    assert _values(space) == pytest.approx(known, abs=1e-3)
    assert space.probabilities.sum(1) == pytest.approx(np.ones(6), abs=1e-10)
    assert {entropy.kind for entropy in space.entropies} == {"exact"}


def test_entropies_of_wide_machines_with_three_inputs_and_one():
    space = wide_machines(3, 3, samples=400_000)
    for entropy, known in zip(space.entropies, [6.251, 7.411, 7.769], strict=True):
        assert abs(entropy.value - known) < 2e-3 + 5 * entropy.error
        assert entropy.error < 3e-3
    # Two inputs of one bit with a constant have overlap 0: four functions, all alike.
    assert _values(wide_machines(1, 3)) == pytest.approx([2, 2, 2], abs=1e-12)
    assert _values(wide_machines(2, 5, constant=False)) == pytest.approx([2] * 5, abs=1e-9)


@pytest.mark.parametrize("rank", [4, 3])
def test_orthants_are_those_of_an_integration_of_another_kind(rank):
    root = np.random.default_rng(rank).standard_normal((4, rank))
    covariance = root @ root.T
    found = orthant_probabilities(covariance)
    assert found.sum() == pytest.approx(1, abs=1e-9)
    if rank == 4:
        for place, signs in enumerate(states(4).numpy()):
            turned = covariance * np.outer(signs, signs)
            known = multivariate_normal.cdf(np.zeros(4), cov=turned, abseps=1e-5, maxpts=40_000)
            assert found[place] == pytest.approx(known, abs=2e-4)
        return
    drawn = np.random.default_rng(0).standard_normal((200_000, rank)) @ root.T > 0
    counts = np.bincount(drawn @ (1 << np.arange(4)), minlength=16) / len(drawn)
    assert np.abs(counts - found).max() < 5 * 0.5 / math.sqrt(len(drawn))
    with pytest.raises(InputError, match="orthants of 3 dimensions; expected 1, 2 or 4"):
        orthant_probabilities(np.eye(3))


def test_overlaps_of_tanh_are_integrals_and_go_over_into_sign():
    overlaps = np.array([[1.0, 0.4], [0.4, 1.0]])
    for gain, within in ((1.5, 1e-6), (4.0, 1e-4)):
        known, _ = dblquad(
            lambda y, x, gain=gain: math.tanh(gain * x)
            * math.tanh(gain * (0.4 * x + math.sqrt(0.84) * y))
            * math.exp(-(x * x + y * y) / 2)
            / (2 * math.pi),
            -7, 7, -7, 7, epsabs=1e-7,
        )  # fmt: skip
        assert next_overlaps(overlaps, "tanh", gain)[0, 1] == pytest.approx(known, abs=within)
    flat = next_overlaps(overlaps, "tanh", 0.01)  # a linear layer
    assert flat[0, 1] / flat[0, 0] == pytest.approx(0.4, abs=1e-3)
    steep = next_overlaps(overlaps, "tanh", 4.0)
    sign = overlap_map(np.asarray(0.4))
    assert sign < steep[0, 1] / steep[0, 0] < sign + 0.05


def test_finite_machines_have_the_distribution_of_wide_ones_layered_or_recurrent():
    for recurrent in (False, True):
        space = finite_machines(2, 6, 64, 1000, recurrent=recurrent, seed=3)
        assert _values(space) == pytest.approx(SIGN, abs=0.05)
    relu = finite_machines(2, 3, 256, 100, "relu", seed=1)
    assert _values(relu) == pytest.approx(RELU[:3], abs=0.05)
    # Machines of one node compute sums of one function each: far from the wide limit.
    narrow = finite_machines(2, 3, 1, 400)
    assert narrow.entropies[2].value < 3


def test_errors_of_counted_entropies_cover_the_truth():
    """At 5 standard errors none of 60 may fail, and half the error must be too small somewhere."""
    truth, pulls = wide_machines(2, 1).probabilities[0], []
    known = -(truth[truth > 0] @ np.log2(truth[truth > 0]))
    generator = np.random.default_rng(0)
    for _ in range(60):
        found = counted_entropy(generator.multinomial(2000, truth))
        pulls.append(found.deviation(known))
    assert max(map(abs, pulls)) < 5
    assert np.std(pulls) > 0.5


def test_sparse_gates_by_another_enumeration():
    known = [1.585, 1.997, 1.793, 1.117, 0.348, 0.026]
    assert _values(sparse_machines(3, 5, "maj3")) == pytest.approx(known, abs=1e-3)
    assert _values(sparse_machines(3, 12, "xor", negated=True))[-1] == pytest.approx(3, abs=1e-9)
    assert _values(sparse_machines(3, 12, "and"))[-1] == pytest.approx(0, abs=1e-9)
    gate, law = "0010", np.zeros(16)  # of two nodes, the second alone
    for a, b in itertools.product([0b1010, 0b1100, 0b1111], repeat=2):
        bits = [int(gate[(a >> x & 1) + 2 * (b >> x & 1)]) for x in range(4)]
        law[sum(bit << x for x, bit in enumerate(bits))] += 1 / 9
    assert sparse_machines(2, 1, gate, constant=True).probabilities[1] == pytest.approx(law)
    assert _values(two_node_machines(4)) == pytest.approx([4, 3.785, 3.4026, 3.0078], abs=5e-5)


@pytest.mark.parametrize(
    ("perturbation", "activation", "known"),
    [
        ("binarise", "sign", [0.206, 0.345, 0.459, 0.497]),
        ("binarise", "relu", [0.206, 0.271, 0.324, 0.343]),
        ("dilute", "sign", [0.250, 0.385, 0.477, 0.499]),
        ("dilute", "relu", [0.250, 0.321, 0.367, 0.378]),
    ],
)
def test_output_errors(perturbation, activation, known):
    found = output_errors(weight_overlap(perturbation), 8, activation)
    assert [found[depth - 1] for depth in (1, 2, 4, 8)] == pytest.approx(known, abs=1e-3)
    for got, wide in zip(
        measured_errors(perturbation, 0.5, 2, 128, 100, activation), found[:2], strict=True
    ):
        assert abs(got.value - wide) < 5 * got.error + 0.01


def test_large_deviations_of_finite_width_approach_their_rate():
    """By types: |-ln P / N - I| <= depth ln(N + 1) / N, where I is the rate on any grid."""
    for width in (20, 60, 200):
        agree = np.arange(1, width)
        law = agreement_law(0.8, 3, width)
        gap = -np.log(law[agree]) / width - agreement_rate(0.8, 3, agree / width)
        assert np.abs(gap).max() < 3 * math.log(width + 1) / width
    drawn = measured_errors("noise", 0.75, 2, 20, 2000)[1]
    law = agreement_law(0.8, 2, 20)
    mean = 1 - law @ np.arange(21) / 20
    assert abs(drawn.value - mean) < 5 * drawn.error


def test_first_layers_of_sign_machines_settle_first():
    found = machines_at_error(0.2, 3)
    assert found.overlaps == pytest.approx([0.9994, 0.9888, 0.9686], abs=1e-4)
    for error, activation in itertools.product([0.4, 0.1], ["sign", "relu"]):
        own = machines_at_error(error, 3, activation)
        q = np.asarray(1.0)
        for eta in own.overlaps[:-1]:
            q = overlap_map(eta * q, activation)
        assert np.arccos(own.overlaps[-1] * q) / np.pi == pytest.approx(error, abs=1e-5)
        for change in ([1, -1, 0], [-1, 0, 0], [0, 1, 0]):
            assert _entropy_beside(own, change, activation) <= own.entropy + 1e-9


def _entropy_beside(settled, change, activation):
    """The entropy of other overlaps at the same error: the last layer makes up for the change."""
    odds = [eta**2 / (1 - eta**2) for eta in settled.overlaps]
    odds = [o * (1 + 0.05 * c) for o, c in zip(odds, change, strict=True)]
    etas, q = [math.sqrt(o / (1 + o)) for o in odds], np.asarray(1.0)
    for eta in etas[:-1]:
        q = overlap_map(eta * q, activation)
    last = math.cos(math.pi * settled.error) / float(q)
    if last >= 1:
        return -math.inf
    return 0.5 * sum(math.log1p(-(eta**2)) for eta in [*etas[:-1], last])


def test_the_order_of_learning_is_read_from_trained_networks():
    order = learning_order(Learning(depth=2, width=12, steps=400, errors=(0.3, 0.15)))
    assert order.accuracy.value > 0.8
    early, late = order.overlaps
    assert all(b.value > a.value for a, b in zip(early, late, strict=True))
    assert all(0 <= share.value <= 1 and share.error > 0 for share in order.in_order)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wide_machines(4, 2), r"4 inputs have 2\^16 functions; .* exact for 1 and 2"),
        (lambda: literals(0), "0 inputs have no functions"),
        (lambda: wide_machines(2, 0), "depth is 0; expected 1 to 64 layers"),
        (lambda: wide_machines(2, 2, "sing"), "did you mean 'sign'"),
        (lambda: wide_machines(2, 2, "tanh", gain=9), "gain is 9; expected more than 0"),
        (lambda: wide_machines(3, 2, samples=10), "10 samples of sign patterns"),
        (lambda: finite_machines(2, 2, 8, 5), "5 machines of width 8; expected at least 100"),
        (lambda: sparse_machines(3, 2, "maj"), "gate is 'maj'; did you mean 'maj3'"),
        (lambda: sparse_machines(3, 2, "012"), "or a truth table of 2, 4, 8"),
        (lambda: sparse_machines(3, 2, ["and", "maj3"]), "gates with different numbers of inputs"),
        (lambda: sparse_machines(3, 2, "0110" * 4), r"joins 2\^32 functions"),
        (lambda: weight_overlap("dilute", 1.0), "strength of dilute is 1.0; expected a share"),
        (lambda: weight_overlap("binarize"), "did you mean 'binarise'"),
        (lambda: output_errors(1.5, 2), "overlap of the weights is 1.5; expected 0 to 1"),
        (lambda: output_errors(0.5, 2, "tanh"), "expected sign or relu"),
        (lambda: measured_errors("noise", 1.0, 2, 8, 3), "expected at least 20"),
        (lambda: machines_at_error(0.5, 3), "expected an error between 0 and 0.5"),
        (lambda: agreement_law(0.5, 2, 5000), "expected a width of 1 to 2000"),
        (lambda: Learning(seeds=3), "expected at least 10 networks"),
        (lambda: Learning(errors=(0.7,)), "expected shares between 0 and 0.5"),
    ],
)
def test_what_machines_cannot_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()
