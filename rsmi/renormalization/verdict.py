"""Whether the flow rests: what must hold before a critical exponent is quoted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch.nn import functional as F

from rsmi.errors import AnalysisError
from rsmi.information.number import Estimate
from rsmi.learning.rules import Rule
from rsmi.renormalization.averages import Average, flip_chance, forbidden, odd_averages, ordered
from rsmi.renormalization.couplings import Parity
from rsmi.renormalization.exponents import SYMBOLS, Change, Exponent, changes, choose
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.stability import ScanEntry, by_level, jackknife_error, over_steps
from rsmi.sampling.exact.universality import CriticalPoint

_DRIFT_ALARM = 1e-4
_LEAST_CURVATURE = 0.03
_SHARP = 0.002  # that probabilities may differ from those of certain symbols and ties

# What a step may change at the critical point of the Ising model, for majority-like rules.
_FIRST: dict[Parity, float] = {"even": 0.025, "odd": 0.0075}  # times b
_LATER: dict[Parity, float] = {"even": 0.03, "odd": 0.004}
_RESCALING, _TORUS = 0.0015, 0.05  # times b, and over the square of the coarse width
_GROWTH = 0.4  # y_h moves by this times the relative distance from T_c, growing by b in a step
_NARROW: dict[Parity, float] = {"even": 0.03, "odd": 0.003}  # more, where the torus is felt
_SLOW = 4.0
"""Where corrections shrink more slowly than b**-2 they are larger too."""
_NEAR = 0.05  # of |K / K_c - 1| L**y_t: what is left moves no exponent by more than its error


@dataclass(frozen=True)
class Told:
    """What samples say of themselves.

    Args:
        coupling: K, where they name it.
        critical: Their critical point, where it is known.
        omega: Exponent of corrections that shrink slowly.
        known: Whether they name their model.
    """

    coupling: float | None = None
    critical: CriticalPoint | None = None
    omega: float | None = None
    known: bool = False

    @classmethod
    def of(cls, samples: object, critical: CriticalPoint | None, omega: float | None) -> Self:
        """Read off a source."""
        model = getattr(samples, "model", None)
        coupling = (model or {}).get("coupling")
        named = float(coupling) if isinstance(coupling, float | int) else None
        return cls(named, critical, omega, model is not None)

    def off_critical(self, shape: tuple[int, ...]) -> str | None:
        """Why samples that name their coupling are not critical, if they are not.

        >>> Told(0.4).off_critical((8,))
        'a chain has no critical point at a temperature above 0'
        """
        if self.coupling is None:
            return None
        if len(shape) == 1:
            return "a chain has no critical point at a temperature above 0"
        if self.critical is None:
            return None
        critical, y_t = self.critical.coupling, self.critical.universality.y_t.value
        distance = self.coupling / critical - 1
        if abs(distance) * max(shape) ** y_t <= _NEAR:
            return None
        side = "above" if distance > 0 else "below"
        return (
            f"the samples say K = J/T = {self.coupling:.6g}, {100 * abs(distance):.1f} % {side} "
            f"the critical {critical:.6g}"
        )


@dataclass(frozen=True)
class Drift:
    """How far an exponent moves in one step, and how far it may at a fixed point.

    Args:
        change: From the step before to this one.
        allowed: What decaying corrections and narrow lattices move it at a critical point.
    """

    change: Change
    allowed: float

    @property
    def name(self) -> str:
        """`y_t` or `y_h`."""
        return SYMBOLS[self.change.after.parity]

    @property
    def excess(self) -> float:
        """Standard errors by which the change exceeds what is allowed; at most 0 if it does not."""
        over = abs(self.change.value.value) - self.allowed
        return over / self.change.value.error if self.change.value.error else np.inf * np.sign(over)

    @property
    def alarm(self) -> float:
        """Standard errors of excess that chance makes once in 10 000 times."""
        return float(stdtrit(len(self.change.after.left_out) - 1, 1 - _DRIFT_ALARM / 2))

    @property
    def runs_away(self) -> bool:
        """Whether the excess is more than chance makes."""
        return bool(self.excess > self.alarm)

    @property
    def blind(self) -> float:
        """Relative distance from the critical temperature that this change of y_h may well hide.

        That of the Ising model in two dimensions, where y_h moves by 0.4 to 0.5 of t b^k in step k.
        """
        after = self.change.after
        scale = after.shape[0] / after.coarse_shape[0]
        hidden = self.allowed + (self.alarm + 1) * self.change.value.error
        return hidden / (_GROWTH * scale ** (after.level - 1) * (scale - 1))


@dataclass(frozen=True)
class Verdict:
    """Whether samples and rule are at a fixed point, as far as the data can tell.

    Args:
        reasons: Why they are not; empty where nothing speaks against it.
        drifts: Change of both exponents at every step after the first.
        odd: Averages that must vanish under the flip of all spins.
        flip_chance: Probability of odd averages so large if they do.
        rescaling: y_h by which the first step rescales the magnetisation, less that of the scan.
        unseen: Relative distance from the critical temperature that no test would have shown, and
            how far off y_h is then; None where the coupling is told, or the dimension is not 2.
    """

    reasons: tuple[str, ...]
    drifts: tuple[Drift, ...]
    odd: tuple[Average, ...]
    flip_chance: float
    rescaling: Estimate
    unseen: tuple[float, float] | None

    @property
    def fixed_point(self) -> bool:
        """Whether exponents may be quoted."""
        return not self.reasons

    @property
    def text(self) -> str:
        """One sentence."""
        if self.reasons:
            return f"no fixed point here: {'; '.join(self.reasons)}"
        if not self.drifts:
            return (
                "one step only: whether the flow rests, and so whether these are critical "
                "exponents, could not be tested"
            )
        rests = f"the flow rests within its errors over {len(self.drifts) // 2 + 1} steps"
        if self.unseen is None:
            return rests
        distance, bias = self.unseen
        return (
            f"{rests}; a temperature {100 * distance:.1g} % beside the critical one could look the "
            f"same, with y_h about {bias:.1g} off"
        )

    def check(self) -> None:
        """Raise AnalysisError unless exponents may be quoted."""
        if self.reasons:
            raise AnalysisError(
                f"{self.text}; so there are no critical exponents to state, and the scan over "
                "steps holds what was measured"
            )


def judge(
    scans: Mapping[Parity, Sequence[ScanEntry]],
    moments: Mapping[Parity, Moments],
    exponents: Mapping[str, Exponent],
    copied: str | None,
    told: Told,
) -> Verdict:
    """Look for every sign that a flow does not rest.

    Signs are: a coupling that the samples themselves call another than the critical one, a rule
    that copies spins or rescales them otherwise than its eigenvalues say, an exponent that drifts
    from step to step by more than its errors and the corrections that decay at a fixed point,
    averages that the flip symmetry forbids, configurations that are nearly ordered, and leading
    eigenvalues that no critical point has.
    """
    slow = told.omega is not None
    drifts = tuple(drift for scan in scans.values() for drift in find_drifts(scan, slow))
    moved = rescaling(moments["odd"], scans["odd"])
    unseen = None if told.known or slow else _unseen(drifts, scans["odd"])
    odd, chance = odd_averages(moments["odd"]), flip_chance(moments["odd"])
    shape = moments["even"].shapes[0]
    reasons = [
        told.off_critical(shape),
        copied,
        ordered(moments["even"]),
        forbidden(odd, chance),
        _not_rescaled(moved, scans["odd"][0], len(moments["odd"].count), slow),
        *(_drifting(scan, drifts) for scan in scans.values()),
        *_irrelevant(exponents, len(shape)),
    ]
    return Verdict(
        tuple(reason for reason in reasons if reason), drifts, odd, chance, moved, unseen
    )


def find_drifts(entries: Sequence[ScanEntry], slow: bool = False) -> list[Drift]:
    """The change of each step, beside what is allowed.

    The first change is what a first step does. A later one may be as large as a correction that
    shrinks by the scale factor leaves of the change before, or as the constants that majority-like
    rules of the Ising model need; on coarse lattices narrower than 4 sites the torus adds its own.
    """
    found: list[Drift] = []
    for change in changes(entries):
        parity, shape = change.after.parity, change.after.shape
        scale = shape[0] / change.after.coarse_shape[0]
        wide = _SLOW if slow else 1.0
        allowed = wide * _FIRST[parity] * scale
        if found:
            before = abs(found[-1].change.value.value)
            allowed = max(wide * _LATER[parity], min(before, allowed) / scale)
        found.append(Drift(change, allowed + change.after.narrow * wide * _NARROW[parity]))
    return found


def _unseen(drifts: Sequence[Drift], odd: Sequence[ScanEntry]) -> tuple[float, float] | None:
    chosen = choose(odd)
    blind = [drift.blind for drift in drifts if drift.name == "y_h"]
    if not blind or len(chosen.shape) != 2:
        return None
    scale = chosen.shape[0] / chosen.coarse_shape[0]
    return min(blind), min(blind) * _GROWTH * scale**chosen.level


def _drifting(entries: Sequence[ScanEntry], drifts: Sequence[Drift]) -> str | None:
    name = SYMBOLS[entries[0].parity]
    away = [drift for drift in drifts if drift.runs_away and drift.name == name]
    if not away:
        return None
    worst = max(away, key=lambda drift: drift.excess)
    step = worst.change.after.level + 1
    return (
        f"{name} drifts, {over_steps(entries, entries[0].parity)} over the steps: step {step} "
        f"changes it by {worst.change.value}, {worst.excess:.0f} standard errors more than the "
        f"{worst.allowed:.2g} that decaying corrections explain"
    )


def rescaling(moments: Moments, entries: Sequence[ScanEntry]) -> Estimate:
    """How far the magnetisation disagrees with the scan about y_h, in the first step.

    ```
    <m'^2> / <m^2> = b^(2 d - 2 y_m)    at a fixed point;    y_m - y_h is returned
    ```
    """
    first = by_level(entries)[0][-1]
    squares = moments.same[:, :2, 0, 0] / (np.prod(moments.shapes[:2], axis=1) ** 2)
    rest = squares.sum(0) - squares
    factor = math.log(first.shape[0] / first.coarse_shape[0])
    images = math.log(moments.images[1] / moments.images[0])

    def y(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(len(first.shape) - (np.log(ratio) - images) / (2 * factor))

    whole = float(y(squares[:, 1].sum() / squares[:, 0].sum()))
    error = jackknife_error(y(rest[:, 1] / rest[:, 0]) - first.left_out)
    return Estimate(whole - first.exponent.value, error, "estimate", unit="1")


def _not_rescaled(moved: Estimate, first: ScanEntry, blocks: int, slow: bool) -> str | None:
    scale, width = first.shape[0] / first.coarse_shape[0], min(first.coarse_shape)
    allowed = (_SLOW if slow else 1.0) * (_RESCALING * scale + _TORUS / width**2)
    if abs(moved.value) - allowed <= moved.error * stdtrit(blocks - 1, 1 - _DRIFT_ALARM / 2):
        return None
    return (
        f"the first step does not rescale the magnetisation as its eigenvalues say: y_h would be "
        f"{moved} larger, where corrections explain {allowed:.2g}"
    )


def copies(rule: Rule) -> str | None:
    """Why a rule whose mean of h is (nearly) linear in v has no fixed point; None if it is not.

    ```
    E[h|v] = sum_i w_i v_i,    sum_i |w_i| <= 1:    <h h'> = (sum_i w_i)^2 <v v'>   far apart
    ```

    Of other letters than two their features are meant, and linear is what is a sum over sites.

    Correlations of far spins then keep their size or shrink, where a fixed point needs them to grow
    by b^(2 d - 2 y_h). Decimation is such a rule, on whichever site, and any mixture of those.

    Args:
        rule: With as many symbols as letters.

    >>> from rsmi.learning import decimation, majority
    >>> (copies(decimation((2, 2))) or "")[:34]
    'the rule copies spins of its block'
    >>> copies(majority((2, 2))) is None
    True
    """
    letters, q = rule.some_words(), rule.alphabet.size
    with torch.no_grad():
        mean = rule.log_prob(letters).exp().double() @ rule.alphabet.values.double()
    mean = mean - mean.mean(0)
    sites = F.one_hot(letters, q)[..., 1:].flatten(1).double()
    sites = sites - sites.mean(0)
    linear = sites @ torch.linalg.lstsq(sites, mean).solution
    total, rest = float(mean.square().sum()), float((mean - linear).square().sum())
    if len(letters) < rule.n_words:  # the fit takes up some of the noise of those drawn
        rest *= len(letters) / max(1, len(letters) - sites.shape[1])
    curved = rest / total if total else 0.0
    if curved > _LEAST_CURVATURE:
        return None
    return (
        "the rule copies spins of its block, as decimation does (its mean is linear in them but "
        f"for {100 * max(curved, 0.0):.1f} %), so that correlations of far spins are not rescaled "
        "and no fixed point exists; use majority or a learned rule"
    )


def is_soft(rule: Rule) -> bool:
    """Whether a rule draws symbols by chance where no tie of letters asks for it.

    >>> from rsmi.learning import majority
    >>> is_soft(majority((2, 2)))
    False
    """
    with torch.no_grad():
        p = rule.log_prob(rule.some_words()).exp().double()
    shares = torch.tensor([0.0, *(1 / j for j in range(1, p.shape[1] + 1))], dtype=torch.float64)
    return bool(((p[..., None] - shares).abs().amin(-1) > _SHARP).any())


def _irrelevant(exponents: Mapping[str, Exponent], dimension: int) -> list[str]:
    found = []
    y_t, y_h = exponents["y_t"].value, exponents["y_h"].value
    if y_t.value <= 2 * y_t.error:
        found.append(
            f"no relevant even eigenvalue is resolved: y_t = {y_t}, from which no nu follows"
        )
    for name, y in (("y_t", y_t), ("y_h", y_h)):
        if y.value > dimension + 4 * y.error:
            found.append(f"{name} = {y} is more than the dimension {dimension}")
    if y_h.value < dimension / 2:
        found.append(
            f"y_h = {y_h} is not above d/2 = {dimension / 2:g}, the value of independent spins"
        )
    return found
