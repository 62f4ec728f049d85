"""How much of what a block says of its environment so many nats can keep: the bottleneck curve."""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.discrete import check_posterior, entropy, mutual_information, rule_information
from rsmi.information.merging import equal_rows, merge_equal, merge_similar
from rsmi.information.outcome import Outcome
from rsmi.information.quantity import Quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = (1024, 8192)  # merged environments for the search, and for the bound
_TRIALS, _RANDOM = 12, 32
_STEPS, _LONGEST, _SEARCH = 50, 80, 400
_PART = 0.05  # of the tolerance that the code that is missed may cost
_STILL = 1e-6
_TINY = 1e-300
_SPARE = 1e-3  # weight with which a new code enters
_RARE = 1e-9  # and below which one goes
_SAME = 1e-12
_PIECES = 257  # of a line on which the largest code is searched, to begin with
_LARGEST = 1 << 22  # numbers held at once in that search


@dataclass(frozen=True)
class CurvePoint:
    r"""One coarse-graining on the curve, and the tangent that no coarse-graining lies above.

    Args:
        rate: I(V:H) in nats.
        kept: I(H:E) in nats.
        slope: :math:`1/\beta` of the tangent.
        offset: Every coarse-graining has I(H:E) <= offset + slope I(V:H).
        table: (V, K) float64, p(h|v); None for the two ends.
    """

    rate: float
    kept: float
    slope: float
    offset: float
    table: Tensor | None = None


@dataclass(frozen=True, repr=False)
class Bottleneck(Outcome):
    """The information-bottleneck curve of a block and its environment, from below and from above.

    Args:
        points: Coarse-grainings on the curve by growing rate, from nothing to all of I(V:E).
        states: p(v) of the block, (V,) float64.
        full: I(V:E) in nats.
        certain: Whether `upper` is proven; else it rests on a search for the largest code. Where
            data processing alone decides, nothing is searched.
    """

    points: tuple[CurvePoint, ...]
    states: Tensor
    full: float
    certain: bool = False

    __repr__ = Outcome.__repr__

    def lower(self, rate: float) -> float:
        """I(H:E) that coarse-grainings of I(V:H) = `rate` nats are known to keep.

        Between two points one of both is drawn at random and told, so the curve is concave.
        """
        before, after = self.sides(rate)
        share = min((rate - before.rate) / max(after.rate - before.rate, _TINY), 1.0)
        return before.kept + share * (after.kept - before.kept)

    def upper(self, rate: float) -> float:
        """I(H:E) that no coarse-graining of I(V:H) <= `rate` nats exceeds."""
        return min(point.offset + point.slope * rate for point in self.points)

    def needed(self, kept: float) -> tuple[float, float]:
        """The least I(V:H) for I(H:E) = `kept` nats: what cannot be enough less, and what is.

        Args:
            kept: From 0 to `full`.
        """
        tangents = [(kept - p.offset) / p.slope for p in self.points if p.slope > 0]
        hull = self._hull
        rates, values = [p.rate for p in hull], [p.kept for p in hull]
        place = min(max(sum(value < kept for value in values), 1), len(hull) - 1)
        rise = max(values[place] - values[place - 1], _TINY)
        share = min(max((kept - values[place - 1]) / rise, 0.0), 1.0)
        reached = rates[place - 1] + share * (rates[place] - rates[place - 1])
        return min(max([0.0, *tangents]), reached), reached

    @cached_property
    def gap(self) -> float:
        """Largest distance between the two sides, in nats."""
        return self.upper(self.widest) - self.lower(self.widest)

    @cached_property
    def widest(self) -> float:
        """The rate at which the two sides are farthest from each other."""
        return max(self._corners(), key=lambda rate: self.upper(rate) - self.lower(rate))

    def quantities(self) -> list[Quantity]:
        """What the whole takes, how well the curve is known, and every point of it."""
        name = "information.bottleneck"
        found = [
            Quantity(f"{name}.full", self.full, 0.0, "exact", "nats"),
            Quantity(f"{name}.rate", self.points[-1].rate, 0.0, "exact", "nats"),
            Quantity(f"{name}.gap", max(self.gap, 0.0), 0.0, "upper", "nats"),
        ]
        return found + [
            Quantity(
                f"{name}.scan.kept", point.kept, 0.0, "lower", "nats",
                context={"rate": point.rate, "slope": point.slope, "upper": self.upper(point.rate)},
            )
            for point in self.points
        ]  # fmt: skip

    def plot(self, rules: Mapping[str, tuple[float, float]] | None = None) -> "Figure":
        """The curve, see `rsmi.report.figures.bottleneck`.

        Args:
            rules: I(V:H) and I(H:E) of rules by name, in nats.
        """
        figure: Figure = importlib.import_module("rsmi.report.figures").bottleneck(self, rules)
        return figure

    @cached_property
    def _hull(self) -> list[CurvePoint]:
        """The points that no mixture of others exceeds."""
        hull: list[CurvePoint] = []
        for point in sorted(self.points, key=lambda p: (p.rate, p.kept)):
            while len(hull) > 1 and _turn(hull[-2], hull[-1], point) >= 0:
                hull.pop()
            hull.append(point)
        return hull

    def sides(self, rate: float) -> tuple[CurvePoint, CurvePoint]:
        """The two points between which a rate lies, of those that no mixture exceeds."""
        hull = self._hull
        place = sum(point.rate <= rate for point in hull[1:-1])
        return hull[place], hull[place + 1]

    def _corners(self) -> list[float]:
        """Rates at which two tangents meet, where the sides are farthest from each other."""
        lines = sorted({(p.slope, p.offset) for p in self.points}, reverse=True)
        crossed = [
            (b[1] - a[1]) / (a[0] - b[0])
            for i, a in enumerate(lines)
            for b in lines[i + 1 :]
            if a[0] - b[0] > 1e-12
        ]
        return [0.0, *(rate for rate in crossed if 0 <= rate <= self.points[-1].rate)]


def bottleneck(
    posterior: Tensor,
    weights: Tensor | None = None,
    *,
    tolerance: float = 2e-3,
    most_points: int = 64,
    seed: int = 0,
) -> Bottleneck:
    r"""The most that a coarse variable of given I(V:H) keeps about the environment.

    .. math:: F(R) = \max_{p(h|v):\, I(V:H) \le R} I(H:E), \qquad
              p(h|v) \propto p(h)\, e^{-\beta D[p(e|v) \,\|\, p(e|h)]}

    At each slope :math:`1/\beta` codes p(e|h) and their weights are improved in turn (Blahut and
    Arimoto), from many codes to few. With :math:`Z_v = \sum_h p(h) e^{-\beta D[p(e|v) \| p(e|h)]}`
    no coarse-graining has

    .. math:: I(V:H) - \beta I(H:E) < -\beta I(V:E) - \langle \ln Z_v \rangle
              - \ln \max_r \Big\langle \frac{e^{-\beta D[p(e|v) \| r]}}{Z_v} \Big\rangle

    which is the tangent; while the maximum over all distributions r of the environment is above 1,
    its r joins the codes. Slopes are added where chords and tangents are farthest apart.

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        weights: (n,) weights of the environments; equal without.
        tolerance: Between the two sides, in nats, at which no slope is added.
        most_points: Most slopes.
        seed: Of random starts of the search for r.

    Returns:
        The curve. What lies on `lower` is kept by the coarse-grainings given. `upper` is proven
        (`certain`) where all p(e|v) lie on one line, as for two environments or two different
        states: the largest r is then found by branch and bound. Else it is as certain as the search
        for it, from all states, all codes and 32 random mixtures.

    Raises:
        InputError: For an unusable posterior or tolerance.

    Source: Tishby, Pereira, Bialek (1999), physics/0004057; Blahut (1972); Arimoto (1972).

    >>> flip = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    >>> curve = bottleneck(flip)
    >>> round(curve.full, 6), curve.gap < 2e-3
    (0.368064, True)
    """
    if not (math.isfinite(tolerance) and tolerance > 0) or most_points < 1:
        raise InputError(
            f"tolerance is {tolerance} nats with at most {most_points} points; expected a number "
            "above 0, and at least 1 point"
        )
    problem = _Problem.of(posterior, check_posterior(posterior, weights), seed)
    curve = problem.curve(problem.ends)
    found = {curve.points[-1].rate: torch.eye(len(problem.states), dtype=torch.float64)}
    for _ in range(most_points):
        if curve.gap <= tolerance + problem.loss:
            break
        before, after = curve.sides(curve.widest)
        beta = (after.rate - before.rate) / (after.kept - before.kept)
        start = min((rate for rate in found if rate >= after.rate - _SAME), default=max(found))
        point, assigned = problem.solved(beta, found[start], tolerance)
        found[point.rate] = assigned
        curve = problem.curve([*curve.points, point])
    return curve


@dataclass(frozen=True)
class _Level:
    """States, and what each says of environments that are merged more or less.

    Args:
        states: (S,) probabilities.
        given: (S, m) p(e|v).
        random: Mixtures of states from which the search for the largest code begins too.
        line: (S,) from 0 to 1 where each p(e|v) lies between two, if all are on one line.
    """

    states: Tensor
    given: Tensor
    random: int
    line: Tensor | None

    def solved(
        self, beta: float, assigned: Tensor, tolerance: float, generator: torch.Generator
    ) -> tuple[Tensor, float]:
        """p(h|v), (S, K), and what I(V:H) - beta I(H:E) + beta I(V:E) is at least."""
        codes = self._codes(assigned)
        for _ in range(_TRIALS):
            codes = self._improved(beta, codes, tolerance)
            assigned, log_z = self._assigned(beta, codes)
            allowed = _PART * tolerance * beta
            if self.line is not None:
                most, code = _Along(self, self.line, beta, log_z).largest(allowed / 2)
            else:
                most, code = self._largest(beta, log_z, codes[0], generator)
            if most <= allowed:
                break
            weights = torch.cat([codes[1] * (1 - _SPARE), codes[1].new_tensor([_SPARE])])
            codes = torch.cat([codes[0], code[None]]), weights
        return assigned, -float(self.states @ log_z) - max(most, 0.0)

    def _codes(self, assigned: Tensor) -> "Codes":
        """Weights and codes of p(h|v); those that are not used go."""
        joint = self.states[:, None] * assigned
        weights = joint.sum(0)
        used = weights > _RARE
        weights, joint = weights[used], joint[:, used]
        return (joint.T @ self.given) / weights[:, None], weights / weights.sum()

    def _improved(self, beta: float, codes: "Codes", tolerance: float) -> "Codes":
        """Codes and weights in turn until next to nothing is gained."""
        before = math.inf
        for _ in range(_LONGEST):
            for _ in range(_STEPS):
                assigned, log_z = self._assigned(beta, codes)
                codes = self._codes(assigned)
            now = -float(self.states @ log_z)
            if before - now < _PART**2 * tolerance * beta:
                break
            before = now
        return codes

    def _assigned(self, beta: float, codes: "Codes") -> tuple[Tensor, Tensor]:
        """p(h|v), (S, K), and ln Z of each state, (S,)."""
        log = codes[1].clamp(min=_TINY).log() - beta * self.distance(codes[0])
        log_z = log.logsumexp(1)
        return (log - log_z[:, None]).exp(), log_z

    def _largest(
        self, beta: float, log_z: Tensor, codes: Tensor, generator: torch.Generator
    ) -> tuple[float, Tensor]:
        """ln of the largest average of exp(-beta D) / Z over codes, and the code, by ascent."""
        mixed = torch.rand(self.random, len(self.states), generator=generator).double() ** 4
        mixed = mixed * self.states
        r = torch.cat([self.given, codes, mixed / mixed.sum(1, keepdim=True) @ self.given])
        start = self.states.log() - log_z
        for _ in range(_SEARCH):
            log = start[:, None] - beta * self.distance(r)
            value = log.logsumexp(0)
            moved = (log - value).exp().T @ self.given
            if float((moved - r).abs().sum(1).max()) < _STILL:
                break
            r = moved
        return float(value.max()), r[value.argmax()]

    def distance(self, codes: Tensor) -> Tensor:
        """D[p(e|v) || r(e)] of every state and code, (S, K)."""
        return -entropy(self.given)[:, None] - self.given @ codes.clamp(min=_TINY).log().T


@dataclass(frozen=True)
class _Along:
    """The average of exp(-beta D[p(e|v) || r]) / Z over states, for r along their line.

    D grows with the distance from its state on either side, so on a piece of the line the states
    before it are bounded by its first place, and those after it by its last.
    """

    level: _Level
    line: Tensor
    beta: float
    log_z: Tensor

    def largest(self, slack: float) -> tuple[float, Tensor]:
        """An upper value of ln of the largest within `slack`, and the r, by branch and bound."""
        edges = torch.linspace(0, 1, _PIECES).double()
        value, before, after = self._parts(edges)
        best, place = float(value.max()), edges[value.argmax()]
        pieces = torch.stack([edges[:-1], edges[1:], before[:-1], after[1:]])
        while True:
            bound = self._bound(pieces)
            most, left = max(best + slack, float(bound.max())), bound > best + slack
            if not left.any() or int(left.sum()) * len(self.line) > _LARGEST:
                return most, self._code(place)[0]
            low, high, before, after = pieces[:, left]
            middle = (low + high) / 2
            value, first, last = self._parts(middle)
            if float(value.max()) > best:
                best, place = float(value.max()), middle[value.argmax()]
            halves = [low, middle, before, last], [middle, high, first, after]
            pieces = torch.cat([torch.stack(half) for half in halves], 1)

    def _code(self, at: Tensor) -> Tensor:
        given, line = self.level.given, self.line
        return torch.lerp(given[line.argmin()], given[line.argmax()], at.reshape(-1, 1))

    @cached_property
    def _start(self) -> Tensor:
        return self.level.states.log() - self.log_z

    @cached_property
    def _own(self) -> tuple[Tensor, Tensor]:
        """Places in order, and the running sum of what each state weighs at its own."""
        order = self.line.argsort()
        weighs = (self._start[order] - self._start.max()).exp()
        return self.line[order], torch.cat([weighs.new_zeros(1), weighs.cumsum(0)])

    def _parts(self, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ln of the average at some places: of all states, and of those before and after alone."""
        terms = self._start[:, None] - self.beta * self.level.distance(self._code(at))
        before, after = self.line[:, None] < at, self.line[:, None] > at
        first, last = (terms.masked_fill(~one, -torch.inf).logsumexp(0) for one in (before, after))
        return terms.logsumexp(0), first, last

    def _bound(self, pieces: Tensor) -> Tensor:
        low, high, before, after = pieces
        line, sums = self._own
        ends = torch.searchsorted(line, low), torch.searchsorted(line, high, right=True)
        inside = (sums[ends[1]] - sums[ends[0]]).log() + self._start.max()
        return torch.stack([before, after, inside]).logsumexp(0)


Codes = tuple[Tensor, Tensor]
"""p(e|h), (K, m), and p(h), (K,)."""


@dataclass(frozen=True)
class _Problem:
    """States that say different things, and all that is known of the environment.

    Args:
        posterior: (n, V), all of it.
        weights: (n,).
        label: (V,) which of the different states each one is; those that never occur are 0.
        levels: Environments merged coarsely, for the search, then finely, for the bound.
        generator: Of random starts.
    """

    posterior: Tensor
    weights: Tensor
    label: Tensor
    levels: tuple[_Level, ...]
    generator: torch.Generator

    @classmethod
    def of(cls, posterior: Tensor, weights: Tensor, seed: int) -> "_Problem":
        """Merge what is alike."""
        rows, w = merge_equal(posterior, weights)
        occurs = w @ rows > 0
        joint = (rows * w[:, None])[:, occurs]
        alike = equal_rows((joint / joint.sum(0)).T)
        label = torch.zeros(len(occurs), dtype=torch.int64)
        label[occurs] = alike
        merged = [merge_similar(rows, w, bins) for bins in _BINS]
        merged = merged if len(merged[0][0]) < len(merged[1][0]) else merged[:1]
        levels = tuple(
            _level(few[:, occurs] * mass[:, None], alike, _RANDOM * (place == 0))
            for place, (few, mass) in enumerate(merged)
        )
        return cls(rows, w, label, levels, torch.Generator().manual_seed(seed))

    @property
    def states(self) -> Tensor:
        """Probabilities of the different states."""
        return self.levels[0].states

    @property
    def ends(self) -> list[CurvePoint]:
        """Nothing, which lies below the line of data processing, and all."""
        whole = float(entropy(self.states))
        return [CurvePoint(0.0, 0.0, 1.0, 0.0), CurvePoint(whole, self.full, 0.0, self.full)]

    @cached_property
    def full(self) -> float:
        """I(V:E)."""
        return float(mutual_information(self.weights[:, None] * self.posterior))

    @cached_property
    def loss(self) -> float:
        """What merging takes from I(V:E), and so from the sharpness of every tangent."""
        fine = self.levels[-1]
        return self.full - float(mutual_information(fine.states[:, None] * fine.given))

    def curve(self, points: Sequence[CurvePoint]) -> Bottleneck:
        """The points in order."""
        ordered = sorted(points, key=lambda point: (point.rate, -point.slope))
        proven = all(level.line is not None for level in self.levels)
        certain = proven or len(points) == len(self.ends)
        return Bottleneck(tuple(ordered), self.weights @ self.posterior, self.full, certain)

    def solved(self, beta: float, assigned: Tensor, tolerance: float) -> tuple[CurvePoint, Tensor]:
        """The best coarse-graining at one slope from p(h|v) on, and its p(h|v) of states."""
        for level in self.levels:
            assigned, bound = level.solved(beta, assigned, tolerance, self.generator)
        table = assigned[self.label]
        kept = float(rule_information(self.posterior, table, self.weights))
        rate = rate_of(self.weights @ self.posterior, table)
        return CurvePoint(rate, kept, 1 / beta, self.full - bound / beta, table), assigned


def _level(joint: Tensor, alike: Tensor, random: int) -> _Level:
    """p(e|v) of different states from the weights (m, V) of environments and states."""
    total = joint.new_zeros(int(alike.max()) + 1, len(joint)).index_add_(0, alike, joint.T)
    states = total.sum(1)
    given = total / states[:, None]
    return _Level(states, given, random, _line(given))


def _line(given: Tensor) -> Tensor | None:
    """Places from 0 to 1 of rows (S, m) on the line through them; None where there is no line."""
    away = given - given[0]
    along = away[away.norm(dim=1).argmax()]
    length = float(along.norm())
    if length == 0:
        return None
    place = away @ along / length**2
    if float((away - place[:, None] * along).abs().max()) > _SAME:
        return None
    return (place - place.min()) / (place.max() - place.min())


def rate_of(states: Tensor, table: Tensor) -> float:
    r"""I(V:H) = H(H) - H(H|V) of a rule p(h|v), in nats.

    Args:
        states: (V,) float64, p(v).
        table: (V, K) float64, p(h|v).

    >>> rate_of(torch.tensor([0.5, 0.5]).double(), torch.eye(2).double())
    0.6931471805599453
    """
    return max(float(entropy(states @ table) - states @ entropy(table)), 0.0)


def _turn(a: CurvePoint, b: CurvePoint, c: CurvePoint) -> float:
    """Positive where b lies below the chord from a to c."""
    return (b.rate - a.rate) * (c.kept - a.kept) - (b.kept - a.kept) * (c.rate - a.rate)
