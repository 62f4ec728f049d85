"""What samples say of their model: means per site, and how long the records remember them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rsmi.information import Outcome, Quantity, Sheet, format_with_error
from rsmi.sampling import autocorrelation_time, mean_estimate
from rsmi.storage.grid import SampleGrid
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.interface import Samples
from rsmi.storage.opening import open_samples
from rsmi.storage.recorded import recorded
from rsmi.storage.shards import SHARDS

_TIMED = ("energy", "magnetisation")


@dataclass(frozen=True, repr=False)
class Summary(Outcome):
    """Means and autocorrelation times of samples, or of every cell of a grid.

    Args:
        numbers: The quantities.
        keys: Keys of their contexts that tell the cells of a grid apart.
    """

    numbers: Sequence[Quantity]
    keys: Sequence[str] = ()

    def quantities(self) -> list[Quantity]:
        """`sampling.energy` and so on, exact values as references where they are known."""
        return list(self.numbers)

    def sheets(self) -> list[Sheet]:
        """Of a grid one row for each cell, the exact value below the measured one."""
        if not self.keys:
            return super().sheets()
        names = list(dict.fromkeys(quantity.name for quantity in self.numbers))
        cells: dict[tuple[str, ...], dict[str, str]] = {}
        for quantity in self.numbers:
            cell = tuple(quantity.context[key] for key in self.keys)
            cells.setdefault(cell, {})[quantity.name] = _text(quantity)
        rows = [[*cell, *(own.get(n, "") for n in names)] for cell, own in cells.items()]
        return [Sheet("", [*self.keys, *(name.partition(".")[2] for name in names)], rows)]


def describe(samples: Samples) -> Summary:
    """Energy and other means per site, and how long the records remember them.

    Args:
        samples: Configurations with their observables, as they were recorded.

    Returns:
        `sampling.<observable>` of the energy, the absolute magnetisation and what the family of
        the model reports besides, with errors that know the autocorrelation, and
        `sampling.tau_int.<observable>` in sweeps or records.
    """
    known = recorded(samples.header) if isinstance(samples, Hdf5Samples) else None
    if known is None:
        units = {"energy": "J", "magnetisation": "1"}
        return _summary(samples, math.prod(samples.shape), {}, units)
    family, model = known.family, known.model
    units = family.units(model)
    names = [name for name in _TIMED if name in units]
    shown = {name: units[name] for name in [*names, *family.reported]}
    return _summary(samples, family.sites(model), family.exact(model), shown)


def describe_grid(grid: SampleGrid, directory: str | Path) -> Summary:
    """The same of every cell of a grid that was drawn into a directory.

    Args:
        grid: What was drawn.
        directory: As in `sample_grid`.
    """
    found: list[Quantity] = []
    for cell in grid.cells():
        choice = {key: str(value) for key, value in cell.choice.items()}
        with open_samples(Path(directory) / SHARDS / f"{cell.name}.h5") as samples:
            found += [quantity.about(**choice) for quantity in describe(samples).numbers]
    return Summary(found, list(grid.grid))


def _summary(
    samples: Samples, sites: int, exact: Mapping[str, float], units: Mapping[str, str]
) -> Summary:
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
        Quantity.of(f"sampling.tau_int.{name}", autocorrelation_time(series[name]))
        for name in _TIMED
        if name in series
    ]
    return Summary([*means, *times])


def _text(quantity: Quantity) -> str:
    if quantity.reference is None:
        return quantity.text
    return f"{quantity.text}\n{format_with_error(quantity.reference, digits=6)} exactly"
