"""The infinite chain and cylinder: exact conditionals from their transfer matrices."""

import itertools

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import words
from rsmi.sampling.pair import PairInteraction, as_interaction, transfer_matrix

_MOST_COLUMNS = 256
_MOST_BLOCKS = 1024
_MOST_CHAINED = 1 << 20


def chain_posterior(
    model: float | PairInteraction, block: int, buffer: int
) -> tuple[Tensor, Tensor]:
    r"""p(v | left letter, right letter) of the infinite chain and the weights of the two letters.

    The letters next to the buffer screen all beyond. With the symmetric transfer matrix T and its
    dominant eigenvector psi,

    .. math:: p(l, v, r) \propto \psi_l (T^{B+1})_{l v_1} T_{v_1 v_2} \cdots
              (T^{B+1})_{v_n r}\, \psi_r

    Args:
        model: The coupling K = J/T of the Ising model, or an interaction of q letters.
        block: Number n of visible sites, with at most 2**20 states.
        buffer: Number of buffer sites on each side.

    Returns:
        posterior (q**2, q**n) float64 and weights (q**2,); row q * right + left.

    Raises:
        InputError: For a block or buffer out of range.

    >>> posterior, weights = chain_posterior(0.5, block=2, buffer=1)
    >>> up_up = float(weights @ posterior[:, 3])
    >>> round(4 * up_up - 1, 12)  # tanh K
    0.46211715726
    """
    interaction = as_interaction(model)
    interaction.check_words(block, _MOST_CHAINED, "a block of the exact chain")
    if buffer < 0:
        raise InputError(f"buffer is {buffer}; expected a width >= 0")
    transfer, psi = transfer_matrix(1, interaction)
    far = torch.linalg.matrix_power(transfer, buffer + 1) * psi
    v, ends = words(interaction.n_letters, block), words(interaction.n_letters, 2)
    inside = transfer[v[:, 1:], v[:, :-1]].prod(1)
    joint = inside * far[v[:, 0]][:, ends[:, 0]].T * far[v[:, -1]][:, ends[:, 1]].T
    joint = joint / joint.sum()
    weights = joint.sum(1)
    return joint / weights[:, None], weights


def cylinder_posterior(
    circumference: int, model: float | PairInteraction, block: tuple[int, int], buffer: int
) -> tuple[Tensor, Tensor]:
    r"""p(v | left column, right column) of an infinite cylinder and the columns' weights.

    The buffer is the rest of the block's columns and `buffer` full columns on each side; the
    environment is every column beyond, of which the nearest two screen all others. With the
    symmetric transfer matrix T and its dominant eigenvector psi,

    .. math:: p(l, v, r) \propto \psi_l \sum_{c_1 \dots c_b \ni v}
              (T^{B+1})_{l c_1} T_{c_1 c_2} \cdots (T^{B+1})_{c_b r}\, \psi_r

    Args:
        circumference: Sites w around the cylinder, at least 2 (2 has double bonds), with at most
            256 states of a column.
        model: The coupling K = J/T of the Ising model, or an interaction of q letters.
        block: Sites around the cylinder and along it, with at most 1024 states.
        buffer: Number of full buffer columns on each side.

    Returns:
        posterior (q**(2 w), q**n_v) float64, v in row-major order of the block and numbered as in
        `rsmi.lattice.words`, and weights (q**(2 w),) summing to 1.

    Raises:
        InputError: For sizes out of range.

    >>> posterior, weights = cylinder_posterior(4, 0.44, (2, 2), 1)
    >>> posterior.shape
    torch.Size([256, 16])
    """
    interaction = as_interaction(model)
    _check(circumference, interaction, block, buffer)
    transfer, psi = transfer_matrix(circumference, interaction)
    across = torch.linalg.matrix_power(transfer, buffer + 1)
    columns = words(interaction.n_letters, circumference)[:, : block[0]]
    shown = words(interaction.n_letters, block[0] * block[1]).view(-1, *block)
    pairs = torch.stack([_paths(across, transfer, columns, state) for state in shown])
    joint = (psi[:, None] * pairs * psi).flatten(1).T.clamp(min=0)
    joint = joint / joint.sum()
    weights = joint.sum(1)
    return joint / weights[:, None], weights


def adjacent_columns(circumference: int, model: float | PairInteraction) -> Tensor:
    """Joint distribution of two neighbouring columns, (q**w, q**w) float64.

    Its mutual information is that of the two halves of the cylinder, I(half : other half).

    >>> from rsmi.information import mutual_information
    >>> round(mutual_information(adjacent_columns(4, 0.44068679350977)).item(), 10)
    0.4576677327
    """
    interaction = as_interaction(model)
    _check(circumference, interaction, (1, 1), 0)
    transfer, psi = transfer_matrix(circumference, interaction)
    joint = psi[:, None] * transfer * psi
    return joint / joint.sum()


def _paths(across: Tensor, transfer: Tensor, columns: Tensor, shown: Tensor) -> Tensor:
    """Sum over columns that show the given block (a, b): (q**w, q**w)."""
    allowed = [(columns == shown[:, x]).all(1) for x in range(shown.shape[1])]
    product = across[:, allowed[0]]
    for here, after in itertools.pairwise(allowed):
        product = product @ transfer[here][:, after]
    return product @ across[allowed[-1]]


def _check(
    circumference: int, interaction: PairInteraction, block: tuple[int, int], buffer: int
) -> None:
    if circumference < 2:
        raise InputError(f"circumference is {circumference}; expected at least 2 sites")
    interaction.check_words(circumference, _MOST_COLUMNS, "a column of the exact cylinder")
    if not (len(block) == 2 and 1 <= block[0] <= circumference and block[1] >= 1 and buffer >= 0):
        raise InputError(
            f"block {list(block)} with buffer {buffer} on a cylinder of circumference "
            f"{circumference}; expected two extents, the first at most {circumference}, and a "
            "buffer >= 0"
        )
    interaction.check_words(block[0] * block[1], _MOST_BLOCKS, "a block of the exact cylinder")
