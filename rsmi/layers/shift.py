"""Underspecification: networks alike on held-out rows, and how unlike they are on shifted ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import chi2, f
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.layers.inputs import Inputs
from rsmi.layers.reading import inputs_of
from rsmi.progress import Progress, silent

HELD_OUT = "held out"
_AT_ONCE = 1024
_RARE = 1.35e-3
"""How rarely chance alone would do what a verdict says, as beyond three standard errors."""


@dataclass(frozen=True)
class SetErrors:
    """What the networks get wrong on one set of rows.

    Args:
        errors: Of each network, share of rows whose label has not the largest output.
        mean: Over networks, with the error of the seeds.
        spread: Standard deviation between networks.
        by_chance: Standard deviation between networks that are alike, from so few rows.
        disagreement: Share of rows on which two networks differ, over all pairs.
        n: Rows.
    """

    errors: tuple[float, ...]
    mean: Estimate
    spread: Estimate
    by_chance: float
    disagreement: float
    n: int


@dataclass(frozen=True, repr=False)
class Underspecification(Outcome):
    """Errors of networks that differ by their seeds alone, on held-out and on shifted rows.

    Args:
        sets: By name, the held-out rows first.
    """

    sets: Mapping[str, SetErrors]

    def ratio(self, name: str) -> Estimate | None:
        """How many times larger the spread on a shifted set is; None without a spread."""
        held, own = self.sets[HELD_OUT].spread, self.sets[name].spread
        if held.value == 0 or name == HELD_OUT:
            return None
        value = own.value / held.value
        error = value * math.hypot(own.error / max(own.value, 1e-300), held.error / held.value)
        return Estimate(value, error if own.value else 0.0, "estimate", "1", own.n)

    def verdict(self, name: str) -> str:
        """Whether networks that are alike on held-out rows differ here, beyond chance."""
        one, free = self.sets[name], len(self.sets[name].errors) - 1
        held = self.sets[HELD_OUT].spread.value
        if one.spread.value**2 * free <= one.by_chance**2 * chi2.isf(_RARE, free):
            return "as alike as rows tell"
        if name != HELD_OUT and one.spread.value**2 > held**2 * f.isf(_RARE, free, free):
            return "underspecified"
        return "differ by their seeds"

    def quantities(self) -> list[Quantity]:
        """Mean error, spread and disagreement on each set, and how much larger the spread is."""
        name, found = "layers.shift", list[Quantity]()
        for place, (key, one) in enumerate(self.sets.items()):
            about = {"set": key, "rows": one.n}
            own = {**about, "errors": list(one.errors)}
            found.append(Quantity.of(f"{name}.error", one.mean, None, **own))
            chance = {**about, "by_chance": one.by_chance, "verdict": self.verdict(key)}
            found.append(Quantity.of(f"{name}.spread", one.spread, None, **chance))
            share = Estimate(one.disagreement, 0.0, "estimate", "1", one.n)
            found.append(Quantity.of(f"{name}.disagreement", share, None, **about))
            ratio = self.ratio(key) if place else None
            if ratio is not None:
                found.append(Quantity.of(f"{name}.ratio", ratio, None, **about))
        return found

    def sheets(self) -> list[Sheet]:
        """One row a set."""
        columns = ["set", "error", "spread", "by chance", "two differ", "verdict"]
        rows = []
        for key, one in self.sets.items():
            cells = [_short(one.mean), _short(one.spread), f"{one.by_chance:.4f}"]
            rows.append([key, *cells, f"{one.disagreement:.4f}", self.verdict(key)])
        count = len(self.sets[HELD_OUT].errors)
        caption = (
            f"{count} networks that differ by their seeds; spread: standard deviation between "
            "them, beside what so few rows would make of networks that are alike; underspecified: "
            "alike on held-out rows, and not here"
        )
        return [Sheet("Errors on held-out and on shifted rows", columns, rows, caption)]


def _short(value: Estimate) -> str:
    return format_with_error(value.value, value.error)


def underspecification(
    networks: Sequence[nn.Module],
    held_out: Any,
    shifted: Mapping[str, Any],
    progress: Progress = silent,
) -> Underspecification:
    r"""Compare networks that differ by their seeds on held-out rows and on shifted ones.

    Training that leaves open what networks do elsewhere shows in the spread between them: alike
    on rows like those of training, unlike at another temperature or size. What rows alone would
    make of networks that are alike is taken from the interaction of networks and rows (or chains),

    .. math:: \sigma_\mathrm{chance}^2 = \frac{1}{(S-1)(B-1)B} \sum_{sb}
              (e_{sb} - e_{s\cdot} - e_{\cdot b} + e_{\cdot\cdot})^2

    Args:
        networks: At least 2, whose output is (n, classes), or (n, 1) with the label 1 above 0.
        held_out: Rows like those they were trained on, with labels, as in `inputs_of`.
        shifted: Others with the same labels, by name; of any shape that the networks take.
        progress: Told how many sets of how many are done.

    Returns:
        Errors, spreads and verdicts: `underspecified` where the spread exceeds both what rows do by
        chance and the spread on held-out rows (chi-squared and F tests, 1.35 in a thousand).

    Raises:
        InputError: For fewer than two networks, no shifted set, rows without labels, or outputs
            that are no scores of classes.

    Source: D'Amour and others (2020), arXiv:2011.03395.
    """
    if len(networks) < 2:
        raise InputError(f"{len(networks)} network; the spread between seeds needs at least 2")
    if not shifted or HELD_OUT in shifted:
        raise InputError(
            f"shifted sets are {', '.join(shifted) or 'none'}; expected at least one, under a name "
            f"other than {HELD_OUT!r}"
        )
    sets = {HELD_OUT: held_out, **shifted}
    found = {}
    for done, (name, data) in enumerate(sets.items(), 1):
        found[name] = _judged(networks, inputs_of(data), name)
        progress(done, len(sets))
    return Underspecification(found)


def _judged(networks: Sequence[nn.Module], inputs: Inputs, name: str) -> SetErrors:
    parts, weights = [], []
    for batch in inputs.stream(_AT_ONCE):
        if batch.y is None:
            raise InputError(f"the rows of {name!r} have no labels; give labels")
        x = batch.x if batch.layout is None else batch.layout.split(batch.x)
        parts.append(torch.stack([_answers(network, x) != batch.y for network in networks]))
        equal = torch.ones(len(batch.y), dtype=torch.float64)
        weights.append(equal if batch.weights is None else batch.weights)
    wrong, w = torch.cat(parts, 1).double(), torch.cat(weights)
    errors, count = wrong @ (w / w.sum()), len(networks)
    spread = float(errors.std())
    seeds = float(spread / math.sqrt(count))
    share = wrong.mean(0)
    differ = 2 * share * (1 - share) * count / (count - 1)
    return SetErrors(
        tuple(errors.tolist()),
        Estimate(float(errors.mean()), seeds, "estimate", "1", count),
        Estimate(spread, spread / math.sqrt(2 * (count - 1)), "estimate", "1", count),
        0.0 if inputs.kind == "finite" else _by_chance(wrong, inputs.chains),
        float(differ @ (w / w.sum())),
        len(w),
    )


@torch.no_grad()
def _answers(network: nn.Module, x: Any) -> Tensor:
    """The label that each row gets, (n,) int64."""
    training = network.training
    first = next(network.parameters(), None)
    rows = x.to(first.device) if isinstance(x, Tensor) and first is not None else x
    try:
        scores = network.eval()(rows)
    finally:
        network.train(training)
    if isinstance(scores, Tensor) and scores.dim() == 2 and scores.isfinite().all():
        one = scores.shape[1] == 1
        return (scores[:, 0] > 0).long().cpu() if one else scores.argmax(1).cpu()
    shape = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    raise InputError(
        f"a network returns {shape}; expected finite scores (n, classes), or (n, 1) with the label "
        "1 above 0"
    )


def _by_chance(wrong: Tensor, chains: int | None) -> float:
    """Spread of networks that are alike; rows of one chain stand together."""
    count = len(wrong)
    blocks = wrong
    if chains is not None and 1 < chains < wrong.shape[1]:
        whole = wrong[:, : wrong.shape[1] // chains * chains]
        blocks = whole.reshape(count, -1, chains).mean(1)
    number = blocks.shape[1]
    if number < 2:
        return 0.0
    rest = blocks - blocks.mean(1, keepdim=True) - blocks.mean(0) + blocks.mean()
    return math.sqrt(float(rest.square().sum()) / ((count - 1) * (number - 1) * number))
