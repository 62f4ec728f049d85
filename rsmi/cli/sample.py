"""`rsmi sample`: draw the configurations of a recipe into an HDF5 file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rsmi.cli.configs import config_of, given
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.errors import InputError
from rsmi.report import Quantity
from rsmi.sampling import autocorrelation_time, mean_estimate
from rsmi.storage import SampleRecipe, Samples, generate, open_samples
from rsmi.storage.generation import Drawing
from rsmi.storage.grid import GRID
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.recorded import recorded
from rsmi.storage.room import in_bytes

DESCRIPTION = (
    "Draw configurations from a recipe; equal recipes give equal bytes. A recipe with the key "
    "`grid`, a list of values for each key to vary, is drawn in every combination."
)
FILE_NAME = "samples.h5"
OF_A_GRID = (GRID, "processes", "cluster", "job")
"""Options that only a grid has."""


def main(arguments: Sequence[str]) -> None:
    """Parse and run; a YAML with the key `grid` is drawn cell by cell."""
    if names_a_grid(arguments):
        from rsmi.cli.sample_grid import draw_grid

        draw_grid(arguments)
        return
    if not {"-h", "--help"}.isdisjoint(arguments):
        from rsmi.cli.sample_grid import explain

        explain(arguments, DESCRIPTION)
    recipe, execution = parse("sample", SampleRecipe, arguments, DESCRIPTION, sampling=True)
    if execution.out is None:
        raise InputError("no output directory; give --out DIR")
    output = Output("sample", recipe, execution.out, execution.resume)
    path = draw(recipe, execution, output)
    with open_samples(path) as samples:
        quantities = describe(samples)
    output.finish(quantities, recipe.seed)


def names_a_grid(arguments: Sequence[str]) -> bool:
    """Whether one of the arguments is a grid, or the path of one."""
    if any(
        name.partition(".")[0] in (GRID, "cluster", "processes", "job") for name in given(arguments)
    ):
        return True
    return GRID in config_of(arguments)


def draw(recipe: SampleRecipe, execution: Execution, output: Output) -> Path:
    """Write `samples.h5` into the output directory, with a progress bar."""
    path = Path(str(execution.out)) / FILE_NAME
    total = recipe.chains * recipe.records
    size = " x ".join(map(str, recipe.shape))
    with (
        output.stage("sampling", f"Sampling {total} configurations of {recipe.model} {size}"),
        counting(output.console, "configurations") as progress,
    ):
        drawing = Drawing.of(recipe)
        drawing.check_room(path)
        memory, disk = in_bytes(drawing.memory), in_bytes(drawing.disk)
        output.say(f"about {memory} of memory and {disk} of disk are needed")
        generate(recipe, path, execution.workers, execution.resume, progress, execution.device)
    with Hdf5Samples(path) as samples:
        facts = samples.attributes
    output.say(facts["equilibration_report"])
    output.say(f"drawn by {recipe.update}, method {facts['method']} on {facts['device']}")
    return path


def describe(samples: Samples) -> list[Quantity]:
    """Energy and other means per site, and how long the records remember them."""
    known = recorded(samples.header) if isinstance(samples, Hdf5Samples) else None
    if known is None:
        return _describe(
            samples, math.prod(samples.shape), {}, {"energy": "J", "magnetisation": "1"}
        )
    family, model = known.family, known.model
    units = family.units(model)
    names = [n for n in ("energy", "magnetisation") if n in units]
    shown = {name: units[name] for name in [*names, *family.reported]}
    return _describe(samples, family.sites(model), family.exact(model), shown)


def _describe(
    samples: Samples, sites: int, exact: Mapping[str, float], units: Mapping[str, str]
) -> list[Quantity]:
    """Means of observables per site, then the times of energy and absolute magnetisation."""
    series = {
        name: samples.observable(name).reshape(-1, samples.chains).T / sites for name in units
    }
    series["magnetisation"] = abs(series["magnetisation"])
    means = [
        Quantity.of(
            f"sampling.{name}",
            mean_estimate(values, units[name]),
            exact[name] / sites if name in exact else None,
        )
        for name, values in series.items()
    ]
    times = [
        Quantity.of(f"sampling.tau_int.{name}", autocorrelation_time(values))
        for name, values in series.items()
        if name in ("energy", "magnetisation")
    ]
    return [*means, *times]
