r"""Certified lower and upper values from held-out cross entropies of any models q.

For a deterministic discrete layer and known H(X),

.. math:: H(X) - CE[q(t)] \le H(X|T) \le CE[q(x|t)], \qquad H(Y|T) \le CE[q(y|t)]

because a cross entropy is never below the entropy. The models are trained on one part of the
samples and evaluated on another, so their quality moves the values apart and never makes one
wrong; errors come from resampled blocks of the second part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, block_labels, block_sums, bootstrap_error
from rsmi.layers.autoregressive import Training, fit, log_prob
from rsmi.layers.counting import Labels, dense_labels
from rsmi.layers.hashing import row_ids
from rsmi.layers.interval import Interval
from rsmi.layers.tabular import ConditionalTabular, Tabular

_TRAINING_PART = 0.7
COUNTABLE = math.log(2**40)
"""ln of the largest alphabet whose symbols are counted."""


@dataclass(frozen=True)
class Codes:
    """Samples of several discrete sites.

    Args:
        values: (n, sites) integers in 0..levels-1.
        levels: Values of a site.

    Raises:
        InputError: For values beyond the levels or another shape.

    >>> Codes.of(torch.tensor([[-1.0, 1.0], [1.0, 1.0]])).values.tolist()
    [[0, 1], [1, 1]]
    """

    values: Tensor
    levels: int

    def __post_init__(self) -> None:
        v = self.values
        if v.dim() != 2 or v.is_floating_point() or not bool(((v >= 0) & (v < self.levels)).all()):
            raise InputError(
                f"codes of shape {list(v.shape)} and dtype {v.dtype} with {self.levels} levels; "
                "expected (n, sites) integers in 0..levels-1"
            )

    @classmethod
    def of(cls, rows: Tensor, most: int = 64) -> "Codes":
        """Number the values that occur in rows (n, ...) of a layer with few levels.

        Raises:
            InputError: For more than `most` different values.
        """
        flat = rows.reshape(len(rows), -1)
        found, values = flat.unique(return_inverse=True)
        if len(found) > most:
            raise InputError(
                f"the layer takes {len(found)} different values; at most {most} levels can be "
                "modelled: quantise the network with quantise(model, layers, levels)"
            )
        return cls(values, max(len(found), 2))

    @property
    def log_alphabet(self) -> float:
        """ln of the number of possible values, in nats."""
        return self.values.shape[1] * math.log(self.levels)

    def labels(self) -> Labels:
        """(n,) number of each row among the distinct ones."""
        return dense_labels(row_ids(self.values).numpy())


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
        Nats.

    Raises:
        InputError: If x and t do not pair or are fewer than 20.
    """
    lower = entropy_bound(t, chains=chains, training=training)
    upper = conditional_bound(x, t, chains=chains, training=training)
    value = entropy_x.value - lower.value
    error = lower.error + entropy_x.error
    return Interval(Estimate(value, error, "lower", n=lower.n), upper).within(
        0.0, entropy_x.value + 6 * entropy_x.error
    )


def entropy_bound(t: Codes, *, chains: int = 1, training: Training | None = None) -> Estimate:
    """H(T) <= CE_test[q(t)], in nats, kind `upper`."""
    return _best(t, None, chains, training)


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
    return _best(symbols, given, chains, training)


def _best(
    symbols: Codes, given: Codes | Tensor | None, chains: int, training: Training | None
) -> Estimate:
    """The model that is best on the end of the training part, evaluated on the test part."""
    n = len(symbols.values)
    cut = int(n * _TRAINING_PART) // chains * chains
    if n < 20 or cut < 2 or n - cut < 2:
        raise InputError(
            f"{n} samples of {chains} chains; a training and a test part need at least 20 samples "
            "and more records than one per chain: give more"
        )
    scores = [
        _scores_of_counts(symbols, given, cut),
        _scores_of_network(symbols, given, cut, training),
    ]
    usable = [score for score in scores if score is not None]
    if not usable:
        raise InputError(
            "no model applies: counting needs discrete layers with at most 2^40 values; "
            "pass training=Training() for a network"
        )
    inner = slice(cut * 7 // 8, cut)
    best = min(usable, key=lambda score: -float(score(inner).mean()))
    return _cross_entropy(best(slice(cut, n)), chains)


Score = Callable[[slice], Tensor]


def _scores_of_counts(symbols: Codes, given: Codes | Tensor | None, cut: int) -> Score | None:
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


def _scores_of_network(
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


def _cross_entropy(log_q: Tensor, chains: int) -> Estimate:
    groups = block_labels(len(log_q), chains, min(256, len(log_q)))
    sums = block_sums(-log_q[:, None], groups)
    error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1])
    return Estimate(float(-log_q.mean()), error, "upper", n=len(log_q))
