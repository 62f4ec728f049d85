"""An MLP and a CNN on scikit-learn's digits: exact, quantised and noisy entropies."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from rsmi.errors import AnalysisError, InputError
from rsmi.layers import (
    LayerReport,
    Options,
    Training,
    analyse_layers,
    finite_inputs,
    quantise,
    with_noise,
)
from rsmi.progress import Watcher
from rsmi.report import Figure, Page, Quantity, Sheet, figures
from studies.averages import (
    Reports,
    averaged_cell,
    averaged_quantities,
    depth_series,
    layer_names,
    paths,
)
from studies.training import Fit, Labelled, accuracy, keep_variance, train_together


@dataclass(frozen=True)
class Settings:
    """The study; X is one of the 1797 images, each as likely as the others.

    Args:
        study: Path of this module.
        levels: Numbers of levels of quantised networks, between -1 and 1.
        noise: Standard deviations of the noise of noisy networks, beside tanh units between -1
            and 1.
        seeds: Number of networks of each kind.
        at: Epochs at which the quantised networks with the most levels are measured.
        fit: How the networks are trained.
        training: Of the classifiers that bound H(Y|T) of noisy layers.
        seed: Of the first network.
    """

    study: str = "studies.digits"
    levels: tuple[int, ...] = (2, 3)
    noise: tuple[float, ...] = (0.25, 1.0)
    seeds: int = 4
    at: tuple[int, ...] = (0, 1, 3, 10, 40)
    fit: Fit = field(default_factory=lambda: Fit(40, 64, 3e-3))
    training: Training = field(default_factory=lambda: Training(hidden=64, epochs=8))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")
        if not self.levels or list(self.at) != sorted(set(self.at)) or self.at[:1] != (0,):
            raise InputError(
                f"levels {list(self.levels)} and epochs {list(self.at)}; expected at least one "
                "number of levels, and increasing epochs that begin with 0"
            )
        if self.at[-1] != self.fit.epochs:
            raise InputError(
                f"the last epoch measured is {self.at[-1]} and training has {self.fit.epochs}; "
                "make them equal"
            )


_SPLIT_SEED = 1


def load() -> tuple[Tensor, Tensor]:
    """The 1797 images (n, 8, 8) in 0..1 and their labels, in a fixed random order.

    Raises:
        AnalysisError: Where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise AnalysisError(
            "this study reads the digits of scikit-learn, which is not installed; run "
            "pip install 'rsmi[studies]'"
        ) from None
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(_SPLIT_SEED))
    x = torch.from_numpy(data.images).float().view(-1, 8, 8) / 16
    return x[order], torch.from_numpy(data.target).long()[order]


def mlp() -> nn.Sequential:
    """64-32-16-8 with tanh, then ten logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        flat=nn.Flatten(),
        linear1=nn.Linear(64, 32),
        T1=nn.Tanh(),
        linear2=nn.Linear(32, 16),
        T2=nn.Tanh(),
        linear3=nn.Linear(16, 8),
        T3=nn.Tanh(),
        logits=nn.Linear(8, 10),
    )
    return keep_variance(nn.Sequential(layers), "linear")


def cnn() -> nn.Sequential:
    """Two strided convolutions (8 and 8 channels) and 8 units, then ten logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        channel=nn.Unflatten(1, (1, 8)),
        conv1=nn.Conv2d(1, 8, 3, 2, 1),
        T1=nn.Tanh(),
        conv2=nn.Conv2d(8, 8, 3, 2, 1),
        T2=nn.Tanh(),
        flat=nn.Flatten(),
        linear=nn.Linear(32, 8),
        T3=nn.Tanh(),
        logits=nn.Linear(8, 10),
    )
    return keep_variance(nn.Sequential(layers), "linear")


Variants = Mapping[str, Reports]
"""Reports of one network by variant; `epoch N` ones only go into the information plane."""

_SHOWN = ("H(X|T)", "H(Y|T)")


def epoch_name(epoch: int) -> str:
    """Name of the variant that is measured during training."""
    return f"epoch {epoch}"


def sheet_of(name: str, variants: Variants) -> Sheet:
    """One line per variant, what every layer forgets of the image and of the digit."""
    shown = _shown(variants)
    first = next(iter(shown.values()))
    layers = layer_names(first)
    widths = ", ".join(f"{layer} {first[0][layer].width}" for layer in layers)
    rows = [
        [variant, *(averaged_cell(reports, layer, q) for q in _SHOWN for layer in layers)]
        for variant, reports in shown.items()
    ]
    return Sheet(
        f"{name} (units: {widths})",
        ["variant", *(q.replace("T", layer) for q in _SHOWN for layer in layers)],
        rows,
        "Nats, of H(X) = ln 1797 = 7.494 and H(Y) = 2.303. X is one of the images, each as likely "
        "as the others. Values without noise are exact, with the error of the seeds in brackets; "
        "with noise they lie between a certified lower and upper value (lower..upper, means over "
        "seeds). I(X;T) = H(X) - H(X|T).",
    )


def _shown(variants: Variants) -> Variants:
    return {name: reports for name, reports in variants.items() if not name.startswith("epoch")}


def _depth(name: str, variants: Variants, target: Path) -> Figure:
    shown = _shown(variants)
    panels: dict[str, Sequence[figures.Depth]] = {
        quantity: [
            depth_series(label, reports, quantity, "untrained" in label)
            for label, reports in shown.items()
            if quantity in reports[0].rows[0].quantities
        ]
        for quantity in _SHOWN
    }
    layers = layer_names(next(iter(variants.values())))
    return Figure(
        figures.save(figures.depth(layers, panels), target / f"depth_{name}.png"),
        f"{name}: entropy against depth",
        "What each layer forgets of the image and of the digit: exact for the network as it is "
        "and with few levels; bars from the certified lower to the certified upper value for the "
        "network with noise. Means over seeds, with the error of the seeds.",
    )


def _plane(plane: Mapping[str, Mapping[int, Reports]], target: Path) -> Figure:
    panels = {name: paths(epochs) for name, epochs in plane.items()}
    epochs = ", ".join(str(epoch) for epoch in next(iter(plane.values())))
    return Figure(
        figures.save(figures.plane(panels), target / "plane.png"),
        "The information plane over training",
        f"Exact values of the quantised networks at epochs {epochs}, from the hollow to the filled "
        "symbol, means over seeds.",
    )


_LAYERS = ("T*",)
_RANGE = (-1.0, 1.0)
_TEST = 360
"""Images that are kept from training."""


class Found(Page):
    """Both networks in all variants.

    Args:
        found: Variants by network.
        plane: Quantised networks by network and epoch.
        reached: Accuracies.
    """

    title = "What networks forget of handwritten digits"

    def __init__(
        self,
        found: Mapping[str, Variants],
        plane: Mapping[str, Mapping[int, Reports]],
        reached: Sequence[Quantity],
    ) -> None:
        self.found, self.plane, self.reached = found, plane, reached

    def quantities(self) -> list[Quantity]:
        """Every value of every layer, averaged over seeds, after the accuracies."""
        return [*self.reached] + [
            quantity
            for name, variants in self.found.items()
            for variant, reports in variants.items()
            for quantity in averaged_quantities(reports, network=name, variant=variant)
        ]

    def sheets(self) -> list[Sheet]:
        """One table per network."""
        return [sheet_of(name, variants) for name, variants in self.found.items()]

    def figures(self, directory: Path) -> list[Figure]:
        """Entropy against depth, and the information plane."""
        depths = [_depth(name, variants, directory) for name, variants in self.found.items()]
        return [*depths, _plane(self.plane, directory)]


def run(settings: Settings, output: Watcher, workers: int) -> Found:
    """Train and measure both networks in all variants."""
    return Study(settings, output).run()


class Study:
    """Training and measurement.

    Args:
        task: Settings.
        output: Who watches.
    """

    def __init__(self, task: Settings, output: Watcher) -> None:
        self.task, self.output, self.most = task, output, max(task.levels)
        x, y = load()
        self.inputs = finite_inputs(x, y)
        self.test, self.train = Labelled(x[:_TEST], y[:_TEST]), Labelled(x[_TEST:], y[_TEST:])
        self.reached: list[Quantity] = []

    def run(self) -> Found:
        """Carry out all steps."""
        found = {name: self._network(name, make) for name, make in (("MLP", mlp), ("CNN", cnn))}
        plane = {f"{name}, {self.most} levels": self._epochs(found[name]) for name in found}
        return Found(found, plane, self.reached)

    def _network(self, name: str, make: Callable[[], nn.Module]) -> dict[str, Reports]:
        kept = self._train(name, make)
        first, last = kept[0], kept[self.task.fit.epochs]
        found: dict[str, Reports] = {}
        with self.output.stage(f"{name}.layers", f"Measuring {name}s"):
            found["as it is"] = [self._measured(net) for net in last]
            for levels in self.task.levels:
                found[f"{levels} levels"] = [self._rounded(net, levels) for net in last]
            found[self._untrained] = [self._rounded(net, self.most) for net in first]
        with self.output.stage(f"{name}.noise", f"Measuring noisy {name}s"):
            for sigma in self.task.noise:
                found[f"noise {sigma:g}"] = [self._noisy(net, sigma) for net in last]
        with self.output.stage(f"{name}.epochs", "Measuring earlier epochs"):
            for epoch in self.task.at[1:-1]:
                found[epoch_name(epoch)] = [self._rounded(net, self.most) for net in kept[epoch]]
        return found

    def _train(self, name: str, make: Callable[[], nn.Module]) -> dict[int, list[nn.Module]]:
        task = self.task
        with self.output.stage(f"{name}.training", f"Training {task.seeds} {name}s"):
            seeds = range(task.seed, task.seed + task.seeds)
            kept = train_together(make, seeds, self.train, task.fit, task.at)
            reached = [round(accuracy(net, self.test), 6) for net in kept[task.fit.epochs]]
            self.output.say(
                f"accuracy on {_TEST} other images {', '.join(f'{share:.3f}' for share in reached)}"
            )
        about = {"network": name, "images": _TEST, "accuracies": reached}
        share = sum(reached) / len(reached)
        # The networks share the test images, so more of them do not make this smaller.
        error = (share * (1 - share) / _TEST) ** 0.5
        self.reached.append(
            Quantity("layers.study.accuracy", share, error, "estimate", "1", None, about)
        )
        return kept

    @property
    def _untrained(self) -> str:
        return f"{self.most} levels, untrained"

    def _epochs(self, variants: dict[str, Reports]) -> dict[int, Reports]:
        """The quantised networks with the most levels, epoch by epoch."""
        between = [epoch_name(epoch) for epoch in self.task.at[1:-1]]
        names = [self._untrained, *between, f"{self.most} levels"]
        return {epoch: variants[name] for epoch, name in zip(self.task.at, names, strict=True)}

    def _measured(self, net: nn.Module, options: Options | None = None) -> LayerReport:
        return analyse_layers(net, self.inputs, layers=_LAYERS, options=options)

    def _rounded(self, net: nn.Module, levels: int) -> LayerReport:
        return self._measured(quantise(net, _LAYERS, levels, _RANGE))

    def _noisy(self, net: nn.Module, sigma: float) -> LayerReport:
        noisy = with_noise(net, _LAYERS, sigma, self.task.seed)
        return self._measured(noisy, Options(training=self.task.training))
