"""Scaling dimensions from correlators on a lattice and on one twice as large."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate
from rsmi.renormalization.operators.correlators import Correlators

Array = NDArray[np.float64]

RESAMPLES = 400
_SHOWN = 3.0  # errors by which a number stands out of the noise
_SAME = 1e-7  # share of an operator that is its own, below which it is a combination of others
_WIDE = 0.25  # share of the lattice from which on distances collapse
_POINTS = 4  # distances of each lattice that are compared

WINDOW, HALF = 0, -1
"""Where in `Correlators.products` the window and half the lattice stand."""


@dataclass(frozen=True, eq=False)
class Separation:
    r"""Scaling operators of several lattices, leading first.

    .. math:: C(L) v_i = \mu_i(L)\, G v_i, \quad \mu_i(L) \sim L^{-2 \Delta_i}

    Args:
        sizes: L, 2L ...
        values: (sizes, A) eigenvalues mu_i.
        errors: (sizes, A) their bootstrap errors.
        vectors: (A, A) float64 columns v_i of the smallest lattice, with v_i G v_i = 1.
        blocks: Independent blocks behind the errors.
    """

    sizes: tuple[int, ...]
    values: Tensor
    errors: Tensor
    vectors: Tensor
    blocks: int

    @cached_property
    def seen(self) -> tuple[int, ...]:
        """On how many sizes, from the smallest on, each operator stands out of the noise."""
        clear = (self.values > _SHOWN * self.errors).int()
        found = clear.cumprod(0).sum(0).cummin(0).values.tolist()
        return tuple(n for n in found if n > 1)

    @property
    def dimensions(self) -> tuple[Estimate, ...]:
        r"""Delta_i from all sizes on which each operator is seen.

        .. math:: \ln \mu_i = c - 2 \Delta_i \ln L

        is fitted to all sizes and, without the smallest ones, to fewer; the fits are averaged with
        weights exp(-chi^2 / 2 - n_cut) of n_cut sizes left out, so that the error holds what
        corrections to scaling change. Two sizes cannot tell of corrections.

        Source: Jay and Neil (2021), arXiv:2008.01069.
        """
        return tuple(
            _averaged(self.sizes[:n], self.values[:n, i], self.errors[:n, i], self.blocks)
            for i, n in enumerate(self.seen)
        )

    def step(self, place: int) -> tuple[Estimate, ...]:
        """Dimensions from the sizes number `place` and `place + 1` alone."""
        own = slice(place, place + 2)
        return tuple(
            _averaged(self.sizes[own], self.values[own, i], self.errors[own, i], self.blocks)
            for i, n in enumerate(self.seen)
            if n > place + 1
        )


def separate(
    curves: Sequence[Correlators],
    *,
    metric: Tensor | None = None,
    at: int = WINDOW,
    seed: int = 0,
) -> Separation:
    r"""Separate operators by the dimensions with which their covariance falls with the lattice.

    Lattice operators are combinations of scaling operators, so that on a critical torus

    .. math:: C(L) = A L^{-\Delta} F L^{-\Delta} A^T, \quad \Delta = diag(\Delta_1, \Delta_2 ...)

    with F the same on all sizes. The eigenvalues of C(L) relative to a fixed metric G fall as
    :math:`L^{-2 \Delta_i}` up to relative corrections :math:`L^{-(\Delta_{i+1} - \Delta_i)}`,
    whatever F. (Eigenvalues of C(2L) relative to C(L) would be :math:`2^{-2 \Delta_i}` exactly if
    F were diagonal. It is not: an operator is correlated with its descendants, and the torus
    correlates others; no size takes that error away.) An eigenvalue below three of its bootstrap
    errors, and all below it, is taken for noise.

    Args:
        curves: Of the lattices L, 2L ..., the same operators.
        metric: G, (A, A) positive; the covariance at one and the same place on L without.
        at: Which correlator: `WINDOW`, a smooth window of r/L around 1/2, or `HALF` the lattice.
        seed: Of the bootstrap over blocks of chains.

    Raises:
        InputError: For fewer than two lattices, or some that are not L and 2L.
        AnalysisError: Where nothing stands out of the noise, or the metric is singular.

    Source: Sandvik (2024), arXiv:2406.12681.
    """
    check_sizes([c.cells for c in curves])
    unit = _unit(curves[0].everything[1] if metric is None else metric)
    levels = [_levels(c, unit, at, seed + i) for i, c in enumerate(curves)]
    for c, (values, errors, _) in zip(curves, levels, strict=True):
        if float(values[0]) <= _SHOWN * float(errors[0]):
            raise AnalysisError(
                f"at L = {c.size} no correlation stands out of the noise (the leading one is "
                f"{float(values[0]):.3g} with an error of {float(errors[0]):.2g}); draw more "
                "configurations, or smaller lattices"
            )
    return Separation(
        tuple(c.size for c in curves),
        torch.stack([values for values, _, _ in levels]),
        torch.stack([errors for _, errors, _ in levels]),
        unit @ levels[0][2],
        min(c.blocks for c in curves),
    )


def _unit(metric: Tensor) -> Tensor:
    """(A, A) combinations of operators that are orthonormal in a metric."""
    for a, others in degenerate(metric).items():
        made = " and ".join(map(str, others)) or "a constant"
        raise AnalysisError(
            f"the covariance is singular: operator {a} is a combination of {made} on every "
            "configuration; leave one of them out"
        )
    scale = metric.diag().rsqrt()
    factor = torch.linalg.cholesky(scale[:, None] * metric * scale)
    return scale[:, None] * torch.linalg.inv(factor).T


def _levels(c: Correlators, unit: Tensor, at: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues, largest first, their errors, and vectors."""
    values, vectors = torch.linalg.eigh(unit.T @ c.everything[at] @ unit)
    draws = unit.T @ c.resampled(RESAMPLES, seed)[:, at] @ unit
    spread = torch.linalg.eigvalsh(draws).flip(-1).std(0)
    growth = math.sqrt(c.blocks / (c.blocks - 1))
    return values.flip(0), growth * spread, vectors.flip(1)


def _averaged(sizes: Sequence[int], values: Tensor, errors: Tensor, blocks: int) -> Estimate:
    """Delta of one operator, averaged over fits, see `Separation.dimensions`."""
    x, y = np.log(np.array(sizes, dtype=float)), values.log().numpy()
    sigma = (errors / values).numpy()
    found = []
    for cut in range(len(sizes) - 1):
        design = np.stack([np.ones_like(x), -2 * x], 1)[cut:] / sigma[cut:, None]
        found.append((*_fit(design, y[cut:] / sigma[cut:]), cut))
    deltas, variances, chi, cuts = np.array(found).T
    weights = np.exp(-chi / 2 - cuts)
    weights /= weights.sum()
    mean = float(weights @ deltas)
    variance = float(weights @ (variances + (deltas - mean) ** 2))
    return Estimate(mean, math.sqrt(variance), "estimate", "1", blocks)


def _fit(design: Array, y: Array) -> tuple[float, float, float]:
    """Second parameter of a weighted linear fit, its variance, and chi^2."""
    inverse = np.linalg.inv(design.T @ design)
    parameters = inverse @ design.T @ y
    residuals = y - design @ parameters
    return float(parameters[1]), float(inverse[1, 1]), float(residuals @ residuals)


def check_sizes(cells: Sequence[Sequence[int]]) -> None:
    """Refuse lattices that are not L, 2L, 4L ...

    Raises:
        InputError: For one alone, saying which other is needed, or naming two that do not fit.
    """
    if len(cells) < 2:
        first = list(cells[0])
        raise InputError(
            f"one lattice was given, {first}; dimensions come from how correlators change from L "
            f"to 2L: bring {[2 * extent for extent in first]} as well, at the same temperature"
        )
    for small, large in pairwise(cells):
        if tuple(large) != tuple(2 * extent for extent in small):
            raise InputError(
                f"the lattices are {list(small)} and {list(large)}; expected each twice as large "
                f"as the one before: {list(small)} and {[2 * extent for extent in small]}"
            )


def degenerate(at_one_point: Tensor) -> dict[int, list[int]]:
    """Operators that are combinations of those before them on every configuration.

    Args:
        at_one_point: (A, A) covariance of the operators at one and the same place.

    Returns:
        Number of each such operator, with those that it is made of.

    >>> degenerate(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]]).double())
    {2: [0, 1]}
    """
    scale = at_one_point.diag().clamp(min=1e-300).sqrt()
    c = at_one_point / torch.outer(scale, scale)
    kept: list[int] = []
    found: dict[int, list[int]] = {}
    for a in range(len(c)):
        block, beside = c[kept][:, kept], c[kept, a]
        weights = torch.linalg.solve(block, beside) if kept else beside
        if float(c[a, a] - beside @ weights) > _SAME:
            kept.append(a)
        else:
            found[a] = [b for b, w in zip(kept, weights, strict=True) if abs(float(w)) > 1e-3]
    return found


@dataclass(frozen=True)
class Collapse:
    r"""One curve for all sizes: :math:`L^{2 \Delta} C(r, L) = f(r / L)`.

    Args:
        dimension: Delta, from the logarithms of the correlators by least squares.
        mismatch: Mean square of the residuals in units of their own errors: 1 where they collapse.
        shares: r / L of the points compared.
    """

    dimension: Estimate
    mismatch: float
    shares: tuple[float, ...]


def collapse(curves: Sequence[Correlators], vector: Tensor, *, seed: int = 0) -> Collapse:
    r"""Bring the correlators of one operator on several sizes onto one curve.

    Args:
        curves: Of each size, smallest first; each a multiple of the smallest.
        vector: (A,) coefficients of the operator.
        seed: Of the bootstrap.

    Raises:
        AnalysisError: Where too few correlations stand out of the noise.
    """
    draws = [_lines(c, vector, seed + i) for i, c in enumerate(curves)]
    points = _compared(curves)
    mean = torch.stack([_at(c, vector, points, curves) for c in curves])
    spread = torch.stack([_pick(d, c, points, curves) for d, c in zip(draws, curves, strict=True)])
    growth = math.sqrt(curves[0].blocks / (curves[0].blocks - 1))
    relative = growth * spread.std(1) / mean
    good = ((mean > 0) & (relative < 1 / _SHOWN)).all(0)
    if not bool(good.any()):
        raise AnalysisError(
            "no correlation along the axes stands out of the noise on every size; draw more "
            "configurations"
        )
    logs, others = mean[:, good].log(), spread[:, :, good].clamp(min=1e-300).log()
    slopes = np.log([c.size for c in curves])
    own = _fitted(logs[:, None], slopes)
    all_draws = _fitted(others, slopes)
    error = growth * float(all_draws[0].std())
    rest_error = growth * all_draws[1].std(1)
    # of two sizes and one point nothing is left
    loose = rest_error > 1e-9
    ratio = (own[1][:, 0] / rest_error.clamp(min=1e-300))[loose]
    mismatch = float(ratio.square().mean()) if bool(loose.any()) else 0.0
    shares = tuple(points[i] / curves[0].size for i in torch.nonzero(good).flatten().tolist())
    dimension = Estimate(float(own[0][0]), error, "estimate", "1", curves[0].blocks)
    return Collapse(dimension, mismatch, shares)


def _compared(curves: Sequence[Correlators]) -> list[int]:
    """Distances on the smallest lattice, spread from a quarter to half of it."""
    size = curves[0].size
    every = np.linspace(_WIDE * size, size / 2, _POINTS)
    return sorted({round(r) for r in every})


def _lines(c: Correlators, vector: Tensor, seed: int) -> Tensor:
    """Resampled correlators (R, distances) of one operator."""
    return torch.einsum("a,rdab,b->rd", vector, c.resampled(RESAMPLES, seed)[:, 1:], vector)


def _at(c: Correlators, vector: Tensor, points: list[int], curves: Sequence[Correlators]) -> Tensor:
    line = torch.einsum("a,dab,b->d", vector, c.everything[1:], vector)
    return _pick(line[None], c, points, curves)[0]


def _pick(
    lines: Tensor, c: Correlators, points: list[int], curves: Sequence[Correlators]
) -> Tensor:
    scale = c.size // curves[0].size
    return lines[:, [r * scale for r in points]]


def _fitted(logs: Tensor, sizes: Array) -> tuple[Tensor, Tensor]:
    """Delta (R,) and residuals (sizes, R, points) of logarithms (sizes, R, points)."""
    x = torch.from_numpy(sizes - sizes.mean())
    centred = logs - logs.mean(0)
    delta = -torch.einsum("s,srp->rp", x, centred).mean(1) / (2 * x.square().sum())
    return delta, centred + 2 * x[:, None, None] * delta[:, None]


@dataclass(frozen=True)
class Decay:
    r"""How the information of two symbols of a rule half a lattice apart falls with the lattice.

    .. math:: I(H_0 : H_{L/2}) \sim L^{-4 \Delta}

    Args:
        rule: Its name.
        dimension: Delta; its error holds what terms beyond the square of the correlation change.
        values: I of each size in nats, bias-corrected.
    """

    rule: str
    dimension: Estimate
    values: tuple[Estimate, ...]


def decay(rule: str, joint: Sequence[Correlators], actions: Tensor) -> Decay:
    r"""Read a dimension off the decay of mutual information.

    At large distance :math:`I = \frac12 \sum_{hh'} (p(h,h') - p(h) p(h'))^2 / p(h) p(h')` plus
    higher powers, which fall faster. Values of the two largest sizes are taken; the bias of few
    data is taken off by the jackknife over blocks of chains.

    Args:
        rule: Name of the rule.
        joint: Correlators of the probabilities of its symbols, means not taken off, of each size.
        actions: (G, K) what the letters' symmetries do to the symbols; one row where they do
            nothing.
    """
    found = [_information(c, actions) for c in joint]
    values = tuple(Estimate(max(v, 0.0), e, "estimate", "nats", n) for v, e, _, n in found)
    (small, e1, q1, n), (large, e2, q2, _) = found[-2:]
    if min(small - _SHOWN * e1, large - _SHOWN * e2) <= 0:
        raise AnalysisError(
            f"the information of rule {rule!r} over half the lattice is {values[-2]} and "
            f"{values[-1]}, which do not stand out of the noise; draw more configurations"
        )
    delta = math.log(small / large) / (4 * math.log(2))
    beyond = abs(delta - math.log(q1 / q2) / (4 * math.log(2)))
    error = math.hypot(e1 / small, e2 / large) / (4 * math.log(2))
    return Decay(rule, Estimate(delta, math.hypot(error, beyond), "estimate", "1", n), values)


def _information(c: Correlators, actions: Tensor) -> tuple[float, float, float, int]:
    """I without its bias, its error, its part of second order, and the number of blocks."""
    whole = _mutual(_symmetric(c.everything[HALF], actions))
    parts = _mutual(_symmetric(c.left_out[:, HALF], actions))
    count = c.blocks
    value = float(count * whole[0] - (count - 1) * parts[0].mean())
    square = float(count * whole[1] - (count - 1) * parts[1].mean())
    error = math.sqrt((count - 1) / count * float((parts[0] - parts[0].mean()).square().sum()))
    return value, error, max(square, 1e-300), count


def _symmetric(p: Tensor, actions: Tensor) -> Tensor:
    """Joint probabilities (..., K, K) averaged over what symmetries do to both symbols."""
    return torch.stack([p[..., g, :][..., :, g] for g in actions]).mean(0)


def _mutual(p: Tensor) -> tuple[Tensor, Tensor]:
    """I of joint probabilities (..., K, K), and its leading part, both (...)."""
    p = p / p.sum((-1, -2), keepdim=True)
    apart = p.sum(-1, keepdim=True) * p.sum(-2, keepdim=True)
    information = torch.where(p > 0, p * (p / apart).log(), 0.0).sum((-1, -2))
    return information, 0.5 * ((p - apart).square() / apart).sum((-1, -2))
