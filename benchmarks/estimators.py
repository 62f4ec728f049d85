"""Estimators of mutual information beside closed forms: the table of docs/estimators.md.

python benchmarks/estimators.py
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from torch import Tensor

from rsmi.information import (
    Estimate,
    binned_information,
    infonce,
    kernel_density_information,
    leave_one_out,
    nearest_neighbour_information,
    renyi_information,
)

ROWS, SEEDS, BATCH = 2000, 20, 100
_RENYI_ROWS = 500

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """A distribution whose mutual information is known.

    Args:
        name: Of the distribution.
        exact: I(X;Y) in nats.
        draw: n rows (n, d) of X and of Y.
        slope: Where Y is this times X and independent normal noise of the spread below, the slope.
        noise: Spread of the noise.
    """

    name: str
    exact: float
    draw: Callable[[int, torch.Generator], Pair]
    slope: float = 0.0
    noise: float = 0.0


def normal_pairs(rho: float, d: int, image: Callable[[Tensor], Tensor] = lambda y: y) -> Case:
    """Pairs of standard normals with correlation rho: -d/2 ln(1 - rho^2)."""
    noise = math.sqrt(1 - rho**2)

    def draw(n: int, generator: torch.Generator) -> Pair:
        x, e = (torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(2))
        return x, image(rho * x + noise * e)

    exact = -0.5 * d * math.log(1 - rho**2)
    return Case(f"normal, rho = {rho:g}, d = {d}", exact, draw, rho, noise)


def additive_noise(epsilon: float) -> Case:
    """X uniform on [0, 1] and Y = X + U(-epsilon, epsilon)."""

    def draw(n: int, generator: torch.Generator) -> Pair:
        x, u = (torch.rand(n, 1, generator=generator, dtype=torch.float64) for _ in range(2))
        return x, x + epsilon * (2 * u - 1)

    exact = 1 / (4 * epsilon) if epsilon >= 0.5 else epsilon - math.log(2 * epsilon)
    return Case(f"uniform and uniform noise {epsilon:g}", exact, draw)


def student() -> Case:
    """Two Cauchy numbers of one common spread, without correlation: .224171 nats."""

    def draw(n: int, generator: torch.Generator) -> Pair:
        z = torch.randn(n, 3, generator=generator, dtype=torch.float64)
        return z[:, :1] / z[:, 2:].abs(), z[:, 1:2] / z[:, 2:].abs()

    return Case("Student, 1 degree of freedom", 0.224171, draw)


def labels() -> Case:
    """Fair labels and T = Y/2 + U(0, 1), half of which tells the label: ln(2)/2."""

    def draw(n: int, generator: torch.Generator) -> Pair:
        y = torch.randint(2, (n, 1), generator=generator)
        u = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        return 0.5 * y + u, y

    return Case("uniform, shifted by a label", 0.5 * math.log(2), draw)


def cases() -> list[Case]:
    """All distributions, from easy to hopeless."""
    plain = normal_pairs(0.75, 1)
    cubed = normal_pairs(0.75, 1, lambda y: y**3)
    return [
        plain,
        Case(f"{plain.name}, Y cubed", cubed.exact, cubed.draw),
        normal_pairs(0.8, 2),
        additive_noise(0.75),
        additive_noise(0.1),
        student(),
        labels(),
        normal_pairs(0.425757, 20),
        normal_pairs(0.795060, 20),
    ]


def values(case: Case, seed: int, rows: int = ROWS) -> dict[str, Estimate]:
    """What every estimator that can be applied says of one draw."""
    x, y = case.draw(rows, torch.Generator().manual_seed(seed))
    found = {
        "10 bins": binned_information(x, y, 10),
        "50 bins": binned_information(x, y, 50),
        "Renyi": renyi_information(x[:_RENYI_ROWS], y[:_RENYI_ROWS]),
    }
    if y.shape[1] == 1:
        found["neighbours"] = nearest_neighbour_information(x, y[:, 0])
    if case.noise:
        low, high = kernel_density_information(x, case.noise / case.slope)
        found |= {"kernel, lower": low, "kernel, upper": high}
        scores = log_conditional(case, x, y)
        found |= {"InfoNCE": infonce(scores), "leave one out": leave_one_out(scores)}
    return found


def log_conditional(case: Case, x: Tensor, y: Tensor) -> Tensor:
    """ln p(y_i | x_j) in batches, up to a constant."""
    x, y = x.unflatten(0, (-1, BATCH)), y.unflatten(0, (-1, BATCH))
    return -(y[:, :, None] - case.slope * x[:, None]).square().sum(-1) / (2 * case.noise**2)


def averaged(case: Case, seeds: int = SEEDS) -> dict[str, Estimate]:
    """Mean over draws, with the error of the mean."""
    every = [values(case, seed) for seed in range(seeds)]
    return {
        name: Estimate(
            fmean(one[name].value for one in every),
            stdev(one[name].value for one in every) / math.sqrt(seeds),
            "estimate",
            "1",
        )
        for name in every[0]
    }


COLUMNS = (
    "neighbours", "10 bins", "50 bins", "kernel, lower", "kernel, upper", "Renyi", "InfoNCE",
    "leave one out",
)  # fmt: skip


def line(name: str, exact: float, found: Mapping[str, Estimate]) -> str:
    """One line of a markdown table."""
    cells = [str(found[column]) if column in found else "-" for column in COLUMNS]
    return f"| {' | '.join([name, f'{exact:.4f}', *cells])} |"


def main() -> int:
    """Print the table."""
    sys.stdout.write(f"| {' | '.join(['distribution', 'exact', *COLUMNS])} |\n")
    sys.stdout.write("|---" * (len(COLUMNS) + 2) + "|\n")
    for case in cases():
        sys.stdout.write(f"{line(case.name, case.exact, averaged(case))}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
