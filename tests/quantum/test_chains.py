"""Hamiltonians, exact energies and waves against independent constructions."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice.states import states
from rsmi.sampling.quantum import (
    ExactWave,
    HeisenbergChain,
    QuantumChain,
    RbmWave,
    TransverseIsingChain,
    bethe_energy,
    energy_record,
    ground_state,
    hamiltonian,
    sector,
)

Matrix = NDArray[np.complex128]
PAULI: dict[str, Matrix] = {
    "x": np.array([[0, 1], [1, 0]], dtype=complex),
    "y": np.array([[0, 1j], [-1j, 0]], dtype=complex),
    "z": np.array([[-1, 0], [0, 1]], dtype=complex),
}
CHAINS: list[QuantumChain] = [
    TransverseIsingChain(3, 0.7),
    TransverseIsingChain(6, 1.0),
    TransverseIsingChain(6, 1.3, "x"),
    TransverseIsingChain(5, 0.4, "x"),
    HeisenbergChain(4),
    HeisenbergChain(6, "x"),
]


def on_site(matrix: Matrix, site: int, sites: int) -> Matrix:
    """The operator on bit `site` of the state index, the lowest bit being the last factor."""
    return np.kron(np.kron(np.eye(2 ** (sites - 1 - site)), matrix), np.eye(2**site))


def textbook(chain: QuantumChain) -> Matrix:
    """H from Kronecker products of Pauli matrices, without any rotation."""
    n = chain.sites
    if isinstance(chain, HeisenbergChain):
        terms = [
            on_site(PAULI[a], i, n) @ on_site(PAULI[a], (i + 1) % n, n) / 4
            for a in "xyz"
            for i in range(n)
        ]
        return np.sum(terms, axis=0)
    assert isinstance(chain, TransverseIsingChain)
    order, field = ("z", "x") if chain.basis == "z" else ("x", "z")
    bonds = [on_site(PAULI[order], i, n) @ on_site(PAULI[order], (i + 1) % n, n) for i in range(n)]
    fields = [on_site(PAULI[field], i, n) for i in range(n)]
    return -np.sum(bonds, axis=0) - chain.field * np.sum(fields, axis=0)


@pytest.mark.parametrize("chain", CHAINS)
def test_ground_states_are_those_of_the_textbook_hamiltonian(chain: QuantumChain) -> None:
    energies, vectors = np.linalg.eigh(textbook(chain))
    energy, amplitudes = ground_state(chain)
    assert energy == pytest.approx(energies[0], abs=1e-12)
    assert energy == pytest.approx(chain.exact_energy(), abs=1e-12)
    law = np.zeros(2**chain.sites)
    law[(sector(chain) > 0) @ (1 << np.arange(chain.sites))] = amplitudes**2
    assert np.abs(law - np.abs(vectors[:, 0]) ** 2).max() < 1e-12


@pytest.mark.parametrize("chain", CHAINS)
def test_matrices_are_symmetric_without_a_sign_problem(chain: QuantumChain) -> None:
    matrix = hamiltonian(chain).toarray()
    assert np.abs(matrix - matrix.T).max() == 0
    assert (matrix - np.diag(np.diag(matrix))).max() <= 0


def test_lanczos_is_the_closed_form() -> None:
    for chain in (
        TransverseIsingChain(9, 0.3),
        TransverseIsingChain(8, 0.2, "x"),
        HeisenbergChain(10),
    ):
        assert ground_state(chain)[0] == pytest.approx(chain.exact_energy(), abs=1e-10)


def test_long_chains() -> None:
    assert TransverseIsingChain(2000, 1.0).exact_energy() / 2000 == pytest.approx(
        -4 / math.pi, abs=1e-6
    )
    # 1/n^2 approach with pi^2/12 and a logarithm
    assert bethe_energy(256) / 256 == pytest.approx(0.25 - math.log(2), abs=2e-5)
    assert bethe_energy(256) / 256 < 0.25 - math.log(2)


@pytest.mark.parametrize("chain", CHAINS)
def test_local_energy_of_an_eigenstate_is_constant(chain: QuantumChain) -> None:
    wave = ExactWave.ground_state(chain)
    spins = torch.from_numpy(wave.configurations)
    assert (wave.energy(spins) - chain.exact_energy()).abs().max() < 1e-9
    record = energy_record(wave)
    assert record.variance < 1e-20
    assert record.attributes()["quantum.energy_exact"] == chain.exact_energy()


@pytest.mark.parametrize("chain", CHAINS)
def test_local_energy_of_a_boltzmann_machine(chain: QuantumChain) -> None:
    """Its mean over psi^2 is the expectation of the matrix, its variance that of H."""
    rng = np.random.default_rng(3)
    wave = RbmWave(chain, *(0.3 * rng.normal(size=s) for s in (chain.sites, 4, (4, chain.sites))))
    every = sector(chain)
    psi = np.exp(wave.log_amplitudes(every))
    psi /= np.linalg.norm(psi)
    image = hamiltonian(chain) @ psi
    local = wave.energy(torch.from_numpy(every)).numpy()
    assert psi**2 @ local == pytest.approx(psi @ image, abs=1e-12)
    assert psi**2 @ local**2 == pytest.approx(image @ image, abs=1e-12)
    listed = ExactWave(chain, psi)
    assert listed.moments()[0] == pytest.approx(psi @ image, abs=1e-12)
    assert np.abs(listed.energy(torch.from_numpy(every)).numpy() - local).max() < 1e-9


def test_sectors() -> None:
    assert (sector(TransverseIsingChain(4, 1.0, "x")).prod(axis=1) == 1).all()
    assert (sector(HeisenbergChain(6)).sum(axis=1) == 0).all()
    assert len(sector(TransverseIsingChain(4, 1.0))) == len(states(4))


def test_the_heisenberg_operator_given_to_netket_is_ours() -> None:
    netket = pytest.importorskip("netket")
    from rsmi.sampling.quantum.variational import netket_operator

    chain = HeisenbergChain(4)
    operator = netket_operator(netket, chain)
    theirs = np.asarray(operator.to_dense())
    spins = np.asarray(operator.hilbert.all_states()).astype(np.int8)
    assert chain.allowed(spins).all()
    order = np.argsort((spins > 0) @ (1 << np.arange(4)))
    assert np.abs(theirs[np.ix_(order, order)] - hamiltonian(chain).toarray()).max() < 1e-12


def test_refusals() -> None:
    with pytest.raises(InputError, match="sites is 2; expected a whole number of at least 3"):
        TransverseIsingChain(2, 1.0)
    with pytest.raises(InputError, match="sites is 5; expected an even number, since Marshall"):
        HeisenbergChain(5)
    with pytest.raises(InputError, match="field is 0; expected a finite number above 0"):
        TransverseIsingChain(4, 0)
    with pytest.raises(InputError, match="field is nan; expected a finite number above 0"):
        TransverseIsingChain(4, math.nan)
    with pytest.raises(InputError, match="basis is 'y'; expected 'z' or 'x'"):
        HeisenbergChain(4, "y")  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"the chain has 22 spins; exact diagonalisation.*variational"
    ):
        ground_state(HeisenbergChain(22))
    with pytest.raises(InputError, match=r"amplitudes have shape \(3,\); expected one for each of"):
        ExactWave(HeisenbergChain(4), np.ones(3))
    with pytest.raises(InputError, match=r"visible bias has shape \(3,\) and weights \(2, 4\)"):
        RbmWave(HeisenbergChain(4), np.ones(3), np.ones(2), np.ones((2, 4)))
