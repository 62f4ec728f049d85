"""How fast repeated random maps of a finite set forget their start, exactly."""

import numpy as np
from scipy.stats import binom


def random_map_entropies(states: int, layers: int) -> list[float]:
    r"""Mean conditional entropy E H(X|T_l) after l independent uniformly random maps.

    .. math:: E\,H(X|T_l) = \sum_b (\delta_1 A^l)_b \, b \ln b, \qquad
              A_{ij} = \binom{M}{j} (i/M)^j (1 - i/M)^{M-j}

    X is uniform over M states. Row vector :math:`\delta_1 A^l` is the distribution of the
    number of starts that end on a given state.

    Args:
        states: M.
        layers: Largest l.

    Returns:
        Nats, for l = 1, ..., layers.

    >>> [round(value / float(np.log(2)), 4) for value in random_map_entropies(256, 2)]
    [0.825, 1.3415]
    """
    size = np.arange(states + 1)
    kernel = np.asarray(binom.pmf(size[None, :], states, size[:, None] / states))
    content = np.where(size > 0, size * np.log(np.maximum(size, 1)), 0.0)
    row = kernel[1]
    values = []
    for _ in range(layers):
        values.append(float(row @ content))
        row = row @ kernel
    return values
