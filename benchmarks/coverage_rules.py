"""How learned rules of any letters stand to exact values: `python benchmarks/trust.py rules`.

Configurations are drawn from the enumerated distribution: nothing but the learning is judged.
"""

from collections.abc import Callable

import torch

from rsmi.lattice import Window, place
from rsmi.learning import learn_rule
from rsmi.sampling.exact.window import WindowPosterior, enumerated_window
from rsmi.sampling.families import find_family
from rsmi.storage import Samples, samples_of

SEEDS = 10
ROWS = 32768
# Of six by six dimers, whose predictor asks for more.
LARGE = {"rows": 98304, "symmetry": "allow", "max_epochs": 24}
SYSTEMS = {
    "dimers 4x4": ("dimers", (4, 4), "inf", {}, Window((1, 2), 1, None), 2),
    "Blume-Capel 3x3": (
        "blume_capel", (3, 3), 0.8, {"crystal_field": 1.9}, Window((2, 2), 0, None), 3,
    ),
    "Potts-3 3x3": ("potts", (3, 3), 1.0, {"states": 3}, Window((2, 2), 0, None), 3),
    "triangular 4x4": (
        "ising_graph", (4, 4), 3.6, {"lattice": "triangular"}, Window((2, 2), 0, None), 2,
    ),
    "honeycomb 2x4": (
        "ising_graph", (2, 4), 1.5, {"lattice": "honeycomb"}, Window((1, 2), 0, None), 2,
    ),
    "dimers 6x6": ("dimers", (6, 6), "inf", {}, Window((2, 2), 1, None), 4),
    "dimers 6x6, one bit": ("dimers", (6, 6), "inf", {}, Window((2, 2), 1, None), 2),
}  # fmt: skip


def listed(name: str, rows: int) -> tuple[WindowPosterior, Callable[[int], Samples]]:
    """The window of a system solved exactly, and rows drawn from its list by their seed."""
    model, shape, temperature, parameters, window, _ = SYSTEMS[name]
    family = find_family(model)
    built = family.built(shape, temperature, parameters)
    letters, chances = family.enumerate(built)
    space = family.space(built)

    def draw(seed: int) -> Samples:
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.multinomial(chances, rows, replacement=True, generator=generator)
        return samples_of(letters[chosen], chains=rows, space=space)

    return enumerated_window(letters, chances, place(window, space)), draw


def judged(name: str, seed: int, rows: int = ROWS, **options: object) -> tuple[float, ...]:
    """Bound minus exact value in errors, exact value over the optimum, bound over exact value."""
    _, _, _, _, window, symbols = SYSTEMS[name]
    solved, draw = listed(name, rows)
    samples = draw(seed)
    found = learn_rule(samples, window, symbols=symbols, seed=seed, null=False, **options)
    exact = solved.rule(found.rule.table()).value
    pull = (found.information.value - exact) / found.information.error
    return pull, exact, best(solved, symbols), found.information.value


def best(solved: WindowPosterior, symbols: int) -> float:
    """The most that so many symbols can keep."""
    return solved.optimum(symbols, "allow")[1].value


def rules() -> None:
    print("| system | symbols | best of all | worst rule | worst bound | largest, least pull | |")
    print("|---|---|---|---|---|---|---|")
    for name in SYSTEMS:
        options = LARGE if "6x6" in name else {}
        runs = [judged(name, seed, **options) for seed in range(SEEDS)]  # type: ignore[arg-type]
        pulls, exact, most, bounds = (torch.tensor(column) for column in zip(*runs, strict=True))
        print(
            f"| {name} | {SYSTEMS[name][-1]} | {float(most[0]):.5f} | {float(exact.min()):.5f} | "
            f"{float(bounds.min()):.4f} | {float(pulls.max()):+.1f} | {float(pulls.min()):+.1f} |",
            flush=True,
        )
