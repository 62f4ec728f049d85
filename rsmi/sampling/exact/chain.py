"""The infinite chain: exact conditional distribution of a block of letters."""

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import words
from rsmi.sampling.pair import PairInteraction, as_interaction, transfer_matrix

_MOST_BLOCKS = 1 << 20


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
    interaction.check_words(block, _MOST_BLOCKS, "a block of the exact chain")
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
