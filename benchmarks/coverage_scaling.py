"""How often transitions and powers of finite-size scaling lie within their errors."""

import shutil

import numpy as np
from measurement import SCRATCH, WORKERS

from rsmi.scaling import finite_size_scaling, percolation
from rsmi.storage import SampleGrid, sample_grid

SIZES, TEMPERATURES = (16, 24, 32, 48, 64), (2.21, 2.23, 2.25, 2.27, 2.29, 2.31, 2.33)
NAMES = ("T_c", "nu", "beta_over_nu", "gamma_over_nu")


def scaling(runs: int = 40, records: int = 100, first: int = 1001) -> None:
    """A row for each number: share of the runs within one and two errors of the exact value."""
    found = np.array([_deviations(seed, records) for seed in range(first, first + runs)])
    print(
        f"2D Ising, L = {', '.join(map(str, SIZES))}, {len(TEMPERATURES)} temperatures, {runs} runs"
    )
    print("| number | within 1 error | within 2 | mean deviation | rms | error |")
    print("|---|---|---|---|---|---|")
    for name, own in zip(NAMES, found.transpose(1, 0, 2), strict=True):
        far, errors = own.T
        within = " | ".join(f"{100 * (abs(far) <= k).mean():.0f} %" for k in (1, 2))
        rms = np.sqrt((far**2).mean())
        print(f"| {name} | {within} | {far.mean():+.2f} | {rms:.2f} | {errors.mean():.2g} |")


def threshold(runs: int = 10) -> None:
    """p_c, nu and beta/nu of sites and bonds of the square lattice by wrapping, over seeds."""
    print("| square lattice | number | within 1 error | within 2 | error | worst deviation |")
    print("|---|---|---|---|---|---|")
    for kind in ("site", "bond"):
        found = [percolation(kind=kind, seed=seed).quantities()[:3] for seed in range(1, runs + 1)]
        for own in zip(*found, strict=True):
            far = np.array([quantity.deviation or 0.0 for quantity in own])
            off = max(abs(quantity.value / (quantity.reference or 1.0) - 1) for quantity in own)
            error = np.mean([quantity.error for quantity in own])
            within = " | ".join(f"{100 * (abs(far) <= k).mean():.0f} %" for k in (1, 2))
            print(f"| {kind} | {own[0].name} | {within} | {error:.2g} | {100 * off:.1f} % |")


def _deviations(seed: int, records: int) -> list[tuple[float, float]]:
    """Deviation in errors, and the error, of every number of one run."""
    base = {
        "model": "ising", "chains": 64, "records": records, "thin": 2, "equilibration": 100,
        "seed": seed,
    }  # fmt: skip
    shapes = [[size, size] for size in SIZES]
    grid = SampleGrid(base, {"shape": shapes, "temperature": list(TEMPERATURES)})
    directory = SCRATCH / f"scaling{seed}"
    try:
        result = finite_size_scaling(sample_grid(grid, directory, workers=WORKERS))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    named = {quantity.name: quantity for quantity in result.quantities()}
    chosen = [named[f"scaling.{name}"] for name in NAMES]
    return [(quantity.deviation or 0.0, quantity.error) for quantity in chosen]
