"""Electric and magnetic charges of a height field, and its stiffness from both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error
from rsmi.progress import Progress, silent
from rsmi.renormalization.operators.correlators import (
    Correlators,
    Sums,
    Weights,
    labels_of,
    steps,
)
from rsmi.renormalization.operators.dimensions import opened_sizes
from rsmi.renormalization.operators.separation import RESAMPLES, WINDOW, Separation, separate
from rsmi.storage.interface import Samples, space_of

Charge = Literal["electric", "magnetic"]

_BATCH = 1 << 21  # numbers of fields held at once
_DENOMINATOR = 8  # electric charges are 1/8, 2/8 ... 4/8 of that of the height's period
_CHARGES = 4


@dataclass(frozen=True, repr=False)
class ChargesResult(Outcome):
    r"""Dimensions of the operators that carry charges of a height field h of period 1.

    .. math:: S = \pi g \int (\nabla h)^2, \quad V_e = e^{2 \pi i e h}, \quad
              \Delta_e = \frac{e^2}{2 g}, \quad \Delta_m = \frac{g m^2}{2}

    Args:
        kind: `electric` for V_e, `magnetic` for a defect around which h changes by one period.
        charges: e of each, or 1.
        separations: Of each charge over the sizes.
        power: Of the electric dimensions, :math:`\Delta_e \sim e^p`; None for the magnetic one.
        curves: Correlators of each charge on each size.
    """

    kind: Charge
    charges: tuple[float, ...]
    separations: tuple[Separation, ...]
    power: Estimate | None
    curves: tuple[tuple[Correlators, ...], ...]

    @property
    def dimensions(self) -> tuple[Estimate, ...]:
        """Delta of each charge."""
        return tuple(each.dimensions[0] for each in self.separations)

    @property
    def stiffnesses(self) -> tuple[Estimate, ...]:
        """g from each charge."""
        found = []
        for charge, value in zip(self.charges, self.dimensions, strict=True):
            electric = self.kind == "electric"
            g = charge**2 / (2 * value.value) if electric else 2 * value.value / charge**2
            error = g * value.error / value.value
            found.append(Estimate(g, error, "estimate", "1", value.n))
        return tuple(found)

    def quantities(self) -> list[Quantity]:
        """Dimension and stiffness of each charge, then the power of the electric ones."""
        sizes = list(self.separations[0].sizes)
        found = []
        for name, values in (("dimension", self.dimensions), ("stiffness", self.stiffnesses)):
            found += [
                Quantity.of(
                    f"operators.{self.kind}.{name}.{place + 1}", value, charge=charge, sizes=sizes
                )
                for place, (charge, value) in enumerate(zip(self.charges, values, strict=True))
            ]
        if self.power is not None:
            found.append(Quantity.of("operators.electric.power", self.power, 2.0, sizes=sizes))
        return found

    def sheets(self) -> list[Sheet]:
        """A row for each charge."""
        pairs = list(pairwise(self.separations[0].sizes))
        columns = ["charge", "dimension", "stiffness g", *(f"from {a}, {b}" for a, b in pairs)]
        rows = []
        for i, charge in enumerate(self.charges):
            steps = [_text(self.separations[i].step(place)[0]) for place in range(len(pairs))]
            numbers = _text(self.dimensions[i]), _text(self.stiffnesses[i])
            rows.append([f"{charge:g}", *numbers, *steps])
        law = "Delta = e^2 / 2g" if self.kind == "electric" else "Delta = g m^2 / 2"
        said = f"{self.kind} charges, {law}"
        if self.power is not None:
            said += f"; dimensions grow with the charge to the power {_text(self.power)}, exactly 2"
        return [Sheet("scaling dimensions", columns, rows, said)]


def _text(estimate: Estimate) -> str:
    return format_with_error(estimate.value, estimate.error)


def charge_dimensions(
    samples: Sequence[Any], kind: Charge, *, seed: int = 0, progress: Progress = silent
) -> ChargesResult:
    """Measure the dimensions of electric or magnetic charges of a height field.

    Electric operators are exponentials of the height of configurations without winding, at charges
    of an eighth to a half of that of its period. A magnetic charge is a pair of defects, which
    walk through configurations that have none.

    Args:
        samples: Of at least two lattices, each twice as large as the one before, see
            `scaling_dimensions`; of a model whose family knows its height.
        kind: `electric` or `magnetic`.
        seed: Of the bootstrap and of the walks.
        progress: Is told how many configurations of how many are read.

    Raises:
        InputError: For samples without a height, sizes that do not fit, or too few chains.
        AnalysisError: Where correlations do not stand out of the noise.

    Source: Alet, Ikhlef, Jacobsen, Misguich and Pasquier (2006), cond-mat/0607744.
    """
    if kind not in ("electric", "magnetic"):
        raise InputError(f"the charge is {kind!r}; expected electric or magnetic")
    with opened_sizes(samples) as sources:
        measured = [_measured(s, kind, seed, progress) for s in sources]
    count = len(measured[0].products[0, 0])
    curves = tuple(tuple(c.chosen([a]) for c in measured) for a in range(count))
    separations = tuple(separate(own, metric=_ONE, seed=seed) for own in curves)
    electric = kind == "electric"
    charges = tuple((a + 1) / _DENOMINATOR for a in range(count)) if electric else (1.0,)
    power = _power(measured, charges, seed) if electric else None
    return ChargesResult(kind, charges, separations, power, curves)


_ONE = torch.ones(1, 1, dtype=torch.float64)


def _measured(samples: Samples, kind: Charge, seed: int, progress: Progress) -> Correlators:
    """Correlators of all charges of one kind on one lattice."""
    cells, labels = space_of(samples).cells, labels_of(samples)
    teller = getattr(
        getattr(samples, "meaning", None), "heights" if kind == "electric" else "defects", None
    )
    if teller is None:
        raise InputError(
            f"{samples.source}: nothing is known of a height field of these samples; bring a file "
            "drawn by `rsmi sample`, of a model that has one"
        )
    count, weights = _CHARGES if kind == "electric" else 1, Weights.of(cells)
    sums = Sums.zeros(weights, count, 2, int(labels.max()) + 1)
    for start, stop in steps(samples.n, max(1, _BATCH // math.prod(cells))):
        stored, own = samples.read(start, stop), labels[start:stop]
        if kind == "electric":
            heights, flat = teller(stored)
            sums.add(_waves(heights[flat]), own[flat])
        else:
            _add(sums, teller(stored, seed, start), own)
        progress(stop, samples.n)
    return sums.found(connected=False)


def _waves(heights: Tensor) -> Tensor:
    """Exponentials (n, charges, 2, *cells) of heights (n, *cells), real and imaginary part."""
    charges = torch.arange(1, _CHARGES + 1) / _DENOMINATOR
    shape = (1, _CHARGES, *[1] * (heights.ndim - 1))
    angle = 2 * math.pi * charges.reshape(shape) * heights[:, None].float()
    return torch.stack([angle.cos(), angle.sin()], 2)


def _add(sums: Sums, counts: Tensor, labels: Tensor) -> None:
    """Counts (n, *cells) by displacement, which are correlators already."""
    read = torch.einsum("km,nm->nk", sums.weights.maps.flatten(1), counts.flatten(1).double())
    sums.products.index_add_(0, labels, read[:, :, None, None])
    sums.counts.index_add_(0, labels, torch.ones(len(labels), dtype=torch.float64))


def _power(measured: Sequence[Correlators], charges: Sequence[float], seed: int) -> Estimate:
    """Slope of ln Delta against ln e over all sizes, with the errors that the charges share."""
    x = np.log(np.array([c.size for c in measured], dtype=float))
    spread = [c.resampled(RESAMPLES, seed + i)[:, WINDOW] for i, c in enumerate(measured)]
    whole = [c.everything[None, WINDOW] for c in measured]

    def slope(parts: Sequence[Tensor]) -> Tensor:
        logs = torch.stack([p.diagonal(dim1=-2, dim2=-1).log() for p in parts])
        centred = torch.from_numpy(x - x.mean())
        delta = -torch.einsum("s,sra->ra", centred, logs) / (2 * centred.square().sum())
        e = torch.tensor(charges, dtype=torch.float64).log()
        e = e - e.mean()
        return delta.log() @ e / e.square().sum()

    growth = math.sqrt(measured[0].blocks / (measured[0].blocks - 1))
    error = growth * float(slope(spread).std())
    return Estimate(float(slope(whole)[0]), error, "estimate", "1", measured[0].blocks)
