"""Models of discrete symbols by counting, for held-out cross entropies."""

import math

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.counting.labels import Labels

_BACK_OFF = 0.5  # observations that the marginal counts for, beside those of one condition


class Tabular:
    r"""q(s) of symbols: frequencies, and a reserve for symbols never met.

    .. math:: q(s) = (1 - \lambda) \frac{n_s}{N} + \lambda e^{-\ln K}

    The reserve :math:`\lambda` is the share of symbols met once (Good 1953), so that the loss is
    bounded and the errors of held-out averages can cover symbols that were never met.

    Args:
        symbols: (N,) labels to learn from.
        log_alphabet: ln K, of all symbols that are possible.

    >>> model = Tabular(np.array([0, 0, 1, 1]), math.log(2))
    >>> round(model.log_prob(np.array([0])).exp().item(), 6)
    0.5
    """

    def __init__(self, symbols: Labels, log_alphabet: float) -> None:
        self._known, counts = np.unique(symbols, return_counts=True)
        n = len(symbols)
        reserve = (int((counts == 1).sum()) + 1) / (n + 2)
        floor = math.log(reserve) - log_alphabet
        self._log_q = np.logaddexp(np.log((1 - reserve) * counts / n), floor)
        self.floor = floor
        """ln q of a symbol never met, and less than that of any other."""

    def log_prob(self, symbols: Labels) -> Tensor:
        """ln q of each symbol, (n,) float64."""
        place, met = _lookup(self._known, symbols)
        return torch.from_numpy(np.where(met, self._log_q[place], self.floor))


class ConditionalTabular:
    r"""q(s|c) of symbols under conditions, backing off to the marginal q(s).

    .. math:: q(s|c) = \frac{n_{cs} + \tfrac12 q(s)}{n_c + \tfrac12}

    Args:
        symbols: (N,) labels to learn from.
        conditions: (N,) labels.
        log_alphabet: ln K of the symbols.

    Raises:
        InputError: If symbols and conditions do not pair.
    """

    def __init__(self, symbols: Labels, conditions: Labels, log_alphabet: float) -> None:
        if symbols.shape != conditions.shape:
            raise InputError(
                f"{len(symbols)} symbols under {len(conditions)} conditions; expected one each"
            )
        self._marginal = Tabular(symbols, log_alphabet)
        self._base = max(int(symbols.max()), 1) + 1
        self._conditions, self._times = np.unique(conditions, return_counts=True)
        self._pairs, self._counts = np.unique(conditions * self._base + symbols, return_counts=True)
        self.floor = self._marginal.floor - math.log(2 * int(self._times.max()) + 1)
        """ln q of a symbol never met under the condition met most often: the smallest there is."""

    def log_prob(self, symbols: Labels, conditions: Labels) -> Tensor:
        """ln q(symbol | condition), (n,) float64."""
        marginal = self._marginal.log_prob(symbols).exp().numpy()
        given = _counts(self._conditions, self._times, conditions)
        known = symbols < self._base
        both = _counts(self._pairs, self._counts, conditions * self._base + symbols) * known
        return torch.from_numpy(np.log((both + _BACK_OFF * marginal) / (given + _BACK_OFF)))


def _lookup(
    known: Labels, wanted: Labels
) -> tuple[Labels, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted


def _counts(known: Labels, counts: Labels, wanted: Labels) -> Labels:
    place, met = _lookup(known, wanted)
    return np.where(met, counts[place], 0)
