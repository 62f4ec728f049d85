"""The information of rules: bounds from samples, exact conditionals where the model is known."""

import math
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.information import (
    Estimate,
    Plain,
    best_rule,
    block_sums,
    bootstrap_error,
    predictive_bound,
)
from rsmi.lattice import state_index
from rsmi.learning.data import WindowData
from rsmi.learning.held_out import (
    Bound,
    chain_estimate,
    check_bound,
    held_out_bound,
    held_out_sums,
    symmetrised,
)
from rsmi.learning.rsmi import MAX_POSTERIOR_SITES, RSMI
from rsmi.learning.spin_symmetry import Symmetry
from rsmi.learning.windowed import HeldOut
from rsmi.report import Quantity
from rsmi.sampling.exact import ring_posterior

OPTIMA = {"impose": "optimum", "allow": "optimum_any"}
"""Names of the largest information: of rules odd under flipping every spin, and of any rule."""

_MOST_RINGS = 1 << 18
_WORK = 1 << 30  # entries of transfer vectors passed in one valuation
_CHUNK = 1 << 25  # entries of p(v|e) held at once
_OPTIMUM = 1 << 24  # and for the search of the best rule


def bounds(model: RSMI, held_out: HeldOut, tables: Mapping[str, Tensor]) -> list[Quantity]:
    """Held-out lower bounds of any rules from one learned posterior.

    Raises:
        AnalysisError: For a bound so far below 0 that the training failed.
    """
    found = {name: held_out_bound(model, held_out, table) for name, table in tables.items()}
    return [bounded(f"information.{name}", b, held_out.symmetry) for name, b in found.items()]


def bounded(name: str, bound: Bound, symmetry: Symmetry) -> Quantity:
    """A bound as a line of the result: what its error is made of and which symmetries were used.

    Raises:
        AnalysisError: For a bound so far below 0 that the training failed.
    """
    value = check_bound(bound.information)
    return Quantity.of(name, value, **bound.parts, symmetry=str(symmetry))


class ExactConditionals:
    """Exact p(v|e) at the environments of held-out windows of the square-lattice Ising model.

    The rings are solved in parts, once for all rules, so that memory does not grow with the block.

    Args:
        data: Where the windows come from.
        coupling: K = J/T.
    """

    def __init__(self, data: WindowData, coupling: float) -> None:
        every = data.test_windows()
        self._window, self._coupling = data.window, coupling
        bits = data.window.n_visible + 2 * data.window.buffer
        step = -(-len(every.e) // min(_MOST_RINGS, max(_WORK >> bits, 1)))
        v, e, groups = (part[::step] for part in (every.v, every.e, every.groups))
        self.held_out = HeldOut(v, e, groups, every.chains, every.symmetry)

    @staticmethod
    def of(data: WindowData) -> "ExactConditionals | None":
        """Solve the windows, or None where the Hamiltonian is not known."""
        with data.open() as samples:
            model, dimension = samples.model, len(samples.shape)
        if model is None or model["model"] != "ising" or dimension != 2:
            return None
        return ExactConditionals(data, float(model["coupling"]))

    def values(
        self, tables: Mapping[str, Tensor], n_hidden: int, z2: Literal["impose", "allow"]
    ) -> list[Quantity]:
        """I(H:E) of the whole block, the best rule and given rules; only e is sampled.

        The best rule is looked for in blocks whose posterior can be learned, at most 10 sites.
        """
        named: dict[str, Tensor] = dict(tables)
        context: dict[str, dict[str, Plain]] = {}
        if self._window.n_visible <= MAX_POSTERIOR_SITES:
            name = OPTIMA[z2]
            named = {name: self._optimum(n_hidden, z2)} | named
            context[name] = {"z2": z2, "n_hidden": n_hidden}
        found = self._sums(named)
        return [
            Quantity.of(
                f"information.exact.{name}",
                chain_estimate(sums, self.held_out.chains, "estimate"),
                **context.get(name, {}),
            )
            for name, sums in found.items()
        ]

    def fraction(self, model: RSMI, table: Tensor) -> Quantity:
        """Learned bound of a rule over the bound with the exact predictor on the same windows.

        Both share the fluctuations of the windows, so the ratio tells what the predictor loses
        far more sharply than the difference of the two values.
        """
        exact = self._predicted(table)
        learned = held_out_sums(model, self.held_out, table)
        width = exact.shape[1]

        def ratio(sums: Tensor) -> Tensor:
            return predictive_bound(sums[:, :width]) / predictive_bound(sums[:, width:])

        both = torch.cat([learned.blocks, exact], 1)
        value = float(ratio(both.sum(0, keepdim=True)))
        training = learned.training / float(predictive_bound(exact.sum(0, keepdim=True)))
        error = math.hypot(bootstrap_error(both, ratio), training)
        estimate = Estimate(value, error, "lower", "1")
        return Quantity.of("information.learned.fraction", estimate, 1.0)

    def _optimum(self, n_hidden: int, z2: Literal["impose", "allow"]) -> Tensor:
        """The best rule at as many environments as the search can hold."""
        step = -(-len(self.held_out.e) // max(1, _OPTIMUM >> self._window.n_visible))
        posterior = self._solve(self.held_out.e[::step])
        if z2 == "allow" and self._both:
            posterior = torch.cat([posterior, posterior.flip(1)])
        return best_rule(posterior, n_symbols=1 << n_hidden, z2=z2)[0]

    def _sums(self, tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sufficient statistics of the whole block and of each rule."""
        none = torch.zeros(1 << self._window.n_visible, 0, dtype=torch.float64)
        joined = torch.cat([none, *(table.double() for table in tables.values())], 1)
        widths = [table.shape[1] for table in tables.values()]
        found = {name: self._none(width) for name, width in zip(tables, widths, strict=True)}
        full = self._none(1 << self._window.n_visible)
        for posterior, _, groups in self._parts():
            full += _scored(posterior, posterior, groups, len(full))
            for flipped in self._signs(posterior):
                columns = (flipped @ joined).split(widths, 1)
                for name, p in zip(tables, columns, strict=True):
                    found[name] += _scored(p, p, groups, len(full))
        return {"full": symmetrised(full) if self._both else full} | found

    def _predicted(self, table: Tensor) -> Tensor:
        """Statistics of a rule's bound with the exact predictor, as `held_out_sums` counts them."""
        total = self._none(table.shape[1])
        for posterior, v, groups in self._parts():
            for sign, flipped in zip((1, -1), self._signs(posterior), strict=False):
                p = table[state_index(sign * v)]
                total += _scored(p, flipped @ table, groups, len(total))
        return total

    def _signs(self, posterior: Tensor) -> list[Tensor]:
        """p(v|e), and p(v|-e) where averages are taken over both signs."""
        return [posterior, posterior.flip(1)] if self._both else [posterior]

    @property
    def _both(self) -> bool:
        return self.held_out.symmetry.symmetrises("allow")

    def _none(self, width: int) -> Tensor:
        return torch.zeros(int(self.held_out.groups.max()) + 1, width + 2, dtype=torch.float64)

    def _parts(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """p(v|e), v and labels of some windows after the other."""
        size = max(1, _CHUNK >> self._window.n_visible)
        held = self.held_out
        for v, e, groups in zip(
            *(x.split(size) for x in (held.v, held.e, held.groups)), strict=True
        ):
            yield self._solve(e), v, groups

    def _solve(self, e: Tensor) -> Tensor:
        rows, columns = self._window.block
        rings = e[:, self._window.nearest_shell]
        return ring_posterior(rings, self._coupling, (rows, columns), self._window.buffer)


def _scored(p: Tensor, q: Tensor, groups: Tensor, labels: int) -> Tensor:
    """Sums of p and of its score by a predictor q, (labels, K + 2)."""
    score = torch.where(p > 0, p * q.log(), 0.0).sum(1, keepdim=True)
    sums = block_sums(torch.cat([p, score], 1), groups)
    return F.pad(sums, (0, 0, 0, labels - len(sums)))
