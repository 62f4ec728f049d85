"""Measure dynamics as one study: speed, a bad start, fluctuations, equilibrium, a game."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, format_with_error
from rsmi.progress import Progress, silent
from rsmi.theory.measure_dynamics import (
    METHODS,
    Equilibrium,
    Langevin,
    Particles,
    Regression,
    Trajectory,
    Unit,
    check_count,
    circle_game,
    drawn_particles,
    fluctuation,
    gaussian_example,
    initial_fluctuation,
    mean_of,
    play_zero_sum,
    relu_unit,
    symmetrised,
    train_measure,
)

_STUCK = 0.0137
"""Loss of the example where particles cannot leave their corner."""
_CHECKED = (0, 100)
"""Steps at which the law of large numbers is looked at."""
_PARTS = 6


@dataclass(frozen=True)
class Measures:
    """What is measured of the dynamics of measures.

    Args:
        n: Particles, at least 2.
        replicas: Networks that each number is a mean of, at least 10.
        dt: Size of a step.
        rate: alpha of births and deaths, for each step.
        goal: Loss to be reached.
        steps: At most.
        sizes: Numbers of particles whose fluctuations are compared, at least 3.
        scatter: Replicas of these.
        langevin: Mean-field Langevin dynamics.
        langevin_steps: Of it.
        game: Steps of the game on a circle.
        symmetric: Steps of training of symmetric units.
        seed: Of everything that is drawn.
    """

    n: int = 200
    replicas: int = 10
    dt: float = 0.01
    rate: float = 0.05
    goal: float = 1e-3
    steps: int = 3500
    sizes: tuple[int, ...] = (50, 100, 200, 400)
    scatter: int = 96
    langevin: Langevin = field(default_factory=Langevin)
    langevin_steps: tuple[int, ...] = (50, 200, 1000)
    game: int = 800
    symmetric: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        for n in (self.n, *self.sizes):
            check_count(n)
        if self.replicas < 10 or self.scatter < 4 or len(set(self.sizes)) < 3:
            raise InputError(
                f"{self.replicas} replicas, {self.scatter} for fluctuations of "
                f"{len(set(self.sizes))} sizes; expected at least 10, 4 and 3"
            )
        if min(self.steps, self.game, self.symmetric, *self.langevin_steps) < 1:
            raise InputError("a number of steps is below 1; expected at least one step of each")
        if not self.goal > 0 or not self.dt > 0 or not self.rate >= 0:
            raise InputError(
                f"goal {self.goal}, dt {self.dt}, rate {self.rate}; expected > 0, > 0 and >= 0"
            )


@dataclass(frozen=True, repr=False)
class MeasuresResult(Outcome):
    """How measures move.

    Args:
        good: From an even start, by method (gradient, birth_death).
        bad: From a corner, by method (and refill).
        scatter: n Var f_n by size and step.
        slopes: Of the logarithm of Var f_n against that of n, by step.
        equilibria: Mean-field Langevin by step.
        symmetric: Mean loss of 10 networks with plain and with symmetric units, by symmetry.
        exploitable: What players of the game could gain, at a quarter of its steps and at the end.
        settings: What was asked for.
    """

    good: Mapping[str, Trajectory]
    bad: Mapping[str, Trajectory]
    scatter: Mapping[tuple[int, int], Estimate]
    slopes: Mapping[int, Estimate]
    equilibria: Mapping[int, Equilibrium]
    symmetric: Mapping[tuple[str, str], Estimate]
    exploitable: Mapping[int, Estimate]
    settings: Measures

    @property
    def ratio(self) -> Estimate:
        """Steps of the gradient to the goal over those with births and deaths, paired starts."""
        one, other = (self.good[name].reached for name in METHODS[:2])
        if bool((one < 0).any()) or bool((other < 0).any()):
            raise AnalysisError(
                f"not every network reached a loss of {self.settings.goal:g} in "
                f"{self.settings.steps} steps; allow for more steps"
            )
        # A network that begins below the goal has taken one step at most.
        logs = mean_of((one.clamp(min=1) / other.clamp(min=1)).log())
        value = math.exp(logs.value)
        return Estimate(value, value * logs.error, "estimate", "1", logs.n)

    def quantities(self) -> list[Quantity]:
        """Ratio and steps, losses from the corner, fluctuations, equilibrium, symmetry, game."""
        found = [Quantity.of("theory.measures.ratio", self.ratio)]
        for name, run in self.good.items():
            steps = mean_of(run.reached)
            found.append(Quantity.of("theory.measures.steps", steps, None, method=name))
        for name, run in self.bad.items():
            last, reached = mean_of(run.losses[-1]), int((run.reached >= 0).sum())
            about: dict[str, Plain] = {"method": name, "reached": reached}
            found.append(Quantity.of("theory.measures.stuck", last, None, **about))
        return [*found, *self._fluctuations(), *self._equilibria(), *self._others()]

    def _fluctuations(self) -> list[Quantity]:
        found = []
        for (n, step), value in self.scatter.items():
            known = initial_fluctuation() if step == 0 else None
            about: dict[str, Plain] = {"particles": n, "step": step}
            found.append(Quantity.of("theory.measures.fluctuation", value, known, **about))
        for step, value in self.slopes.items():
            found.append(Quantity.of("theory.measures.slope", value, -1.0, step=step))
        return found

    def _equilibria(self) -> list[Quantity]:
        found = []
        for step, own in self.equilibria.items():
            pairs = {
                "entropy": (own.entropy, own.exact_entropy),
                "free_energy": (own.energy, own.exact_energy),
                "mean": (own.mean, own.exact_mean),
            }
            for name, (value, known) in pairs.items():
                found.append(Quantity.of(f"theory.measures.{name}", value, known, step=step))
        return found

    def _others(self) -> list[Quantity]:
        found = []
        for (symmetry, units), value in self.symmetric.items():
            about: dict[str, Plain] = {"symmetry": symmetry, "units": units}
            found.append(Quantity.of("theory.measures.symmetric", value, None, **about))
        for step, value in self.exploitable.items():
            found.append(Quantity.of("theory.measures.exploitable", value, None, step=step))
        return found

    def sheets(self) -> list[Sheet]:
        """One table for each kind of dynamics."""
        rows = [["even start: ratio of steps", str(self.ratio)]]
        for name, run in self.good.items():
            rows.append([f"even start: steps to the goal, {name}", str(mean_of(run.reached))])
        for name, run in self.bad.items():
            least, most = run.losses[-1].min(), run.losses[-1].max()
            told = f"{mean_of(run.losses[-1])} ({least:.5f} to {most:.5f})"
            rows.append([f"from a corner: loss at the end, {name}", told])
            count = f"{int((run.reached >= 0).sum())} of {len(run.reached)}"
            rows.append([f"from a corner: networks at the goal, {name}", count])
        speed = Sheet("Gradient flow, births and deaths, refilling", ["", "value"], rows)
        others = [
            [f"{symmetry}, {units} units: loss", str(value)]
            for (symmetry, units), value in self.symmetric.items()
        ]
        for step, value in self.exploitable.items():
            others.append([f"game after {step} steps: what could be gained", str(value)])
        last = Sheet("Symmetric functions, and a game on a circle", ["", "value"], others)
        return [speed, self._scatter_sheet(), self._equilibrium_sheet(), last]

    def _equilibrium_sheet(self) -> Sheet:
        rows: list[list[str]] = []
        for step, own in self.equilibria.items():
            values = (own.entropy, own.energy, own.mean)
            known = (own.exact_entropy, own.exact_energy, own.exact_mean)
            rows += [[f"step {step}"], ["particles", *map(_plain, values)]]
            rows.append(["closed form", *(f"{value:.5f}" for value in known)])
        columns = ["", "entropy (nats)", "free energy", "mean"]
        return Sheet(f"Mean-field Langevin, {self.settings.langevin.n} particles", columns, rows)

    def _scatter_sheet(self) -> Sheet:
        steps = sorted({step for _, step in self.scatter})
        rows = [
            [f"n = {n}", *(str(self.scatter[n, step]) for step in steps)]
            for n in sorted({n for n, _ in self.scatter})
        ]
        slopes = [str(self.slopes[step]) if step in self.slopes else "" for step in steps]
        rows.append(["slope", *slopes])
        caption = (
            f"closed form at the start: {initial_fluctuation():.4f} for any n; slope of "
            "ln Var f_n against ln n, -1 where the law of large numbers holds"
        )
        columns = ["", *(f"step {step}" for step in steps)]
        return Sheet("Fluctuations, n Var f_n", columns, rows, caption)


def _plain(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def study_measures(settings: Measures, progress: Progress = silent) -> MeasuresResult:
    """Train two-layer networks as measures, and compare with what is known.

    Args:
        settings: What is measured.
        progress: Told how many parts of how many are done.

    Raises:
        InputError: For fewer than 2 particles.
        AnalysisError: Where the goal is not reached by every network.
    """
    problem, generator = gaussian_example(), torch.Generator().manual_seed(settings.seed)
    good = drawn_particles(settings.replicas, settings.n, generator)
    bad = drawn_particles(settings.replicas, settings.n, generator, narrow=True)
    fast: dict[str, Trajectory] = {
        name: _train(problem, good, name, settings) for name in METHODS[:2]
    }
    progress(1, _PARTS)
    stuck: dict[str, Trajectory] = {name: _train(problem, bad, name, settings) for name in METHODS}
    progress(2, _PARTS)
    scatter = _scatter(problem, settings, generator)
    progress(3, _PARTS)
    equilibria = {
        steps: settings.langevin.run(steps, settings.replicas, settings.seed)
        for steps in settings.langevin_steps
    }
    progress(4, _PARTS)
    symmetric = _symmetric(settings)
    progress(5, _PARTS)
    game = {
        steps: mean_of(torch.tensor([_gap(settings, steps, one) for one in range(10)]))
        for steps in (max(settings.game // 4, 1), settings.game)
    }
    slopes = {step: _slope(scatter, step) for step in _CHECKED}
    return MeasuresResult(fast, stuck, scatter, slopes, equilibria, symmetric, game, settings)


def _train(problem: Regression, start: Particles, method: str, settings: Measures) -> Trajectory:
    own = next(name for name in METHODS if name == method)
    return train_measure(
        problem,
        start,
        settings.steps,
        own,
        dt=settings.dt,
        rate=settings.rate,
        goal=settings.goal,
        seed=settings.seed,
    )


def _scatter(
    problem: Regression, settings: Measures, generator: torch.Generator
) -> dict[tuple[int, int], Estimate]:
    """n Var f_n of gradient flow, by n and step."""
    found = {}
    for n in sorted(set(settings.sizes)):
        start = drawn_particles(settings.scatter, n, generator)
        run = train_measure(problem, start, _CHECKED[-1], dt=settings.dt, keep=_CHECKED)
        for step, outputs in run.kept.items():
            found[n, step] = fluctuation(problem, outputs, n)
    return found


def _slope(scatter: Mapping[tuple[int, int], Estimate], step: int) -> Estimate:
    """Weighted straight line through ln Var f_n against ln n."""
    own = {n: value for (n, at), value in scatter.items() if at == step}
    x = np.log(list(own))
    y = np.log([value.value / n for n, value in own.items()])
    weights = np.array([(one.value / one.error) ** 2 for one in own.values()])
    away = x - np.average(x, weights=weights)
    spread = float(weights @ away**2)
    value = float((weights * away) @ y) / spread
    return Estimate(value, 1 / math.sqrt(spread), "estimate", "1", len(own))


def _symmetric(settings: Measures) -> dict[tuple[str, str], Estimate]:
    """Mean loss on all signs of three coordinates and a few scales, of 10 networks."""
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(64, 3, generator=generator, dtype=torch.float64)
    targets = {"permutation": x.max(1).values, "sign": x.sum(1).abs()}
    found = {}
    start = Particles(
        torch.randn(10, 50, 4, generator=generator, dtype=torch.float64),
        torch.randn(10, 50, generator=generator, dtype=torch.float64),
    )
    new = torch.randn(500, 3, generator=generator, dtype=torch.float64)
    fresh = {"permutation": new.max(1).values, "sign": new.sum(1).abs()}
    for symmetry, target in targets.items():
        own = symmetrised(relu_unit, "sign" if symmetry == "sign" else "permutation", 3)
        for units, unit in (("plain", relu_unit), ("symmetric", own)):
            problem = _even(x, target, unit)
            run = train_measure(problem, start, settings.symmetric, dt=0.1)
            test = _even(new, fresh[symmetry], unit)
            found[symmetry, units] = mean_of(test.loss(run.particles))
    return found


def _even(x: torch.Tensor, target: torch.Tensor, unit: Unit) -> Regression:
    weights = torch.full((len(x),), 1 / len(x), dtype=x.dtype)
    return Regression(x, weights, target, unit)


def _gap(settings: Measures, steps: int, seed: int) -> float:
    return play_zero_sum(circle_game, 50, steps, seed=settings.seed + seed).exploitable
