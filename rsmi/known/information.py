"""Exact real-space mutual information: small windows, and conditionals of sampled rings."""

import math
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from rsmi.information import (
    Estimate,
    best_partition,
    block_labels,
    entropy,
    estimate,
    frontier,
    mutual_information,
    sampled_information,
)
from rsmi.known.checking import Check, exactly, lazily, quoted
from rsmi.known.tasks import known_task
from rsmi.lattice import Hypercubic, Space, Window, place
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import block_alone, named_rule
from rsmi.learning.classical import decimation_table, plurality_table
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.sampling.exact import (
    WindowPosterior,
    adjacent_columns,
    exact_window,
    marginal,
    ring_posterior,
)
from rsmi.sampling.families import System
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.potts.exact import critical_coupling

_TORUS = "full enumeration of the 6x6 torus by an independent program"
_CHAIN = "transfer matrix of the infinite chain, independent program"
_CYLINDER = "transfer matrix of the infinite cylinder, independent program"
_HALVES = "enumeration of the 4x4 torus by an independent program"

# name: (K, {rule: nats}); `odd` is the best rule odd under the flip of all spins
_TORUS_6X6 = {
    "T=9/5": (
        1 / 1.8,
        {
            "full": 0.675985,
            "majority": 0.649719,
            "odd": 0.649779,
            "decimation": 0.589688,
            "any": 0.651597,
        },
    ),
    "critical": (
        CRITICAL_COUPLING,
        {
            "full": 0.549401,
            "majority": 0.461045,
            "odd": 0.461566,
            "any": 0.467434,
            "decimation": 0.380566,
        },
    ),
}
# (K, buffer): (full, decimation, majority); decimation is the best of all 16 rules
_CHAIN_BLOCKS = {
    (0.1, 0): (9.949731e-3, 5.023961e-3, 3.006187e-3),
    (0.1, 1): (9.868015e-5, 4.983017e-5, 2.983255e-5),
    (0.5, 1): (4.573560e-2, 2.763417e-2, 2.425683e-2),
    (0.5, 2): (9.744702e-3, 5.907536e-3, 5.199602e-3),
}
# circumference: (full, decimation, majority, best of all rules)
_CYLINDERS = {
    4: (0.38665762, 0.24874633, 0.29145589, 0.29568483),
    6: (0.44920589, 0.28945923, 0.34646896, 0.35208859),
}
_POTTS = PairInteraction.equal_letters(3, critical_coupling(3))
_TRICRITICAL = PairInteraction.products(torch.tensor([-1, 0, 1]), 1 / 0.60858, 1.96582)
# (model, circumference, buffer): full, decimation, plurality, best rule of three symbols
_THREE_LETTERS = {
    ("potts3", 3, 1): (0.48061752, 0.30374315, 0.34810073, 0.35094589),
    ("potts3", 4, 1): (0.61033871, 0.38942999, 0.46034132, 0.46380053),
    ("potts3", 4, 2): (0.40551333, 0.26873037, 0.31600726, 0.31792256),
    ("blume_capel", 3, 1): (0.56150857, 0.38766125, 0.42880481, 0.44360294),
    ("blume_capel", 4, 1): (0.65420013, 0.45042121, 0.51088744, 0.52814224),
}
_CUTS = {4: 0.4576677327, 6: 0.6264598156}
# name: (K, information of the halves of the 4x4 torus, entropy of the torus)
_TORUS_4X4 = {
    "critical": (CRITICAL_COUPLING, 0.728727, 4.482720),
    "K=3/10": (0.3, 0.442335, 8.734064),
}

_CLOSED = "closed form, computed by an independent program; families of arXiv:2306.11078"
# task of `rsmi.known.known_tasks`: nats
_TASKS = {
    "normal 1v1": 0.413339,
    "two pairs 25v25": 1.021651,
    "uniform noise 0.1 1v1": 1.709438,
    "uniform noise 0.75 1v1": 0.333333,
    "Student(1) 1v1": 0.224171,
    "staircase 2": 2.0,
    "staircase 10": 10.0,
}
# (estimator, task): how far a value may lie from the truth besides its error
_ESTIMATED = {
    ("gaussian", "dense 5v5"): 0.0,
    ("grassberger", "spins of a ring, 3v3"): 2e-3,
    ("infonce_known", "staircase 2"): 0.2,
}

_SAMPLED = "transfer matrices on 32x32 rings, independent program, error about 1e-3"
_KNOWN_TO = 5e-3  # five standard errors of the known values

_CHAINS, _RECORDS, _THIN = 64, 16, 4

# buffer: {rule: nats}
_RINGS = {
    1: {"full": 0.528, "majority": 0.406, "decimation": 0.337},
    2: {"full": 0.456, "majority": 0.369, "decimation": 0.305},
}


_GERBER = "Mrs Gerber's lemma for a symmetric channel (Wyner, Ziv 1973)"
_ERASED = "Y is X or nothing: a share of each nat is kept"
_DECIDED = "T = Y is best for labels that X decides: H(X) - H(Y)"
_THREE = "best rules by an independent program"
_RUNS = "for binary Y runs of neighbours are as good as any sets (Kurkoski, Yagi 2014)"
_SYMBOLS = {2: "0.467434", 3: "0.516479"}
"""Most nats that so many symbols of a 2 x 2 block of the critical 6 x 6 torus keep."""
_NOISE, _LOST = 0.11, 0.3


def information() -> list[Check]:
    """All checks of this section."""
    solved = [*_torus(), *_chain(), *_cylinder(), *_three_letters(), *_halves(), *_rings()]
    return [*solved, *_closed_forms(), *_estimators(), *_frontiers()]


def _check(
    name: str, compute: Callable[[], Estimate], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "information", compute, expected, tolerance, source)


def _rule(solve: Callable[[], WindowPosterior], rule: str, block: tuple[int, ...]) -> Estimate:
    """Information of a rule on a window that is solved when first asked for."""
    if rule == "full":
        return solve().full()
    if rule in ("odd", "any"):
        return solve().optimum(z2="impose" if rule == "odd" else "allow")[1]
    return solve().rule(named_rule(rule, block_alone(block)).table())


def _torus() -> list[Check]:
    checks = []
    for name, (coupling, values) in _TORUS_6X6.items():
        solve = cache(partial(exact_window, (6, 6), coupling, (2, 2), 1))
        checks += [
            _check(
                f"torus_6x6.{name}.{rule}", partial(_rule, solve, rule, (2, 2)), value, 1e-6, _TORUS
            )
            for rule, value in values.items()
        ]
    return checks


def _chain() -> list[Check]:
    checks = []
    for (coupling, buffer), (full, decimation, majority) in _CHAIN_BLOCKS.items():
        solve = cache(partial(exact_window, (math.inf,), coupling, (2,), buffer))
        values = {"full": full, "decimation": decimation, "majority": majority, "any": decimation}
        checks += [
            _check(
                f"chain.K={_fraction(coupling)}.buffer={buffer}.{rule}",
                partial(_rule, solve, rule, (2,)),
                value,
                1e-6 * value,  # seven digits are known
                _CHAIN,
            )
            for rule, value in values.items()
        ]
    return checks


def _fraction(coupling: float) -> str:
    """1/10 for 0.1: names of quantities hold no decimal points."""
    return f"1/{round(1 / coupling)}"


def _cylinder() -> list[Check]:
    checks = []
    for width, known in _CYLINDERS.items():
        solve = cache(partial(exact_window, (width, math.inf), CRITICAL_COUPLING, (2, 2), 1))
        values = dict(zip(("full", "decimation", "majority", "any"), known, strict=True))
        checks += [
            _check(
                f"cylinder.w={width}.{rule}",
                partial(_rule, solve, rule, (2, 2)),
                value,
                1e-8,
                _CYLINDER,
            )
            for rule, value in values.items()
        ]
        checks.append(
            _check(
                f"cylinder.w={width}.halves", partial(_cut, width), _CUTS[width], 1e-9, _CYLINDER
            )
        )
    return checks


def _three_letters() -> list[Check]:
    checks = []
    for (model, width, buffer), known in _THREE_LETTERS.items():
        interaction = _POTTS if model == "potts3" else _TRICRITICAL
        solve = cache(partial(exact_window, (width, math.inf), interaction, (2, 2), buffer))
        checks += [
            _check(
                f"cylinder.{model}.w={width}.buffer={buffer}.{rule}",
                partial(_three_letter_rule, solve, rule),
                value,
                1e-8,
                _CYLINDER,
            )
            for rule, value in zip(("full", "decimation", "plurality", "any"), known, strict=True)
        ]
    return checks


def _three_letter_rule(solve: Callable[[], WindowPosterior], rule: str) -> Estimate:
    if rule == "full":
        return solve().full()
    if rule == "any":
        return solve().optimum(3, "allow")[1]
    table = plurality_table if rule == "plurality" else decimation_table
    return solve().rule(table(3, 4))


def _cut(width: int) -> Estimate:
    joint = adjacent_columns(width, CRITICAL_COUPLING)
    return exactly(mutual_information(joint).item(), "nats")


def _halves() -> list[Check]:
    checks = []
    for name, (coupling, halves, whole) in _TORUS_4X4.items():
        checks += [
            _check(f"torus_4x4.{name}.halves", partial(_half, coupling), halves, 1e-6, _HALVES),
            _check(f"torus_4x4.{name}.entropy", partial(_entropy, coupling), whole, 1e-6, _HALVES),
        ]
    return checks


def _half(coupling: float) -> Estimate:
    """I(two columns : the other two) of the 4x4 torus; rows and columns are alike."""
    lattice = Hypercubic((4, 4))
    joint = marginal(lattice.n_sites, lattice.bonds().tolist(), coupling, keep=range(16))
    return exactly(mutual_information(joint.reshape(256, 256)).item(), "nats")


def _entropy(coupling: float) -> Estimate:
    lattice = Hypercubic((4, 4))
    joint = marginal(lattice.n_sites, lattice.bonds().tolist(), coupling, keep=range(16))
    return exactly(entropy(joint).item(), "nats")


def _rings() -> list[Check]:
    """Checks of the ring contraction on the critical 32x32 torus."""
    draw = cache(_configurations)
    checks = []
    for buffer, values in _RINGS.items():
        solve = cache(partial(_posterior, draw, buffer))
        checks += [
            Check(
                f"torus_32x32.buffer={buffer}.{rule}",
                "information",
                partial(_value, solve, rule),
                value,
                _KNOWN_TO,
                _SAMPLED,
            )
            for rule, value in values.items()
        ]
    return checks


def _configurations() -> Tensor:
    """Critical configurations, record by record."""
    sampler = SwendsenWang(Ising((32, 32), CRITICAL_COUPLING), seed=32)
    state = sampler.initial(_CHAINS)
    sampler.advance(state, 0, 200)
    records = []
    for record in range(_RECORDS):
        sampler.advance(state, 200 + _THIN * record, _THIN)
        records.append(state.clone())
    return torch.cat(records)


def _posterior(draw: Callable[[], Tensor], buffer: int) -> tuple[Tensor, Tensor]:
    """Exact conditionals of every eighth window, with the block label of each."""
    configurations = draw()
    placed = place(Window((2, 2), buffer), Space.hypercubic((32, 32), SPIN))
    _, rings = placed.cut(configurations)
    chosen = rings[:, ::8].flatten(0, 1).contiguous()
    labels = block_labels(len(configurations), _CHAINS).repeat_interleave(rings.shape[1] // 8)
    return ring_posterior(chosen, CRITICAL_COUPLING, (2, 2), buffer), labels


def _value(solve: Callable[[], tuple[Tensor, Tensor]], rule: str) -> Estimate:
    posterior, labels = solve()
    if rule == "full":
        table = torch.eye(posterior.shape[1], dtype=torch.float64)
    else:
        table = named_rule(rule, block_alone((2, 2))).table()
    return sampled_information(posterior, table, labels)


def _closed_forms() -> list[Check]:
    return [
        _check(
            f"tasks.{_dotted(name)}", lazily(partial(_exact, name), "nats"), value, 1e-6, _CLOSED
        )
        for name, value in _TASKS.items()
    ]


def _dotted(task: str) -> str:
    """A task's name without blanks and decimal points, which names of quantities do not hold."""
    return task.replace(",", "").replace(" ", "_").replace("0.", "0p")


def _exact(task: str) -> float:
    return known_task(task).exact


def _estimators() -> list[Check]:
    return [
        _check(
            f"estimators.{name}.{_dotted(task)}",
            partial(_estimated, name, task),
            known_task(task).exact,
            tolerance,
            "closed form or enumeration, of 4000 rows",
        )
        for (name, task), tolerance in _ESTIMATED.items()
    ]


def _estimated(name: str, task: str) -> Estimate:
    known = known_task(task)
    x, y = known.draw(4000, seed=1)
    found = estimate(x, y, name, log_conditional=known.log_conditional, null=False)
    return found[name].value


def _frontiers() -> list[Check]:
    """The most that variables of an enumerated p(x, y) forget, and the best of few symbols."""
    block = cache(_critical_block)
    gerber = _binary_entropy(_NOISE * (2 - 2 * _NOISE))
    return [
        *(
            _check(f"frontier.critical.k={k}", partial(_symbols, block, k), *quoted(digits), _THREE)
            for k, digits in _SYMBOLS.items()
        ),
        _check("frontier.symmetric.reached", partial(_symmetric, 1), gerber, 1e-3, _GERBER),
        _check("frontier.symmetric.limit", partial(_symmetric, 0), gerber, 1e-3, _GERBER),
        _check("frontier.erasing", _erasing, _erased(), 1e-9, _ERASED),
        _check("frontier.decided", _decided, 8 * math.log(2), 1e-9, _DECIDED),
        _check("frontier.runs", _runs_less_sets, 0.0, 1e-12, _RUNS),
    ]


def _critical_block() -> Tensor:
    """p(v, e) of the block, (16, environments)."""
    solved = System((6, 6)).solve(Window((2, 2), 1, None))
    return (solved.posterior * solved.weights[:, None]).T


def _symbols(block: Callable[[], Tensor], k: int) -> Estimate:
    return best_partition(block(), k).kept


def _binary_entropy(p: float) -> float:
    return float(entropy(torch.tensor([p, 1 - p], dtype=torch.float64)))


def _symmetric(end: int) -> Estimate:
    """H(Y|T) where H(X|T) = h(noise), from what cannot be to what is reached."""
    joint = torch.tensor([[1 - _NOISE, _NOISE], [_NOISE, 1 - _NOISE]], dtype=torch.float64) / 2
    missing = frontier(joint, tolerance=5e-4).missing(_binary_entropy(_NOISE))
    return exactly(missing[end].value, "nats")


def _erasing() -> Estimate:
    """H(Y|T) where half of H(X) is forgotten."""
    kept = 1 - _LOST
    joint = torch.tensor([[kept, 0, _LOST], [0, kept, _LOST]], dtype=torch.float64) / 2
    return exactly(frontier(joint).missing(math.log(2) / 2)[1].value, "nats")


def _erased() -> float:
    return _binary_entropy(_LOST) + (1 - _LOST) * math.log(2) / 2


def _decided() -> Estimate:
    """Most that is forgotten of nine fair bits with nothing missed of their parity."""
    parity = torch.arange(512).bitwise_and(1)
    joint = torch.nn.functional.one_hot(parity).double() / 512
    return exactly(frontier(joint).forgotten(0.0)[0].value, "nats")


def _runs_less_sets() -> Estimate:
    """What the best runs of three symbols keep less than the best of all sets."""
    joint = torch.rand(10, 2, generator=torch.Generator().manual_seed(0)).double() ** 2
    joint /= joint.sum()
    split = torch.stack([joint[:, 0] * 0.5, joint[:, 0] * 0.5, joint[:, 1]], 1)
    runs, sets = (best_partition(one, 3).kept.value for one in (joint, split))
    return exactly(sets - runs)
