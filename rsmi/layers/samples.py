r"""What samples of a discrete X say about a deterministic layer.

Counted entropies are below the true ones on average (entropy and conditional entropy are concave
functions of the distribution), held-out cross entropies are above.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.bounds import COUNTABLE, conditional_bound, entropy_bound, lower_average
from rsmi.layers.codes import Codes
from rsmi.layers.counting import Labels, pair
from rsmi.layers.interval import Interval, Value
from rsmi.layers.models import Training


@dataclass(frozen=True)
class Sample:
    """Rows of labels whose blocks are independent.

    Args:
        x: (n,) number of the input.
        y: (n,) label, or None.
        t: (n,) number of the activation.
        chains: Markov chains that the rows are interleaved from.
    """

    x: Labels
    y: Labels | None
    t: Labels
    chains: int


def sampled_quantities(sample: Sample) -> dict[str, Value]:
    """What counts say of one layer.

    Returns:
        Nats: H(T), H(X|T), and with labels H(Y|T) and H(X|T,Y); an `Interval`, or an `Estimate`
        of kind `lower` where counts bound it from below only.
    """
    x, t, chains = sample.x, sample.t, sample.chains
    result: dict[str, Value] = {
        "H(T)": _counted(_surprise(t), chains),
        "H(X|T)": counted_conditional(x, t, chains),
    }
    if sample.y is not None:
        result["H(Y|T)"] = label_interval(sample.y, t, chains)
        result["H(X|T,Y)"] = counted_conditional(x, pair(t, sample.y), chains)
    return result


def label_interval(y: Labels, t: Labels, chains: int) -> Interval:
    """H(Y|T): counted below, a held-out table of counts above."""
    given = Codes(_column(t), int(t.max()) + 1)
    upper = conditional_bound(label_codes(y, chains), given, chains=chains)
    return Interval(counted_conditional(y, t, chains), upper)


def label_codes(y: Labels, chains: int) -> Codes:
    """Labels as one site, of as many levels as there are classes in the training part."""
    return Codes.of(_column(y), most=len(y), chains=chains)


def counted_conditional(s: Labels, t: Labels, chains: int) -> Estimate:
    """Counted H(S|T), which is below H(S|T) on average; kind `lower`."""
    return _counted(_surprise(pair(s, t)) - _surprise(t), chains)


def _surprise(labels: Labels) -> NDArray[np.float64]:
    return -np.log(np.bincount(labels)[labels] / len(labels))


def _counted(values: NDArray[np.float64], chains: int) -> Estimate:
    return lower_average(torch.from_numpy(values), chains)


def _column(labels: Labels) -> torch.Tensor:
    return torch.from_numpy(labels)[:, None]


_LARGEST = 4096  # sites times levels that a model is trained on
_NARROW = 1024  # activations that the quick classifier sees
QUICK = Training(hidden=32, epochs=5, rate=1e-2)
"""The classifier of labels where no training was asked for: a second or two for a layer."""


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


def upper_values(kept: Kept, training: Training | None) -> dict[str, Estimate]:
    """Held-out cross entropies of a deterministic layer, as far as there are models for them.

    Args:
        kept: Raw rows, on which models are trained and, held out, evaluated.
        training: Options of the networks; None for counts alone.

    Returns:
        H(T), H(X|T) and H(Y|T) in nats, kind `upper`.
    """
    t, x = _codes(kept.t, kept.chains), _codes(kept.x, kept.chains)
    result: dict[str, Estimate] = {}
    if t and (training or _countable(t)):
        result["H(T)"] = entropy_bound(t, chains=kept.chains, training=training)
    if x and t and (training or _countable(x)):
        result["H(X|T)"] = conditional_bound(x, t, chains=kept.chains, training=training)
    if kept.y is not None and training:
        result["H(Y|T)"] = label_bound(kept, training)
    return result


def label_bound(kept: Kept, training: Training) -> Estimate:
    """H(Y|T) <= CE_test[q(y|t)] by a classifier of the activations, kind `upper`."""
    if kept.y is None:
        raise InputError("the inputs have no labels; give labels to bound H(Y|T)")
    given = _codes(kept.t, kept.chains) or kept.t
    labels = label_codes(kept.y, kept.chains)
    return conditional_bound(labels, given, chains=kept.chains, training=training)


def quick_label_bound(kept: Kept) -> Estimate:
    """H(Y|T) <= H(Y|sums of T) by a small classifier, kind `upper`.

    Of wide layers it sees 1024 sums of activations with random signs, drawn beforehand, so that a
    layer takes a second or two however wide it is. Anything computed from T bounds H(Y|T) above.
    """
    return label_bound(replace(kept, t=_sums(kept.t)), QUICK)


def _sums(t: Tensor) -> Tensor:
    """Narrow rows as they are, else (n, 1024) sums over disjoint sets with random signs."""
    if t.shape[1] <= _NARROW:
        return t
    generator = torch.Generator().manual_seed(0)
    place = torch.randint(_NARROW, (t.shape[1],), generator=generator)
    signs = 2.0 * torch.randint(2, (t.shape[1],), generator=generator) - 1.0
    return t.new_zeros(len(t), _NARROW).index_add_(1, place, t * signs)


def _countable(codes: Codes) -> bool:
    return codes.log_alphabet <= COUNTABLE


def _codes(rows: Tensor, chains: int) -> Codes | None:
    """Codes where a model can be trained on them."""
    width = math.prod(rows.shape[1:])
    if len(rows[:64].unique()) > 64 or width * 2 > _LARGEST:
        return None
    try:
        codes = Codes.of(rows, chains=chains)
    except InputError:
        return None
    return codes if width * codes.levels <= _LARGEST else None
