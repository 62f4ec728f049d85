"""Learning a rule inside the pipeline: from settings to a rule with its held-out value."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import pytorch_lightning as pl

from rsmi.cli.output import Output
from rsmi.cli.rules import RULE
from rsmi.cli.settings import Learning
from rsmi.cli.valuing import bounded
from rsmi.lattice import Window
from rsmi.learning import save_filter
from rsmi.learning.data import WindowData
from rsmi.learning.learn import Learned, learn, make_trainer
from rsmi.learning.rsmi import MAX_POSTERIOR_SITES, RSMI, JointRSMI, PosteriorRSMI, ceiling
from rsmi.report import Quantity
from rsmi.storage import Samples, Selection
from rsmi.storage.room import check_memory


@dataclass(frozen=True)
class Source:
    """Where the configurations are.

    Args:
        path: The sample file.
        select: Which of its samples.
    """

    path: Path
    select: Selection = field(default_factory=Selection)

    def open(self) -> Samples:
        """The samples that are meant."""
        return self.select.open(self.path)


class Training:
    """One training on one set of samples.

    Args:
        source: The samples.
        window: Block, buffer and environment.
        settings: How to learn.
        seed: Of weights and windows.
        directory: Receives the log and the checkpoint.
        shuffle: Whether to permute the environments among the configurations.
    """

    def __init__(
        self,
        source: Source,
        window: Window,
        settings: Learning,
        seed: int,
        directory: Path,
        shuffle: bool = False,
    ) -> None:
        pl.seed_everything(seed, verbose=False)
        self.model = _module(window, settings)
        self.data = WindowData(
            str(source.path),
            window,
            settings.batch_size,
            settings.steps_per_epoch,
            settings.configurations,
            settings.windows_per_configuration,
            seed,
            shuffle,
            source.select,
        )
        self._settings, self._directory = settings, directory

    def run(self, progress: bool) -> Learned:
        """Train, and value the rule on held-out configurations."""
        s = self._settings
        trainer = make_trainer(self._directory, s.max_epochs, s.patience, s.accelerator, progress)
        return learn(self.model, self.data, trainer)


def train_rule(
    source: Source, window: Window, settings: Learning, seed: int, directory: Path, output: Output
) -> tuple[Training, Learned, list[Quantity]]:
    """Learn a rule, and once more on the null; save the rule in `directory`/rule."""
    progress = output.console.is_terminal
    training = Training(source, window, settings, seed, directory / "training")
    with output.stage("learning", f"Learning a rule for blocks of {list(window.block)}"):
        learned = training.run(progress)
        output.say(training.data.order)
        output.say(f"symmetries used: {training.data.symmetry}")
        output.say(f"I(H:E) >= {learned.information} on configurations never trained on")
    quantities = [
        bounded("information.learned", learned.bound, training.data.symmetry),
        Quantity("information.ceiling", ceiling(settings.n_hidden), 0.0, "exact", "nats"),
    ]
    if settings.null:
        with output.stage("null", "Learning again on environments of other configurations"):
            null = Training(source, window, settings, seed, directory / "null", True).run(progress)
            output.say(f"{null.information}; the true value is 0")
        quantities.append(
            Quantity.of("information.learned.null", null.information, 0.0, **null.bound.parts)
        )
    save_filter(learned.rule, directory / RULE, _card(source, window, settings, seed, learned))
    return training, learned, quantities


def check_memory_of_learning(
    window: Window, settings: Learning | WindowData, sites: int, n: int, widths: Sequence[int]
) -> None:
    """Refuse settings that memory cannot hold, before any work is done.

    Args:
        window: Block, buffer and environment.
        settings: `batch_size`, `configurations` and `windows_per_configuration`.
        sites: Sites of one configuration.
        n: Configurations there are.
        widths: Of the hidden layers.

    Raises:
        InputError: Names the setting that needs most.
    """
    seen = window.n_visible + window.n_environment
    layers = [window.n_environment, *widths, 1 << min(window.n_visible, MAX_POSTERIOR_SITES)]
    held = min(settings.configurations, n)
    needed = {
        # 64 batches are drawn ahead; activations and their gradients are float32.
        "batch_size or hidden": settings.batch_size * (64 * seen + 12 * sum(layers)),
        "windows_per_configuration": held * settings.windows_per_configuration * (seen + 8),
        "configurations": 3 * held * sites,
        # weights, gradients and two moments
        "hidden": 16 * sum(a * b for a, b in pairwise(layers)),
    }
    largest = max(needed, key=lambda name: needed[name])
    check_memory(sum(needed.values()), "learning", f"lower {largest}")


def _module(window: Window, settings: Learning) -> RSMI:
    common = (window, settings.n_hidden, settings.z2, settings.hidden, settings.learning_rate)
    if settings.method == "joint":
        return JointRSMI(*common, settings.filter)
    return PosteriorRSMI(*common)


def _card(
    source: Source, window: Window, settings: Learning, seed: int, learned: Learned
) -> dict[str, object]:
    """What is recorded beside a trained rule."""
    value = learned.information
    return {
        "window": {
            key: list(v) if isinstance(v, tuple) else v for key, v in asdict(window).items()
        },
        "samples": source.path.name,
        "learning": asdict(settings) | {"hidden": list(settings.hidden)},
        "seed": seed,
        "information": {"value": value.value, "error": value.error, "kind": value.kind},
    }
