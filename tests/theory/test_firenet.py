"""FIRENET, its operators, and the worst perturbations, against what is proven of them."""

import math

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.theory import (
    Attack,
    DenseOperator,
    Firenet,
    GivenOperator,
    Problem,
    Recovery,
    SubsampledTransform,
    check_operator,
    frequencies,
    haar,
    haar_inverse,
    study_recovery,
    train_shrinkage,
    twin_signals,
    walsh,
    worst_case_perturbation,
)

E = math.exp(-1)


def _dense(n=256, m=100, sparse=10, seed=0):
    problem = Problem("dense", (n,), m, sparse)
    operator = problem.operator(seed)
    return operator, problem.signals(1, torch.Generator().manual_seed(seed))[0]


def test_the_error_falls_by_e_with_every_restart_and_stops_at_the_noise():
    found = study_recovery(Recovery(attack=None))
    factors = found.errors[:, 3:] / found.errors[:, 2:-1]
    assert 0.33 < float(factors.min()) <= float(factors.max()) < 0.40
    assert float(found.errors[:, -1].max()) < 1e-6
    assert found.floor.value == pytest.approx(1.6e-2, abs=0.5e-2)
    operator, x = _dense()
    few = Firenet(operator, inner=5)(operator(x))
    assert float((few - x).norm() / x.norm()) > 0.2  # five steps of a restart are too few


def test_it_finds_the_minimum_of_the_square_root_lasso():
    """At the end no small change lowers the objective that FIRENET minimises."""
    operator, x = _dense(64, 32, 4)
    y = operator(x) + 0.05 * torch.ones(32, dtype=torch.float64)
    found = Firenet(operator, inner=200, restarts=8)(y)

    def objective(z):
        return 0.1 * z.abs().sum(-1) + (operator(z) - y).norm(dim=-1)

    scale = 10.0 ** -torch.arange(1, 6)
    steps = torch.randn(2000, 64, dtype=torch.float64) * scale.repeat(400)[:, None]
    assert float(objective(found + steps).min()) > float(objective(found)) - 1e-4


@pytest.mark.parametrize("shape", [(64,), (16, 8)])
@pytest.mark.parametrize("kind", ["fourier", "walsh"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_transforms_have_adjoints_and_recover_wavelets(shape, kind, is_complex):
    kept = frequencies(shape, 40, kind)
    operator = SubsampledTransform(shape, kept, kind, complex_unknown=is_complex)
    check_operator(operator)
    n = math.prod(shape)
    everything = SubsampledTransform(shape, range(n), kind, complex_unknown=is_complex)
    x = torch.randn(3, n, dtype=torch.complex128 if is_complex else torch.float64)
    assert torch.allclose(everything.adjoint(everything(x)), x, atol=1e-12)
    assert torch.allclose(operator.coefficients(operator.signal(x)), x, atol=1e-12)
    few = torch.zeros(2, n, dtype=x.dtype)
    few[:, :3] = x[:2, :3]
    found = Firenet(operator, inner=20, restarts=8)(operator(few))
    assert float((found - few).norm() / few.norm()) < 2e-3


def test_transforms_are_the_matrices_that_they_are_named_after():
    matrix = walsh(torch.eye(16, dtype=torch.float64)).T
    changes = (matrix[:, 1:] * matrix[:, :-1] < 0).sum(1)
    assert changes.tolist() == list(range(16))
    assert torch.allclose(matrix @ matrix.T, torch.eye(16, dtype=torch.float64), atol=1e-12)
    image = torch.randn(2, 8, 12, dtype=torch.float64)
    assert torch.allclose(haar_inverse(haar(image, 2), 2), image, atol=1e-12)
    assert haar(image, 2).norm() == pytest.approx(image.norm())
    constant = haar(torch.ones(8, 8, dtype=torch.float64), 2)
    assert constant[0, 0] == pytest.approx(8)
    assert float(constant.abs().sum()) == pytest.approx(8)


def test_it_is_batched_differentiable_complex_and_takes_zero():
    operator = SubsampledTransform((32,), frequencies((32,), 20))
    net = Firenet(operator, inner=4, restarts=3)
    y = operator(torch.randn(3, 32, dtype=torch.float64))
    together = net(y)
    assert torch.allclose(torch.stack([net(one) for one in y]), together, atol=1e-12)
    assert net.image(y).shape == (3, 32)
    y[0] = 0
    y.requires_grad_(True)
    assert float(net(y)[0].detach().abs().sum()) == 0
    (slope,) = torch.autograd.grad(net(y).square().sum(), y)
    assert torch.isfinite(torch.view_as_real(slope)).all()
    dense, x = _dense(16, 8, 2)
    data = dense(x).clone().requires_grad_(True)
    assert torch.autograd.gradcheck(Firenet(dense, inner=3, restarts=2), (data,), atol=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_amplification_of_firenet_is_bounded_and_does_not_depend_on_the_radius(seed):
    operator, x = _dense(64, 32, 4, seed)
    y, net = operator(x), Firenet(operator)
    small, large = (
        worst_case_perturbation(net, y, r * float(y.norm()), restarts=2, steps=12).amplification
        for r in (0.01, 0.05)
    )
    assert max(small.value, large.value) < 5
    assert small.value == pytest.approx(large.value, rel=0.3)
    assert small.kind == "lower"


def test_the_ascent_finds_the_largest_singular_value_and_beats_chance():
    matrix = torch.diag(torch.tensor([3.0, 1.0, 2.0]).double())
    for dtype in (torch.float64, torch.complex128):
        linear = matrix.to(dtype)
        found = worst_case_perturbation(lambda y, m=linear: y @ m, torch.ones(3, dtype=dtype), 0.1)
        assert found.amplification.value == pytest.approx(3, abs=1e-3)
        assert float(found.perturbation.norm()) == pytest.approx(0.1)
    weights = torch.randn(40, 40, dtype=torch.float64)
    net = lambda y: torch.tanh(y @ weights)  # noqa: E731
    y = torch.zeros(40, dtype=torch.float64)
    found = worst_case_perturbation(net, y, 1e-3, restarts=2).amplification.value
    assert found == pytest.approx(float(torch.linalg.matrix_norm(weights, 2)), rel=1e-2)
    random = torch.nn.functional.normalize(torch.randn(1000, 40, dtype=torch.float64)) * 1e-3
    assert found > 1.2 * float(net(random).norm(dim=1).max() / 1e-3)


def test_no_method_is_more_stable_than_its_accuracy_allows():
    problem, attack = Problem("dense", (32,), 16, 2), Attack(training=200, layers=4)
    matrix = problem.operator(0).matrix
    twins = twin_signals(matrix, 2)
    methods = {
        "firenet": Firenet(DenseOperator(matrix)),
        "trained": train_shrinkage(problem, matrix, attack, 0),
        "linear": lambda y: y @ matrix,
        "nothing": lambda y: 0 * (y @ matrix),
    }
    forced = {}
    for name, method in methods.items():
        forced[name], pair = twins.forced(method, matrix)
        data = twins.x[pair] @ matrix.mT
        found = worst_case_perturbation(
            method, data[0], float(twins.gaps[pair]), restarts=1, steps=5,
            starts=data[1:] - data[:1],
        )  # fmt: skip
        assert found.amplification.value >= forced[name] - 1e-9
    assert forced["firenet"] > 1.2  # an accurate method cannot be stable there
    assert forced["nothing"] == 0


def _triangular(scale, transposed):
    matrix = torch.triu(torch.ones(6, 6, dtype=torch.float64)) / scale
    back = matrix if transposed else matrix.T
    return GivenOperator(lambda x: x @ matrix.T, lambda y: y @ back, 6, 6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Firenet(_triangular(6.0, False)), r"adjoint is wrong: <A x, y> = .* conjugate"),
        (lambda: Firenet(_triangular(1.0, True)), "has a norm of 4.* expected at most 1"),
        (lambda: Firenet(DenseOperator(torch.eye(3)), inner=0), "restarts of 0 steps"),
        (lambda: Firenet(DenseOperator(torch.eye(3)))(torch.ones(4)), r"expected \(..., 3\)"),
        (
            lambda: Firenet(DenseOperator(torch.eye(3)))(torch.ones(3) * 1j),
            "the data are complex, those of the operator are real",
        ),
        (lambda: DenseOperator(torch.ones(3)), r"matrix has shape \(3,\)"),
        (lambda: SubsampledTransform((12,), [0], "walsh"), "extents that are powers of 2"),
        (lambda: SubsampledTransform((8,), [0, 0]), "expected at least one, each once, from 0 to"),
        (lambda: SubsampledTransform((8,), [9]), "from 0 to 7"),
        (lambda: SubsampledTransform((8,), [1], "fuorier"), "did you mean 'fourier'"),
        (lambda: frequencies((8,), 9), "9 frequencies of 8"),
        (lambda: check_operator(GivenOperator(lambda x: x[:, :2], lambda y: y, 3, 2)), "back to"),
        (lambda: Problem("dense", (8,), 4, 5), "4 measurements of signals with 5 entries"),
        (lambda: Problem("sparse"), "expected dense, fourier or walsh"),
        (lambda: Recovery(signals=2), "expected at least 10"),
        (lambda: Attack(signals=1), "expected at least 2 signals"),
        (
            lambda: worst_case_perturbation(torch.sign, torch.ones(3), 0.0),
            "expected a radius > 0 and a start",
        ),
        (
            lambda: worst_case_perturbation(lambda y: (y > 0).float(), torch.ones(3), 0.1),
            "without a derivative .* take worst_flips",
        ),
        (
            lambda: worst_case_perturbation(torch.sign, torch.ones(3, dtype=torch.int8), 0.1),
            "of letters, take worst_flips",
        ),
    ],
)
def test_what_firenet_cannot_take_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_an_operator_that_is_right_but_for_rounding_passes():
    single = torch.linalg.qr(torch.randn(40, 40)).Q[:20]
    check_operator(DenseOperator(single))
    check_operator(DenseOperator(single.to(torch.complex64)))
    assert np.isfinite(Firenet(DenseOperator(single))(torch.randn(20)).numpy()).all()
