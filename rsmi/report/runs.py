"""The figures of a run, drawn from what its steps returned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rsmi.information import Quantity
from rsmi.renormalization import coarse_grain
from rsmi.report import figures
from rsmi.report.drawing import draw
from rsmi.report.learning import information_figure
from rsmi.report.page import Figure, write_report
from rsmi.runs.pipeline import RunResult
from rsmi.runs.result import Result

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
