"""What was measured on one lattice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rsmi.cli.studies.averages import Reports, middle
from rsmi.information import Estimate


@dataclass
class Lattice:
    """All networks on one lattice, under their names.

    Args:
        size: Extent.
        reports: Of the layers, one report per seed.
        kept: I(T1;E) of the networks that apply one rule to every block, with the error of the
            seeds.
        each: The same seed by seed.
        accuracies: Shares of right answers of trained networks.
        best: The largest share there can be.
    """

    size: int
    best: Estimate
    reports: dict[str, Reports] = field(default_factory=dict)
    kept: dict[str, Estimate] = field(default_factory=dict)
    each: dict[str, Sequence[float]] = field(default_factory=dict)
    accuracies: dict[str, Sequence[float]] = field(default_factory=dict)

    def forgotten(self, name: str) -> list[float]:
        """H(X|T1), seed by seed."""
        return [middle(report["T1"].quantities["H(X|T)"]) for report in self.reports[name]]
