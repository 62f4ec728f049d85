"""Tighter upper values of one layer from models of its codes, trained on the kept rows."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.counting.labels import Labels
from rsmi.layers.sandwich.bounds import conditional_bound, entropy_bound
from rsmi.layers.sandwich.codes import Codes
from rsmi.layers.sandwich.cross_entropy import COUNTABLE
from rsmi.layers.sandwich.sample import label_codes
from rsmi.layers.sandwich.training import Training

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
