"""Samples of discrete sites, numbered by what the training part shows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.counting.labels import Labels, dense_labels

_TRAINING_PART = 0.7


def training_rows(n: int, chains: int = 1) -> int:
    """Number of leading rows that models are trained on, whole records of all chains."""
    return int(n * _TRAINING_PART) // chains * chains


@dataclass(frozen=True)
class Codes:
    """Samples of several discrete sites.

    Args:
        values: (n, sites) integers in 0..levels-1.
        levels: Values of a site, declared or seen in the training part.
        unknown: (n,) how many entries of a row are none of them (their code is 0); None where
            all values that are possible were declared.
        bits: Bits of an entry, which bound the number of values it might have taken.

    Raises:
        InputError: For values beyond the levels or another shape.

    >>> Codes.of(torch.tensor([[-1.0, 1.0], [1.0, 1.0]])).values.tolist()
    [[0, 1], [1, 1]]
    """

    values: Tensor
    levels: int
    unknown: Tensor | None = None
    bits: int = 0

    def __post_init__(self) -> None:
        v = self.values
        if v.dim() != 2 or v.is_floating_point() or not bool(((v >= 0) & (v < self.levels)).all()):
            raise InputError(
                f"codes of shape {list(v.shape)} and dtype {v.dtype} with {self.levels} levels; "
                "expected (n, sites) integers in 0..levels-1"
            )

    @classmethod
    def of(cls, rows: Tensor, most: int = 64, chains: int = 1) -> "Codes":
        """Number the values of rows (n, ...) of a layer with few levels.

        Only the training part decides which values there are. Were the alphabet read off all
        rows, a value met in the test part alone would be charged as one of the few that
        occurred instead of one of all that are possible, and a held-out cross entropy could
        fall below the entropy. Values met later cost what `code_length` says.

        Args:
            rows: Activations or inputs in the order of the chains.
            most: Largest number of levels.
            chains: Markov chains that the rows are interleaved from.

        Raises:
            InputError: For more than `most` different values in the training part.
        """
        flat = rows.reshape(len(rows), -1).contiguous()
        found = flat[: max(training_rows(len(flat), chains), 1)].unique()
        if len(found) > most:
            raise InputError(
                f"the layer takes {len(found)} different values; at most {most} levels can be "
                "modelled: quantise the network with quantise(model, layers, levels)"
            )
        place = torch.searchsorted(found, flat).clamp(max=len(found) - 1)
        met = found[place] == flat
        unknown = None if bool(met.all()) else (~met).sum(1)
        bits = 8 * flat.element_size()
        return cls(torch.where(met, place, 0), max(len(found), 2), unknown, bits)

    @property
    def log_alphabet(self) -> float:
        """ln of the number of rows of known values, in nats."""
        return self.values.shape[1] * math.log(self.levels)

    def labels(self) -> Labels:
        """(n,) number of each row among the distinct ones of known values."""
        return dense_labels(row_ids(self.values).numpy())

    def code_length(self, log_q: Tensor, rows: slice, learnt: int) -> Tensor:
        r"""-ln q of whole rows from a model ln q of rows of known values.

        A row with u unknown entries of s sites has the probability
        :math:`\delta (K + 1)^{-s} 2^{-u\,\mathrm{bits}}` and all others
        :math:`(1 - \delta) q`, with :math:`\delta = 1 / (n_{learnt} + 2)`; these add up to at
        most 1 over every row that the data type can hold.

        Args:
            log_q: (k,) ln q of these rows.
            rows: Which.
            learnt: Number of rows of the training part.

        Returns:
            (k,) nats.
        """
        if self.bits == 0:
            return -log_q
        escape = 1 / (learnt + 2)
        length = -log_q - math.log1p(-escape)
        if self.unknown is None:
            return length
        unknown = self.unknown[rows]
        each = self.values.shape[1] * math.log(self.levels + 1) - math.log(escape)
        escaped = each + unknown.double() * self.bits * math.log(2)
        return torch.where(unknown > 0, escaped, length)
