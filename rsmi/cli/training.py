"""`rsmi layers train`, `compare`, `plane` and `shift`: layers in training, networks after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from rsmi.cli.output import Output, default_out
from rsmi.cli.parsing import parse
from rsmi.information import Outcome
from rsmi.layers import InformationPlane, TrainingComparison
from rsmi.report.layers import animate
from rsmi.runs.files import write_whole
from rsmi.runs.layers import Plane, Shift, plane_task, shift_task
from rsmi.runs.training import CompareLayers, TrainLayers, compare_task, train_task


@dataclass(frozen=True)
class _Part:
    """A command of its own: its settings, what carries it out, what it counts, its page."""

    settings: type
    run: Callable[..., Outcome]
    counted: str
    description: str
    title: str
    caption: str


PARTS = {
    "train": _Part(
        TrainLayers,
        train_task,
        "epochs",
        "Train the layers of a network toward an entropy, or otherwise, and measure what each "
        "forgets on rows that it never saw. See docs/training.md.",
        "What the layers forget, trained and untrained",
        "Each value of each layer. Bars run from the certified lower to the certified upper value.",
    ),
    "compare": _Part(
        CompareLayers,
        compare_task,
        "networks",
        "Train the same layers in many ways from several seeds, and put beside each other what "
        "they forget. With --out, --resume goes on with what is missing. See docs/training.md.",
        "What layers forget, by way of training",
        "Means over seeds, with the error of the seeds.",
    ),
    "plane": _Part(
        Plane,
        plane_task,
        "steps",
        "The information plane of layers in training, from the metrics.csv of a Lightning run with "
        "a LayerCallback: a picture, an animation and a table with an epoch column.",
        "The information plane",
        "One point for each layer and epoch measured, with bars from the lower to the upper value, "
        "widened by one standard error. Grey, where p(x, y) is enumerated: what no layer can "
        "exceed, and the best functions of few symbols.",
    ),
    "shift": _Part(
        Shift,
        shift_task,
        "sets",
        "How unlike networks of several seeds are on rows other than those of training, beside "
        "held-out ones: another temperature, another size.",
        "Errors on held-out and on shifted rows",
        "One line for each network; black their mean and spread, grey the spread that so few rows "
        "would make of networks that are alike.",
    ),
}


def train(name: str, arguments: Sequence[str]) -> None:
    """Parse, train, print and write."""
    part, command = PARTS[name], f"layers {name}"
    task, execution = parse(command, part.settings, arguments, part.description)
    torch.set_num_threads(execution.workers)
    output = Output(command, task, execution.out or default_out(arguments), execution.resume)
    with output.stage(name, part.title), output.counting(part.counted) as bar:
        assert output.directory is not None, "there is a default"
        found = part.run(task, output.directory / "training", bar)
    result = output.finish(found, getattr(task, "seed", None))
    if isinstance(found, TrainingComparison):
        write_whole(output.directory / "table.csv", found.csv().encode())
    if isinstance(found, InformationPlane):
        write_whole(output.directory / "plane.csv", found.to_csv().encode())
        animate(found, output.directory / "figures" / "plane.gif")
    output.page(found, result, part.title, part.caption, f"figures/{name}.png")
