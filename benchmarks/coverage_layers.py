"""How often intervals of layer entropies hold the truth, over random cases whose truth is known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.information import Estimate, entropy
from rsmi.known.networks import StateMap
from rsmi.layers import Interval, analyse_layers, finite_inputs, sampled_inputs

CONFIDENCES = (0.68, 0.99, 0.9999)
KINDS = ("rare value", "rare label", "letters", "fixed label", "chains")
_DECADES = (100, 400, 2000, 20_001)
_STAY = 0.9


@dataclass(frozen=True)
class Case:
    """A distribution p(x) p(y|x), a layer f, and samples of it.

    Args:
        kind: One of `KINDS`.
        p: (K,) of the states.
        p_y: (K, C) of the label of each state.
        layer: (K,) where f sends each state.
        x: (n,) sampled states.
        y: (n,) their labels.
        chains: Markov chains that the samples are interleaved from, or None.
        known: Whether H(X) is told.
    """

    kind: str
    p: Tensor
    p_y: Tensor
    layer: Tensor
    x: Tensor
    y: Tensor
    chains: int | None
    known: bool

    def truth(self) -> Mapping[str, float]:
        """All quantities, from the whole distribution."""
        states, classes = self.p_y.shape
        inputs = finite_inputs(
            torch.arange(states).repeat_interleave(classes),
            torch.arange(classes).repeat(states),
            (self.p[:, None] * self.p_y).flatten(),
        )
        row = analyse_layers(StateMap(self.layer), inputs)["model"]
        return {name: row.interval(name).middle for name in row.quantities}

    def found(self) -> Mapping[str, Interval | Estimate]:
        """The same from the samples."""
        known = Estimate(float(entropy(self.p)), 0.0, "exact") if self.known else None
        inputs = sampled_inputs(self.x, self.y, kind="discrete", entropy=known, chains=self.chains)
        return analyse_layers(StateMap(self.layer), inputs)["model"].quantities


def case(seed: int) -> Case:
    """Number `seed` of the random cases: 100 to 20 000 samples, values as rare as 1e-4."""
    g = torch.Generator().manual_seed(seed)
    kind = KINDS[seed % len(KINDS)]
    n = round(100 * 200 ** _uniform(g))
    p, p_y, layer = _distribution(kind, g)
    chains = (8, 32, 64)[_integer(g, 3)] if kind == "chains" else None
    x = _sampled(p, n if chains is None else max(n // chains, 8) * chains, chains, g)
    y = torch.multinomial(p_y[x], 1, generator=g)[:, 0]
    return Case(kind, p, p_y, layer, x, y, chains, bool(_integer(g, 2)))


def _distribution(kind: str, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    rare = 10 ** (-4 + 3.7 * _uniform(g))
    if kind == "rare value":
        return _pair(rare), torch.eye(2, dtype=torch.float64), torch.arange(2)
    size = 2 + _integer(g, 60)
    p = torch.rand(size, generator=g, dtype=torch.float64) ** (8 * _uniform(g))
    p = p / p.sum()
    layer = torch.randint(1 + _integer(g, size), (size,), generator=g)
    if kind == "rare label":
        return p, _pair(rare).repeat(size, 1), layer
    classes = 2 + _integer(g, 9)
    if kind == "fixed label":
        return p, torch.nn.functional.one_hot(layer % classes, classes).double(), layer
    p_y = torch.rand(size, classes, generator=g, dtype=torch.float64) ** (8 * _uniform(g))
    return p, p_y / p_y.sum(1, keepdim=True), layer


def _pair(rare: float) -> Tensor:
    return torch.tensor([1 - rare, rare], dtype=torch.float64)


def _sampled(p: Tensor, n: int, chains: int | None, g: torch.Generator) -> Tensor:
    """Independent states, or chains that stay where they are nine times in ten."""
    x = torch.multinomial(p, n, True, generator=g)
    if chains is None:
        return x
    x = x.view(-1, chains)
    stays = torch.rand(x.shape, generator=g) < _STAY
    for record in range(1, len(x)):
        x[record] = torch.where(stays[record], x[record - 1], x[record])
    return x.flatten()


def _uniform(g: torch.Generator) -> float:
    return float(torch.rand((), generator=g, dtype=torch.float64))


def _integer(g: torch.Generator, below: int) -> int:
    return int(torch.randint(below, (), generator=g))


def outcomes(cases: int) -> Iterator[tuple[Case, str, float, Interval]]:
    """Every measured quantity of so many cases: case, name, truth, interval."""
    for seed in range(cases):
        one = case(seed)
        truth = one.truth()
        for name, value in one.found().items():
            yield one, name, truth[name], _both(value)


def _both(value: Interval | Estimate) -> Interval:
    """A lower value alone says nothing of the other side."""
    if isinstance(value, Interval):
        return value
    return Interval(value, Estimate(1e9, 0.0, "upper"))


def layers(cases: int = 1000) -> None:
    """Print the share of intervals that hold the truth, by kind of case, quantity and sample size.

    Args:
        cases: How many random cases, each measured in all its quantities.
    """
    hits: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    for one, name, truth, value in outcomes(cases):
        hit = tuple(value.contains(truth, confidence) for confidence in CONFIDENCES)
        size = sum(len(one.x) >= edge for edge in _DECADES[1:])
        for group in ("all", one.kind, name, f"n from {_DECADES[size]} on"):
            hits[group].append(hit)
    lines = [
        f"| layer intervals, {cases} cases | number | "
        + " | ".join(f"stated {c:.2%}" for c in CONFIDENCES)
        + " |",
        "|---|---|" + "---|" * len(CONFIDENCES),
    ]
    for group, rows in hits.items():
        shares = torch.tensor(rows).double().mean(0)
        lines.append(f"| {group} | {len(rows)} | " + " | ".join(f"{s:.3%}" for s in shares) + " |")
    print("\n".join(lines))
