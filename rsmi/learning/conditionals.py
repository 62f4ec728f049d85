"""Exact values beside samples: of a whole space where it is small, else at sampled windows."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import (
    Estimate,
    Plain,
    Quantity,
    best_rule,
    block_sums,
    bootstrap_error,
    predictive_bound,
)
from rsmi.information.assignments import Action
from rsmi.lattice import Placement, word_index, words
from rsmi.learning.equivariance import make_images
from rsmi.learning.held_out import chain_estimate, held_out_bound, held_out_sums, symmetrised
from rsmi.learning.rsmi import RSMI
from rsmi.learning.rules import Rule
from rsmi.learning.settings import OPTIMA
from rsmi.learning.windowed import HeldOut
from rsmi.sampling.exact import WindowPosterior, enumerated_window, ring_posterior
from rsmi.storage import Samples
from rsmi.storage.recorded import Recorded

_MOST_RINGS = 1 << 18
_WORK = 1 << 30  # entries of transfer vectors passed in one valuation
_CHUNK = 1 << 25  # entries of p(v|e) held at once
_OPTIMUM = 1 << 24  # and for the search of the best rule
_MOST_SITES = 10  # of a block whose best rule is looked for
_MOST_WORDS = 1 << 10  # of a block whose window is solved as a whole
_MOST_SOLVED = 400  # sites of a lattice that transfer matrices are tried on
_NOTHING = 1e-9  # nats
_MOST_BITS = 22  # of the states that a ring's contraction tells apart
_FLIP = torch.tensor([[0, 1], [1, 0]])


def exact_beside(
    samples: Samples, placement: Placement, held_out: HeldOut
) -> "SolvedSpace | ExactConditionals | str":
    """What rules keep by the Hamiltonian, or why nobody says.

    Small spaces are solved as a whole, so that nothing is sampled; of Ising spins on larger square
    lattices the rings around sampled windows are.

    Args:
        samples: Whose model is asked for.
        placement: The window in their space.
        held_out: Windows of them that no training saw.
    """
    known = getattr(samples, "meaning", None)
    if not isinstance(known, Recorded):
        return "the Hamiltonian of these samples is not known: no exact values"
    reasons = []
    for solved in (_solved_space, _solved_rings):
        try:
            return solved(known, placement, held_out)
        except InputError as error:
            reasons.append(str(error))
    return f"no exact values beside these samples: {reasons[0]}"


def _solved_space(known: Recorded, placement: Placement, held_out: HeldOut) -> "SolvedSpace":
    return SolvedSpace(_solved(known, placement), placement, held_out)


def _solved(known: Recorded, placement: Placement) -> WindowPosterior:
    """The window solved as a whole.

    Letters that see their neighbours alone know of all beyond what its first shell knows, so the
    transfer matrices, which take all beyond, serve shells too.

    Raises:
        InputError: The space is too large.
    """
    family, model, window = known.family, known.model, placement.window
    n_words = float(placement.space.alphabet.size) ** placement.n_visible
    if n_words > _MOST_WORDS:
        raise InputError(
            f"the block of {placement.n_visible} sites has {n_words:.3g} words; windows of at most "
            f"{_MOST_WORDS} are solved as a whole"
        )
    if family.pair(model) is None:
        return enumerated_window(*family.enumerate(model), placement)
    if placement.space.n_sites > _MOST_SOLVED:
        raise InputError(
            f"the lattice has {placement.space.n_sites} sites; transfer matrices solve at most "
            f"{_MOST_SOLVED}"
        )
    whole = replace(window, environment=None) if window.block and not window.at else window
    return family.solve(model, placement.space.cells, whole)


def _solved_rings(known: Recorded, placement: Placement, held_out: HeldOut) -> "ExactConditionals":
    """Rings around windows of Ising spins.

    Raises:
        InputError: There are other letters, a field, or no ring.
    """
    window, pair = placement.window, known.family.pair(known.model)
    box = len(window.block) == len(placement.space.cells) == 2 and window.environment is not None
    spins = pair is not None and pair.n_letters == 2 and not bool(pair.site.any())
    if pair is None or not (box and spins and bool(pair.bond[0, 0] == -pair.bond[0, 1])):
        raise InputError("rings are of spins without a field, around a box with a shell")
    if placement.n_visible + 2 * window.buffer > _MOST_BITS:
        raise InputError(f"a block of {placement.n_visible} sites has too many words for a ring")
    return ExactConditionals(placement, float(pair.bond[0, 0]), held_out)


class SolvedSpace:
    """Exact values in a space that is solved as a whole.

    Args:
        posterior: p(v|e) of every environment.
        placement: The window.
        held_out: Windows of samples, for what a predictor loses.
    """

    def __init__(self, posterior: WindowPosterior, placement: Placement, held_out: HeldOut) -> None:
        self.posterior, self._placement, self._held_out = posterior, placement, held_out

    def values(self, rules: Mapping[str, Rule], symbols: int, imposed: bool) -> list[Quantity]:
        """I(H:E) of the whole block, the best rule and given rules, without any sampling."""
        found = [Quantity.of("information.exact.full", self.posterior.full())]
        action = self._action(symbols, imposed)
        if action is not None:
            use = "impose" if imposed else "allow"
            _, best = self.posterior.optimum(symbols, action)
            name = f"information.exact.{OPTIMA[use]}"
            found.append(Quantity.of(name, best, symmetry=use, symbols=symbols))
        return found + [
            Quantity.of(f"information.exact.{name}", self.posterior.rule(rule.table()))
            for name, rule in rules.items()
        ]

    def fraction(self, model: RSMI, rule: Rule) -> list[Quantity]:
        """Learned bound of a rule over its exact value; nothing for a rule that keeps nothing."""
        exact = self.posterior.rule(rule.table()).value
        if exact < _NOTHING:
            return []
        bound = held_out_bound(model, self._held_out, rule).information
        ratio = Estimate(bound.value / exact, bound.error / exact, "lower", "1", bound.n)
        return [Quantity.of("information.learned.fraction", ratio, 1.0)]

    def _action(self, symbols: int, imposed: bool) -> Action | None:
        """How the letters' symmetries act on rules; None where they cannot on so many symbols."""
        alphabet, n_visible = self._placement.space.alphabet, self._placement.n_visible
        if not imposed:
            return Action.none(alphabet.size**n_visible, symbols)
        try:
            images = make_images(self._placement, symbols, "impose")
        except InputError:
            return None
        moved = images(words(alphabet.size, n_visible))
        return Action(word_index(moved, alphabet.size), images.symbols)


class ExactConditionals:
    """Exact p(v|e) at the environments of held-out windows of spins on the square lattice.

    The rings are solved in parts, once for all rules, so that memory does not grow with the block.

    Args:
        placement: The window, a box with a shell of environment.
        coupling: K = J/T.
        held_out: Where the windows come from.
    """

    def __init__(self, placement: Placement, coupling: float, held_out: HeldOut) -> None:
        self._placement, self._coupling = placement, coupling
        bits = placement.n_visible + 2 * placement.window.buffer
        step = -(-len(held_out.e) // min(_MOST_RINGS, max(_WORK >> bits, 1)))
        v, e, groups = (part[::step] for part in (held_out.v, held_out.e, held_out.groups))
        self.held_out = replace(held_out, v=v, e=e, groups=groups)

    def values(self, rules: Mapping[str, Rule], symbols: int, imposed: bool) -> list[Quantity]:
        """I(H:E) of the whole block, the best rule and given rules; only e is sampled.

        The best rule is looked for in blocks of at most 10 sites.
        """
        use = "impose" if imposed else "allow"
        tables = {name: rule.table() for name, rule in rules.items()}
        context: dict[str, dict[str, Plain]] = {}
        possible = not imposed or symbols & (symbols - 1) == 0
        if self._placement.n_visible <= _MOST_SITES and possible:
            tables = {OPTIMA[use]: self._optimum(symbols, imposed)} | tables
            context[OPTIMA[use]] = {"symmetry": use, "symbols": symbols}
        return [
            Quantity.of(
                f"information.exact.{name}",
                chain_estimate(sums, self.held_out.chains, "estimate"),
                **context.get(name, {}),
            )
            for name, sums in self._sums(tables).items()
        ]

    def fraction(self, model: RSMI, rule: Rule) -> list[Quantity]:
        """Learned bound of a rule over the bound with the exact predictor on the same windows.

        Both share the fluctuations of the windows, so the ratio tells what the predictor loses
        far more sharply than the difference of the two values.
        """
        exact = self._predicted(rule)
        learned = held_out_sums(model, self.held_out, rule)
        width = exact.shape[1]

        def ratio(sums: Tensor) -> Tensor:
            return predictive_bound(sums[:, :width]) / predictive_bound(sums[:, width:])

        both = torch.cat([learned.blocks, exact], 1)
        value = float(ratio(both.sum(0, keepdim=True)))
        training = learned.training / float(predictive_bound(exact.sum(0, keepdim=True)))
        error = math.hypot(bootstrap_error(both, ratio), training)
        estimate = Estimate(value, error, "lower", "1")
        return [Quantity.of("information.learned.fraction", estimate, 1.0)]

    def _optimum(self, symbols: int, imposed: bool) -> Tensor:
        """The best rule at as many environments as the search can hold."""
        step = -(-len(self.held_out.e) // max(1, _OPTIMUM >> self._placement.n_visible))
        posterior = self._solve(self.held_out.e[::step])
        if not imposed and self._both:
            posterior = torch.cat([posterior, posterior.flip(1)])
        return best_rule(posterior, n_symbols=symbols, z2="impose" if imposed else "allow")[0]

    def _sums(self, tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sufficient statistics of the whole block and of each rule."""
        none = torch.zeros(self._n_words, 0, dtype=torch.float64)
        joined = torch.cat([none, *(table.double() for table in tables.values())], 1)
        widths = [table.shape[1] for table in tables.values()]
        found = {name: self._none(width) for name, width in zip(tables, widths, strict=True)}
        full = self._none(self._n_words)
        for posterior, _, groups in self._parts():
            full += _scored(posterior, posterior, groups, len(full))
            for flipped in self._signs(posterior):
                columns = (flipped @ joined).split(widths, 1)
                for name, p in zip(tables, columns, strict=True):
                    found[name] += _scored(p, p, groups, len(full))
        words = torch.arange(self._n_words)
        flip = torch.stack([words, words.flip(0)])
        return {"full": symmetrised(full, flip) if self._both else full} | found

    def _predicted(self, rule: Rule) -> Tensor:
        """Statistics of a rule's bound with the exact predictor, as `held_out_sums` counts them."""
        table = rule.table()
        total = self._none(table.shape[1])
        for posterior, v, groups in self._parts():
            for letters, flipped in zip(_FLIP, self._signs(posterior), strict=False):
                p = table[word_index(letters[v.long()], 2)]
                total += _scored(p, flipped @ table, groups, len(total))
        return total

    def _signs(self, posterior: Tensor) -> list[Tensor]:
        """p(v|e), and p(v|-e) where averages are taken over both signs."""
        return [posterior, posterior.flip(1)] if self._both else [posterior]

    @property
    def _n_words(self) -> int:
        return 1 << self._placement.n_visible

    @property
    def _both(self) -> bool:
        return self.held_out.symmetry.symmetrises("allow")

    def _none(self, width: int) -> Tensor:
        return torch.zeros(int(self.held_out.groups.max()) + 1, width + 2, dtype=torch.float64)

    def _parts(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """p(v|e), v and labels of some windows after the other."""
        size = max(1, _CHUNK >> self._placement.n_visible)
        held = self.held_out
        for v, e, groups in zip(
            *(x.split(size) for x in (held.v, held.e, held.groups)), strict=True
        ):
            yield self._solve(e), v, groups

    def _solve(self, e: Tensor) -> Tensor:
        window = self._placement.window
        rows, columns = window.block
        rings = 2 * e[:, self._placement.touching] - 1
        return ring_posterior(rings, self._coupling, (rows, columns), window.buffer)


def _scored(p: Tensor, q: Tensor, groups: Tensor, labels: int) -> Tensor:
    """Sums of p and of its score by a predictor q, (labels, K + 2)."""
    score = torch.where(p > 0, p * q.log(), 0.0).sum(1, keepdim=True)
    sums = block_sums(torch.cat([p, score], 1), groups)
    return F.pad(sums, (0, 0, 0, labels - len(sums)))
