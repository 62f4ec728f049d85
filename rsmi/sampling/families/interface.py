"""What a recipe needs to know of a model: how it is built, updated, stored and measured."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information import Estimate, entropy
from rsmi.lattice import Space, Window, place
from rsmi.sampling.chains import observables
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.sampling.exact.window import WindowPosterior, enumerated_window, exact_window
from rsmi.sampling.families.parameters import Parameter, complete
from rsmi.sampling.families.planes import up
from rsmi.sampling.interface import Sampler
from rsmi.sampling.pair import PairInteraction
from rsmi.sampling.select import AUTO, Update

CRITICAL = "critical"
INFINITE = "inf"
_COULOMB = "electric and magnetic charges are those of dimers on a torus: bring samples of them"


@dataclass(frozen=True)
class Setup:
    """What a user chose; the parameters are complete.

    Args:
        shape: extents as the family counts them.
        temperature: in units of J, `critical`, or None for a family without one.
        parameters: all parameters of the family.
        update: name of an update of the family.
        seed: seed of the run.
        method: implementation of the update, "auto" for the fastest one on the device.
    """

    shape: tuple[int, ...]
    temperature: float | str | None
    parameters: Mapping[str, Any]
    update: str
    seed: int
    method: str = AUTO


@dataclass(frozen=True)
class Engine:
    """A sampler, and what the file says about it.

    Args:
        sampler: the update.
        method: what carries it out.
        device: where.
        independent: whether every sweep draws anew, so that nothing has to be equilibrated.
        facts: further root attributes of the file.
    """

    sampler: Sampler
    method: str
    device: str = "cpu"
    independent: bool = False
    facts: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """A small model that stands for many of its family in the table of what can be done.

    Args:
        said: what is special about it, for people.
        shape: small enough to list every configuration.
        temperature: as in a recipe.
        parameters: as in a recipe.
        update: the default one without.
    """

    said: str
    shape: tuple[int, ...]
    temperature: float | str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    update: str | None = None


class Family(ABC):
    """A kind of model that a recipe can name."""

    name: ClassVar[str]
    registry: ClassVar[Mapping[str, Update[Any]]]
    """Updates by name, the default first."""
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    encoding: ClassVar[str] = "spins: the stored +1 and -1 are the configurations"
    has_temperature: ClassVar[bool] = True
    energy_unit: ClassVar[str] = "J"
    unchecked: ClassVar[tuple[str, ...]] = ()
    """Observables that the configurations alone do not tell."""
    classes: ClassVar[tuple[type, ...]] = ()
    """Of its models, as samplers hold them."""
    examples: ClassVar[tuple[Example, ...]]
    """At least the plain model, and one where something cannot be done that others can."""
    listed: ClassVar[str] = "listing up to 4 million configurations"
    """How windows of small lattices are solved where transfer matrices are not."""
    reported: ClassVar[tuple[str, ...]] = ()
    """Observables beside energy and magnetisation whose mean per site `rsmi sample` shows."""

    @abstractmethod
    def model(self, setup: Setup) -> Any:
        """The model.

        Raises:
            InputError: from the model, where shape, temperature and parameters do not fit.
        """

    def engine(self, setup: Setup, model: Any, workers: int, device: str) -> Engine:
        """The update on the model, by the method that was chosen or the fastest on the device.

        Raises:
            InputError: an unknown method or device, or one that cannot work on this model.
        """
        update = self.registry[setup.update]
        method = update.choose(model, setup.method, device)
        sampler = update(model, setup.seed, method, device, workers)
        return Engine(sampler, method, device, update.independent)

    @property
    def updates(self) -> tuple[str, ...]:
        """Names of the updates, the default first."""
        return tuple(self.registry)

    def methods(self, update: str) -> tuple[str, ...]:
        """Names of the methods that carry out an update, beside "auto"."""
        return tuple(self.registry[update].methods)

    def check_method(self, update: str, method: str) -> str:
        """The name of a method, if the update has it.

        Raises:
            InputError: the update has no such method; the message lists those it has.
        """
        return self.registry[update].check_method(method)

    @abstractmethod
    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """What the file says of the Hamiltonian; `temperature` is among it."""

    def check_temperature(self, value: object, shape: tuple[float, ...]) -> float | str | None:
        """The temperature of a recipe, checked.

        Raises:
            InputError: a value that is none, or a name that the family does not know.
        """
        if value == CRITICAL:
            self.check_critical(shape)
            return CRITICAL
        if value == INFINITE:
            return math.inf
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not value > 0:  # type: ignore[operator]
            raise InputError(
                f"temperature is {value!r}; {nearest(value, [CRITICAL])}expected a number above 0 "
                f"in units of {self.energy_unit}, 'inf', or 'critical' where it is known exactly"
            )
        return value  # type: ignore[return-value]

    def check_critical(self, shape: tuple[float, ...]) -> None:
        """Raise InputError unless the critical temperature is known exactly."""
        raise InputError(
            f"the critical temperature of model {self.name} is not known exactly; give "
            "temperature as a number"
        )

    def coupling(self, setup: Setup) -> float:
        """K = 1 / T, exactly zero at infinite temperature and exact where it is `critical`."""
        if setup.temperature == CRITICAL:
            return self.critical_coupling(setup)
        return 1 / float(setup.temperature)  # type: ignore[arg-type]

    def critical_coupling(self, setup: Setup) -> float:
        """K of the critical point; called after `check_critical`."""
        raise NotImplementedError

    @abstractmethod
    def space(self, model: Any) -> Space:
        """Where the letters of a configuration live, and what leaves its weight alike.

        Raises:
            InputError: for a lattice whose sites are not alike, with the reason.
        """

    def letters(self, model: Any, states: Tensor) -> Tensor:
        """States as letters of the space, int8 (n, *cells, sites of a cell): 0 for -1, 1 for +1."""
        return up(states)

    def iteration(self, model: Any) -> str:
        """Why no rule can be iterated on its letters, in physical terms; empty where one can."""
        return f"nothing is known of how a model {self.name} is rescaled"

    def critical(self, model: Any) -> CriticalPoint | None:
        """The critical point that the model is meant for; None where it is unknown."""
        return None

    def pair(self, model: Any) -> PairInteraction | None:
        """Its energy as tables over bonds and sites of a hypercubic lattice, if it is such a sum.

        With it windows are solved by transfer matrices, also on infinite lattices.
        """
        return None

    def bonds(self, model: Any) -> tuple[PairInteraction, Tensor] | None:
        """Its energy as tables over bonds and sites, and the bonds, int64 (n, 2), if it is such.

        Sites are numbered as letters lie in the space; all bonds are alike, and all sites.
        """
        pair = self.pair(model)
        return None if pair is None else (pair, self.space(model).bonds)

    def configurations(self, model: Any) -> Tensor:
        """Every state of a small model, once each.

        Raises:
            InputError: too many.
        """
        raise NotImplementedError

    def law(self, model: Any) -> tuple[Tensor, Tensor]:
        """Every state of a small model with its probability, float64 (n,), which sum to 1.

        Raises:
            InputError: too many states; the message says how many are supported.
        """
        states = self.configurations(model)
        exponent = -model.coupling * model.energy(states).double()
        return states, torch.softmax(exponent, 0)

    def enumerate(self, model: Any) -> tuple[Tensor, Tensor]:
        """Every configuration of a small model with its probability.

        Returns:
            letters int8 (n, *cells, sites of a cell) and float64 (n,), which sum to 1.

        Raises:
            InputError: too many configurations; the message says how many are supported.
        """
        states, probabilities = self.law(model)
        return self.letters(model, states), probabilities

    def closed_entropy(self, model: Any) -> float | None:
        """Entropy of a configuration in closed form, in nats; None where there is none.

        Letters that do not see each other, as at infinite temperature, have ln q on each site.
        """
        pair = self.pair(model)
        if pair is None or bool(pair.bond.any()) or bool(pair.site.any()):
            return None
        return self.sites(model) * math.log(pair.n_letters)

    def entropy(self, model: Any) -> Estimate:
        r"""Entropy of a configuration, :math:`H(X) = -\sum_x p(x) \ln p(x)`, exact, in nats.

        Raises:
            InputError: there is no closed form, and there are too many configurations to list.
        """
        known = self.closed_entropy(model)
        if known is not None:
            return Estimate(known, 0.0, "exact")
        try:
            _, probabilities = self.law(model)
        except InputError as error:
            raise InputError(
                f"the entropy of model {self.name} is not known here in closed form; {error}"
            ) from None
        return Estimate(float(entropy(probabilities)), 0.0, "exact")

    def recorded(self, shape: tuple[int, ...], couplings: Mapping[str, float]) -> Any | None:
        """The model of a file without a recipe; None where lattice and couplings say too little.

        Args:
            shape: of one stored configuration.
            couplings: numbers by name, as `couplings` gives them.
        """
        return None

    def setup(
        self, shape: Sequence[float], temperature: object, parameters: object, seed: int = 0
    ) -> Setup:
        """What a user names, checked, on a lattice that may be infinite.

        Args:
            shape: extents; those that are infinite only say that there is such an axis.
            temperature: as in a recipe; None for families without one.
            parameters: as in a recipe.
            seed: of the default update.

        Raises:
            InputError: as for a recipe.
        """
        finite = tuple(int(extent) if math.isfinite(extent) else 2 for extent in shape)
        chosen = complete(self.name, self.parameters, parameters)
        at = self.check_temperature(temperature, tuple(shape))
        return Setup(finite, at, chosen, self.updates[0], seed)

    def built(self, shape: Sequence[float], temperature: object, parameters: object) -> Any:
        """The model of `setup`, likewise."""
        return self.model(self.setup(shape, temperature, parameters))

    def solve(self, model: Any, shape: Sequence[float], window: Window) -> WindowPosterior:
        """A window solved exactly: by transfer matrices where they can, else by enumeration.

        Args:
            model: from `built`.
            shape: extents, which may be infinite where there are transfer matrices.
            window: in the space of the model.

        Raises:
            InputError: a window that does not fit, or a problem too large.
        """
        pair = self.pair(model)
        if pair is not None and window.block and window.environment is None and not window.at:
            return exact_window(shape, pair, window.block, window.buffer)
        if not all(map(math.isfinite, shape)):
            raise InputError(
                f"shape is {list(shape)}; model {self.name} and {window} are solved by listing "
                "every configuration, which takes finite extents; transfer matrices of infinite "
                "lattices take models of bonds and sites, a block, and all beyond the buffer"
            )
        return enumerated_window(*self.enumerate(model), place(window, self.space(model)))

    def sites(self, model: Any) -> int:
        """Number of sites, by which totals are divided."""
        return math.prod(model.shape)

    def stored_shape(self, model: Any) -> tuple[int, ...]:
        """Shape of one stored configuration of +1 and -1."""
        return tuple(model.shape)

    def encode(self, model: Any, states: Tensor) -> Tensor:
        """States as stored configurations, int8 (n, *stored_shape) of +1 and -1."""
        return states

    def decode(self, model: Any, stored: Tensor) -> Tensor:
        """Undo `encode`."""
        return stored

    def units(self, model: Any) -> dict[str, str]:
        """Unit of every observable by name."""
        return {"energy": self.energy_unit, "magnetisation": "1"}

    def observables(self, model: Any, states: Tensor) -> dict[str, Tensor]:
        """Every observable of `units` from the states, (n,) each."""
        return observables(model, states)

    def exact(self, model: Any) -> dict[str, float]:
        """Exact means of observables (totals) that are known in closed form, by name."""
        return {}

    def heights(self, model: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        """The height field in units of its period, float32 (n, *cells), and whether it is
        periodic, so that it has a value at each place, bool (n,).

        Raises:
            InputError: the model has none.
        """
        raise InputError(f"model {self.name} has no height field; {_COULOMB}")

    def defects(self, model: Any, states: Tensor, seed: int, first: int) -> Tensor:
        """Counts (n, *cells) of two defects at each displacement, in units that all sizes share.

        Args:
            model: as `model` gives it.
            states: equilibrated configurations without any.
            seed: of the walks of the defects.
            first: index of the first state in the whole data set.

        Raises:
            InputError: the model has none.
        """
        raise InputError(f"model {self.name} has no defects that can be counted; {_COULOMB}")
