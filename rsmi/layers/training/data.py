"""What layers learn from: rows with p(y|x), parted for learning, stopping and measuring."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from rsmi.errors import InputError, nearest
from rsmi.information import Estimate
from rsmi.layers.changes import noises, seeded
from rsmi.layers.counting import dense_labels, row_ids
from rsmi.layers.inputs import InputKind, Inputs, SampleKind
from rsmi.layers.reading import inputs_of, sampled_inputs
from rsmi.layers.training.objectives import Head

_MOST_HELD = 8192
"""Held-out rows that are looked at after each epoch."""
_SHARES = (0.6, 0.2, 0.2)
"""Of samples: to learn from, to stop by, and to measure on."""
_AT_ONCE = 4096
_BY_CHAIN = 5
_FEWEST = 2
_MOST_NUMBERS, _MOST_CLASSES = 1 << 28, 256
_RARE = 1e-9
_FIT_RATE, _FIT_STEPS = 0.02, 300


@dataclass(frozen=True)
class Fit:
    """How long and how fast layers are trained.

    Args:
        order: `greedy` trains one layer after the other, with those before it frozen; `joint`
            all at once.
        epochs: Most epochs of each layer, with a look at held-out rows after each.
        steps: Steps of the optimiser in an epoch.
        batch_size: Rows of a step. Where it reaches all rows of a finite set, entropies of each
            step are those of the whole distribution, and no head is needed.
        learning_rate: Largest one of Adam, falling to a tenth along a cosine.
        patience: Epochs without a better value on held-out rows after which training stops.
        softness: Of the codes in the first and in the last epoch, in units of the distance of
            levels; see `soft_codes`.
        restarts: Trainings, all but the first from fresh weights; the best by held-out value stays.
            One of ten toward an entropy ends in a layer that tells nothing.
        accelerator: `auto`, `cpu` or `gpu`, as for Lightning's Trainer.

    Raises:
        InputError: For a number out of range.
    """

    order: Literal["greedy", "joint"] = "greedy"
    epochs: int = 60
    steps: int = 32
    batch_size: int = 512
    learning_rate: float = 0.01
    patience: int = 30
    softness: tuple[float, float] = (0.6, 0.15)
    restarts: int = 3
    accelerator: Literal["auto", "cpu", "gpu"] = "cpu"

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch_size", "patience", "restarts"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"fit.{name} is {getattr(self, name)}; expected a whole number of at least 1"
                )
        if not self.learning_rate > 0 or not min(self.softness) > 0:
            raise InputError(
                f"fit.learning_rate is {self.learning_rate} and fit.softness "
                f"{list(self.softness)}; expected numbers above 0"
            )
        if self.order not in ("greedy", "joint"):
            raise InputError(
                f"fit.order is {self.order!r}; {nearest(self.order, ('greedy', 'joint'))}expected "
                "greedy or joint"
            )


@dataclass(frozen=True)
class Rows:
    """What layers learn from.

    Args:
        x: (n, ...) inputs.
        y: (n, classes) p(y|x), or (n, numbers) configurations.
        w: (n,) probabilities of the rows.
        configurations: Which of both y is.
        finite: Whether the rows are every input there is.
    """

    x: Tensor
    y: Tensor
    w: Tensor
    configurations: bool = False
    finite: bool = False

    def at(self, rows: Tensor) -> "Rows":
        """Some of the rows."""
        w = self.w[rows]
        return Rows(self.x[rows], self.y[rows], w / w.sum(), self.configurations)

    def batches(self, fit: Fit, seed: int) -> DataLoader[Any]:
        """Batches of one epoch, whose order depends on the seed and the epoch alone."""
        data = TensorDataset(self.x, self.y, self.w)
        return DataLoader(data, sampler=_Order(len(self.x), fit, seed), batch_size=None)

    def once(self) -> DataLoader[Any]:
        """All rows, at most some thousands, in one batch."""
        few = slice(0, None, -(-len(self.x) // _MOST_HELD))
        data = TensorDataset(self.x[few], self.y[few], self.w[few])
        return DataLoader(data, sampler=[list(range(len(data)))], batch_size=None)


class _Order(Sampler[list[int]]):
    """Numbers of rows, batch by batch; Lightning says which epoch it is."""

    def __init__(self, n: int, fit: Fit, seed: int) -> None:
        self.n, self.size, self.steps = n, min(fit.batch_size, n), fit.steps
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called at the start of an epoch, also of one that is resumed."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        rows = torch.empty(0, dtype=torch.int64)
        for _ in range(self.steps):
            while len(rows) < self.size:
                rows = torch.cat([rows, torch.randperm(self.n, generator=generator)])
            yield rows[: self.size].tolist()
            rows = rows[self.size :]


@dataclass(frozen=True)
class Parts:
    """The uses of the data.

    Args:
        learn: To learn from.
        held: To stop by.
        judged: To tell the accuracy by.
        measured: To measure on.
    """

    learn: Rows
    held: Rows
    judged: Rows
    measured: Inputs


def read_parts(
    data: Any,
    labels: Any = None,
    kind: InputKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | Literal["independent"] | None = None,
    measured: Any = None,
) -> Parts:
    """Read what layers learn from, and part it.

    A finite set is the distribution itself and serves all uses. Samples are parted by whole
    chains where there are five or more, by time where there are fewer, and by chance where they
    are independent.

    Args:
        data: As in `train_layers`.
        labels: Likewise.
        kind: Likewise.
        entropy: Likewise.
        chains: Likewise.
        measured: Other data to measure on, or None.

    Raises:
        InputError: For data without labels, too many classes, or too few samples.
    """
    configurations = _configurations(labels)
    given = None if configurations is not None else labels
    inputs = inputs_of(data, given, kind=kind, entropy=entropy, chains=chains)
    other = None if measured is None else inputs_of(measured)
    batches = list(inputs.stream(_AT_ONCE))
    if batches[0].layout is not None:
        raise InputError(
            "the network takes several tensors; layers are trained of networks that take one"
        )
    x = torch.cat([batch.x for batch in batches])
    x = x if x.is_floating_point() else x.float()
    known = [batch.y for batch in batches if batch.y is not None]
    if configurations is None and len(known) < len(batches):
        raise InputError(
            "the data have no labels, and layers are trained by what they must know of them; give "
            "labels (n,), or the environment (n, numbers) for the method rsmi"
        )
    y = configurations if configurations is not None else torch.cat(known)
    if len(y) != len(x):
        raise InputError(f"{len(y)} environments for {len(x)} inputs; expected one each")
    if inputs.kind == "finite":
        weights = [batch.weights for batch in batches if batch.weights is not None]
        rows = _finite(x, y, torch.cat(weights))
        return Parts(rows, rows, rows, other or inputs)
    return _parted(inputs, x, y, other)


def _configurations(labels: Any) -> Tensor | None:
    """Labels that are rows of numbers and not classes."""
    if getattr(labels, "ndim", 1) < 2:
        return None
    found = torch.as_tensor(labels).flatten(1).float()
    if not bool(found.isfinite().all()):
        raise InputError("the environments hold values that are not finite; expected numbers")
    return found


def _finite(x: Tensor, y: Tensor, w: Tensor) -> Rows:
    """Different inputs with their probabilities and p(y|x)."""
    if y.dim() == 2:
        return Rows(x, y, w.float(), configurations=True, finite=True)
    number = torch.from_numpy(dense_labels(row_ids(x).numpy()).astype("int64"))
    count, classes = int(number.max()) + 1, _classes(y)
    _check_size(count, classes)
    joint = torch.zeros(count * classes, dtype=torch.float64)
    joint = joint.index_add(0, number * classes + y, w).view(count, classes)
    first = torch.zeros(count, dtype=torch.int64).scatter(0, number, torch.arange(len(x)))
    p = joint.sum(1)
    met = p > 0
    conditional = joint[met] / p[met, None]
    return Rows(x[first][met], conditional.float(), p[met].float(), finite=True)


def _parted(inputs: Inputs, x: Tensor, y: Tensor, other: Inputs | None) -> Parts:
    known = y.dim() == 1
    labels = y
    if known:
        _check_size(len(x), classes := _classes(y))
        y = F.one_hot(y, classes).float()
    rows = Rows(x, y, torch.full((len(x),), 1 / len(x)), not known)
    shares = _SHARES if other is None else (_SHARES[0], 1 - _SHARES[0])
    places, chains = _places(inputs, len(x), shares)
    if min(map(len, places)) < _FEWEST:
        raise InputError(
            f"{len(x)} samples in {inputs.chains or 'no'} chains leave {min(map(len, places))} for "
            f"one of the parts that are learned from, stopped by and measured on; expected at "
            f"least {_FEWEST} in each"
        )
    learn, held = rows.at(places[0]), rows.at(places[1])
    if other is not None:
        return Parts(learn, held, held, other)
    seen = places[2]
    measured = sampled_inputs(
        x[seen], labels[seen] if known else None, kind=_kind(inputs), entropy=inputs.entropy,
        chains=chains,
    )  # fmt: skip
    return Parts(learn, held, rows.at(seen), replace(measured, assumed=inputs.assumed))


def _kind(inputs: Inputs) -> SampleKind:
    return "continuous" if inputs.kind == "continuous" else "discrete"


def _places(inputs: Inputs, n: int, shares: Sequence[float]) -> tuple[list[Tensor], int | None]:
    """Numbers of the rows of each part, and of how many chains the last one is."""
    chains = inputs.chains
    if chains is not None and chains >= _BY_CHAIN:
        own = torch.arange(n // chains * chains) % chains
        ends = _ends(shares, chains)
        found = [((own >= a) & (own < b)).nonzero()[:, 0] for a, b in pairwise(ends)]
        return found, ends[-1] - ends[-2]
    order = torch.arange(n)
    if chains is None and not inputs.assumed:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    ends = [end * (chains or 1) for end in _ends(shares, n // (chains or 1))]
    return [order[a:b] for a, b in pairwise(ends)], chains


def _ends(shares: Sequence[float], count: int) -> list[int]:
    """Where parts begin and end: 0, then the end of each."""
    sums = [sum(shares[: k + 1]) for k in range(len(shares) - 1)]
    return [0, *(round(share * count) for share in sums), count]


def _classes(y: Tensor) -> int:
    return int(y.max()) + 1


def _check_size(n: int, classes: int) -> None:
    if n * classes > _MOST_NUMBERS:
        raise InputError(
            f"{n} inputs with {classes} classes of labels; expected at most {_MOST_NUMBERS} "
            "products of both: number the classes from 0, or give the environment as "
            "configurations (n, numbers) for the method rsmi"
        )


def accuracy(network: nn.Module, layer: str, parts: Parts) -> Estimate | None:
    """Share of rows whose label is the likeliest one given a layer, by the rows learned from.

    Args:
        network: In evaluation mode.
        layer: A child of it, quantised; of noisy ones the likeliest label is that of a `Head`.
        parts: The data.

    Returns:
        None for labels that are configurations, or of more than 256 classes.
    """
    learn, judged = parts.learn, parts.judged
    if learn.configurations or learn.y.shape[1] > _MOST_CLASSES:
        return None
    t, other = (_outputs(network, layer, rows.x) for rows in (learn, judged))
    guess = _fitted if noises(network) else _counted
    right = judged.y.gather(1, guess(t, learn, other)[:, None])[:, 0]
    share = min(float(judged.w.double() @ right.double()), 1.0)
    if judged.finite:
        return Estimate(share, 0.0, "exact", "1", len(right))
    return Estimate(share, math.sqrt(share * (1 - share) / len(right)), "estimate", "1", len(right))


@torch.no_grad()
def _outputs(network: nn.Module, layer: str, x: Tensor) -> Tensor:
    """(n, units) of a layer."""
    for name, module in network.named_children():
        x = module(x)
        if name == layer:
            break
    return x.flatten(1)


def _counted(t: Tensor, learn: Rows, other: Tensor) -> Tensor:
    """The likeliest label of each code, the likeliest of all where the code was not met."""
    codes, number = torch.cat([t, other]).unique(dim=0, return_inverse=True)
    table = _RARE * (learn.w @ learn.y).expand(len(codes), -1)
    table = table.index_add(0, number[: len(t)], learn.w[:, None] * learn.y)
    return table.argmax(1)[number[len(t) :]]


def _fitted(t: Tensor, learn: Rows, other: Tensor) -> Tensor:
    with seeded(0):
        head = Head(t.shape[1], learn.y.shape[1])
    optimiser = torch.optim.Adam(head.parameters(), _FIT_RATE)
    for _ in range(_FIT_STEPS):
        loss = -(learn.w * (learn.y * head(t).log_softmax(1)).sum(1)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return head(other).argmax(1)
