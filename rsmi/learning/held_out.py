"""What a rule is worth on windows that no training step saw, and the error of that."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import AnalysisError, RsmiError
from rsmi.information import Estimate, Kind, bootstrap_error, predictive_bound, predictive_sums
from rsmi.learning.predictor import MEMBERS
from rsmi.learning.rsmi import RSMI
from rsmi.learning.rules import Rule
from rsmi.learning.windowed import HeldOut
from rsmi.sampling import OrderReport
from rsmi.sampling.autocorrelation import correlation

_BATCH, _ENTRIES = 16384, 1 << 22  # most windows, and most entries of q(v|e), held at once
_TRIED = 4096  # blocks on which it is tried whether a rule commutes with a symmetry
_LEAST = 8  # blocks that are left where correlations outlast the chains
_ROUNDING = 1e-6  # nats
_FAILED = 3.0  # standard errors below 0 from which on no information is meant


@dataclass(frozen=True)
class Sums:
    """What a predictor says of held-out windows, added up.

    Args:
        blocks: (labels, K + 2) float64, as `rsmi.information.predictive_sums`.
        without: (m,) what the mean score of all windows is without one of the networks.
    """

    blocks: Tensor
    without: Tensor

    @property
    def training(self) -> float:
        r"""Standard error of the bound by the luck of the training, in nats.

        .. math:: \sigma^2 = \frac{m - 1}{m} \sum_i (b_{-i} - \bar b)^2

        the jackknife over the m networks, each trained from other weights on other windows.
        """
        m = len(self.without)
        return float(((m - 1) * self.without.var(correction=0)).sqrt())


@dataclass(frozen=True)
class Bound:
    """A held-out lower bound of an information.

    Args:
        information: Nats, kind `lower`; its error holds both parts.
        statistical: The part of the error that comes from the number of held-out windows.
        training: The part that comes from the luck of the training.
    """

    information: Estimate
    statistical: float
    training: float

    def rounded(self) -> "Bound":
        """The same without the rounding of a predictor that says nothing: 0, with error 0.

        >>> print(Bound(Estimate(1e-17, 6e-17, "lower"), 6e-17, 0.0).rounded().information)
        0 nats (lower bound)
        """
        if self.information.error >= _ROUNDING or abs(self.information.value) >= _ROUNDING:
            return self
        return Bound(replace(self.information, value=0.0, error=0.0), 0.0, 0.0)

    def widened(self, spread: float) -> "Bound":
        """The same where trainings from other seeds scatter by more than its own networks tell."""
        training = max(self.training, spread)
        error = math.hypot(self.statistical, training)
        return Bound(replace(self.information, error=error), self.statistical, training)

    def too_wide(self, asked: float, n: int, order: OrderReport) -> str:
        """Why the error is larger than what was asked for; empty where it is not.

        Args:
            asked: Largest error, in nats.
            n: Test configurations.
            order: How much the configurations remember of each other.
        """
        if self.information.error <= asked:
            return ""
        worth = max(n / (2 * order.time), 1.0)
        found = (
            f"the held-out value is {self.information}, its error larger than {asked:g} nats: "
            f"{self.statistical:.2g} come from {n} test configurations, worth {worth:.0f} "
            f"independent ones, {self.training:.2g} from the training; "
        )
        if self.training >= asked:
            return f"{found}train longer, from more seeds or with wider hidden layers"
        growth = self.statistical**2 / (asked**2 - self.training**2)
        return (
            f"{found}expected at least {math.ceil(growth * n)} test configurations, "
            f"{math.ceil(growth * order.n)} in all, with as much memory as these"
        )

    @property
    def parts(self) -> dict[str, float]:
        """The two parts of the error, by name."""
        return {"statistical": self.statistical, "training": self.training}


def held_out_bound(model: RSMI, held_out: HeldOut, rule: Rule | None) -> Bound:
    """Lower bound of I(H:E) of a rule on held-out windows, with both parts of its error.

    The statistical error covers the bound that this very predictor has on infinitely many
    windows; with the error of the training it covers the mean bound of other trainings.

    Args:
        model: A trained module; its predictor is used.
        held_out: Windows that it was not trained on.
        rule: Any rule for a posterior, its own rule for a joint module; None for the whole block.

    Raises:
        InputError: For a rule that the predictor does not know.
    """
    sums = held_out_sums(model, held_out, rule)
    found = chain_estimate(sums.blocks, held_out.chains)
    error = math.hypot(found.error, sums.training)
    total = Estimate(found.value, error, "lower", n=found.n)
    return Bound(total, found.error, sums.training)


def held_out_information(model: RSMI, held_out: HeldOut, rule: Rule | None) -> Estimate:
    """Lower bound of I(H:E) of a rule on held-out windows: see `held_out_bound`."""
    return held_out_bound(model, held_out, rule).information


def check_bound(bound: Estimate) -> Estimate:
    """The bound, unless it is so far below 0 that its training failed.

    Raises:
        AnalysisError: For a lower bound of an information more than three errors below 0.

    >>> print(check_bound(Estimate(-0.001, 0.001, "lower")))
    -0.0010(10) nats (lower bound)
    """
    if bound.value < -_FAILED * bound.error - _ROUNDING:
        raise AnalysisError(
            f"the training failed: it bounds an information from below by {bound}, and none is "
            "below 0; take more configurations, fewer or smaller hidden layers, a lower "
            "learning_rate or more epochs"
        )
    return bound


def null_reason(null: Estimate, error: float = 0.0) -> str:
    """Why a null is not 0 within three errors; empty where it is.

    A null below 0 says by how much bounds are too low. They stay bounds, and where it is less than
    the error of the value that it stands beside, that error covers it.

    Args:
        null: What was found where the truth is 0.
        error: Of the value.

    >>> null_reason(Estimate(-0.002, 0.001, "lower"))
    ''
    >>> null_reason(Estimate(0.004, 0.001, "lower"))[:46]
    'the null is 0.0040(10) nats (lower bound), 4.0'
    """
    limit = _FAILED * null.error + _ROUNDING
    if -max(limit, error) <= null.value <= limit:
        return ""
    errors = abs(null.value) / null.error if null.error else math.inf
    found = f"the null is {null}, {errors:.1f} errors from 0, which it is in truth"
    if null.value > 0:
        return (
            f"{found}: environments of other chains tell of blocks, so chains, or the parts that "
            "train and test, are not independent of each other; rows of one chain that were "
            "declared several chains, copies of configurations, or chains that share random "
            "numbers do this; declare the chains as they are, and bring independent ones"
        )
    return (
        f"{found}: the predictor takes noise for knowledge, so bounds lie below the truth by more "
        "than their errors; take more configurations, fewer or smaller hidden layers, a lower "
        "learning_rate, or a longer patience"
    )


@torch.no_grad()
def held_out_sums(model: RSMI, held_out: HeldOut, rule: Rule | None) -> Sums:
    """Sufficient statistics behind `held_out_bound`.

    Where the configurations are symmetric under renaming letters, every window also counts with
    its letters renamed: a chain that was in one phase most of the time says nothing about H(p)
    otherwise.
    """
    model.cpu().eval()
    images = held_out.symmetry.letters if held_out.symmetry.symmetrises(_use(model)) else ()
    answers = model.renamings(rule, held_out.v[:_TRIED]) if images else None
    letters = torch.tensor(images[1:] if answers is None else (), dtype=torch.int8)
    labels = int(held_out.groups.max()) + 1
    blocks: list[Tensor] = []
    without = torch.zeros(MEMBERS, dtype=torch.float64)
    size = max(1, min(_BATCH, _ENTRIES // model.predictor.symbols.shape[1]))
    parts = (tensor.split(size) for tensor in (held_out.v, held_out.e, held_out.groups))
    for v, e, groups in zip(*parts, strict=True):
        for table in (None, *letters):
            seen, around = (v, e) if table is None else (table[v.long()], table[e.long()])
            p, q = model.probabilities(rule, seen), model.predictions(rule, around)
            sums = predictive_sums(p, q.mean(0).log(), groups)
            blocks.append(F.pad(sums, (0, 0, 0, labels - len(sums))))
            without += _score(p, (q.sum(0) - q) / (len(q) - 1))
    total = torch.stack(blocks).sum(0)
    return Sums(
        total if answers is None else symmetrised(total, answers), without / total[:, -1].sum()
    )


def _use(model: RSMI) -> Literal["impose", "allow"]:
    return "impose" if model.imposes else "allow"


def _score(p: Tensor, q: Tensor) -> Tensor:
    """Sum of p ln q over windows and symbols, for each of some predictions q (m, n, K): (m,)."""
    return torch.where(p > 0, p * q.clamp(min=0).log(), 0.0).sum((1, 2))


def symmetrised(sums: Tensor, renamings: Tensor) -> Tensor:
    """Sums of a rule and predictor that commute with a group, as if all images were there.

    Args:
        sums: (G, K + 2) of `rsmi.information.predictive_sums`.
        renamings: (elements, K) what the group does to the symbols.

    >>> symmetrised(torch.tensor([[3.0, 1.0, -0.5, 4.0]]), torch.tensor([[0, 1], [1, 0]])).tolist()
    [[2.0, 2.0, -0.5, 4.0]]
    """
    return torch.cat([sums[:, :-2][:, renamings].mean(1), sums[:, -2:]], 1)


def chain_estimate(sums: Tensor, chains: int, kind: Kind = "lower") -> Estimate:
    r"""A bound with a block-bootstrap error that knows the autocorrelation of few chains.

    What each stretch of a chain adds to the bound, to first order, is a series with its own
    integrated autocorrelation time; the error of independent stretches grows by
    :math:`\sqrt{2\tau}`.

    Args:
        sums: (G, K + 2) float64 of `rsmi.information.predictive_sums`; G / chains stretches of the
            first chain, then those of the second, ...
        chains: Number of independent chains.
        kind: What the value claims to be.

    Returns:
        Nats; n is the number of stretches.

    Raises:
        InputError: With fewer than two stretches of data.

    >>> sums = predictive_sums(torch.eye(2).repeat(32, 1), torch.full((64, 2), 0.5).log())
    >>> print(chain_estimate(sums, chains=1).kind)
    lower
    """
    value = float(predictive_bound(sums.sum(0, keepdim=True)))
    used = sums[sums[:, -1] > 0]
    whole = len(used) // chains * chains == len(used)
    blocks, growth = (used, 1.0) if len(used) < 2 * chains or not whole else _blocks(used, chains)
    error = growth * bootstrap_error(blocks, predictive_bound)
    return Estimate(value, error, kind, n=len(blocks))


def _blocks(sums: Tensor, chains: int) -> tuple[Tensor, float]:
    """Blocks to be resampled, and the growth of the error by correlations between them."""
    try:
        time = correlation(_influence(sums).view(chains, -1).numpy()).time
    except RsmiError:  # too few stretches, or correlated over all of them
        per_chain = max(1, _LEAST // chains)
        labels = torch.arange(len(sums)) * (chains * per_chain) // len(sums)
        return sums.new_zeros(chains * per_chain, sums.shape[1]).index_add_(0, labels, sums), 1.0
    return sums, math.sqrt(max(2 * time, 1.0))


def _influence(sums: Tensor) -> Tensor:
    """What each block adds to the bound, to first order, (G,)."""
    mean = sums.sum(0) / sums[:, -1].sum()
    slopes = torch.cat([-mean[:-2].clamp(min=1e-300).log(), mean.new_ones(1)])
    centre = mean[:-1] @ slopes
    return sums[:, :-1] @ slopes - sums[:, -1] * centre
