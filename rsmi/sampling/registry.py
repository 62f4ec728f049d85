"""The updates by name, so that commands and tests cover each one that is listed."""

from collections.abc import Mapping

from rsmi.errors import InputError, nearest
from rsmi.sampling.acceptance import MOST_AXES
from rsmi.sampling.interface import Sampler
from rsmi.sampling.ising import Ising
from rsmi.sampling.metropolis import Metropolis
from rsmi.sampling.multispin import LONGEST_ROW, Multispin
from rsmi.sampling.select import Method, Update, compiled
from rsmi.sampling.swendsen_wang import SwendsenWang
from rsmi.sampling.wolff import Wolff


def _reference(model: Ising, seed: int, workers: int) -> Sampler:
    """Plain torch, whose operations have threads of their own."""
    return Metropolis(model, seed)


def _triton_metropolis(model: Ising, seed: int, workers: int) -> Sampler:
    """Triton is imported when it is asked for, since it is not on every machine."""
    from rsmi.sampling.gpu.metropolis import TritonMetropolis

    return TritonMetropolis(model, seed)


def _triton_swendsen_wang(model: Ising, seed: int, workers: int) -> Sampler:
    """Triton is imported when it is asked for, since it is not on every machine."""
    from rsmi.sampling.gpu.swendsen_wang import TritonSwendsenWang

    return TritonSwendsenWang(model, seed)


def _packable(model: Ising) -> bool:
    """Whether the bit-packed kernels know the lattice."""
    return len(model.shape) <= MOST_AXES and model.shape[-1] <= LONGEST_ROW


registry: Mapping[str, Update[Ising]] = {
    "swendsen_wang": Update(
        {"numba": Method(SwendsenWang), "triton": Method(_triton_swendsen_wang, ("cuda",))}
    ),
    "metropolis": Update(
        {
            "multispin": Method(Multispin, knows=_packable),
            "triton": Method(_triton_metropolis, ("cuda",), _packable),
            "reference": Method(_reference, ("cpu", "cuda")),
        }
    ),
    "wolff": compiled(Wolff),
}
"""Update name -> update, the default first; called with (model, seed) it gives a sampler."""


def find_update(name: str) -> Update[Ising]:
    """The update with this name.

    Raises:
        InputError: there is no such update.

    >>> find_update("metropolis").choose(Ising((8, 8), 0.4))
    'multispin'
    """
    if name not in registry:
        raise InputError(
            f"update is {name!r}; {nearest(name, registry)}expected one of "
            f"{', '.join(sorted(registry))}; choose one of them"
        )
    return registry[name]
