"""Dimers with decoupled pairs of strongly coupled spins on their sites: noise without content."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.sampling.dimers.model import Dimers


@dataclass(frozen=True)
class DecoratedDimers:
    """Dimers with one spin on each site, coupled in pairs that know nothing of anything else.

    The sites 2 j and 2 j + 1 along the last axis form a pair with weight exp(K s s'). Strongly
    coupled pairs are strong correlations at distance one that say nothing about distances beyond: a
    rule that keeps what is relevant at large scales has to ignore them. A configuration is int8
    (axes + 1, *shape), the planes of bonds followed by the plane of spins.

    Args:
        dimers: a model whose last side is even, all sites present.
        coupling: K of the pairs, without unit; 2 makes 98 % of them parallel.

    Raises:
        InputError: an odd last side, missing sites, or a coupling that is not finite.

    Source: the noise test of Koch-Janusz, Ringel (2018), Nature Physics 14, 578, 1704.06279.

    >>> DecoratedDimers(Dimers((4, 4)), 2.0).configuration_shape
    (3, 4, 4)
    """

    dimers: Dimers
    coupling: float

    def __post_init__(self) -> None:
        if self.dimers.shape[-1] % 2 or not self.dimers.geometry.sites.all():
            raise InputError(
                f"the dimers live on {self.dimers.lattice!r} {self.dimers.shape} with boundary "
                f"{self.dimers.boundary!r}; pairs of spins need an even last side and all sites; "
                "choose a torus, or an open square lattice with an even last side"
            )
        if not math.isfinite(self.coupling):
            raise InputError(
                f"coupling is {self.coupling}; expected a finite number K of the spin pairs; give 2"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Sites along each axis."""
        return self.dimers.shape

    @property
    def configuration_shape(self) -> tuple[int, ...]:
        """Shape (axes + 1, *shape) of one configuration."""
        return (len(self.shape) + 1, *self.shape)

    def split(self, configurations: Tensor) -> tuple[Tensor, Tensor]:
        """Bonds int8 (n, axes, *shape) and spins int8 (n, *shape), both views.

        Raises:
            InputError: wrong type or shape.
        """
        self.check(configurations)
        return configurations[:, :-1], configurations[:, -1]

    def energy(self, configurations: Tensor) -> Tensor:
        """Energy of the dimers alone, int64 (n,), as in `Dimers.energy`."""
        return self.dimers.energy(self.split(configurations)[0])

    def magnetisation(self, configurations: Tensor) -> Tensor:
        """Orientation of the dimers, int64 (n,), as in `Dimers.magnetisation`."""
        return self.dimers.magnetisation(self.split(configurations)[0])

    def pair_energy(self, configurations: Tensor) -> Tensor:
        """Energy of the spin pairs, E = - sum over pairs of s s', int64 (n,).

        Its mean is -(number of pairs) tanh K, whatever the dimers do.
        """
        spins = self.split(configurations)[1]
        return -(spins[..., ::2] * spins[..., 1::2]).flatten(1).sum(1, dtype=torch.int64)

    def observables(self, configurations: Tensor) -> dict[str, Tensor]:
        """Those of the dimers, and "pair_energy"; int64 (n,) each."""
        found = self.dimers.observables(self.split(configurations)[0])
        return found | {"pair_energy": self.pair_energy(configurations)}

    def check(self, configurations: Tensor) -> None:
        """Raise InputError unless the tensor is int8 of shape (n, axes + 1, *shape)."""
        shape = self.configuration_shape
        if configurations.dtype != torch.int8 or configurations.shape[1:] != shape:
            raise InputError(
                f"configurations are {configurations.dtype} of shape "
                f"{tuple(configurations.shape)}; expected torch.int8 of shape "
                f"(n, {', '.join(map(str, shape))}), bonds and then spins; convert or reshape them"
            )
