"""How much a variable T of X can forget of X, and how little it then misses of Y: the frontier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from rsmi.errors import InputError
from rsmi.information.bottleneck import Bottleneck, bottleneck
from rsmi.information.discrete import entropy
from rsmi.information.number import Estimate, Kind, format_with_error
from rsmi.information.outcome import Outcome, Sheet
from rsmi.information.partitions import Partition, best_partition, check_joint
from rsmi.information.quantity import Quantity

_SLACK, _ROUNDING = 1e-9, 1e-12
_FEW = (2, 3, 4, 6, 8)


@dataclass(frozen=True, repr=False)
class Frontier(Outcome):
    """What T can forget of X at most, and miss of Y at least, for a known p(x, y).

    Args:
        curve: I(T;Y) against I(X;T), from below and from above.
        best: The best functions T of X by their number of symbols.
        entropy_x: H(X) in nats.
        entropy_y: H(Y) in nats.
    """

    curve: Bottleneck
    best: Mapping[int, Partition]
    entropy_x: float
    entropy_y: float

    @property
    def least(self) -> float:
        """H(Y|X) in nats, which every T misses."""
        rest = self.entropy_y - self.curve.full
        return rest if rest > _ROUNDING else 0.0

    def missing(self, forgotten: float) -> tuple[Estimate, Estimate]:
        """The least H(Y|T) of any T with H(X|T) >= `forgotten`, between two values in nats.

        Args:
            forgotten: H(X|T) in nats.

        Returns:
            What no T falls below, and what one reaches.

        Raises:
            InputError: For more than H(X), or less than nothing.
        """
        if not -_SLACK <= forgotten <= self.entropy_x + _SLACK:
            raise InputError(
                f"H(X|T) was given as {forgotten:.6g} nats; expected 0 to H(X) = "
                f"{self.entropy_x:.6g}"
            )
        rate = min(max(self.entropy_x - forgotten, 0.0), self.curve.points[-1].rate)
        kept = self.curve.upper(rate), self.curve.lower(rate)
        low, high = (max(self.entropy_y - one, self.least) for one in kept)
        return Estimate(min(low, high), 0.0, "lower"), Estimate(high, 0.0, "upper")

    def forgotten(self, missing: float) -> tuple[Estimate, Estimate]:
        """The most H(X|T) of any T with H(Y|T) <= `missing`, between two values in nats.

        Args:
            missing: H(Y|T) in nats.

        Returns:
            What some T reaches, and what none exceeds.

        Raises:
            InputError: For less than H(Y|X), which no T reaches.
        """
        if not missing >= self.least - _SLACK:
            raise InputError(
                f"H(Y|T) was given as {missing:.6g} nats; expected at least H(Y|X) = "
                f"{self.least:.6g}, which every T misses"
            )
        kept = min(max(self.entropy_y - missing, 0.0), self.curve.full)
        taken = self.curve.needed(kept)
        low, high = (max(self.entropy_x - rate, 0.0) for rate in taken[::-1])
        return Estimate(low, 0.0, "lower"), Estimate(max(low, high), 0.0, "upper")

    def of_symbols(self, symbols: int) -> tuple[Estimate, Estimate]:
        """H(X|T) and H(Y|T) of the best function T of X with so many symbols, in nats.

        Args:
            symbols: One of those that were asked for.

        Raises:
            InputError: For another number.
        """
        if symbols not in self.best:
            known = ", ".join(map(str, self.best))
            raise InputError(f"{symbols} symbols were not asked for; there are {known}")
        found = self.best[symbols]
        kind: Kind = "exact" if found.kept.kind == "exact" else "upper"
        missing = (
            self.least
            if found.kept.value >= self.curve.full - _ROUNDING
            else (self.entropy_y - found.kept.value)
        )
        forgotten = max(self.entropy_x - found.rate, 0.0)
        return Estimate(forgotten, 0.0, "exact"), Estimate(missing, 0.0, kind)

    def quantities(self) -> list[Quantity]:
        """The entropies, how well the curve is known, and every point of it; the best functions."""
        name, about = "information.frontier", {"certain": self.curve.certain}
        known = {"x": self.entropy_x, "y": self.entropy_y, "least": self.least}
        found = [Quantity(f"{name}.{n}", v, 0.0, "exact", "nats") for n, v in known.items()]
        gap = max(self.curve.gap, 0.0)
        found.append(Quantity(f"{name}.gap", gap, 0.0, "upper", "nats", None, about))
        for symbols in self.best:
            own_x, missing = self.of_symbols(symbols)
            own = {"symbols": symbols, "H(X|T)": own_x.value}
            found.append(Quantity.of(f"{name}.symbols", missing, None, **own))
        for point in self.curve.points:
            forgotten = max(self.entropy_x - point.rate, 0.0)
            low, high = self.missing(forgotten)
            own = {"H(X|T)": forgotten, "lower": low.value, **about}
            found.append(Quantity.of(f"{name}.scan.missed", high, None, **own))
        return found

    def sheets(self) -> list[Sheet]:
        """One row a number of symbols: the best function, and what any T of its H(X|T) misses."""
        columns = ["symbols", "H(X|T)", "H(Y|T)", "kind", "any T of this H(X|T)"]
        rows = []
        for symbols in self.best:
            forgotten, missing = self.of_symbols(symbols)
            low, high = self.missing(forgotten.value)
            least = "..".join(dict.fromkeys(f"{end.value:.5f}" for end in (low, high)))
            cells = [f"{symbols}", f"{forgotten.value:.5f}", f"{missing.value:.5f}"]
            rows.append([*cells, missing.kind, least])
        texts = [format_with_error(v) for v in (self.entropy_x, self.entropy_y, self.least)]
        proven = "proven" if self.curve.certain else "as certain as a search"
        caption = (
            f"nats; H(X) = {texts[0]}, H(Y) = {texts[1]}, H(Y|X) = {texts[2]}; the last column is "
            f"the least H(Y|T), from what cannot be ({proven}) to what is reached"
        )
        return [Sheet("The most that can be forgotten", columns, rows, caption)]


def frontier(
    joint: Tensor,
    symbols: Sequence[int] | None = None,
    *,
    tolerance: float = 2e-3,
    seed: int = 0,
) -> Frontier:
    r"""Find how much T can forget of X at a given loss about Y, for an enumerated p(x, y).

    .. math:: \max_{p(t|x)} H(X|T) \quad \mathrm{with} \quad H(Y|T) \le H(Y|X) + \epsilon

    The curve is that of `bottleneck` (Blahut and Arimoto, enclosed between what is reached and a
    tangent that nothing exceeds), since H(X|T) = H(X) - I(X;T) and H(Y|T) = H(Y) - I(T;Y). Beside
    it stand the best functions T of X, which draw nothing at random, of given numbers of symbols.

    Args:
        joint: (n, m) p(x, y).
        symbols: Numbers k of symbols, from 1 on; 1, 2, 3, 4, 6 and 8 without, as far as there are
            so many different p(y|x).
        tolerance: Between the two sides of the curve, in nats, at which no slope is added.
        seed: Of random starts.

    Raises:
        InputError: For a p(x, y) that is not normalised or has negative entries, or k < 1.

    Source: Tishby, Pereira, Bialek (1999), physics/0004057; `best_partition` for the functions.

    >>> import torch
    >>> xor = torch.tensor([[1, 0], [0, 1], [0, 1], [1, 0]]) / 4
    >>> found = frontier(xor, [2])
    >>> print(*found.of_symbols(2), found.forgotten(0.0)[0])
    0.69314718 nats (exact) 0 nats (exact) 0.69314718 nats (lower bound)
    """
    p = check_joint(joint)
    used = p[:, p.sum(0) > 0]
    curve = bottleneck((used / used.sum(0)).T.contiguous(), used.sum(0), tolerance=tolerance)
    best = {k: best_partition(p, k, seed=seed) for k in symbols or (1, *_FEW)}
    if not symbols:
        best = {k: one for k, one in best.items() if one.symbols == k}
    x, y = (float(entropy(p.sum(axis))) for axis in (1, 0))
    return Frontier(curve, best, x, y)
