"""The LightningModule that trains layers of a sequential network toward an entropy."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.layers.changes import GaussianNoise, Quantise, fixed_randomness, noises
from rsmi.layers.selection import output_module
from rsmi.layers.training.data import Fit, Rows
from rsmi.layers.training.objectives import (
    MOST_CODES,
    Coded,
    EntropyGoal,
    Goal,
    Objective,
    Shape,
    Terms,
    View,
    soft_codes,
)

_FEW = 2  # rows that tell the shapes of layers


def coded_layers(network: nn.Module) -> dict[str, Coded]:
    """Quantising and noisy layers among the children of a sequential network.

    Raises:
        InputError: For a network that is no `nn.Sequential`, or one without such a layer.

    >>> from rsmi.layers import quantise
    >>> coded_layers(quantise(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), "1", 2))
    {'1': Quantise()}
    """
    if not isinstance(network, nn.Sequential):
        raise InputError(
            f"the network is a {type(network).__name__}; layers are trained of an nn.Sequential, "
            "one after the other: put its parts into one"
        )
    ends = {name: output_module(module) for name, module in network.named_children()}
    found = {n: m for n, m in ends.items() if isinstance(m, Quantise | GaussianNoise)}
    if not found:
        raise InputError(
            "no layer of the network is quantised or noisy, so that none has a finite entropy to "
            "be trained toward; quantise(network, layers, levels) or with_noise(network, layers, "
            "sigma) makes it so"
        )
    return found


def check_layers(network: nn.Module, layers: Sequence[str] | None) -> dict[str, Coded]:
    """The layers to be trained, in the order of the network.

    Raises:
        InputError: As `coded_layers`, and for a layer that has no codes and no noise.
    """
    coded = coded_layers(network)
    for name in layers or ():
        if name not in coded:
            there = name in dict(network.named_children())
            raise InputError(
                f"layer '{name}' {'is neither quantised nor noisy' if there else 'is not there'}, "
                f"so it cannot be trained toward an entropy; {nearest(name, coded)}choose of "
                f"{', '.join(coded)}, or quantise it with quantise(network, '{name}', levels)"
            )
    return {name: layer for name, layer in coded.items() if layers is None or name in layers}


@torch.no_grad()
def layer_codes(
    network: nn.Module, x: Tensor, layers: Sequence[str] | None = None
) -> dict[str, tuple[torch.Size, int | None]]:
    """Shape of one row of each layer, and how many values it can take; None for noisy ones.

    Args:
        network: An `nn.Sequential` with quantised or noisy layers.
        x: (n, ...) inputs.
        layers: Which; all of these without.
    """
    coded, found = check_layers(network, layers), {}
    x = x[:_FEW]
    with fixed_randomness(network, x.device):
        for name, module in network.named_children():
            x = module(x)
            if (layer := coded.get(name)) is not None:
                shape = x.shape[1:]
                codes = layer.levels ** shape.numel() if isinstance(layer, Quantise) else None
                found[name] = (shape, codes)
            if len(found) == len(coded):
                break
    return found


class LayerwiseEntropy(pl.LightningModule):
    r"""Trains layers of a sequential network, each toward a goal of its own.

    .. math:: \max H(X|T_l) \;\; \mathrm{subject\ to} \;\; H(Y|T_l) \le \epsilon

    It is an ordinary LightningModule: a Trainer with callbacks, checkpoints and loggers of your
    own takes it. Batches are inputs, p(y|x) (n, classes) and weights of the rows, as
    `Rows.batches` makes them. After each epoch it logs of held-out rows, with hard codes,
    `held/merit` (to stop early by; the lower, the better), `held/LAYER/H(T)` and
    `held/LAYER/H(Y|T)`; and the same of the last batch's soft
    codes under `train/`. Of a noisy layer H(T) is
    I(X;T). `train_layers` does that for one layer after the other.

    Args:
        network: An `nn.Sequential` with quantised or noisy layers; trained in place. What stands
            behind its last layer and gives one logit for each class is the head of that layer,
            and stays; other heads are this module's own, and go with it.
        rows: Some rows of what it is to learn from, which tell shapes.
        layers: Which; all that are quantised or noisy without.
        objective: What each is trained for, of `rsmi.layers.training.objectives`.
        goal: Its prices and limits.
        fit: How long and how fast.
        frozen: Layer up to which nothing is trained.
        seed: Of the heads and of the noise.

    Raises:
        InputError: For a layer that has no codes and no noise, or a frozen one that does not stand
            before all that are trained.
    """

    def __init__(
        self,
        network: nn.Sequential,
        rows: Rows,
        layers: Sequence[str] | None = None,
        objective: type[Objective] = EntropyGoal,
        goal: Goal | None = None,
        fit: Fit | None = None,
        frozen: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network, self.fitting, self.seed = network, fit or Fit(), seed
        self.coded = check_layers(network, layers)
        children = [name for name, _ in network.named_children()]
        places = [children.index(name) for name in self.coded]
        self.first = 0 if frozen is None else children.index(frozen) + 1
        self.last = max(places)
        if min(places) < self.first:
            raise InputError(
                f"layer '{frozen}' is frozen, and '{children[min(places)]}', which does not stand "
                "behind it, is to be trained; train layers in the order of the network"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.objectives = self._objectives(rows, objective, goal or Goal())
        self._unknown: dict[str, float] = {}

    def _objectives(self, rows: Rows, objective: type[Objective], goal: Goal) -> nn.ModuleDict:
        whole = rows.finite and self.fitting.batch_size >= len(rows.x)
        made = nn.ModuleDict()
        for name, (shape, codes) in layer_codes(self.network, rows.x, list(self.coded)).items():
            listed = codes if codes is not None and codes <= MOST_CODES else None
            classes = rows.y.shape[1]
            sizes = Shape(shape.numel(), listed, classes, rows.configurations, whole)
            made[name] = objective(sizes, goal, self._tail(name, shape, classes))
        return made

    def _tail(self, name: str, shape: Sequence[int], classes: int) -> nn.Module | None:
        """What stands behind the last layer of the network, where it can be the head."""
        last = list(coded_layers(self.network))[-1]
        rest = list(self.network)[self.last + 1 :]
        if name != last or not rest:
            return None
        tail = nn.Sequential(nn.Unflatten(1, tuple(shape)), *rest)
        with torch.no_grad():
            found = tail(torch.zeros(2, *shape).flatten(1))
        return tail if found.shape == (2, classes) else None

    def train(self, mode: bool = True) -> "LayerwiseEntropy":
        """What is frozen stays in evaluation mode."""
        super().train(mode)
        for module in list(self.network)[: self.first]:
            module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The output of the network."""
        return self.network(x)

    def configure_optimizers(self) -> Any:
        """Adam on what is trained, with a rate that falls along a cosine."""
        parts = [*list(self.network)[self.first : self.last + 1], self.objectives]
        weights = {p for part in parts for p in part.parameters()}
        optimiser = torch.optim.Adam(
            [p for p in self.parameters() if p in weights], self.fitting.learning_rate
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimiser, steps, 0.1 * self.fitting.learning_rate
        )
        return [optimiser], [{"scheduler": decay, "interval": "step"}]

    def on_train_epoch_start(self) -> None:
        """Noise depends on the epoch alone, so that a training that is resumed sees the same."""
        for place, noise in enumerate(noises(self.network)):
            own, number = noise.seed, 64 * self.current_epoch + place
            noise.reseed((self.seed + 1) * 1_000_003 + number)
            noise.generator_of(self.device)
            noise.seed = own  # measurements begin with this one

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The sum of what all layers lower."""
        terms = self.terms(batch, self.softness)
        loss = torch.stack([each.loss for each in terms.values()]).sum()
        if not bool(loss.isfinite()):
            raise AnalysisError(
                f"the training failed in epoch {self.current_epoch + 1}: the loss is "
                f"{float(loss.detach())}; lower fit.learning_rate"
            )
        self._unknown = {name: float(each.unknown.detach()) for name, each in terms.items()}
        if batch_idx + 1 == self.trainer.num_training_batches:
            self._tell("train", terms, len(batch[0]))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The dual ascent of goals that have one."""
        for name, unknown in self._unknown.items():
            self._objective(name).step(unknown, self.current_epoch / self.fitting.epochs)

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """What held-out rows say of hard codes."""
        terms = self.terms(batch, 0.0)
        merit = torch.stack([each.merit for each in terms.values()]).sum()
        self.log("held/merit", merit, batch_size=len(batch[0]))
        self._tell("held", terms, len(batch[0]))

    def terms(self, batch: Sequence[Tensor], softness: float) -> dict[str, Terms]:
        """What the objective of each layer says of a batch.

        Args:
            batch: Inputs, labels and weights.
            softness: Of the codes; 0 for hard ones.
        """
        x, y, w = batch
        before: dict[str, Tensor] = {}
        with _watched(self.coded, before):
            outputs = dict(self._outputs(x))
        found = {}
        for name, layer in self.coded.items():
            given = before[name].flatten(1)
            groups = soft_codes(layer, given, softness) if isinstance(layer, Quantise) else []
            view = View(layer, given, outputs[name].flatten(1), groups, y, w / w.sum())
            found[name] = self._objective(name)(view)
        return found

    @property
    def softness(self) -> float:
        """Of the codes in this epoch."""
        first, last = self.fitting.softness
        return float(first * (last / first) ** min(self.current_epoch / self.fitting.epochs, 1.0))

    def _outputs(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The output of every child up to the last that is trained."""
        for place, (name, module) in enumerate(self.network.named_children()):
            if place > self.last:
                return
            with torch.set_grad_enabled(torch.is_grad_enabled() and place >= self.first):
                x = module(x)
            yield name, x

    def _objective(self, name: str) -> Objective:
        found = self.objectives[name]
        assert isinstance(found, Objective), "no other module is put there"
        return found

    def _tell(self, part: str, terms: Mapping[str, Terms], size: int) -> None:
        """Log by epoch."""
        values = {}
        for name, each in terms.items():
            values[f"{part}/{name}/H(T)"] = each.rate.detach()
            values[f"{part}/{name}/H(Y|T)"] = each.unknown.detach()
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=size)


@contextmanager
def _watched(coded: Mapping[str, Coded], before: dict[str, Tensor]) -> Iterator[None]:
    """Keep what coded layers are given, while inside."""

    def keep(name: str) -> Any:
        return lambda module, given: before.update({name: given[0]})

    handles = [layer.register_forward_pre_hook(keep(name)) for name, layer in coded.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
