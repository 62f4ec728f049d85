"""Scaling dimensions against exact ones: coverage over seeds, and the rows of single models."""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rsmi.information import Estimate, format_with_error
from rsmi.renormalization import OperatorsResult, charge_dimensions, scaling_dimensions
from rsmi.sampling.dimers import Dimers, height_stiffness, stiffness_of_variance, winding_law
from rsmi.storage import SampleRecipe, generate, open_samples

SEEDS = 10
SIZES = (8, 16, 32)
RECORDS = 800


def operators() -> None:
    """All tables."""
    for table in (encoders, letters, chain, dimers, attraction):
        table()


def encoders(seeds: int = SEEDS, records: int = RECORDS, **options: Any) -> None:
    """Encoders of 2 x 2 Ising blocks told only their sector, over seeds."""
    print(f"| seed | sector | {' | '.join(_WAYS)} | s |\n|---|---|{'---|' * len(_WAYS)}---|")
    found = [learned(seed, records, **options) for seed in range(seeds)]
    for sector, exact in _EXACT.items():
        for way in _WAYS:
            own = [one[sector][way] for one in found if way in one[sector]]
            summary(f"{sector}, {way}", own, exact)


_EXACT = {"odd": 0.125, "even": 1.0}
_WAYS = ("covariance", "half", "collapse", "information")


def learned(seed: int, records: int, **options: Any) -> dict[str, dict[str, Estimate]]:
    """Dimensions of both sectors by every way, from samples and trainings of one seed."""
    sectors = {}
    with tempfile.TemporaryDirectory() as folder:
        files = [
            _drawn(
                folder, shape=(n, n), temperature="critical", records=records, seed=99 * seed + n
            )
            for n in SIZES
        ]
        for sector in _EXACT:
            start = time.perf_counter()
            found = scaling_dimensions(files, sector, learn=2, seed=seed, **options)
            ways = sectors[sector] = _ways(found)
            cells = [_text(ways[way]) if way in ways else "" for way in _WAYS]
            seconds = f"{time.perf_counter() - start:.0f}"
            print(f"| {seed} | {sector} | {' | '.join(cells)} | {seconds} |", flush=True)
    return sectors


def _ways(found: OperatorsResult) -> dict[str, Estimate]:
    ways = {"covariance": found.dimensions[0]}
    if found.half is not None:
        ways["half"] = found.half.dimensions[0]
    if found.collapse is not None:
        ways["collapse"] = found.collapse.dimension
    if found.decays:
        ways["information"] = found.decays[0].dimension
    return ways


def summary(name: str, values: list[Estimate], exact: float) -> None:
    """Mean over seeds, and how often the exact value lies within the stated error."""
    pulls = np.array([(v.value - exact) / v.error for v in values])
    mean = float(np.mean([v.value for v in values]))
    error = float(np.std([v.value for v in values], ddof=1)) / math.sqrt(len(values))
    print(
        f"{name}: mean {format_with_error(mean, error)} of {exact} ({(mean / exact - 1):+.1%}), "
        f"within one error {(abs(pulls) < 1).sum()} of {len(pulls)}, within two "
        f"{(abs(pulls) < 2).sum()}, largest {abs(pulls).max():.1f}",
        flush=True,
    )


def letters() -> None:
    """Leading operators of further models, products of letters within reach."""
    cases = [
        ("Potts-3, vector", {"model": "potts", "parameters": {"states": 3}}, "vector", 2 / 15),
        ("Potts-3, invariant", {"model": "potts", "parameters": {"states": 3}}, "invariant", 4 / 5),
    ]
    print("| model | dimensions | exact | s |\n|---|---|---|---|")
    for name, recipe, sector, exact in cases:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _drawn(folder, shape=(n, n), temperature="critical", records=400, seed=n, **recipe)
                for n in SIZES
            ]
            found = scaling_dimensions(files, sector, reach=1.0)
        shown = ", ".join(map(_text, found.dimensions))
        print(f"| {name} | {shown} | {exact:.4f} | {time.perf_counter() - start:.0f} |", flush=True)


def chain(sizes: tuple[int, ...] = (8, 16)) -> None:
    """The transverse-field Ising chain: space alone, L and 2L, by diagonalisation and by NetKet."""
    print("| chain | dimension | exact | s |\n|---|---|---|---|")
    cases = [(sizes, "exact", 1200), (sizes, "variational", 1200)]
    for lengths, update, records in cases:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _drawn(folder, model="tfim", shape=(n,), update=update, records=records, seed=n)
                for n in lengths
            ]
            found = scaling_dimensions(files, "odd", reach=0.0)
        value = _text(found.dimensions[0])
        seconds = time.perf_counter() - start
        print(f"| {update} {lengths} | {value} | .125 | {seconds:.0f} |", flush=True)


def dimers(records: int = 3000) -> None:
    """Free dimers: stiffness, dimer and monomer exponent, and the law of electric charges."""
    start = time.perf_counter()
    print("| free dimers | value | exact |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        files = [
            _drawn(folder, model="dimers", shape=(n, n), temperature=math.inf, records=k, seed=n)
            for n, k in zip(SIZES, (4 * records, 2 * records, records), strict=True)
        ]
        _row("stiffness from windings", _stiffness(files[-1], Dimers((32, 32))), 0.5)
        electric = charge_dimensions(files, "electric")
        for charge, value in zip(electric.charges, electric.stiffnesses, strict=True):
            _row(f"stiffness from charge {charge:g}", value, 0.5)
        assert electric.power is not None
        _row("power of the charge", electric.power, 2.0)
        magnetic = charge_dimensions(files, "magnetic").dimensions[0]
        _row("monomer exponent", _doubled(magnetic), 0.5)
        columns = scaling_dimensions(files, "all", reach=1.0, momentum=(0.5, 0.0))
        _row("dimer exponent", _doubled(columns.dimensions[0]), 2.0)
    print(f"{time.perf_counter() - start:.0f} s", flush=True)


def attraction(records: int = 2000) -> None:
    """Interacting dimers: g(L, T) from windings and charges, the former exactly known."""
    print("| T | g, windings of 8 x 8 | exact for 8 x 8 | g, charge 1/4, 8 -> 16 -> 32 |")
    print("|---|---|---|---|")
    for temperature in (2.0, 1.0):
        model: dict[str, Any] = {"model": "dimers", "temperature": temperature}
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _drawn(folder, shape=(n, n), records=k, seed=n, **model)
                for n, k in zip(SIZES, (records, records // 4, records // 8), strict=True)
            ]
            own = _stiffness(files[0], Dimers((8, 8), temperature))
            electric = charge_dimensions(files, "electric").stiffnesses[1]
        law = winding_law(8, 8, temperature)
        exact = stiffness_of_variance(sum(w * w * p for w, p in law.items()))
        print(f"| {temperature:g} | {_text(own)} | {exact:.5f} | {_text(electric)} |", flush=True)


def _drawn(folder: str, **recipe: Any) -> Path:
    """Samples of 64 chains in a file of a folder."""
    path = Path(folder) / f"{'x'.join(map(str, recipe['shape']))}.h5"
    if recipe.get("update") == "exact":
        recipe |= {"thin": 1, "equilibration": 0}
    defaults = {"chains": 64, "thin": 2, "equilibration": 100}
    generate(SampleRecipe(**{**defaults, **recipe}), path, workers=2)
    return path


def _stiffness(path: Path, model: Dimers) -> Estimate:
    with open_samples(path) as samples:
        windings = [samples.observable(f"winding_{axis}") for axis in (0, 1)]
        both = torch.from_numpy(np.stack(windings, 1)).long()
        return height_stiffness(model.geometry, both, samples.chains)


def _doubled(value: Estimate) -> Estimate:
    return Estimate(2 * value.value, 2 * value.error, "estimate", "1", value.n)


def _row(name: str, value: Estimate, exact: float) -> None:
    off = f"{(value.value - exact) / value.error:+.1f} errors, {value.value / exact - 1:+.1%}"
    print(f"| {name} | {_text(value)} | {exact:g} ({off}) |", flush=True)


def _text(value: Estimate) -> str:
    return format_with_error(value.value, value.error)
