"""The updates by name, so that commands and tests cover each one that is listed."""

from collections.abc import Callable, Mapping

from rsmi.errors import InputError
from rsmi.sampling.interface import Sampler
from rsmi.sampling.metropolis import Metropolis
from rsmi.sampling.swendsen_wang import SwendsenWang

registry: Mapping[str, Callable[..., Sampler]] = {
    "swendsen_wang": SwendsenWang,
    "metropolis": Metropolis,
}
"""Update name -> class; every class takes (model, seed) and possibly options of its own."""


def sampler_class(name: str) -> Callable[..., Sampler]:
    """Class of the update with this name.

    Raises:
        InputError: there is no such update.

    >>> sampler_class("metropolis").__name__
    'Metropolis'
    """
    if name not in registry:
        raise InputError(
            f"update is {name!r}; expected one of {', '.join(sorted(registry))}; choose one of them"
        )
    return registry[name]
