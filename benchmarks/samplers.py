"""Speed of the samplers beside other packages, in one run on one machine.

python benchmarks/samplers.py PYTHON_OF_THE_PEERS

The argument is the Python of an environment into which the peers were installed, for example by
    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install mcising==1.1 peapods dwave-samplers thrml
Prints markdown tables and draws samplers.png. Every figure is the best of several short runs,
ours and the peers' in turn, since other work may share the cores.
"""

import json
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path

import torch
from measurement import seconds
from peers import CLUSTER_SIDES, METROPOLIS_SIDES

from rsmi.sampling import (
    CRITICAL_COUPLING,
    Ising,
    Multispin,
    Sampler,
    SwendsenWang,
    Wolff,
    correlation,
    measure_sweeps,
)
from rsmi.sampling.threads import cores

RUNS, ROUNDS = 9, 3
HERE = Path(__file__).parent
Results = dict[str, dict[int, float]]

SPEED = "flips/ns"
TWO = "flips/ns, two cores"
CLUSTER = "cluster ns/spin"
PACKAGES = ("rsmi", "mcising")


def time_sweeps(sampler: Sampler, chains: int, sweeps: int, warm: int) -> float:
    """Time of one sweep of all chains in ns, from equilibrium or near it."""
    state = sampler.initial(chains)
    sampler.advance(state, 0, warm)
    return seconds(lambda: sampler.advance(state, warm, sweeps), RUNS) * 1e9 / sweeps


def metropolis(chains: int, workers: int) -> dict[int, float]:
    found = {}
    for side in METROPOLIS_SIDES:
        sampler = Multispin(Ising((side, side), CRITICAL_COUPLING), 1, workers)
        sweeps = max(10, 40_000_000 // (chains * side**2))
        spent = time_sweeps(sampler, chains, sweeps, warm=200)
        found[side] = chains * side**2 / spent
    return found


def swendsen_wang(workers: int) -> dict[int, float]:
    found = {}
    for side in CLUSTER_SIDES:
        sampler = SwendsenWang(Ising((side, side), CRITICAL_COUPLING), 1, workers)
        chains = max(2, 2**16 // side**2)
        sweeps = max(1, 2**20 // (chains * side**2))
        found[side] = time_sweeps(sampler, chains, sweeps, warm=30) / chains / side**2
    return found


def sweep_times() -> Results:
    """Time of a sweep of one chain at L = 64 in ns."""
    model, chains = Ising((64, 64), CRITICAL_COUPLING), 16
    kinds = {"swendsen_wang": SwendsenWang(model, 1), "wolff": Wolff(model, 1)}
    return {
        f"rsmi, ns per {name} sweep": {64: time_sweeps(sampler, chains, 30, 300) / chains}
        for name, sampler in kinds.items()
    }


def ours() -> Results:
    return {
        f"rsmi 512 chains, {SPEED}": metropolis(512, 1),
        f"rsmi 64 chains, {SPEED}": metropolis(64, 1),
        f"rsmi 512 chains, {TWO}": metropolis(512, 2),
        f"rsmi, {CLUSTER}": swendsen_wang(1),
        f"rsmi two cores, {CLUSTER}": swendsen_wang(2),
        **sweep_times(),
    }


def theirs(python: str) -> Results:
    run = subprocess.run([python, HERE / "peers.py"], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    return {name: {int(side): v for side, v in by.items()} for name, by in found.items()}


def merge(first: Results, second: Results) -> Results:
    """The better of two rounds: the larger rate, the shorter time."""
    merged = {}
    for name, values in first.items():
        better = max if "flips" in name else min
        merged[name] = {side: better(v, second[name][side]) for side, v in values.items()}
    return merged


def times_of_decay() -> dict[str, float]:
    """tau_int of |M| in sweeps at L = 64, the same for every right implementation."""
    model, found = Ising((64, 64), CRITICAL_COUPLING), {}
    for name, kind in {"swendsen_wang": SwendsenWang, "wolff": Wolff}.items():
        sampler = kind(model, 1)
        state = sampler.initial(64)
        sampler.advance(state, 0, 500)
        series = measure_sweeps(sampler, state, 500, 1000)
        found[name] = max(correlation(part).time for part in series)
    return found


def table(results: Results, kind: str, sides: tuple[int, ...]) -> str:
    """Markdown table of all packages that did this task."""
    rows = [f"| {kind} | " + " | ".join(f"L = {side}" for side in sides) + " |"]
    rows.append("|---" * (len(sides) + 1) + "|")
    for name, values in results.items():
        package, _, task = name.partition(", ")
        if task == kind or task.endswith(f" {kind}"):
            numbers = [f"{values[s]:.3g}" if s in values else "" for s in sides]
            rows.append(f"| {package} | {' | '.join(numbers)} |")
    return "\n".join(rows)


def configurations(results: Results, times: dict[str, float]) -> str:
    """Independent critical configurations per second and core at L = 64."""
    rows = ["| update | tau_int in sweeps | rsmi | mcising | ratio |", "|---|---|---|---|---|"]
    for name, time in times.items():
        rates = [1e9 / (2 * time * results[f"{p}, ns per {name} sweep"][64]) for p in PACKAGES]
        cells = (name, f"{time:.2f}", *(f"{rate:.0f}" for rate in rates))
        rows.append(f"| {' | '.join(cells)} | {rates[0] / rates[1]:.2f} |")
    return "\n".join(rows)


def draw(results: Results, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, values in results.items():
        package, _, task = name.partition(", ")
        axes = left if task.endswith(SPEED) else right if task == CLUSTER else None
        if axes is not None:
            axes.loglog(list(values), list(values.values()), "o-", label=package)
    left.set(title="Metropolis at $T_c$, one core", xlabel="L", ylabel="spin updates per ns")
    right.set(title="Swendsen-Wang at $T_c$", xlabel="L", ylabel="ns per spin")
    for axes, sides in ((left, METROPOLIS_SIDES), (right, CLUSTER_SIDES)):
        axes.set_xticks(sides, map(str, sides))
        axes.minorticks_off()
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=150)


def main(python: str) -> None:
    torch.set_num_threads(1)
    rounds = [ours() | theirs(python) for _ in range(ROUNDS)]
    results = reduce(merge, rounds)
    print(f"Load {os.getloadavg()[0]:.1f} on {cores()} cores.\n")
    print(table(results, SPEED, METROPOLIS_SIDES), end="\n\n")
    print(table(results, TWO, METROPOLIS_SIDES), end="\n\n")
    print(table(results, CLUSTER, CLUSTER_SIDES), end="\n\n")
    print("Independent critical configurations per second, L = 64, one core\n")
    print(configurations(results, times_of_decay()))
    draw(results, HERE / "samplers.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/samplers.py PYTHON_OF_THE_PEERS")
    main(sys.argv[1])
