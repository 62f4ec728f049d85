"""`rsmi sample GRID.yaml`: every cell of a grid, by processes or as jobs of a cluster."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml
from rich.table import Table

from rsmi.cli.options import Option
from rsmi.cli.output import Output, to_plain
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.progress import counting
from rsmi.cli.sample import describe
from rsmi.errors import InputError
from rsmi.report import Quantity
from rsmi.storage import Cluster, SampleGrid, SampleRecipe, open_samples, sample_grid
from rsmi.storage.grid import GRID, Cell
from rsmi.storage.shards import SHARDS

DESCRIPTION = (
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


@dataclass(frozen=True)
class Job:
    """What a job of the cluster may use.

    Args:
        partition: Slurm partition; the cluster's default without one.
        minutes: Most minutes of a job; one that is stopped then is queued again and goes on.
        memory_gb: Memory of a job in GB.
        most: Most jobs of the array, which share the cells; one for each cell without a number.
    """

    partition: str | None = None
    minutes: int = 240
    memory_gb: float = 4.0
    most: int | None = None


def draw_grid(arguments: Sequence[str]) -> None:
    """Parse and run."""
    settings, execution = parse("sample", _settings(), arguments, DESCRIPTION, sampling=True)
    grid, cluster = _grid(settings), _cluster(settings)
    if execution.out is None:
        raise InputError("no output directory; give --out DIR")
    if cluster is not None:
        cluster.check()
    output = Output("sample", grid.to_plain(), execution.out, execution.resume)
    _draw(grid, settings.processes, cluster, execution, output)
    quantities = _describe(grid, Path(execution.out))
    output.finish(quantities, None, table=_table(grid, quantities))


def _draw(
    grid: SampleGrid, processes: int, cluster: Cluster | None, execution: Execution, output: Output
) -> None:
    cells = grid.cells()
    with (
        output.stage("sampling", f"Sampling {len(cells)} cells of a grid"),
        counting(output.console, "configurations") as progress,
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


def _describe(grid: SampleGrid, directory: Path) -> list[Quantity]:
    """The quantities of every cell, with the values of the grid's keys as their context."""
    found = []
    for cell in grid.cells():
        with open_samples(directory / SHARDS / f"{cell.name}.h5") as samples:
            for quantity in describe(samples):
                context = {**quantity.context, **_choice(cell)}
                found.append(dataclasses.replace(quantity, context=context))
    return found


def _table(grid: SampleGrid, quantities: list[Quantity]) -> Table:
    """One row for each cell, the exact value below the measured one where it is known."""
    names = list(dict.fromkeys(quantity.name for quantity in quantities))
    table = Table(*grid.grid, *(name.partition(".")[2] for name in names), box=None)
    for cell in grid.cells():
        choice = _choice(cell)
        own = {q.name: q for q in quantities if choice.items() <= dict(q.context).items()}
        table.add_row(*choice.values(), *(_text(own.get(name)) for name in names))
    return table


def _text(quantity: Quantity | None) -> str:
    if quantity is None:
        return ""
    exact = "" if quantity.reference is None else f"\n{quantity.reference:.5f} exactly"
    return quantity.text + exact


def _choice(cell: Cell) -> dict[str, str]:
    return {key: str(value) for key, value in cell.choice.items()}


def explain(arguments: Sequence[str], description: str) -> None:
    """`rsmi sample --help`: the options of a recipe, and those of a grid of recipes."""
    parse("sample", _settings(varied=False), arguments, description, sampling=True)


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


def _cluster(settings: Any) -> Cluster | None:
    if settings.cluster is None:
        return None
    job = settings.job
    return Cluster(settings.cluster, job.partition, job.minutes, job.memory_gb, job.most)


def _keys() -> list[str]:
    return [field.name for field in dataclasses.fields(SampleRecipe)]
