"""Pairs whose mutual information is known in closed form: to judge any estimator by."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import torch
from scipy.special import digamma, gammaln
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information import mutual_information
from rsmi.lattice import Hypercubic, states
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import marginal

Pair = tuple[Tensor, Tensor]
Draw = Callable[[int, torch.Generator], Pair]
Image = Callable[[Tensor], Tensor]

STAIRCASE = (2, 4, 6, 8, 10)
"""Nats that 20 pairs of normal numbers tell of each other."""

_RHO, _PAIRED, _DENSE, _STRENGTH = 0.75, 0.8, 0.5, 2.0


@dataclass(frozen=True)
class Task:
    """A distribution of pairs whose mutual information is known.

    Args:
        name: Of the family, the image and the dimensions.
        exact: I(X;Y) in nats.
        rows: n independent rows from a generator: X (n, d_x) and Y (n, d_y), float64, or int8
            spins +1 and -1.
        log_conditional: ln p(y|x) of all pairs, (a, d_y) and (b, d_x) -> (a, b), up to a function
            of y, where it is simple.
    """

    name: str
    exact: float
    rows: Draw
    log_conditional: Callable[[Tensor, Tensor], Tensor] | None = None

    def draw(self, n: int, seed: int = 0) -> Pair:
        """n independent pairs.

        Args:
            n: Number of rows.
            seed: Of the draw.

        >>> x, y = known_task("spiral two pairs 3v3").draw(100, seed=1)
        >>> x.shape, y.dtype
        (torch.Size([100, 3]), torch.float64)
        """
        return self.rows(n, torch.Generator().manual_seed(seed))


def known_task(name: str) -> Task:
    """The task of a name.

    Raises:
        InputError: For an unknown name, with the nearest one.

    >>> round(known_task("normal 1v1").exact, 6)
    0.413339
    """
    if name not in (tasks := known_tasks()):
        raise InputError(
            f"unknown task {name!r}; {nearest(name, tasks)}expected one of {', '.join(tasks)}"
        )
    return tasks[name]


@cache
def known_tasks() -> Mapping[str, Task]:
    """Every task by name: normal pairs and their images, heavy tails, spins, the staircase.

    Source of the families: Czyż, Grabowski, Vogt, Beerenwinkel and Marx (2023), arXiv:2306.11078;
    of the staircase: Song and Ermon (2020), arXiv:1910.06222.
    """
    every = [*_bivariate(), *_multivariate(), *_images(), *_heavy(), *_stairs(), *_spins()]
    return {task.name: task for task in every}


def normal_information(covariance: Tensor, d_x: int) -> float:
    r"""I(X;Y) of jointly normal X and Y, :math:`\tfrac12 \ln(\det S_x \det S_y / \det S)`.

    Args:
        covariance: (d, d), positive definite.
        d_x: The first so many of the d variables are X.

    >>> round(normal_information(torch.tensor([[1.0, 0.75], [0.75, 1.0]]), 1), 6)
    0.413339
    """
    c = covariance.double()
    parts = [c[:d_x, :d_x], c[d_x:, d_x:], c]
    x, y, both = (float(torch.linalg.slogdet(part)[1]) for part in parts)
    return 0.5 * (x + y - both)


def student_information(covariance: Tensor, d_x: int, freedom: float) -> float:
    r"""I(X;Y) of a multivariate Student distribution.

    .. math:: I = I_{normal} + c(\nu) + c(\nu + d_x + d_y) - c(\nu + d_x) - c(\nu + d_y), \quad
              c(u) = \ln\Gamma(u/2) - \tfrac u2 \psi(u/2)

    Args:
        covariance: (d, d) dispersion.
        d_x: The first so many of the d variables are X.
        freedom: Degrees of freedom.

    >>> round(student_information(torch.eye(2), 1, 1), 6)
    0.224171
    """
    d_y = len(covariance) - d_x
    tail = _tail(freedom) + _tail(freedom + d_x + d_y) - _tail(freedom + d_x) - _tail(freedom + d_y)
    return normal_information(covariance, d_x) + tail


def _tail(u: float) -> float:
    return float(gammaln(u / 2) - u / 2 * digamma(u / 2))


def uniform_noise_information(epsilon: float) -> float:
    """I(X;Y) of X uniform on [0, 1] and Y = X + U(-epsilon, epsilon).

    >>> round(uniform_noise_information(0.1), 6), round(uniform_noise_information(0.75), 6)
    (1.709438, 0.333333)
    """
    return 1 / (4 * epsilon) if epsilon >= 0.5 else epsilon - math.log(2 * epsilon)


def _dense(d_x: int, d_y: int) -> Tensor:
    """All variables correlated alike."""
    d = d_x + d_y
    c = torch.full((d, d), _DENSE, dtype=torch.float64)
    return c.fill_diagonal_(1.0)


def _two_pairs(d_x: int, d_y: int) -> Tensor:
    """Only X1 with Y1 and X2 with Y2."""
    c = torch.eye(d_x + d_y, dtype=torch.float64)
    for k in range(2):
        c[k, d_x + k] = c[d_x + k, k] = _PAIRED
    return c


def _sparse(d_x: int, d_y: int) -> Tensor:
    """Two variables of each side share a hidden one; the others of each side one of their own."""
    loads = torch.zeros(d_x + d_y, 3, dtype=torch.float64)
    loads[:2, 0] = loads[d_x : d_x + 2, 0] = _STRENGTH
    loads[2:d_x, 1] = loads[d_x + 2 :, 2] = _STRENGTH
    c = loads @ loads.T + torch.eye(d_x + d_y, dtype=torch.float64)
    scale = c.diagonal().sqrt()
    return c / scale / scale[:, None]


def normal_task(name: str, covariance: Tensor, d_x: int) -> Task:
    """Jointly normal X and Y.

    Args:
        name: Of the task.
        covariance: (d, d), positive definite.
        d_x: The first so many of the d variables are X.
    """
    factor = torch.linalg.cholesky(covariance.double())

    def rows(n: int, generator: torch.Generator) -> Pair:
        z = torch.randn(n, len(factor), generator=generator, dtype=torch.float64) @ factor.T
        return z[:, :d_x], z[:, d_x:]

    return Task(name, normal_information(covariance, d_x), rows)


def student_task(name: str, covariance: Tensor, d_x: int, freedom: int) -> Task:
    """Multivariate Student X and Y; arguments as of `student_information`."""
    normal = normal_task(name, covariance, d_x)

    def rows(n: int, generator: torch.Generator) -> Pair:
        x, y = normal.rows(n, generator)
        z = torch.randn(n, freedom, generator=generator, dtype=torch.float64)
        width = (z.square().sum(1, keepdim=True) / freedom).sqrt()
        return x / width, y / width

    return Task(name, student_information(covariance, d_x, freedom), rows)


def mapped(task: Task, name: str, of_x: Image, of_y: Image | None = None) -> Task:
    """The same information in images of X and Y: of functions that can be undone.

    Args:
        task: Any task.
        name: Of the image.
        of_x: Of rows of X, one to one.
        of_y: Of rows of Y; as X without.
    """
    other = of_x if of_y is None else of_y

    def rows(n: int, generator: torch.Generator) -> Pair:
        x, y = task.rows(n, generator)
        return of_x(x), other(y)

    return Task(f"{name} {task.name}", task.exact, rows)


def half_cube(x: Tensor) -> Tensor:
    """sign(x) |x|^(3/2), column by column: longer tails."""
    return x.sign() * x.abs() ** 1.5


def wiggly(x: Tensor) -> Tensor:
    """x + .4 sin(x) + .2 sin(1.7 x + 1) + .03 sin(3.3 x - 2.5), which grows throughout."""
    return x + 0.4 * x.sin() + 0.2 * (1.7 * x + 1).sin() + 0.03 * (3.3 * x - 2.5).sin()


def spiral(x: Tensor) -> Tensor:
    """Rows turned in the plane of their first two columns by their squared length, in radians."""
    angle = x.square().sum(1)
    a, b = x[:, 0], x[:, 1]
    turned = [angle.cos() * a - angle.sin() * b, angle.sin() * a + angle.cos() * b]
    return torch.cat([torch.stack(turned, 1), x[:, 2:]], 1)


def swiss_roll(x: Tensor) -> Tensor:
    """A number as a point of a rolled-up line: (t cos t, t sin t), t = 3 pi / 2 (1 + 2 cdf(x))."""
    t = 1.5 * math.pi * (1 + 2 * torch.special.ndtr(x))
    return torch.cat([t * t.cos(), t * t.sin()], 1) / 21


def normal_cdf(x: Tensor) -> Tensor:
    """Every column as its normal probability: uniform for normal numbers."""
    return torch.special.ndtr(x)


def _bivariate() -> list[Task]:
    plain = _correlated(_RHO, 1, "normal 1v1")
    images: dict[str, Image] = {
        "asinh": torch.asinh,
        "cubed": lambda x: x**3,
        "half-cube": half_cube,
        "cdf": normal_cdf,
        "wiggly": wiggly,
    }
    return [
        plain,
        *(mapped(plain, name, image) for name, image in images.items()),
        replace(mapped(plain, "swiss roll", swiss_roll, normal_cdf), name="swiss roll normal 2v1"),
        _uniform_noise(0.1),
        _uniform_noise(0.75),
    ]


def _correlated(rho: float, d: int, name: str) -> Task:
    """d pairs of standard normal numbers, with the conditional."""
    one = torch.eye(d, dtype=torch.float64)
    covariance = torch.cat([torch.cat([one, rho * one]), torch.cat([rho * one, one])], 1)

    def log_conditional(y: Tensor, x: Tensor) -> Tensor:
        squares = torch.cdist(y, rho * x, compute_mode="donot_use_mm_for_euclid_dist").square()
        return -squares / (2 * (1 - rho**2))

    return replace(normal_task(name, covariance, d), log_conditional=log_conditional)


def _uniform_noise(epsilon: float) -> Task:
    def rows(n: int, generator: torch.Generator) -> Pair:
        u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        return u[:, :1], u[:, :1] + epsilon * (2 * u[:, 1:] - 1)

    return Task(f"uniform noise {epsilon:g} 1v1", uniform_noise_information(epsilon), rows)


_SHAPES = {"dense": _dense, "sparse": _sparse, "two pairs": _two_pairs}


def _normal(shape: str, d: int) -> Task:
    return normal_task(f"{shape} {d}v{d}", _SHAPES[shape](d, d), d)


def _multivariate() -> list[Task]:
    sizes = {"dense": (2, 3, 5, 25), "sparse": (2, 3, 5, 25), "two pairs": (2, 3, 5, 25)}
    return [_normal(shape, d) for shape, every in sizes.items() for d in every]


def _images() -> list[Task]:
    return [
        mapped(_normal("two pairs", 3), "spiral", spiral),
        mapped(_normal("sparse", 5), "spiral", spiral),
        mapped(_normal("dense", 5), "half-cube", half_cube),
        mapped(_normal("sparse", 25), "half-cube", half_cube),
        mapped(_normal("two pairs", 3), "cdf", normal_cdf),
        mapped(_normal("dense", 3), "wiggly", wiggly),
    ]


def _heavy() -> list[Task]:
    one = torch.eye(2, dtype=torch.float64)
    return [
        student_task("Student(1) 1v1", one, 1, 1),
        mapped(student_task("Student(1) 1v1", one, 1, 1), "asinh", torch.asinh),
        student_task("Student(2) dense 2v2", _dense(2, 2), 2, 2),
        student_task("Student(3) dense 5v5", _dense(5, 5), 5, 3),
        mapped(student_task("Student(3) dense 5v5", _dense(5, 5), 5, 3), "asinh", torch.asinh),
    ]


def _stairs() -> list[Task]:
    return [
        _correlated(math.sqrt(1 - math.exp(-nats / 10)), 20, f"staircase {nats}")
        for nats in STAIRCASE
    ]


def spin_task(name: str, joint: Tensor) -> Task:
    """Spins X and Y of a joint distribution that has been listed.

    Args:
        name: Of the task.
        joint: (2**a, 2**b) probabilities, digit i of a number is spin i, 0 for down.
    """
    a, b = (states(int(size).bit_length() - 1) for size in joint.shape)
    weight = joint.double().flatten() / joint.sum()

    def rows(n: int, generator: torch.Generator) -> Pair:
        drawn = weight.multinomial(n, replacement=True, generator=generator)
        return a[drawn // len(b)], b[drawn % len(b)]

    return Task(name, float(mutual_information(joint)), rows)


def _spins() -> list[Task]:
    return [
        spin_task("spins of a ring, 2v1", _ring(6, 0.8, 2, 1)),
        spin_task("spins of a ring, 3v3", _ring(8, 0.8, 3, 3)),
        spin_task("halves of the 4x4 torus, 8v8", _halves()),
    ]


def _ring(n: int, coupling: float, a: int, b: int) -> Tensor:
    """Joint distribution of a spins and of the b after the next one, the others summed out."""
    bonds = [(k, (k + 1) % n) for k in range(n)]
    keep = [*range(a), *range(a + 1, a + 1 + b)]
    return marginal(n, bonds, coupling, keep).reshape(2**b, 2**a).T


def _halves() -> Tensor:
    """Of the critical Ising model on the 4x4 torus, two rows and the other two."""
    lattice = Hypercubic((4, 4))
    joint = marginal(lattice.n_sites, lattice.bonds().tolist(), CRITICAL_COUPLING, keep=range(16))
    return joint.reshape(256, 256).T
