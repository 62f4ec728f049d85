"""`rsmi run`: from a config to samples, a learned rule, its information, exponents and a report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rsmi.cli.exponents import iterate_rule, quantities, references
from rsmi.cli.learning import Source, check_memory_of_learning, train_rule
from rsmi.cli.output import Output
from rsmi.cli.parsing import Execution, parse
from rsmi.cli.rules import named_tables, rule_name
from rsmi.cli.sample import draw
from rsmi.cli.settings import Run
from rsmi.cli.valuing import OPTIMA, ExactConditionals, bounds
from rsmi.errors import AnalysisError, InputError, RsmiError
from rsmi.lattice import Space, Window
from rsmi.learning import TableFilter, load_filter
from rsmi.learning.learn import Learned
from rsmi.renormalization import MCRGResult, check_iteration, copies
from rsmi.report import Quantity
from rsmi.report.pipeline import write_pictures
from rsmi.storage import SampleRecipe, Samples, Selection, check_lattice, describe

DESCRIPTION = "Run the whole pipeline of a config and write result.json, report.html and figures."
LEARNED = "learned"
CLASSICAL = ("majority", "decimation")


def main(arguments: Sequence[str]) -> None:
    """Parse and run."""
    task, execution = parse("run", Run, arguments, DESCRIPTION, sampling=True)
    window = _check(task)
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

    def run(self) -> None:
        """Carry out all steps."""
        source = self._samples()
        learned = self._learn(source)
        try:
            flows = self._iterate(source, learned.rule)
        except RsmiError:  # what was found before is as good as it was
            self.output.finish(self.quantities, self.task.seed)
            raise
        result = self.output.finish(self.quantities, self.task.seed)
        with self.output.stage("figures", "Drawing"), source.open() as samples:
            write_pictures(self.directory, samples, learned, flows, result, self.output.say)
        self.output.say(self.directory / "report.html")
        _check_flows(flows)

    def _samples(self) -> Source:
        """Draw the samples, or take those that were brought."""
        if self.task.samples is None:
            return _brought(self.task)
        source = Source(draw(self.task.samples, self.execution, self.output))
        with source.open() as samples:
            self.quantities += describe(samples).quantities()
        return source

    def _learn(self, source: Source) -> Learned:
        """Learn the rule and value it beside the classical ones."""
        task = self.task
        training, learned, found = train_rule(
            source, self.window, task.learning, task.seed, self.directory, self.output
        )
        self.quantities += found
        one_bit = task.learning.n_hidden == 1
        tables = named_tables(CLASSICAL, self.window.block) if one_bit else {}
        with self.output.stage("information", "Valuing the rules on held-out configurations"):
            if task.learning.method == "posterior":
                self.quantities += bounds(training.model, training.data.test_windows(), tables)
            exact = ExactConditionals.of(training.data)
            if exact is None:
                self.output.say("the Hamiltonian of these samples is not known: no exact values")
                return learned
            rule = learned.rule.table()
            self.quantities.append(exact.fraction(training.model, rule))
            self.quantities += exact.values(
                tables | {LEARNED: rule}, task.learning.n_hidden, task.learning.z2
            )
            self._refer("information.learned", f"information.exact.{OPTIMA[task.learning.z2]}")
        return learned

    def _refer(self, name: str, reference: str) -> None:
        """Make one quantity the reference of another, if that is known."""
        known = next((q for q in self.quantities if q.name == reference), None)
        if known is not None:
            self.quantities = [q.compared(known) if q.name == name else q for q in self.quantities]

    def _iterate(self, source: Source, learned: TableFilter) -> dict[str, MCRGResult]:
        """Exponents of every rule that was asked for."""
        task, flows = self.task, {}
        for name in task.exponents.rules:
            filter = learned if name == LEARNED else load_filter(name, self.window.block)
            table, block = filter.table(), filter.block
            with source.open() as samples:
                reference = references(samples, self.output)
                flow = iterate_rule(
                    samples,
                    table,
                    block,
                    task.exponents,
                    task.seed,
                    self.execution,
                    self.output,
                    name,
                )
            prefix = (
                "exponents" if name == task.exponents.rules[0] else f"exponents.{rule_name(name)}"
            )
            self.quantities += quantities(flow, rule_name(name), prefix, reference)
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


def _brought(task: Run) -> Source:
    return Source(Path(str(task.data)), task.select)


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


def _check_lattice(
    task: Run, shape: tuple[int, ...], n: int, samples: Samples | _Planned
) -> Window:
    """The window; refuses one, or an iteration, that these configurations cannot give."""
    if task.exponents.rules:
        check_iteration(samples)
        space = samples.space
        if space is not None and (space.alphabet.size != 2 or space.cells != shape):
            raise InputError(
                f"samples of {space.alphabet.size} letters on the lattice {space.cell.name} were "
                "given; a run learns rules of two-valued spins on a hypercubic lattice; draw with "
                "`rsmi sample` and iterate classical rules with `rsmi exponents`"
            )
    window, sites = task.window.window(shape), math.prod(shape)
    check_memory_of_learning(window, task.learning, sites, n, task.learning.hidden)
    return window


def _check_rules(rules: Sequence[str], block: tuple[int, ...]) -> None:
    """Refuse rules that have no fixed point before the samples are drawn."""
    for name, table in named_tables(rules, block).items():
        if table.shape[1] == 2 and (reason := copies(table)):
            raise InputError(f"exponents.rules holds '{name}', but {reason}")


def _check(task: Run) -> Window:
    """The window; refuses settings that contradict each other before any work is done."""
    if (task.samples is None) == (task.data is None):
        raise InputError(
            "give either `samples` (a recipe to draw) or `data` (a file you have), not "
            f"{'both' if task.samples else 'neither'}"
        )
    if task.samples is None:
        with _brought(task).open() as samples:
            check_lattice(samples)
            window = _check_lattice(task, samples.shape, samples.n, samples)
    elif task.select != Selection():
        raise InputError(
            "`select` chooses among the samples of `data`; leave it out where `samples` is a recipe"
        )
    else:
        n = task.samples.chains * task.samples.records
        window = _check_lattice(task, task.samples.shape, n, _Planned.of(task.samples))
    if not task.exponents.rules:
        return window
    _check_rules([rule for rule in task.exponents.rules if rule != LEARNED], window.block)
    _check_amount(task)
    if task.learning.z2 == "allow" and LEARNED in task.exponents.rules:
        raise InputError(
            "with learning.z2: allow the best rule breaks the symmetry under flipping all spins, "
            "and such a rule cannot be iterated; set learning.z2: impose, or take 'learned' out of "
            "exponents.rules"
        )
    if task.learning.n_hidden != 1 and LEARNED in task.exponents.rules:
        raise InputError(
            f"the learned rule has {task.learning.n_hidden} coarse bits, and only a one-bit rule "
            "can be iterated; set learning.n_hidden: 1, or exponents.rules to classical rules"
        )
    return window
