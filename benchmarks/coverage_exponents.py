"""How often stated errors hold, and how often verdicts are right, over many small runs."""

import itertools
import math
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from measurement import SCRATCH, WORKERS
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import states
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule, decimation, majority
from rsmi.renormalization import MCRGResult, flow, renormalise
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang
from rsmi.sampling.ising import CRITICAL_COUPLING_3D
from rsmi.sampling.threads import cores
from rsmi.storage import (
    DrawnSamples,
    SampleGrid,
    SampleRecipe,
    generate,
    open_samples,
    points_of,
    sample_grid,
)

EXACT = {"y_t": 1.0, "y_h": 1.875}


@dataclass
class Drawn:
    """Configurations in memory whose Hamiltonian is not told."""

    spins: Tensor
    chains: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.spins.shape[1:])

    def __len__(self) -> int:
        return len(self.spins)

    def read(self, start: int, stop: int) -> Tensor:
        return self.spins[start:stop]


def draw(side: int, temperature: float, seed: int, chains: int = 64, records: int = 60) -> Drawn:
    """Swendsen-Wang configurations at a temperature in units of the critical one."""
    sampler = SwendsenWang(Ising((side, side), CRITICAL_COUPLING / temperature), seed=seed)
    state = sampler.initial(chains)
    sampler.advance(state, 0, 100)
    kept = []
    for record in range(records):
        sampler.advance(state, 100 + 4 * record, 4)
        kept.append(state.clone())
    return Drawn(torch.cat(kept), chains)


def linear(block: Sequence[int], weight: float, steepness: float | None = None) -> Tensor:
    """Sign of the sum where the first spin weighs more, or a sigmoid of it."""
    v = states(int(np.prod(block))).double()
    total = v.sum(1) + (weight - 1) * v[:, 0]
    up = (1 + total.sign()) / 2 if steepness is None else torch.sigmoid(2 * steepness * total)
    return torch.stack([1 - up, up], 1)


def rules(b: int) -> dict[str, Tensor]:
    """Rules with a fixed point; the second is what is learned for 2 x 2 blocks."""
    block = (b, b)
    return {
        "majority": majority(block).table(),
        "ties to a corner": linear(block, 1.5),
        "soft": linear(block, 1.0, 1.0),
    }


def exponents(runs: int = 200, grid_runs: int = 6, verdict_runs: int = 20) -> None:
    """Print the tables of exponents: pulls of small runs and of a grid of settings, verdicts."""
    _coverage(runs)
    _grid(grid_runs)
    _verdicts(verdict_runs)


def _coverage(runs: int) -> None:
    """Independent runs at T_c: sizes and rules in turn."""
    sides, chosen = (16, 32, 32, 64), ("majority", "ties to a corner", "majority", "soft")
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    refused = 0
    for seed in range(runs):
        side, rule = sides[seed % 4], chosen[seed // 4 % 4]
        result = renormalise(draw(side, 1.0, seed), TableRule(SPIN, rules(2)[rule], (2, 2)))
        refused += not result.verdict.fixed_point
        for name, pull, error in _pulls(result):
            for group in ("all", rule, f"L = {side}"):
                found[name, group].append((pull, error))
    _print_pulls(f"{runs} runs at T_c, 3840 configurations each, {refused} refused", found)


def letters(runs: int = 10, sides: Sequence[int] = (32, 64)) -> None:
    """Independent runs of other letters and lattices, 3840 configurations each."""
    models = {
        "potts": ({"states": 3}, "critical", "swendsen_wang"),
        "ising_graph": ({"lattice": "triangular"}, 4 / math.log(3), "swendsen_wang"),
        "blume_capel": ({"crystal_field": 1.96582}, 0.60858, "embedded_clusters"),
    }
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    cases = itertools.product(models.items(), sides, range(runs))
    for (model, (parameters, temperature, update)), side, seed in cases:
        path = SCRATCH / f"letters_{model}_{side}_{seed}.h5"
        recipe = SampleRecipe(
            model=model, shape=(side, side), temperature=temperature, parameters=parameters,
            chains=64, records=60, seed=seed, update=update, thin=4 if side < 64 else 8,
            equilibration=400,
        )  # fmt: skip
        generate(recipe, path, workers=WORKERS, resume=True)
        with open_samples(path) as samples:
            rule = "vacancy_majority" if model == "blume_capel" else "plurality"
            result = renormalise(samples, rule)
            exact = samples.critical.universality.values() if samples.critical else {}
        for name, pull, error in _pulls(result, exact):
            found[name, f"{model}, L = {side}"].append((pull, error))
    _print_pulls(f"{runs} runs of each", found)


T_C_3D = 1 / CRITICAL_COUPLING_3D


@dataclass(frozen=True)
class Bar:
    """A model whose exponents are known, and how they are measured.

    Args:
        records: Of each of 64 chains.
        rule: Its name.
        reach: Of the interactions.
        recipe: What is drawn.
    """

    records: int
    rule: str
    reach: float
    recipe: Mapping[str, Any]

    def measure(self, seed: int, records: int) -> MCRGResult:
        """Draw and measure in one pass."""
        given = {"temperature": "critical", "update": "swendsen_wang", "thin": 4} | dict(
            self.recipe
        )
        recipe = SampleRecipe(
            chains=64, records=records, seed=seed, equilibration=150, **cast(Any, given)
        )
        samples = DrawnSamples(recipe, device="cpu", workers=WORKERS)
        return renormalise(samples, self.rule, reach=self.reach, workers=WORKERS)


BARS = {
    "ising 128^2": Bar(900, "majority", 5**0.5, {"shape": (128, 128)}),
    "potts 64^2": Bar(
        60, "plurality", 2.0,
        {"model": "potts", "shape": (64, 64), "parameters": {"states": 3}, "thin": 6},
    ),
    "ising 64^3": Bar(
        60, "soft_majority", 1.5, {"shape": (64,) * 3, "temperature": T_C_3D, "thin": 3}
    ),
    "ising 32^3, majority": Bar(
        60, "majority", 2.0, {"shape": (32,) * 3, "temperature": T_C_3D, "thin": 3}
    ),
    "tricritical 32^2": Bar(
        60, "vacancy_majority", 2.0,
        {
            "model": "blume_capel", "shape": (32, 32), "temperature": 0.60858,
            "parameters": {"crystal_field": 1.96582}, "update": "embedded_clusters",
        },
    ),
    "triangular 64^2": Bar(
        60, "majority", 2.0,
        {
            "model": "ising_graph", "shape": (64, 64), "temperature": 4 / math.log(3),
            "parameters": {"lattice": "triangular"},
        },
    ),
    "honeycomb 64^2": Bar(
        60, "majority", 2.0,
        {
            "model": "ising_graph", "shape": (64, 64),
            "temperature": 2 / math.log(2 + math.sqrt(3)), "parameters": {"lattice": "honeycomb"},
        },
    ),
}  # fmt: skip


def bars(runs: int = 10, records: int | None = None, names: Sequence[str] = tuple(BARS)) -> None:
    """Every model whose exponents are known, by one rule each, further eigenvalues included."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    cases = list(itertools.product(names, range(runs)))
    beside = max(1, cores() // WORKERS)
    with ProcessPoolExecutor(beside, multiprocessing.get_context("spawn")) as pool:
        made = pool.map(_bar, cases, itertools.repeat(records, len(cases)))
        for (name, seed), (text, measured) in zip(cases, made, strict=True):
            print(name, seed, text, flush=True)
            for quantity, value, exact in measured:
                found[quantity, name].append((value.deviation(exact), value.error))
    _print_pulls(f"{runs} runs of each, 64 chains", found)


def _bar(
    case: tuple[str, int], records: int | None
) -> tuple[str, list[tuple[str, Estimate, float]]]:
    """What is to be said of a run, and its exponents beside the exact ones."""
    name, seed = case
    bar, began = BARS[name], time.perf_counter()
    result = bar.measure(900 + seed, records or bar.records)
    spent = f"{time.perf_counter() - began:.0f} s, {result.n} rows"
    if not result.verdict.fixed_point:
        return f"refused: {result.verdict.text}, {spent}", []
    exponents = (result.exponents | result.further_exponents).items()
    known = {n: result.known[n] for n, _ in exponents if n in result.known and n[:3] not in NAMED}
    shown = [(n, e.value, known[n]) for n, e in exponents if n in known]
    parts = [
        f"{n} {e.value.value:.4f} +- {e.value.error:.4f} ({e.statistical:.4f}, {e.truncation:.4f})"
        for n, e in exponents
        if n in known
    ]
    return f"{', '.join(parts)}; {spent}", shown


NAMED = ("nu", "eta", "del")  # what follows from y_t and y_h


def flows(runs: int = 10, side: int = 32, records: int = 100) -> None:
    """T_c and nu by two-lattice matching, with energies and from arrays without."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    width = 1.28 / side  # of the range of temperatures, about the scaling window
    temperatures = [T_C * (1 + width * (k / 3 - 0.9)) for k in range(7)]
    for seed in range(runs):
        base = {"chains": 64, "records": records, "thin": 2, "equilibration": 200}
        cells = {
            "shape": [[side] * 2, [side // 2] * 2], "temperature": temperatures, "seed": [seed],
        }  # fmt: skip
        path = sample_grid(
            SampleGrid(base, cells), SCRATCH / f"flow_{side}_{records}_{seed}", resume=True
        )
        arrays, at = _arrays(path)
        cases = {
            "energies known": flow(path),
            "arrays": flow(arrays, temperatures=at, chains=64),
        }
        for case, result in cases.items():
            print(seed, case, result.T_c, result.nu, flush=True)
            for name, exact in (("T_c", T_C), ("nu", 1.0)):
                value = getattr(result, name)
                found[name, case].append((value.deviation(exact), value.error))
    _print_pulls(f"{runs} flows of {side} beside {side // 2}, 64 chains of {records}", found)


T_C = 1 / CRITICAL_COUPLING


def _arrays(path: Path) -> tuple[list[Tensor], list[float]]:
    """What a collection holds, as somebody has it who knows the temperatures alone."""
    arrays, at = [], []
    for open_part in points_of(path):
        with open_part() as samples:
            spins = samples.read(0, samples.n)
            arrays.append(spins.reshape(-1, samples.chains, *samples.shape).swapaxes(0, 1))
            at.append(float(samples.model["temperature"]))
    return arrays, at


def _pulls(
    result: MCRGResult, known: Mapping[str, float] = EXACT
) -> Iterator[tuple[str, float, float]]:
    if result.verdict.fixed_point:
        for name in EXACT:
            exact = known[name]
            value = result.exponents[name].value
            yield name, value.deviation(exact), value.error


def _share(pulls: Sequence[float], sigmas: float) -> float:
    return float((np.abs(pulls) < sigmas).mean())


def _print_pulls(title: str, found: dict[tuple[str, str], list[tuple[float, float]]]) -> None:
    print(f"\n{title}\n\n| | | n | 1 sigma | 2 sigma | mean square | largest | median error |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, group), rows in found.items():
        pulls, errors = zip(*rows, strict=True)
        cells = (
            name,
            group,
            len(pulls),
            f"{_share(pulls, 1):.0%}",
            f"{_share(pulls, 2):.0%}",
            f"{np.square(pulls).mean():.2f}",
            f"{np.abs(pulls).max():.1f}",
            f"{np.median(errors):.4f}",
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _grid(runs: int) -> None:
    """Every lattice, block, rule, depth and reach that is accepted."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    cases = itertools.product((24, 27, 30, 32, 36, 48, 64), range(runs))
    for side, seed in cases:
        samples = draw(side, 1.0, 1000 + seed)
        for b, levels, reach in itertools.product((2, 3, 4), (None, 2, 1), (2.0, 1.5, 1.0)):
            for rule, table in rules(b).items():
                for name, pull, error in _accepted(samples, table, b, levels, reach):
                    depth = "all levels" if levels is None else f"levels {levels}"
                    for group in (f"b = {b}", depth, f"reach {reach}", f"L = {side}", rule):
                        found[name, group].append((pull, error))
    _print_pulls(f"Grid at T_c, {runs} runs of each lattice", dict(sorted(found.items())))


def _accepted(
    samples: Drawn, table: Tensor, b: int, levels: int | None, reach: float
) -> list[tuple[str, float, float]]:
    try:
        return list(
            _pulls(renormalise(samples, TableRule(SPIN, table, (b, b)), levels=levels, reach=reach))
        )
    except InputError:
        return []


def _verdicts(runs: int) -> None:
    """Share of runs that are refused, by temperature and size, and of rules that copy spins."""
    print(f"\nRefused of {runs} runs, 3840 configurations each\n")
    print("| T / T_c | L = 16 | L = 32 | L = 64 |\n|---|---|---|---|")
    for temperature in (0.9, 0.95, 0.98, 0.99, 1.0, 1.01, 1.02, 1.05, 1.1):
        shares = [f"{_refused(side, temperature, runs):.0%}" for side in (16, 32, 64)]
        print(f"| {temperature} | {' | '.join(shares)} |", flush=True)
    copied = [
        decimation((2, 2)).table(),
        0.6 * decimation((2, 2)).table() + 0.4 * rules(2)["majority"],
    ]
    for side in (16, 30, 32):
        samples = draw(side, 1.0, 77)
        lost = sum(
            not renormalise(samples, TableRule(SPIN, t, (2, 2))).verdict.fixed_point for t in copied
        )
        print(f"\nL = {side}: decimation and 60 % of it refused {lost} of {len(copied)}")


def _refused(side: int, temperature: float, runs: int) -> float:
    table = rules(2)["majority"]
    found = [
        renormalise(
            draw(side, temperature, 5000 + seed), TableRule(SPIN, table, (2, 2))
        ).verdict.fixed_point
        for seed in range(runs)
    ]
    return 1 - sum(found) / runs
