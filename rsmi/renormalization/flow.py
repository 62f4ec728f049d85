"""Temperature under a rule: T'(T), its fixed point and its slope, by matching two lattices."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from threading import Lock
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error, quantity_sheet
from rsmi.information.bootstrap import block_labels
from rsmi.lattice import Space
from rsmi.learning import Rule
from rsmi.renormalization.coarse_samples import learn_rules
from rsmi.renormalization.matching import FixedPoint, Flowed, Match, Pair, Replicas
from rsmi.renormalization.monte_carlo_rg import (
    Rules,
    bases_within,
    find_rules,
    in_cells,
    iterable_space,
    name_of_rules,
    ready_rules,
    single_sites,
    slow_correction,
    tilings,
)
from rsmi.renormalization.stream import Ladder, Source, stream
from rsmi.renormalization.verdict import copies
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.sampling.threads import cores
from rsmi.storage import Samples, check_source, opened, points_of
from rsmi.storage.interface import energies_of, temperature_of

LEARNED = "learned"
"""The word for rules that are learned on the samples themselves."""

_BLOCKS, _REACH = 64, 1.5
_LEAST_KNOWN, _LEAST_TEMPERATURES = 2, 3  # with energies and without
_LEAST_WIDTH = 4  # of the coarse lattice that is read, where there is a wider one than 2
_FIT = 1e-4  # chance of a chi^2 below which the polynomials do not describe the averages
_CLOSER = 1e-3  # and below which fewer temperatures are taken, if enough are left
_ALARM = 5.0  # standard errors that a level or an operator may stray
_APART = 0.005  # of T_c, that operators may differ by where nothing is wrong
_FAST = 2.0
_LEAST_GROWTH = 0.5  # of y_t, that corrections to T* are helped by
_UNITS = "J", "1"  # of T* and y_t


@dataclass(frozen=True, repr=False)
class FlowResult(Outcome):
    """How a rule moves the temperature, and where it does not.

    Args:
        rule: Name of the rule.
        scale: b, by which it shrinks the lattice.
        pairs: Sizes (L / b, L) that were matched, the largest last.
        levels: Matches of each pair, by the steps of the smaller lattice.
        temperatures: That were used.
        omega: Exponent of the leading correction.
        reasons: Why there is no fixed point; empty where nothing speaks against it.
        known: The critical point of the model, where it is known.
    """

    rule: str
    scale: int
    pairs: tuple[tuple[int, int], ...]
    levels: tuple[tuple[Match, ...], ...]
    temperatures: tuple[float, ...]
    omega: float
    reasons: tuple[str, ...]
    known: CriticalPoint | None = None

    @property
    def chosen(self) -> Match:
        """The level that is quoted: the deepest one of the largest pair that is wide enough."""
        return _chosen(self.levels[-1])

    @property
    def T_c(self) -> Estimate:
        """Temperature in units of J that the flow leaves where it is.

        Raises:
            AnalysisError: If there is no fixed point.
        """
        return self._final(0)[0]

    @property
    def y_t(self) -> Estimate:
        """ln(dT'/dT) / ln b there.

        Raises:
            AnalysisError: If there is no fixed point.
        """
        return self._final(1)[0]

    @property
    def nu(self) -> Estimate:
        """1 / y_t.

        Raises:
            AnalysisError: If there is no fixed point.
        """
        y = self.y_t
        return Estimate(1 / y.value, y.error / y.value**2, "estimate", "1")

    def check(self) -> None:
        """Raise AnalysisError unless there is a fixed point."""
        if self.reasons:
            raise AnalysisError(
                f"no fixed point here: {'; '.join(self.reasons)}; so there is no T_c or nu to "
                "state, and the scan over levels holds what was measured"
            )

    def _final(self, which: int) -> tuple[Estimate, float, float]:
        """T_c (0) or y_t (1) with its total, statistical and systematic error."""
        self.check()
        at = self.levels[-1].index(self.chosen)
        fixed = [cast(FixedPoint, match.fixed) for match in self.levels[-1][: at + 1]]
        own = _read(fixed[-1], which).estimate(_UNITS[which])
        systematic = math.hypot(fixed[-1].spread[which], self._left(fixed, which))
        return replace(own, error=math.hypot(own.error, systematic)), own.error, systematic

    def _left(self, fixed: Sequence[FixedPoint], which: int) -> float:
        """What corrections leave, from the changes of the levels before."""
        growth = 0.0 if which else max(float(fixed[-1].exponent.whole), _LEAST_GROWTH)
        left = self.scale ** -(self.omega + growth)
        steps = [_change(one, other, which) for one, other in pairwise(fixed)]
        decayed = [size * left**age for age, size in enumerate(reversed(steps))]
        return max(decayed[:2], default=0.0) * left / (1 - left)

    def quantities(self) -> list[Quantity]:
        """T_c, nu and y_t where there is a fixed point, then every level and T'(T)."""
        return [*self._finals(), self._fixed_point(), *self._scanned()]

    def _finals(self) -> Iterator[Quantity]:
        if self.reasons:
            return
        chosen, exact = self.chosen, self._exact()
        about = {"rule": self.rule, "sizes": list(self.pairs[-1]), "level": chosen.level}
        (t_c, t_noise, t_left), (y_t, y_noise, y_left) = self._final(0), self._final(1)
        turn = 1 / y_t.value**2
        rows = [
            ("T_c", t_c, t_noise, t_left),
            ("nu", self.nu, y_noise * turn, y_left * turn),
            ("y_t", y_t, y_noise, y_left),
        ]
        for name, value, noise, left in rows:
            yield Quantity.of(
                f"flow.{name}", value, exact.get(name), statistical=noise, truncation=left, **about
            )

    def _exact(self) -> dict[str, float]:
        if self.known is None:
            return {}
        values = self.known.universality.values()
        return {"T_c": 1 / self.known.coupling, "nu": values["nu"], "y_t": values["y_t"]}

    def _fixed_point(self) -> Quantity:
        number = Estimate(float(not self.reasons), 0.0, "estimate", "1")
        text = "; ".join(self.reasons) or "T'(T) crosses T, and levels and operators agree"
        return Quantity.of("flow.fixed_point", number, rule=self.rule, verdict=text)

    def _scanned(self) -> Iterator[Quantity]:
        for sizes, matches in zip(self.pairs, self.levels, strict=True):
            for match in matches:
                about: dict[str, Any] = {
                    "rule": self.rule, "sizes": list(sizes), "level": match.level,
                    "coarse": list(match.shape),
                }  # fmt: skip
                yield from self._fixed(match, about)
                for at, moved in match.effective:
                    yield Quantity.of("flow.scan.temperature", moved, temperature=at, **about)

    def _fixed(self, match: Match, about: Mapping[str, Any]) -> Iterator[Quantity]:
        if match.fixed is None:
            return
        exact, fixed = self._exact(), match.fixed
        for which, name in enumerate(("T_c", "y_t")):
            value = _read(fixed, which).estimate(_UNITS[which])
            yield Quantity.of(f"flow.scan.{name}", value, exact.get(name), **about)
        yield Quantity.of("flow.scan.distance", fixed.distance, **about)

    @property
    def remarks(self) -> list[str]:
        """What to know of the numbers, a sentence each."""
        sizes = ", ".join(f"{large} -> {small}" for small, large in self.pairs)
        found = [f"{sizes}; {len(self.temperatures)} temperatures"]
        found += ["no fixed point here: " + "; ".join(self.reasons)] if self.reasons else []
        return found

    def sheets(self) -> list[Sheet]:
        """The fixed point, a row for every level, and T'(T)."""
        final = [q for q in self.quantities() if ".scan." not in q.name]
        rows = [
            [
                f"{large} -> {small}",
                str(match.level),
                "x".join(map(str, match.shape)),
                *_cells(match),
            ]
            for (small, large), matches in zip(self.pairs, self.levels, strict=True)
            for match in matches
        ]
        head = ["lattices", "steps", "coarse", "T*", "y_t", "distance per site"]
        moved = [[f"{t:.6g}", _text(m)] for t, m in self.chosen.effective]
        caption = "one step of the rule, in units of J"
        return [
            quantity_sheet(final),
            Sheet("", head, rows, _LEVELS, words=3),
            *([Sheet("", ["T", "T'(T)"], moved, caption, words=0)] if moved else []),
        ]


def _cells(match: Match) -> list[str]:
    if match.fixed is None:
        return ["none", "", ""]
    fixed = match.fixed
    return [_text(_read(fixed, which).estimate("1")) for which in range(2)] + [str(fixed.distance)]


def _text(estimate: Estimate) -> str:
    return format_with_error(estimate.value, estimate.error)


_LEVELS = (
    "steps: of the smaller lattice, the larger one makes one more; distance: relative entropy of "
    "both coarse ensembles, which vanishes at the fixed point of the rule; errors statistical"
)


def flow(
    samples: Any,
    rule: Rules = "majority",
    temperatures: Sequence[float] | None = None,
    *,
    block: Sequence[int] | None = None,
    trust: bool = False,
    chains: int | None = None,
    space: Sequence[str | Space] | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
    **learning: Any,
) -> FlowResult:
    r"""Find how a rule moves the temperature, by matching lattices of sizes L and L / b.

    .. math:: \langle S_a^{(n+1)} \rangle_{L}(T) = \langle S_a^{(n)} \rangle_{L/b}(T'), \quad
              T'(T_c) = T_c, \quad \frac{dT'}{dT} = b^{1/\nu}

    After n + 1 steps on L and n on L / b both lattices have the same size, so what a finite lattice
    does to the averages cancels. Of several rules the larger lattice begins with the first one and
    the smaller one with the second, so that both make the same last n steps.

    Args:
        samples: A path of a collection, whose every lattice and temperature is taken, or a sequence
            of paths, open samples and arrays, see `rsmi.storage.samples_of`.
        rule: A rule, its name, or its directory; a sequence of them, one for each step of the
            largest lattice; or `learned`, for rules that are learned on the largest lattice at the
            temperature nearest to the middle, anew at each level, see `learn_rules`.
        temperatures: One for each source, in units of J, where the sources do not know them.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        trust: Whether code of a trained rule of somebody's own may run.
        chains: Of arrays, see `rsmi.storage.samples_of`.
        space: Of arrays, one for each, likewise.
        seed: Of the random entries of the rule.
        workers: Threads; one for each processor without.
        progress: Is told how many sources of how many are measured.
        say: Is told what is learned.
        **learning: Arguments of `learn_rules`.

    Returns:
        T_c, nu and y_t with what was measured at each level; all are estimates. Where there is no
        fixed point they are refused, with the reasons.

    Raises:
        InputError: For fewer than two sizes with ratio b, too few temperatures, or samples or a
            rule that cannot be iterated.

    Source: K. G. Wilson (1975), Cargese lectures; R. H. Swendsen (1984), Phys. Rev. Lett. 52, 1165;
    G. S. Pawley, R. H. Swendsen, D. J. Wallace, K. G. Wilson (1984), Phys. Rev. B 29, 4030.
    """
    sources = points_of(samples)
    for name, said in (("temperatures", temperatures), ("space", space)):
        if said is not None and len(said) != len(sources):
            raise InputError(
                f"{len(said)} {name} were given for {len(sources)} sources; expected one for each"
            )
    plan = _Plan(rule, block, trust, seed, workers or cores())
    if learning and rule != LEARNED:
        raise InputError(
            f"{', '.join(learning)} say how a rule is learned; expected rule 'learned'"
        )
    given = [
        _Given(
            source,
            None if temperatures is None else temperatures[place],
            chains,
            None if space is None else space[place],
        )
        for place, source in enumerate(sources)
    ]
    sizes = [plan.size(one) for one in given]
    if rule == LEARNED:
        plan.learn(_middle(given, sizes), say, learning)
    plan.find()
    measured = []
    for place, one in enumerate(given):
        measured.append(plan.measure(one, max(sizes)))
        progress(place + 1, len(given))
    return plan.result(measured)


@dataclass(frozen=True)
class _Given:
    """A source, and what somebody says of it."""

    source: Any
    temperature: float | None
    chains: int | None
    space: str | Space | None

    @contextmanager
    def open(self) -> Iterator[Samples]:
        """Open samples for the time of a block."""
        if callable(self.source):
            with self.source() as found:
                yield found
            return
        with opened(self.source, chains=self.chains, space=self.space) as found:
            yield found

    def at(self) -> float:
        """Its temperature."""
        with self.open() as samples:
            return temperature_of(samples, self.temperature)


def _middle(given: Sequence[_Given], sizes: Sequence[int]) -> _Given:
    """Of the largest lattices the one whose temperature lies nearest to the middle."""
    largest = [one for one, size in zip(given, sizes, strict=True) if size == max(sizes)]
    temperatures = [one.at() for one in largest]
    middle = (min(temperatures) + max(temperatures)) / 2
    return min(zip(temperatures, largest, strict=True), key=lambda pair: abs(pair[0] - middle))[1]


@dataclass
class _Plan:
    """What is done to every source, and what all of them must agree on.

    Args:
        rule: As in `flow`.
        block: Likewise.
        trust: Likewise.
        seed: Likewise.
        workers: Threads.
    """

    rule: Rules
    block: Sequence[int] | None
    trust: bool
    seed: int
    workers: int
    rules: tuple[Rule, ...] = ()
    space: Space | None = None
    known: list[CriticalPoint | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = name_of_rules(self.rule)

    @property
    def scale(self) -> int:
        """b."""
        return self.rules[0].block[0]

    def size(self, given: _Given) -> int:
        """Extent of a source's lattice; all of them have the letters of the first one."""
        with given.open() as samples:
            space = iterable_space(single_sites(cast(Any, samples), self.rule, self.block))
            self._agree(space)
            self.known.append(samples.critical)
            extents = set(space.cells)
            if len(extents) > 1:
                raise InputError(
                    f"{samples.source}: the lattice is {list(space.cells)}; expected equal "
                    "extents, so that lattices of several sizes have one shape"
                )
        return space.cells[0]

    def _agree(self, space: Space) -> None:
        if self.space is None:
            self.space = space
        first = self.space
        if (len(first.cells), first.cell.name, first.alphabet.names) != (
            len(space.cells), space.cell.name, space.alphabet.names,
        ):  # fmt: skip
            raise InputError(
                f"one source lives on {first.to_text()}, another on {space.to_text()}; expected "
                "one lattice and one set of letters at several sizes and temperatures"
            )

    def learn(self, given: _Given, say: Callable[[str], None], options: Mapping[str, Any]) -> None:
        """Take rules that are learned on a source."""
        with given.open() as samples:
            self.rule = learn_rules(samples, seed=self.seed, say=say, **options)

    def find(self) -> None:
        """Find the rules, and whether they can be iterated on these letters."""
        space = cast(Space, self.space)
        self.rules = find_rules(self.rule, space, self.block, trust=self.trust)
        ready_rules(self.rules, space, self.seed)

    def measure(self, given: _Given, largest: int) -> Flowed:
        """Take a source through all levels."""
        with given.open() as samples:
            order = check_source(cast(Any, samples))
            rows = single_sites(cast(Any, samples), self.rule, self.block, self.seed)
            space = iterable_space(rows)
            skipped = round(math.log(largest / space.cells[0]) / math.log(self.scale))
            rules = self.rules[min(skipped, len(self.rules) - 1) :]
            sums = _Sums.of(samples, space, ready_rules(rules, space, self.seed))
            sums.add(in_cells(rows, space), min(_BLOCKS, order.blocks), self.workers)
            return sums.flowed(temperature_of(samples, given.temperature))

    def result(self, measured: Sequence[Flowed]) -> FlowResult:
        """Match every two sizes that differ by b."""
        by_size = {
            size: tuple(sorted(own, key=lambda one: one.temperature))
            for size, own in groupby(
                sorted(measured, key=lambda one: one.size), lambda one: one.size
            )
        }
        pairs = [
            Pair(by_size[size], by_size[size * self.scale], self.scale)
            for size in by_size
            if size * self.scale in by_size
        ]
        _check_pairs(by_size, pairs, self.scale)
        omega = slow_correction(self.known[0], cast(Space, self.space)) or _FAST
        found = [_matched(pair) for pair in pairs]
        reasons = [copies(rule) for rule in self.rules] + _reasons(found[-1][1], found[-1][0])
        agreed = all(point == self.known[0] for point in self.known)
        return FlowResult(
            self.name,
            self.scale,
            tuple((pair.small[0].size, pair.large[0].size) for pair in pairs),
            tuple(matches for _, matches in found),
            tuple(sorted({one.temperature for one in measured})),
            omega,
            tuple(dict.fromkeys(reason for reason in reasons if reason)),
            self.known[0] if agreed else None,
        )


def _check_pairs(sizes: Mapping[int, Sequence[Flowed]], pairs: Sequence[Pair], scale: int) -> None:
    if not pairs:
        raise InputError(
            f"the lattices are {', '.join(map(str, sizes))} wide; expected two sizes with ratio "
            f"{scale}, the extent of the block, such as {scale * max(sizes)} beside {max(sizes)}"
        )
    for size, own in sizes.items():
        least = _LEAST_KNOWN if own[0].energy is not None else _LEAST_TEMPERATURES
        if len({one.temperature for one in own}) < least:
            raise InputError(
                f"L = {size} has {len(own)} temperatures; expected at least {least}, on both sides "
                f"of the transition{'' if least == _LEAST_KNOWN else ', energies being unknown'}"
            )


@dataclass
class _Sums:
    """Sums over one source, block by block of the data."""

    ladder: Ladder
    terms: NDArray[np.float64]
    names: tuple[str, ...]
    energies: NDArray[np.float64] | None

    @classmethod
    def of(cls, samples: Samples, space: Space, rule: Any) -> Self:
        shapes = tilings(space.cells, rule.block, 2)
        basis = bases_within(_REACH, space, {"even": None})["even"]
        kept = [operator for operator in basis if operator.fits(shapes[-1])]
        ladder = Ladder.of(space.cells, rule, {"even": kept}, len(shapes) - 1)
        terms = np.array([float(len(operator.terms)) for operator in kept])
        return cls(ladder, terms, tuple(operator.name for operator in kept), energies_of(samples))

    def add(self, rows: Source, blocks: int, workers: int) -> None:
        """Measure all configurations."""
        labels = block_labels(len(rows), rows.chains, blocks, most=blocks).numpy()
        levels, m, total = len(self.ladder.shapes), len(self.terms), int(labels.max()) + 1
        self.count = np.bincount(labels, minlength=total).astype(float)
        self.first = np.zeros((levels, total, m))
        self.same = np.zeros((levels, total, m, m))
        self.cross = np.zeros((levels, total, m))
        lock = Lock()

        def work(start: int, letters: NDArray[np.int8]) -> None:
            found = self._means(letters, start)
            mine = labels[start : start + len(letters)]
            with lock:
                self._sum(found, mine, start)

        stream(rows, work, workers)
        self.energy = (
            None
            if self.energies is None
            else np.bincount(labels, self.energies, minlength=total).astype(float)
        )

    def _means(self, letters: NDArray[np.int8], start: int) -> NDArray[np.float64]:
        """(levels, n, m) per term and site."""
        values = self.ladder.run(letters, start)
        sites = [math.prod(shape) for shape in self.ladder.shapes]
        return np.stack(
            [v["even"].mean((1, 2)) / (self.terms * n) for v, n in zip(values, sites, strict=True)]
        )

    def _sum(self, found: NDArray[np.float64], labels: NDArray[np.int64], start: int) -> None:
        for block in np.unique(labels):
            mine = found[:, labels == block]
            self.first[:, block] += mine.sum(1)
            self.same[:, block] += np.einsum("lna,lnb->lab", mine, mine)
            if self.energies is not None:
                energies = self.energies[start : start + len(labels)][labels == block]
                self.cross[:, block] += np.einsum("lna,n->la", mine, energies)

    def flowed(self, temperature: float) -> Flowed:
        """The sums at a temperature."""
        known = self.energies is not None
        return Flowed(
            temperature, self.ladder.shapes, self.names, self.count, self.first, self.same,
            self.energy, self.cross if known else None,
        )  # fmt: skip


def _chosen(matches: Sequence[Match]) -> Match:
    wide = [match for match in matches if min(match.shape) >= _LEAST_WIDTH]
    return wide[-1] if wide else matches[0]


def _read(fixed: FixedPoint, which: int) -> Replicas:
    return fixed.exponent if which else fixed.temperature


def _moved(before: FixedPoint, after: FixedPoint, which: int) -> Estimate:
    """By how much a level changes T* (0) or the exponent (1), both being of the same data."""
    one, other = _read(before, which), _read(after, which)
    return one.like(other.values - one.values).estimate(_UNITS[which])


def _change(before: FixedPoint, after: FixedPoint, which: int) -> float:
    """The same beyond its noise."""
    moved = _moved(before, after, which)
    return max(abs(moved.value) - moved.error, 0.0)


def _matched(pair: Pair) -> tuple[Pair, tuple[Match, ...]]:
    """Matches of all levels, from temperatures so near the crossing that polynomials hold."""
    matches = tuple(map(pair.match, range(pair.levels)))
    if min(match.chance for match in matches) > _CLOSER:
        return pair, matches
    fixed = _chosen(matches).fixed
    middle = pair.origin if fixed is None else float(fixed.temperature.whole)
    narrower = _narrower(pair, middle)
    return (pair, matches) if narrower is None else _matched(narrower)


def _narrower(pair: Pair, middle: float) -> Pair | None:
    """Without the temperatures that lie farthest away, if enough are left."""
    away = sorted({abs(one.temperature - middle) for one in (*pair.small, *pair.large)})
    reach = away[-2] if len(away) > 1 else 0.0
    found = pair.within(middle - reach, middle + reach)
    return found if all(_enough(part) for part in (found.small, found.large)) else None


def _enough(ensembles: Sequence[Flowed]) -> bool:
    known = bool(ensembles) and ensembles[0].energy is not None
    return len(ensembles) >= (_LEAST_KNOWN if known else _LEAST_TEMPERATURES)


def _reasons(matches: Sequence[Match], pair: Pair) -> list[str | None]:
    """Every sign that there is no fixed point, or that it could not be found."""
    used = matches[: matches.index(_chosen(matches)) + 1]
    last, fixed = used[-1], [match.fixed for match in used if match.fixed is not None]
    if last.fixed is None or len(fixed) < len(used):
        return [_nowhere(used, pair)]
    t, y = last.fixed.temperature.estimate("J"), last.fixed.exponent.estimate("1")
    dimension, chance = len(last.shape), min(match.chance for match in matches)
    return [
        _disagree(last.fixed, t),
        *(_drifts(*three) for three in zip(fixed, fixed[1:], fixed[2:], strict=False)),
        f"dT'/dT is not above 1 beyond its error: y_t = {y}" if y.value < 2 * y.error else None,
        f"y_t = {y} is more than the dimension {dimension}"
        if y.value > dimension + 4 * y.error
        else None,
        f"the averages are no smooth functions of the temperatures (chance {chance:.0e}); draw "
        f"these closer to {t.value:.4g} J, and check the numbers that were given"
        if chance <= _FIT
        else None,
    ]


def _nowhere(used: Sequence[Match], pair: Pair) -> str:
    """That T' is nowhere T, with where it is."""
    lost = next(match for match in reversed(used) if match.fixed is None)
    low, high = pair.range
    seen = ", ".join(f"T'({t:.5g}) = {_text(moved)}" for t, moved in lost.effective)
    return (
        f"T'(T) crosses T nowhere between {low:.6g} and {high:.6g} J after {lost.level + 1} steps "
        f"of L = {pair.large[0].size} ({seen or 'T is moved out of this range everywhere'}); draw "
        "temperatures on both sides of the transition"
    )


def _disagree(last: FixedPoint, t: Estimate) -> str | None:
    crossed, m = last.crossed
    if crossed < m:
        return f"only {crossed} of {m} averages say that T'(T) crosses T"
    if last.spread[0] > _APART * t.value:
        return (
            f"the averages disagree about T* by {last.spread[0]:.2g} J beside {t}, which at the "
            "fixed point of a rule they do not"
        )
    return None


def _drifts(first: FixedPoint, before: FixedPoint, after: FixedPoint) -> str | None:
    """Where T* moves more in a step than corrections leave of the step before."""
    allowed, moved = abs(_moved(first, before, 0).value) / 2, _moved(before, after, 0)
    allowed = max(allowed, _APART / 2 * float(after.temperature.whole))
    if abs(moved.value) - allowed <= _ALARM * moved.error:
        return None
    return (
        f"T* drifts from step to step: {moved} more, where corrections that decay explain "
        f"{allowed:.2g}"
    )
