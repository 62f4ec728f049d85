"""One call for every estimator: value, error, kind, ceiling and null, side by side."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rsmi.errors import InputError
from rsmi.information.estimators.pairs import LogConditional, Pairs, paired
from rsmi.information.estimators.registry import ESTIMATORS, Estimator, estimator
from rsmi.information.number import Estimate, format_with_error
from rsmi.information.outcome import Outcome, Sheet
from rsmi.information.quantity import Plain, Quantity

_SIGMAS = 3.0
"""Standard errors that a null may lie from 0."""
_NEAR = 0.9
"""Share of a ceiling from which on a value is limited by it."""
_CAPTION = (
    "null: the same on permuted pairs, whose information is 0. Errors are those of sampling; a "
    "lower or upper bound holds up to its error, an estimate may be biased either way."
)
_APART = "apart: of another quantity than I(X;Y), not to be compared"
_COLUMNS = ["estimator", "value(error)", "kind", "ceiling", "null", "held out", "n", ""]


@dataclass(frozen=True)
class EstimateLine:
    """What one estimator says.

    Args:
        estimator: Its entry.
        value: Nats, with error and kind.
        ceiling: What the value could not exceed on these rows.
        null: The same on permuted pairs, where that was asked for and says something.
        seconds: Of processor time that it took, without the null.
    """

    estimator: Estimator
    value: Estimate
    ceiling: float | None
    null: Estimate | None
    seconds: float

    @property
    def refused(self) -> str | None:
        """Why the value is not to be used; None where nothing speaks against it."""
        null = self.null
        if null is None:
            return None
        far = {"lower": null.value, "upper": -null.value}.get(null.kind, abs(null.value))
        if far <= _SIGMAS * null.error:
            return None
        return f"its null {format_with_error(null.value, null.error)} is not 0"

    @property
    def remark(self) -> tuple[str, str]:
        """One word for what is wrong with the value or limits it, and the reason; empty ones."""
        if self.refused:
            return "refused", self.refused
        if self.value.kind == "lower" and self.value.value < -_SIGMAS * self.value.error:
            return "failed", "below 0, so nothing was learned"
        if self.ceiling is not None and self.value.value > _NEAR * self.ceiling:
            return "ceiling", "near the most that it can say here; the truth may be larger"
        return "", ""

    def cells(self) -> list[str]:
        """The line of a table."""
        value, null = self.value, self.null
        return [
            self.estimator.name,
            format_with_error(value.value, value.error),
            value.kind,
            "" if self.ceiling is None else f"{self.ceiling:.2f}",
            "" if null is None else format_with_error(null.value, null.error),
            "yes" if self.estimator.held_out else "no",
            str(value.n),
            self.remark[0],
        ]

    def quantities(self) -> list[Quantity]:
        """The value and its null, as they stand in `result.json`."""
        name = f"information.estimate.{self.estimator.name}"
        context: dict[str, Plain] = {
            "held_out": self.estimator.held_out,
            "comparable": self.estimator.comparable,
            "ceiling": self.ceiling,
            "remark": ": ".join(filter(None, self.remark)),
            "seconds": round(self.seconds, 3),
        }
        found = [Quantity.of(name, self.value, **context)]
        return found if self.null is None else [*found, Quantity.of(f"{name}.null", self.null)]


@dataclass(frozen=True, repr=False)
class Estimates(Outcome):
    """What several estimators say of the same pairs.

    Args:
        lines: One for each estimator, in the order asked for.
        rows: Pairs that were given.
    """

    lines: Sequence[EstimateLine]
    rows: int

    def __getitem__(self, name: str) -> EstimateLine:
        """The line of an estimator by its name, with or without its arguments.

        Raises:
            InputError: For one that was not asked for.
        """
        for line in self.lines:
            if name in (line.estimator.name, line.estimator.name.partition("(")[0]):
                return line
        asked = ", ".join(line.estimator.name for line in self.lines)
        raise InputError(f"no estimator {name!r} was asked for; there are {asked}")

    def quantities(self) -> list[Quantity]:
        """Every value and null."""
        return [quantity for line in self.lines for quantity in line.quantities()]

    def sheets(self) -> list[Sheet]:
        """A line for each estimator; those of another quantity stand below, by themselves."""
        rows = [line.cells() for line in self.lines if line.estimator.comparable]
        apart = [line.cells() for line in self.lines if not line.estimator.comparable]
        if apart:
            rows += [["apart"], *apart]
        title = f"I(X;Y) in nats from {self.rows} pairs"
        remarks = [
            f"{line.estimator.name}: {word}: {reason}"
            for line in self.lines
            for word, reason in [line.remark]
            if word
        ]
        return [
            Sheet(title, _COLUMNS, rows, "\n".join([*remarks, *[_APART] * bool(apart), _CAPTION]))
        ]


def estimate(
    x: Any,
    y: Any,
    with_: str | Estimator | Sequence[str | Estimator] | None = None,
    *,
    chains: int | None = None,
    blocks: Any = None,
    log_conditional: LogConditional | None = None,
    null: bool = True,
    seed: int = 0,
) -> Estimates:
    r"""Mutual information of paired rows by any of the estimators of `ESTIMATORS`.

    Columns of more letters or of numbers are given to networks by their ranks, which changes no
    information. Networks learn from .55 of the rows, .15 choose the state, .3 give the value.

    Args:
        x: (n,) or (n, d) numbers of any type, array or tensor. Whole numbers throughout are
            letters (a row is one letter), others are real numbers.
        y: (n,) or (n, d), row i belongs to row i of x.
        with_: Names such as "infonce", "ksg(5)" or "infonce(separable)", entries of your own, "all"
            for every one that can take these pairs; the usual of those without.
        chains: Rows come from so many Markov chains, row i from chain `i % chains`: whole chains
            are held out, errors are from stretches of chains.
        blocks: (n,) whole numbers, in place of chains: rows of one block are held out together.
        log_conditional: ln p(y|x) where it is known, a function of y (a, d_y) and x (b, d_x)
            float64 tensors that gives (a, b).
        null: Whether each is also run on permuted pairs; a null that is not 0 within three errors
            refuses the value. Takes the time again.
        seed: Of weights, batches, the parts and errors; no global state is touched.

    Returns:
        A line for each, nats: value, error, kind, ceiling, null, whether held out.

    Raises:
        InputError: For rows that do not pair, numbers that are not finite, a constant variable, an
            unknown name, or an estimator that cannot take these pairs, with the reason.

    Source: in the documentation of each estimator, see `docs/estimators.md`.

    >>> import torch
    >>> z = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = estimate(z[:, 0], 0.75 * z[:, 0] + 0.4375**0.5 * z[:, 1], "gaussian")
    >>> abs(found["gaussian"].value.deviation(0.413339)) < 3, found["gaussian"].refused
    (True, None)
    """
    pairs = paired(x, y, chains, blocks, seed, log_conditional)
    chosen = _chosen(with_, pairs)
    shuffled = pairs.shuffled() if null else None
    return Estimates([_line(one, pairs, shuffled) for one in chosen], len(pairs))


def _line(entry: Estimator, pairs: Pairs, shuffled: Pairs | None) -> EstimateLine:
    start = time.process_time()
    value = entry.compute(pairs)
    seconds = time.process_time() - start
    nothing = entry.compute(shuffled) if shuffled is not None and entry.null else None
    return EstimateLine(entry, value, entry.ceiling(pairs), nothing, seconds)


def _chosen(
    with_: str | Estimator | Sequence[str | Estimator] | None, pairs: Pairs
) -> list[Estimator]:
    """The entries that were asked for, each able to take these pairs."""
    if with_ is None or with_ == "all":
        every = [estimator(name) for name in ESTIMATORS]
        able = [one for one in every if one.refusal(pairs) is None]
        return [one for one in able if one.usual or with_ == "all"] or _none(every, pairs)
    asked = [with_] if isinstance(with_, str | Estimator) else list(with_)
    if not asked:
        raise InputError(f"no estimator was named; expected names from {', '.join(ESTIMATORS)}")
    found = [one if isinstance(one, Estimator) else estimator(one) for one in asked]
    if reasons := [reason for one in found if (reason := one.refusal(pairs))]:
        raise InputError("; ".join(reasons))
    return list({one.name: one for one in found}.values())


def _none(every: Sequence[Estimator], pairs: Pairs) -> list[Estimator]:
    reasons = [one.refusal(pairs) for one in every if one.usual]
    raise InputError(f"no estimator can take these pairs: {'; '.join(filter(None, reasons))}")
