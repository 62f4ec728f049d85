"""What depth buys against width: sawtooth functions, built and trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.layers.folding import Pieces, folding_entropy_1d, straight_pieces
from rsmi.progress import Progress, silent

_SAME_SLOPE = 1e-9


def sawtooth(layers: int) -> list[nn.Module]:
    r"""The tent map composed l times, each time a two-ReLU layer: H(X|T_l) = l bits.

    .. math:: x \mapsto 2\,\mathrm{ReLU}(x) - 4\,\mathrm{ReLU}(x - \tfrac12)

    Args:
        layers: l, the number of tents.

    Returns:
        Linear, ReLU, Linear for every tent, in float64: :math:`2^l` straight pieces.

    Source: Telgarsky (2016), arXiv:1602.04485.

    >>> torch.nn.Sequential(*sawtooth(2))(torch.tensor([[0.25]], dtype=torch.float64)).item()
    1.0
    """
    modules: list[nn.Module] = []
    for _ in range(layers):
        spread, gather = nn.Linear(1, 2).double(), nn.Linear(2, 1, bias=False).double()
        with torch.no_grad():
            spread.weight.fill_(1.0)
            spread.bias.copy_(torch.tensor([0.0, -0.5]))
            gather.weight.copy_(torch.tensor([[2.0, -4.0]]))
        modules += [spread, nn.ReLU(), gather]
    return modules


def shallow_sawtooth(teeth: int) -> list[nn.Module]:
    r"""The same function of one hidden layer, with a unit for each of the :math:`2^l` pieces.

    Args:
        teeth: l.
    """
    count = 1 << teeth
    spread, gather = nn.Linear(1, count).double(), nn.Linear(count, 1, bias=False).double()
    with torch.no_grad():
        spread.weight.fill_(1.0)
        spread.bias.copy_(-torch.arange(count) / count)
        signs = 1.0 - 2.0 * (torch.arange(count) % 2)
        gather.weight.copy_((2.0 * count * signs)[None])
        gather.weight[0, 0] = count
    return [spread, nn.ReLU(), gather]


def count_pieces(layers: Sequence[nn.Module]) -> int:
    """Straight pieces on 0..1 of a network with one real input and output, exactly.

    Args:
        layers: As in `straight_pieces`.

    >>> count_pieces(sawtooth(5))
    32
    """
    curve = straight_pieces(layers, 0.0, 1.0)[-1]
    scale = float(np.abs(curve.slope).max()) or 1.0
    bends = np.abs(np.diff(curve.slope, axis=0)).max(1) > _SAME_SLOPE * scale
    return 1 + int(bends.sum())


def mean_distance(layers: Sequence[nn.Module], others: Sequence[nn.Module]) -> float:
    r""":math:`\int_0^1 |f - g|\, dx` of two networks with one real input and output, exactly.

    Args:
        layers: As in `straight_pieces`.
        others: Of the other network.

    >>> round(mean_distance(sawtooth(3), shallow_sawtooth(3)), 12)
    0.0
    """
    f, g = (straight_pieces(each, 0.0, 1.0)[-1] for each in (layers, others))
    ends = np.union1d(f.ends, g.ends)
    middle = 0.5 * (ends[1:] + ends[:-1])
    low, high = (_at(f, ends[k : len(ends) - 1 + k], middle) for k in (0, 1))
    a = low - _at(g, ends[:-1], middle)
    b = high - _at(g, ends[1:], middle)
    whole = np.abs(a) + np.abs(b)
    crossing = (a * b < 0) & (whole > 0)
    part = np.where(crossing, (a**2 + b**2) / np.maximum(whole, 1e-300), whole)
    return float((np.diff(ends) * part).sum() / 2)


def _at(curve: Pieces, x: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Values at x of the pieces that other points lie in."""
    place = np.clip(np.searchsorted(curve.ends, inside) - 1, 0, len(curve.slope) - 1)
    value: np.ndarray = curve.offset[place, 0] + curve.slope[place, 0] * x
    return value


def most_pieces(width: int, depth: int) -> int:
    """Pieces that a network of so many hidden ReLU layers can have at most, (width + 1)^depth.

    Each unit crosses 0 once on a straight piece, so a layer cuts each piece into width + 1.
    """
    return (width + 1) ** depth


def least_distance(pieces: int, teeth: int) -> float:
    r"""A mean distance that no function of N pieces falls below, from a sawtooth of :math:`2^l`.

    .. math:: \int_0^1 |f - g| \ge \tfrac18 \max(0, 1 - 2 (N + 1) / 2^l)

    Between its :math:`2^l` crossings of 1/2 the sawtooth has :math:`2^l - 1` triangles of area
    :math:`2^{-l}/4`, on alternate sides. On a straight piece g crosses 1/2 at most once, so it
    stays on one side over all but N of them, in at most N + 1 runs, and is wrong in half of these.

    Args:
        pieces: N.
        teeth: l.

    Source: after Telgarsky (2016), arXiv:1602.04485.

    >>> least_distance(4, 6), least_distance(64, 6)
    (0.10546875, 0.0)
    """
    return max(0.0, 1 - 2 * (pieces + 1) / 2**teeth) / 8


@dataclass(frozen=True)
class Sawtooth:
    """Which sawtooth is built, and which networks are trained on it.

    Args:
        teeth: l: the function has 2^l pieces.
        depths: Hidden layers of the networks that are trained.
        widths: Their units in each layer.
        seeds: Networks of each kind, at least 2.
        steps: Of Adam.
        learning_rate: At the start; it falls to nothing along a cosine.
        seed: Of all weights.
    """

    teeth: int = 4
    depths: tuple[int, ...] = (1, 2, 4)
    widths: tuple[int, ...] = (2, 4, 8, 16, 32)
    seeds: int = 5
    steps: int = 2000
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.teeth <= 16:
            raise InputError(f"{self.teeth} tents; expected 1 to 16")
        sizes = [*self.depths, *self.widths]
        if not (self.depths and self.widths) or min(sizes) < 1:
            raise InputError(
                f"depths {list(self.depths)} and widths {list(self.widths)}; expected at least one "
                "of each, all at least 1"
            )
        if self.seeds < 2 or self.steps < 1 or not self.learning_rate > 0:
            raise InputError(
                f"{self.seeds} seeds, {self.steps} steps, learning rate {self.learning_rate}; "
                "expected at least 2 seeds, 1 step and a rate above 0"
            )


@dataclass(frozen=True)
class TrainedTeeth:
    """Networks of one depth and width.

    Args:
        distance: Mean distance from the sawtooth, over seeds.
        best: The smallest.
        pieces: Number of straight pieces, over seeds.
        parameters: Of one network.
    """

    distance: Estimate
    best: float
    pieces: Estimate
    parameters: int


@dataclass(frozen=True, repr=False)
class SawtoothResult(Outcome):
    """A sawtooth by depth, and how near trained networks of few layers come to it.

    Args:
        forgotten: H(X|T_l) in bits after each tent, exact.
        pieces: Of the function after each tent.
        trained: By depth and width.
        settings: What was asked for.
    """

    forgotten: tuple[Estimate, ...]
    pieces: tuple[int, ...]
    trained: Mapping[tuple[int, int], TrainedTeeth]
    settings: Sawtooth

    def limit(self, depth: int, width: int) -> float:
        """What no network of this depth and width falls below."""
        return least_distance(most_pieces(width, depth), self.settings.teeth)

    def quantities(self) -> list[Quantity]:
        """Bits and pieces by layer, then distances by depth and width above their limits."""
        name, found = "theory.sawtooth", list[Quantity]()
        for layer, (bits, count) in enumerate(zip(self.forgotten, self.pieces, strict=True), 1):
            found.append(Quantity.of(f"{name}.forgotten", bits, float(layer), layer=layer))
            about = {"layer": layer}
            found.append(Quantity(f"{name}.pieces", count, 0, "exact", "1", 2.0**layer, about))
        for (depth, width), one in self.trained.items():
            about = {"depth": depth, "width": width}
            own = {"best": one.best, "limit": self.limit(depth, width), **about}
            found.append(Quantity.of(f"{name}.distance", one.distance, None, **own))
            found.append(Quantity.of(f"{name}.trained.pieces", one.pieces, None, **about))
        return found

    def sheets(self) -> list[Sheet]:
        """The construction layer by layer, then trained networks."""
        rows = [
            [f"{layer}", f"{bits.value:.6f}", f"{count}", f"{7 * layer}", f"{3 * count}"]
            for layer, (bits, count) in enumerate(zip(self.forgotten, self.pieces, strict=True), 1)
        ]
        columns = ["tents", "H(X|T) (bits)", "pieces", "weights, deep", "weights, one layer"]
        caption = "exact; the same function built of l layers of 2 units, or of 2^l units in one"
        cells = [
            [
                f"{depth} x {width}", f"{one.parameters}", _short(one.distance), f"{one.best:.4f}",
                f"{self.limit(depth, width):.4f}", _short(one.pieces),
                f"{most_pieces(width, depth)}",
            ]
            for (depth, width), one in self.trained.items()
        ]  # fmt: skip
        heads = [
            "depth x width", "weights", "distance", "best", "no network below", "pieces", "at most",
        ]  # fmt: skip
        told = (
            f"from {2**self.settings.teeth} pieces; mean of |f - g| over 0..1, exact for each "
            f"network, mean over {self.settings.seeds} seeds; 1/4 is what the constant 1/2 has"
        )
        return [
            Sheet("The sawtooth that depth makes", columns, rows, caption),
            Sheet("Networks trained on it", heads, cells, told),
        ]


def _short(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def study_sawtooth(settings: Sawtooth, progress: Progress = silent) -> SawtoothResult:
    """Build a sawtooth of many layers, and train networks of fewer on it.

    Args:
        settings: Which sawtooth, and which networks.
        progress: Told how many kinds of networks of how many are done.

    Source: Telgarsky (2016), arXiv:1602.04485.
    """
    built = sawtooth(settings.teeth)
    forgotten = tuple(
        Estimate(found.value / math.log(2), 0.0, "exact", "bits")
        for found in folding_entropy_1d(built)[2::3]
    )
    pieces = tuple(count_pieces(built[: 3 * layer]) for layer in range(1, settings.teeth + 1))
    trained = {}
    kinds = [(depth, width) for depth in settings.depths for width in settings.widths]
    for done, (depth, width) in enumerate(kinds):
        networks = train_teeth(settings, depth, width)
        apart = [mean_distance(network, built) for network in networks]
        counts = [float(count_pieces(network)) for network in networks]
        size = sum(p.numel() for layer in networks[0] for p in layer.parameters())
        trained[depth, width] = TrainedTeeth(_mean(apart), min(apart), _mean(counts), size)
        progress(done + 1, len(kinds))
    return SawtoothResult(forgotten, pieces, trained, settings)


def _mean(values: Sequence[float]) -> Estimate:
    own = torch.tensor(values, dtype=torch.float64)
    error = float(own.std() / math.sqrt(len(own)))
    return Estimate(float(own.mean()), error, "estimate", "1", len(own))


def train_teeth(settings: Sawtooth, depth: int, width: int) -> list[list[nn.Module]]:
    """Networks of one depth and width, trained side by side on a grid of 32 points a piece.

    Bends start at random places in 0..1, where the function is.

    Returns:
        For each seed Linear and ReLU layers in turn, in float64.
    """
    seeds, generator = settings.seeds, torch.Generator().manual_seed(settings.seed)
    x = (torch.arange(32 << settings.teeth) + 0.5)[:, None] / (32 << settings.teeth)
    goal = nn.Sequential(*sawtooth(settings.teeth))(x.double()).float().detach()
    sizes = [1, *[width] * depth, 1]
    weights = []
    for before, after in pairwise(sizes):
        scale = math.sqrt(2 / before)
        matrix = scale * torch.randn(seeds, before, after, generator=generator)
        offset = -matrix * torch.rand(seeds, 1, after, generator=generator) if before == 1 else None
        weights.append([matrix, torch.zeros(seeds, 1, after) if offset is None else offset])
    parameters = [one.requires_grad_() for layer in weights for one in layer]
    optimiser = torch.optim.Adam(parameters, settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    for _ in range(settings.steps):
        loss = (_outputs(x, weights) - goal).square().mean((1, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return [_network(weights, seed) for seed in range(seeds)]


def _outputs(x: Tensor, weights: Sequence[Sequence[Tensor]]) -> Tensor:
    t = x.expand(len(weights[0][0]), -1, -1)
    for place, (matrix, offset) in enumerate(weights):
        t = t @ matrix + offset
        t = t.relu() if place < len(weights) - 1 else t
    return t


def _network(weights: Sequence[Sequence[Tensor]], seed: int) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for place, (matrix, offset) in enumerate(weights):
        linear = nn.Linear(matrix.shape[1], matrix.shape[2]).double()
        with torch.no_grad():
            linear.weight.copy_(matrix[seed].T)
            linear.bias.copy_(offset[seed, 0])
        modules += [linear, nn.ReLU()] if place < len(weights) - 1 else [linear]
    return modules
