"""The sections of `rsmi verify`; a new one is added here."""

from collections.abc import Callable, Mapping

from rsmi.cli.checks.check import Check
from rsmi.cli.checks.dimers import dimers
from rsmi.cli.checks.information import information
from rsmi.cli.checks.layers import layers
from rsmi.cli.checks.learning import learning
from rsmi.cli.checks.renormalization import renormalization
from rsmi.cli.checks.sampling import sampling
from rsmi.cli.checks.storage import storage
from rsmi.cli.checks.thermodynamics import thermodynamics

SECTIONS: Mapping[str, Callable[[], list[Check]]] = {
    "thermodynamics": thermodynamics,
    "information": information,
    "dimers": dimers,
    "sampling": sampling,
    "storage": storage,
    "renormalization": renormalization,
    "learning": learning,
    "layers": layers,
}
"""Section name -> its checks. What several checks share is computed when the first one asks."""
