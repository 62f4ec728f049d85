"""The infinite Ising cylinder: exact conditionals from its transfer matrix."""

import itertools

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import states

MAX_CIRCUMFERENCE = 8
MAX_BLOCK_SITES = 10


def cylinder_posterior(
    circumference: int, coupling: float, block: tuple[int, int], buffer: int
) -> tuple[Tensor, Tensor]:
    r"""p(v | left column, right column) of an infinite cylinder and the columns' weights.

    The buffer is the rest of the block's columns and `buffer` full columns on each side; the
    environment is every column beyond, of which the nearest two screen all others. With the
    symmetric transfer matrix T and its dominant eigenvector psi,

    .. math:: p(l, v, r) \propto \psi_l \sum_{c_1 \dots c_b \ni v}
              (T^{B+1})_{l c_1} T_{c_1 c_2} \cdots (T^{B+1})_{c_b r}\, \psi_r

    Args:
        circumference: Sites around the cylinder, 2 to 8 (2 has double bonds).
        coupling: K = J/T.
        block: Sites around the cylinder and along it.
        buffer: Number of full buffer columns on each side.

    Returns:
        posterior (4**w, 2**n_v) float64, v in row-major order of the block, and weights
        (4**w,) summing to 1.

    Raises:
        InputError: For sizes out of range.

    >>> posterior, weights = cylinder_posterior(4, 0.44, (2, 2), 1)
    >>> posterior.shape
    torch.Size([256, 16])
    """
    _check(circumference, block, buffer)
    transfer, psi = transfer_matrix(circumference, coupling)
    across = torch.linalg.matrix_power(transfer, buffer + 1)
    pairs = torch.stack(
        [_paths(across, transfer, shown) for shown in states(block[0] * block[1]).view(-1, *block)]
    )
    joint = (psi[:, None] * pairs * psi).flatten(1).T.clamp(min=0)
    joint = joint / joint.sum()
    weights = joint.sum(1)
    return joint / weights[:, None], weights


def adjacent_columns(circumference: int, coupling: float) -> Tensor:
    """Joint distribution of two neighbouring columns, (2**w, 2**w) float64.

    Its mutual information is that of the two halves of the cylinder, I(half : other half).

    >>> from rsmi.information import mutual_information
    >>> round(mutual_information(adjacent_columns(4, 0.44068679350977)).item(), 10)
    0.4576677327
    """
    _check(circumference, (1, 1), 0)
    transfer, psi = transfer_matrix(circumference, coupling)
    joint = psi[:, None] * transfer * psi
    return joint / joint.sum()


def transfer_matrix(circumference: int, coupling: float) -> tuple[Tensor, Tensor]:
    """Symmetric column-to-column transfer matrix with largest eigenvalue 1, and its vector.

    Args:
        circumference: Sites w of a column, joined to a ring.
        coupling: K = J/T, finite.

    Returns:
        (2**w, 2**w) and the positive unit vector (2**w,), float64.

    Raises:
        InputError: For a coupling that is not finite or too large for float64.
    """
    column = states(circumference).double()
    around = (column * column.roll(1, 1)).sum(1)
    exponent = coupling * (column @ column.T + 0.5 * (around[:, None] + around))
    if not (abs(coupling) * circumference <= 40):
        raise InputError(
            f"coupling K = J/T is {coupling} on circumference {circumference}; expected a "
            "finite K with |K| w <= 40, beyond which all columns are ordered to float64 accuracy"
        )
    matrix = (exponent - exponent.max()).exp()
    values, vectors = torch.linalg.eigh(matrix)
    return matrix / values[-1], vectors[:, -1].abs()


def _paths(across: Tensor, transfer: Tensor, shown: Tensor) -> Tensor:
    """Sum over columns that show the given block (a, b): (2**w, 2**w)."""
    columns = states(across.shape[0].bit_length() - 1)[:, : shown.shape[0]]
    allowed = [(columns == shown[:, x]).all(1) for x in range(shown.shape[1])]
    product = across[:, allowed[0]]
    for here, after in itertools.pairwise(allowed):
        product = product @ transfer[here][:, after]
    return product @ across[allowed[-1]]


def _check(circumference: int, block: tuple[int, int], buffer: int) -> None:
    if not 2 <= circumference <= MAX_CIRCUMFERENCE:
        raise InputError(
            f"circumference is {circumference}; the exact cylinder is supported from 2 to "
            f"{MAX_CIRCUMFERENCE} sites"
        )
    fits = len(block) == 2 and 1 <= block[0] <= circumference and block[1] >= 1
    if not (fits and block[0] * block[1] <= MAX_BLOCK_SITES and buffer >= 0):
        raise InputError(
            f"block {list(block)} with buffer {buffer} on a cylinder of circumference "
            f"{circumference}; expected two extents, the first at most {circumference}, at most "
            f"{MAX_BLOCK_SITES} sites, and a buffer >= 0"
        )
