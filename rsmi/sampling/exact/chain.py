"""The infinite Ising chain: exact conditional distribution of a block of spins."""

import math

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import states

MAX_BLOCK = 20


def chain_posterior(coupling: float, block: int, buffer: int) -> tuple[Tensor, Tensor]:
    r"""p(v | left spin, right spin) of the infinite chain and the weights of the two spins.

    Spins at distance d have correlation :math:`\tanh^d K`, so that the weight of a pair is
    :math:`\tfrac12 (1 + s s' \tanh^d K)`. The spins next to the buffer screen all beyond.

    Args:
        coupling: K = J/T.
        block: Number of visible spins, 1 to 20.
        buffer: Number of buffer spins on each side.

    Returns:
        posterior (4, 2**block) float64 and weights (4,); row 2 * (right > 0) + (left > 0).

    Raises:
        InputError: For a block or buffer out of range.

    >>> posterior, weights = chain_posterior(0.5, block=2, buffer=1)
    >>> up_up = float(weights @ posterior[:, 3])
    >>> round(4 * up_up - 1, 12)  # tanh K
    0.46211715726
    """
    if not (1 <= block <= MAX_BLOCK and buffer >= 0 and math.isfinite(coupling)):
        raise InputError(
            f"chain with coupling {coupling}, block {block}, buffer {buffer}; expected a finite "
            f"coupling, a block of 1 to {MAX_BLOCK} spins and a buffer >= 0"
        )
    near = torch.tensor(coupling, dtype=torch.float64).tanh()
    far = near ** (buffer + 1)
    v, ends = states(block).double(), states(2).double()
    inside = (1 + near * v[:, 1:] * v[:, :-1]).prod(1)
    left, right = 1 + far * ends[:, :1] * v[:, 0], 1 + far * ends[:, 1:] * v[:, -1]
    joint = inside * left * right
    joint /= joint.sum()
    weights = joint.sum(1)
    return joint / weights[:, None], weights
