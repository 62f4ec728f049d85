"""The information of rules, from samples: exact conditionals where the model is known, or bounds."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from rsmi.information import best_rule, sampled_information
from rsmi.lattice import Window
from rsmi.learning.data import HeldOut, WindowData
from rsmi.learning.learn import held_out_information
from rsmi.learning.rsmi import RSMI
from rsmi.report import Quantity
from rsmi.sampling.exact import ring_posterior
from rsmi.storage import Samples, open_samples

_MOST_RINGS = 1 << 18


def bounds(model: RSMI, held_out: HeldOut, tables: Mapping[str, Tensor]) -> list[Quantity]:
    """Held-out lower bounds of any rules from one learned posterior."""
    return [
        Quantity.of(f"information.{name}", held_out_information(model, held_out, table))
        for name, table in tables.items()
    ]


def exact_values(
    data: WindowData,
    tables: Mapping[str, Tensor],
    n_hidden: int,
    z2: Literal["impose", "allow"],
) -> list[Quantity]:
    """I(H:E) of rules from exact conditionals p(v|e) of sampled environments.

    Only the average over environments is sampled, so kinds are `estimate`. Empty where the
    Hamiltonian is not known to be the square-lattice Ising model.
    """
    with open_samples(data.path) as samples:
        coupling = _coupling(samples)
    if coupling is None:
        return []
    posterior, groups = _posterior(data, coupling)
    optimum, _ = best_rule(posterior, n_hidden=n_hidden, z2=z2)
    named = {"full": torch.eye(posterior.shape[1]), "optimum": optimum, **tables}
    return [
        Quantity.of(
            f"information.exact.{name}", sampled_information(posterior, table, groups), z2=z2
        )
        for name, table in named.items()
    ]


def _coupling(samples: Samples) -> float | None:
    """K of a square-lattice Ising model, None for anything else."""
    if samples.model is None or samples.model["model"] != "ising" or len(samples.shape) != 2:
        return None
    return float(samples.model["coupling"])


def _posterior(data: WindowData, coupling: float) -> tuple[Tensor, Tensor]:
    """Exact p(v|e) of held-out environments, with their block labels."""
    held_out = data.test_windows()
    step = -(-len(held_out.e) // _MOST_RINGS)
    window: Window = data.window
    rings = held_out.e[::step][:, window.nearest_shell]
    return ring_posterior(rings, coupling, window.block, window.buffer), held_out.groups[::step]
