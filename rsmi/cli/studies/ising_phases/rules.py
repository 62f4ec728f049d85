"""Exact information of block rules about their environment."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from rsmi.cli.studies.ising_phases.networks import BLOCK
from rsmi.information import Estimate
from rsmi.layers import over_seeds, without_ties
from rsmi.learning import decimation, majority
from rsmi.report import Quantity
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import WindowPosterior, exact_window

_SHAPE, _BUFFER = (6, 6), 1
_KNOWN = {"full": 0.549401, "optimum": 0.461566, "majority": 0.461045, "decimation": 0.380566}
"""The same numbers from a full enumeration of the 6 x 6 torus, which shares no code with this."""
_SAME = {"RSMI": "optimum", "decimation": "decimation"}
"""RG layers that are one of these rules; that of the majority decides ties instead of drawing."""


@dataclass(frozen=True)
class Rules:
    """The window in which rules are valued, and the rules of the RG layers.

    Args:
        window: p(v|e) of a 2 x 2 block of the critical 6 x 6 torus, behind one row of buffer.
        tables: (16, 2) rules of 0 and 1 by name.
        quantities: Information of rules for which it is known independently.
    """

    window: WindowPosterior
    tables: dict[str, Tensor]
    quantities: list[Quantity]

    @classmethod
    def solved(cls) -> "Rules":
        """Solve the window, and find its best rule."""
        window = exact_window(_SHAPE, CRITICAL_COUPLING, BLOCK, _BUFFER)
        best, value = window.optimum(2, "impose")
        middle, first = majority(BLOCK).table(), decimation(BLOCK).table()
        found = {
            "full": window.full(),
            "optimum": value,
            "majority": window.rule(middle),
            "decimation": window.rule(first),
        }
        about = {"shape": _SHAPE, "block": BLOCK, "buffer": _BUFFER}
        quantities = [
            Quantity.of(f"information.exact.{name}", estimate, _KNOWN[name], **about)
            for name, estimate in found.items()
        ]
        tables = {"RSMI": best, "majority": middle, "decimation": first}
        return cls(window, {n: without_ties(t) for n, t in tables.items()}, quantities)

    def reference(self, name: str) -> float | None:
        """What I(H:E) of these RG layers is known to be."""
        return _KNOWN[_SAME[name]] if name in _SAME else None

    def kept(self, tables: Sequence[Tensor]) -> Estimate:
        """I(H:E) of a rule; of several the mean, with the error of their spread."""
        values = [self.window.rule(table) for table in tables]
        if len(values) == 1:
            return values[0]
        average = over_seeds(values)
        return Estimate(average.mean, average.seed_error, "estimate", n=average.n)
