"""The best model on the training part, evaluated on the test part."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Kind, block_labels, block_sums, bootstrap_error
from rsmi.layers.sandwich.codes import Codes, training_rows
from rsmi.layers.sandwich.tabular import ConditionalTabular, Tabular
from rsmi.layers.sandwich.training import Training, fit, log_prob

COUNTABLE = math.log(2**40)
"""ln of the largest alphabet whose symbols are counted."""
_BLOCKS = 256
_ROUNDING = 1e-12

Score = Callable[[slice], Tensor]


def held_out(
    symbols: Codes, given: Codes | Tensor | None, chains: int, training: Training | None
) -> Estimate:
    """Cross entropy of the test part under the model that is best on the end of the other part.

    Args:
        symbols: Samples of S.
        given: Samples of what S is predicted from, or None.
        chains: Markov chains that the rows are interleaved from.
        training: Options of a network; None for counts alone.

    Returns:
        Nats, kind `upper`.

    Raises:
        InputError: For too few samples, or where no model applies.
    """
    n = len(symbols.values)
    cut = training_rows(n, chains)
    if n < 20 or cut < 2 or n - cut < 2:
        raise InputError(
            f"{n} samples of {chains} chains; a training and a test part need at least 20 samples "
            "and more records than one per chain: give more"
        )
    scores = [_counts(symbols, given, cut), _network(symbols, given, cut, training)]
    usable = [score for score in scores if score is not None]
    if not usable:
        raise InputError(
            "no model applies: counting needs discrete layers with at most 2^40 values; "
            "pass training=Training() for a network"
        )
    inner, test = slice(cut * 7 // 8, cut), slice(cut, n)
    best = min(usable, key=lambda score: -float(score(inner).mean()))
    return average(symbols.code_length(best(test), test, cut), chains, "upper")


def average(values: Tensor, chains: int, kind: Kind) -> Estimate:
    """Mean of one number per sample, with its error from blocks of the chains.

    Args:
        values: (n,) nats.
        chains: Markov chains that the samples are interleaved from.
        kind: Of the estimate.
    """
    groups = block_labels(len(values), chains, min(_BLOCKS, len(values)))
    sums = block_sums(values[:, None], groups)
    error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1])
    # Where all rows say the same, what the resampling finds is rounding.
    error = error if error > _ROUNDING else 0.0
    return Estimate(float(values.mean()), error, kind, n=len(values))


def _counts(symbols: Codes, given: Codes | Tensor | None, cut: int) -> Score | None:
    if isinstance(given, Tensor) or symbols.log_alphabet > COUNTABLE:
        return None
    s, inner = symbols.labels(), cut * 7 // 8
    if given is None:
        return lambda rows: Tabular(s[: _learnt(rows, inner, cut)], symbols.log_alphabet).log_prob(
            s[rows]
        )
    t = given.labels()

    def score(rows: slice) -> Tensor:
        learnt = _learnt(rows, inner, cut)
        model = ConditionalTabular(s[:learnt], t[:learnt], symbols.log_alphabet)
        return model.log_prob(s[rows], t[rows])

    return score


def _learnt(rows: slice, inner: int, cut: int) -> int:
    """Counts are compared without the rows they are compared on, and used with all."""
    return inner if rows.start < cut else cut


def _network(
    symbols: Codes, given: Codes | Tensor | None, cut: int, training: Training | None
) -> Score | None:
    if training is None:
        return None
    context = _context(given, cut)
    early = None if context is None else context[:cut]
    model = fit(symbols.values[:cut], symbols.levels, early, training)
    return lambda rows: log_prob(
        model, symbols.values[rows], None if context is None else context[rows]
    )


def _context(given: Codes | Tensor | None, cut: int) -> Tensor | None:
    """Real numbers of unit spread over the training part."""
    if given is None:
        return None
    if isinstance(given, Codes):
        onehot = torch.nn.functional.one_hot(given.values, given.levels)
        return 2.0 * onehot[..., 1:].flatten(1) - 1.0
    rows = given.reshape(len(given), -1).float()
    spread = rows[:cut].std(0)
    return (rows - rows[:cut].mean(0)) / torch.where(spread > 0, spread, 1.0)
