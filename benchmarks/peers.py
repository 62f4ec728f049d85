"""Times of other packages, run by samplers.py with the Python of a scratch environment.

Prints one JSON object {"package, task": {L: value}}; a package that is not installed is left out.
"""

import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

TEMPERATURE = 2 / math.log(1 + math.sqrt(2))
RUNS = 7
METROPOLIS_SIDES = (8, 16, 32, 64, 128)
CLUSTER_SIDES = (32, 64, 128, 256, 512)


def best(work: Callable[[], object]) -> float:
    """Shortest of several runs, in ns."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return min(times)


def mcising_chain(side: int, algorithm: str, warm: int, seed: int = 1) -> Callable[[int], object]:
    from mcising._core import IsingSimulation

    simulation = IsingSimulation(side, 1.0, 0.0, 0.0, 0.0, seed, algorithm)
    simulation.sweep(warm, temperature=TEMPERATURE)
    return lambda sweeps: simulation.sweep(sweeps, temperature=TEMPERATURE)


def mcising_rate(side: int) -> float:
    """Metropolis updates per ns in this process."""
    run, sweeps = mcising_chain(side, "metropolis", 300), max(10, 4_000_000 // side**2)
    return sweeps * side**2 / best(lambda: run(sweeps))


def mcising() -> dict[str, dict[int, float]]:
    found = {"mcising, flips/ns": {side: mcising_rate(side) for side in METROPOLIS_SIDES}}
    # Its sweeps hold the interpreter's lock, so two cores take two processes.
    with ProcessPoolExecutor(2) as pool:
        found["mcising, flips/ns, two cores"] = {
            side: sum(pool.map(mcising_rate, (side, side))) for side in METROPOLIS_SIDES
        }
    for side in CLUSTER_SIDES:
        sweeps = max(1, 1_000_000 // side**2)
        run = mcising_chain(side, "swendsen_wang", 100)
        spent = best(lambda sweeps=sweeps, run=run: run(sweeps))
        found.setdefault("mcising, cluster ns/spin", {})[side] = spent / sweeps / side**2
    for name in ("swendsen_wang", "wolff"):
        run, sweeps = mcising_chain(64, name, 500), 300
        found[f"mcising, ns per {name} sweep"] = {64: best(lambda r=run, s=sweeps: r(s)) / sweeps}
    return found


def peapods() -> dict[str, dict[int, float]]:
    import numpy as np
    from peapods import Ising

    found: dict[str, dict[int, float]] = {}

    def run(side: int, sweeps: int, **options: object) -> float:
        model = Ising((side, side), temperatures=np.array([TEMPERATURE], dtype=np.float32))
        options |= {"sweep_mode": "metropolis", "sequential": True}
        model.sample(100, **options)
        return best(lambda: model.sample(sweeps, **options)) / sweeps / side**2

    for side in METROPOLIS_SIDES:
        found.setdefault("peapods, flips/ns", {})[side] = 1 / run(side, 1_000_000 // side**2)
    for side in CLUSTER_SIDES[:3]:
        sweeps = max(2, 500_000 // side**2)
        both = run(side, sweeps, cluster_update_interval=1, cluster_mode="sw")
        found.setdefault("peapods, cluster ns/spin", {})[side] = both - run(side, sweeps)
    return found


def square_bonds(side: int) -> list[tuple[int, int]]:
    """Forward bonds of the torus."""
    sites = [(x, y) for x in range(side) for y in range(side)]
    right = [(x * side + y, x * side + (y + 1) % side) for x, y in sites]
    down = [(x * side + y, (x + 1) % side * side + y) for x, y in sites]
    return right + down


def dwave() -> dict[str, dict[int, float]]:
    import dimod
    from dwave.samplers import SimulatedAnnealingSampler

    found: dict[int, float] = {}
    for side in METROPOLIS_SIDES[:4]:
        model = dimod.BinaryQuadraticModel.from_ising({}, dict.fromkeys(square_bonds(side), -1.0))
        sampler = SimulatedAnnealingSampler()

        def run(sweeps: int, model: object = model, sampler: object = sampler) -> float:
            return best(
                lambda: sampler.sample(
                    model, num_reads=1, num_sweeps=sweeps, beta_schedule_type="custom",
                    beta_schedule=[1 / TEMPERATURE] * sweeps, num_sweeps_per_beta=1,
                )
            )  # fmt: skip

        sweeps = 1_000_000 // side**2
        # The difference leaves out the conversion of the model.
        found[side] = 4 * sweeps * side**2 / (run(5 * sweeps) - run(sweeps))
    return {"dwave-samplers, flips/ns": found}


def thrml() -> dict[str, dict[int, float]]:
    import jax
    import jax.numpy as jnp
    from thrml import Block, SamplingSchedule, SpinNode, sample_states
    from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

    found: dict[int, float] = {}
    chains, sweeps = 64, 20
    for side in METROPOLIS_SIDES[:4]:
        nodes = [SpinNode() for _ in range(side * side)]
        edges = [(nodes[a], nodes[b]) for a, b in square_bonds(side)]
        model = IsingEBM(
            nodes, edges, jnp.zeros(len(nodes)), jnp.ones(len(edges)), jnp.array(1 / TEMPERATURE)
        )
        colour = [(i // side + i % side) % 2 for i in range(len(nodes))]
        blocks = [Block([n for n, c in zip(nodes, colour, strict=True) if c == k]) for k in (0, 1)]
        program = IsingSamplingProgram(model, blocks, clamped_blocks=[])
        schedule = SamplingSchedule(n_warmup=sweeps, n_samples=1, steps_per_sample=1)
        start, key = jax.random.split(jax.random.key(0))
        state = hinton_init(start, model, blocks, (chains,))
        keys = jax.random.split(key, chains)
        run = jax.jit(
            jax.vmap(
                lambda k, s, p=program, c=schedule, n=nodes: sample_states(
                    k, p, c, s, [], [Block(n)]
                )
            )
        )
        jax.block_until_ready(run(keys, state))
        spent = best(lambda r=run, k=keys, s=state: jax.block_until_ready(r(k, s)))
        found[side] = chains * sweeps * side**2 / spent
    return {"thrml, heat-bath flips/ns": found}


def main() -> None:
    results: dict[str, dict[int, float]] = {}
    for package in (mcising, peapods, dwave, thrml):
        try:
            results |= package()
        except ImportError as error:
            results[f"{package.__name__} did not import: {error}"] = {}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
