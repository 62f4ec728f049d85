r"""Certified lower and upper values from held-out cross entropies of any models q.

For a deterministic discrete layer and known H(X),

.. math:: H(X) - CE[q(t)] \le H(X|T) \le CE[q(x|t)], \qquad H(Y|T) \le CE[q(y|t)]

because a cross entropy is never below the entropy. The models are trained on one part of the
samples and evaluated on another, so their quality moves the values apart and never makes one
wrong; errors come from the spread of the second part and from what a row not seen would cost.
"""

from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.interval import Interval
from rsmi.layers.sandwich.codes import Codes
from rsmi.layers.sandwich.cross_entropy import held_out
from rsmi.layers.sandwich.training import Training


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
