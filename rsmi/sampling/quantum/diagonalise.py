"""Exact diagonalisation of short chains, in the sector of the ground state."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import eigsh

from rsmi.errors import InputError
from rsmi.lattice.states import states
from rsmi.sampling.quantum.chains import QuantumChain

MAX_SITES = 20
_DENSE = 16


def sector(chain: QuantumChain) -> NDArray[np.int8]:
    """All configurations of the ground state's sector in order of their state index.

    Args:
        chain: at most 20 spins.

    Returns:
        int8 (dimension, sites).

    Raises:
        InputError: more than 20 spins.

    >>> from rsmi.sampling.quantum.chains import HeisenbergChain
    >>> len(sector(HeisenbergChain(4)))
    6
    """
    if chain.sites > MAX_SITES:
        raise InputError(
            f"the chain has {chain.sites} spins; exact diagonalisation is supported up to "
            f"{MAX_SITES}; use variational_ground_state for longer chains"
        )
    every = states(chain.sites).numpy()
    return np.ascontiguousarray(every[chain.allowed(every)])


def hamiltonian(chain: QuantumChain) -> Any:
    """Sparse matrix of H in the basis of `sector`, scipy csr, units of J.

    Args:
        chain: at most 20 spins.

    Raises:
        InputError: more than 20 spins.

    >>> from rsmi.sampling.quantum.chains import TransverseIsingChain
    >>> hamiltonian(TransverseIsingChain(4, 1.0)).shape
    (16, 16)
    """
    spins = sector(chain)
    index = _numbers(spins)
    place = np.full(1 << chain.sites, -1)
    place[index] = np.arange(len(spins))
    here = np.arange(len(spins))
    rows, columns, values = [here], [here], [chain.diagonal(spins)]
    elements = chain.elements(spins)
    for move, flips in enumerate(chain.moves()):
        present = elements[:, move] != 0
        rows.append(place[_numbers(spins[present] * flips)])
        columns.append(here[present])
        values.append(elements[present, move])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_matrix(entries, shape=(len(spins), len(spins))).tocsr()


def ground_state(chain: QuantumChain) -> tuple[float, NDArray[np.float64]]:
    """Lowest energy and its amplitudes, all positive, in the basis of `sector`.

    Args:
        chain: at most 20 spins.

    Returns:
        Energy in units of J, and amplitudes (dimension,) of norm 1.

    Raises:
        InputError: more than 20 spins.

    >>> from rsmi.sampling.quantum.chains import HeisenbergChain
    >>> energy, amplitudes = ground_state(HeisenbergChain(4))
    >>> round(energy, 12), (amplitudes**2).round(4).tolist()
    (-2.0, [0.0833, 0.3333, 0.0833, 0.0833, 0.3333, 0.0833])
    """
    matrix = hamiltonian(chain)
    size = matrix.shape[0]
    if size <= _DENSE:
        energies, vectors = np.linalg.eigh(matrix.toarray())
    else:
        # The start is positive and symmetric, so near-degenerate states of other parity stay out.
        start = np.full(size, 1 / math.sqrt(size))
        energies, vectors = eigsh(matrix, k=1, which="SA", v0=start, tol=1e-14)
    amplitudes = np.abs(vectors[:, 0])
    return float(energies[0]), np.asarray(amplitudes / np.linalg.norm(amplitudes))


def _numbers(spins: NDArray[np.int8]) -> NDArray[np.int64]:
    """State index of configurations (n, sites): bit i is 1 where spin i is +1."""
    return (spins > 0) @ (1 << np.arange(spins.shape[1]))
