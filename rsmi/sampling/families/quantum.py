"""Ground states of quantum chains as samples of their |psi|^2."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import spins
from rsmi.sampling.families.interface import Engine, Example, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.graphs.running import check_configurations
from rsmi.sampling.quantum import (
    AmplitudeSampler,
    BornSampler,
    ExactWave,
    HeisenbergChain,
    QuantumChain,
    Training,
    TransverseIsingChain,
    VariationalState,
    energy_record,
    variational_ground_state,
)
from rsmi.sampling.select import Method, Update

EXACT, VARIATIONAL = "exact", "variational"
BASES = ("z", "x")

_TRAINING = Training()


class QuantumFamily(Family):
    """`shape` is [sites]; the ground state has no temperature.

    `exact` diagonalises and draws independently (up to 20 sites); `variational` trains a
    Boltzmann machine through NetKet first, and again when an interrupted run is resumed.
    """

    registry: ClassVar[Mapping[str, Update[Any]]] = {
        EXACT: Update({EXACT: Method(BornSampler)}, independent=True),
        VARIATIONAL: Update({VARIATIONAL: Method(AmplitudeSampler)}),
    }
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "basis": Parameter("text", "component of the spins that is shown", "z", BASES),
        "features": Parameter(
            "whole number", "variational: hidden units per site", _TRAINING.features
        ),
        "training_samples": Parameter(
            "whole number", "variational: configurations per step", _TRAINING.samples
        ),
        "training_steps": Parameter("whole number", "variational: steps", _TRAINING.steps),
        "learning_rate": Parameter("number", "variational: step length", _TRAINING.learning_rate),
    }

    def check_temperature(self, value: object, shape: tuple[float, ...]) -> None:
        """Raise InputError if there is one."""
        if value is not None:
            raise InputError(
                f"temperature is {value!r}, but model {self.name} is a ground state, at "
                "temperature 0; leave temperature out"
            )

    has_temperature: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example("", (8,)),)
    listed: ClassVar[str] = "the ground state of up to 20 spins"
    reported: ClassVar[tuple[str, ...]] = ("diagonal_energy",)
    unchecked: ClassVar[tuple[str, ...]] = ("energy",)

    @abstractmethod
    def chain(self, setup: Setup) -> QuantumChain:
        """The Hamiltonian."""

    def model(self, setup: Setup) -> Any:
        """The Hamiltonian with the quantities that a file can hold."""
        if len(setup.shape) != 1:
            raise InputError(
                f"shape is {list(setup.shape)}; model {self.name} is a chain; give one "
                "number of sites, such as [16]"
            )
        return ChainModel(self.chain(setup))

    def space(self, model: Any) -> Space:
        """Spins of a ring; the transverse field points along x and leaves no flip of that axis."""
        return Space.hypercubic(model.shape, spins(flip=model.chain.flips))

    def law(self, model: Any) -> tuple[Tensor, Tensor]:
        """|psi|^2 of up to 20 spins, by exact diagonalisation."""
        wave = ExactWave.ground_state(model.chain)
        probabilities = torch.from_numpy(wave.amplitudes) ** 2
        return torch.from_numpy(wave.configurations), probabilities / probabilities.sum()

    def engine(self, setup: Setup, model: Any, workers: int, device: str) -> Engine:
        """Independent draws from the exact state, or a Markov chain of the trained one."""
        self.registry[setup.update].choose(model, setup.method, device)  # before the training
        state = _ground_state(setup, model.chain)
        wave = state if isinstance(state, ExactWave) else state.wave
        found = super().engine(setup, wave, workers, device)
        return replace(found, facts=energy_record(state).attributes())

    def iteration(self, model: Any) -> str:
        """No."""
        return (
            "the chain is one axis of a system in space and time, and blocks would rescale space "
            "alone"
        )

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """The field where there is one; temperature 0."""
        field = getattr(model.chain, "field", None)
        return {"temperature": 0.0, **({} if field is None else {"field": field})}

    def units(self, model: Any) -> dict[str, str]:
        """Local energy, its diagonal part, magnetisation and staggered magnetisation."""
        return {"energy": "J", "diagonal_energy": "J", "magnetisation": "1", "staggered": "1"}

    def exact(self, model: Any) -> dict[str, float]:
        """Ground-state energy in closed form."""
        return {"energy": model.chain.exact_energy()}

    def observables(self, model: Any, states: Tensor) -> dict[str, Tensor]:
        """What the configurations alone tell: all of `units` but the local energy."""
        found: dict[str, Tensor] = model.observables(states)
        return found


def _ground_state(setup: Setup, chain: Any) -> ExactWave | VariationalState:
    """The state by diagonalisation, or by training a Boltzmann machine."""
    if setup.update == EXACT:
        return ExactWave.ground_state(chain)
    chosen = setup.parameters
    training = Training(
        chosen["features"],
        chosen["training_samples"],
        chosen["training_steps"],
        chosen["learning_rate"],
    )
    return variational_ground_state(chain, setup.seed, training)


@dataclass(frozen=True)
class ChainModel:
    """A quantum chain with what its configurations alone tell.

    Args:
        chain: the Hamiltonian.
    """

    chain: QuantumChain

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of spins, as a shape."""
        return (self.chain.sites,)

    def observables(self, configurations: Tensor) -> dict[str, Tensor]:
        """Diagonal part of the energy (J), sum of s and sum of (-1)^i s, (n,) each."""
        spins = check_configurations(configurations, self.shape, -1, 1)
        signs = 1 - 2 * (torch.arange(self.chain.sites) % 2)
        return {
            "diagonal_energy": torch.from_numpy(self.chain.diagonal(spins)),
            "magnetisation": configurations.sum(1, dtype=torch.int64),
            "staggered": (configurations * signs).sum(1, dtype=torch.int64),
        }


class TransverseIsingFamily(QuantumFamily):
    """Transverse-field Ising chain."""

    name: ClassVar[str] = "tfim"
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "field": Parameter("number", "transverse field g in units of J, critical at 1", 1.0),
        **QuantumFamily.parameters,
    }

    def chain(self, setup: Setup) -> TransverseIsingChain:
        """The Hamiltonian."""
        chosen = setup.parameters
        return TransverseIsingChain(setup.shape[0], chosen["field"], chosen["basis"])


class HeisenbergFamily(QuantumFamily):
    """Antiferromagnetic Heisenberg chain of spins 1/2."""

    name: ClassVar[str] = "heisenberg"

    def chain(self, setup: Setup) -> HeisenbergChain:
        """The Hamiltonian."""
        return HeisenbergChain(setup.shape[0], setup.parameters["basis"])
