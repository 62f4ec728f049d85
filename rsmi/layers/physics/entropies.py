"""Entropies of lattice models: in closed form, or integrated from measured energies."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.sampling import measure_sweeps
from rsmi.sampling.autocorrelation import mean_estimate
from rsmi.sampling.dimers import log_torus_coverings
from rsmi.sampling.exact import kaufman
from rsmi.sampling.interface import Sampler


def ising_entropy(shape: Sequence[int], coupling: float) -> Estimate:
    r"""Entropy of a square Ising torus, :math:`H = \ln Z + K \langle E \rangle`, in nats.

    Raises:
        InputError: For another dimension than two; use `integrated_entropy`.

    >>> round(ising_entropy((4, 4), 0.44068679350977).value, 5)
    4.48272
    """
    if len(shape) != 2:
        raise InputError(
            f"a lattice of shape {list(shape)}; the closed form is for two dimensions: use "
            "integrated_entropy"
        )
    exact = kaufman((shape[0], shape[1]), coupling)
    return Estimate(exact.log_partition + coupling * exact.energy * math.prod(shape), 0.0, "exact")


def dimer_entropy(shape: tuple[int, int]) -> Estimate:
    """Entropy of free dimers on a square torus: ln of the number of coverings, in nats.

    >>> round(math.exp(dimer_entropy((4, 4)).value))
    272
    """
    return Estimate(log_torus_coverings(*shape), 0.0, "exact")


def integrated_entropy(
    sampler: Callable[[float], Sampler],
    coupling: float,
    log_states: float,
    *,
    intervals: int = 16,
    chains: int = 64,
    sweeps: int = 400,
) -> Estimate:
    r"""Entropy of a lattice model from energies measured at couplings from 0 upwards.

    .. math:: H(K) = \ln \Omega + K \langle E \rangle_K - \int_0^K \langle E \rangle_k \, dk

    The integral is taken by the Clenshaw-Curtis rule. Its error is the difference to the rule
    of half as many intervals, as far as that exceeds its scatter, and is added in quadrature to
    the statistical one.

    Args:
        sampler: Makes the update at a coupling k >= 0, with weights exp(-k E); its seed should
            depend on k.
        coupling: K > 0.
        log_states: ln of the number of configurations, N ln 2 for N spins.
        intervals: Even number of intervals of the rule; more where a transition lies below K.
        chains: Markov chains at each coupling.
        sweeps: Of each chain, after a quarter as many that are dropped; many times the
            autocorrelation time, and the error is that of the energies.

    Returns:
        Nats, kind `estimate`.

    Raises:
        InputError: For a coupling that is not positive or an odd number of intervals.

    >>> from rsmi.sampling import Ising, SwendsenWang
    >>> make = lambda k: SwendsenWang(Ising((4, 4), k), seed=round(1e9 * k))
    >>> found = integrated_entropy(make, 0.2, 16 * math.log(2), intervals=4, sweeps=64)
    >>> abs(found.deviation(ising_entropy((4, 4), 0.2).value)) < 4
    True
    """
    if not (math.isfinite(coupling) and coupling > 0) or intervals < 2 or intervals % 2:
        raise InputError(
            f"an integral up to coupling {coupling} in {intervals} intervals; expected a finite "
            "coupling > 0 and an even number of intervals"
        )
    nodes, _ = clenshaw_curtis(intervals)
    energies = [_energy(sampler(coupling * k), chains, sweeps) for k in nodes]
    rest = _integrated(energies, intervals)
    value = log_states + coupling * rest.value
    return Estimate(value, coupling * rest.error, "estimate", n=rest.n)


def _integrated(energies: list[Estimate], intervals: int) -> Estimate:
    """Last energy minus their mean over the nodes, with both errors."""
    _, fine = clenshaw_curtis(intervals)
    half = np.zeros_like(fine)
    half[::2] = clenshaw_curtis(intervals // 2)[1]
    means = np.array([e.value for e in energies])
    errors = np.array([e.error for e in energies])
    weights = -fine
    weights[-1] += 1.0
    gap = float((fine - half) @ means)
    scatter = float(np.linalg.norm((fine - half) * errors))
    rule = math.sqrt(max(gap**2 - scatter**2, 0.0))
    statistical = float(np.linalg.norm(weights * errors))
    return Estimate(
        float(weights @ means), math.hypot(statistical, rule), "estimate", "1", energies[-1].n
    )


def clenshaw_curtis(intervals: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes in [0, 1], ascending, and weights; exact for polynomials up to this degree.

    Half as many intervals use every second node.

    >>> nodes, weights = clenshaw_curtis(2)
    >>> nodes.round(12).tolist(), weights.round(12).tolist()
    ([0.0, 0.5, 1.0], [0.166666666667, 0.666666666667, 0.166666666667])
    """
    angle = np.pi * np.arange(intervals + 1) / intervals
    degrees = np.arange(0, intervals + 1, 2)
    series = 1.0 / (1.0 - degrees.astype(float) ** 2)
    series[0] /= 2
    if intervals % 2 == 0:
        series[-1] /= 2
    weights = (np.cos(angle[:, None] * degrees) * series).sum(1) * 2 / intervals
    weights[[0, -1]] /= 2
    return (1 - np.cos(angle)) / 2, weights


def _energy(sampler: Sampler, chains: int, sweeps: int) -> Estimate:
    """Mean energy of equilibrated chains."""
    state = sampler.initial(chains)
    dropped = max(sweeps // 4, 1)
    sampler.advance(state, 0, dropped)
    return mean_estimate(measure_sweeps(sampler, state, dropped, sweeps)[0])
