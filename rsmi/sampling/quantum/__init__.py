"""Ground states of quantum spin chains as samples of |psi|^2."""

from rsmi.sampling.quantum.chains import (
    HeisenbergChain,
    QuantumChain,
    TransverseIsingChain,
    bethe_energy,
)
from rsmi.sampling.quantum.diagonalise import ground_state, hamiltonian, sector
from rsmi.sampling.quantum.record import EnergyRecord, energy_record
from rsmi.sampling.quantum.samplers import AmplitudeSampler, BornSampler
from rsmi.sampling.quantum.variational import (
    Training,
    VariationalState,
    variational_ground_state,
)
from rsmi.sampling.quantum.waves import ExactWave, RbmWave, Wave

__all__ = [
    "AmplitudeSampler",
    "BornSampler",
    "EnergyRecord",
    "ExactWave",
    "HeisenbergChain",
    "QuantumChain",
    "RbmWave",
    "Training",
    "TransverseIsingChain",
    "VariationalState",
    "Wave",
    "bethe_energy",
    "energy_record",
    "ground_state",
    "hamiltonian",
    "sector",
    "variational_ground_state",
]
