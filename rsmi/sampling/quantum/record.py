"""What a sample file says of the quantum state its configurations come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsmi.information.number import Estimate
from rsmi.sampling.quantum.chains import QuantumChain
from rsmi.sampling.quantum.variational import VariationalState
from rsmi.sampling.quantum.waves import ExactWave


@dataclass(frozen=True)
class EnergyRecord:
    """Energy of a state beside the exact ground-state energy, in units of J.

    Args:
        energy: mean energy with its error.
        variance: variance of H in the state, J^2; 0 for an eigenstate.
        exact: ground-state energy in closed form.
        basis: component of the spins that is shown.
        method: how the state was found.
        quality: further measures of a state that is not exact, by name.
    """

    energy: Estimate
    variance: float
    exact: float
    basis: str
    method: str
    quality: Mapping[str, float] = field(default_factory=dict)

    def attributes(self) -> dict[str, str | float]:
        """Root attributes of a sample file."""
        return {
            **{f"quantum.{name}": value for name, value in self.quality.items()},
            "quantum.energy": self.energy.value,
            "quantum.energy_error": self.energy.error,
            "quantum.energy_variance": self.variance,
            "quantum.energy_exact": self.exact,
            "quantum.basis": self.basis,
            "quantum.method": self.method,
        }


def energy_record(state: ExactWave | VariationalState) -> EnergyRecord:
    """Energy, error and variance of a ground state against the exact value.

    Args:
        state: from exact diagonalisation or from variational Monte Carlo.

    >>> from rsmi.sampling.quantum.chains import TransverseIsingChain
    >>> record = energy_record(ExactWave.ground_state(TransverseIsingChain(6, 1.0)))
    >>> abs(record.energy.value - record.exact) < 1e-12
    True
    """
    if isinstance(state, VariationalState):
        chain: QuantumChain = state.wave.chain
        quality = {"relative_error": state.relative_error, "v_score": state.v_score}
        return EnergyRecord(
            state.energy, state.variance, state.exact, chain.basis, state.method, quality
        )
    chain = state.chain
    energy, variance = state.moments()
    return EnergyRecord(
        Estimate(energy, 0.0, "exact", "J"),
        variance,
        chain.exact_energy(),
        chain.basis,
        "exact diagonalisation",
    )
