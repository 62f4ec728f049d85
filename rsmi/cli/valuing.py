"""The information of rules: bounds from samples, exact conditionals where the model is known."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from rsmi.information import (
    Estimate,
    best_rule,
    bootstrap_error,
    predictive_bound,
    predictive_sums,
    sampled_information,
)
from rsmi.lattice import state_index
from rsmi.learning.data import WindowData
from rsmi.learning.learn import held_out_information, held_out_sums
from rsmi.learning.rsmi import RSMI
from rsmi.learning.windowed import HeldOut
from rsmi.report import Quantity
from rsmi.sampling.exact import ring_posterior

_MOST_RINGS = 1 << 18


def bounds(model: RSMI, held_out: HeldOut, tables: Mapping[str, Tensor]) -> list[Quantity]:
    """Held-out lower bounds of any rules from one learned posterior."""
    return [
        Quantity.of(f"information.{name}", held_out_information(model, held_out, table))
        for name, table in tables.items()
    ]


class ExactConditionals:
    """Exact p(v|e) at the environments of held-out windows of the square-lattice Ising model.

    Args:
        data: Where the windows come from.
        coupling: K = J/T.
    """

    def __init__(self, data: WindowData, coupling: float) -> None:
        every = data.test_windows()
        step = -(-len(every.e) // _MOST_RINGS)
        self.held_out = HeldOut(every.v[::step], every.e[::step], every.groups[::step])
        rings = self.held_out.e[:, data.window.nearest_shell]
        rows, columns = data.window.block
        self.posterior = ring_posterior(rings, coupling, (rows, columns), data.window.buffer)

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
        """I(H:E) of the whole block, the best rule and given rules; only e is sampled."""
        optimum, _ = best_rule(self.posterior, n_symbols=1 << n_hidden, z2=z2)
        whole = torch.eye(self.posterior.shape[1], dtype=torch.float64)
        named = {"full": whole, "optimum": optimum, **tables}
        return [
            Quantity.of(
                f"information.exact.{name}",
                sampled_information(self.posterior, table, self.held_out.groups),
            )
            for name, table in named.items()
        ]

    def fraction(self, model: RSMI, table: Tensor) -> Quantity:
        """Learned bound of a rule over the bound with the exact predictor on the same windows.

        Both share the fluctuations of the windows, so the ratio tells what the predictor loses
        far more sharply than the difference of the two values.
        """
        p = table[state_index(self.held_out.v)]
        exact = predictive_sums(p, (self.posterior @ table).log(), self.held_out.groups)
        learned = held_out_sums(model, self.held_out, table)
        width = exact.shape[1]

        def ratio(sums: Tensor) -> Tensor:
            return predictive_bound(sums[:, :width]) / predictive_bound(sums[:, width:])

        both = torch.cat([learned, exact], 1)
        value = float(ratio(both.sum(0, keepdim=True)))
        estimate = Estimate(value, bootstrap_error(both, ratio), "lower", "1")
        return Quantity.of("information.learned.fraction", estimate, 1.0)
