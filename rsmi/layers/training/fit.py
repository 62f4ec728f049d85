"""One fit for every way to train layers, and what each layer then forgets, measured apart."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn

from rsmi.digest import plain_digest
from rsmi.errors import InputError, nearest
from rsmi.information import Estimate
from rsmi.lattice.alphabet import SPIN
from rsmi.layers.analyse import analyse_layers
from rsmi.layers.building import untrained
from rsmi.layers.changes import Quantise
from rsmi.layers.inputs import InputKind
from rsmi.layers.report import LayerReport
from rsmi.layers.selection import copied
from rsmi.layers.trained import TrainedLayers
from rsmi.layers.training.data import Fit, Parts, Rows, accuracy, read_parts
from rsmi.layers.training.layerwise import LayerwiseEntropy, check_layers
from rsmi.layers.training.objectives import (
    Bottleneck,
    EntropyGoal,
    Environment,
    GaussianProcess,
    Goal,
    NonlinearBottleneck,
    Objective,
)
from rsmi.learning.boltzmann import Boltzmann, descend
from rsmi.learning.learn import TRAINER_DEFAULTS, quiet_lightning
from rsmi.learning.settings import check_seed
from rsmi.progress import Progress, silent


@dataclass
class Lesson:
    """What a way of training works with.

    Args:
        network: Trained in place.
        layers: Names of the layers to be trained, in order.
        rows: To learn from.
        held: To stop by.
        goal: Prices and limits.
        fit: How long and how fast.
        seed: Of everything that is drawn.
        directory: For states and logs.
        callbacks: Of Lightning's, beside ours.
        loggers: Likewise.
        progress: Told of epochs.
    """

    network: nn.Sequential
    layers: list[str]
    rows: Rows
    held: Rows
    goal: Goal
    fit: Fit
    seed: int
    directory: Path
    callbacks: Sequence[Callback] = ()
    loggers: Sequence[Any] = ()
    progress: Progress = silent
    curves: dict[str, list[dict[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """One way to train the layers of a network.

    Args:
        says: What it does, in a few words.
        run: Does it.
    """

    says: str
    run: Callable[[Lesson], None]


def _each(objective: type[Objective], lesson: Lesson) -> None:
    """Every layer has the objective: one after the other, or all at once."""
    if lesson.fit.order == "joint":
        _best(lesson, lesson.layers, objective, None)
        return
    for place, layer in enumerate(lesson.layers):
        _best(lesson, [layer], objective, lesson.layers[place - 1] if place else None)


def _end(objective: type[Objective], lesson: Lesson) -> None:
    """The last layer alone has it, and all layers are trained through it."""
    _best(lesson, lesson.layers[-1:], objective, None)


def _best(
    lesson: Lesson, layers: Sequence[str], objective: type[Objective], frozen: str | None
) -> None:
    """The best of several trainings of the same layers by held-out value."""
    first, results = copied(lesson.network), []
    for restart in range(lesson.fit.restarts):
        seed = lesson.seed + 10_007 * restart
        if restart:
            _restart(lesson.network, first, layers, frozen, seed)
        module = LayerwiseEntropy(
            lesson.network, lesson.rows, layers, objective, lesson.goal, lesson.fit, frozen, seed
        )
        results.append(_trained(lesson, module, f"{'_'.join(layers)}.{restart}"))
    best = min(results, key=lambda found: found[0])
    lesson.network.load_state_dict(best[1])


def _restart(
    network: nn.Sequential, first: nn.Module, layers: Sequence[str], frozen: str | None, seed: int
) -> None:
    """Fresh weights of what is to be trained, and of all else those it had before."""
    network.load_state_dict(first.state_dict())
    names = [name for name, _ in network.named_children()]
    begin = 0 if frozen is None else names.index(frozen) + 1
    for name in names[begin : names.index(layers[-1]) + 1]:
        part = network.get_submodule(name)
        part.load_state_dict(untrained(part, seed).state_dict())


def _trained(
    lesson: Lesson, module: LayerwiseEntropy, name: str
) -> tuple[float, Mapping[str, Tensor]]:
    """Held-out merit and weights of one training; of one that is finished, as it was kept."""
    directory = lesson.directory / name
    _claim(directory, lesson, module)
    done = directory / "trained.pt"
    if done.is_file():
        kept = torch.load(done, weights_only=True)
        return float(kept["merit"]), kept["network"]
    keeper = ModelCheckpoint(
        directory, "best", monitor="held/merit", save_last=True, enable_version_counter=False
    )
    told = _Curve(lesson.progress)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=lesson.fit.epochs,
            accelerator=lesson.fit.accelerator,
            devices=1,
            logger=[CSVLogger(directory, name="", version=""), *lesson.loggers],
            callbacks=[
                EarlyStopping("held/merit", patience=lesson.fit.patience),
                keeper,
                told,
                *lesson.callbacks,
            ],
            enable_progress_bar=False,
            **TRAINER_DEFAULTS | {"log_every_n_steps": lesson.fit.steps},
        )
        last = directory / "last.ckpt"
        trainer.fit(
            module,
            lesson.rows.batches(lesson.fit, module.seed),
            lesson.held.once(),
            ckpt_path=last if last.is_file() else None,
            weights_only=False,
        )
    lesson.curves[name] = told.points
    state = torch.load(keeper.best_model_path, weights_only=False)["state_dict"]
    module.load_state_dict(state)
    merit = keeper.best_model_score
    weights = {key: tensor.cpu().clone() for key, tensor in module.network.state_dict().items()}
    found = float("nan") if merit is None else float(merit)
    torch.save({"merit": found, "network": weights}, done)
    return found, weights


def _claim(directory: Path, lesson: Lesson, module: LayerwiseEntropy) -> None:
    """Refuse to go on in a directory that another training began."""
    rows = lesson.rows
    own = plain_digest(
        [str(lesson.goal), str(lesson.fit), module.seed, str(module.objectives)],
        *(tensor.detach().cpu().contiguous().numpy().tobytes()
          for tensor in (*module.state_dict().values(), rows.x, rows.y, rows.w)),
    )  # fmt: skip
    kept = directory / "training.txt"
    if kept.is_file() and kept.read_text() != own:
        raise InputError(
            f"{directory} holds a training with other settings, weights or data; choose another "
            "directory, or empty it"
        )
    directory.mkdir(parents=True, exist_ok=True)
    kept.write_text(own)


class _Curve(Callback):
    """Keeps what held-out rows say after each epoch."""

    def __init__(self, progress: Progress) -> None:
        self.points: list[dict[str, float]] = []
        self._progress = progress

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a point."""
        held = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("held/")}
        self.points.append({"epoch": trainer.current_epoch + 1, **held})
        self._progress(trainer.current_epoch + 1, trainer.max_epochs or 0, "epochs")


def _boltzmann(lesson: Lesson) -> None:
    """A stack of restricted Boltzmann machines: each learns the codes of the one below it."""
    x = lesson.rows.x
    for layer in lesson.layers:
        linear = _machine_layer(lesson.network, lesson.layers, layer, x)
        machine = Boltzmann(SPIN, linear.in_features, linear.out_features, lesson.seed)
        _diverge(machine, x, lesson)
        with torch.no_grad():
            down, up = machine.weight.unflatten(0, (linear.in_features, 2)).unbind(1)
            linear.weight.copy_((up - down).T / 2)
            linear.bias.copy_(machine.hidden_bias + (up + down).sum(0) / 2)
            for module in _stage(lesson.network, lesson.layers, layer):
                x = module(x)


def _stage(network: nn.Sequential, layers: Sequence[str], layer: str) -> list[nn.Module]:
    """The modules from the layer before to this one."""
    names = [name for name, _ in network.named_children()]
    place = layers.index(layer)
    begin = names.index(layers[place - 1]) + 1 if place else 0
    return list(network)[begin : names.index(layer) + 1]


def _machine_layer(
    network: nn.Sequential, layers: Sequence[str], layer: str, x: Tensor
) -> nn.Linear:
    """The one linear map of a layer that a Boltzmann machine can stand for."""
    stage = _stage(network, layers, layer)
    inside = [m for module in stage for m in module.modules() if not any(m.children())]
    linear = [m for m in inside if isinstance(m, nn.Linear) and m.bias is not None]
    rest = [m for m in inside if not isinstance(m, nn.Linear)]
    coded = check_layers(network, [layer])[layer]
    plain = all(isinstance(m, nn.Tanh | nn.Identity | Quantise) for m in rest)
    two = isinstance(coded, Quantise) and (coded.levels, coded.low) == (2, -coded.high)
    if len(linear) != 1 or len(inside) - len(rest) != 1 or not plain or not two:
        raise InputError(
            f"layer '{layer}' is no layer of a Boltzmann machine, which is one Linear with a bias, "
            "then Tanh or nothing, quantised to 2 levels around 0 (rsmi.layers.coded_network with "
            "levels 2 and hidden 0)"
        )
    if not bool((x.abs() == 1).all()) or x.dim() != 2:
        raise InputError(
            f"the inputs of layer '{layer}' are no rows of spins -1 and 1, which a Boltzmann "
            "machine learns here; leave out the method boltzmann"
        )
    return linear[0]


def _diverge(machine: Boltzmann, x: Tensor, lesson: Lesson) -> None:
    """Contrastive divergence."""
    fit, generator = lesson.fit, torch.Generator().manual_seed(lesson.seed)
    letters, steps = (x > 0).to(torch.int8), fit.epochs * fit.steps
    optimiser = torch.optim.Adam(machine.parameters(), fit.learning_rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, 0.1 * fit.learning_rate)
    for step in range(steps):
        rows = lesson.rows.w.multinomial(fit.batch_size, replacement=True, generator=generator)
        descend(optimiser, machine.divergence(letters[rows], 1, generator), step)
        decay.step()
        lesson.progress(step + 1, steps, "steps")


def _nothing(lesson: Lesson) -> None:
    """The control."""


TRAININGS: Mapping[str, Training] = {
    "entropy": Training("forget most at H(Y|T) within the slack", partial(_each, EntropyGoal)),
    "bottleneck": Training("H(T) + beta H(Y|T) of each layer", partial(_each, Bottleneck)),
    "end_to_end": Training("cross entropy of the last layer", partial(_end, Objective)),
    "layerwise": Training("cross entropy of each layer", partial(_each, Objective)),
    "gaussian_process": Training(
        "each layer so that a Gaussian process on it predicts the label",
        partial(_each, GaussianProcess),
    ),
    "nonlinear_ib": Training(
        "cross entropy of the last layer, with a price on what it knows of X",
        partial(_end, NonlinearBottleneck),
    ),
    "rsmi": Training("each layer so that its environment predicts it", partial(_each, Environment)),
    "boltzmann": Training("a stack of machines by contrastive divergence", _boltzmann),
    "untrained": Training("fresh weights", _nothing),
}
"""Every way to train layers, by name."""


def check_training(method: str) -> Training:
    """The way of a name.

    Raises:
        InputError: For an unknown name, with the nearest one.
    """
    if method not in TRAININGS:
        raise InputError(
            f"there is no method {method!r}; {nearest(method, TRAININGS)}expected one of "
            f"{', '.join(TRAININGS)}"
        )
    return TRAININGS[method]


def train_layers(
    network: nn.Module,
    data: Any,
    labels: Any = None,
    *,
    method: str = "entropy",
    layers: Sequence[str] | None = None,
    measured: Any = None,
    kind: InputKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | Literal["independent"] | None = None,
    goal: Goal | None = None,
    fit: Fit | None = None,
    seed: int = 0,
    directory: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Any] = (),
    progress: Progress = silent,
) -> TrainedLayers:
    r"""Train the layers of a sequential network in one of many ways, and measure them.

    The default maximises what each layer forgets of the input at what it must know of the label,

    .. math:: \max H(X|T_l) \;\; \mathrm{subject\ to} \;\; H(Y|T_l) \le \epsilon ,

    see `rsmi.layers.training.objectives`. Samples are parted: of 60 % it learns, 20 % decide when
    to stop, and on 20 %, which nothing has seen, `analyse_layers` measures. A finite set is the
    distribution itself: all three are the whole of it, and every value is exact.

    Args:
        network: An `nn.Sequential` with quantised or noisy layers, such as `quantise` and
            `with_noise` make; left as it is. Training begins with its weights.
        data: As in `analyse_layers`.
        labels: (n,) whole numbers >= 0, where the data hold none; or (n, numbers) float
            configurations of an environment, for the method `rsmi`.
        method: Name in `TRAININGS`.
        layers: Names of the layers to be trained and measured; all that are quantised or noisy
            without.
        measured: Other data to be measured on, such as the exact distribution that the samples
            are drawn from; samples are then parted 80 % to 20 %. Layers that take one row of
            several, as those of `coded_network` do of blocks, may be measured on single rows.
        kind: As in `inputs_of`.
        entropy: As in `inputs_of`.
        chains: As in `inputs_of`.
        goal: Prices and limits.
        fit: How long and how fast.
        seed: Of heads, batches and fresh weights.
        directory: For checkpoints and logs; a training that was interrupted goes on from there.
        callbacks: Of Lightning's, in every training, such as `LayerCallback(...,
            attribute="network")`.
        loggers: Likewise.
        progress: Told of epochs.

    Returns:
        The trained network with the report of its layers.

    Raises:
        InputError: For data without labels, a network or layer that cannot be trained, or a method
            that cannot be used on them.
        AnalysisError: Where a training fails.

    Source: Strouse and Schwab (2017), arXiv:1604.00268, for the entropy of deterministic layers;
    other sources at each objective.

    >>> from rsmi.layers import coded_network
    >>> x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    >>> quick = Fit(epochs=20, steps=8, batch_size=8, restarts=1)
    >>> network = coded_network(3, [2, 1], hidden=8)
    >>> found = train_layers(network, x, (x[:, 0] > 0).long(), kind="finite", fit=quick)
    >>> print(found.report["T2"].quantities["H(X|T)"], found.accuracy)
    1.3862944 nats (exact) 1 (exact)
    """
    training, names = check_training(method), list(check_layers(network, layers))
    check_seed(seed)
    parts = read_parts(data, labels, kind, entropy, chains, measured)
    before = _report(network, names, parts)  # what cannot be measured is refused here
    trained = copied(network)
    assert isinstance(trained, nn.Sequential), "that was checked"
    with _kept(directory) as kept:
        lesson = Lesson(
            trained, names, parts.learn, parts.held, goal or Goal(), fit or Fit(), seed,
            kept, callbacks, loggers, progress,
        )  # fmt: skip
        begin = time.perf_counter()
        training.run(lesson)
        seconds = time.perf_counter() - begin
    trained.eval()
    report = replace(_report(trained, names, parts), control=before)
    right = accuracy(trained, names[-1], parts)
    return TrainedLayers(trained, method, seed, report, right, lesson.curves, seconds)


def _report(network: nn.Module, names: Sequence[str], parts: Parts) -> LayerReport:
    """Of the layers alone: what stands behind them may take other inputs."""
    last = [name for name, _ in network.named_children()].index(names[-1])
    assert isinstance(network, nn.Sequential), "that was checked"
    return analyse_layers(network[: last + 1].eval(), parts.measured, layers=names)


@contextmanager
def _kept(directory: str | Path | None) -> Iterator[Path]:
    """A directory for states, which vanishes where nobody asked for it."""
    if directory is not None:
        yield Path(directory)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)
