"""Many ways to find a rule beside each other: what each keeps, and where it flows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import torch

from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.information import (
    Estimate,
    Listing,
    Outcome,
    Plain,
    Quantity,
    Sheet,
    format_with_error,
)
from rsmi.lattice import Window, place, word_index
from rsmi.learning import METHODS, Phases, Rule, TrainedRule, phase_entropy, train_by, value_rules
from rsmi.learning.conventional import UNUSED, check_method
from rsmi.learning.data import WindowData, forgotten
from rsmi.learning.phases import mean_of, phases_of, system_of
from rsmi.learning.windowed import HeldOut
from rsmi.progress import Unwatched, Watcher
from rsmi.renormalization import (
    MCRGResult,
    RenormalisedCouplings,
    exact_couplings,
    fitted_couplings,
)
from rsmi.renormalization.exponents import SYMBOLS, choose
from rsmi.renormalization.renormalised import NORMS
from rsmi.runs.grid import Point
from rsmi.runs.pipeline import check_sources, directory_of, open_task
from rsmi.runs.result import SAMPLES_NAME
from rsmi.runs.scanning import Scan, scan
from rsmi.runs.settings import Compare, Execution, Exponents
from rsmi.runs.steps import draw, iterate_rule
from rsmi.runs.table import PointResult
from rsmi.sampling.families import System
from rsmi.storage import Samples, check_lattice, check_source, split
from rsmi.storage.interface import space_of

if TYPE_CHECKING:
    pass

_COARSE = 4  # extent of the coarse torus on which couplings are exact
_FEWEST = 8  # windows for each word whose entropy is counted
_ROUNDING = 1e-9
_LABELS = 0  # seed of the configurations with labels, which are the same for all methods

LEFT_OUT = "left out"
"""What a table says of a method that cannot be used, and `refused` of an exponent."""
_REFUSED = {"fixed_point": "exponents", "couplings": "couplings"}


@dataclass(frozen=True, repr=False)
class Comparison(Listing):
    """What methods found, over seeds.

    Args:
        points: A row for each method and seed, the seeds of one method in a row.
    """

    points: tuple[PointResult, ...]

    __repr__ = Outcome.__repr__

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in order."""
        return list(dict.fromkeys(_choice(one)[0] for one in self.points))

    def of(self, method: str) -> list[PointResult]:
        """The rows of a method, one for each seed."""
        return [one for one in self.points if _choice(one)[0] == method]

    def find(self, method: str, name: str) -> Quantity | None:
        """The mean over seeds of what was measured; None where it was refused.

        Args:
            method: Its name.
            name: Such as `information` or `y_t`.
        """
        whole = f"compare.{method}.{name}"
        found = [q for one in self.of(method) if (q := one.find(whole)) is not None]
        return over_seeds(found) if found else None

    @property
    def refused(self) -> dict[str, str]:
        """Why a method was left out, or why its exponents or couplings are no numbers."""
        found: dict[str, str] = {}
        for one in self.points:
            method = _choice(one)[0]
            if one.failure:
                found.setdefault(f"{method}, {LEFT_OUT}", one.failure)
            for quantity in one.numbers:
                reason = quantity.context.get("refused")
                if isinstance(reason, str):
                    what = _REFUSED[_short(quantity)]
                    found.setdefault(f"{method}, {what} refused", reason)
        return found

    def check(self) -> None:
        """Fail if no method could be used.

        Raises:
            AnalysisError: With the first reason.
        """
        if all(one.failure for one in self.points):
            raise AnalysisError(f"no method could be used: {self.points[0].failure}")

    def quantities(self) -> list[Quantity]:
        """Means over seeds with errors that know how they scatter, then the best rule's value."""
        found = []
        for method in self.methods:
            names = [q.name for one in self.of(method) for q in one.numbers if q.name != _OPTIMUM]
            for name in dict.fromkeys(names):
                own = self.find(method, name.partition(".")[2].partition(".")[2])
                found += [] if own is None else [own]
        best = [q for one in self.points if (q := one.find(_OPTIMUM)) is not None]
        return found + ([over_seeds(best)] if best else [])

    def rows(self) -> list[dict[str, Plain]]:
        """A row for each method and seed: each number with its error, and why it failed."""
        names = list(dict.fromkeys(_short(q) for one in self.points for q in one.numbers))
        return [_row(one, names) for one in self.points]

    def sheets(self) -> list[Sheet]:
        """What methods keep and forget; where they flow; what was refused."""
        best = next((q for q in self.quantities() if q.name == _OPTIMUM), None)
        kept = [self._kept_row(method) for method in self.methods]
        if best is not None:
            kept.append(["best rule", "", _text(best), "1", "", "", ""])
        flows = [[m, *(self._cell(m, name) for name in _FLOW)] for m in self.methods]
        seeds = len(self.of(self.methods[0]))
        said = (
            f"means over {seeds} seed{'s' * (seeds > 1)}, value(error); nats; > lower, < upper "
            "bound; of best: at the same environments, with the scatter of the seeds as error"
        )
        told = [f"{name}: {reason.split('; ')[0]}" for name, reason in self.refused.items()]
        return [
            Sheet("What a rule keeps and forgets", ["method", *_KEPT.values(), "s"], kept, said),
            Sheet(
                "Where it flows", ["method", *_FLOW.values()], flows,
                "\n".join([_SAID_OF_FLOW, *told]),
            ),
        ]  # fmt: skip

    def _kept_row(self, method: str) -> list[str]:
        seconds = fmean(one.seconds for one in self.of(method))
        return [method, *(self._cell(method, name) for name in _KEPT), f"{seconds:.0f}"]

    def _cell(self, method: str, name: str) -> str:
        """A number over seeds, or that it was refused."""
        own = self.of(method)
        if all(one.failure for one in own):
            return LEFT_OUT
        found = self.find(method, name)
        if found is not None:
            some = found.context["seeds"] != len(own)
            return _text(found) + (f" {found.context['seeds']}/{len(own)}" if some else "")
        return "refused" if name.partition(".")[0] in (*SYMBOLS.values(), *NORMS) else ""


_OPTIMUM = "compare.optimum"
_KEPT = {
    "information": "I(H:E)",
    "information_exact": "I exact",
    "of_best": "of best",
    "H(X|T)": "H(V|H)",
    "H(Y|T)": "H(phase|h..)",
}
_FLOW = {
    "y_t": "y_t", "y_t.step.1": "1st step", "y_t.one_coupling": "1 coupling", "y_h": "y_h",
    "y_h.step.1": "1st step", "rangeness": "range", "bodyness": "m-body",
}  # fmt: skip
_SAID_OF_FLOW = (
    "1st step: all couplings, first step alone; 1 coupling: at the step that is quoted; range and "
    "m-body: norms of further pairs and of products of more than two spins over that of the "
    "nearest pairs; k/n: of k of n seeds, those of the others were refused"
)


def over_seeds(found: Sequence[Quantity]) -> Quantity:
    """The mean of one number over seeds; its error holds that of each and the scatter of all.

    >>> a = Quantity("compare.pca.y_t", 0.9, 0.03, "estimate", "1", 1.0)
    >>> b = Quantity("compare.pca.y_t", 1.1, 0.03, "estimate", "1", 1.0)
    >>> mean = over_seeds([a, b])
    >>> round(mean.value, 6), round(mean.error, 6), mean.context["seeds"]
    (1.0, 0.104403, 2)
    """
    first, values = found[0], [q.value for q in found]
    scatter = stdev(values) if len(values) > 1 else 0.0
    own = math.sqrt(fmean(q.error**2 for q in found))
    known = [q.reference for q in found if q.reference is not None]
    return replace(
        first,
        value=fmean(values),
        error=math.hypot(own, scatter / math.sqrt(len(values))),
        reference=fmean(known) if known else None,
        context={**first.context, "seeds": len(values), "scatter": scatter},
    )


def compare(
    task: Compare,
    samples: Any = None,
    execution: Execution | None = None,
    processes: int = 1,
    watcher: Watcher | None = None,
    phases: Phases | None = None,
) -> Comparison:
    r"""Put the rules of many methods beside each other on one data set.

    Each method learns from one part of the configurations (`share`), and all else is measured on
    the others: the information that the hard rule keeps, :math:`I(H:E)`; exponents, where the flow
    has a fixed point; how far renormalised couplings reach and how many spins they join; what the
    symbol leaves open of its block, :math:`H(V|H)`, and what all symbols of a configuration leave
    open of its phase.

    With a directory every method and seed has a folder of its own, and what was finished is kept;
    samples that are given, or no directory, are worked through in memory.

    Args:
        task: Data, window, methods and seeds.
        samples: A path, open samples or an array, see `rsmi.storage.samples_of`; in place of the
            task's `samples` and `data`.
        execution: Where files go, and with how many workers in all.
        processes: Processes of this machine that share the methods and seeds, as for `scan`.
        watcher: Is told what is done.
        phases: Configurations with labels, for samples that do not say their model.

    Returns:
        A row for each method and seed; a method that cannot be used is a row with its reason.

    Raises:
        InputError: For an unknown method, or samples from nowhere or from two places.

    >>> import numpy as np
    >>> from rsmi.runs import Learning
    >>> coins = np.random.default_rng(0).integers(0, 2, (256, 8, 8))
    >>> quick = Learning(max_epochs=1, steps_per_epoch=5, null=False)
    >>> task = Compare(methods=("majority", "classifier"), seeds=(1,), valuing=quick)
    >>> found = compare(task, coins)
    >>> found.find("majority", "information").kind, sorted(found.refused)[0]
    ('lower', 'classifier, left out')
    """
    execution, watcher = execution or Execution(), watcher or Unwatched()
    asked = trainings(task, samples)
    if samples is None and phases is None and execution.out is not None:
        scanned = scan(asked, execution, processes, watcher=watcher).points
        return Comparison(tuple(map(_rated, scanned)))
    with directory_of(execution) as directory:
        source = samples
        if task.samples is not None:
            source = draw(task.samples, directory / SAMPLES_NAME, execution, watcher)
        points = list(_in_memory(asked.points(), source, execution, watcher, phases))
    return Comparison(tuple(map(_rated, points)))


def trainings(task: Compare, samples: Any = None) -> Scan:
    """Every method with every seed, checked before any work is done.

    Raises:
        InputError: For an unknown method, samples from nowhere or from two places, or a window
            that does not fit.
    """
    methods = tuple(METHODS) if task.methods is None else task.methods
    for method in methods:
        check_method(method)
    check_sources(task, samples)
    if task.samples is None:
        with open_task(task, samples) as source:
            check_lattice(source)
            space = space_of(source)
    else:
        space = task.samples.system.space
    place(task.window.window(space), space)
    return Scan(
        task, {"methods": [[method] for method in methods], "seeds": [[s] for s in task.seeds]}
    )


def _in_memory(
    points: Sequence[Point], source: Any, execution: Execution, watcher: Watcher,
    phases: Phases | None,
) -> Iterator[PointResult]:  # fmt: skip
    """Measure points one after the other."""
    with (
        watcher.stage("compare", f"Comparing by {len(points)} trainings"),
        watcher.counting("trainings") as progress,
    ):
        for done, point in enumerate(points):
            progress(done, len(points))
            told, failure, numbers = Unwatched(), "", []
            assert isinstance(point.task, Compare), "that is what was expanded"
            try:
                with open_task(point.task, source) as samples:
                    numbers = measure(point.task, samples, execution, told, phases)
            except RsmiError as reason:
                failure = str(reason)
            yield PointResult(point, tuple(numbers), failure, sum(told.timings.values()))


def measure_task(
    task: Compare, execution: Execution, watcher: Watcher, drawn: Path | None = None
) -> list[Quantity]:
    """One method with one seed, on the samples that a task names, see `compare`."""
    if task.samples is not None and drawn is None:
        drawn = draw(task.samples, Path(str(execution.out)) / SAMPLES_NAME, execution, watcher)
    with open_task(task, drawn) as samples:
        if task.methods is None or len(task.methods) > 1 or len(task.seeds) > 1:
            own = replace(task, samples=None, data=None)
            return compare(own, samples, watcher=watcher).quantities()
        return measure(task, samples, execution, watcher)


def measure(
    task: Compare,
    samples: Samples,
    execution: Execution,
    watcher: Watcher,
    phases: Phases | None = None,
) -> list[Quantity]:
    """Train by one method from one seed, and measure its rule on other configurations.

    Args:
        task: With one method and one seed.
        samples: Open samples.
        execution: With how many workers.
        watcher: Is told what is done.
        phases: Configurations with labels; drawn, where the samples say their model, without.

    Returns:
        `compare.<method>.<name>` each.

    Raises:
        InputError: For a method that cannot be used on these samples.
        AnalysisError: Where a training fails.
    """
    assert task.methods is not None, "it has one"
    (method,), (seed,) = task.methods, task.seeds
    window = task.window.window(space_of(samples))
    gap = forgotten(check_source(samples))
    learning, rest = split(samples, (task.share, 1 - task.share), gap)
    system = system_of(samples)
    labelled = phases or _phases(system)
    options = {k: v for k, v in vars(task.learning).items() if k not in UNUSED}
    with watcher.stage("learning", f"Learning a rule by {method}"):
        trained = train_by(
            method, learning, window, seed=seed, phases=labelled, say=watcher.say, **options
        )
    with watcher.stage("measuring", "Measuring its rule"):
        measured = _Measured(task, rest, window, trained, execution, watcher)
        return [
            *measured.information(),
            *measured.block(),
            *measured.phase(labelled),
            *measured.flow(),
            *measured.couplings(system),
        ]


_DRAWN: dict[str, Phases | RsmiError] = {}


def _phases(system: System | None) -> Phases | RsmiError:
    """The same for all methods, drawn once in a process."""
    key = repr(system)
    if key not in _DRAWN:
        _DRAWN.clear()
        _DRAWN[key] = phases_of(system, _LABELS)
    return _DRAWN[key]


@dataclass(frozen=True)
class _Measured:
    """A rule, and the configurations that it is measured on."""

    task: Compare
    samples: Samples
    window: Window
    trained: TrainedRule
    execution: Execution
    watcher: Watcher

    @property
    def seed(self) -> int:
        return self.task.seeds[0]

    def name(self, what: str) -> str:
        """Of a quantity."""
        return f"compare.{self.trained.method}.{what}"

    def information(self) -> list[Quantity]:
        """What the rule keeps of the environment, beside the best one's where that is known."""
        method = self.trained.method
        found = value_rules(
            self.samples, self.window, {method: self.trained.rule}, seed=self.seed,
            say=self.watcher.say, **vars(self.task.valuing),
        )  # fmt: skip
        numbers = {q.name: q for q in found.quantities()}
        own = numbers[f"information.{method}"]
        exact = numbers.get(f"information.exact.{method}")
        optimum = [q for name, q in numbers.items() if name.startswith("information.exact.optimum")]
        shown = [replace(own, name=self.name("information"))]
        if exact is not None:
            shown.append(replace(exact, name=self.name("information_exact")))
        if self.trained.goal is not None:
            goal = self.trained.goal
            shown.append(Quantity.of(self.name("goal"), goal.value, goal=goal.name))
        return shown + [replace(q, name=_OPTIMUM) for q in optimum]

    def block(self) -> list[Quantity]:
        """What the symbol leaves open of its block."""
        data = WindowData(self.samples, self.window, seed=self.seed)
        try:
            left = block_entropy(self.trained.rule, data.test_windows())
        except InputError as reason:
            self.watcher.say(str(reason))
            return []
        return [Quantity.of(self.name("H(X|T)"), left, x="block", t="symbol")]

    def phase(self, phases: Phases | RsmiError) -> list[Quantity]:
        """What the symbols of a configuration leave open of its phase."""
        try:
            if isinstance(phases, RsmiError):
                raise phases
            left = phase_entropy(self.trained.rule, phases, self.window, self.seed)
        except RsmiError as reason:
            self.watcher.say(f"H(Y|T) is left out: {reason}")
            return []
        return [Quantity.of(self.name("H(Y|T)"), left, y="phase", t="all symbols")]

    def flow(self) -> list[Quantity]:
        """Exponents where there is a fixed point, and how they settle; else why there is none."""
        settings = Exponents((), self.task.levels, blocks=self.task.blocks)
        try:
            found = iterate_rule(
                self.samples,
                self.trained.rule,
                settings,
                self.seed,
                self.execution,
                self.watcher,
                self.trained.method,
            )
        except RsmiError as reason:
            return [self._rests(0.0, refused=str(reason))]
        if not found.verdict.fixed_point:
            return [self._rests(0.0, refused=found.verdict.text)]
        return [self._rests(1.0, verdict=found.verdict.text), *self._settling(found)]

    def _rests(self, value: float, **context: Plain) -> Quantity:
        number = Estimate(value, 0.0, "estimate", "1")
        return Quantity.of(self.name("fixed_point"), number, **context)

    def _settling(self, found: MCRGResult) -> list[Quantity]:
        numbers = []
        for parity, name in SYMBOLS.items():
            known, entries = found.known.get(name), [e for e in found.scan if e.parity == parity]
            whole = {e.level: e for e in sorted(entries, key=lambda e: e.n_couplings)}
            level = choose(entries).level
            (one,) = [e for e in entries if e.level == level and e.n_couplings == 1]
            shown = {name: found.exponents[name].value, f"{name}.one_coupling": one.exponent}
            shown |= {f"{name}.step.{at + 1}": e.exponent for at, e in sorted(whole.items())}
            numbers += [Quantity.of(self.name(n), value, known) for n, value in shown.items()]
        return numbers

    def couplings(self, system: System | None) -> list[Quantity]:
        """How far couplings reach, and how many spins they join; else why nobody says."""
        try:
            found = self._couplings(system)
        except RsmiError as reason:
            return [
                Quantity(self.name("couplings"), 0.0, 0.0, "estimate", "1", None,
                         {"refused": str(reason)})
            ]  # fmt: skip
        return [
            Quantity.of(self.name(name), value, method=found.method)
            for name, value in zip(NORMS, found.beyond or (), strict=False)
        ]

    def _couplings(self, system: System | None) -> RenormalisedCouplings:
        """Exact where a small torus can be solved, else fitted to these samples."""
        rule = self.trained.rule
        if system is not None and rule.block:
            try:
                return exact_couplings(
                    replace(system, shape=tuple(_COARSE * b for b in rule.block)), rule
                )
            except InputError as reason:
                self.watcher.say(f"couplings are fitted: {reason}")
        return fitted_couplings(self.samples, rule, seed=self.seed)


def block_entropy(rule: Rule, held: HeldOut) -> Estimate:
    r"""What a symbol leaves open of its block, from counted blocks.

    .. math:: H(V|H) = H(V) - I(V:H), \qquad I(V:H) = H(H) - H(H|V)

    with the first-order correction of Miller and Madow to H(V).

    Args:
        rule: p(h|v).
        held: Blocks, and which stretch of which chain each comes from.

    Raises:
        InputError: For blocks of so many words that they cannot be counted.

    >>> from rsmi.learning import majority
    >>> from rsmi.lattice import words
    >>> blocks = words(2, 2).to(torch.int8).repeat(256, 1)
    >>> held = HeldOut(blocks, blocks, torch.arange(1024) // 64, 16, None)
    >>> print(round(block_entropy(majority((2,)), held).value - 1.5 * math.log(2), 2))
    0.0
    """
    if rule.n_words * _FEWEST > len(held.v):
        raise InputError(
            f"H(V|H) is left out: a block has {rule.n_words:.3g} words, and {len(held.v)} windows "
            f"count those of at most {len(held.v) // _FEWEST}"
        )
    number = word_index(held.v, rule.alphabet.size)
    counts = torch.bincount(number, minlength=rule.n_words).double()
    with torch.no_grad():
        p = rule.log_prob(held.v).exp().double()
    kept = torch.where(p > 0, p * (p / p.mean(0)).log(), 0.0).sum(1)
    left = -(counts / counts.sum()).log()[number] - kept
    found = mean_of(left, held.groups)
    bias = (int((counts > 0).sum()) - 1) / (2 * len(held.v))
    return replace(found, value=found.value + bias)


def _rated(one: PointResult) -> PointResult:
    """The same with the share of the best rule's information, both at the same environments."""
    method = _choice(one)[0]
    exact, best = one.find(f"compare.{method}.information_exact"), one.find(_OPTIMUM)
    if exact is None or best is None:
        return one
    share = Quantity(f"compare.{method}.of_best", exact.value / best.value, 0.0, "estimate", "1")
    return replace(one, numbers=(*one.numbers, share))


def _choice(one: PointResult) -> tuple[str, int]:
    """Method and seed of a row."""
    return one.point.choice["methods"][0], one.point.choice["seeds"][0]


def _short(quantity: Quantity) -> str:
    """The name without the method."""
    parts = quantity.name.split(".", 2)
    return parts[-1]


def _row(one: PointResult, names: Sequence[str]) -> dict[str, Plain]:
    method, seed = _choice(one)
    own = {_short(quantity): quantity for quantity in one.numbers}
    row: dict[str, Plain] = {"method": method, "seed": seed}
    for name in names:
        found = own.get(name)
        row[name] = None if found is None else found.value
        row[f"{name}.error"] = None if found is None else found.error
    return row | {"seconds": one.seconds, "failure": one.failure}


def _text(quantity: Quantity) -> str:
    """A number for a cell, with the sign of a bound."""
    sign = {"lower": "> ", "upper": "< "}.get(quantity.kind, "")
    if quantity.error <= _ROUNDING * abs(quantity.value):
        return f"{quantity.value:.4f}"
    return sign + format_with_error(quantity.value, quantity.error)
