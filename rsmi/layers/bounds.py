r"""What samples of a discrete X say about a deterministic layer, certified from both sides.

Counted entropies are below the true ones on average (entropy and conditional entropy are concave
functions of the distribution), held-out cross entropies are above, and what is known of H(X)
carries over through :math:`H(X|T) = H(X) - H(T)`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from rsmi.information import Estimate, block_labels, block_sums, bootstrap_error
from rsmi.layers.counting import Labels, pair
from rsmi.layers.interval import Interval
from rsmi.layers.report import Value
from rsmi.layers.sandwich import Codes, conditional_bound

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Sample:
    """Rows of labels whose blocks are independent.

    Args:
        x: (n,) number of the input.
        y: (n,) label, or None.
        t: (n,) number of the activation.
        chains: Markov chains that the rows are interleaved from.
        entropy_x: Known H(X).
        log_capacity: ln of the number of values T can take; infinite for floats.
    """

    x: Labels
    y: Labels | None
    t: Labels
    chains: int
    entropy_x: Estimate | None
    log_capacity: float = math.inf


def sampled_quantities(sample: Sample, tighter_t: Estimate | None = None) -> dict[str, Value]:
    """Every quantity of one layer.

    Args:
        sample: The rows.
        tighter_t: A certified upper value of H(T), such as from `entropy_bound`.

    Returns:
        Nats; an `Interval`, or an `Estimate` of kind `lower` where nothing bounds it above.
    """
    h_t = _entropy_of_layer(sample, tighter_t)
    h_x_t = _forgotten(sample, h_t)
    result: dict[str, Value] = {"H(T)": h_t, "H(X|T)": h_x_t, "I(X;T)": h_t}
    if sample.y is not None:
        h_y_t = label_interval(sample.y, sample.t, sample.chains)
        h_y = label_interval(sample.y, np.zeros_like(sample.y), sample.chains)
        result["H(Y|T)"] = h_y_t
        result["I(T;Y)"] = h_y_t.subtracted_from(h_y).within(0.0, h_y.upper.value)
        result["H(X|T,Y)"] = _forgotten_beside_label(sample, h_x_t, h_y_t)
    return result


def label_interval(y: Labels, t: Labels, chains: int) -> Interval:
    """H(Y|T): counted below, a held-out table of counts above."""
    given, symbols = (
        Codes(_column(t), int(t.max()) + 1),
        Codes(_column(y), max(int(y.max()) + 1, 2)),
    )
    upper = conditional_bound(symbols, given, chains=chains)
    lower = counted_conditional(y, t, chains)
    return Interval(lower, upper).within(0.0, math.inf)


def counted_conditional(s: Labels, t: Labels, chains: int) -> Estimate:
    """Counted H(S|T), which is below H(S|T) on average; kind `lower`."""
    return _counted(_surprise(pair(s, t)) - _surprise(t), chains)


def _entropy_of_layer(sample: Sample, tighter: Estimate | None) -> Value:
    lower = _counted(_surprise(sample.t), sample.chains)
    known = sample.entropy_x
    ceilings = [] if tighter is None else [tighter]
    if known is not None:
        ceilings.append(Estimate(known.value, known.error, "upper"))
    if math.isfinite(sample.log_capacity):
        ceilings.append(Estimate(sample.log_capacity, 0.0, "upper"))
    if not ceilings:
        return lower
    return Interval(lower, min(ceilings, key=lambda e: e.value + e.error))


def _forgotten(sample: Sample, h_t: Value) -> Value:
    if sample.entropy_x is None or isinstance(h_t, Estimate):
        return counted_conditional(sample.x, sample.t, sample.chains)
    known = sample.entropy_x
    total = Interval(
        Estimate(known.value, known.error, "lower"), Estimate(known.value, known.error, "upper")
    )
    return h_t.subtracted_from(total).within(0.0, known.value + 6 * known.error)


def _forgotten_beside_label(sample: Sample, h_x_t: Value, h_y_t: Interval) -> Value:
    """H(X|T) - H(Y|T) <= H(X|T,Y) <= H(X|T)."""
    if isinstance(h_x_t, Estimate) or sample.y is None:
        t_and_y = sample.t if sample.y is None else pair(sample.t, sample.y)
        return counted_conditional(sample.x, t_and_y, sample.chains)
    below = h_y_t.subtracted_from(h_x_t).lower
    return Interval(below, h_x_t.upper).within(0.0, math.inf)


def _surprise(labels: Labels) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return -np.log(np.bincount(labels)[labels] / len(labels))


def _counted(values: np.ndarray[tuple[int], np.dtype[np.float64]], chains: int) -> Estimate:
    groups = block_labels(len(values), chains, min(256, len(values)))
    sums = block_sums(torch.from_numpy(values)[:, None], groups)
    error = bootstrap_error(sums, lambda s: s[:, 0] / s[:, 1])
    # Where all rows say the same, what the resampling finds is rounding.
    error = error if error > _ROUNDING else 0.0
    return Estimate(max(float(values.mean()), 0.0), error, "lower", n=len(values))


def _column(labels: Labels) -> torch.Tensor:
    return torch.from_numpy(labels)[:, None]
