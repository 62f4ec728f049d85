"""What rules keep about the environment, as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.information import Quantity
from rsmi.learning import Degeneracy, Ensemble, LearnedRule, RuleValues, SolvedRules
from rsmi.learning.growth import LearningCurve
from rsmi.report.drawing import draw
from rsmi.report.figures import bars, filters, information, learning_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@draw.register(LearnedRule)
@draw.register(RuleValues)
@draw.register(SolvedRules)
def _figure(found: LearnedRule | RuleValues | SolvedRules) -> "Figure":
    return information_figure(found.quantities())


@draw.register(LearningCurve)
def _grown(found: LearningCurve) -> "Figure":
    return learning_curve(found.quantities())


def information_figure(quantities: Sequence[Quantity]) -> "Figure":
    """The information of every rule among the quantities, and the most that there can be."""
    ceiling = [q.value for q in quantities if q.name == "information.ceiling"]
    return information(bars(quantities), ceiling[0] if ceiling else None)


_ANGLES = 6
"""Members of a circle or sphere, or of what is undecided, that are shown."""


@draw.register(Degeneracy)
def _manifold(found: Degeneracy) -> "Figure":
    return filters(found.coordinates, found.labels)


@draw.register(Ensemble)
def _ensemble(found: Ensemble) -> "Figure":
    """The good members, and what some of them see in their block."""
    told, members = found.degeneracy, found.good.nonzero().flatten()
    block, weights = found.placement.window.block, found.filters[members][..., -1]
    space = found.placement.space
    chosen = _chosen(told) if len(block) == len(space.cells) <= 2 and space.sites == 1 else []
    rows = (1, *block)[-2:]
    pictures = [_seen(found, w).reshape(*rows, -1) for w in _shown(told, weights, chosen)]
    return filters(told.coordinates, told.labels, pictures, chosen)


def _shown(told: Degeneracy, weights: torch.Tensor, chosen: Sequence[int]) -> list[torch.Tensor]:
    """The mean filters of the clusters of which members were chosen, else these members' own."""
    if told.shape in ("orbit", "point"):
        return [weights[told.labels == told.labels[m]].mean(0) for m in chosen]
    return [weights[m] for m in chosen]


def _chosen(told: Degeneracy) -> list[int]:
    """A member of each cluster, or members at even angles along the first two axes."""
    x = told.coordinates
    if told.shape in ("orbit", "point"):
        centres = [x[told.labels == k].mean(0) for k in range(min(_ANGLES, len(told.centres)))]
        return [int(torch.cdist(c[None], x).argmin()) for c in centres]
    if x.shape[1] < 2:
        return []
    angles = torch.arange(_ANGLES) * 2 * torch.pi / _ANGLES
    seen = torch.stack([angles.cos(), angles.sin()], 1).to(x) @ x[:, :2].T
    return list(dict.fromkeys(seen.argmax(1).tolist()))


def _seen(found: Ensemble, weights: torch.Tensor) -> NDArray[np.float64]:
    """A number for each site; of letters that point, how far along the rows' axis, and an arrow."""
    alphabet = found.placement.space.alphabet
    if not alphabet.directions:
        return (weights @ alphabet.values[:, :1].to(weights)).numpy()
    goes = torch.tensor(alphabet.directions).to(weights)
    along = goes[:, :1].abs() - goes[:, 1:2].abs()
    return (weights @ torch.cat([along, goes], 1)).numpy()
