"""Configurations in, a rule with what it is worth out: `learn_rule`, `value_rules`."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from statistics import stdev
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import nn

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Quantity
from rsmi.lattice import Placement, Space, Window, place
from rsmi.learning.conditionals import exact_beside
from rsmi.learning.data import WindowData
from rsmi.learning.growth import PIECES, LearningCurve, grow
from rsmi.learning.held_out import Bound, check_bound, held_out_bound
from rsmi.learning.joint import JointRSMI
from rsmi.learning.learn import Learned, curve, fit_best, learn, learn_null, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.learning.results import LearnedRule, RuleValues, bounded
from rsmi.learning.rsmi import RSMI
from rsmi.learning.rules import Rule, check_fit, influence, measure_symmetry
from rsmi.learning.settings import (
    MAX_WORDS,
    Learning,
    Symmetry,
    check_memory_of_learning,
    check_seed,
)
from rsmi.learning.store import load_rule, rules_by_name
from rsmi.learning.windowed import HeldOut
from rsmi.storage import Samples, opened
from rsmi.storage.interface import space_of

Rules = Sequence[str | Path] | Mapping[str, "str | Path | Rule"]

_BEGINNING = 4  # a training is so many times as long as each of its beginnings
_LOOKED_AT, _PARTS = 1 << 14, 16  # blocks that say what each site of a rule has to say
# By the number of axes along which a site is at an end of its box.
_PLACES = {
    1: ("inside", "end"),
    2: ("inside", "edge", "corner"),
    3: ("inside", "face", "edge", "corner"),
}
_BETWEEN = 7919  # between the seeds of one beginning and the next
_SEEDS = 15485863  # between those of one training and the next that are compared


def learn_rule(
    samples: Any,
    window: Window,
    *,
    symbols: int = 2,
    rule: str | nn.Module = "table",
    method: Literal["auto", "posterior", "joint"] = "auto",
    symmetry: Symmetry = "impose",
    seed: int = 0,
    beside: Rules = (),
    chains: int | None = None,
    space: Space | str | None = None,
    directory: str | Path | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> LearnedRule:
    r"""Learn the rule that keeps most of what a block says of its environment.

    .. math:: \max_{p(h|v)} I(H:E), \quad
              I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    Args:
        samples: A path, open samples, or an array, see `rsmi.storage.samples_of`.
        window: Block, buffer and environment.
        symbols: How many values the coarse variable takes, 2 to 16.
        rule: `table`, `linear`, `mlp` or `conv`, or a network that takes features (n, n_v, d) of
            the block's letters and gives logits (n, symbols); every training begins with a copy
            of it.
        method: See `rsmi.learning.Learning`; `auto` takes a posterior for tables of small blocks.
        symmetry: Of the letters: `impose`, `allow`, `measure`, or `none`.
        seed: Of weights, windows and error bars; nothing else decides the outcome.
        beside: Other rules to value on the same windows, as in `value_rules`; only a posterior
            can.
        chains: Of an array, see `rsmi.storage.samples_of`.
        space: Of an array, likewise.
        directory: Receives the log of the training, the best state, and of a training that failed
            the last good one; nothing is kept without.
        progress: Whether to show a progress bar.
        say: Is told what is done, in words.
        **options: Further fields of `rsmi.learning.Learning`.

    Returns:
        The rule with its held-out value, a lower bound in nats.

    Raises:
        InputError: For an option that there is not, a window that does not fit, samples that are
            too few or no sample of one distribution, a symmetry that the data break, or a rule
            that memory cannot hold.
        AnalysisError: Where the training failed.
        Refused: Where the null is not 0 within three errors, or the error larger than `error`;
            `found` of it holds the result all the same.

    Source: Koch-Janusz and Ringel (2018), arXiv:1704.06279; Barber and Agakov (2003).

    >>> import numpy as np
    >>> coins = np.random.default_rng(0).integers(0, 2, (64, 6, 6))
    >>> found = learn_rule(
    ...     coins, Window((2,2), 1), chains=64, space="spins on square [6, 6]",
    ...     max_epochs=1, steps_per_epoch=2, null=False,
    ... )
    >>> found.information.kind, found.rule.table().shape
    ('lower', torch.Size([16, 2]))
    """
    network = rule if isinstance(rule, nn.Module) else None
    chosen = {"symbols": symbols, "method": method, "symmetry": symmetry, **options}
    if not isinstance(rule, nn.Module):
        chosen["rule"] = rule
    settings = Learning.of(chosen)
    check_seed(seed)
    with opened(samples, chains=chains, space=space) as source, _kept(directory) as target:
        session = _Session(source, window, settings, seed, target, progress, network)
        check_memory_of_learning(settings, settings.hidden, session.placement, source.n)
        rules = _named(beside, session.placement, trust=False)
        learned, seeds = session.learn(say)
        null = session.null(learned, say) if settings.null else None
        grown = session.grow(learned, say) if settings.curve else None
        further, notes = session.beside(learned, rules)
        found = LearnedRule(
            **vars(learned),
            symmetry=session.data.symmetry,
            order=session.data.order,
            placement=session.placement,
            null=null,
            seeds=seeds,
            learning_curve=grown,
            asked=settings.error,
            beside=tuple(further),
            notes=tuple(notes),
            card=session.card(learned),
        )
        found.check()
        return found


def value_rules(
    samples: Any,
    window: Window,
    rules: Rules = (),
    *,
    symmetry: Symmetry = "impose",
    seed: int = 0,
    chains: int | None = None,
    space: Space | str | None = None,
    trust: bool = False,
    progress: bool = False,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> RuleValues:
    """Bound from below what rules keep of the information about the environment.

    One posterior q(v|e) values all rules of a block that shows at most 1024 words; else a
    predictor is trained for each rule, on other configurations than those that value it.

    Args:
        samples: A path, open samples, or an array, see `rsmi.storage.samples_of`.
        window: Block, buffer and environment.
        rules: Names or directories of rules, or rules by the names under which they are reported.
        symmetry: Of the letters, as in `learn_rule`.
        seed: Of weights, windows and error bars.
        chains: Of an array, see `rsmi.storage.samples_of`.
        space: Of an array, likewise.
        trust: Whether networks of somebody's own may be loaded, which runs their code.
        progress: Whether to show a progress bar.
        say: Is told what is done, in words.
        **options: Further fields of `rsmi.learning.Learning` that speak of the predictor.

    Returns:
        A held-out lower bound for each rule, in nats, with exact values where they are known.

    Raises:
        InputError: For a rule for other letters or another block; else as `learn_rule`.
        AnalysisError: Where the training failed.
        Refused: As `learn_rule`.
    """
    settings = Learning.of({"symmetry": symmetry, **options})
    if settings.seeds > 1 or settings.curve:
        raise InputError(
            "seeds and curve say how a rule is learned, and no rule is learned here; leave them "
            "out, or call learn_rule"
        )
    check_seed(seed)
    with opened(samples, chains=chains, space=space) as source, _kept(None) as target:
        session = _Session(source, window, settings, seed, target, progress, None)
        check_memory_of_learning(settings, settings.hidden, session.placement, source.n)
        found = _named(rules, session.placement, trust)
        bounds, held_out = session.values(found, say)
        exact, notes = session.exact(held_out, found)
        session.check(bounds)
        nulls = session.nulls(found, say) if settings.null else {}
        data = session.data
        values = RuleValues(
            bounds, data.symmetry, data.order, data.amounts(), nulls, settings.error, tuple(exact),
            tuple(notes),
        )  # fmt: skip
        values.check()
        return values


class _Session:
    """Trainings on one set of samples."""

    def __init__(
        self,
        source: Samples,
        window: Window,
        settings: Learning,
        seed: int,
        directory: Path,
        progress: bool,
        network: nn.Module | None,
    ) -> None:
        self.source, self.window, self.settings, self.seed = source, window, settings, seed
        self.directory, self.progress, self.network = directory, progress, network
        self.placement = place(window, space_of(source))
        self.data = self._data()
        self.model: RSMI | None = None

    def learn(self, say: Callable[[str], None]) -> tuple[Learned, tuple[Estimate, ...]]:
        """Train from each seed; the best by validation, with the values of all."""
        if self.settings.curve:
            self.data.shared(PIECES[0])  # refuses too few before any work is done
        count = self.settings.seeds
        found = [self._trained(self.data, "training", say, number) for number in range(count)]
        learned = max(found, key=lambda one: max(point.information for point in one.curve))
        values = tuple(one.information for one in found) if count > 1 else ()
        self.model = learned.judge
        say(str(self.data.order))
        say(f"symmetries used: {self.data.symmetry}")
        if values:
            spread = stdev(value.value for value in values)
            learned = replace(learned, bound=learned.bound.widened(spread))
            say(f"{count} trainings scatter by {spread:.2g} nats; the best by validation is kept")
        say(f"I(H:E) >= {learned.information} on configurations never trained on")
        return learned, values

    def grow(self, learned: Learned, say: Callable[[str], None]) -> LearningCurve:
        """What more configurations would give."""
        found = grow(lambda data, name: self._trained(data, name, say), self.data, learned)
        say(str(found))
        return found

    def _trained(
        self, data: WindowData, name: str, say: Callable[[str], None], number: int = 0
    ) -> Learned:
        """Train from a seed; of rules learned with their predictor, the best of some beginnings."""
        turned, name = data.turned(number * _SEEDS), f"{name}{number or ''}"
        tries = self.settings.restarts if self.joint and self.network is None else 1
        if tries == 1:
            return self._learned(self._module(number * _SEEDS), turned, name)
        choice, begun = turned.divided()[0], []
        for attempt in range(tries):
            model = self._module(number * _SEEDS + attempt * _BETWEEN)
            begun.append((model, self._begun(model, choice, f"{name}.beginning{attempt}")))
        values = [value for _, value in begun]
        learned = self._learned(begun[values.index(max(values))][0], turned, name)
        listed = ", ".join(f"{value:.3g}" for value in values)
        say(f"of {tries} beginnings, with {listed} nats, the best went on")
        return learned

    def _begun(self, model: RSMI, choice: WindowData, name: str) -> float:
        """What a short training comes to on the validation part."""
        model.check_rule(choice)
        trainer = self._trainer(name, max(1, self.settings.max_epochs // _BEGINNING))
        fit_best(model, choice, trainer)
        return curve(trainer)[-1].information

    def null(self, learned: Learned, say: Callable[[str], None]) -> Bound:
        """The value on environments of other chains."""
        bound = learn_null(self._module(0), learned, self.data, self._trainer("null"))
        say(f"{bound.information} on environments of other chains; the true value is 0")
        return bound

    def values(
        self, rules: Mapping[str, Rule], say: Callable[[str], None]
    ) -> tuple[dict[str, Bound], HeldOut]:
        """Held-out bounds of rules, from one posterior or from a predictor for each."""
        self.data.setup("fit")
        if not self.joint:
            self.model = self._module(0)
            fit_best(self.model, self.data, self._trainer("training"))
        say(str(self.data.order))
        say(f"symmetries used: {self.data.symmetry}")
        held_out = self.data.test_windows()
        if not self.joint:
            return self._bounds({"full": None, **rules}, held_out), held_out
        return self._each(rules, self.data, ""), held_out

    def nulls(self, rules: Mapping[str, Rule], say: Callable[[str], None]) -> dict[str, Bound]:
        """The same with each block beside the environment of another chain."""
        data = self.data.shuffled()
        if self.joint:
            found = self._each(rules, data, "null.")
        else:
            model = self._module(0)
            fit_best(model, data, self._trainer("null"))
            found = {"full": held_out_bound(model, data.test_windows(), None)}
        say("beside environments of other chains, where the true value is 0:")
        for name, bound in found.items():
            say(f"  {name}: {bound.information}")
        return {name: bound.rounded() for name, bound in found.items()}

    def _each(self, rules: Mapping[str, Rule], data: WindowData, prefix: str) -> dict[str, Bound]:
        """Bounds of rules from a predictor for each."""
        found = {}
        for name, rule in rules.items():
            fixed = JointRSMI(self.window, **self._common(0), rule=rule)
            found[name] = self._learned(fixed, data, f"{prefix}{name}").bound
        return found

    def beside(
        self, learned: Learned, rules: Mapping[str, Rule]
    ) -> tuple[list[Quantity], list[str]]:
        """Other rules on the same windows, how far symmetries are broken, and exact values."""
        held_out, found = self.data.test_windows(), self._broken(learned.rule)
        found += _influences(learned.rule, held_out, self.window.block)
        if not self.joint:
            bounds = self._bounds(rules, held_out)
            symmetry = self.data.symmetry
            found += [bounded(f"information.{n}", b, symmetry) for n, b in bounds.items()]
        exact, notes = self.exact(held_out, {**rules, "learned": learned.rule}, learned.rule)
        return [*found, *exact], notes

    def exact(
        self, held_out: HeldOut, rules: Mapping[str, Rule], learned: Rule | None = None
    ) -> tuple[list[Quantity], list[str]]:
        """Exact values at the environments of these windows, or why there are none."""
        if not all(rule.fits_table for rule in rules.values()):
            return [], ["no exact values: the table of a rule for this block is too large"]
        solved = exact_beside(self.source, self.placement, held_out)
        if isinstance(solved, str):
            return [], [solved]
        fraction: list[Quantity] = []
        if learned is not None and self.model is not None:
            fraction = solved.fraction(self.model, learned)
        imposed = self.settings.symmetry == "impose"
        return [*fraction, *solved.values(rules, self.settings.symbols, imposed)], []

    def check(self, bounds: Mapping[str, Bound]) -> None:
        """Refuse a training that failed."""
        for bound in bounds.values():
            check_bound(bound.information)

    def card(self, learned: Learned) -> dict[str, Any]:
        """What is recorded beside the rule."""
        value = learned.information
        window = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.window).items()}
        return {
            "window": window,
            "samples": Path(self.source.source).name,
            "learning": asdict(self.settings) | {"hidden": list(self.settings.hidden)},
            "seed": self.seed,
            "information": {"value": value.value, "error": value.error, "kind": value.kind},
        }

    @property
    def joint(self) -> bool:
        """Whether rule and predictor are trained together."""
        method = self.settings.method
        if method != "auto":
            return method == "joint"
        if self.network is not None or self.settings.rule != "table":
            return True
        self.data.setup("fit")
        return self.data.frequent_words(MAX_WORDS) is None

    def _broken(self, rule: Rule) -> list[Quantity]:
        """For which share of blocks the rule commutes with the symmetries to be measured."""
        settings = self.settings
        if "measure" not in (settings.symmetry, settings.point_group):
            return []
        v = self.data.test_windows().v
        found = measure_symmetry(rule, self.placement, v[:: -(-len(v) // (1 << 16))])
        letters = len(self.placement.space.alphabet.symmetries) - 1
        kept = found[:letters] if settings.symmetry == "measure" else []
        kept += found[letters:] if settings.point_group == "measure" else []
        return [
            Quantity("rule.equivariance", g.share, 0.0, "estimate", "1", 1.0, {"symmetry": g.name})
            for g in kept
        ]

    def _bounds(self, rules: Mapping[str, Rule | None], held_out: HeldOut) -> dict[str, Bound]:
        assert self.model is not None, "training comes first"
        return {name: held_out_bound(self.model, held_out, rule) for name, rule in rules.items()}

    def _learned(self, model: RSMI, data: WindowData, name: str) -> Learned:
        return learn(model, data, self._trainer(name))

    def _trainer(self, name: str, epochs: int | None = None) -> pl.Trainer:
        s = self.settings
        return make_trainer(
            self.directory / name, epochs or s.max_epochs, s.patience, s.accelerator, self.progress
        )

    def _module(self, further: int) -> RSMI:
        if not self.joint:
            return PosteriorRSMI(self.window, **self._common(further))
        rule = self.settings.rule if self.network is None else deepcopy(self.network)
        return JointRSMI(self.window, **self._common(further), rule=rule)

    def _common(self, further: int) -> dict[str, Any]:
        s = self.settings
        names = ("symbols", "symmetry", "point_group", "hidden", "learning_rate")
        return {name: getattr(s, name) for name in names} | {"seed": self.seed + further}

    def _data(self) -> WindowData:
        s = self.settings
        data = WindowData(
            self.source, self.window, s.batch_size, s.steps_per_epoch, s.configurations,
            s.windows_per_configuration, self.seed,
        )  # fmt: skip
        if s.symmetry == "none":
            data.setup("fit")
            data.without_symmetry()
        return data


def _influences(rule: Rule, held_out: HeldOut, block: Sequence[int]) -> list[Quantity]:
    """What corners, edges and the inside of a box have to say, see `rsmi.learning.influence`."""
    if max(block, default=0) < 3 or len(block) not in _PLACES or rule.n_sites != math.prod(block):
        return []
    v = held_out.v[:: -(-len(held_out.v) // _LOOKED_AT)]
    parts = torch.stack([influence(rule, part).view(*block) for part in v.chunk(_PARTS)])
    ends = torch.zeros(*block, dtype=torch.int64)
    for axis, extent in enumerate(block):
        ends.movedim(axis, 0)[[0, extent - 1]] += 1
    found = []
    for count, name in enumerate(_PLACES[len(block)]):
        own = parts[:, ends == count].mean(1)
        if len(own) > 1 and bool((ends == count).any()):
            spread = float(own.std()) / math.sqrt(len(own))
            value = Estimate(float(own.mean()), spread, "estimate", "1", len(v))
            found.append(Quantity.of(f"rule.influence.{name}", value))
    return found


def _named(rules: Rules, placement: Placement, trust: bool) -> dict[str, Rule]:
    """Rules by the names under which they are reported."""
    named = rules if isinstance(rules, Mapping) else rules_by_name(rules)
    found = {
        name: rule if isinstance(rule, Rule) else load_rule(rule, placement, trust=trust)
        for name, rule in named.items()
    }
    for rule in found.values():
        check_fit(rule, placement)
    return found


@contextmanager
def _kept(directory: str | Path | None) -> Iterator[Path]:
    """A directory for logs and states, which vanishes where nobody asked for it."""
    if directory is not None:
        yield Path(directory)
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            yield Path(scratch)
        except AnalysisError as error:
            if scratch not in str(error):
                raise
            raise AnalysisError(f"{error}; give a directory, else they are lost") from None
