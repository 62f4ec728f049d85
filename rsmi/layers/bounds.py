r"""Certified lower and upper values from held-out cross entropies of any models q.

For a deterministic discrete layer and known H(X),

.. math:: H(X) - CE[q(t)] \le H(X|T) \le CE[q(x|t)], \qquad H(Y|T) \le CE[q(y|t)]

because a cross entropy is never below the entropy. The models are trained on one part of the
samples and evaluated on another, so their quality moves the values apart and never makes one
wrong; errors come from the spread of the second part and from what a row not seen would cost.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate
from rsmi.layers.codes import Codes, training_rows
from rsmi.layers.interval import Interval
from rsmi.layers.models import ConditionalTabular, Tabular, Training, fit, log_prob
from rsmi.sampling.autocorrelation import correlation


def conditional_entropy_bounds(
    x: Codes,
    t: Codes,
    entropy_x: Estimate,
    *,
    chains: int = 1,
    training: Training | None = None,
) -> Interval:
    """Sandwich of H(X|T) for a deterministic layer T of X.

    Models are counts where the alphabet is small, and autoregressive networks elsewhere or
    where they are better on the training part's own held-out rows.

    Args:
        x: Samples of the input.
        t: The layer's values for the same samples.
        entropy_x: Known H(X), nats.
        chains: The samples are interleaved from so many Markov chains.
        training: Options of the networks; None for counts alone.

    Returns:
        Nats. Ends that have crossed by more than 3 of their errors are left crossed: then
        H(X) is not what was said, or the layer is not deterministic.

    Raises:
        InputError: If x and t do not pair or are fewer than 20.
    """
    lower = entropy_bound(t, chains=chains, training=training)
    upper = conditional_bound(x, t, chains=chains, training=training)
    value = entropy_x.value - lower.value
    error = lower.error + entropy_x.error
    both = Interval(Estimate(value, error, "lower", n=lower.n), upper)
    return both.above(Estimate(0.0, 0.0, "lower")).below(entropy_x).ordered()


def entropy_bound(t: Codes, *, chains: int = 1, training: Training | None = None) -> Estimate:
    """H(T) <= CE_test[q(t)], in nats, kind `upper`."""
    return held_out(t, None, chains, training)


def conditional_bound(
    symbols: Codes, given: Codes | Tensor, *, chains: int = 1, training: Training | None = None
) -> Estimate:
    """H(S|T) <= CE_test[q(s|t)], in nats, kind `upper`.

    Args:
        symbols: Samples of S: inputs, or labels as one site.
        given: T, as codes, or real activations (n, d) that only a network can use.
        chains: As in `conditional_entropy_bounds`.
        training: As there; needed where T is real.
    """
    if len(symbols.values) != len(given.values if isinstance(given, Codes) else given):
        raise InputError(
            f"{len(symbols.values)} samples of one and "
            f"{len(given.values if isinstance(given, Codes) else given)} of the other; expected "
            "the same samples in the same order"
        )
    return held_out(symbols, given, chains, training)


COUNTABLE = math.log(2**40)
"""ln of the largest alphabet whose symbols are counted."""
_RECORDS = 4
_ROUNDING = 1e-12
_UNSEEN = 3.0
_CURVED = 2.5


@dataclass(frozen=True)
class Model:
    """ln q of rows.

    Args:
        log_q: ln q of the rows of a slice, (k,).
        floor: A number that ln q of no row can fall below.
    """

    log_q: Callable[[slice], Tensor]
    floor: float


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
    models = [_counts(symbols, given, cut), _network(symbols, given, cut, training)]
    usable = [model for model in models if model is not None]
    if not usable:
        raise InputError(
            "no model applies: counting needs discrete layers with at most 2^40 values; "
            "pass training=Training() for a network"
        )
    inner, test, every = slice(cut * 7 // 8, cut), slice(cut, n), slice(0, n)
    best = min(usable, key=lambda model: -float(model.log_q(inner).mean()))
    lengths = symbols.code_length(best.log_q(test), test, cut)
    repeats = repetition(symbols.code_length(best.log_q(every), every, cut), chains)
    return upper_average(lengths, symbols.longest(best.floor, cut), repeats)


def upper_average(lengths: Tensor, longest: float, repeats: float = 1.0) -> Estimate:
    r"""Mean of code lengths of rows that q has not seen, with an error that knows the unseen.

    .. math:: \sigma = \frac{s}{\sqrt{n'}} + \frac{3 \ell}{n'}, \qquad n' = n / \text{repeats}

    An event of probability p is missed by n rows with probability :math:`(1 - p)^n`, and costs
    up to the largest length :math:`\ell`. With :math:`\delta` the chance of a normal number
    beyond z, :math:`\ln(1/\delta) \le 3 z` for every z from 0.4 to 4.97, so that
    :math:`z \sigma` covers what :math:`p = \ln(1/\delta) / n` may add, and with the first term
    what a few rare rows may have added too little, at every confidence up to 1 - 1e-6.

    Args:
        lengths: (n,) nats, each between 0 and `longest`.
        longest: Largest length that any row can have.
        repeats: Rows that say as much as one independent row, see `repetition`.

    Returns:
        Kind `upper`.

    Source: in the spirit of Maurer and Pontil (2009), arXiv:0907.3740, whose constants hold for
    any distribution and are larger.
    """
    error = _error(lengths, repeats) + _UNSEEN * longest * repeats / len(lengths)
    return Estimate(float(lengths.mean()), error, "upper", n=len(lengths))


def lower_average(surprise: Tensor, chains: int = 1) -> Estimate:
    r"""Mean of -ln of counted shares, with an error that knows that the shares may be others.

    .. math:: \sigma = \frac{s}{\sqrt{n'}} + \frac{5}{2 n'}

    Counted entropies are concave functions H of the shares, and
    :math:`H(\hat p) - H(p) \le \sum (p - \hat p) \ln \hat p + D(p | \hat p)`. The first term
    is what the spread of the rows shows. It vanishes for equal shares, while the second is up to
    :math:`z^2 / 2n` where n rows still allow p at z standard errors, which for z up to 5 is
    within z times the last term.

    Args:
        surprise: (n,) -ln of the share of each row's value.
        chains: Markov chains that the rows are interleaved from.

    Returns:
        Kind `lower`.
    """
    repeats = repetition(surprise, chains)
    error = _error(surprise, repeats) + _CURVED * repeats / len(surprise)
    return Estimate(float(surprise.mean()), error, "lower", n=len(surprise))


def repetition(values: Tensor, chains: int) -> float:
    """How many rows say as much as one independent row: 1 where they are independent.

    Twice the integrated autocorrelation time, with its error; where it cannot be measured or the
    correlations outlast the chains, all records of a chain.
    """
    records = len(values) // chains
    if records < _RECORDS:
        return float(records)
    series = values[: records * chains].double().view(records, chains).T.numpy()
    try:
        found = correlation(series)
    except AnalysisError:
        return float(records)
    return max(1.0, 2 * (found.time + found.time_error))


def _error(values: Tensor, repeats: float) -> float:
    """Standard error of the mean; where all rows say the same, what is left is rounding."""
    error = math.sqrt(float(values.double().var()) * repeats / len(values))
    return error if error > _ROUNDING else 0.0


def _counts(symbols: Codes, given: Codes | Tensor | None, cut: int) -> Model | None:
    if isinstance(given, Tensor) or symbols.log_alphabet > COUNTABLE:
        return None
    s, inner = symbols.labels(), cut * 7 // 8
    if given is None:
        early, whole = (Tabular(s[:end], symbols.log_alphabet) for end in (inner, cut))
        return Model(
            lambda rows: (early if rows.start < cut else whole).log_prob(s[rows]), whole.floor
        )
    t = given.labels()
    first, last = (
        ConditionalTabular(s[:end], t[:end], symbols.log_alphabet) for end in (inner, cut)
    )
    # Counts are compared without the rows they are compared on, and used with all.
    return Model(
        lambda rows: (first if rows.start < cut else last).log_prob(s[rows], t[rows]), last.floor
    )


def _network(
    symbols: Codes, given: Codes | Tensor | None, cut: int, training: Training | None
) -> Model | None:
    """An autoregressive network with a share of a uniform q, which bounds its largest loss."""
    if training is None:
        return None
    context = _context(given, cut)
    early = None if context is None else context[:cut]
    network = fit(symbols.values[:cut], symbols.levels, early, training)
    share = 1 / (cut + 2)
    uniform = math.log(share) - symbols.log_alphabet

    def log_q(rows: slice) -> Tensor:
        given = None if context is None else context[rows]
        own = log_prob(network, symbols.values[rows], given) + math.log1p(-share)
        return torch.logaddexp(own, torch.full_like(own, uniform))

    return Model(log_q, float(np.logaddexp(network.floor + math.log1p(-share), uniform)))


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
