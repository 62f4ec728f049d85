"""What a scan found: one row for each point, and curves through its columns."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError, InputError, RsmiError, nearest
from rsmi.information import (
    CURVES,
    FEATURES,
    CurveFit,
    Feature,
    Listing,
    Outcome,
    Plain,
    Quantity,
    Sheet,
    fit_curves,
    format_with_error,
    locate,
)
from rsmi.runs.grid import Point, short_names
from rsmi.runs.settings import Exact

if TYPE_CHECKING:
    pass

Numbers = NDArray[np.float64]

_USUAL = ("information.", "exponents.", "sampling.")
"""Columns of a scan that names none begin with the first of these that there is."""
_INDEPENDENT = (
    "points are taken as independent, although they share samples or random numbers; vary a seed "
    "and name it under `over` for errors that know better"
)


@dataclass(frozen=True)
class Fit:
    """Curves through a column of a scan, or a feature of one.

    Args:
        x: The setting that varies along the curve, by dotted path.
        y: Name of the quantity.
        curves: Models to compare: `exponential`, `power`, and both with a `_constant` added.
        feature: In place of curves, `maximum`, `steepest` or `crossing`: where that is.
        shift: Added to x, so that a power law may begin at x = 0.
        level: The y that is crossed.
        degree: Of the polynomial that finds the feature; see `rsmi.information.locate`.
        between: Range of x; all of it without.
        over: Settings whose values are independent repetitions, such as `samples.seed`.
        reference: The known place of the feature.

    Raises:
        InputError: For an unknown curve or feature, both, or neither.
    """

    x: str
    y: str
    curves: tuple[str, ...] = ()
    feature: Literal["maximum", "steepest", "crossing"] | None = None
    shift: float = 0.0
    level: float = 0.0
    degree: int | None = None
    between: tuple[float, float] | None = None
    over: tuple[str, ...] = ()
    reference: float | None = None

    def __post_init__(self) -> None:
        if bool(self.curves) == (self.feature is not None):
            raise InputError(
                "a fit has either `curves` to compare or a `feature` to find, not "
                f"{'both' if self.curves else 'neither'}"
            )
        known = CURVES if self.curves else FEATURES
        for name in self.curves or (self.feature,):
            if name not in known:
                raise InputError(
                    f"there is no {'curve' if self.curves else 'feature'} {name!r}; "
                    f"{nearest(name, known)}expected one of {', '.join(known)}"
                )

    def check(self, where: str, keys: Sequence[str]) -> None:
        """Refuse settings that do not vary.

        Raises:
            InputError: Names the setting.
        """
        for key in (self.x, *self.over):
            _check_key(where, key, keys)
        if self.x in self.over:
            raise InputError(f"{where}: {self.x} is both x and a repetition; keep one of the two")


@dataclass(frozen=True)
class Axes:
    """What the figure of a scan shows.

    Args:
        x: The setting along the axis; without, that of the first fit, or the first that is a
            number.
        y: Names of the quantities; without, those of the fits, or the first column.
        log: Axes that are logarithmic.
    """

    x: str | None = None
    y: tuple[str, ...] = ()
    log: tuple[Literal["x", "y"], ...] = ()

    def check(self, keys: Sequence[str]) -> None:
        """Refuse a setting that does not vary.

        Raises:
            InputError: Names it.
        """
        if self.x is not None:
            _check_key("figure", self.x, keys)


def _check_key(where: str, key: str, keys: Sequence[str]) -> None:
    if key not in keys:
        raise InputError(
            f"{where}: {key!r} does not vary; {nearest(key, keys)}expected one of {', '.join(keys)}"
        )


@dataclass(frozen=True)
class PointResult:
    """What one point found.

    Args:
        point: The point.
        numbers: Its quantities.
        failure: Why they are not all there; empty where they are.
        seconds: That it took.
    """

    point: Point
    numbers: tuple[Quantity, ...]
    failure: str = ""
    seconds: float = 0.0

    def find(self, name: str) -> Quantity | None:
        """The first quantity of that name, if there is one."""
        return next((quantity for quantity in self.numbers if quantity.name == name), None)


@dataclass(frozen=True)
class FitResult:
    """A fit at some values of the settings that are neither x nor repetitions.

    Args:
        name: Of the fit.
        fit: What was asked for.
        group: The values of the other settings.
        x: Of the points (n,).
        y: Their values (repetitions, n).
        curves: What was found, the best model first.
        feature: Where the feature is.
        failure: Why nothing was found; empty where something was.
    """

    name: str
    fit: Fit
    group: Mapping[str, Any]
    x: Numbers
    y: Numbers
    curves: Mapping[str, CurveFit] = field(default_factory=dict)
    feature: Feature | None = None
    failure: str = ""

    def quantities(self) -> list[Quantity]:
        """Parameters of each model and its distance from the best, or the place of the feature."""
        about = {**self.group, "x": self.fit.x, "y": self.fit.y, "points": len(self.x)}
        about |= {"repetitions": len(self.y)} if self.fit.over else {}
        found = []
        for model, curve in self.curves.items():
            prefix = f"fit.{self.name}.{model}"
            chance = {} if curve.chance is None else {"chance": curve.chance}
            more = about | {"chi2": curve.chi2, "shift": curve.shift, **chance}
            for word, value in curve.parameters.items():
                found.append(Quantity.of(f"{prefix}.{word}", value, **more))
            found.append(Quantity.of(f"{prefix}.delta_aic", curve.delta, **more))
        if self.feature is not None:
            parts = {
                "statistical": self.feature.statistical,
                "truncation": self.feature.truncation,
                "degree": self.feature.degree,
            }
            name = f"fit.{self.name}.{self.fit.feature}"
            found.append(Quantity.of(name, self.feature.x, self.fit.reference, **about | parts))
        return found


@dataclass(frozen=True, repr=False)
class ScanResult(Listing):
    """What a scan found.

    Args:
        points: A row for each, in order.
        columns: Names of the quantities of the table.
        asked: Fits by name.
        axes: What the figure shows.
    """

    points: tuple[PointResult, ...]
    columns: tuple[str, ...] = ()
    asked: Mapping[str, Fit] = field(default_factory=dict)
    axes: Axes = field(default_factory=Axes)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", self.columns or self._usual())

    __repr__ = Outcome.__repr__

    @property
    def keys(self) -> list[str]:
        """Dotted paths of the settings that vary."""
        return list(self.points[0].point.choice)

    @property
    def failed(self) -> dict[str, str]:
        """Why points and fits failed, by name."""
        points = {one.point.name: one.failure for one in self.points if one.failure}
        return points | {_title(fit): fit.failure for fit in self.fits if fit.failure}

    def check(self) -> None:
        """Fail if a point or a fit failed.

        Raises:
            AnalysisError: Names the first, with its reason.
        """
        if self.failed:
            name, reason = next(iter(self.failed.items()))
            raise AnalysisError(
                f"{len(self.failed)} of {len(self.points)} points and {len(self.fits)} fits "
                f"failed, such as {name}: {reason}; all others stand in the table"
            )

    def _usual(self) -> tuple[str, ...]:
        """Names that most points have, of the kind that a reader looks for."""
        names = [q.name for one in self.points for q in one.numbers if ".scan." not in q.name]
        for prefix in _USUAL:
            if found := [name for name in dict.fromkeys(names) if name.startswith(prefix)]:
                return tuple(found)
        return tuple(dict.fromkeys(names))

    @cached_property
    def fits(self) -> tuple[FitResult, ...]:
        """Every fit at every value of the settings that it does not speak of."""
        return tuple(
            result for name, fit in self.asked.items() for result in _fitted(name, fit, self.points)
        )

    def quantities(self) -> list[Quantity]:
        """The columns at every point, then the fits, then how many points there are."""
        found = [
            quantity.about(**one.point.choice, point=one.point.name)
            for one in self.points
            for name in self.columns
            if (quantity := one.find(name)) is not None
        ]
        found += [quantity for fit in self.fits for quantity in fit.quantities()]
        return [
            *found,
            Quantity("scan.points", len(self.points), 0.0, "exact", "1"),
            Quantity("scan.failed", len(self.failed), 0.0, "exact", "1", context=self.failed),
        ]

    def rows(self) -> list[dict[str, Plain]]:
        """A row for each point: what varies, each column with its error and kind, why it failed."""
        return [self._row(one) for one in self.points]

    def _row(self, one: PointResult) -> dict[str, Plain]:
        row: dict[str, Plain] = dict(one.point.choice)
        for name in self.columns:
            found = one.find(name)
            row[name] = None if found is None else found.value
            row[f"{name}.error"] = None if found is None else found.error
            row[f"{name}.kind"] = None if found is None else found.kind
        return row | {"seconds": one.seconds, "failure": one.failure}

    def sheets(self) -> list[Sheet]:
        """The points, then the fits."""
        names, wrong = short_names(self.keys), any(one.failure for one in self.points)
        rows = [
            [*map(value_text, one.point.choice.values()), *self._cells(one)]
            + ([_first(one.failure)] if wrong else [])
            for one in self.points
        ]
        heads = [names[key] for key in self.keys] + [_brief(name) for name in self.columns]
        heads += ["failed"] if wrong else []
        caption = "value(error); > is a lower bound, < an upper one"
        points = Sheet("Points", heads, rows, caption, words=len(self.keys))
        return [points, *([self._fit_sheet()] if self.fits else [])]

    def _cells(self, one: PointResult) -> list[str]:
        found = [one.find(name) for name in self.columns]
        return [
            "" if q is None else {"lower": "> ", "upper": "< "}.get(q.kind, "") + q.text.split()[0]
            for q in found
        ]

    def _fit_sheet(self) -> Sheet:
        rows = [row for fit in self.fits for row in _fit_rows(fit)]
        heads = ["fit", "model", "found", "chi2/free", "delta AIC"]
        shared = any(
            not fit.over and not isinstance(self.points[0].point.task, Exact)
            for fit in self.asked.values()
        )
        return Sheet("Fits", heads, rows, _INDEPENDENT if shared else "", words=3)


def _fit_rows(result: FitResult) -> list[list[str]]:
    """A row for each model, or one for a feature or a failure."""
    title = _title(result)
    if result.failure:
        return [[title, "", _first(result.failure), "", ""]]
    if result.feature is not None:
        place = result.feature.x
        short = result.fit.x.rpartition(".")[2]
        text = f"{short} = {format_with_error(place.value, place.error)}"
        if result.fit.reference is not None:
            text += f" (known {result.fit.reference:.6g})"
        return [[title, str(result.fit.feature), text, "", ""]]
    rows = []
    for model, curve in result.curves.items():
        words = [
            f"{word} {format_with_error(p.value, p.error)}"
            for word, p in curve.parameters.items()
            if word != "amplitude"
        ]
        free = f"{curve.chi2:.3g}/{len(result.x) - len(curve.parameters)}"
        delta = format_with_error(curve.delta.value, curve.delta.error)
        rows.append([title, model, ", ".join(words), free, delta])
    return rows


def _fitted(name: str, fit: Fit, points: Sequence[PointResult]) -> list[FitResult]:
    """One fit at every value of the settings that it does not speak of."""
    others = [key for key in points[0].point.choice if key not in (fit.x, *fit.over)]
    groups: dict[str, list[PointResult]] = {}
    for one in points:
        groups.setdefault(repr([one.point.choice[key] for key in others]), []).append(one)
    return [
        _fit_group(name, fit, {key: own[0].point.choice[key] for key in others}, own)
        for own in groups.values()
    ]


def _fit_group(
    name: str, fit: Fit, group: Mapping[str, Any], points: Sequence[PointResult]
) -> FitResult:
    empty = FitResult(name, fit, group, np.zeros(0), np.zeros((0, 0)))
    try:
        x, y, error = _columns(fit, points)
        if fit.feature is None:
            curves = fit_curves(x, y, error, fit.curves, fit.shift)
            return FitResult(name, fit, group, x, y, curves)
        found = locate(x, y, error, fit.feature, fit.level, fit.degree)
        return FitResult(name, fit, group, x, y, feature=found)
    except RsmiError as reason:
        return FitResult(**vars(empty) | {"failure": str(reason)})


def _columns(fit: Fit, points: Sequence[PointResult]) -> tuple[Numbers, Numbers, Numbers]:
    """x (n,), y and its error (repetitions, n), of the repetitions that have every x."""
    found: dict[str, dict[float, Quantity]] = {}
    for one in points:
        x, y = one.point.number(fit.x), one.find(fit.y)
        if x is None and fit.between is not None:
            continue
        if x is None:
            raise InputError(f"{fit.x} is {one.point.choice[fit.x]!r}, which is no number")
        inside = fit.between is None or fit.between[0] <= x <= fit.between[1]
        if y is not None and inside:
            repetition = repr([one.point.choice[key] for key in fit.over])
            found.setdefault(repetition, {})[x] = y
    every = sorted(set(itertools.chain(*found.values())))
    whole = [rows for rows in found.values() if len(rows) == len(every)]
    if not whole or not every:
        raise InputError(f"no repetition has {fit.y} at every {fit.x}")
    table = np.array([[(rows[x].value, rows[x].error) for x in every] for rows in whole])
    return np.array(every), table[..., 0], table[..., 1]


def _title(fit: FitResult) -> str:
    names = short_names(list(fit.group))
    words = [f"{names[key]} {value_text(value)}" for key, value in fit.group.items()]
    return ", ".join([fit.name, *words])


def value_text(value: Any, most: int = 28) -> str:
    """A setting in few letters.

    >>> value_text([2, 2]), value_text({"model": "ising", "shape": [8, 8]})
    ('2x2', 'ising, 8x8')
    """
    if isinstance(value, Mapping):
        value = ", ".join(map(value_text, value.values()))
    text = "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= most else f"{text[: most - 2]}.."


def _brief(name: str) -> str:
    """A column's head: the name without the room that it comes from."""
    return name.partition(".")[2] or name


def _first(reason: str) -> str:
    """The beginning of a reason, for a cell."""
    line = (reason.splitlines() or [""])[0]
    return line if len(line) <= 60 else f"{line[:57]}..."
