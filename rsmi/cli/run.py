"""`rsmi run`: from a config to samples, a learned rule, its information, exponents and a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rsmi.cli.exponents import iterate_rule
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.sample import draw
from rsmi.cli.settings import Run
from rsmi.errors import AnalysisError, InputError, RsmiError
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
from rsmi.learning.settings import check_memory_of_learning
from rsmi.renormalization import MCRGResult, check_iteration, copies
from rsmi.report import Quantity
from rsmi.report.pipeline import write_pictures
from rsmi.report.result import RULE_NAME
from rsmi.storage import SampleRecipe, Samples, Selection, check_lattice, describe
from rsmi.storage.interface import space_of

DESCRIPTION = "Run the whole pipeline of a config and write result.json, report.html and figures."
LEARNED = "learned"


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("run", Run, arguments, DESCRIPTION, sampling=True, rules=True)
    task, window = _check(task, execution.trust)
    if execution.out is None:
        execution = replace(execution, out=_default_out(arguments))
    Pipeline(task, window, execution).run()


class Pipeline:
    """The steps of one run, each feeding the next through files in the output directory.

    Args:
        task: What to do.
        window: Block, buffer and environment on this lattice.
        execution: Where, and with how many workers.
    """

    def __init__(self, task: Run, window: Window, execution: Execution) -> None:
        self.task, self.window, self.execution = task, window, execution
        self.directory = Path(str(execution.out))
        self.output = Output("run", task, self.directory, execution.resume)
        self.quantities: list[Quantity] = []
        self.refused: Refused | None = None

    def run(self) -> None:
        """Carry out all steps."""
        source = self._samples()
        learned = self._learn(source)
        try:
            flows = self._iterate(source, learned)
        except RsmiError:  # what was found before is as good as it was
            self.output.finish(self.quantities, self.task.seed)
            raise
        result = self.output.finish(self.quantities, self.task.seed)
        with self.output.stage("figures", "Drawing"), self.task.select.open(source) as samples:
            write_pictures(self.directory, samples, learned, flows, result, self.output.say)
        self.output.say(self.directory / "report.html")
        if self.refused:
            raise self.refused
        _check_flows(flows)

    def _samples(self) -> Path:
        """Draw the samples, or take those that were brought."""
        if self.task.samples is None:
            return Path(str(self.task.data))
        source = draw(self.task.samples, self.execution, self.output)
        with self.task.select.open(source) as samples:
            self.quantities += describe(samples).quantities()
        return source

    def _learn(self, source: Path) -> LearnedRule:
        """Learn the rule and value it beside the classical ones."""
        task = self.task
        text = f"Learning a rule for {self.window}"
        with self.output.stage("learning", text), task.select.open(source) as samples:
            try:
                learned = learn_rule(
                    samples,
                    self.window,
                    seed=task.seed,
                    beside=usual_rules(space_of(samples).alphabet),
                    directory=self.directory,
                    progress=self.output.console.is_terminal,
                    say=self.output.say,
                    **vars(task.learning),
                )
            except Refused as refused:  # the run goes on, and fails when all is written
                learned, self.refused = refused.found, refused
        for note in learned.notes:
            self.output.say(note)
        learned.save(self.directory / RULE_NAME)
        self.quantities += learned.quantities()
        return learned

    def _iterate(self, source: Path, learned: LearnedRule) -> dict[str, MCRGResult]:
        """Exponents of every rule that was asked for."""
        task, flows, rules = self.task, {}, self.task.exponents.rules or ()
        for name in rules:
            with task.select.open(source) as samples:
                flow = iterate_rule(
                    samples,
                    learned.rule
                    if name == LEARNED
                    else load_rule(name, learned.placement, trust=self.execution.trust),
                    task.exponents,
                    task.seed,
                    self.execution,
                    self.output,
                    name,
                )
            prefix = "exponents" if name == rules[0] else f"exponents.{rule_name(name)}"
            self.quantities += flow.quantities(prefix)
            flows[rule_name(name)] = flow
        return flows


def _check_flows(flows: Mapping[str, MCRGResult]) -> None:
    """Fail, when all else is written, if a rule found no fixed point."""
    refused = {name: flow.verdict for name, flow in flows.items() if not flow.verdict.fixed_point}
    if refused:
        reason = next(iter(refused.values())).reasons[0]
        raise AnalysisError(
            f"no fixed point with rule {', '.join(map(repr, refused))}: {reason}; the verdicts "
            "stand in result.json, as do all other results"
        )


def _default_out(arguments: Sequence[str]) -> str:
    """`runs/NAME` for the config NAME.yaml."""
    if arguments and not arguments[0].startswith("-"):
        return str(Path("runs") / Path(arguments[0]).stem)
    raise InputError("no output directory; give --out DIR, or a config file as first argument")


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


def _check(task: Run, trust: bool) -> tuple[Run, Window]:
    """What to do, and the window; refuses what cannot be before any work is done."""
    if (task.samples is None) == (task.data is None):
        raise InputError(
            "give either `samples` (a recipe to draw) or `data` (a file you have), not "
            f"{'both' if task.samples else 'neither'}"
        )
    if task.samples is None:
        with task.select.open(str(task.data)) as samples:
            check_lattice(samples)
            placed = _check_window(task, samples.n, samples)
    elif task.select != Selection():
        raise InputError(
            "`select` chooses among the samples of `data`; leave it out where `samples` is a recipe"
        )
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
    return replace(task, exponents=replace(task.exponents, rules=rules)), placed.window


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
