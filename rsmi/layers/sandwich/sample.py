r"""What counts of samples of a discrete X say about a deterministic layer.

Counted entropies are below the true ones on average (entropy and conditional entropy are concave
functions of the distribution), held-out cross entropies are above.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.information import Estimate
from rsmi.layers.counting.labels import Labels, pair
from rsmi.layers.interval import Interval
from rsmi.layers.report import Value
from rsmi.layers.sandwich.bounds import conditional_bound
from rsmi.layers.sandwich.codes import Codes
from rsmi.layers.sandwich.cross_entropy import lower_average


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
