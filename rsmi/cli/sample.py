"""`rsmi sample`: draw the configurations of a recipe into an HDF5 file."""

import math
from collections.abc import Sequence
from pathlib import Path

from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.errors import InputError
from rsmi.report import Quantity
from rsmi.sampling import autocorrelation_time, mean_estimate
from rsmi.sampling.exact import kaufman
from rsmi.storage import SampleRecipe, Samples, generate, open_samples
from rsmi.storage.hdf5 import Hdf5Samples

DESCRIPTION = "Draw configurations from a recipe; equal recipes give equal bytes."
FILE_NAME = "samples.h5"


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    recipe, execution = parse("sample", SampleRecipe, arguments, DESCRIPTION)
    if execution.out is None:
        raise InputError("no output directory; give --out DIR")
    output = Output("sample", recipe, execution.out, execution.resume)
    path = draw(recipe, execution, output)
    with open_samples(path) as samples:
        quantities = describe(samples)
    output.finish(quantities, recipe.seed)


def draw(recipe: SampleRecipe, execution: Execution, output: Output) -> Path:
    """Write `samples.h5` into the output directory, with a progress bar."""
    path = Path(str(execution.out)) / FILE_NAME
    total = recipe.chains * recipe.records
    size = " x ".join(map(str, recipe.shape))
    with (
        output.stage("sampling", f"Sampling {total} configurations of {recipe.model} {size}"),
        counting(output.console, "configurations") as progress,
    ):
        generate(recipe, path, execution.workers, execution.resume, progress)
    with Hdf5Samples(path) as samples:
        output.say(samples.attributes["equilibration_report"])
    return path


def describe(samples: Samples) -> list[Quantity]:
    """Energy and magnetisation per site and how long the records remember them."""
    sites = math.prod(samples.shape)
    energy, magnetisation = (
        samples.observable(name).reshape(-1, samples.chains).T / sites
        for name in ("energy", "magnetisation")
    )
    size = abs(magnetisation)
    return [
        Quantity.of("sampling.energy", mean_estimate(energy, "J"), _exact_energy(samples)),
        Quantity.of("sampling.magnetisation", mean_estimate(size, "1")),
        Quantity.of("sampling.tau_int.energy", autocorrelation_time(energy)),
        Quantity.of("sampling.tau_int.magnetisation", autocorrelation_time(size)),
    ]


def _exact_energy(samples: Samples) -> float | None:
    """Kaufman's energy per site, where it applies."""
    if samples.model is None or len(samples.shape) != 2:
        return None
    coupling = float(samples.model["coupling"])
    return kaufman((samples.shape[0], samples.shape[1]), coupling).energy if coupling > 0 else None
