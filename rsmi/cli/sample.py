"""`rsmi sample`: draw the configurations of a recipe, or of every cell of a grid of them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from rsmi.cli.configs import Option, config_of, given
from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError
from rsmi.runs.result import SAMPLES_NAME
from rsmi.runs.settings import Execution, to_plain
from rsmi.runs.steps import draw
from rsmi.storage import (
    Cluster,
    Job,
    SampleGrid,
    SampleRecipe,
    describe,
    describe_grid,
    open_samples,
    sample_grid,
)
from rsmi.storage.grid import GRID

DESCRIPTION = (
    "Draw configurations from a recipe; equal recipes give equal bytes. A recipe with the key "
    "`grid`, a list of values for each key to vary, is drawn in every combination."
)
OF_A_GRID = (GRID, "processes", "cluster", "job")
"""Options that only a grid has."""


OF_GRIDS = (
    "Draw every cell of a grid into its own shard and show the shards as one file; equal grids "
    "give equal bytes, wherever they are drawn."
)

_OPTIONS = """
        grid: A list of values for each key to vary.
        processes: With a grid, processes of this machine that share the cells and the workers.
        cluster: With a grid, submit jobs instead: to `slurm`, to processes of this machine
            (`local`), or to this very process (`debug`).
        job: What each job may use.
"""


def main(arguments: Sequence[str]) -> None:
    """Parse and run; a YAML with the key `grid` is drawn cell by cell."""
    if names_a_grid(arguments):
        draw_grid(arguments)
        return
    if not {"-h", "--help"}.isdisjoint(arguments):  # of a recipe, and of a grid of recipes
        parse("sample", _settings(varied=False), arguments, DESCRIPTION, sampling=True)
    recipe, execution = parse("sample", SampleRecipe, arguments, DESCRIPTION, sampling=True)
    if execution.out is None:
        raise InputError("no output directory; give --out DIR")
    output = Output("sample", recipe, execution.out, execution.resume)
    path = draw(recipe, Path(execution.out) / SAMPLES_NAME, execution, output)
    with open_samples(path) as samples:
        found = describe(samples)
    output.finish(found, recipe.seed)


def names_a_grid(arguments: Sequence[str]) -> bool:
    """Whether one of the arguments is a grid, or the path of one."""
    keys = {name.partition(".")[0] for name in given(arguments)}
    return not keys.isdisjoint(OF_A_GRID) or GRID in config_of(arguments)


def draw_grid(arguments: Sequence[str]) -> None:
    """Parse and run."""
    settings, execution = parse("sample", _settings(), arguments, OF_GRIDS, sampling=True)
    grid, cluster = _grid(settings), settings.job.cluster(settings.cluster)
    if execution.out is None:
        raise InputError("no output directory; give --out DIR")
    if cluster is not None:
        cluster.check()
    output = Output("sample", grid.to_plain(), execution.out, execution.resume)
    _draw_cells(grid, settings.processes, cluster, execution, output)
    output.finish(describe_grid(grid, execution.out), None)


def _draw_cells(
    grid: SampleGrid, processes: int, cluster: Cluster | None, execution: Execution, output: Output
) -> None:
    cells = grid.cells()
    with (
        output.stage("sampling", f"Sampling {len(cells)} cells of a grid"),
        output.counting("configurations") as progress,
    ):
        path = sample_grid(
            grid,
            str(execution.out),
            processes,
            max(1, execution.workers // max(1, processes)),
            execution.resume,
            cluster,
            progress,
            execution.device,
        )
    output.say(f"{path} shows all {len(cells)} shards")


def _settings(varied: bool = True) -> type[Any]:
    """The options of a recipe, none of them required where a grid varies them, and of a grid."""
    hints, own = get_type_hints(SampleRecipe), dataclasses.fields(SampleRecipe)
    options: list[Any] = [
        (one.name, hints[one.name] | None, None)
        if varied
        else (one.name, hints[one.name], _as(one))
        for one in own
    ]
    options += [
        (GRID, dict[str, Any], field(default_factory=dict)),
        ("processes", int, 1),
        ("cluster", Literal["slurm", "local", "debug"] | None, None),
        ("job", Job, field(default_factory=Job)),
    ]
    made = make_dataclass("GridSettings", options, kw_only=True, frozen=True)
    made.__doc__ = (SampleRecipe.__doc__ or "").split("    Raises:")[0].rstrip() + _OPTIONS
    return made


def _as(one: dataclasses.Field[Any]) -> Any:
    """A field with the default of another, or with none."""
    return field(default=one.default, default_factory=one.default_factory)


def _grid(settings: Any) -> SampleGrid:
    given = {key: getattr(settings, key) for key in _keys()}
    base = {key: value for key, value in to_plain(given).items() if value is not None}
    shape = Option(tuple[int, ...])
    grid = {
        key: [yaml.safe_load(shape.written(v)) if isinstance(v, str) else v for v in values]
        if key == "shape" and isinstance(values, list)
        else values
        for key, values in settings.grid.items()
    }
    return SampleGrid(base, grid)


def _keys() -> list[str]:
    return [field.name for field in dataclasses.fields(SampleRecipe)]
