"""The figures of a run, drawn from what its steps returned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from rsmi.learning import TableFilter
from rsmi.learning.learn import Learned
from rsmi.renormalization import MCRGResult, ScanEntry, coarse_grain
from rsmi.report import Figure, Quantity, Result, figures, write_report
from rsmi.storage import Samples

_HEADLINE = (
    "information.learned",
    "information.learned.null",
    "exponents.y_t",
    "exponents.y_h",
    "exponents.nu",
    "exponents.eta",
)


@dataclass(frozen=True)
class Pictures:
    """Drawn figures, waiting for the result that the page shows beside them."""

    directory: Path
    drawn: list[Figure]

    def write(self, result: Result) -> None:
        """Write `report.html`."""
        present = {quantity.name for quantity in result.quantities}
        headline = [name for name in _HEADLINE if name in present]
        write_report(self.directory, result, self.drawn, headline, f"rsmi: {self.directory.name}")


def draw_report(
    directory: Path,
    samples: Samples,
    learned: Learned,
    flows: Mapping[str, MCRGResult],
    quantities: Sequence[Quantity],
) -> Pictures:
    """Draw every figure of a run into `directory`/figures."""
    target = directory / "figures"
    target.mkdir(exist_ok=True)
    block = " x ".join(map(str, learned.rule.block))
    drawn = [
        _levels(target, samples, learned.rule),
        Figure(
            figures.save(
                figures.rule(learned.rule.table(), learned.rule.block), target / "rule.png"
            ),
            f"The learned rule for blocks of {block}",
            "Each block configuration and the coarse spin that stands for it. The colour is the "
            "probability that the coarse spin is up.",
        ),
        Figure(
            figures.save(
                figures.information(
                    figures.bars(quantities), _value("information.ceiling", quantities)
                ),
                target / "information.png",
            ),
            "What each rule keeps about the environment",
            "Mutual information with the environment beyond the buffer. Dots are lower bounds on "
            "configurations never trained on; diamonds use the exact p(v|e) of the Hamiltonian at "
            "sampled environments. The null repeats the training on environments of other "
            "configurations.",
        ),
        _training(target, learned, quantities),
    ]
    for rule, flow in flows.items():
        drawn.append(_exponents(target, rule, flow, quantities))
    return Pictures(directory, drawn)


def _levels(target: Path, samples: Samples, rule: TableFilter) -> Figure:
    """One configuration and what the rule makes of it."""
    first = samples.read(0, min(samples.n, 256))
    balanced = int(first.flatten(1).sum(1, dtype=torch.int64).abs().argmin())
    levels = [first[balanced : balanced + 1]]
    while rule.n_hidden == 1 and _divisible(levels[-1], rule.block) and len(levels) < 4:
        levels.append(coarse_grain(levels[-1], rule.table(), rule.block, level=len(levels)))
    labels = ["samples", *(f"step {step}" for step in range(1, len(levels)))]
    figure = figures.levels([level[0].numpy() for level in levels], labels)
    return Figure(
        figures.save(figure, target / "levels.png"),
        "A configuration and its coarse-grained levels",
        "The learned rule applied again and again to the least magnetised of the first "
        "configurations. At a critical point the levels look alike on every scale.",
    )


def _value(name: str, quantities: Sequence[Quantity]) -> float | None:
    return next((quantity.value for quantity in quantities if quantity.name == name), None)


def _divisible(configurations: torch.Tensor, block: tuple[int, ...]) -> bool:
    extents = zip(configurations.shape[1:], block, strict=True)
    return all(extent % b == 0 and extent // b >= 4 for extent, b in extents)


def _training(target: Path, learned: Learned, quantities: Sequence[Quantity]) -> Figure:
    exact = _value(f"information.exact.{learned.target}", quantities)
    curve = figures.Curve(
        [point.step for point in learned.curve], [point.information for point in learned.curve]
    )
    best = max(learned.curve, key=lambda point: point.information)
    figure = figures.training(curve, exact, best.step)
    return Figure(
        figures.save(figure, target / "training.png"),
        "Training",
        "What is learned, on the validation part after each epoch: the information of the whole "
        "block with `posterior`, of the hard rule with `joint`; and its largest value where the "
        "Hamiltonian is known. The marked state was kept.",
    )


def _exponents(target: Path, rule: str, flow: MCRGResult, quantities: Sequence[Quantity]) -> Figure:
    rows = [_row(entry) for entry in flow.scan]
    lines: dict[Literal["even", "odd"], figures.Line] = {
        "even": _line(flow, "y_t", quantities),
        "odd": _line(flow, "y_h", quantities),
    }
    return Figure(
        figures.save(figures.exponents(rows, lines), target / f"exponents_{rule}.png"),
        f"Exponents with the rule '{rule}'",
        "Leading exponents of the stability matrix by coarse-graining step and number of "
        "couplings. The spread between steps and bases is the truncation error; the band is the "
        "value quoted, with both errors.",
    )


def _row(entry: ScanEntry) -> figures.ScanRow:
    value = entry.exponent
    return figures.ScanRow(
        entry.level + 1, entry.n_couplings, entry.parity, value.value, value.error
    )


def _line(flow: MCRGResult, name: str, quantities: Sequence[Quantity]) -> figures.Line:
    exact = next((q.reference for q in quantities if q.name == f"exponents.scan.{name}"), None)
    if not flow.verdict.fixed_point:
        return figures.Line(exact)
    found = flow.exponents[name].value
    return figures.Line(exact, found.value, found.error)
