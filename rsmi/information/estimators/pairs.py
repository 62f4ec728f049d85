"""Paired rows, checked: what they are, what is held out, and how they are taken apart."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.bootstrap import block_labels
from rsmi.information.estimators.counts import letters

_LEAST_ROWS = 10
_TEST, _VALIDATION = 0.3, 0.15
_PARTS = 3
_ONE_HOT = 16  # letters of a column beyond which it is seen as a number
_NAMED = 5  # of something wrong, shown in a message


class LogConditional(Protocol):
    """ln p(y|x), known: of every y with every x."""

    def __call__(self, y: Tensor, x: Tensor, /) -> Tensor:
        """(a, b) nats, entry (i, j) is ln p(y_i|x_j), for y (a, d_y) and x (b, d_x)."""
        ...


@dataclass(frozen=True)
class Side:
    """The rows of one variable.

    Args:
        rows: (n, d) float64.
        discrete: Whether they are letters: whole numbers throughout.
    """

    rows: Tensor
    discrete: bool

    @cached_property
    def letters(self) -> Tensor:
        """(n,) int64, the number of each row among the different ones."""
        return letters(self.rows)

    @cached_property
    def size(self) -> int:
        """How many different rows there are."""
        return int(self.letters.max()) + 1

    def features(self, training: Tensor) -> Tensor:
        """What a network sees of the rows, (n, k) float32 of about unit size.

        Columns of few letters become indicators. Others become the normal number of the same
        rank among the training rows: a monotone image, which changes no information, and in
        which no tail is heavy.

        Args:
            training: Indices of the rows that may be learned from.
        """
        parts = [_seen(column, training, self.discrete) for column in self.rows.T]
        return torch.cat(parts, 1).float()


def _seen(column: Tensor, training: Tensor, discrete: bool) -> Tensor:
    values, label = column.unique(return_inverse=True)
    if discrete and len(values) <= _ONE_HOT:
        seen = torch.nn.functional.one_hot(label)[:, 1:].double()
    else:
        known, times = column[training].unique(return_counts=True)
        rank = (times.cumsum(0) - times / 2) / len(training)
        normal = ndtri(rank.numpy())
        seen = torch.from_numpy(np.interp(column.numpy(), known.numpy(), normal))[:, None]
    return (seen - seen[training].mean(0)) / seen[training].std(0).clamp(min=0.05)


@dataclass(frozen=True)
class Pairs:
    """Rows of X beside rows of Y.

    Args:
        x: n rows of X.
        y: n rows of Y.
        groups: (n,) block labels: rows of different ones are independent, for errors.
        units: (n,) labels of what is held out whole: chains, or blocks.
        seed: Of everything that is drawn.
        dependent: Whether rows of one unit know of each other.
        log_conditional: ln p(y|x), where it is known.
    """

    x: Side
    y: Side
    groups: Tensor
    units: Tensor
    seed: int
    dependent: bool = False
    log_conditional: LogConditional | None = None

    def __len__(self) -> int:
        return len(self.groups)

    @cached_property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of rows to learn from, to choose by, and to report: whole units each.

        Raises:
            InputError: For fewer than three units.
        """
        labels, unit = self.units.unique(return_inverse=True)
        if len(labels) < _PARTS:
            raise InputError(
                f"{len(labels)} independent chains or blocks; an estimator that is trained needs "
                f"at least {_PARTS}, to learn from, to choose by and to report: give more chains, "
                "or blocks= that are longer than the correlations"
            )
        order = torch.randperm(len(labels), generator=self.generator(1))
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        test = max(round(_TEST * len(labels)), 1)
        stop = test + max(round(_VALIDATION * len(labels)), 1)
        # Rows that follow each other shall not meet as independent ones in a batch.
        rows = torch.randperm(len(self), generator=self.generator(5))
        where = place[unit[rows]]
        parts = rows[where >= stop], rows[(where >= test) & (where < stop)], rows[where < test]
        if (fewest := min(map(len, parts))) < _LEAST_ROWS:
            raise InputError(
                f"{fewest} rows are left to learn from, to choose by or to report where whole "
                f"chains or blocks are held out; each needs at least {_LEAST_ROWS}: give blocks "
                "of about equal size"
            )
        return parts

    def generator(self, stream: int = 0) -> torch.Generator:
        """Random numbers of this call alone, another stream for each purpose."""
        return torch.Generator().manual_seed(self.seed * 1009 + stream)

    def shuffled(self) -> "Pairs":
        """The same rows of X beside other rows of Y: no information is left.

        Independent rows are permuted. Of chains or blocks the rows of Y are moved on by a
        stretch that leads to another chain, so that what follows each other still does.
        """
        n, generator = len(self), self.generator(2)
        if not self.dependent:
            order = torch.randperm(n, generator=generator)
        else:
            shift = int(torch.randint(n // 4, n - n // 4, (), generator=generator))
            shift += int(self.units[shift % n] == self.units[0])
            order = torch.arange(n).roll(shift)
        return replace(self, y=Side(self.y.rows[order], self.y.discrete))


def paired(
    x: Any,
    y: Any,
    chains: int | None = None,
    blocks: Any = None,
    seed: int = 0,
    log_conditional: LogConditional | None = None,
) -> Pairs:
    """Check rows of X and Y, see `estimate` for the arguments.

    Raises:
        InputError: For rows that do not pair, fewer than ten, numbers that are not finite, a
            variable that is constant, or chains and blocks that do not fit.
    """
    a, b = _side(x, "x"), _side(y, "y")
    n = len(a.rows)
    if n != len(b.rows):
        raise InputError(
            f"x has {n} rows and y has {len(b.rows)}; expected as many of both: row i of x belongs "
            "to row i of y"
        )
    if n < _LEAST_ROWS:
        raise InputError(f"{n} rows; expected at least {_LEAST_ROWS} pairs")
    if chains is not None and blocks is not None:
        raise InputError("chains and blocks were given; expected one of them")
    groups, units = _labelled(n, chains, blocks)
    dependent = not (chains is None and blocks is None)
    return Pairs(a, b, groups, units, _checked_seed(seed), dependent, log_conditional)


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed!r}; expected a whole number from 0 to {2**32 - 1}")
    return seed


def _side(rows: Any, name: str) -> Side:
    try:
        array = np.asarray(rows)
        values = torch.from_numpy(array.astype(np.float64)) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, RuntimeError):
        values, array = None, np.empty(0)
    if values is None or values.dim() == 0:
        what = f"{type(rows).__name__} of dtype {array.dtype}" if array.ndim else "no array"
        raise InputError(f"{name} is {what}; expected real numbers of shape (n,) or (n, d)")
    values = values.reshape(len(values), -1)
    _check_values(values, name)
    whole = array.dtype.kind in "biu" or bool((values == values.round()).all())
    varied = (values != values[:1]).any(0)
    return Side(values[:, varied], whole)


def _check_values(values: Tensor, name: str) -> None:
    wrong = (~values.isfinite().all(1)).nonzero()[:, 0]
    if len(wrong):
        rows = ", ".join(str(int(row)) for row in wrong[:_NAMED])
        raise InputError(
            f"{len(wrong)} of {len(values)} rows of {name} hold a number that is not finite (rows "
            f"{rows}{', ...' * (len(wrong) > _NAMED)}); leave those pairs out"
        )
    if len(values) and bool((values == values[:1]).all()):
        raise InputError(
            f"{name} is constant: all {len(values)} rows are the same; it tells nothing and there "
            "is nothing to estimate"
        )


def _labelled(n: int, chains: int | None, blocks: Any) -> tuple[Tensor, Tensor]:
    """Block labels for errors, and labels of what is held out whole."""
    if chains is not None:
        if isinstance(chains, bool) or not isinstance(chains, int) or not 1 <= chains <= n:
            raise InputError(
                f"chains is {chains!r}; expected a whole number from 1 to {n}, the rows"
            )
        return block_labels(n, chains), torch.arange(n) % chains
    if blocks is None:
        rows = torch.arange(n)
        return rows, rows
    labels = np.asarray(blocks)
    if labels.shape != (n,) or labels.dtype.kind not in "biu":
        raise InputError(
            f"blocks has shape {list(labels.shape)} and dtype {labels.dtype}; expected ({n},) "
            "whole numbers, the block of each row"
        )
    label = torch.from_numpy(labels.astype(np.int64)).unique(return_inverse=True)[1]
    return label, label
