"""Stiffness of the height field from the fluctuations of the winding numbers."""

import math

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate
from rsmi.sampling.autocorrelation import mean_estimate
from rsmi.sampling.dimers.lattice import DimerLattice

SMALLEST, LARGEST = 1e-3, 1e2
DERIVATIVE_STEP = 1e-4


def winding_variance(stiffness: float, aspect: float = 1.0) -> float:
    """<W^2> of an integer winding with weight exp(-pi g r W^2).

    Args:
        stiffness: g > 0 of the action pi g integral (grad h)^2, heights of period 1.
        aspect: r, length of the torus along the axis of W over its width.

    >>> round(winding_variance(0.5), 6)
    0.303426
    """
    reach = math.ceil(4 + math.sqrt(40 / (math.pi * stiffness * aspect)))
    numbers = np.arange(-reach, reach + 1)
    weights = np.exp(-math.pi * stiffness * aspect * numbers**2)
    return float((numbers**2 * weights).sum() / weights.sum())


def stiffness_of_variance(variance: float, aspect: float = 1.0) -> float:
    """Stiffness g at which <W_0^2 + W_1^2> / 2 has the given value.

    Args:
        variance: mean of the two <W_a^2>.
        aspect: sites along axis 0 over sites along axis 1.

    Raises:
        AnalysisError: the variance belongs to no g between 0.001 and 100.

    >>> round(stiffness_of_variance(winding_variance(0.5)), 9)
    0.5
    """
    from scipy.optimize import brentq  # a second to import, rarely used

    def excess(log_g: float) -> float:
        g = math.exp(log_g)
        return (winding_variance(g, aspect) + winding_variance(g, 1 / aspect)) / 2 - variance

    low, high = math.log(SMALLEST), math.log(LARGEST)
    if excess(low) < 0 or excess(high) > 0:
        raise AnalysisError(
            f"the mean square winding is {variance:.3g}, which belongs to no stiffness between "
            f"{SMALLEST} and {LARGEST}; sample longer, or at a higher temperature"
        )
    return math.exp(brentq(excess, low, high, xtol=1e-13))


def height_stiffness(lattice: DimerLattice, windings: Tensor, chains: int) -> Estimate:
    """Stiffness g of the height field, measured from the winding numbers of a run.

    The action pi g integral (grad h)^2 with heights of period 1 gives P(W_0, W_1) proportional to
    exp(-pi g (W_0^2 L_0/L_1 + W_1^2 L_1/L_0)); g is the solution for the measured
    <W_0^2 + W_1^2>. Free dimers have g -> 1/2, and the dimer exponent is 1/g.

    Args:
        lattice: square torus.
        windings: int64 (n, 2) from `winding`; record n // chains of chain n % chains.
        chains: independent chains; the error knows their autocorrelation.

    Returns:
        g with its standard error.

    Raises:
        InputError: another lattice, or windings of another shape.
        AnalysisError: the windings do not fluctuate enough to tell.

    Source: Alet, Ikhlef, Jacobsen, Misguich, Pasquier (2006), cond-mat/0607744.
    """
    if lattice.lattice != "square" or lattice.boundary != "torus":
        raise InputError(
            f"the lattice is {lattice.lattice!r} with boundary {lattice.boundary!r}; the stiffness "
            "is measured on the square torus; choose that"
        )
    if windings.ndim != 2 or windings.shape[1] != 2 or len(windings) % chains:
        raise InputError(
            f"windings have shape {tuple(windings.shape)} for {chains} chains; expected (n, 2) "
            "with n a multiple of the chains; pass what `winding` returns"
        )
    aspect = lattice.shape[0] / lattice.shape[1]
    square = windings.to(torch.float64).square().mean(1).reshape(-1, chains).T
    variance = mean_estimate(square.numpy())
    if variance.value == 0:
        raise AnalysisError("no winding was ever seen; sample longer, or at a higher temperature")
    value = stiffness_of_variance(variance.value, aspect)
    factor = math.exp(DERIVATIVE_STEP)
    ahead = stiffness_of_variance(variance.value * factor, aspect)
    behind = stiffness_of_variance(variance.value / factor, aspect)
    slope = abs(ahead - behind) / (2 * DERIVATIVE_STEP * variance.value)
    return Estimate(value, slope * variance.error, "estimate", "1", variance.n)
