"""A model on a lattice, as a user names it: what recipes, exact solutions and inputs have alike."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Self

from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import Space, Window
from rsmi.sampling.exact.window import WindowPosterior
from rsmi.sampling.families.interface import CRITICAL, INFINITE, Engine, Family
from rsmi.sampling.families.registry import DEFAULT, find_family


@dataclass(frozen=True)
class System:
    """A model on a lattice, which may be infinite along an axis.

    Args:
        shape: Extents as the model counts them; `inf` for an axis without end.
        model: Any model by its name.
        temperature: T in units of J; `critical` where it is known exactly, and the default where
            the model has a temperature; `inf`.
        parameters: Parameters of the model, such as `states: 3` or `crystal_field: 1.966`.

    Raises:
        InputError: For a model that is not known, or what does not fit it.

    >>> print(System((4, 4)), System((4, 4)).entropy())
    ising 4 x 4 at temperature critical 4.4827198 nats (exact)
    """

    shape: tuple[float | Literal["inf"], ...]
    model: str = DEFAULT
    temperature: float | str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(map(_extent, self.shape)))
        if self.temperature is None and self.family.has_temperature:
            object.__setattr__(self, "temperature", CRITICAL)

    @property
    def family(self) -> Family:
        """The kind of model."""
        return find_family(self.model)

    @property
    def extents(self) -> tuple[float, ...]:
        """The shape as numbers."""
        return tuple(map(float, self.shape))

    @property
    def finite(self) -> bool:
        """Whether the lattice ends along every axis."""
        return all(map(math.isfinite, self.extents))

    @cached_property
    def built(self) -> Any:
        """The model itself; of an axis without end two sites."""
        return self.family.built(self.extents, self.temperature, self.parameters)

    @property
    def space(self) -> Space:
        """Where the letters of a configuration live; of an axis without end two cells."""
        return self.family.space(self.built)

    @property
    def coupling(self) -> float:
        """K = 1 / T."""
        return self.family.coupling(
            self.family.setup(self.extents, self.temperature, self.parameters)
        )

    def heated(self, coupling: float) -> Self:
        """The same at another K >= 0."""
        return replace(self, temperature=1 / coupling if coupling else INFINITE)

    def law(self) -> tuple[Tensor, Tensor]:
        """Every configuration as a sample file holds it, int8 (n, *stored shape), and p (n,).

        Raises:
            InputError: For too many configurations, or a lattice without end.
        """
        states, probabilities = self.family.law(self._ended("listing every configuration"))
        return self.family.encode(self.built, states), probabilities

    def entropy(self) -> Estimate:
        """Exact entropy of a configuration in nats, see `Family.entropy`."""
        return self.family.entropy(self._ended("the entropy of a configuration"))

    def solve(self, window: Window) -> WindowPosterior:
        """A window solved exactly, see `Family.solve`."""
        return self.family.solve(self.built, self.extents, window)

    def engine(self, seed: int) -> Engine:
        """The default update, on the CPU."""
        model = self._ended("drawing samples")
        setup = self.family.setup(self.extents, self.temperature, self.parameters, seed)
        return self.family.engine(setup, model, 1, "cpu")

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        at = f" at temperature {self.temperature}" if self.family.has_temperature else ""
        return f"{self.model} {size}{at}"

    def _ended(self, what: str) -> Any:
        if not self.finite:
            raise InputError(f"{what} takes a lattice that ends; {self} has an axis without end")
        return self.built


def _extent(given: object) -> float:
    """An extent as a whole number, or infinity."""
    extent = math.inf if given == INFINITE else given
    whole = isinstance(extent, int | float) and not isinstance(extent, bool) and extent >= 1
    if not whole or (math.isfinite(extent) and extent != int(extent)):  # type: ignore[arg-type, call-overload]
        raise InputError(f"an extent is {given!r}; expected a whole number of at least 1, or inf")
    return int(extent) if math.isfinite(extent) else math.inf  # type: ignore[arg-type, call-overload]
