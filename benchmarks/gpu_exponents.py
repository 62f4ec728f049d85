"""Exponents of critical Ising spins that are drawn and measured on a CUDA device, in one pass.

python benchmarks/gpu_exponents.py [seconds] [model ...]

Each model gets its share of the seconds (180 without); sizes of runs follow from a short trial.
Potts letters have no sampler on CUDA, so they are not among the models.
"""

import contextlib
import math
import os
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rsmi.errors import RsmiError
from rsmi.information import Estimate
from rsmi.progress import Progress, silent
from rsmi.renormalization import MCRGResult, renormalise
from rsmi.sampling.ising import CRITICAL_COUPLING_3D
from rsmi.storage import DrawnSamples, SampleRecipe

SQUARE = SampleRecipe(
    shape=(256, 256), temperature="critical", chains=1024, records=1, seed=1,
    update="swendsen_wang", thin=4, equilibration=400,
)  # fmt: skip
CUBIC = replace(
    SQUARE, shape=(64, 64, 64), temperature=1 / CRITICAL_COUPLING_3D, chains=256, thin=3,
    equilibration=300,
)  # fmt: skip
TRIAL = 24
# recipe, reach, share of the time
MODELS = {
    "square": (SQUARE, 5**0.5, 0.65),
    "cubic": (CUBIC, 2.0, 0.35),
    "small_square": (replace(SQUARE, shape=(16, 16), chains=64), 2.0, 1.0),
    "small_cubic": (replace(CUBIC, shape=(32, 32, 32), chains=16), 1.5, 1.0),
}
DEFAULT = ("square", "cubic")


def main(seconds: float = 180.0, names: Sequence[str] = DEFAULT) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(torch.cuda.get_device_name() if device == "cuda" else "CPU", flush=True)
    for name in names:
        recipe, reach, share = MODELS[name]
        _model(name, recipe, reach, share * seconds, device)


def _model(name: str, recipe: SampleRecipe, reach: float, seconds: float, device: str) -> None:
    began = time.perf_counter()
    drawn = _per_record(recipe, device, None)
    both = _per_record(recipe, device, reach)
    left = seconds - (time.perf_counter() - began)
    records = max(20, int((left - drawn * (recipe.equilibration or 0) / (recipe.thin or 1)) / both))
    spins = recipe.chains * math.prod(recipe.shape)
    print(
        f"\n{name}: a record of {recipe.chains} lattices is drawn in {drawn:.4f} s "
        f"({spins * (recipe.thin or 1) / drawn / 1e9:.2f} spin updates/ns), drawn and measured in "
        f"{both:.4f} s; {records} records",
        flush=True,
    )
    began = time.perf_counter()
    result = _run(replace(recipe, records=records), reach, device)
    print(f"{result.n} configurations in {time.perf_counter() - began:.1f} s")
    _keep(name, result)
    _show(result)


def _per_record(recipe: SampleRecipe, device: str, reach: float | None) -> float:
    """Seconds for one record, drawn only or measured too; the first ones compile and warm up."""
    seen = [(time.perf_counter(), 0)]

    def record(done: int, n: int = 0) -> None:
        if device == "cuda":
            torch.cuda.synchronize()
        seen.append((time.perf_counter(), done))

    short = replace(recipe, records=TRIAL, equilibration=20)
    if reach is None:
        for number, _ in enumerate(DrawnSamples(short, device=device).records, 1):
            record(number * recipe.chains)
    else:
        with contextlib.suppress(RsmiError):  # it is not in equilibrium
            _run(short, reach, device, record)
    (begin, first), (end, last) = seen[len(seen) // 4], seen[-1]
    return (end - begin) / (last - first) * recipe.chains


def _run(
    recipe: SampleRecipe, reach: float, device: str, progress: Progress = silent
) -> MCRGResult:
    samples = DrawnSamples(recipe, device=device)
    rule = "soft_majority" if len(recipe.shape) == 3 else "majority"
    return renormalise(samples, rule, reach=reach, progress=progress)


def _keep(name: str, result: MCRGResult) -> None:
    """Exponents of every step and basis, also without each block of the data, for a closer look."""
    if folder := os.environ.get("OUT"):
        entries = [*result.scan, *result.further]
        (Path(folder) / f"{name}.pickle").write_bytes(pickle.dumps(entries))


def _show(result: MCRGResult) -> None:
    print(result.order)
    print(result.verdict.text)
    for entry in result.scan:
        name = f"{entry.parity} step {entry.level + 1}, {entry.coarse_shape[0]} wide"
        print(
            f"  {name}, {entry.n_couplings} couplings up to {entry.last}: {_text(entry.exponent)}"
        )
    if result.verdict.fixed_point:
        for name, exponent in (result.exponents | result.further_exponents).items():
            known = result.known.get(name)
            parts = f"statistical {exponent.statistical:.6f}, truncation {exponent.truncation:.6f}"
            print(f"{name} = {_text(exponent.value)} ({parts}; known {known})")


def _text(value: Estimate) -> str:
    return f"{value.value:.6f} +- {value.error:.6f}"


if __name__ == "__main__":
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    main(limit, sys.argv[2:] or DEFAULT)
