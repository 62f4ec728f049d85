"""Tighter certified values of one layer from models of its codes, trained on the kept rows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.autoregressive import Training
from rsmi.layers.bounds import Sample, sampled_quantities
from rsmi.layers.counting import Labels
from rsmi.layers.interval import Interval
from rsmi.layers.report import Value
from rsmi.layers.sandwich import COUNTABLE, Codes, conditional_bound, entropy_bound

_LARGEST = 4096  # sites times levels that a model is trained on


@dataclass(frozen=True)
class Kept:
    """Raw rows of one layer in the order of the chains, or a random one.

    Args:
        x: (n, ...) inputs.
        y: (n,) labels, or None.
        t: (n, width) activations.
        chains: Markov chains that these rows are interleaved from.
    """

    x: Tensor
    y: Labels | None
    t: Tensor
    chains: int


def certified(sample: Sample, kept: Kept, training: Training | None) -> dict[str, Value]:
    """Quantities of a deterministic layer, with the better of counts and trained models.

    Args:
        sample: All rows, by number.
        kept: Raw rows, on which models are trained and, held out, evaluated.
        training: Options of the networks; None for counts alone.

    Returns:
        As `sampled_quantities`.
    """
    t = _codes(kept.t)
    tighter = _entropy_bound(t, kept, training)
    result = sampled_quantities(sample, tighter)
    x = _codes(kept.x)
    forgotten = result["H(X|T)"]
    if x and t and isinstance(forgotten, Interval) and (training or _countable(x)):
        upper = conditional_bound(x, t, chains=kept.chains, training=training)
        result["H(X|T)"] = _capped(forgotten, upper)
    if kept.y is not None and training:
        _certify_labels(result, kept, t, training)
    return result


def label_bound(kept: Kept, training: Training) -> Estimate:
    """H(Y|T) <= CE_test[q(y|t)] by a classifier of the activations, kind `upper`."""
    return _label_bound(kept, _codes(kept.t), training)


def _certify_labels(
    result: dict[str, Value], kept: Kept, t: Codes | None, training: Training
) -> None:
    """A classifier's cross entropy, and what follows for I(T;Y)."""
    before, information = result["H(Y|T)"], result["I(T;Y)"]
    if not isinstance(before, Interval) or not isinstance(information, Interval):
        return
    after = _capped(before, _label_bound(kept, t, training))
    gained = before.upper.value - after.upper.value
    raised = Estimate(
        information.lower.value + gained,
        information.lower.error + after.upper.error,
        "lower",
        n=after.upper.n,
    )
    result["H(Y|T)"] = after
    result["I(T;Y)"] = Interval(raised, information.upper) if gained > 0 else information


def _label_bound(kept: Kept, t: Codes | None, training: Training) -> Estimate:
    if kept.y is None:
        raise InputError("the inputs have no labels; give labels to bound H(Y|T)")
    labels = Codes(torch.from_numpy(kept.y)[:, None], max(int(kept.y.max()) + 1, 2))
    return conditional_bound(labels, t or kept.t, chains=kept.chains, training=training)


def _capped(interval: Interval, upper: Estimate) -> Interval:
    now = interval.upper
    better = upper.value + upper.error < now.value + now.error
    return Interval(interval.lower, upper) if better else interval


def _entropy_bound(t: Codes | None, kept: Kept, training: Training | None) -> Estimate | None:
    if t is None or not (training or _countable(t)):
        return None
    return entropy_bound(t, chains=kept.chains, training=training)


def _countable(codes: Codes) -> bool:
    return codes.log_alphabet <= COUNTABLE


def _codes(rows: Tensor) -> Codes | None:
    """Codes where a model can be trained on them."""
    width = math.prod(rows.shape[1:])
    if len(rows[:64].unique()) > 64 or width * 2 > _LARGEST:
        return None
    try:
        codes = Codes.of(rows)
    except InputError:
        return None
    return codes if width * codes.levels <= _LARGEST else None
