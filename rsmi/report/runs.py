"""The figures of a run and of a scan, drawn from what they found."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rsmi.information import Plain, Quantity, format_with_error
from rsmi.renormalization import coarse_grain
from rsmi.report import figures
from rsmi.report.drawing import draw
from rsmi.report.learning import information_figure
from rsmi.report.page import Figure, write_report
from rsmi.runs.comparing import Comparison
from rsmi.runs.files import write_whole
from rsmi.runs.grid import short_names
from rsmi.runs.pipeline import RunResult
from rsmi.runs.result import Result
from rsmi.runs.table import FitResult, PointResult, ScanResult, value_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_HEADLINE = (
    "information.learned",
    "information.learned.null",
    "exponents.y_t",
    "exponents.y_h",
    "exponents.nu",
    "exponents.eta",
)


@dataclass(frozen=True)
class Drawn:
    """What a run found, to be drawn.

    Args:
        found: Its result.
        quantities: Its numbers.
        directory: Receives the figures.
    """

    found: RunResult
    quantities: Sequence[Quantity]
    directory: Path


@draw.register(RunResult)
def _summary(found: RunResult) -> "Picture":
    return information_figure(found.quantities())


def write_pictures(
    directory: Path, found: RunResult, result: Result, say: Callable[[str], None]
) -> Path:
    """Draw every figure of a run into `directory`/figures, and write `report.html`.

    The numbers are on disk by now: a figure that cannot be drawn is left out, with its reason.

    Args:
        directory: Of the run.
        found: What it found.
        result: The same as it stands on disk.
        say: Is told which figures could not be drawn.

    Returns:
        Path of the page.
    """
    target = directory / "figures"
    target.mkdir(exist_ok=True)
    run = Drawn(found, result.numbers, target)
    spins: dict[str, Callable[[], Figure]] = {
        "levels": lambda: _levels(run),
        "rule": lambda: _rule(run),
    }
    pictures: dict[str, Callable[[], Figure]] = {
        **(spins if found.configuration is not None else {}),  # pictures of +1 and -1
        "information": lambda: _information(run),
        "training": lambda: _training(run),
    }
    if found.learned.learning_curve is not None:
        pictures["learning curve"] = lambda: _learning_curve(run)
    for rule in found.flows:
        pictures[f"exponents of '{rule}'"] = partial(_exponents, run, rule)
    drawn = [figure for name, make in pictures.items() if (figure := _tried(name, make, say))]
    present = {quantity.name for quantity in result.numbers}
    headline = [name for name in _HEADLINE if name in present]
    return write_report(directory, result, drawn, headline, f"rsmi: {directory.name}")


def _tried(name: str, draw: Callable[[], Figure], say: Callable[[str], None]) -> Figure | None:
    """A figure, or None where it cannot be drawn."""
    try:
        return draw()
    except Exception as error:  # whatever it is, it is worth less than the figures after it
        reason = str(error) or type(error).__name__
        say(f"the figure of the {name} could not be drawn ({reason}); no number is missing")
        return None


def _levels(run: Drawn) -> Figure:
    """One configuration and what the rule makes of it."""
    assert run.found.configuration is not None, "drawn for letters of two values only"
    levels, rule = [run.found.configuration], run.found.learned.rule
    while rule.n_symbols == 2 and _divisible(levels[-1], rule.block) and len(levels) < 4:
        levels.append(coarse_grain(levels[-1], rule.table(), rule.block, level=len(levels)))
    labels = ["samples", *(f"step {step}" for step in range(1, len(levels)))]
    figure = figures.levels([level[0].numpy() for level in levels], labels)
    return Figure(
        figures.save(figure, run.directory / "levels.png"),
        "A configuration and its coarse-grained levels",
        "The learned rule applied again and again to the least magnetised of the first "
        "configurations. At a critical point the levels look alike on every scale.",
    )


def _rule(run: Drawn) -> Figure:
    rule = run.found.learned.rule
    return Figure(
        figures.save(figures.rule(rule.table(), rule.block), run.directory / "rule.png"),
        f"The learned rule for blocks of {' x '.join(map(str, rule.block))}",
        "Each block configuration and the coarse spin that stands for it. The colour is the "
        "probability that the coarse spin is up.",
    )


def _information(run: Drawn) -> Figure:
    return Figure(
        figures.save(information_figure(run.quantities), run.directory / "information.png"),
        "What each rule keeps about the environment",
        "Mutual information with the environment beyond the buffer. Dots are lower bounds on "
        "configurations never trained on; diamonds use the exact p(v|e) of the Hamiltonian at "
        "sampled environments. The null repeats the training on environments of other "
        "chains.",
    )


def _learning_curve(run: Drawn) -> Figure:
    figure = figures.learning_curve(run.quantities)
    return Figure(
        figures.save(figure, run.directory / "learning_curve.png"),
        "What more configurations would give",
        "The held-out value learned from parts of the training configurations and from all of "
        "them, on the same test windows. The bars are the spread between parts of one size; the "
        "limit and its band, with the error of the test part, stand only where the points "
        "determine them.",
    )


def _value(name: str, quantities: Sequence[Quantity]) -> float | None:
    return next((quantity.value for quantity in quantities if quantity.name == name), None)


def _divisible(configurations: torch.Tensor, block: tuple[int, ...]) -> bool:
    extents = zip(configurations.shape[1:], block, strict=True)
    return all(extent % b == 0 and extent // b >= 4 for extent, b in extents)


def _training(run: Drawn) -> Figure:
    exact = _value(f"information.exact.{run.found.learned.target}", run.quantities)
    points = run.found.learned.curve
    curve = figures.Curve([point.step for point in points], [point.information for point in points])
    best = max(points, key=lambda point: point.information)
    figure = figures.training(curve, exact, best.step)
    return Figure(
        figures.save(figure, run.directory / "training.png"),
        "Training",
        "What is learned, on the validation part after each epoch: the information of the whole "
        "block with `posterior`, of the hard rule with `joint`; and its largest value where the "
        "Hamiltonian is known. The marked state was kept.",
    )


def _exponents(run: Drawn, rule: str) -> Figure:
    return Figure(
        figures.save(run.found.flows[rule].plot(), run.directory / f"exponents_{rule}.png"),
        f"Exponents with the rule '{rule}'",
        "Leading exponents of the stability matrix by coarse-graining step and number of "
        "couplings. The spread between steps and bases is the truncation error; the band is the "
        "value quoted, with both errors.",
    )


_MEASURED = {
    "information": "$I(H:E)$, nats",
    "H(X|T)": "$H(V|H)$, nats",
    "H(Y|T)": "$H$(phase$|h...)$",
    "y_t": "$y_t$",
    "y_h": "$y_h$",
    "y_t.step.1": "$y_t$, first step",
    "y_t.one_coupling": "$y_t$, one coupling",
    "rangeness": "rangeness",
    "bodyness": "m-bodyness",
}
"""Numbers of a comparison that have a panel, and its title."""


@draw.register(Comparison)
def comparison_figure(found: Comparison) -> "Picture":
    """A panel for each number, a row for each method."""
    best = next((q.value for q in found.quantities() if q.name == "compare.optimum"), None)
    panels = []
    for name, title in _MEASURED.items():
        rows = [_dots(found, method, name) for method in found.methods]
        means = (found.find(method, name) for method in found.methods)
        known = next((q.reference for q in means if q is not None), None)
        panels.append(figures.Panel(title, rows, best if name == "information" else known))
    return figures.comparison(found.methods, panels)


def _dots(found: Comparison, method: str, name: str) -> figures.Dots:
    mean = found.find(method, name)
    if mean is None:
        return figures.Dots()
    own = [one.find(f"compare.{method}.{name}") for one in found.of(method)]
    return figures.Dots([q.value for q in own if q is not None], mean.value, mean.error)


@draw.register(ScanResult)
def scan_figure(found: ScanResult) -> "Picture":
    """Columns of a scan against one of its settings, with what was fitted to them."""
    x, names = _across(found), _up(found)
    ticks = _ticks(found, x)
    groups = _groups(found, x, names)
    series = [_series(found, x, name, group, ticks) for name in names for group in groups]
    units = {one.unit for p in found.points for n in names if (one := p.find(n)) is not None}
    unit = f" ({', '.join(sorted(units - {'1'}))})" if units - {"1"} else ""
    up = names[0] if len(names) == 1 else "value"
    drawn = [one for one in series if len(one.x)]
    words = [value_text(value, 16) for value in ticks]
    return figures.scan(drawn, x, f"{up}{unit}", found.axes.log, words, _marks(found, x))


def write_scan(directory: Path, found: ScanResult, result: Result) -> Path:
    """Write the table, the figure and the page of a scan.

    Args:
        directory: Receives `table.csv`, `figures/scan.png` and `report.html`.
        found: What the scan found.
        result: The same as it stands on disk.

    Returns:
        Path of the page.
    """
    write_whole(directory / "table.csv", found.csv().encode())
    drawn = []
    if any(one.numbers for one in found.points):
        path = figures.save(found.plot(), directory / "figures" / "scan.png")
        fitted = "; lines are fits" if found.fits else ""
        text = f"Every point with one standard error, hollow where it is exact{fitted}."
        drawn.append(Figure(path, f"{', '.join(_up(found))} against {_across(found)}", text))
    title = f"rsmi scan: {directory.name}"
    return write_report(directory, result, drawn, [], title, found.sheets())


def _marks(found: ScanResult, x: str) -> list[figures.Mark]:
    """Places on the horizontal axis that were found, and those known."""
    marks = []
    for one in found.fits:
        if one.feature is not None and one.fit.x == x:
            place = one.feature.x
            text = f"{one.fit.feature} {format_with_error(place.value, place.error)}"
            marks.append(figures.Mark(place.value, text, place.error))
    known = [fit.reference for fit in found.asked.values() if fit.x == x]
    marks += [figures.Mark(place, f"known {place:.5g}") for place in known if place is not None]
    return list(dict.fromkeys(marks))


def _across(found: ScanResult) -> str:
    """The setting along the axis."""
    named = found.axes.x or next((fit.x for fit in found.asked.values()), None)
    numbers = (
        key for key in found.keys if len({one.point.number(key) for one in found.points}) > 1
    )
    return named or next(numbers, found.keys[0])


def _up(found: ScanResult) -> list[str]:
    """The quantities drawn."""
    fitted = list(dict.fromkeys(fit.y for fit in found.asked.values()))
    return list(found.axes.y) or fitted or list(found.columns[:1])


def _ticks(found: ScanResult, x: str) -> list[Plain]:
    """The values along an axis without numbers; none where there are numbers."""
    if all(one.point.number(x) is not None for one in found.points):
        return []
    values = (one.point.choice[x] for one in found.points)
    return list({repr(value): value for value in values}.values())


def _groups(found: ScanResult, x: str, names: Sequence[str]) -> list[dict[str, Plain]]:
    """Values of the settings that are neither along the axis nor repetitions."""
    over = {key for fit in found.asked.values() if fit.y in names for key in fit.over}
    kept = [key for key in found.keys if key != x and key not in over]
    choices = ({key: one.point.choice[key] for key in kept} for one in found.points)
    return list({repr(choice): choice for choice in choices}.values())


def _series(
    found: ScanResult, x: str, name: str, group: Mapping[str, Plain], ticks: Sequence[Plain]
) -> figures.Series:
    """Means over repetitions of one quantity, at some values of the other settings."""
    places: dict[float, list[Quantity]] = {}
    for one in found.points:
        value = one.find(name)
        if value is not None and all(one.point.choice[key] == v for key, v in group.items()):
            places.setdefault(_place(one, x, ticks), []).append(value)
    across = sorted(places)
    up = [sum(q.value for q in places[p]) / len(places[p]) for p in across]
    errors = [math.hypot(*(q.error for q in places[p])) / len(places[p]) for p in across]
    short = short_names(found.keys)
    said = ", ".join(f"{short[key]} {value_text(value)}" for key, value in group.items())
    label = said if said and len(_up(found)) == 1 else ", ".join(filter(None, [name, said]))
    fits = [f for f in found.fits if f.fit.y == name and f.fit.x == x and f.group == group]
    curves = [curve for fit in fits for curve in _lines(fit)]
    return figures.Series(label, across, up, errors, curves)


def _place(one: PointResult, x: str, ticks: Sequence[Plain]) -> float:
    number = one.point.number(x)
    return float(ticks.index(one.point.choice[x])) if ticks or number is None else number


def _lines(fit: FitResult) -> list[tuple[str, list[float], list[float]]]:
    """Every curve of a fit, on many points."""
    if not fit.curves:
        return []
    dense = np.linspace(fit.x.min(), fit.x.max(), 200)
    return [(f"{model}", list(dense), list(curve.at(dense))) for model, curve in fit.curves.items()]
