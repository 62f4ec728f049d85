"""The worst that a small change of the input can do: of real inputs, and of two-valued lattices."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import tile

Map = Callable[[Tensor], Tensor]

_MOST_SETS = 1 << 20
_BATCH = 4096
_FIRST_STEP, _LAST_STEP = 0.5, 0.01
_MOST_STATES = 1 << 12


@dataclass(frozen=True)
class Perturbed:
    """The worst perturbation that was found.

    Args:
        perturbation: r, in the shape of y.
        moved: Norm of f(y + r) - f(y).
        amplification: That over the norm of r; a lower bound of the worst there is.
    """

    perturbation: Tensor
    moved: float
    amplification: Estimate


def worst_case_perturbation(
    f: Map,
    y: Tensor,
    radius: float,
    *,
    restarts: int = 8,
    steps: int = 100,
    starts: Tensor | None = None,
    seed: int = 0,
) -> Perturbed:
    r"""Find a change of the input that changes the output most.

    .. math:: \max_{\|r\| \le \rho} \; \|f(y + r) - f(y)\|_2

    by gradient ascent on the sphere, from several random starts at once, with steps that shrink.

    Args:
        f: Takes a batch (k, *shape) and returns a batch; differentiable.
        y: (*shape) real or complex input.
        radius: rho, in the units of y.
        restarts: Random starts.
        steps: Of ascent.
        starts: (j, *shape) further starts.
        seed: Of the starts.

    Returns:
        The best that was seen on the way, so a lower bound of the worst case.

    Raises:
        InputError: For a radius that is not positive, an input of letters, or an output that does
            not depend on the input by a derivative.

    Source: Antun, Renna, Poon, Adcock and Hansen (2020), arXiv:1902.05300.

    >>> twice = worst_case_perturbation(lambda y: y * torch.tensor([2.0, 1.0]), torch.ones(2), 0.1)
    >>> round(twice.amplification.value, 3)
    2.0
    """
    if not 0 < radius < math.inf or restarts + (0 if starts is None else len(starts)) < 1:
        raise InputError(f"radius {radius}, {restarts} restarts; expected a radius > 0 and a start")
    if not (y.is_floating_point() or y.is_complex()):
        raise InputError(
            f"the input is of type {y.dtype}; a small change takes real or complex numbers: of "
            "letters, take worst_flips"
        )
    r = _on_sphere(_starts(y, restarts, starts, seed), radius)
    with torch.no_grad():
        plain = f(y[None])
    best, kept = torch.full((len(r),), -1.0, dtype=torch.float64), r.clone()
    for step in range(steps + 1):
        r = r.detach().requires_grad_(True)
        moved = (f(y + r) - plain).flatten(1).abs().square().sum(1)
        better = moved.detach().double() > best
        best, kept[better] = torch.where(better, moved.detach().double(), best), r.detach()[better]
        if step < steps:
            size = _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** (step / max(steps - 1, 1))
            r = _on_sphere(r.detach() + size * _on_sphere(_gradient(moved, r), radius), radius)
    place = int(best.argmax())
    moved_most = math.sqrt(max(float(best[place]), 0.0))
    amplification = Estimate(moved_most / radius, 0.0, "lower", "1")
    return Perturbed(kept[place], moved_most, amplification)


def _starts(y: Tensor, restarts: int, starts: Tensor | None, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (2 if y.is_complex() else 1, restarts, *y.shape)
    parts = torch.randn(shape, generator=generator, dtype=torch.float64).to(y.device)
    drawn = (torch.complex(parts[0], parts[1]) if y.is_complex() else parts[0]).to(y.dtype)
    return drawn if starts is None else torch.cat([drawn, starts.to(y)])


def _on_sphere(r: Tensor, radius: float) -> Tensor:
    """Each row at this norm; a row of zeros stays."""
    norm = r.flatten(1).norm(dim=1).reshape(-1, *[1] * (r.ndim - 1))
    return torch.where(norm > 0, radius * r / norm.clamp(min=1e-300), r)


def _gradient(moved: Tensor, r: Tensor) -> Tensor:
    try:
        # Scaled row by row: near the start the squares of changes may be tiny.
        (slope,) = torch.autograd.grad(moved.sum(), r)
    except RuntimeError as error:
        raise InputError(
            f"f gives an output without a derivative by its input ({error}); expected a "
            "differentiable map: of two-valued inputs, take worst_flips"
        ) from None
    return slope


@dataclass(frozen=True)
class Flips:
    """Which spins to flip so that an output changes most.

    Args:
        sites: In the order in which they are flipped, as numbers of the flat lattice.
        changes: Sum of the absolute changes of the output after so many flips.
        proven: Whether no other set of as many flips changes it more.
    """

    sites: tuple[int, ...]
    changes: tuple[float, ...]
    proven: bool

    @property
    def least(self) -> int | None:
        """After how many flips the output changes at all; None where none of these does it."""
        return next((place for place, change in enumerate(self.changes, 1) if change > 0), None)


def worst_flips(
    f: Map, spins: Tensor, flips: int, search: Literal["greedy", "exact"] = "greedy"
) -> Flips:
    """Find the flips of a two-valued lattice that change an output most.

    `greedy` takes the best site after the best; where no single flip changes anything more, the
    best pair. `exact` tries every set.

    Args:
        f: Takes a batch (k, *shape) and returns a batch of numbers, of any shape.
        spins: (*shape) of +1 and -1.
        flips: How many, at most.
        search: greedy or exact.

    Raises:
        InputError: For a lattice that is not two-valued, more flips than sites, or more than 2^20
            sets to try.

    >>> total = worst_flips(lambda s: (s.sum(-1) > 0).float(), torch.tensor([1, 1, 1]), 2, "exact")
    >>> total.least, total.changes
    (2, (0.0, 1.0))
    """
    n = spins.numel()
    if not bool(((spins == 1) | (spins == -1)).all()):
        raise InputError("the lattice has letters other than +1 and -1; flips take those two alone")
    if not 1 <= flips <= n:
        raise InputError(f"{flips} flips of {n} sites; expected 1 to {n}")
    if search == "exact":
        return _exact_flips(f, spins, flips)
    return _greedy_flips(f, spins, flips)


def _exact_flips(f: Map, spins: Tensor, flips: int) -> Flips:
    n = spins.numel()
    sets = sum(math.comb(n, k) for k in range(1, flips + 1))
    if sets > _MOST_SETS:
        raise InputError(
            f"{sets} sets of at most {flips} of {n} sites; expected at most {_MOST_SETS}: ask for "
            "fewer flips, or take the greedy search"
        )
    changes: list[float] = []
    best: tuple[int, ...] = ()
    for k in range(1, flips + 1):
        change, sites = _best_set(f, spins, itertools.combinations(range(n), k))
        # Fewer flips are among at most k.
        if not changes or change > changes[-1]:
            best = sites
        changes.append(max([change, *changes]))
    return Flips(best, tuple(changes), True)


def _greedy_flips(f: Map, spins: Tensor, flips: int) -> Flips:
    sites: list[int] = []
    changes: list[float] = []
    while len(sites) < flips:
        left = [site for site in range(spins.numel()) if site not in sites]
        change, found = _best_set(f, spins, ((*sites, site) for site in left))
        stuck = change <= (changes[-1] if changes else 0.0)
        if stuck and len(sites) + 2 <= flips and math.comb(len(left), 2) <= _MOST_SETS:
            pairs = ((*sites, *pair) for pair in itertools.combinations(left, 2))
            other, both = _best_set(f, spins, pairs)
            if other > change:
                changes.append(_change(f, spins, both[:-1]))
                change, found = other, both
        sites = list(found)
        changes.append(change)
    return Flips(tuple(sites), tuple(changes), False)


def _best_set(
    f: Map, spins: Tensor, sets: Iterator[tuple[int, ...]]
) -> tuple[float, tuple[int, ...]]:
    """The largest change, and the set of sites that makes it."""
    plain, best = f(spins[None]).double(), -1.0
    chosen: tuple[int, ...] = ()
    while part := list(itertools.islice(sets, _BATCH)):
        change = _changes(f, spins, part, plain)
        place = int(change.argmax())
        if float(change[place]) > best:
            best, chosen = float(change[place]), part[place]
    return best, chosen


def _change(f: Map, spins: Tensor, sites: tuple[int, ...]) -> float:
    return float(_changes(f, spins, [sites], f(spins[None]).double())[0])


def _changes(f: Map, spins: Tensor, sets: Sequence[tuple[int, ...]], plain: Tensor) -> Tensor:
    flipped = spins.flatten().repeat(len(sets), 1)
    flipped.scatter_(1, torch.tensor(sets), -flipped.gather(1, torch.tensor(sets)))
    found = f(flipped.reshape(len(sets), *spins.shape)).double()
    return (found - plain).abs().reshape(len(sets), -1).sum(1)


@dataclass(frozen=True)
class FlipCosts:
    """What it takes to change coarse spins, level by level.

    Args:
        levels: Coarse configurations, (n, *shape) int8 of each level, the given one first.
        costs: For each of them the least number of flips of the given configuration that turns
            each spin; ones at the first.
    """

    levels: tuple[Tensor, ...]
    costs: tuple[Tensor, ...]

    def share(self, level: int, share: float) -> Tensor:
        """Flips that turn a share of the spins of a level, in each configuration (n,).

        No spin of the given configuration lies below two coarse ones, so the cheapest ones add up.
        """
        costs = self.costs[level].flatten(1).sort(1).values
        most = max(1, math.ceil(share * costs.shape[1]))
        return costs[:, :most].double().sum(1)


def flip_costs(
    table: Tensor, configurations: Tensor, block: tuple[int, ...], levels: int, seed: int = 0
) -> FlipCosts:
    r"""Least numbers of flips that turn each coarse spin of each level, exactly.

    .. math:: c_l(B) = \min_{v' : h(v') \ne h(v)} \; \sum_{i \in B} c_{l-1}(i)\, [v'_i \ne v_i],
              \qquad c_0 = 1

    A block is a tree of blocks, so the minimum over all flips is found level by level. A rule that
    draws keeps its random numbers: h = +1 where u < p(+1|v), with the same u after the flips.

    Args:
        table: (2^n, 2) of a rule with two symbols, as `rsmi.learning.Rule.table` gives it.
        configurations: (k, *shape) of +1 and -1.
        block: Extents of a block; each divides the extent of every level.
        levels: How often the rule is applied.
        seed: Of u.

    Raises:
        InputError: For a rule of another size, a lattice that is not two-valued, or one that cannot
            be divided so often.

    >>> copy = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> flip_costs(copy, torch.ones(1, 4), (2,), 2).costs[2].tolist()
    [[1]]
    """
    n_states = 1 << math.prod(block)
    if table.shape != (n_states, 2) or n_states > _MOST_STATES:
        raise InputError(
            f"a table of shape {tuple(table.shape)} for blocks of {list(block)}; expected "
            f"({n_states}, 2), with blocks of at most 12 sites"
        )
    if not bool(((configurations == 1) | (configurations == -1)).all()):
        raise InputError("the lattice has letters other than +1 and -1; flips take those two alone")
    generator = torch.Generator().manual_seed(seed)
    spins = [configurations.to(torch.int8)]
    costs = [torch.ones(configurations.shape, dtype=torch.int32)]
    for _ in range(levels):
        blocks, own = tile(spins[-1], block), tile(costs[-1], block)
        u = torch.rand(blocks.shape[:-1], generator=generator, dtype=torch.float64)
        coarse, cost = _one_level(table[:, 1].double(), blocks, own, u)
        spins.append(coarse)
        costs.append(cost)
    return FlipCosts(tuple(spins), tuple(costs))


def _one_level(up: Tensor, blocks: Tensor, costs: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Coarse spins of blocks (..., n), and what it costs to turn each."""
    weights = 1 << torch.arange(blocks.shape[-1])
    word = ((blocks > 0) * weights).sum(-1)
    coarse = u < up[word]
    best = torch.full(u.shape, torch.iinfo(torch.int32).max, dtype=torch.int32)
    for state in range(len(up)):
        differ = ((word ^ state)[..., None] & weights) > 0
        price = (differ * costs).sum(-1).to(torch.int32)
        other = (u < up[state]) != coarse
        best = torch.where(other & (price < best), price, best)
    return (2 * coarse.to(torch.int8) - 1), best
