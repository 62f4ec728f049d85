"""How often the error of a held-out information covers its truth, over many small samples.

The truth of the statistical error is the bound that the same predictor has on a large independent
sample; that of the whole error is the mean of these bounds over all trainings.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rsmi.lattice import Window
from rsmi.learning import majority
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import held_out_bound, held_out_information
from rsmi.learning.joint import JointRSMI
from rsmi.learning.learn import learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.windowed import HeldOut
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, Sampler, SwendsenWang
from rsmi.sampling.exact import exact_window
from rsmi.storage import SampleRecipe, generate

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
        for pulls in joint(directory, range(10)):
            print(pulls, flush=True)


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


def joint(directory: Path, seeds: range) -> list[Pulls]:
    """Jointly learned rules against what they keep exactly on the enumerated 6 x 6 torus."""
    path = directory / "six.h5"
    recipe = SampleRecipe(
        shape=(6, 6), temperature="critical", chains=64, records=200, seed=3, thin=5,
        equilibration=100,
    )  # fmt: skip
    generate(recipe, path)
    solved = exact_window((6, 6), CRITICAL_COUPLING, WINDOW.block, WINDOW.buffer)
    table = []
    for kind in ("table", "linear"):
        for bits in (1, 2):
            rows = [one_joint(path, seed, kind, bits, directory, solved.rule) for seed in seeds]
            value, error, exact = torch.tensor(rows, dtype=torch.float64).T
            name = f"joint {kind}, {bits} bit, exact value of its rule"
            pulls = (value - exact) / error
            table.append(Pulls(name, pulls, float(error.mean()), float((value - exact).std())))
    return table


def one_joint(
    path: Path, seed: int, kind: str, bits: int, directory: Path, exact: Callable[[Tensor], object]
) -> tuple[float, float, float]:
    """Bound, error and exact information of one jointly learned rule."""
    model = JointRSMI(WINDOW, 1 << bits, hidden=(32,), learning_rate=2e-2, seed=seed, rule=kind)
    data = WindowData(
        str(path), WINDOW, batch_size=1024, steps_per_epoch=60, windows_per_configuration=8,
        seed=seed,
    )  # fmt: skip
    trainer = make_trainer(directory / "joint", 4, 4, "cpu", progress=False)
    learned = learn(model, data, trainer)
    value = learned.information
    return value.value, value.error, exact(learned.rule.table()).value
