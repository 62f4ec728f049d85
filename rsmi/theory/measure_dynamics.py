"""Two-layer networks as measures of particles, and the ways in which such measures move."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln
from torch import Tensor

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.information import Estimate

Unit = Callable[[Tensor, Tensor], Tensor]
"""A unit: inputs (m, d) and particles (..., n, p) to (..., n, m)."""

Method = Literal["gradient", "birth_death", "refill"]
METHODS: tuple[Method, ...] = ("gradient", "birth_death", "refill")

_MOST_ORDERS = 7


@dataclass(frozen=True)
class Regression:
    r"""A function that a two-layer network is to become.

    .. math:: R = \tfrac12 \sum_k w_k [f(x_k) - f^*(x_k)]^2, \qquad
              f(x) = \tfrac1n \sum_i c_i\, \phi(x, y_i)

    Args:
        x: (m, d) inputs.
        weights: (m,) w of each, as of data or of a quadrature.
        target: (m,) f* there.
        unit: phi.

    Raises:
        InputError: For shapes that do not fit.
    """

    x: Tensor
    weights: Tensor
    target: Tensor
    unit: Unit

    def __post_init__(self) -> None:
        m = len(self.x)
        if self.x.ndim != 2 or self.weights.shape != (m,) or self.target.shape != (m,) or not m:
            raise InputError(
                f"inputs {tuple(self.x.shape)}, weights {tuple(self.weights.shape)}, target "
                f"{tuple(self.target.shape)}; expected (m, d), (m,) and (m,)"
            )

    def loss(self, particles: "Particles") -> Tensor:
        """R of each replica, (s,)."""
        wrong = self.output(particles) - self.target
        return 0.5 * (wrong * wrong) @ self.weights

    def output(self, particles: "Particles") -> Tensor:
        """f at the inputs, (s, m)."""
        values = self.unit(self.x, particles.y)
        return (particles.c[..., None] * values).mean(1)

    def pull(self, particles: "Particles") -> tuple[Tensor, Tensor]:
        r"""V at each particle, (s, n), and its gradient by the particle, (s, n, p).

        .. math:: V(y) = \sum_k w_k [f^*(x_k) - f(x_k)]\, \phi(x_k, y)
        """
        y = particles.y.detach().requires_grad_(True)
        values = self.unit(self.x, y)
        with torch.no_grad():
            left = self.target - (particles.c[..., None] * values).mean(1)
        pull = values @ (self.weights * left)[..., None]
        (slope,) = torch.autograd.grad(pull.sum(), y)
        return pull[..., 0].detach(), slope


@dataclass(frozen=True)
class Particles:
    """Units of some networks of the same size.

    Args:
        y: (s, n, p) parameters of the units of s replicas.
        c: (s, n) their output weights.

    Raises:
        InputError: For fewer than 2 particles, or shapes that do not fit.
    """

    y: Tensor
    c: Tensor

    def __post_init__(self) -> None:
        if self.y.ndim != 3 or self.c.shape != self.y.shape[:2]:
            raise InputError(
                f"particles {tuple(self.y.shape)} with weights {tuple(self.c.shape)}; expected "
                "(replicas, n, p) and (replicas, n)"
            )
        check_count(self.n)

    @property
    def n(self) -> int:
        """Particles of each replica."""
        return self.y.shape[1]


def check_count(n: int) -> None:
    """Refuse fewer than 2 particles."""
    if n < 2:
        raise InputError(f"{n} particles; expected at least 2: a measure of one is a point")


def normal_unit(variance: float) -> Unit:
    """The normal density of x around each particle, in one dimension.

    >>> unit = normal_unit(0.5)
    >>> round(float(unit(torch.zeros(1, 1), torch.zeros(1, 1, 1))[0, 0, 0]), 4)
    0.5642
    """

    def unit(x: Tensor, y: Tensor) -> Tensor:
        return _density(x[:, 0] - y[..., :1], variance)

    return unit


def gaussian_example() -> Regression:
    r"""Three normal densities of different widths by normal units of variance 1/2.

    .. math:: f^* = \tfrac13 [N(-2, \tfrac12) - 2 N(0, 1) + N(2, \tfrac12)]

    on a line, by a sum over even steps that is exact to 1e-8.

    Source: Rotskoff, Jelassi, Bruna and Vanden-Eijnden (2019), arXiv:1902.01843.
    """
    x = torch.arange(-8.0, 8.2, 0.4, dtype=torch.float64)
    target = _density(x + 2, 0.5) - 2 * _density(x, 1.0) + _density(x - 2, 0.5)
    return Regression(x[:, None], torch.full_like(x, 0.4), target / 3, normal_unit(0.5))


def _density(x: Tensor, variance: float) -> Tensor:
    return torch.exp(-x * x / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def drawn_particles(
    replicas: int, n: int, generator: torch.Generator, narrow: bool = False
) -> Particles:
    """Particles of the example: y even in (-2, 2), or normal of deviation .1 around -2; c normal.

    Args:
        replicas: s.
        n: Particles of each.
        generator: Of the draw.
        narrow: Whether they start in the corner.
    """
    check_count(n)
    if narrow:
        y = -2 + 0.1 * torch.randn(replicas, n, 1, generator=generator, dtype=torch.float64)
    else:
        y = 4 * torch.rand(replicas, n, 1, generator=generator, dtype=torch.float64) - 2
    return Particles(y, torch.randn(replicas, n, generator=generator, dtype=torch.float64))


def gradient_step(problem: Regression, particles: Particles, dt: float) -> tuple[Particles, Tensor]:
    r"""One Euler step of the gradient flow.

    .. math:: \dot y = c\, \nabla V(y), \qquad \dot c = V(y)

    Returns:
        The particles, and c V (s, n) where they were.
    """
    pull, slope = problem.pull(particles)
    moved = Particles(particles.y + dt * particles.c[..., None] * slope, particles.c + dt * pull)
    return moved, particles.c * pull


def birth_death(
    particles: Particles, rates: Tensor, generator: torch.Generator, refill: bool = False
) -> Particles:
    r"""Copy particles of positive rate, remove those of negative rate, and keep their number.

    Each is struck with probability :math:`1 - e^{-|r|}`. Where numbers differ, particles drawn at
    random are left out or copied; with `refill`, the dead are replaced by new ones,
    :math:`y \sim N(0, 1), c = 0`, and copies take the places of others.

    Args:
        particles: Of each replica.
        rates: (s, n) rates in one step.
        generator: Of the draws.
        refill: Whether new particles take the places of the dead.

    Source: Rotskoff, Jelassi, Bruna and Vanden-Eijnden (2019), arXiv:1902.01843.
    """
    struck = torch.rand(rates.shape, generator=generator, dtype=rates.dtype) < -torch.expm1(
        -rates.abs()
    )
    y, c = particles.y.clone(), particles.c.clone()
    for replica in struck.any(1).nonzero()[:, 0]:
        born = (struck[replica] & (rates[replica] > 0)).nonzero()[:, 0]
        dead = struck[replica] & (rates[replica] < 0)
        if refill:
            count = int(dead.sum())
            y[replica, dead] = torch.randn(count, y.shape[-1], generator=generator, dtype=y.dtype)
            c[replica, dead] = 0
            places = torch.randperm(len(dead), generator=generator)[: len(born)]
            y[replica, places], c[replica, places] = y[replica, born], c[replica, born]
        else:
            kept = kept_places(born, ~dead, generator)
            y[replica], c[replica] = y[replica, kept], c[replica, kept]
    return Particles(y, c)


def kept_places(born: Tensor, alive: Tensor, generator: torch.Generator) -> Tensor:
    """Who is there after births and deaths, the same number as before.

    Args:
        born: Numbers of those that are copied.
        alive: (n,) which are not removed.
        generator: Of who is left out, or copied to fill up.

    Returns:
        (n,) numbers of the former particles.
    """
    n, there = len(alive), torch.cat([alive.nonzero()[:, 0], born])
    if not len(there):
        return torch.arange(n)
    if len(there) >= n:
        return there[torch.randperm(len(there), generator=generator)[:n]]
    more = torch.randint(len(there), (n - len(there),), generator=generator)
    return torch.cat([there, there[more]])


@dataclass(frozen=True)
class Trajectory:
    """What became of some networks.

    Args:
        losses: (steps + 1, s), before each step and at the end.
        reached: (s,) first step at which the loss was below the goal; -1 where none was.
        kept: Outputs (s, m) at the steps asked for.
        particles: At the end.
    """

    losses: Tensor
    reached: Tensor
    kept: dict[int, Tensor]
    particles: Particles


def train_measure(
    problem: Regression,
    particles: Particles,
    steps: int,
    method: Method = "gradient",
    *,
    dt: float = 0.01,
    rate: float = 0.05,
    goal: float = 0.0,
    keep: tuple[int, ...] = (),
    seed: int = 0,
) -> Trajectory:
    r"""Move particles by gradient flow, with births and deaths where asked for.

    In each step a particle is copied or removed with the rate :math:`\alpha\, c_i V(y_i)`.

    Args:
        problem: What is to be learned.
        particles: Where they start.
        steps: At most; fewer where every replica has reached the goal.
        method: gradient, birth_death or refill.
        dt: Size of a step.
        rate: alpha, for each step.
        goal: Loss that is to be reached.
        keep: Steps at which outputs are kept.
        seed: Of births and deaths.

    Raises:
        InputError: For an unknown method, or numbers out of range.
        AnalysisError: Where steps are so large that the loss grows beyond all bounds.
    """
    if method not in METHODS:
        raise InputError(
            f"method is {method!r}; {nearest(method, METHODS)}expected one of {', '.join(METHODS)}"
        )
    if steps < 1 or not dt > 0 or not rate >= 0:
        raise InputError(f"{steps} steps of {dt} at rate {rate}; expected 1, > 0 and >= 0")
    generator = torch.Generator().manual_seed(seed)
    losses, kept = [], {}
    reached = torch.full((len(particles.c),), -1)
    for step in range(steps + 1):
        losses.append(problem.loss(particles))
        if not bool(losses[-1].isfinite().all()):
            raise AnalysisError(
                f"the loss is not finite after {step} steps of {dt}; take a smaller dt"
            )
        if step in keep:
            kept[step] = problem.output(particles)
        reached[(reached < 0) & (losses[-1] < goal)] = step
        if step == steps or (bool((reached >= 0).all()) and step >= max(keep, default=0)):
            break
        particles, strength = gradient_step(problem, particles, dt)
        if method != "gradient":
            particles = birth_death(particles, rate * strength, generator, method == "refill")
    return Trajectory(torch.stack(losses), reached, kept, particles)


def fluctuation(problem: Regression, outputs: Tensor, n: int) -> Estimate:
    r"""How networks of n particles scatter, :math:`n \sum_k w_k \mathrm{Var} f_n(x_k)`.

    Args:
        problem: Whose inputs are weighted.
        outputs: (s, m) of at least 4 replicas.
        n: Particles of each.

    Returns:
        With the jackknife error over replicas.

    Raises:
        InputError: For fewer than 4 replicas.
    """
    count = len(outputs)
    if count < 4:
        raise InputError(f"{count} replicas; expected at least 4 for a variance with an error")
    away = (outputs - outputs.mean(0)).square() @ problem.weights * n / (count - 1)
    # A replica that is left out moves the mean too: its share of the sum counts n/(n-1) times.
    left = (away.sum() - away * count / (count - 1)) * (count - 1) / (count - 2)
    error = math.sqrt((count - 1) * float(left.var(correction=0)))
    return Estimate(float(away.sum()), error, "estimate", "1", count)


def initial_fluctuation(variance: float = 0.5) -> float:
    r"""`fluctuation` of independent normal c on normal units, for any n and any law of y.

    .. math:: n \int \mathrm{Var} f_n = \langle c^2 \rangle \int \phi^2 = \frac{1}{2\sqrt{\pi v}}

    >>> round(initial_fluctuation(), 4)
    0.3989
    """
    return 1 / (2 * math.sqrt(math.pi * variance))


def symmetrised(unit: Unit, symmetry: Literal["permutation", "sign"], d: int) -> Unit:
    r"""A unit that is the same for all inputs that a symmetry makes of one.

    .. math:: \phi_G(x, y) = \frac{1}{|G|} \sum_{g \in G} \phi(g x, y)

    Args:
        unit: phi.
        symmetry: permutation of the coordinates of an input, or the sign of all of them.
        d: Coordinates; at most 7 are permuted.

    Raises:
        InputError: For another symmetry, or more coordinates.

    Source: Zweig and Bruna (2021), arXiv:2008.06952; Chen et al. (2020), arXiv:2008.09623.
    """
    if symmetry == "sign":
        images = [torch.eye(d), -torch.eye(d)]
    elif symmetry == "permutation" and 1 <= d <= _MOST_ORDERS:
        images = [torch.eye(d)[list(order)] for order in itertools.permutations(range(d))]
    else:
        raise InputError(
            f"symmetry is {symmetry!r} of {d} coordinates; expected sign, or permutation of at "
            f"most {_MOST_ORDERS}"
        )

    def averaged(x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([unit(x @ image.to(x), y) for image in images]).mean(0)

    return averaged


def relu_unit(x: Tensor, y: Tensor) -> Tensor:
    """ReLU of a weighted sum with an offset: particles hold d weights and the offset."""
    return torch.relu(y[..., :-1] @ x.T + y[..., -1:])


@dataclass(frozen=True)
class Equilibrium:
    """Mean-field Langevin particles beside the closed form.

    Args:
        entropy: Differential entropy of the measure in nats, from nearest neighbours.
        exact_entropy: That of the normal law that is known.
        energy: Risk + confinement - temperature times entropy.
        exact_energy: Of the known law.
        mean: Of the particles.
        exact_mean: Of the known law.
    """

    entropy: Estimate
    exact_entropy: float
    energy: Estimate
    exact_energy: float
    mean: Estimate
    exact_mean: float


@dataclass(frozen=True)
class Langevin:
    r"""Mean-field Langevin dynamics of the simplest network, one linear unit and one datum.

    .. math:: F[\mu] = \tfrac12 (\bar y - a)^2 + \tfrac{\lambda}{2} \langle y^2 \rangle
              + \tau \int \mu \ln \mu, \qquad
              dy = [(a - \bar y) - \lambda y]\, dt + \sqrt{2 \tau}\, dW

    A normal law stays one: mean :math:`a/(1+\lambda) + (m_0 - a/(1+\lambda)) e^{-(1+\lambda)t}`,
    variance :math:`\tau/\lambda + (v_0 - \tau/\lambda) e^{-2 \lambda t}`.

    Args:
        target: a.
        confinement: lambda.
        temperature: tau.
        start: m_0 and v_0.
        n: Particles.
        dt: Size of a step.

    Raises:
        InputError: For fewer than 2 particles, or numbers that are not positive.
    """

    target: float = 1.0
    confinement: float = 0.5
    temperature: float = 0.2
    start: tuple[float, float] = (-1.0, 2.0)
    n: int = 1000
    dt: float = 0.01

    def __post_init__(self) -> None:
        check_count(self.n)
        if not min(self.confinement, self.temperature, self.dt, self.start[1]) > 0:
            raise InputError(
                f"confinement {self.confinement}, temperature {self.temperature}, variance "
                f"{self.start[1]}, step {self.dt}; expected all above 0"
            )
        if self.dt * (1 + self.confinement) >= 1:
            raise InputError(
                f"steps of {self.dt} with confinement {self.confinement} overshoot; expected dt "
                f"below {1 / (1 + self.confinement):.3g}"
            )

    def law(self, steps: int) -> tuple[float, float]:
        """Mean and variance of the normal law after so many Euler steps, exactly."""
        pull, decay = 1 + self.confinement, (1 - self.confinement * self.dt) ** 2
        rest = self.target / pull
        mean = rest + (self.start[0] - rest) * (1 - pull * self.dt) ** steps
        level = 2 * self.temperature * self.dt / (1 - decay)
        return mean, level + (self.start[1] - level) * decay**steps

    def free_energy(self, mean: float, variance: float) -> float:
        """F of a normal law."""
        entropy = normal_entropy(variance)
        confined = 0.5 * self.confinement * (variance + mean * mean)
        return 0.5 * (mean - self.target) ** 2 + confined - self.temperature * entropy

    def run(self, steps: int, replicas: int = 10, seed: int = 0) -> Equilibrium:
        """Move particles, and measure their law beside the known one.

        Args:
            steps: Of Euler and Maruyama.
            replicas: Clouds of particles, at least 4; errors are those between them.
            seed: Of start and noise.
        """
        if replicas < 4:
            raise InputError(f"{replicas} replicas; expected at least 4")
        generator, shape = torch.Generator().manual_seed(seed), (replicas, self.n)
        y = torch.randn(shape, generator=generator, dtype=torch.float64)
        y = self.start[0] + math.sqrt(self.start[1]) * y
        scale = math.sqrt(2 * self.temperature * self.dt)
        for _ in range(steps):
            pull = self.target - y.mean(1, keepdim=True) - self.confinement * y
            noise = torch.randn(shape, generator=generator, dtype=torch.float64)
            y = y + self.dt * pull + scale * noise
        return self._beside(y, *self.law(steps))

    def _beside(self, y: Tensor, mean: float, variance: float) -> Equilibrium:
        entropies = torch.tensor([neighbour_entropy(one.numpy()[:, None]) for one in y])
        means, squares = y.mean(1), y.square().mean(1)
        risks = 0.5 * (means - self.target) ** 2 + 0.5 * self.confinement * squares
        return Equilibrium(
            mean_of(entropies, "nats"),
            normal_entropy(variance),
            mean_of(risks - self.temperature * entropies),
            self.free_energy(mean, variance),
            mean_of(means),
            mean,
        )


def normal_entropy(variance: float) -> float:
    """Differential entropy of a normal variable, in nats."""
    return 0.5 * math.log(2 * math.pi * math.e * variance)


def neighbour_entropy(points: np.ndarray, neighbours: int = 3) -> float:
    r"""Differential entropy of the law of points, from distances to the k-th neighbour.

    .. math:: h = \psi(N) - \psi(k) + \ln V_d + \tfrac{d}{N} \sum_i \ln r_i

    Args:
        points: (N, d).
        neighbours: k.

    Returns:
        Nats. Points that fall together have entropy minus infinity.

    Source: Kozachenko and Leonenko (1987), Probl. Peredachi Inf. 23, 9.
    """
    count, d = points.shape
    neighbours = min(neighbours, count - 1)
    distances = cKDTree(points).query(points, neighbours + 1)[0][:, -1]
    if not (distances > 0).all():
        return -math.inf
    ball = 0.5 * d * math.log(math.pi) - gammaln(0.5 * d + 1)
    mean = float(np.log(distances).mean())
    return float(digamma(count) - digamma(neighbours) + ball + d * mean)


def mean_of(values: Tensor, unit: str = "1") -> Estimate:
    """Mean over replicas with its standard error."""
    n = len(values)
    error = float(values.double().std() / math.sqrt(n))
    return Estimate(float(values.double().mean()), error, "estimate", unit, n)


Payoff = Callable[[Tensor, Tensor], Tensor]
"""Loss of the first player: strategies (..., n) and (..., m) to (..., n, m)."""


def circle_game(x: Tensor, y: Tensor) -> Tensor:
    """cos(x - y) + cos(2 x - 2 y) / 2: strategies on a circle; even ones are the equilibrium."""
    apart = x[..., :, None] - y[..., None, :]
    return torch.cos(apart) + 0.5 * torch.cos(2 * apart)


@dataclass(frozen=True)
class Play:
    """Mixed strategies of two players after a game, averaged over time.

    Args:
        strategies: Of both, all that were played, (k,).
        weights: Of both, (k,), summing to 1.
        value: Loss of the first player.
        exploitable: What both could gain by another strategy; 0 at the equilibrium.
    """

    strategies: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]
    value: float
    exploitable: float


def play_zero_sum(
    payoff: Payoff,
    n: int,
    steps: int,
    *,
    dt: float = 0.1,
    reweight: float = 1.0,
    transport: float = 0.02,
    against: Tensor | None = None,
    seed: int = 0,
) -> Play:
    r"""Two players, each a measure of particles, descend and ascend a loss.

    Particles move against the gradient of the mean loss and are weighted by it,
    :math:`w \propto w\, e^{-\eta \ell}`; the answer is the average over time, of which a last state
    that goes round and round says nothing.

    .. math:: \mathrm{NI} = \max_{y} \int \ell(x, y) d\mu(x) - \min_{x} \int \ell(x, y) d\nu(y)

    Args:
        payoff: Loss of the first player, gain of the second.
        n: Particles of each, at least 2.
        steps: Of the game.
        dt: Size of a step.
        reweight: Rate of the weights; 0 leaves them.
        transport: Rate of the moves; 0 leaves the strategies.
        against: Strategies among which the best answers are looked for; a grid of a circle.
        seed: Of the first strategies, even on a circle.

    Raises:
        InputError: For fewer than 2 particles, or numbers out of range.

    Source: Domingo-Enrich, Jelassi, Mensch, Rotskoff and Bruna (2020), arXiv:2002.06277.
    """
    check_count(n)
    if steps < 1 or not dt > 0 or reweight < 0 or transport < 0:
        raise InputError(
            f"{steps} steps of {dt}, rates {reweight} and {transport}; expected 1, > 0 and >= 0"
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = 2 * math.pi * torch.rand(2, n, generator=generator, dtype=torch.float64)
    logs = torch.zeros_like(drawn)
    grid = torch.arange(360, dtype=torch.float64) * math.pi / 180 if against is None else against
    answers, value = torch.zeros(2, len(grid), dtype=torch.float64), 0.0
    places, weights = [], []
    for _ in range(steps):
        own = logs.softmax(1)
        with torch.no_grad():
            answers[0] += own[0] @ payoff(drawn[0], grid) / steps
            answers[1] += payoff(grid, drawn[1]) @ own[1] / steps
        places.append(drawn)
        weights.append(own / steps)
        drawn, logs, now = _exchange(payoff, drawn, logs, dt, reweight, transport)
        value += now / steps
    every, share = torch.cat(places, 1), torch.cat(weights, 1)
    gap = float(answers[0].max() - answers[1].min())
    return Play((every[0], every[1]), (share[0], share[1]), value, gap)


def _exchange(
    payoff: Payoff, drawn: Tensor, logs: Tensor, dt: float, reweight: float, transport: float
) -> tuple[Tensor, Tensor, float]:
    """One step of both players."""
    x, y = (one.detach().requires_grad_(True) for one in drawn)
    own = logs.softmax(1)
    losses = payoff(x, y)
    mean_x, mean_y = losses @ own[1], own[0] @ losses
    (slope_x,) = torch.autograd.grad(mean_x.sum(), x, retain_graph=True)
    (slope_y,) = torch.autograd.grad(mean_y.sum(), y)
    with torch.no_grad():
        moved = torch.stack([x - dt * transport * slope_x, y + dt * transport * slope_y])
        weighed = logs + dt * reweight * torch.stack([-mean_x, mean_y])
    return moved, weighed, float(own[0] @ losses.detach() @ own[1])
