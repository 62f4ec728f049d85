"""Operators with their scaling dimensions, as a figure and a page."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from rsmi.information import format_with_error
from rsmi.lattice import words
from rsmi.renormalization import ChargesResult, OperatorsResult
from rsmi.renormalization.operators import Correlators, Separation
from rsmi.report.drawing import draw
from rsmi.report.figures import Correlation, Fall, Filter, operators

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@draw.register(OperatorsResult)
def operators_figure(found: OperatorsResult) -> "Figure":
    """Correlators of the leading operator, their collapse, eigenvalues, and filters."""
    vector = found.separation.vectors[:, 0]
    alone = any(found.momentum)  # one distance mixes momenta
    curves = [] if alone else [_curve(c, vector) for c in found.curves]
    return operators(curves, _falls(found.separation, _named(found)), _filters(found))


@draw.register(ChargesResult)
def charges_figure(found: ChargesResult) -> "Figure":
    """Correlators of the smallest charge, their collapse, and the eigenvalues of all."""
    curves = [_curve(c, torch.ones(1, dtype=torch.float64)) for c in found.curves[0]]
    falls = [
        fall
        for charge, each in zip(found.charges, found.separations, strict=True)
        for fall in _falls(each, [f"charge {charge:g}"])
    ]
    return operators(curves, falls)


def _named(found: OperatorsResult) -> list[str]:
    return [f"operator {place + 1}" for place in range(len(found.dimensions))]


def _curve(c: Correlators, vector: torch.Tensor) -> Correlation:
    """Correlator of one operator along the axes, without the place itself."""
    values = torch.einsum("a,dab,b->d", vector, c.everything[2:], vector)
    left = torch.einsum("a,gdab,b->gd", vector, c.left_out[:, 2:], vector)
    errors = ((c.blocks - 1) * left.var(0, unbiased=False)).sqrt()
    distances = np.array(c.distances[1:], dtype=float)
    return Correlation(c.size, distances, values.numpy(), errors.numpy())


def _falls(separation: Separation, names: Sequence[str]) -> list[Fall]:
    """Of every operator on the sizes on which it is seen."""
    found = []
    for i, (name, value) in enumerate(zip(names, separation.dimensions, strict=False)):
        n = separation.seen[i]
        label = f"{name}: {format_with_error(value.value, value.error)}"
        found.append(
            Fall(
                label,
                np.array(separation.sizes[:n], dtype=float),
                separation.values[:n, i].numpy(),
                separation.errors[:n, i].numpy(),
                value.value,
            )
        )
    return found


def _filters(found: OperatorsResult) -> list[Filter]:
    """Single spins and pairs of the block for spins in a plane or chain; else shares."""
    shown = []
    for place, (name, value) in enumerate(zip(_named(found), found.dimensions, strict=True)):
        label = f"{name}\nΔ = {format_with_error(value.value, value.error)}"
        if found.basis.alphabet.size == 2 and len(found.basis.block) <= 2:
            shown.append(_spin_filter(found, place, label))
        else:
            shares = zip(found.basis.names, found.shares[:, place].tolist(), strict=True)
            shown.append(Filter(label, shares=tuple(shares)))
    return shown


def _spin_filter(found: OperatorsResult, place: int, label: str) -> Filter:
    """Coefficients of single spins and of pairs in the expansion of an operator in products."""
    tables = found.basis.tables[:, 0].double()
    function = found.separation.vectors[:, place] @ tables
    rows, columns = (1, *found.basis.block)[-2:]
    cells = [(float(x), float(y)) for y in range(rows) for x in range(columns)]
    n = (len(tables[0]) - 1).bit_length()
    where = [cells[k * len(cells) // n] for k in range(n)]
    spins = 2.0 * words(2, n).double() - 1
    function = function * torch.sign(function[-1] or function[function.abs().argmax()])
    single = (spins.T @ function / len(spins)).tolist()
    pairs = [
        (where[a], where[b], float((spins[:, a] * spins[:, b] * function).mean()))
        for a, b in itertools.combinations(range(n), 2)
    ]
    return Filter(label, [(*w, c) for w, c in zip(where, single, strict=True)], pairs)
