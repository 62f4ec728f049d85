"""Networks whose behaviour is known in closed form, computed and run."""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly, quoted
from rsmi.layers import count_pieces, mean_distance, sawtooth, shallow_sawtooth
from rsmi.learning import decimation, majority
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD, sample_mazes
from rsmi.theory import (
    Firenet,
    FunctionSpace,
    GivenOperator,
    Langevin,
    Particles,
    Perturbation,
    Problem,
    Rate,
    Recovery,
    Scaleless,
    drawn_particles,
    enumerated_mazes,
    finite_machines,
    flip_costs,
    flood_logits,
    flood_weights,
    fluctuation,
    gaussian_example,
    initial_fluctuation,
    judge_floods,
    layer_entropies,
    machines_at_error,
    maze_tensors,
    neglecting_weights,
    output_errors,
    relaxation_steps,
    relu_unit,
    scale_invariant_runs,
    site_entropy,
    solvable_share,
    sparse_machines,
    study_recovery,
    symmetrised,
    two_node_machines,
    unseen_sites,
    weight_overlap,
    wide_machines,
    worst_case_perturbation,
)
from rsmi.theory.measure_dynamics import mean_of

_ORTHANTS = "orthants of a normal whose overlaps follow the recursion, integrated elsewhere"
_WIDE = "the wide limit; .05 bit for a width of 64"
_GATES = "enumeration of the functions of gates"
_CHAIN = "Markov chain of the two functions of a layer"
_LITERALS = "odd functions of two bits that a threshold can have, all alike"
_OVERLAPS = "arccos of the overlap that the recursion leaves, to the digits quoted"
_SETTLED = "maximum over the overlaps of all layers, searched elsewhere"

# Entropies in bits. (activation, inputs, L): digits
_DENSE: dict[tuple[Scaleless, int, int], str] = {
    ("sign", 2, 1): "3.6656",
    ("sign", 2, 2): "3.8931",
    ("sign", 2, 4): "3.9850",
    ("relu", 2, 3): "3.5136",
    ("relu", 2, 6): "3.098",
    ("sign", 3, 1): "6.251",
    ("sign", 3, 2): "7.411",
}
_TOLERANCE = {2: 1e-3, 3: 5e-3}
_COUNTED = {1: 3.6656, 3: 3.9609, 6: 3.9977}
_TWO_NODES = {2: "3.7850", 4: "3.0078"}
_ERRORS: dict[tuple[Scaleless, Perturbation, int], str] = {
    ("sign", "binarise", 4): ".459",
    ("relu", "binarise", 8): ".343",
    ("sign", "dilute", 2): ".385",
    ("relu", "dilute", 4): ".367",
}
_RESTARTS = "a factor of 1/e in each restart, as proven"
_FLOOR = "another implementation, 2 % noise"
_STABLE = "proven to be bounded, and the same at 1 % and 5 % of the data"
_SINGULAR = "the largest singular value of a linear map"
_TREE = "2 flips turn a majority of 4 whose ties fall the other way, 1 a decimation"

_SCATTER = "1/(2 sqrt(pi/2)) for independent normal weights"
_KERNELS = "normal kernels of the unit and of the target, in closed form"
_NORMAL = "a normal law stays one, with a known mean and variance"
_GROUP = "an average over a group is the same for all images"

_AT_REST = "eta G / (2 lambda), sqrt(2 eta lambda) and 1 / (4 eta lambda): Li, Lyu, Arora (2020)"
_FOLDED = "a sawtooth of 2^l pieces from l layers of 2 units, or 2^l units in one"
_RATE = Rate(0.1, 0.02)
_TEETH = 8

_LAYERS = (".9994", ".9888", ".9686")

_FLOOD = "breadth-first search"
_BORDER = "1 - (1 - p)^4: one of four neighbours of the centre is open"
_ARM = "one-arm exponent 5/48, and the amplitude measured elsewhere"
_CHEMICAL = "breadth-first search of another implementation"
_LEAK = "flooding with walls that leak, another implementation"
_IGNITED = "the background lights itself, but for centres with four closed neighbours"
_UNSEEN = "p h(p) for each site that the flood has not seen, in another way than counting"
_CONSTANT = "a constant answer of the right mean is stationary"


def theory() -> list[Check]:
    """All checks of this section."""
    networks = [*_machines(), *_recovery(), *_flips(), *_measures(), *_mazes()]
    return [*networks, *_intrinsic(), *_teeth()]


def _machines() -> list[Check]:
    """Functions of random machines, changed weights, and layers that settle."""
    return [
        *(_dense(*key, digits) for key, digits in _DENSE.items()),
        _check("machines.sign.no_constant.L=3", _of_no_constant, 2.0, 1e-9, _LITERALS),
        *_counted(),
        _check("machines.maj3.L=3", partial(_sparse, "maj3", 3, False), 1.117, 1e-3, _GATES),
        _check("machines.xor.L=12", partial(_sparse, "xor", 12, True), 3.0, 1e-9, _GATES),
        _check("machines.and.L=12", partial(_sparse, "and", 12, False), 0.0, 1e-9, _GATES),
        *(_narrow(depth, digits) for depth, digits in _TWO_NODES.items()),
        *(_changed(*key, digits) for key, digits in _ERRORS.items()),
        *(_settled(layer, digits) for layer, digits in enumerate(_LAYERS, 1)),
    ]


def _check(
    name: str, compute: Callable[[], Estimate], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "theory", compute, expected, tolerance, source)


def _dense(activation: Scaleless, inputs: int, depth: int, digits: str) -> Check:
    def compute() -> Estimate:
        return wide_machines(inputs, depth, activation, samples=200_000).entropies[-1]

    name = f"machines.{activation}.n={inputs}.L={depth}"
    return _check(name, compute, float(digits), _TOLERANCE[inputs], _ORTHANTS)


def _of_no_constant() -> Estimate:
    return wide_machines(2, 3, constant=False).entropies[-1]


def _counted() -> list[Check]:
    """Machines that are drawn, with fresh weights in every layer and with the same ones."""
    found = {
        kind: cache(partial(finite_machines, 2, 6, 64, 500, recurrent=kind == "recurrent"))
        for kind in ("layered", "recurrent")
    }

    def at(space: Callable[[], FunctionSpace], depth: int) -> Estimate:
        return space().entropies[depth - 1]

    return [
        _check(f"machines.{kind}.L={depth}", partial(at, space, depth), known, 0.05, _WIDE)
        for kind, space in found.items()
        for depth, known in _COUNTED.items()
    ]


def _sparse(gate: str, depth: int, negated: bool) -> Estimate:
    return sparse_machines(3, depth, gate, negated=negated).entropies[-1]


def _narrow(depth: int, digits: str) -> Check:
    name = f"machines.two_nodes.L={depth}"
    return _check(name, lambda: two_node_machines(depth).entropies[-1], *quoted(digits), _CHAIN)


def _changed(activation: Scaleless, perturbation: Perturbation, depth: int, digits: str) -> Check:
    def compute() -> Estimate:
        return exactly(output_errors(weight_overlap(perturbation, 0.5), depth, activation)[-1])

    name = f"machines.error.{activation}.{perturbation}.L={depth}"
    return _check(name, compute, *quoted(digits), _OVERLAPS)


def _settled(layer: int, digits: str) -> Check:
    def compute() -> Estimate:
        return exactly(machines_at_error(0.2, len(_LAYERS)).overlaps[layer - 1])

    return _check(f"machines.settled.layer={layer}", compute, *quoted(digits), _SETTLED)


def _recovery() -> list[Check]:
    """FIRENET's convergence, its floor, and the worst changes of its data."""
    tried = cache(lambda: study_recovery(Recovery(attack=None)))
    attacked = cache(_attacked)
    return [
        _check("firenet.factor", lambda: tried().factor, math.exp(-1), 0.03, _RESTARTS),
        _check("firenet.floor", lambda: tried().floor, 1.6e-2, 0.5e-2, _FLOOR),
        _check("firenet.amplification", lambda: exactly(attacked()[0]), 2.5, 2.5, _STABLE),
        _check("firenet.radius", lambda: exactly(attacked()[1]), 1.0, 0.3, _STABLE),
        _check("firenet.wrong_adjoint", _unnoticed, 0, 0, "a transposed adjoint is refused"),
        _check("worst_case.linear", _largest_singular, 3.0, 1e-3, _SINGULAR),
    ]


def _attacked() -> tuple[float, float]:
    """The largest amplification found at two radii, and their ratio."""
    problem = Problem("dense", (64,), 32, 4)
    operator = problem.operator(0)
    y, net = operator(problem.signals(1, torch.Generator().manual_seed(0))[0]), Firenet(operator)
    found = [
        worst_case_perturbation(net, y, r * float(y.norm()), restarts=2, steps=12)
        for r in (0.01, 0.05)
    ]
    small, large = (one.amplification.value for one in found)
    return max(small, large), large / small


def _unnoticed() -> Estimate:
    """How many of two operators with a wrong adjoint or norm are taken."""
    matrix = torch.triu(torch.ones(6, 6, dtype=torch.float64))
    taken = 0
    for scale, back in ((6.0, matrix.T), (1.0, matrix)):
        try:
            Firenet(GivenOperator((matrix.T / scale).__rmatmul__, back.__rmatmul__, 6, 6))
        except InputError:
            continue
        taken += 1
    return exactly(taken)


def _largest_singular() -> Estimate:
    matrix = torch.diag(torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64))
    found = worst_case_perturbation(
        lambda y: y @ matrix, torch.ones(3, dtype=torch.float64), 0.1, restarts=4
    )
    return exactly(found.amplification.value)


def _flips() -> list[Check]:
    """Flips that turn a coarse spin of an ordered lattice."""
    spins = torch.ones(1, 8, 8, dtype=torch.int8)

    def least(level: int, majority_rule: bool) -> Estimate:
        rule = majority((2, 2)) if majority_rule else decimation((2, 2))
        return exactly(int(flip_costs(rule.table(), spins, (2, 2), 3).costs[level].min()))

    return [
        _check("flips.decimation.level=3", partial(least, 3, False), 1, 0, _TREE),
        _check("flips.majority.level=1", partial(least, 1, True), 2, 0, _TREE),
    ]


def _measures() -> list[Check]:
    """Fluctuations, pull and equilibrium of measures, and symmetric units."""
    settled = cache(lambda: Langevin().run(200))
    entropy, energy = _settled_law(200)
    return [
        _check("measures.fluctuation", _scattered, initial_fluctuation(), 0, _SCATTER),
        _check("measures.pull", _pull_error, 0, 1e-7, _KERNELS),
        _check("measures.langevin.entropy", lambda: settled().entropy, entropy, 2e-3, _NORMAL),
        _check("measures.langevin.free_energy", lambda: settled().energy, energy, 2e-3, _NORMAL),
        _check("measures.symmetric", _asymmetry, 0, 1e-12, _GROUP),
        _check("measures.one_particle", _taken_alone, 0, 0, "one particle is refused"),
    ]


def _scattered() -> Estimate:
    """n Var f_n of 200 networks of 100 particles before they learn."""
    problem = gaussian_example()
    particles = drawn_particles(200, 100, torch.Generator().manual_seed(0))
    return fluctuation(problem, problem.output(particles), 100)


def _pull_error() -> Estimate:
    """Largest difference of the pull of one particle without weight from F in closed form."""
    y = torch.linspace(-3, 3, 25, dtype=torch.float64)
    known = (_normal(y + 2, 1.0) - 2 * _normal(y, 1.5) + _normal(y - 2, 1.0)) / 3
    found, _ = gaussian_example().pull(Particles(y[None, :, None], torch.zeros_like(y)[None]))
    return exactly(float((found[0] - known).abs().max()))


def _normal(x: torch.Tensor, variance: float) -> torch.Tensor:
    return torch.exp(-x * x / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def _settled_law(steps: int) -> tuple[float, float]:
    """Entropy and free energy of the normal law of the default Langevin dynamics."""
    mean, variance = Langevin().law(steps)
    entropy = 0.5 * math.log(2 * math.pi * math.e * variance)
    return entropy, Langevin().free_energy(mean, variance)


def _asymmetry() -> Estimate:
    """Largest change of symmetric units under a permutation, and under a sign."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(9, k, generator=generator, dtype=torch.float64) for k in (3, 4))
    order, sign = symmetrised(relu_unit, "permutation", 3), symmetrised(relu_unit, "sign", 3)
    moved = (order(x, y) - order(x[:, [1, 2, 0]], y)).abs().max()
    return exactly(float(moved + (sign(x, y) - sign(-x, y)).abs().max()))


def _taken_alone() -> Estimate:
    try:
        drawn_particles(1, 1, torch.Generator())
    except InputError:
        return exactly(0)
    return exactly(1)


def _mazes() -> list[Check]:
    """Critical mazes, the network that floods them, and networks that do not."""
    alone = (1 - PERCOLATION_THRESHOLD) ** 4
    return [
        _check("mazes.solvable.L=3", _listed, 1 - alone, 1e-9, _BORDER),
        _check("mazes.solvable.L=17", partial(_scaled, 17, 0.0), 0.861, 2e-3, _ARM),
        _check("mazes.one_arm.L=17", partial(_scaled, 17, 5 / 48), 1.156, 3e-3, _ARM),
        _check("mazes.one_arm.L=33", partial(_scaled, 33, 5 / 48), 1.156, 3e-3, _ARM),
        *(
            _check(f"mazes.depth.L={size}", partial(_median_depth, size), depth, 0, _CHEMICAL)
            for size, depth in ((17, 10), (33, 22))
        ),
        *(
            _check(f"mazes.perfect.L={size}", partial(_missed, size), 0, 0, _FLOOD)
            for size in (17, 33)
        ),
        _check("mazes.leak.b=2.4", partial(_flipped, 12.0, 2.4), 0.39, 0.02, _LEAK),
        _check("mazes.leak.b=3.4", partial(_flipped, 12.0, 3.4), 0, 0, "no dead end is a way"),
        _check("mazes.ignited", partial(_flipped, 6.0, 5.0), 1 - alone / 0.139, 3e-3, _IGNITED),
        _check("mazes.forgotten", _unseen_error, 0, 1e-9, _UNSEEN),
        _check("mazes.neglect", _slope, 0, 1e-6, _CONSTANT),
    ]


def _listed() -> Estimate:
    _, weights, labels = enumerated_mazes(3)
    return exactly(float(weights @ labels.double()))


def _scaled(size: int, exponent: float) -> Estimate:
    """The share of solvable mazes times a power of their size."""
    share = solvable_share(size, 1000, 0)
    factor = size**exponent
    return Estimate(factor * share.value, factor * share.error, "estimate", "1", share.n)


def _median_depth(size: int) -> Estimate:
    depth = sample_mazes(4001, size, 0).depth
    return exactly(float(np.median(depth[depth >= 0])))


def _missed(size: int) -> Estimate:
    """Mazes that the perfect network gets wrong, of 200."""
    judged = judge_floods(flood_weights()[None, None], size, 4 * size, 200, 0)
    return exactly(round(200 * (1 - float(judged.accuracy))))


def _flipped(steepness: float, wall: float) -> Estimate:
    """Unsolvable mazes of side 17 that are called solvable."""
    open_sites, labels = maze_tensors(4000, 17, 0)
    bank, dark = flood_weights(steepness, wall)[None, None], open_sites[labels == 0]
    said = flood_logits(bank, dark[:, None], 68)[:, 0] > 0
    return mean_of(said)


def _unseen_error() -> Estimate:
    """Counted H(X|T_l) of the perfect network on mazes of side 4 against what was not seen."""
    open_sites, weights, labels = enumerated_mazes(4)
    counted = layer_entropies(flood_weights()[None], (open_sites, weights, labels), 3).inputs
    known = unseen_sites(open_sites, 3).double() @ weights * (site_entropy() / math.log(2))
    return exactly(max(abs(a.value - float(b)) for a, b in zip(counted, known, strict=True)))


def _slope() -> Estimate:
    """Norm of the gradient of the cost of networks that always say how many are solvable."""
    open_sites, labels = maze_tensors(2000, 9, 0)
    weights = neglecting_weights("solvable", float(labels.mean()))[None, None].requires_grad_()
    logits = flood_logits(weights, open_sites[:, None], 12)[:, 0]
    cost = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    (gradient,) = torch.autograd.grad(cost, weights)
    return exactly(float(gradient.norm()))


def _intrinsic() -> list[Check]:
    """Size, angle and time of scale-invariant weights, in units of the theory."""
    runs = cache(partial(scale_invariant_runs, _RATE, 2000, dimension=300, start=10.0))

    def size() -> Estimate:
        return _over_runs(runs()[0][:, 1250:].mean(1))

    def angle() -> Estimate:
        return _over_runs(runs()[1][:, 1250:].mean(1) / _RATE.angle)

    def time() -> Estimate:
        steps = [relaxation_steps(run[:1250], 1.0) / _RATE.steps for run in runs()[0]]
        return _over_runs(torch.tensor(steps))

    return [
        _check(f"intrinsic.{name}", compute, 1.0, 0.01, _AT_REST)
        for name, compute in (("size", size), ("angle", angle), ("time", time))
    ]


def _over_runs(values: Tensor) -> Estimate:
    return Estimate(float(values.mean()), 0.0, "estimate", "1", len(values))


def _teeth() -> list[Check]:
    """One sawtooth by depth and by width."""
    deep, shallow = sawtooth(_TEETH), shallow_sawtooth(_TEETH)
    return [
        _check("sawtooth.deep.pieces", lambda: exactly(count_pieces(deep)), 256, 0, _FOLDED),
        _check("sawtooth.shallow.pieces", lambda: exactly(count_pieces(shallow)), 256, 0, _FOLDED),
        _check(
            "sawtooth.distance", lambda: exactly(mean_distance(deep, shallow)), 0, 1e-9, _FOLDED
        ),
    ]
