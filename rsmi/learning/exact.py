"""What rules keep of windows small enough to be solved without samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from rsmi.information import Bottleneck, Estimate, Outcome, Quantity, Sheet, bottleneck
from rsmi.information.assignments import Z2
from rsmi.information.bottleneck import rate_of
from rsmi.lattice import Alphabet, Placement, Window, place
from rsmi.learning.classical import block_alone
from rsmi.learning.rules import MAX_SYMBOLS, Rule, check_fit, check_symbols
from rsmi.learning.settings import OPTIMA
from rsmi.learning.store import load_rule, rules_by_name
from rsmi.sampling.exact import WindowPosterior
from rsmi.sampling.families import System
from rsmi.storage import SampleRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rules = Sequence[str | Path] | Mapping[str, "str | Path | Rule"]
"""Names or directories of rules, or rules by the names under which they are reported."""

_FEW = (2, 3, 4, 6, 8)
OPTIMUM = "optimum"
"""What asks for the best rule in a list of rules."""


@dataclass(frozen=True, repr=False)
class SolvedRules(Outcome):
    """What rules keep about the environment of a window that is solved exactly.

    Args:
        system: The model on its lattice.
        window: Block, buffer and environment.
        posterior: p(v|e) with the probabilities of the environments, to be asked for other rules.
        tables: p(h|v) by name, (q**n_v, K) float64 each; the best rule's among them.
        values: I(H:E) of each in nats, `exact`, or `lower` for a best rule that was searched for.
        z2: Whether the best rule was asked to be odd under a flip of every spin.
    """

    system: System
    window: Window
    posterior: WindowPosterior
    tables: Mapping[str, Tensor]
    values: Mapping[str, Estimate]
    z2: Z2

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """I(V:E), then the information of every rule."""
        best = OPTIMA[self.z2]
        found = [Quantity.of("information.exact.full", self.posterior.full())]
        for name, value in self.values.items():
            quantity = Quantity.of(f"information.exact.{name}", value)
            if name == best:
                quantity = quantity.about(z2=self.z2, symbols=self.tables[name].shape[1])
            found.append(quantity)
        return found

    def bottleneck(
        self, symbols: Sequence[int] | None = None, tolerance: float = 2e-3
    ) -> "TradeOff":
        """How much is lost by few symbols: these rules and the best ones of so many symbols.

        Args:
            symbols: Numbers K of symbols, 2 to 16; all of them without, and 2, 3, 4, 6 and 8 for
                blocks of more than 16 states, whose best rules take longer to find.
            tolerance: As for `rsmi.information.bottleneck`.

        Raises:
            InputError: For a number of symbols that no rule has.
        """
        solved = self.posterior
        curve = bottleneck(solved.posterior, solved.weights, tolerance=tolerance)
        states = int((curve.states > 0).sum())
        usual = range(2, MAX_SYMBOLS + 1) if states <= MAX_SYMBOLS else _FEW
        asked = usual if symbols is None else symbols
        found = {name: (self.tables[name], value) for name, value in self.values.items()}
        for k in asked:
            check_symbols(k)
            if symbols is not None or k <= states:
                found[f"best_of_{k}"] = solved.optimum(k, "allow")
        kept = {name: value for name, (_, value) in found.items()}
        rates = {name: rate_of(curve.states, table) for name, (table, _) in found.items()}
        return TradeOff(curve, kept, rates)


@dataclass(frozen=True, repr=False)
class TradeOff(Outcome):
    """What rules keep and what they take, beside the information-bottleneck curve.

    Args:
        curve: The most that coarse variables of given I(V:H) keep.
        values: I(H:E) of rules by name, `best_of_K` for the best of K symbols.
        rates: I(V:H) of each in nats; H(H) for a rule that draws nothing at random.
    """

    curve: Bottleneck
    values: Mapping[str, Estimate]
    rates: Mapping[str, float]

    __repr__ = Outcome.__repr__

    def quantities(self) -> list[Quantity]:
        """The curve, then every rule with what no coarse variable of its I(V:H) exceeds."""
        return self.curve.quantities() + [
            Quantity.of(f"information.exact.{name}", value).about(
                rate=self.rates[name], upper=self.curve.upper(self.rates[name])
            )
            for name, value in self.values.items()
        ]

    def plot(self) -> "Figure":
        """The curve with every rule below it."""
        at = {name: (self.rates[name], value.value) for name, value in self.values.items()}
        return self.curve.plot(at)

    def sheets(self) -> list[Sheet]:
        """One row a rule: what it takes, what it keeps, and the curve there."""
        columns = ["rule", "I(V:H)", "I(H:E)", "kind", "curve", "share of it"]
        rows = []
        for name, value in sorted(self.values.items(), key=lambda item: self.rates[item[0]]):
            rate = self.rates[name]
            sides = self.curve.lower(rate), self.curve.upper(rate)
            between = "..".join(f"{side:.5f}" for side in sides)
            share = f"{min(value.value / sides[1], 1):.1%}" if sides[1] > 0 else ""
            cells = [name, f"{rate:.5f}", f"{value.value:.5f}", value.kind, between, share]
            rows.append(cells)
        said = (
            f"nats; I(V:E) = {self.curve.full:.6f}, of I(V:H) = {self.curve.points[-1].rate:.5f}; "
            "the curve is the most that any coarse variable of the same I(V:H) keeps, from what is "
            "reached to what cannot be, and the share is of the latter"
        )
        return [Sheet("", columns, rows, said)]


def solve_rules(
    system: System | SampleRecipe,
    window: Window | None = None,
    rules: Rules | None = None,
    *,
    symbols: int | None = None,
    z2: Z2 | None = None,
    trust: bool = False,
) -> SolvedRules:
    r"""Exact information of rules on a window, by enumeration or transfer matrices.

    .. math:: I(H:E) = \sum_{h,e} p(h,e) \ln \frac{p(h,e)}{p(h) p(e)}, \qquad
              p(h,e) = \sum_v p(h|v) p(v,e)

    Args:
        system: Any model on a lattice, or the recipe of samples of it.
        window: Block, buffer and environment; two cells along each axis, a buffer of one and all
            beyond without. On an infinite cylinder buffers are full columns.
        rules: Names or directories of rules, or rules by the names under which they are reported;
            `optimum` is the best one. Without, the usual ones of these letters and the best.
        symbols: Coarse symbols of the best rule; as many as there are letters without.
        z2: `impose` rules odd under flipping every spin, the default for bits of a two-valued
            model with that symmetry; `allow` the best of all.
        trust: Whether networks of somebody's own may be loaded, which runs their code.

    Returns:
        The values with the posterior they come from.

    Raises:
        InputError: For a problem too large to solve, a window that does not fit, an unknown rule,
            or one of other letters or another block.

    >>> found = solve_rules(System((4, 4)), Window((2, 1), 0, None), ["decimation"])
    >>> str(found.posterior.full()), str(found.values["decimation"])
    ('0.60075442 nats (exact)', '0.46957877 nats (exact)')
    """
    system = system.system if isinstance(system, SampleRecipe) else system
    space = system.space
    window = window or Window((2,) * len(space.cells), 1, None)
    letters = space.alphabet
    placed = _placed(system, window)
    chosen = _usual(letters) if rules is None else rules
    named = dict(chosen) if isinstance(chosen, Mapping) else dict(rules_by_name(chosen))
    wants_best = named.pop(OPTIMUM, None) is not None
    tables = {name: _rule(rule, placed, trust).table() for name, rule in named.items()}
    solved = system.solve(window)
    symbols = letters.size if symbols is None else symbols
    odd = letters.size == len(letters.symmetries) == 2 and symbols & (symbols - 1) == 0
    z2 = z2 or ("impose" if odd else "allow")
    values = {name: solved.rule(table) for name, table in tables.items()}
    if wants_best:
        tables[OPTIMA[z2]], values[OPTIMA[z2]] = solved.optimum(symbols, z2)
    return SolvedRules(system, window, solved, tables, values, z2)


def _placed(system: System, window: Window) -> Placement:
    """The window where it lies, or its block alone on a lattice without end."""
    if system.finite:
        return place(window, system.space)
    return block_alone(window.block, system.space.alphabet)


def _usual(letters: Alphabet) -> list[str]:
    return ["majority" if letters.size == 2 else "plurality", "decimation", OPTIMUM]


def _rule(rule: "str | Path | Rule", placed: Placement, trust: bool) -> Rule:
    if not isinstance(rule, Rule):
        return load_rule(rule, placed, trust=trust)
    check_fit(rule, placed)
    return rule
