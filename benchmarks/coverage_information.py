"""How often the error of a held-out information covers its truth, over many small samples.

The truth of the statistical error is the bound that the same predictor has on a large independent
sample; that of the whole error is the mean of these bounds over all trainings. Bounds of learned
rules are held to what these rules keep in truth, so the loss of the predictor counts as well.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from coverage_rules import SYSTEMS, listed
from torch import Tensor

from rsmi.information import Estimate
from rsmi.lattice import Window
from rsmi.learning import Refused, learn_rule, majority
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import held_out_bound, held_out_information
from rsmi.learning.learn import learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.windowed import HeldOut
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, Sampler, SwendsenWang
from rsmi.sampling.exact import exact_window
from rsmi.storage import SampleRecipe, Samples, generate, samples_of

SHAPE = (16, 16)
WINDOW = Window((2, 2), 1)


@dataclass(frozen=True)
class Pulls:
    """Deviations in standard errors.

    Args:
        name: What was measured.
        pulls: (n,) of them.
        error: Mean error, in nats.
        scatter: Standard deviation of the values, in nats.
    """

    name: str
    pulls: Tensor
    error: float
    scatter: float

    def __str__(self) -> str:
        inside = [float((self.pulls.abs() < s).double().mean()) for s in (1, 2)]
        return (
            f"| {self.name} | {len(self.pulls)} | {100 * inside[0]:.0f} % | "
            f"{100 * inside[1]:.0f} % | {float(self.pulls.mean()):+.2f} | {self.error:.4f} | "
            f"{self.scatter:.4f} |"
        )


def information() -> None:
    """Print the whole table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| held-out information | n | 1 sigma | 2 sigma | mean pull | mean error | scatter |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        chains = single_chains(directory, 60)
        for pulls in covered("one Metropolis chain, array", chains, directory):
            print(pulls, flush=True)
        for pulls in covered("16 chains of 32", small_sets(directory, 60), directory):
            print(pulls, flush=True)
    bounds()
    curves()


def single_chains(directory: Path, n: int) -> Iterator[Path]:
    """Arrays of one critical chain each, 8 sweeps of local updates between 1000 records."""
    for i, chain in enumerate(drawn(Metropolis(Ising(SHAPE, CRITICAL_COUPLING), 1), n, 1000, 8)):
        path = directory / f"chain{i}.npy"
        np.save(path, chain.numpy())
        yield path


def small_sets(directory: Path, n: int) -> Iterator[Path]:
    """Files of 16 chains with 32 records."""
    for i in range(n):
        path = directory / f"set{i}.h5"
        recipe = SampleRecipe(
            shape=SHAPE, temperature="critical", chains=16, records=32, seed=1 + i, thin=2,
            equilibration=100,
        )  # fmt: skip
        generate(recipe, path)
        yield path


def drawn(sampler: Sampler, chains: int, records: int, thin: int) -> Tensor:
    """Records of independent chains, (chains, records, *shape) int8."""
    state, dropped = sampler.initial(chains), 100 * thin
    sampler.advance(state, 0, dropped)
    kept = []
    for record in range(records):
        sampler.advance(state, dropped + thin * record, thin)
        kept.append(state.clone())
    return torch.stack(kept, 1)


def covered(name: str, paths: Iterator[Path], directory: Path) -> list[Pulls]:
    """Pulls of the bounds of the whole block and of the majority rule, one training per path."""
    big = np.concatenate(
        list(drawn(SwendsenWang(Ising(SHAPE, CRITICAL_COUPLING), 99), 64, 100, 4).numpy())
    )
    np.save(directory / "big.npy", big)
    far = WindowData(str(directory / "big.npy"), WINDOW, windows_per_configuration=16)
    truth = far.test_windows()
    rules = {"full": None, "majority": majority((2, 2))}
    found = {rule: [] for rule in rules}
    for seed, path in enumerate(paths):
        model, held_out = trained(path, seed, directory)
        for name_of, rule in rules.items():
            bound = held_out_bound(model, held_out, rule)
            own = held_out_information(model, truth, rule).value
            value = bound.information
            found[name_of].append((value.value, bound.statistical, value.error, own))
    return [p for rule, rows in found.items() for p in pulls_of(f"{name}: {rule}", rows)]


def pulls_of(name: str, rows: list[tuple[float, float, float, float]]) -> list[Pulls]:
    """Pulls against the predictor's own bound and against the mean bound."""
    value, statistical, total, own = torch.tensor(rows, dtype=torch.float64).T
    scatter = float(value.std())
    return [
        Pulls(f"{name}, its own bound", (value - own) / statistical, float(statistical.mean()),
              float((value - own).std())),
        Pulls(f"{name}, any training", (value - own.mean()) / total, float(total.mean()), scatter),
    ]  # fmt: skip


def trained(path: Path, seed: int, directory: Path) -> tuple[PosteriorRSMI, HeldOut]:
    """A short training, as a user in a hurry would ask for."""
    model = PosteriorRSMI(WINDOW, hidden=(32, 32), learning_rate=1e-2, seed=seed)
    data = WindowData(
        str(path), WINDOW, batch_size=1024, steps_per_epoch=25, windows_per_configuration=16,
        seed=seed,
    )  # fmt: skip
    learn(model, data, make_trainer(directory / "fit", 4, 4, "cpu", progress=False))
    return model, data.test_windows()


@dataclass(frozen=True)
class System:
    """Small systems whose rules have exact values, and how they are learned from.

    Args:
        draw: Samples of a seed.
        exact: Information of a rule's table, in nats.
        window: Block, buffer and environment.
        options: Of `learn_rule`.
    """

    draw: Callable[[int], Samples]
    exact: Callable[[Tensor], Estimate]
    window: Window
    options: dict[str, Any]


def spins(
    factor: float, chains: int, records: int, update: type[Sampler], **options: Any
) -> System:
    """Ising spins on 6 x 6 at so many critical temperatures."""
    coupling = CRITICAL_COUPLING / factor
    thin = 6 if update is SwendsenWang else 2

    def draw(seed: int) -> Samples:
        sampler = update(Ising((6, 6), coupling), 1000 + seed)
        rows = drawn(sampler, chains, records, thin)
        return samples_of(rows.numpy(), chains=chains, space="spins on square [6, 6]")

    solved = exact_window((6, 6), coupling, WINDOW.block, WINDOW.buffer)
    return System(draw, solved.rule, WINDOW, options)


def enumerated(name: str, rows: int, **options: Any) -> System:
    """Rows drawn from the list of all configurations of a system of the table of rules."""
    _, _, _, _, window, symbols = SYSTEMS[name]
    solved, draw = listed(name, rows)
    return System(draw, solved.rule, window, {"symbols": symbols, **options})


JOINT: dict[str, Any] = {"method": "joint", "rule": "linear", "restarts": 1}
SMALL: dict[str, Callable[[], System]] = {
    "Ising, posterior": lambda: spins(1.0, 64, 8, SwendsenWang),
    "Ising, joint, linear": lambda: spins(1.0, 64, 8, SwendsenWang, **JOINT),
    "Ising, joint, two bits": lambda: spins(1.0, 64, 8, SwendsenWang, **JOINT, symbols=4),
    "Ising, T = .8 T_c": lambda: spins(0.8, 64, 8, SwendsenWang),
    "Ising, T = 1.2 T_c": lambda: spins(1.2, 64, 8, SwendsenWang),
    "Ising, 4 Metropolis chains": lambda: spins(1.0, 4, 600, Metropolis),
    "Ising, 4 Metropolis chains, joint": lambda: spins(1.0, 4, 600, Metropolis, **JOINT),
    "Ising, any rule": lambda: spins(1.0, 64, 8, SwendsenWang, symmetry="allow"),
    "dimers 4x4": lambda: enumerated("dimers 4x4", 512),
    "Potts-3 3x3": lambda: enumerated("Potts-3 3x3", 512),
    "Potts-3 3x3, joint": lambda: enumerated("Potts-3 3x3", 512, **JOINT),
    "Blume-Capel 3x3": lambda: enumerated("Blume-Capel 3x3", 512),
}
QUICK: dict[str, Any] = {
    "hidden": (32,),
    "max_epochs": 3,
    "steps_per_epoch": 25,
    "batch_size": 1024,
    "learning_rate": 2e-2,
    "windows_per_configuration": 36,
}


@dataclass(frozen=True)
class Valued:
    """One small data set.

    Args:
        value: The held-out bound, in nats.
        error: Its error.
        exact: What the learned rule keeps in truth.
        null: In errors, where it was trained.
        refused: Whether the null was refused.
    """

    value: float
    error: float
    exact: float
    null: float | None
    refused: bool


def bounds(n: int = 60) -> None:
    """Print how often bounds of learned rules cover the exact values of these rules."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| small data sets | n | 1 sigma | 2 sigma | mean pull | error | scatter | loss | nulls "
          "refused |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for name, make in SMALL.items():
        system = make()
        found = [valued(system, seed) for seed in range(n)]
        print(row(name, found), flush=True)


def valued(system: System, seed: int) -> Valued:
    """Learn from one data set, from each third with a null, also where that is refused."""
    options = QUICK | system.options | {"null": seed % 3 == 0}
    try:
        found = learn_rule(system.draw(seed), system.window, seed=seed, **options)
        refused = False
    except Refused as reason:
        found, refused = reason.found, True
    null = None if found.null is None else found.null.information
    off = None if null is None or null.error == 0 else null.value / null.error
    exact = system.exact(found.rule.table()).value
    return Valued(found.information.value, found.information.error, exact, off, refused)


def row(name: str, found: list[Valued]) -> str:
    """A line of the table; the loss is how far the bound lies below the exact value on average."""
    columns = [(one.value, one.error, one.exact) for one in found]
    value, error, exact = torch.tensor(columns, dtype=torch.float64).T
    pulls, off = (value - exact) / error, value - exact
    inside = [100 * float((pulls.abs() < s).double().mean()) for s in (1, 2)]
    refused = f"{sum(one.refused for one in found)} of {len(found[::3])}"
    loss, doubt = -float(off.mean()), float(off.std()) / len(found) ** 0.5
    return (
        f"| {name} | {len(found)} | {inside[0]:.0f} % | {inside[1]:.0f} % | "
        f"{float(pulls.mean()):+.2f} | {float(error.mean()):.4f} | {float(off.std()):.4f} | "
        f"{loss:.4f} +- {doubt:.4f} | {refused} |"
    )


GROWING: dict[str, Callable[[], System]] = {
    "Ising, 256 configurations": lambda: spins(1.0, 64, 4, SwendsenWang),
    "Potts-3 3x3, 1024 rows": lambda: enumerated("Potts-3 3x3", 1024),
    "dimers 4x4, 1024 rows": lambda: enumerated("dimers 4x4", 1024),
}


def curves(n: int = 10) -> None:
    """Print how the limits of learning curves stand to what the learned rules keep in truth."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| learning curves | n | limit quoted | within 1, 2 errors | mean pull of all limits | "
          "mean value - exact | mean limit - exact | mean gain |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for name, make in GROWING.items():
        system = make()
        print(grown(name, [curve_of(system, seed) for seed in range(n)]), flush=True)


def curve_of(system: System, seed: int) -> tuple[bool, float, float, float, float]:
    """Whether a limit is quoted, its pull, and value, limit and gain beside the exact value."""
    options = QUICK | system.options | {"null": False, "curve": True}
    found = learn_rule(system.draw(seed), system.window, seed=seed, **options)
    exact = system.exact(found.rule.table()).value
    curve = found.learning_curve
    assert curve is not None
    limit, gain = curve.fit.limit, curve.fit.gain.value
    error = float(np.hypot(limit.error, curve.statistical))
    off = limit.value - exact
    return not curve.fit.reason, off / error, found.information.value - exact, off, gain


def grown(name: str, rows: list[tuple[bool, float, float, float, float]]) -> str:
    """A line of the table."""
    quoted = [row[1] for row in rows if row[0]]
    inside = ", ".join(str(sum(abs(pull) < s for pull in quoted)) for s in (1, 2))
    means = " | ".join(f"{np.mean([row[i] for row in rows]):+.4f}" for i in (2, 3, 4))
    pull = np.mean([row[1] for row in rows])
    return f"| {name} | {len(rows)} | {len(quoted)} | {inside} | {pull:+.2f} | {means} |"
