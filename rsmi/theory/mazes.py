"""Critical mazes as one study: training, lines to the perfect weights, rare events, entropies."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, entropy, format_with_error
from rsmi.progress import Progress, silent
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD, sample_mazes, solve
from rsmi.theory.flood import (
    NEGLECTS,
    STEEPNESS,
    VERDICTS,
    FloodNetwork,
    Judged,
    Kernel,
    Neglect,
    Stage,
    Start,
    flood_logits,
    flood_weights,
    judge_floods,
    lit_border,
    maze_tensors,
    neglecting_weights,
    starting_weights,
    train_floods,
)
from rsmi.theory.measure_dynamics import mean_of

Weights = Literal["shared", "own", "untied"]

ONE_ARM = 5 / 48
"""P(solvable) falls as L to this power: the one-arm exponent of percolation."""

_PER_SITE = 4
_LINE_PER_SITE = 2
_MOST_ENUMERATED = 5
_PARTS = 4


@dataclass(frozen=True)
class Way:
    """How networks are trained.

    Args:
        kernel: `cross` or `full`.
        weights: `shared` by all layers; each layer its `own`; or `untied`: shared until the last
            stage, and there each layer's own.
        start: Of the weights, see `starting_weights`.
        curriculum: All stages, or the last one alone.
        growth: Annealed steepness, see `train_floods`; 0 for plain training.
    """

    kernel: Kernel = "cross"
    weights: Weights = "shared"
    start: Start = "identity"
    curriculum: bool = True
    growth: float = 0.0

    def __post_init__(self) -> None:
        starting_weights(self.start, 1, torch.Generator(), self.kernel)
        if self.weights not in get_args(Weights) or not 0 <= self.growth < 1:
            raise InputError(
                f"weights are {self.weights!r} with a growth of {self.growth}; "
                f"{nearest(self.weights, get_args(Weights))}expected shared, own or untied, and a "
                "growth from 0 to below 1"
            )
        if self.weights == "untied" and not self.curriculum:
            raise InputError(
                "untied weights are shared in a curriculum first; set curriculum: true"
            )

    @property
    def words(self) -> str:
        """The way in a line."""
        school = "curriculum" if self.curriculum else "direct"
        annealed = f", growth {self.growth:g}" if self.growth else ""
        return f"{self.kernel}, {self.weights}, {self.start}, {school}{annealed}"


_WAYS = (
    Way(growth=0.003),
    Way(),
    Way(curriculum=False, growth=0.003),
    Way("full", growth=0.003),
    Way("full"),
    Way("full", "own", growth=0.003),
)
_SCHOOL = (Stage(5, 6, 1000), Stage(9, 16, 150, batch=16), Stage(17, 40, 40, batch=8))


@dataclass(frozen=True)
class Floods:
    """What is asked of networks that flood mazes.

    Args:
        ways: Of training.
        school: Stages of a curriculum; networks without one see the last alone, for as many steps
            as all of them have.
        seeds: Networks of each way, at least 10.
        mazes: Held-out ones, for each size.
        sizes: On which shared weights are judged, with 4 L layers; others on the last stage.
        line_sizes: L of the lines to the perfect weights, with 2 L layers.
        line_points: On each line, at least 3.
        line_mazes: For each size.
        walls: b of walls that leak.
        steepnesses: kappa of perfect weights.
        enumerated: Side of the mazes that are listed for entropies, 3 to 5.
        depth: Layers whose entropies are shown.
        device: `cpu` or `cuda`.
        seed: Of everything that is drawn.
    """

    ways: tuple[Way, ...] = _WAYS
    school: tuple[Stage, ...] = _SCHOOL
    seeds: int = 20
    mazes: int = 2000
    sizes: tuple[int, ...] = (17, 33)
    line_sizes: tuple[int, ...] = (17, 33, 65)
    line_points: int = 21
    line_mazes: int = 128
    walls: tuple[float, ...] = (5.0, 3.4, 2.4, 1.4)
    steepnesses: tuple[float, ...] = (6.0, 7.0, 8.0, 9.0, 10.0, 12.0)
    enumerated: int = 5
    depth: int = 8
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_training()
        self._check_lines()
        if not 3 <= self.enumerated <= _MOST_ENUMERATED:
            raise InputError(
                f"mazes of side {self.enumerated} are to be enumerated; expected 3, 4 or 5: of 6 "
                "there are 2^35"
            )
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device is cuda, and there is none; set device: cpu")
        if self.device not in ("cpu", "cuda"):
            raise InputError(f"device is {self.device!r}; expected cpu or cuda")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed is {self.seed}; expected a whole number from 0 to below 2^31")

    def _check_training(self) -> None:
        if self.seeds < 10 or not self.school or not self.sizes or not self.ways:
            raise InputError(
                f"{self.seeds} seeds of {len(self.ways)} ways, {len(self.school)} stages, "
                f"{len(self.sizes)} sizes; expected at least 10 seeds and one of each other"
            )
        if any(way.weights == "own" for way in self.ways) and self.school[0].layers < 2:
            raise InputError(
                "networks of one layer cannot have weights of their own for each; give the first "
                "stage at least 2 layers"
            )

    def _check_lines(self) -> None:
        if min(self.mazes, self.line_mazes) < 20 or self.line_points < 3 or self.depth < 1:
            raise InputError(
                f"{self.mazes} and {self.line_mazes} mazes, {self.line_points} points, depth "
                f"{self.depth}; expected at least 20 mazes, 3 points and one layer"
            )
        if not self.line_sizes or min(self.sizes + self.line_sizes) < 3:
            raise InputError(
                f"sizes are {list(self.sizes)} and {list(self.line_sizes)}; expected at least one "
                "of each, and none below 3"
            )
        numbers = (*self.walls, *self.steepnesses)
        if not self.walls or not self.steepnesses or not all(0 < x < math.inf for x in numbers):
            raise InputError(
                f"walls are {list(self.walls)} and steepnesses {list(self.steepnesses)}; expected "
                "at least one number above 0 of each"
            )


@dataclass(frozen=True)
class Ended:
    """Where the networks of one way ended.

    Args:
        way: How they were trained.
        weights: (rows, seeds, 3 or 11).
        judged: On held-out mazes, by size and layers.
    """

    way: Way
    weights: Tensor
    judged: Mapping[tuple[int, int], Judged]


@dataclass(frozen=True)
class Line:
    """The cost on the way from a neglecting minimum to the perfect weights.

    Args:
        cost: Cross entropy at evenly spaced t from 0 to 1, nats.
        shape: The same for each unsolvable maze, with the error of a ratio over the same mazes.
        half: t where it has fallen to half of its value at 0 for the last time.
    """

    cost: tuple[Estimate, ...]
    shape: tuple[Estimate, ...]
    half: Estimate


@dataclass(frozen=True)
class Forgotten:
    """Entropies of one network by layer, exact, in bits.

    Args:
        inputs: H(X|T_l), l = 0, 1, ....
        labels: H(Y|T_l).
        answers: H(Y|C_l), C_l being the centre alone.
    """

    inputs: tuple[Estimate, ...]
    labels: tuple[Estimate, ...]
    answers: tuple[Estimate, ...]

    @property
    def named(self) -> dict[str, tuple[Estimate, ...]]:
        """Each of them by its symbol."""
        return {"H(X|T)": self.inputs, "H(Y|T)": self.labels, "H(Y|C)": self.answers}


@dataclass(frozen=True, repr=False)
class FloodsResult(Outcome):
    """How networks learn to flood mazes, and what their layers know.

    Args:
        ended: For each way of training.
        solvable: Share of mazes that can be solved, by size.
        lines: By neglect and size.
        leaks: Share of unsolvable mazes that are called solvable, by size and wall.
        ignited: The same by steepness, on the first size of `sizes`.
        entropies: By network: perfect, trained, and those that neglect.
        explored: H(X|T_l) of the perfect network on the first of `sizes`, bits.
        settings: What was asked for.
    """

    ended: tuple[Ended, ...]
    solvable: Mapping[int, Estimate]
    lines: Mapping[tuple[Neglect, int], Line]
    leaks: Mapping[tuple[int, float], Estimate]
    ignited: Mapping[float, Estimate]
    entropies: Mapping[str, Forgotten]
    explored: tuple[Estimate, ...]
    settings: Floods

    @property
    def best(self) -> Tensor | None:
        """Weights (1, 3 or 11) of the most accurate network that shares them, if any does."""
        own = [one for one in self.ended if one.way.weights == "shared"]
        if not own:
            return None
        best = max(own, key=lambda one: float(_first(one).accuracy.max()))
        return best.weights[:, int(_first(best).accuracy.argmax())]

    def unlike(self, kind: Neglect) -> dict[int, Estimate]:
        """How far the shape differs from that of the next larger size, by size.

        Root mean square over t of the difference, and of its error, in units of that of the shape.
        """
        sizes = sorted(set(self.settings.line_sizes))
        return {
            size: _difference(self.lines[kind, size].shape, self.lines[kind, larger].shape)
            for size, larger in pairwise(sizes)
        }

    def quantities(self) -> list[Quantity]:
        """Perfect networks of each way, then accuracies, lines, rare events and entropies."""
        return [*self._trained(), *self._costs(), *self._rare(), *self._entropies()]

    def _trained(self) -> list[Quantity]:
        found = []
        for one in self.ended:
            for (size, layers), judged in one.judged.items():
                verdicts = Counter(judged.verdicts)
                about: dict[str, Plain] = {
                    "way": one.way.words,
                    "size": size,
                    "layers": layers,
                    **{name: verdicts[name] for name in VERDICTS},
                }
                share = mean_of(torch.tensor([v == "perfect" for v in judged.verdicts]))
                found.append(Quantity.of("theory.mazes.perfect", share, None, **about))
                right = mean_of(judged.accuracy)
                found.append(Quantity.of("theory.mazes.accuracy", right, None, **about))
        return found

    def _costs(self) -> list[Quantity]:
        found = []
        for (kind, size), line in self.lines.items():
            about: dict[str, Plain] = {"neglect": kind, "size": size}
            for place, one in enumerate(line.cost):
                t = place / (len(line.cost) - 1)
                found.append(Quantity.of("theory.mazes.cost", one, None, t=t, **about))
            found.append(Quantity.of("theory.mazes.half", line.half, None, **about))
        for kind in dict.fromkeys(kind for kind, _ in self.lines):
            for size, value in self.unlike(kind).items():
                about = {"neglect": kind, "size": size}
                found.append(Quantity.of("theory.mazes.unlike", value, None, **about))
        return found

    def _rare(self) -> list[Quantity]:
        found = []
        for size, share in self.solvable.items():
            found.append(Quantity.of("theory.mazes.solvable", share, None, size=size))
        for (size, wall), share in self.leaks.items():
            found.append(Quantity.of("theory.mazes.leak", share, None, size=size, wall=wall))
        for steepness, share in self.ignited.items():
            found.append(Quantity.of("theory.mazes.ignited", share, None, steepness=steepness))
        return found

    def _entropies(self) -> list[Quantity]:
        found = []
        for name, own in self.entropies.items():
            for symbol, values in own.named.items():
                for layer, value in enumerate(values):
                    about: dict[str, Plain] = {"network": name, "layer": layer}
                    found.append(Quantity.of(f"theory.mazes.{symbol}", value, None, **about))
        for layer, value in enumerate(self.explored):
            about = {"size": self.settings.sizes[0], "layer": layer}
            found.append(Quantity.of("theory.mazes.explored", value, None, **about))
        return found

    def sheets(self) -> list[Sheet]:
        """Where training ended, costs along lines, rare events, entropies by layer."""
        return [
            self._trained_sheet(),
            self._line_sheet(),
            *self._rare_sheets(),
            *self._layer_sheets(),
        ]

    def _trained_sheet(self) -> Sheet:
        rows: list[list[str]] = []
        for one in self.ended:
            rows.append([one.way.words])
            for (size, layers), judged in one.judged.items():
                counts = Counter(judged.verdicts)
                told = [str(counts[name] or "") for name in VERDICTS]
                right = judged.accuracy
                ends = [f"{float(right.median()):.4f}", f"{float(right.max()):.4f}"]
                rows.append([f"L = {size}, {layers} layers", *told, *ends])
        caption = (
            f"networks of {self.settings.seeds} that ended there, by their answers to "
            f"{self.settings.mazes} held-out mazes of each size: perfect from .999 on; always "
            "solvable or unsolvable; seeing only walls, or only neighbours that are lit; partial: "
            "seeing both. growth: weights are multiplied up after each step"
        )
        return Sheet("Where training ends", ["", *VERDICTS, "median", "best"], rows, caption)

    def _line_sheet(self) -> Sheet:
        sizes, rows = sorted(set(self.settings.line_sizes)), list[list[str]]()
        for kind in dict.fromkeys(kind for kind, _ in self.lines):
            own = [self.lines[kind, size] for size in sizes]
            highest = [max(line.shape, key=lambda one: one.value) for line in own]
            rows += [[kind], ["cost at t = 0", *(_short(line.cost[0]) for line in own)]]
            rows.append(["highest, of each unsolvable maze", *map(_short, highest)])
            rows.append(["t of half the cost", *(_short(line.half) for line in own)])
            rows.append(["unlike the next size", *map(_short, self.unlike(kind).values()), ""])
        columns = ["", *(f"L = {size}" for size in sizes)]
        caption = (
            "t goes from neglecting weights (0) to perfect ones (1); cost in nats; unlike: root "
            "mean square difference of the costs of each unsolvable maze, over their own"
        )
        return Sheet("Cost along the line to the perfect weights", columns, rows, caption)

    def _rare_sheets(self) -> list[Sheet]:
        sizes, walls = sorted(self.solvable), sorted(set(self.settings.walls), reverse=True)
        rows = []
        for size in sizes:
            share = self.solvable[size]
            scaled = Estimate(
                share.value * size**ONE_ARM, share.error * size**ONE_ARM, "estimate", "1", share.n
            )
            leaks = [_short(self.leaks[size, wall]) for wall in walls]
            rows.append([f"L = {size}", _short(share), _short(scaled), *leaks])
        columns = ["", "solvable", "times L^(5/48)", *(f"b = {wall:g}" for wall in walls)]
        caption = "b: unsolvable mazes that are called solvable where walls leak"
        rare = Sheet("Solvable mazes, and rare events", columns, rows, caption)
        lit = [[f"{kappa:g}", _short(share)] for kappa, share in self.ignited.items()]
        title = f"Unsolvable mazes called solvable by steepness, L = {self.settings.sizes[0]}"
        return [rare, Sheet(title, ["kappa", "share"], lit)]

    def _layer_sheets(self) -> list[Sheet]:
        rows: list[list[str]] = []
        for name, own in self.entropies.items():
            rows.append([name])
            for symbol, values in own.named.items():
                rows.append([symbol, *(f"{one.value:.4f}" for one in values)])
        columns = ["", *(f"l = {layer}" for layer in range(self.settings.depth + 1))]
        side, size = self.settings.enumerated, self.settings.sizes[0]
        caption = (
            "exact by enumeration, of layers rounded to lit and dark, T, and of their centre, C; "
            "X: the maze, Y: whether it can be solved"
        )
        seen = [["H(X|T)", *map(_short, self.explored)]]
        return [
            Sheet(f"What layers forget, L = {side} (bits)", columns, rows, caption),
            Sheet(
                f"What perfect weights forget, L = {size} (bits)",
                columns,
                seen,
                "from the sites that a flood has not seen",
            ),
        ]


def _difference(shape: Sequence[Estimate], other: Sequence[Estimate]) -> Estimate:
    """Root mean square difference in units of the other shape, with that of its error."""
    a, b = (np.array([[one.value, one.error] for one in own]) for own in (shape, other))
    scale = float(np.sqrt(np.mean(b[:, 0] ** 2)))
    value = float(np.sqrt(np.mean((a[:, 0] - b[:, 0]) ** 2)))
    error = float(np.sqrt(np.mean(a[:, 1] ** 2 + b[:, 1] ** 2)))
    return Estimate(value / scale, error / scale, "estimate", "1", len(a))


def _short(value: Estimate) -> str:
    return format_with_error(value.value, value.error) if value.error else f"{value.value:.4g}"


def _first(ended: Ended) -> Judged:
    return next(iter(ended.judged.values()))


def study_floods(settings: Floods, progress: Progress = silent) -> FloodsResult:
    """Train networks on critical mazes, and see where they end, and what lies between.

    Args:
        settings: What is asked.
        progress: Told how many parts of how many are done.

    Source: Ringel and de Bem (2018), arXiv:1802.02154.
    """
    total, ended = len(settings.ways) + _PARTS, []
    for way in settings.ways:
        ended.append(trained_floods(way, settings))
        progress(len(ended), total)
    lines = {
        (kind, size): line
        for size in settings.line_sizes
        for kind, line in cost_lines(size, settings).items()
    }
    progress(total - 3, total)
    sizes = sorted({*settings.sizes, *settings.line_sizes})
    shares = {size: solvable_share(size, settings.mazes, settings.seed) for size in sizes}
    leaks = {
        (size, wall): share
        for size in sizes
        for wall, share in flip_rates(size, settings, walls=settings.walls).items()
    }
    first = settings.sizes[0]
    ignited = flip_rates(first, settings, steepnesses=settings.steepnesses)
    progress(total - 2, total)
    shown = FloodsResult(tuple(ended), shares, lines, leaks, ignited, {}, (), settings)
    return _with_entropies(shown, progress)


def trained_floods(way: Way, settings: Floods) -> Ended:
    """Train the networks of one way, and judge them."""
    generator = torch.Generator().manual_seed(settings.seed)
    last = settings.school[-1]
    alone = replace(last, steps=sum(stage.steps for stage in settings.school))
    stages = settings.school if way.curriculum else (alone,)
    rows = stages[0].layers if way.weights == "own" else 1
    weights = starting_weights(way.start, settings.seeds, generator, way.kernel, rows)
    weights = weights.to(settings.device)
    for place, stage in enumerate(stages):
        if way.weights == "untied" and stage is last:
            weights = weights.expand(last.layers, -1, -1)
        weights, _ = train_floods(weights, [stage], settings.seed + place, way.growth)
    # One row of weights makes a network of any depth.
    pairs = [(size, _PER_SITE * size) for size in settings.sizes]
    if way.weights != "shared":
        pairs = [(last.size, last.layers)]
    judged = {pair: judge_floods(weights, *pair, settings.mazes, settings.seed) for pair in pairs}
    return Ended(way, weights.cpu(), judged)


def solvable_share(size: int, mazes: int, seed: int) -> Estimate:
    """The share of critical mazes of a size that can be solved."""
    # Labels are cheap beside floods.
    return mean_of(torch.from_numpy(sample_mazes(20 * mazes, size, 2 * seed + 1).solvable))


def cost_lines(size: int, settings: Floods) -> dict[Neglect, Line]:
    """Costs on the lines from every neglecting minimum to the perfect weights, on the same mazes.

    Args:
        size: L.
        settings: Points, mazes and seed.
    """
    t = torch.linspace(0, 1, settings.line_points)[:, None]
    open_sites, labels = _held_out(size, settings.line_mazes, settings)
    ends = [neglecting_weights(kind, float(labels.mean())) for kind in NEGLECTS]
    bank = torch.cat([(1 - t) * end + t * flood_weights() for end in ends])[None]
    logits = _many_logits(bank.to(settings.device), open_sites, _LINE_PER_SITE * size)
    target = labels[:, None].expand_as(logits)
    costs = F.binary_cross_entropy_with_logits(logits, target, reduction="none").cpu().double()
    parts = costs.split(settings.line_points, 1)
    dark = 1 - labels.cpu().double()
    return {kind: _line(own, dark) for kind, own in zip(NEGLECTS, parts, strict=True)}


def _held_out(size: int, mazes: int, settings: Floods) -> tuple[Tensor, Tensor]:
    """Mazes of which at least two cannot be solved, so that there is an error of their mean."""
    open_sites, labels = maze_tensors(mazes, size, 2 * settings.seed + 1, settings.device)
    dark = int((labels == 0).sum())
    if dark < 2:
        raise AnalysisError(
            f"{dark} of {mazes} mazes of {size} x {size} sites cannot be solved, and two are "
            "needed for what they cost; ask for more mazes"
        )
    return open_sites, labels


@torch.no_grad()
def _many_logits(bank: Tensor, open_sites: Tensor, layers: int) -> Tensor:
    """Logits (n, networks) of the same mazes for all networks, some at a time."""
    networks, size = bank.shape[1], open_sites.shape[-1]
    rows = max(1, (1 << 21) // (networks * size * size))
    parts = open_sites.split(rows)
    return torch.cat(
        [flood_logits(bank, part[:, None].expand(-1, networks, -1, -1), layers) for part in parts]
    )


def _line(costs: Tensor, dark: Tensor) -> Line:
    """Mean costs (n, points), and where they are half, with a jackknife over ten blocks."""
    blocks = costs.tensor_split(10)
    left = [_half(torch.cat(blocks[:k] + blocks[k + 1 :])) for k in range(10)]
    error = math.sqrt(9 * float(torch.tensor(left).var(correction=0)))
    half = Estimate(_half(costs), error, "estimate", "1", len(costs))
    cost = tuple(mean_of(column, "nats") for column in costs.T)
    return Line(cost, tuple(_ratio(column, dark) for column in costs.T), half)


def _ratio(costs: Tensor, dark: Tensor) -> Estimate:
    """Cost of each unsolvable maze: a ratio of means over the same mazes, to first order."""
    value = float(costs.mean() / dark.mean())
    error = mean_of((costs - value * dark) / dark.mean()).error
    return Estimate(value, error, "estimate", "nats", len(costs))


def _half(costs: Tensor) -> float:
    """t of the last crossing of half the cost at 0, between the points by a straight line."""
    mean = costs.mean(0) / costs.mean(0)[0] - 0.5
    above = int(torch.nonzero(mean > 0).max())
    if above == len(mean) - 1:
        return 1.0
    inside = float(mean[above] / (mean[above] - mean[above + 1]))
    return (above + inside) / (len(mean) - 1)


def flip_rates(
    size: int,
    settings: Floods,
    walls: Sequence[float] = (),
    steepnesses: Sequence[float] = (),
) -> dict[float, Estimate]:
    """Share of unsolvable mazes that are called solvable, by wall or by steepness.

    Args:
        size: L; 4 L layers are used.
        settings: Mazes and seed.
        walls: b of leaking walls at a steepness of 12.
        steepnesses: kappa of perfect weights.
    """
    values = [*walls, *steepnesses]
    weights = [flood_weights(STEEPNESS, wall) for wall in walls]
    weights += [flood_weights(kappa) for kappa in steepnesses]
    open_sites, labels = _held_out(size, settings.mazes, settings)
    bank = torch.stack(weights)[None].to(settings.device)
    logits = _many_logits(bank, open_sites[labels == 0], _PER_SITE * size)
    flipped = (logits > 0).cpu()
    return {value: mean_of(own) for value, own in zip(values, flipped.T, strict=True)}


def enumerated_mazes(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every maze with an open centre; of side 5 the corners, which no way needs, are closed.

    Args:
        size: 3 to 5.

    Returns:
        Open sites (n, L, L) float32, probabilities (n,) float64 and labels (n,) int64.
    """
    sites = torch.arange(size * size).reshape(size, size)
    free = torch.ones(size, size, dtype=torch.bool)
    free[size // 2, size // 2] = False
    if size == _MOST_ENUMERATED:
        free[:: size - 1, :: size - 1] = False
    places = sites[free]
    states = torch.arange(2 ** len(places))
    open_sites = torch.zeros(len(states), size * size)
    for bit, place in enumerate(places):
        open_sites[:, place] = (states >> bit & 1).float()
    count = open_sites.sum(1).double()
    p = PERCOLATION_THRESHOLD
    weights = p**count * (1 - p) ** (len(places) - count)
    open_sites[:, sites[size // 2, size // 2]] = 1
    open_sites = open_sites.reshape(-1, size, size)
    labels = torch.from_numpy(solve(open_sites.bool().numpy()).solvable).long()
    return open_sites, weights, labels


@torch.no_grad()
def layer_entropies(
    weights: Tensor, mazes: tuple[Tensor, Tensor, Tensor], layers: int
) -> Forgotten:
    r"""H(X|T_l) and H(Y|T_l) of a network whose layers are rounded to lit and dark.

    .. math:: H(X|T) = H(X) - H(T), \qquad H(Y|T) = H(Y, T) - H(T)

    Args:
        weights: (rows, 3 or 11), as `flood_logits` takes them for one network.
        mazes: Every maze, its probability and its label, as `enumerated_mazes` gives them.
        layers: The last l; T_0 is the lit border.

    Returns:
        Bits, exact.
    """
    open_sites, p, labels = mazes
    network, lit, found = FloodNetwork.of(weights, layers), lit_border(open_sites), []
    for layer in range(layers + 1):
        if layer:
            lit = network.steps[layer - 1](lit, open_sites).round()
        sites = lit.flatten(1).double()
        codes = sites @ 2.0 ** torch.arange(sites.shape[1]).double()
        found.append(_forgotten(codes, network.centre(lit)[:, 0].long(), p, labels))
    inputs, outputs, answers = zip(*found, strict=True)
    return Forgotten(inputs, outputs, answers)


def _forgotten(codes: Tensor, centre: Tensor, p: Tensor, labels: Tensor) -> list[Estimate]:
    """H(X|T), H(Y|T) and H(Y|C) in bits."""
    states, h_x = codes.unique(return_inverse=True)[1], float(entropy(p))
    h_t, h_c = _counted(states, p), _counted(centre, p)
    nats = (
        h_x - h_t,
        _counted(2 * states + labels, p) - h_t,
        _counted(2 * centre + labels, p) - h_c,
    )
    # Rounding alone takes an entropy below 0.
    return [Estimate(max(value, 0.0) / math.log(2), 0.0, "exact", "bits") for value in nats]


def _counted(states: Tensor, p: Tensor) -> float:
    """Entropy of numbered states in nats."""
    return float(entropy(torch.bincount(states, p)))


def explored_entropies(size: int, mazes: int, layers: int, seed: int) -> tuple[Estimate, ...]:
    r"""H(X|T_l) of the perfect network on any size, from what its flood has not seen.

    .. math:: H(X|T_l) = h(p)\, \langle \text{sites that are neither on the border, nor lit, nor
              beside a site lit a layer before} \rangle

    For a lit set tells which sites it was spread from and which closed ones stopped it, and
    nothing of all the others, which are independent. The centre, open in every maze, never counts.

    Args:
        size: L.
        mazes: That are averaged over.
        layers: The last l.
        seed: Of the mazes.

    Returns:
        Bits, l = 0, 1, ..., layers.
    """
    bits = site_entropy() / math.log(2)
    hidden = unseen_sites(maze_tensors(mazes, size, 2 * seed + 1)[0], layers)
    means = [mean_of(row) for row in hidden]
    return tuple(
        Estimate(bits * one.value, bits * one.error, "estimate", "bits", mazes) for one in means
    )


def site_entropy() -> float:
    """h(p) of a site at the threshold, nats.

    >>> round(site_entropy(), 6)
    0.675844
    """
    p = PERCOLATION_THRESHOLD
    return float(entropy(torch.tensor([p, 1 - p], dtype=torch.float64)))


def unseen_sites(open_sites: Tensor, layers: int) -> Tensor:
    """How many sites a flood has not seen after l layers, without the centre.

    Args:
        open_sites: (n, L, L) of 0 and 1.
        layers: The last l.

    Returns:
        (layers + 1, n): sites that are neither on the border, nor lit, nor beside a site that was
        lit a layer before.

    >>> unseen_sites(torch.ones(1, 7, 7), 2)[:, 0].tolist()
    [24.0, 8.0, 0.0]
    """
    centre = open_sites.shape[-1] // 2
    lit, seen = lit_border(open_sites), lit_border(torch.ones_like(open_sites))
    seen[:, centre, centre] = 1
    found = []
    for _ in range(layers + 1):
        found.append((1 - seen).sum((1, 2)))
        near = _neighbours(lit)
        seen, lit = torch.maximum(seen, near), near * open_sites
    return torch.stack(found)


def _neighbours(lit: Tensor) -> Tensor:
    """Cells that are lit or beside one that is, 0 or 1."""
    wide = F.max_pool2d(lit[:, None], (1, 3), 1, (0, 1))
    high = F.max_pool2d(lit[:, None], (3, 1), 1, (1, 0))
    return torch.maximum(wide, high)[:, 0]


def _with_entropies(found: FloodsResult, progress: Progress) -> FloodsResult:
    """Entropies by layer: of perfect weights, of the best trained ones, and of neglecting ones."""
    settings = found.settings
    mazes = enumerated_mazes(settings.enumerated)
    share = float(mazes[1] @ mazes[2].double())
    networks = {"perfect": flood_weights()[None]}
    if found.best is not None:
        networks["trained"] = found.best
    for kind in NEGLECTS:
        networks[kind] = neglecting_weights(kind, share)[None]
    entropies = {
        name: layer_entropies(weights, mazes, settings.depth) for name, weights in networks.items()
    }
    progress(len(settings.ways) + 3, len(settings.ways) + _PARTS)
    explored = explored_entropies(settings.sizes[0], settings.mazes, settings.depth, settings.seed)
    return replace(found, entropies=entropies, explored=explored)
