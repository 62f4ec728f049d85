"""The whole pipeline as one call: samples, a learned rule, what it is worth, exponents."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.information import Outcome, Quantity
from rsmi.lattice import Alphabet, Placement, Space, Window, place
from rsmi.learning import (
    LearnedRule,
    Refused,
    learn_rule,
    load_rule,
    rule_name,
    rules_by_name,
    usual_rules,
)
from rsmi.learning.rules import MAX_TABLE
from rsmi.learning.settings import check_memory_of_learning
from rsmi.progress import Unwatched, Watcher
from rsmi.renormalization import MCRGResult, check_iteration, copies
from rsmi.runs.result import RULE_NAME, SAMPLES_NAME
from rsmi.runs.settings import Compare, Execution, Run
from rsmi.runs.steps import draw, iterate_rule
from rsmi.storage import (
    SampleRecipe,
    Samples,
    Selection,
    check_lattice,
    describe,
    opened,
)
from rsmi.storage.interface import space_of

LEARNED = "learned"
_SEEN = 256  # configurations of which one is chosen to be shown


@dataclass(frozen=True, repr=False)
class RunResult(Outcome):
    """What a run found.

    Args:
        task: What was asked for, with every default as it was filled in.
        learned: The rule with what it is worth.
        flows: What each rule did when it was iterated, by name.
        sampling: Numbers of the samples that were drawn.
        configuration: The least magnetised of the first configurations, (1, *lattice), where the
            letters are two.
        failure: Why the iteration of a rule ended without a result.
    """

    task: Run
    learned: LearnedRule
    flows: Mapping[str, MCRGResult] = field(default_factory=dict)
    sampling: tuple[Quantity, ...] = ()
    configuration: Tensor | None = None
    failure: RsmiError | None = None

    def quantities(self) -> list[Quantity]:
        """Of the samples, of the rule, of the flow of each rule."""
        found = [*self.sampling, *self.learned.quantities()]
        for step, (name, flow) in enumerate(self.flows.items()):
            found += flow.quantities(f"exponents.{name}" if step else "exponents")
        return found

    def check(self) -> None:
        """Fail if the learned value is refused, a rule could not be iterated or did not rest.

        Raises:
            RsmiError: The failure.
        """
        self.learned.check()
        if self.failure is not None:
            raise self.failure
        verdicts = {name: flow.verdict for name, flow in self.flows.items()}
        refused = {name: verdict for name, verdict in verdicts.items() if not verdict.fixed_point}
        if refused:
            reason = next(iter(refused.values())).reasons[0]
            raise AnalysisError(
                f"no fixed point with rule {', '.join(map(repr, refused))}: {reason}; the verdicts "
                "stand in result.json, as do all other results"
            )


def run(
    task: Run,
    samples: Any = None,
    execution: Execution | None = None,
    watcher: Watcher | None = None,
) -> RunResult:
    """Carry out a whole run, as the command `rsmi run` does.

    Args:
        task: What to do.
        samples: A path, open samples or an array, see `rsmi.storage.samples_of`; in place of the
            task's `samples` and `data`.
        execution: Where files go and with how many workers; nothing is kept without a directory.
        watcher: Is told what is done.

    Returns:
        What was found; `check()` raises where the iteration of a rule failed.

    Raises:
        InputError: For what cannot be done, before any work.
        AnalysisError: Where the training failed.

    >>> import numpy as np
    >>> from rsmi.runs import Exponents, Learning
    >>> coins = np.random.default_rng(0).integers(0, 2, (128, 8, 8))
    >>> quick = Learning(max_epochs=1, steps_per_epoch=2, null=False)
    >>> found = run(Run(learning=quick, exponents=Exponents(rules=())), coins)
    >>> found.learned.information.kind, sorted(found.flows)
    ('lower', [])
    """
    execution = execution or Execution()
    return plan(task, samples, execution.trust).carry_out(execution, watcher or Unwatched())


def plan(task: Run, samples: Any = None, trust: bool = False) -> "Plan":
    """Fill in the defaults of a run; refuse what cannot be before any work is done.

    Args:
        task: What to do.
        samples: As in `run`.
        trust: Whether code of a rule's own network may run.

    Raises:
        InputError: For what cannot be done.
    """
    check_sources(task, samples)
    if task.samples is None:
        with open_task(task, samples) as source:
            check_lattice(source)
            placed = _check_window(task, source.n, source)
    else:
        n = task.samples.chains * task.samples.records
        placed = _check_window(task, n, _Planned.of(task.samples))
    rules = task.exponents.rules
    if rules is None:
        rules = (LEARNED, usual_rules(placed.space.alphabet)[0])
    if rules:
        _check_rules([rule for rule in rules if rule != LEARNED], placed, trust)
        _check_amount(task)
        if LEARNED in rules:
            _check_learned(task, placed.space.alphabet)
    filled = replace(task, exponents=replace(task.exponents, rules=rules))
    return Plan(filled, placed.window, samples)


@dataclass(frozen=True)
class Plan:
    """A run that was checked.

    Args:
        task: What to do, defaults filled in.
        window: Block, buffer and environment on its lattice.
        samples: What was given in place of the task's own.
    """

    task: Run
    window: Window
    samples: Any = None

    def carry_out(
        self, execution: Execution, watcher: Watcher, drawn: Path | None = None
    ) -> RunResult:
        """Carry out all steps.

        Args:
            execution: Where, and with how many workers.
            watcher: Is told what is done.
            drawn: A file that was drawn from the task's recipe already.
        """
        with directory_of(execution) as directory:
            source, sampling = self._source(directory, execution, watcher, drawn)
            found = self._learn(source, directory, watcher, sampling)
            return self._iterate(source, found, execution, watcher)

    def _source(
        self, directory: Path, execution: Execution, watcher: Watcher, drawn: Path | None
    ) -> tuple[Any, tuple[Quantity, ...]]:
        """Draw the samples, or take those that were brought."""
        recipe = self.task.samples
        if recipe is None:
            return self.samples, ()
        path = drawn or draw(recipe, directory / SAMPLES_NAME, execution, watcher)
        with self.task.select.open(path) as samples:
            return path, tuple(describe(samples).quantities())

    def _learn(
        self, source: Any, directory: Path, watcher: Watcher, sampling: tuple[Quantity, ...]
    ) -> RunResult:
        """Learn the rule and value it beside the classical ones."""
        task, text = self.task, f"Learning a rule for {self.window}"
        with watcher.stage("learning", text), open_task(task, source) as samples:
            space = space_of(samples)
            alphabet, n_visible = space.alphabet, place(self.window, space).n_visible
            try:
                learned = learn_rule(
                    samples,
                    self.window,
                    seed=task.seed,
                    beside=_beside(alphabet, n_visible),
                    directory=directory,
                    progress=watcher.visible,
                    say=watcher.say,
                    **vars(task.learning),
                )
            except Refused as refused:  # all else is found and written before `check` says so
                learned = refused.found
            shown = _balanced(samples) if alphabet.size == 2 else None
        for note in learned.notes:
            watcher.say(note)
        learned.save(directory / RULE_NAME)
        return RunResult(task, learned, sampling=sampling, configuration=shown)

    def _iterate(
        self, source: Any, found: RunResult, execution: Execution, watcher: Watcher
    ) -> RunResult:
        """Exponents of every rule that was asked for, or of all before one that failed."""
        task, learned, flows = self.task, found.learned, {}
        for name in task.exponents.rules or ():
            try:
                with open_task(task, source) as samples:
                    rule = learned.rule
                    if name != LEARNED:
                        rule = load_rule(name, learned.placement, trust=execution.trust)
                    flows[rule_name(name)] = iterate_rule(
                        samples, rule, task.exponents, task.seed, execution, watcher, name
                    )
            except RsmiError as failure:  # what was found before is as good as it was
                return replace(found, flows=flows, failure=failure)
        return replace(found, flows=flows)


@contextmanager
def directory_of(execution: Execution) -> Iterator[Path]:
    """Where files go; a directory that vanishes where nobody asked for one."""
    if execution.out is not None:
        yield Path(execution.out)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


@contextmanager
def open_task(task: Run | Compare, source: Any) -> Iterator[Samples]:
    """The samples of a task: those given, or chosen from its file."""
    chosen = task.data if source is None else source
    if isinstance(chosen, str | Path):
        with task.select.open(chosen) as samples:
            yield samples
    else:
        with opened(chosen) as samples:
            yield samples


def _beside(alphabet: Alphabet, n_visible: int) -> tuple[str, ...]:
    """Classical rules to be valued too, of blocks small enough for their tables."""
    small = 8 * alphabet.size ** (n_visible + 1) <= MAX_TABLE
    return tuple(usual_rules(alphabet)) if small else ()


def _balanced(samples: Samples) -> Tensor:
    """The least magnetised of the first configurations, (1, *lattice)."""
    first = samples.read(0, min(samples.n, _SEEN))
    least = int(first.flatten(1).sum(1, dtype=torch.int64).abs().argmin())
    return first[least : least + 1]


def check_sources(task: Run | Compare, samples: Any) -> None:
    """Refuse samples from nowhere, or from two places."""
    if samples is not None and (task.samples or task.data):
        raise InputError(
            "samples were given beside a task that names its own; leave out `samples` and `data` "
            "of the task"
        )
    if samples is None and (task.samples is None) == (task.data is None):
        raise InputError(
            "give either `samples` (a recipe to draw) or `data` (a file you have), not "
            f"{'both' if task.samples else 'neither'}"
        )
    if task.samples is not None and task.select != Selection():
        raise InputError(
            "`select` chooses among the samples of `data`; leave it out where `samples` is a recipe"
        )


def _check_amount(task: Run) -> None:
    """Refuse too few samples before they are drawn rather than after."""
    if task.samples is None:
        return
    n, needed = task.samples.chains * task.samples.records, 2 * task.exponents.blocks
    if n < needed:
        raise InputError(
            f"the recipe draws {n} configurations, too few for {task.exponents.blocks} jackknife "
            f"blocks; expected at least {needed}; raise samples.records or lower exponents.blocks"
        )


@dataclass(frozen=True)
class _Planned:
    """What is known of samples before they are drawn."""

    model: Mapping[str, str | float]
    iteration: str
    space: Space

    @classmethod
    def of(cls, recipe: SampleRecipe) -> "_Planned":
        """Those of a recipe."""
        family, model = recipe.family, recipe.family.model(recipe.setup)
        return cls({"model": recipe.model}, family.iteration(model), family.space(model))


def _check_window(task: Run, n: int, samples: Samples | _Planned) -> Placement:
    """The window; refuses one, or an iteration, that these configurations cannot give."""
    if task.exponents.rules != ():
        check_iteration(samples)
    space = samples.space if isinstance(samples, _Planned) else space_of(samples)
    placed = place(task.window.window(space), space)
    check_memory_of_learning(task.learning, task.learning.hidden, placed, n)
    return placed


def _check_rules(rules: Sequence[str], placed: Placement, trust: bool) -> None:
    """Refuse rules that have no fixed point before the samples are drawn."""
    for name, rule in rules_by_name(rules).items():
        chosen = load_rule(rule, placed, trust=trust)
        if chosen.n_symbols == 2 and (reason := copies(chosen)):
            raise InputError(f"exponents.rules holds '{name}', but {reason}")


def _check_learned(task: Run, alphabet: Alphabet) -> None:
    """Refuse to iterate a learned rule that cannot be."""
    if task.learning.symmetry != "impose" and len(alphabet.symmetries) > 1:
        raise InputError(
            f"with learning.symmetry: {task.learning.symmetry} the best rule breaks the symmetry "
            "of the letters, and such a rule cannot be iterated; set learning.symmetry: impose, or "
            "take 'learned' out of exponents.rules"
        )
    if task.learning.symbols != alphabet.size:
        raise InputError(
            f"the learned rule has {task.learning.symbols} symbols, and only a rule with as many "
            f"symbols as letters can be iterated; set learning.symbols: {alphabet.size}, or "
            "exponents.rules to classical rules"
        )
