"""Samples of discrete sites, numbered by what the training part shows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.counting import Labels, dense_labels, row_ids

_TRAINING_PART = 0.7
MOST_LEVELS = 64
"""Values of an entry: rows of more are not coded, and so many are possible if none is declared."""


def training_rows(n: int, chains: int = 1) -> int:
    """Number of leading rows that models are trained on, whole records of all chains."""
    return int(n * _TRAINING_PART) // chains * chains


@dataclass(frozen=True)
class Codes:
    """Samples of several discrete sites.

    Args:
        values: (n, sites) integers in 0..levels-1.
        levels: Values of a site, declared or seen in the training part.
        unknown: (n,) whether a row has entries that are none of them (their code is 0); None
            where there are no such rows.
        possible: Values that a site might take, met or not; 0 where all were declared.

    Raises:
        InputError: For values beyond the levels or another shape.

    >>> Codes.of(torch.tensor([[-1.0, 1.0], [1.0, 1.0]])).values.tolist()
    [[0, 1], [1, 1]]
    """

    values: Tensor
    levels: int
    unknown: Tensor | None = None
    possible: int = 0

    def __post_init__(self) -> None:
        v = self.values
        if v.dim() != 2 or v.is_floating_point() or not bool(((v >= 0) & (v < self.levels)).all()):
            raise InputError(
                f"codes of shape {list(v.shape)} and dtype {v.dtype} with {self.levels} levels; "
                "expected (n, sites) integers in 0..levels-1"
            )

    @classmethod
    def of(
        cls, rows: Tensor, most: int = MOST_LEVELS, chains: int = 1, possible: int | None = None
    ) -> "Codes":
        """Number the values of rows (n, ...) of a layer with few levels.

        Only the training part decides which values there are. Were the alphabet read off all
        rows, a value met in the test part alone would be charged as one of the few that
        occurred instead of one of all that are possible, and a held-out cross entropy could
        fall below the entropy. Values met later cost what `code_length` says.

        Args:
            rows: Activations or inputs in the order of the chains.
            most: Largest number of levels.
            chains: Markov chains that the rows are interleaved from.
                possible: Values that an entry can take, met or not. Without, 2 for truth values and
                where -1 and 1 were met and nothing else, else 64 or twice as many as were met,
                whichever is more.

        Raises:
            InputError: For more than `most` different values in the training part.
        """
        flat = rows.reshape(len(rows), -1).contiguous()
        if flat.dtype == torch.bool:
            return cls(flat.long(), 2)
        found = flat[: max(training_rows(len(flat), chains), 1)].unique()
        if len(found) > most:
            raise InputError(
                f"the layer takes {len(found)} different values; at most {most} levels can be "
                "modelled: quantise the network with quantise(model, layers, levels)"
            )
        place = torch.searchsorted(found, flat).clamp(max=len(found) - 1)
        met = found[place] == flat
        unknown = None if bool(met.all()) else ~met.all(1)
        if possible is None:
            possible = _possible(found if unknown is None else flat.unique())
        levels = max(len(found), 2)
        declared = unknown is None and possible == levels
        return cls(torch.where(met, place, 0), levels, unknown, 0 if declared else possible)

    @property
    def log_alphabet(self) -> float:
        """ln of the number of rows of known values, in nats."""
        return self.values.shape[1] * math.log(self.levels)

    def labels(self) -> Labels:
        """(n,) number of each row among the distinct ones of known values."""
        return dense_labels(row_ids(self.values).numpy())

    def code_length(self, log_q: Tensor, rows: slice, learnt: int) -> Tensor:
        r"""-ln q of whole rows from a model ln q of rows of known values.

        A row of s sites with an entry that was not met in the training part has the probability
        :math:`\delta M^{-s}`, M the number of possible values, and all others
        :math:`(1 - \delta) q`, with :math:`\delta = 1 / (n_{learnt} + 2)`; these add up to at
        most 1 over the rows that are possible, whichever these values are.

        Args:
            log_q: (k,) ln q of these rows.
            rows: Which.
            learnt: Number of rows of the training part.

        Returns:
            (k,) nats.
        """
        if not self.possible:
            return -log_q
        length = -log_q - math.log1p(-1 / (learnt + 2))
        if self.unknown is None:
            return length
        return torch.where(self.unknown[rows], self._escape(learnt), length)

    def longest(self, floor: float, learnt: int) -> float:
        """Upper bound of `code_length`, met or not, of a model whose ln q is at least `floor`."""
        if not self.possible:
            return -floor
        return max(-floor - math.log1p(-1 / (learnt + 2)), self._escape(learnt))

    def _escape(self, learnt: int) -> float:
        return math.log(learnt + 2) + self.values.shape[1] * math.log(self.possible)


def _possible(found: Tensor) -> int:
    """How many values an entry might take, from those that were met."""
    return 2 if found.tolist() == [-1, 1] else max(MOST_LEVELS, 2 * len(found))
