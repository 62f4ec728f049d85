"""Variational Monte Carlo of longer chains through NetKet."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate
from rsmi.sampling.graphs.streams import GraphStream
from rsmi.sampling.quantum.chains import HeisenbergChain, QuantumChain, TransverseIsingChain
from rsmi.sampling.quantum.waves import RbmWave
from rsmi.sampling.random import check_seed, fill_uint64

Floats = NDArray[np.float64]

CHAINS = 16
FINAL_FACTOR = 8
SHIFT_START, SHIFT_DECAY, SHIFT_END = 0.1, 0.97, 0.001
"""Diagonal shift of stochastic reconfiguration: large at first, when the matrix is mostly noise,
then small. A constant one was seen to diverge with four features per site."""

_NETKET_CONFIGURATIONS = "\N{GREEK SMALL LETTER SIGMA}"


@dataclass(frozen=True)
class Training:
    """How a Boltzmann machine with translation symmetry is trained by stochastic reconfiguration.

    Args:
        features: hidden units per site, at least 1.
        samples: configurations per step, at least 16.
        steps: steps of stochastic reconfiguration.
        learning_rate: length of a step.

    The defaults bring the critical transverse-field Ising chain of 32 spins to 1e-5 of its exact
    energy; two features per site end near 1e-4.

    Raises:
        InputError: numbers out of range.

    Source: Sorella (1998), Phys. Rev. Lett. 80, 4558, cond-mat/9803107.
    """

    features: int = 4
    samples: int = 1024
    steps: int = 300
    learning_rate: float = 0.05

    def __post_init__(self) -> None:
        least = min(self.features, self.samples // CHAINS, self.steps)
        if least < 1 or not 0 < self.learning_rate < 1:
            raise InputError(
                f"training has features {self.features}, samples {self.samples}, steps "
                f"{self.steps} and learning_rate {self.learning_rate}; expected at least 1, "
                f"{CHAINS}, 1, and a rate between 0 and 1"
            )


@dataclass(frozen=True, eq=False)
class VariationalState:
    """A trained wave function, with its energy against the exact value.

    Args:
        wave: the wave function.
        energy: mean of the local energy, units of J, an upper bound on the exact value up to its
            sampling error, which comes from NetKet's independent chains.
        variance: variance of the local energy, J^2; 0 for an eigenstate.
        exact: ground-state energy in closed form, units of J.
        history: energy after every step, (steps,).
        method: what was used, for the file.
    """

    wave: RbmWave
    energy: Estimate
    variance: float
    exact: float
    history: Floats
    method: str

    @property
    def relative_error(self) -> float:
        """(E - E_exact) / |E_exact|."""
        return (self.energy.value - self.exact) / abs(self.exact)

    @property
    def v_score(self) -> float:
        """n Var(H) / E^2, which needs no exact energy; 0 for an eigenstate, 1 for a random state.

        Source: Wu et al. (2024), Science 386, 296, arXiv:2302.04919.
        """
        return self.wave.chain.sites * self.variance / self.energy.value**2

    def __str__(self) -> str:
        return (
            f"E = {self.energy}, exact {self.exact:.6f}, relative error {self.relative_error:.1e}, "
            f"variance {self.variance:.1e} J^2, V-score {self.v_score:.1e}"
        )


def variational_ground_state(
    chain: TransverseIsingChain | HeisenbergChain, seed: int, training: Training | None = None
) -> VariationalState:
    """Train a restricted Boltzmann machine to the ground state of a chain.

    The amplitudes are positive, as those of the ground state are in these bases. Equal arguments
    give equal weights on one machine; JAX promises no equal bytes between machines.

    Args:
        chain: transverse-field Ising or Heisenberg chain.
        seed: 0 <= seed < 2**63.
        training: how; None for the defaults.

    Returns:
        The state; draw configurations from it with `AmplitudeSampler(state.wave, seed)`.

    Raises:
        InputError: NetKet is not installed, or a bad seed.
        AnalysisError: the training ends with an energy that is not finite.
    """
    check_seed(seed)
    netket = _netket()
    how = training or Training()
    operator, sampler, graph = _problem(netket, chain)
    machine = netket.models.RBMSymm(
        symmetries=graph.translation_group(), alpha=how.features, param_dtype=float
    )
    state = netket.vqs.MCState(
        sampler, machine, n_samples=how.samples, seed=seed % 2**31, sampler_seed=seed // 2 % 2**31
    )
    chains = {_NETKET_CONFIGURATIONS: _start(chain, seed)}
    state.sampler_state = state.sampler_state.replace(**chains)
    history = _train(netket, operator, state, how)
    state.n_samples = FINAL_FACTOR * how.samples
    energy, variance = _measured(state, operator)
    return VariationalState(
        wave=_wave(chain, state.parameters),
        energy=energy,
        variance=variance,
        exact=chain.exact_energy(),
        history=history,
        method=f"variational Monte Carlo, NetKet {netket.__version__}",
    )


def netket_operator(netket: Any, chain: TransverseIsingChain | HeisenbergChain) -> Any:
    """The Hamiltonian of a chain as NetKet's operator, in the rotated basis of `QuantumChain`."""
    return _problem(netket, chain)[0]


def _netket() -> Any:
    try:
        return importlib.import_module("netket")
    except ImportError:
        raise InputError(
            "variational Monte Carlo runs through NetKet, which is not installed; expected the "
            "package netket; run: pip install netket, or use ExactWave for up to 20 spins"
        ) from None


def _problem(netket: Any, chain: TransverseIsingChain | HeisenbergChain) -> tuple[Any, ...]:
    """Hamiltonian, sampler and graph."""
    graph = netket.graph.Chain(chain.sites)
    if isinstance(chain, HeisenbergChain):
        space = netket.hilbert.Spin(0.5, chain.sites, total_sz=0)
        operator = netket.operator.Heisenberg(space, graph, J=0.25, sign_rule=True)
        sampler = netket.sampler.MetropolisExchange(space, graph=graph, n_chains=CHAINS)
        return operator, sampler, graph
    space = netket.hilbert.Spin(0.5, chain.sites)
    operator = _transverse_ising(netket, space, chain)
    if chain.basis == "z":
        return operator, netket.sampler.MetropolisLocal(space, n_chains=CHAINS), graph
    # Moves of the Hamiltonian flip pairs and so stay in the sector of the start.
    sampler = netket.sampler.MetropolisHamiltonian(space, hamiltonian=operator, n_chains=CHAINS)
    return operator, sampler, graph


def _transverse_ising(netket: Any, space: Any, chain: TransverseIsingChain) -> Any:
    """The transverse-field Ising chain with the measured component along NetKet's z axis."""
    spin, sites = netket.operator.spin, range(chain.sites)
    along, across = spin.sigmaz, spin.sigmax
    order, field = (along, across) if chain.basis == "z" else (across, along)
    pairs = [order(space, i) @ order(space, (i + 1) % chain.sites) for i in sites]
    return -sum(pairs) - chain.field * sum(field(space, i) for i in sites)


def _start(chain: QuantumChain, seed: int) -> NDArray[np.int8]:
    """Random configurations in the sector of the ground state, one for each of NetKet's chains."""
    padded = chain.sites + chain.sites % 2
    words = np.empty((CHAINS, padded), dtype=np.uint64)
    for number in range(CHAINS):
        fill_uint64(words[number], 0, number, 0, int(GraphStream.INITIAL), np.uint64(seed))
    return chain.hot(words[:, : chain.sites])


def _train(netket: Any, operator: Any, state: Any, how: Training) -> Floats:
    """Stochastic reconfiguration; returns the energy at every step."""
    schedules = importlib.import_module("optax")  # comes with NetKet
    shift = schedules.exponential_decay(SHIFT_START, 1, SHIFT_DECAY, end_value=SHIFT_END)
    driver = netket.driver.VMC(
        operator,
        netket.optimizer.Sgd(how.learning_rate),
        variational_state=state,
        preconditioner=netket.optimizer.SR(diag_shift=shift),
    )
    log = netket.logging.RuntimeLog()
    driver.run(how.steps, out=log, show_progress=False)
    return np.real(np.asarray(log.data["Energy"]["Mean"], dtype=np.complex128))


def _measured(state: Any, operator: Any) -> tuple[Estimate, float]:
    """Energy and variance of the trained state."""
    found = state.expect(operator)
    energy, error = float(np.real(found.mean)), float(found.error_of_mean)
    if not np.isfinite([energy, error]).all():
        raise AnalysisError(
            f"training ended with energy {energy} and error {error}; lower learning_rate or raise "
            "samples"
        )
    return Estimate(energy, error, "upper", "J", state.n_samples), float(found.variance)


def _wave(chain: QuantumChain, parameters: Any) -> RbmWave:
    """The symmetric machine written out: every feature at every translation."""
    kernel = np.asarray(parameters["Dense"]["kernel"], dtype=np.float64).reshape(-1, chain.sites)
    bias = np.asarray(parameters["Dense"]["bias"], dtype=np.float64)
    shifts = range(chain.sites)
    weights = np.stack([np.roll(feature, shift) for feature in kernel for shift in shifts])
    visible = np.full(chain.sites, float(parameters["visible_bias"][0]))
    return RbmWave(chain, visible, np.repeat(bias, chain.sites), weights)
