"""Networks that flood mazes, many at once: steps, perfect and neglecting weights, training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError, nearest
from rsmi.sampling.mazes import sample_mazes

Kernel = Literal["cross", "full"]
Start = Literal["default", "identity", "orthogonal", "positive"]
Neglect = Literal["solvable", "unsolvable", "walls", "neighbours"]
Verdict = Literal["perfect", "solvable", "unsolvable", "walls", "neighbours", "partial"]

KERNELS: tuple[Kernel, ...] = get_args(Kernel)
STARTS: tuple[Start, ...] = get_args(Start)
NEGLECTS: tuple[Neglect, ...] = get_args(Neglect)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

STEEPNESS = 12.0
"""kappa from which on the weights of breadth-first search keep the dark dark."""
PERFECT = 0.999
"""Share of right answers on held-out mazes from which on a network is called perfect."""

_CROSS = (0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)
_WIDTH = {"cross": 3, "full": 11}
_STEEPEST = 100.0
"""Weights stop being multiplied where the largest is as large as this."""
_NO_EFFECT = 0.01
_LOOKED = 200
_CELLS = 1 << 21


def flood_weights(steepness: float = STEEPNESS, wall: float = 5.0) -> Tensor:
    r"""Weights (a, b, c) of breadth-first search, :math:`\kappa\,(1, b, -b - \tfrac12)`.

    An open cell is lit as soon as it or a neighbour is lit. With a wall below 4, closed cells
    are too where more than b + 1/2 of their neighbours are lit: the wall leaks.

    Args:
        steepness: kappa.
        wall: b, how many lit neighbours an open site counts for.

    Returns:
        (3,) float32.

    >>> flood_weights().tolist()
    [12.0, 60.0, -66.0]
    """
    return steepness * torch.tensor([1.0, wall, -wall - 0.5])


def neglecting_weights(kind: Neglect, solvable: float, steepness: float = STEEPNESS) -> Tensor:
    """Weights (a, b, c) of a network that does not see a part of its input.

    `solvable` says the share P of mazes that can be solved; so do `walls`, which only sees open
    and closed sites, and `neighbours`, which only sees what is lit; `unsolvable` says no. All but
    the last one have the least cross entropy of a constant answer, the entropy of the label.

    Args:
        kind: What is left.
        solvable: P, between 0 and 1.
        steepness: kappa of what is not neglected.

    Returns:
        (3,) float32.

    Raises:
        InputError: For another kind, or a share that is none.

    >>> round(torch.sigmoid(neglecting_weights("solvable", 0.75)[2]).item(), 6)
    0.75
    """
    if kind not in NEGLECTS or not 0 < solvable < 1:
        raise InputError(
            f"{kind!r} with a share of {solvable} solvable mazes; {nearest(kind, NEGLECTS)}"
            f"expected one of {', '.join(NEGLECTS)} and a share between 0 and 1"
        )
    said = math.log(solvable / (1 - solvable))
    return torch.tensor(
        {
            "solvable": [0.0, 0.0, said],
            "unsolvable": [0.0, 0.0, -5.5 * steepness],
            "walls": [0.0, 5 * steepness, said - 5 * steepness],
            # Cells that are driven by their neighbours alone stay at P; with a slope of at most
            # 5 * 0.6 / 4 below 1 there is no other value to stay at.
            "neighbours": [0.6, 0.0, said - 3 * solvable],
        }[kind]
    )


def _spread(weights: Tensor) -> Tensor:
    """Weights (..., 3) of crosses as those of 3 x 3 cells (..., 11); these as they are."""
    if weights.shape[-1] not in _WIDTH.values():
        raise InputError(
            f"weights have shape {list(weights.shape)}; expected 3 (cross) or 11 (full) numbers of "
            "each row and network"
        )
    if weights.shape[-1] != _WIDTH["cross"]:
        return weights
    return torch.cat([weights[..., :1] * weights.new_tensor(_CROSS), weights[..., 1:]], -1)


def _step(weights: Tensor, lit: Tensor, open_sites: Tensor) -> Tensor:
    """What cells (n, networks, L, L) are driven by in one step, with weights (networks, 11)."""
    kernel = weights[:, :9].reshape(-1, 1, 3, 3)
    wall, offset = weights[:, 9].view(-1, 1, 1), weights[:, 10].view(-1, 1, 1)
    return F.conv2d(lit, kernel, padding=1, groups=len(weights)) + wall * open_sites + offset


def lit_border(open_sites: Tensor) -> Tensor:
    """The open sites (..., L, L) of the border alone."""
    lit = open_sites.clone()
    lit[..., 1:-1, 1:-1] = 0
    return lit


def flood_logits(
    weights: Tensor, open_sites: Tensor, layers: int, lit: Tensor | None = None
) -> Tensor:
    """ln p / (1 - p) that the centre is lit after some layers, of many networks.

    Args:
        weights: (rows, networks, 3), of the cross of a cell and its neighbours, of an open site,
            and of nothing; or (rows, networks, 11), of the nine cells around row by row, then the
            same. Row l is that of layer l, and the first comes again after the last.
        open_sites: (n, networks, L, L) of 0 and 1.
        layers: At least 1.
        lit: The start, of the same shape; the open border without.

    Returns:
        (n, networks).

    Raises:
        InputError: For no layer, or weights of another width.
    """
    _check_layers(layers)
    lit = lit_border(open_sites) if lit is None else lit
    rows = _spread(weights).unbind()
    for layer in range(layers - 1):
        lit = torch.sigmoid(_step(rows[layer % len(rows)], lit, open_sites))
    last = _step(rows[(layers - 1) % len(rows)], lit, open_sites)
    centre = open_sites.shape[-1] // 2
    return last[..., centre, centre]


class FloodStep(nn.Module):
    r"""One layer, :math:`H' = \sigma(W * H + b I + c)`.

    Args:
        kernel: `cross`, where W is one weight for a cell and its four neighbours, or `full`, 3 x 3.
        weight: Shared with another step; its own without.
    """

    def __init__(self, kernel: Kernel = "cross", weight: nn.Parameter | None = None) -> None:
        super().__init__()
        shared = weight is not None
        self.weight = nn.Parameter(torch.empty(_width(kernel))) if weight is None else weight
        if not shared:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Random weights, uniform within one over the root of the number of inputs."""
        inputs = 6 if len(self.weight) == _WIDTH["cross"] else 10
        nn.init.uniform_(self.weight, -(inputs**-0.5), inputs**-0.5)

    def forward(self, lit: Tensor, open_sites: Tensor) -> Tensor:
        """Lit cells after the step, (n, L, L) in 0..1."""
        drive = _step(_spread(self.weight)[None], lit[:, None], open_sites[:, None])
        return torch.sigmoid(drive[:, 0])


def _width(kernel: str) -> int:
    if kernel not in KERNELS:
        raise InputError(
            f"the kernel is {kernel!r}; {nearest(kernel, KERNELS)}expected cross or full"
        )
    return _WIDTH[kernel]


class Centre(nn.Module):
    """How much the centre is lit."""

    def forward(self, lit: Tensor) -> Tensor:
        """(n, 1) in 0..1."""
        middle = lit.shape[-1] // 2
        return lit[:, middle, middle, None]


class FloodNetwork(nn.Module):
    r"""Is the centre of a maze connected to its border? A flood of l layers.

    .. math:: H_0 = I \cdot \text{border}, \qquad
              H_{l+1} = \sigma\big(\kappa\,[\sum_{cross} H_l + b I - c]\big)

    With b = 5, c = 5.5 and a steepness of 12 or more it solves every maze whose shortest way is
    at most l steps long.

    Args:
        layers: Of the network; 4 L are enough for critical mazes of L x L sites.
        shared: One set of weights for all layers, or one for each.
        kernel: `cross` or `full`.

    Raises:
        InputError: For no layer, or another kernel.

    Source: Ringel and de Bem (2018), arXiv:1802.02154.

    >>> FloodNetwork.perfect(20)(torch.ones(1, 5, 5)).item()
    1.0
    """

    def __init__(self, layers: int, shared: bool = True, kernel: Kernel = "cross") -> None:
        super().__init__()
        _check_layers(layers)
        first = FloodStep(kernel)
        own = first.weight if shared else None
        rest = [FloodStep(kernel, own) for _ in range(layers - 1)]
        self.steps = nn.ModuleList([first, *rest])
        self.centre = Centre()

    def forward(self, open_sites: Tensor) -> Tensor:
        """How likely the centre is reached, (n, 1), for open sites (n, L, L) of 0 and 1."""
        lit = lit_border(open_sites)
        for step in self.steps:
            lit = step(lit, open_sites)
        return self.centre(lit)

    @classmethod
    def of(cls, weights: Tensor, layers: int) -> "FloodNetwork":
        """The network with weights (rows, 3 or 11), as one of those that were trained together.

        Raises:
            InputError: For weights of another shape, or of another number of layers.
        """
        widths = {width: kernel for kernel, width in _WIDTH.items()}
        if weights.dim() != 2 or weights.shape[1] not in widths or len(weights) not in (1, layers):
            raise InputError(
                f"weights of shape {list(weights.shape)} for {layers} layers; expected one row or "
                f"{layers} rows of 3 (cross) or 11 (full) numbers"
            )
        kernel: Kernel = "cross" if weights.shape[1] == _WIDTH["cross"] else "full"
        network = cls(layers, len(weights) == 1, kernel)
        with torch.no_grad():
            for place, row in enumerate(weights):
                network.get_parameter(f"steps.{place}.weight").copy_(row)
        return network

    @classmethod
    def perfect(
        cls, layers: int, steepness: float = STEEPNESS, wall: float = 5.0
    ) -> "FloodNetwork":
        """The network with the weights of `flood_weights`."""
        return cls.of(flood_weights(steepness, wall)[None], layers)


def _check_layers(layers: int) -> None:
    if layers < 1:
        raise InputError(f"{layers} layers; expected at least 1")


def starting_weights(
    start: Start, networks: int, generator: torch.Generator, kernel: Kernel = "full", rows: int = 1
) -> Tensor:
    """Random weights to start from.

    * `default`: uniform, within one over the root of the number of inputs.
    * `identity`: each cell keeps its value, at slope 1 about 1/2, beside weights ten times
      smaller than by default.
    * `orthogonal`: the same with a random sign; one channel has no other orthogonal kernel.
    * `positive`: neighbours and open sites uniform in 0..1, the offset in -1..0.

    Args:
        start: One of these.
        networks: How many.
        generator: Of the numbers.
        kernel: `cross` or `full`; the weight of a cross cannot be that of the cell alone, so that
            identity and orthogonal set it as a whole.
        rows: 1 for shared weights, or layers.

    Returns:
        (rows, networks, 3 or 11).

    Raises:
        InputError: For another start or kernel.
    """
    if start not in STARTS:
        raise InputError(
            f"the start is {start!r}; {nearest(start, STARTS)}expected one of {', '.join(STARTS)}"
        )
    width = _width(kernel)
    inputs = 6 if kernel == "cross" else 10
    draws = torch.rand(rows, networks, width, generator=generator)
    if start == "positive":
        draws[..., -1] *= -1
        return draws
    weights = (2 * draws - 1) * inputs**-0.5
    if start == "default":
        return weights
    sign = torch.ones(rows, networks)
    if start == "orthogonal":
        sign = torch.randint(0, 2, (rows, networks), generator=generator) * 2.0 - 1
    weights *= 0.1
    # The slope of the sigmoid is 1/4; five cells of a cross share it.
    own, cells = (0, 5) if kernel == "cross" else (4, 1)
    weights[..., own] += 4 * sign / cells
    weights[..., -1] -= 2 * sign
    return weights


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Args:
        size: L of its mazes.
        layers: Of the networks; those with weights of their own are stretched, each layer being
            copied.
        steps: Of Adam.
        rate: Its learning rate.
        batch: Mazes per step and network.
    """

    size: int
    layers: int
    steps: int
    rate: float = 0.03
    batch: int = 32

    def __post_init__(self) -> None:
        _check_layers(self.layers)
        if self.size < 3 or self.steps < 0 or self.batch < 1:
            raise InputError(
                f"size {self.size}, {self.steps} steps, batch {self.batch}; expected at least 3, "
                "0 and 1"
            )
        if not 0 < self.rate < math.inf:
            raise InputError(f"the rate is {self.rate}; expected a number above 0")


def maze_tensors(n: int, size: int, seed: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Critical mazes as float32 (n, L, L) of open sites and (n,) labels 1 (solvable) and 0."""
    mazes = sample_mazes(n, size, seed)
    labels = torch.from_numpy(mazes.solvable)
    return torch.from_numpy(mazes.open_sites).float().to(device), labels.float().to(device)


def train_floods(
    weights: Tensor,
    stages: Sequence[Stage],
    seed: int,
    growth: float | Tensor = 0.0,
    mazes: int = 4096,
) -> tuple[Tensor, Tensor]:
    """Train many networks at once by Adam on the cross entropy of the label of the centre.

    They share nothing but the mazes that each draws its own from: a network of a bank learns what
    it would learn alone.

    Args:
        weights: (rows, networks, 3 or 11) to start from, on the device to work on.
        stages: One after the other: a curriculum where sizes or layers grow.
        seed: Of the mazes of each stage, and of which of them each network sees.
        growth: The share by which all weights of a network are multiplied up after each step,
            until the largest is 100: its steepness is annealed. One number, or (networks,); 0 is
            plain training.
        mazes: Drawn for each stage.

    Returns:
        Trained weights, and the mean cost of each network over each tenth of each stage,
        (10 * stages, networks) nats.

    Raises:
        InputError: For weights of another width, or a growth that does not fit.
    """
    generator = torch.Generator().manual_seed(seed)
    each = torch.as_tensor(growth, device=weights.device)
    if each.numel() not in (1, weights.shape[1]) or not bool((each >= 0).all()):
        raise InputError(
            f"growth has shape {list(each.shape)} for {weights.shape[1]} networks; expected one "
            "number of at least 0, or one for each"
        )
    factor = 1 + each.expand(weights.shape[1])[:, None]
    costs = []
    for place, stage in enumerate(stages):
        if len(weights) > 1:
            weights = weights[torch.arange(stage.layers) * len(weights) // stage.layers]
        data = maze_tensors(
            mazes, stage.size, 2 * (len(stages) * seed + place), str(weights.device)
        )
        weights, own = _train(weights, stage, data, generator, factor)
        costs.append(own)
    return weights, torch.cat(costs)


def _train(
    weights: Tensor,
    stage: Stage,
    data: tuple[Tensor, Tensor],
    generator: torch.Generator,
    factor: Tensor,
) -> tuple[Tensor, Tensor]:
    """One stage."""
    trained = weights.detach().clone().requires_grad_()
    # A short memory of squares: gradients vanish and come back by orders of magnitude.
    adam = torch.optim.Adam([trained], lr=stage.rate, betas=(0.9, 0.99))
    open_sites, labels = data
    costs = torch.zeros(10, weights.shape[1], device=weights.device)
    for step in range(stage.steps):
        shape = (stage.batch, weights.shape[1])
        rows = torch.randint(len(labels), shape, generator=generator).to(labels.device)
        logits = flood_logits(trained, open_sites[rows], stage.layers)
        cost = F.binary_cross_entropy_with_logits(logits, labels[rows], reduction="none").mean(0)
        adam.zero_grad()
        cost.sum().backward()
        adam.step()
        with torch.no_grad():
            steep = trained.abs().amax((0, 2)) >= _STEEPEST
            trained.mul_(torch.where(steep[:, None], 1.0, factor))
            costs[10 * step // stage.steps] += cost / (stage.steps / 10)
    return trained.detach(), costs


@dataclass(frozen=True)
class Judged:
    """Where networks ended, each on the same held-out mazes.

    Args:
        accuracy: (networks,) share of right answers.
        cost: (networks,) mean cross entropy, nats.
        solvable: (networks,) share of answers "solvable".
        light: (networks,) mean change of the probability that is said when nothing is lit.
        walls: (networks,) the same when open sites are those of another maze, and the light stays.
        mazes: How many.
    """

    accuracy: Tensor
    cost: Tensor
    solvable: Tensor
    light: Tensor
    walls: Tensor
    mazes: int

    @property
    def verdicts(self) -> list[Verdict]:
        """For each network: perfect, or what its answer neglects, or partial where it sees all."""
        rows = zip(self.accuracy, self.solvable, self.light, self.walls, strict=True)
        return [_verdict(*map(float, row)) for row in rows]


def _verdict(accuracy: float, solvable: float, light: float, walls: float) -> Verdict:
    if accuracy >= PERFECT:
        return "perfect"
    if min(solvable, 1 - solvable) <= 1 - PERFECT:
        return "solvable" if solvable > 0.5 else "unsolvable"
    if light < _NO_EFFECT:
        return "walls"
    return "neighbours" if walls < _NO_EFFECT else "partial"


@torch.no_grad()
def judge_floods(weights: Tensor, size: int, layers: int, mazes: int, seed: int) -> Judged:
    """How many held-out mazes each network solves, and what its answers depend on.

    Args:
        weights: (rows, networks, 3 or 11); shared ones can be used at any number of layers.
        size: L.
        layers: Of the networks.
        mazes: How many; no training sees them where the seed is odd.
        seed: Of the mazes.
    """
    open_sites, labels = maze_tensors(mazes, size, 2 * seed + 1, str(weights.device))
    logits = torch.cat(
        [flood_logits(weights, part, layers) for part in _split(open_sites, weights, size)]
    )
    target = labels[:, None].expand_as(logits)
    cost = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(0)
    right = ((logits > 0) == (target > 0)).float().mean(0)
    light, walls = _effects(weights, open_sites[:_LOOKED], layers, logits[:_LOOKED].sigmoid())
    found = (right, cost, (logits > 0).float().mean(0), light, walls)
    right, cost, solvable, light, walls = (one.cpu() for one in found)
    return Judged(right, cost, solvable, light, walls, mazes)


def _effects(weights: Tensor, open_sites: Tensor, layers: int, p: Tensor) -> tuple[Tensor, Tensor]:
    """Mean changes of p without light, and with the sites of another maze under the same light."""
    size, dark, moved = open_sites.shape[-1], [], []
    # Mazes are independent, so each is paired with the next one.
    others = _split(open_sites.roll(1, 0), weights, size)
    for part, other in zip(_split(open_sites, weights, size), others, strict=True):
        dark.append(flood_logits(weights, part, layers, torch.zeros_like(part)))
        moved.append(flood_logits(weights, other, layers, lit_border(part)))
    light, walls = ((p - torch.cat(x).sigmoid()).abs().mean(0) for x in (dark, moved))
    return light, walls


def _split(open_sites: Tensor, weights: Tensor, size: int) -> Sequence[Tensor]:
    """Mazes for all networks, a part at a time."""
    networks = weights.shape[1]
    rows = max(1, _CELLS // (networks * size * size))
    whole = open_sites[:, None].expand(-1, networks, -1, -1)
    return whole.split(rows)
