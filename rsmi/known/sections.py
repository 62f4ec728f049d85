"""The sections of known values; a new one is added here."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from rsmi.errors import InputError, nearest
from rsmi.known.checking import Check, Verification, evaluate
from rsmi.known.dimers import dimers
from rsmi.known.information import information
from rsmi.known.layers import layers
from rsmi.known.learning import learning
from rsmi.known.operators import operators
from rsmi.known.renormalization import renormalization
from rsmi.known.sampling import sampling
from rsmi.known.storage import storage
from rsmi.known.theory import theory
from rsmi.known.thermodynamics import thermodynamics

SECTIONS: Mapping[str, Callable[[], list[Check]]] = {
    "thermodynamics": thermodynamics,
    "information": information,
    "dimers": dimers,
    "sampling": sampling,
    "storage": storage,
    "renormalization": renormalization,
    "operators": operators,
    "learning": learning,
    "layers": layers,
    "theory": theory,
}
"""Section name -> its checks. What several checks share is computed when the first one asks."""


def check(*sections: str) -> Verification:
    """Compute known values again.

    Args:
        *sections: Names from `SECTIONS`; all of them without.

    Returns:
        Every value beside the known one; `passed` says whether all agree.

    Raises:
        InputError: For a name that is no section.

    >>> check("thermodynamics").passed
    True
    """
    if unknown := [name for name in sections if name not in SECTIONS]:
        raise InputError(
            f"unknown section {', '.join(map(repr, unknown))}; {nearest(unknown[0], SECTIONS)}"
            f"expected {', '.join(SECTIONS)}"
        )
    chosen = [name for name in SECTIONS if name in sections or not sections]
    with _one_thread():
        return Verification([evaluate(known) for name in chosen for known in SECTIONS[name]()])


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch on one thread: on a busy machine small tensors wait for the others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
