"""Sparse signals from few data: FIRENET beside a trained network, and what no method can do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, quantity_sheet
from rsmi.progress import Progress, silent
from rsmi.theory.firenet import Firenet
from rsmi.theory.operators import (
    DenseOperator,
    LinearOperator,
    SubsampledTransform,
    Transform,
    frequencies,
)
from rsmi.theory.stability import Map, worst_case_perturbation

_FIRST = 3
"""From this restart on the error falls by one factor, the source says."""
_SUBSETS, _PAIRS = 2000, 16


@dataclass(frozen=True)
class Problem:
    """Which signals, and what is measured of them.

    Args:
        kind: `dense`, random orthonormal rows and sparse signals, or `fourier` and `walsh`, some
            frequencies of signals with few Haar coefficients.
        shape: Extents of a signal: one, or two with frequencies.
        measurements: m.
        sparse: Entries or coefficients that are not 0, normal numbers.
    """

    kind: str = "dense"
    shape: tuple[int, ...] = (256,)
    measurements: int = 100
    sparse: int = 10

    def __post_init__(self) -> None:
        if self.kind not in ("dense", "fourier", "walsh"):
            raise InputError(f"kind is {self.kind!r}; expected dense, fourier or walsh")
        if self.kind == "dense" and len(self.shape) != 1:
            raise InputError(f"shape is {list(self.shape)}; dense measurements take one extent")
        if not 1 <= self.sparse <= self.measurements <= math.prod(self.shape):
            raise InputError(
                f"{self.measurements} measurements of signals with {self.sparse} entries of "
                f"{math.prod(self.shape)}; expected at least as many measurements as entries, and "
                "no more than there are"
            )

    def operator(self, seed: int) -> LinearOperator:
        """A of norm 1, in float64."""
        if self.kind == "dense":
            generator = torch.Generator().manual_seed(seed)
            n = self.shape[0]
            square = torch.randn(n, n, generator=generator, dtype=torch.float64)
            return DenseOperator(torch.linalg.qr(square).Q[: self.measurements])
        kind: Transform = "fourier" if self.kind == "fourier" else "walsh"
        kept = frequencies(self.shape, self.measurements, kind, seed)
        return SubsampledTransform(self.shape, kept, kind)

    def signals(self, count: int, generator: torch.Generator) -> Tensor:
        """Sparse vectors, (count, n) float64; Haar coefficients are sparse on the coarse scales.

        An image has its coefficients there, and fine ones cannot be told from low frequencies.
        """
        n = math.prod(self.shape)
        places = torch.rand(count, n, generator=generator).argsort(1)[:, : self.sparse]
        if self.kind != "dense":
            places = self._coarse()[places % len(self._coarse())]
        values = torch.randn(count, self.sparse, generator=generator, dtype=torch.float64)
        return torch.zeros(count, n, dtype=torch.float64).scatter_(1, places, values)

    def _coarse(self) -> Tensor:
        """Numbers of the coefficients on all but the finest two scales, as far as they suffice."""
        grid = torch.arange(math.prod(self.shape)).reshape(self.shape)
        low = tuple(slice(0, max(extent // 4, 1)) for extent in self.shape)
        return grid[low].flatten()


@dataclass(frozen=True)
class Attack:
    """Worst-case changes of the data of smaller problems, and the trained network beside.

    Args:
        problem: Measurements and signals.
        signals: How many are attacked.
        radii: Norms of the change, in units of that of the data.
        restarts: Starts of the ascent.
        steps: Of each.
        layers: Of the trained network (learned iterative shrinkage).
        training: Its steps; 0 for no trained network.
        batch: Fresh signals of each step.
    """

    problem: Problem = field(default_factory=lambda: Problem("dense", (64,), 32, 4))
    signals: int = 10
    radii: tuple[float, ...] = (0.01, 0.05)
    restarts: int = 4
    steps: int = 30
    layers: int = 8
    training: int = 1000
    batch: int = 128

    def __post_init__(self) -> None:
        if self.signals < 2 or not self.radii or any(not radius > 0 for radius in self.radii):
            raise InputError(
                f"{self.signals} signals at radii {self.radii}; expected at least 2 signals, and "
                "radii above 0"
            )
        if self.problem.kind != "dense":
            raise InputError("the problem under attack is dense; its trained network is a matrix")


@dataclass(frozen=True)
class Recovery:
    """How FIRENET is tried.

    Args:
        problem: Measurements and signals.
        signals: How many, each with an operator of its own, at least 10.
        sparsity: Weight lambda of the 1-norm.
        inner: Steps of a restart.
        restarts: At least 4.
        noise: Norm of the noise, in units of that of the data.
        attack: Worst-case changes; none with null.
        seed: Of everything that is drawn.
    """

    problem: Problem = field(default_factory=Problem)
    signals: int = 10
    sparsity: float = 0.1
    inner: int = 10
    restarts: int = 15
    noise: float = 0.02
    attack: Attack | None = field(default_factory=Attack)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.signals < 10 or self.restarts <= _FIRST:
            raise InputError(
                f"{self.signals} signals and {self.restarts} restarts; expected at least 10 and "
                f"{_FIRST + 1}"
            )


class LearnedShrinkage(nn.Module):
    r"""A trained network for the same problem: the steps of soft thresholding with free matrices.

    .. math:: x \leftarrow \mathrm{soft}(x + B_k (y - S_k x), \theta_k)

    Args:
        matrix: (m, n) A, with which every step begins.
        layers: Steps.

    Source: Gregor and LeCun (2010), ICML.
    """

    def __init__(self, matrix: Tensor, layers: int) -> None:
        super().__init__()
        self.back = nn.Parameter(matrix.mT.repeat(layers, 1, 1))
        self.ahead = nn.Parameter(matrix.repeat(layers, 1, 1))
        self.threshold = nn.Parameter(torch.full((layers,), 0.1, dtype=matrix.dtype))

    def forward(self, y: Tensor) -> Tensor:
        """Unknown (..., n) of data (..., m)."""
        x = y.new_zeros(*y.shape[:-1], self.back.shape[1])
        for back, ahead, threshold in zip(self.back, self.ahead, self.threshold, strict=True):
            moved = x + (y - x @ ahead.mT) @ back.mT
            x = moved - moved.clamp(-threshold.abs(), threshold.abs())
        return x


def train_shrinkage(problem: Problem, matrix: Tensor, attack: Attack, seed: int) -> nn.Module:
    """Train `LearnedShrinkage` on fresh signals, by Adam on the squared error.

    Args:
        problem: Which signals.
        matrix: (m, n) A.
        attack: Layers, steps and batch.
        seed: Of the signals.

    Returns:
        The network in float64, with fixed weights.
    """
    network = LearnedShrinkage(matrix.float(), attack.layers)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, attack.training)
    for _ in range(attack.training):
        x = problem.signals(attack.batch, generator).float()
        loss = (network(x @ matrix.float().mT) - x).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.double().requires_grad_(False)


@dataclass(frozen=True)
class Twins:
    """Pairs of signals with almost the same data.

    Args:
        x: (k, 2, n) the pairs, each a distance of 1 apart.
        gaps: (k,) distances eta of their data.
    """

    x: Tensor
    gaps: Tensor

    def forced(self, method: Map, matrix: Tensor) -> tuple[float, int]:
        r"""What the accuracy of a method at a pair forces it to amplify between their data.

        .. math:: \mathrm{Lip} \ge \frac{\|x - x'\| - \|f(Ax) - x\| - \|f(Ax') - x'\|}
                  {\|A (x - x')\|}

        Args:
            method: f, of batches of data.
            matrix: A.

        Returns:
            The largest of all pairs, and its number.
        """
        with torch.no_grad():
            wrong = (method(self.x.flatten(0, 1) @ matrix.mT) - self.x.flatten(0, 1)).norm(dim=1)
        forced = ((1 - wrong.reshape(-1, 2).sum(1)) / self.gaps).clamp(min=0)
        return float(forced.max()), int(forced.argmax())


def twin_signals(matrix: Tensor, sparse: int, seed: int = 0) -> Twins:
    """Pairs of sparse signals whose data lie as near as a search over supports finds.

    Args:
        matrix: (m, n) A.
        sparse: Most entries of each; pairs of signals with 1, 2, ... entries are found.
        seed: Of the supports that are tried.

    Source: Colbrook, Antun and Hansen (2022), arXiv:2101.08286.
    """
    generator = torch.Generator().manual_seed(seed)
    n, gram, pairs = matrix.shape[1], matrix.mT @ matrix, []
    for entries in range(1, sparse + 1):
        sets = torch.rand(_SUBSETS, n, generator=generator).argsort(1)[:, : 2 * entries]
        values, vectors = torch.linalg.eigh(gram[sets[:, :, None], sets[:, None, :]])
        best = values[:, 0].argsort()[:_PAIRS]
        own, there = vectors[best, :, 0], sets[best]
        x = torch.zeros(len(best), 2, n, dtype=matrix.dtype)
        x[:, 0].scatter_(1, there[:, :entries], own[:, :entries])
        x[:, 1].scatter_(1, there[:, entries:], -own[:, entries:])
        pairs.append(x)
    both = torch.cat(pairs)
    return Twins(both, ((both[:, 0] - both[:, 1]) @ matrix.mT).norm(dim=1))


@dataclass(frozen=True)
class Attacked:
    """One method under attack.

    Args:
        name: firenet or trained.
        error: Relative error without a change.
        amplification: By radius, the largest found, mean over the signals.
        most: By radius, the largest of all signals.
        bound: What the accuracy at two twin signals forces, a lower bound of the Lipschitz number.
        found: What the ascent between them found.
    """

    name: str
    error: Estimate
    amplification: Mapping[float, Estimate]
    most: Mapping[float, float]
    bound: float
    found: float


@dataclass(frozen=True, repr=False)
class RecoveryResult(Outcome):
    """FIRENET's convergence and floor, and its stability beside a trained network.

    Args:
        errors: (signals, restarts) relative errors without noise.
        factor: By which the error falls with a restart, from the third to the last.
        floor: Relative error with noise.
        attacked: Methods under attack.
        settings: What was asked for.
    """

    errors: Tensor
    factor: Estimate
    floor: Estimate
    attacked: Sequence[Attacked]
    settings: Recovery

    def quantities(self) -> list[Quantity]:
        """Factor and floor, the error after each restart, then what attacks found."""
        about: dict[str, Plain] = {"noise": self.settings.noise, "restarts": self.settings.restarts}
        found = [
            Quantity.of("theory.firenet.factor", self.factor, math.exp(-1)),
            Quantity.of("theory.firenet.floor", self.floor, None, **about),
        ]
        for place, column in enumerate(self.errors.T, 1):
            found.append(Quantity.of("theory.firenet.error", _mean(column), None, restart=place))
        for one in self.attacked:
            found += _attack_quantities(one)
        return found

    def sheets(self) -> list[Sheet]:
        """The factor and the floor, then a row for each method."""
        first = quantity_sheet(self.quantities()[:2])
        marks = [place for place in (1, 3, 5, 10, 15, 20) if place <= self.errors.shape[1]]
        rows = [["median error", *(f"{float(self.errors[:, p - 1].median()):.1e}" for p in marks)]]
        rows.append(["largest", *(f"{float(self.errors[:, p - 1].max()):.1e}" for p in marks)])
        columns = ["after restart", *map(str, marks)]
        sheets = [first, Sheet("Relative error without noise", columns, rows)]
        return [*sheets, *([self._attack_sheet()] if self.attacked else [])]

    def _attack_sheet(self) -> Sheet:
        radii = list(self.attacked[0].amplification)
        columns = ["method", "error", *(f"at {radius:.0%}" for radius in radii), "largest"]
        rows = [
            [
                one.name,
                f"{one.error.value:.1e}",
                *(str(value) for value in one.amplification.values()),
                f"{max(one.most.values()):.3f}",
                f"{one.found:.3f}",
                f"{one.bound:.3f}",
            ]
            for one in self.attacked
        ]
        caption = (
            "largest |f(y + r) - f(y)| / |r| found with |r| that share of |y|, mean over signals "
            "and the largest of all; between two signals with nearly the same data, what was found "
            "and what the accuracy there forces"
        )
        title = "Amplification of the worst changes of the data that were found"
        return Sheet(title, [*columns, "twins", "forced"], rows, caption)


def _attack_quantities(one: Attacked) -> list[Quantity]:
    about: dict[str, Plain] = {"method": one.name}
    found = [Quantity.of("theory.firenet.attacked.error", one.error, None, **about)]
    for radius, value in one.amplification.items():
        own = {**about, "radius": radius, "largest": one.most[radius]}
        found.append(Quantity.of("theory.firenet.amplification", value, None, **own))
    bound = {**about, "forced": one.bound}
    return [*found, Quantity("theory.firenet.twins", one.found, 0.0, "lower", "1", None, bound)]


def study_recovery(settings: Recovery, progress: Progress = silent) -> RecoveryResult:
    """Recover sparse signals by FIRENET, and attack it and a trained network.

    Args:
        settings: Problem, network and attack.
        progress: Told how many signals of how many are done.

    Raises:
        InputError: For settings that no operator or network can have.
    """
    attack = settings.attack
    total = settings.signals + (0 if attack is None else 2 * attack.signals)
    errors, floors = [], []
    for signal in range(settings.signals):
        clean, noisy = _recovered(settings, settings.seed + signal)
        errors.append(clean)
        floors.append(noisy)
        progress(signal + 1, total)
    curves = torch.stack(errors)
    power = 1 / (settings.restarts - _FIRST)
    factor = _mean((curves[:, -1] / curves[:, _FIRST - 1]) ** power)
    attacked = [] if attack is None else _attacked(settings, attack, progress, total)
    return RecoveryResult(curves, factor, _mean(torch.tensor(floors)), attacked, settings)


def _recovered(settings: Recovery, seed: int) -> tuple[Tensor, float]:
    """Errors after each restart without noise, and the last one with it."""
    generator = torch.Generator().manual_seed(seed)
    operator = settings.problem.operator(seed)
    x = settings.problem.signals(1, generator)[0]
    shape = (settings.sparsity, settings.inner, settings.restarts)
    with torch.no_grad():
        y = operator(x)
        noise = torch.randn(y.shape, generator=generator, dtype=y.dtype)
        noisy = y + settings.noise * y.norm() * noise / noise.norm()
        clean = [_error(found, x) for found in Firenet(operator, *shape).iterates(y)]
        return torch.tensor(clean), _error(Firenet(operator, *shape, settings.noise)(noisy), x)


def _attacked(settings: Recovery, attack: Attack, progress: Progress, total: int) -> list[Attacked]:
    problem, seed = attack.problem, settings.seed
    operator = problem.operator(seed)
    assert isinstance(operator, DenseOperator), "checked by the settings"
    matrix = operator.matrix
    methods: dict[str, nn.Module] = {
        "firenet": Firenet(operator, settings.sparsity, settings.inner, settings.restarts)
    }
    if attack.training:
        methods["trained"] = train_shrinkage(problem, matrix, attack, seed)
    x = problem.signals(attack.signals, torch.Generator().manual_seed(seed + 1))
    twins, found, done = twin_signals(matrix, problem.sparse, seed), [], settings.signals
    for name, method in methods.items():
        worst = []
        for one in x:
            worst.append([_worst(method, matrix @ one, attack, radius) for radius in attack.radii])
            done += 1
            progress(done, total)
        found.append(_summary(name, method, x, matrix, worst, attack, twins))
    return found


def _worst(f: Map, y: Tensor, attack: Attack, radius: float) -> float:
    found = worst_case_perturbation(
        f, y, radius * float(y.norm()), restarts=attack.restarts, steps=attack.steps
    )
    return found.amplification.value


def _summary(
    name: str,
    method: nn.Module,
    x: Tensor,
    matrix: Tensor,
    worst: Sequence[Sequence[float]],
    attack: Attack,
    twins: Twins,
) -> Attacked:
    columns = dict(zip(attack.radii, torch.tensor(worst, dtype=torch.float64).T, strict=True))
    with torch.no_grad():
        error = (method(x @ matrix.mT) - x).norm(dim=1) / x.norm(dim=1)
    forced, pair = twins.forced(method, matrix)
    data = twins.x[pair] @ matrix.mT
    between = worst_case_perturbation(
        method,
        data[0],
        float(twins.gaps[pair]),
        restarts=1,
        steps=attack.steps,
        starts=data[1:] - data[:1],
    )
    return Attacked(
        name,
        _mean(error),
        {radius: _mean(column) for radius, column in columns.items()},
        {radius: float(column.max()) for radius, column in columns.items()},
        forced,
        between.amplification.value,
    )


def _error(found: Tensor, x: Tensor) -> float:
    return float((found - x).norm() / x.norm())


def _mean(values: Tensor) -> Estimate:
    """Mean over signals with its standard error."""
    n = len(values)
    return Estimate(float(values.mean()), float(values.std() / math.sqrt(n)), "estimate", "1", n)
