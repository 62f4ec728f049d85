"""Inputs from physics whose entropies are known: enumerated, or sampled."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import state_index, states
from rsmi.layers.inputs import Inputs, finite_inputs
from rsmi.layers.reading import sampled_inputs
from rsmi.sampling import Ising, SwendsenWang, measure_sweeps, sample_blocks
from rsmi.sampling.autocorrelation import mean_estimate
from rsmi.sampling.dimers import Dimers, Worm, coverings, log_torus_coverings
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


_MAX_SPINS = 20


def enumerated_ising(
    shape: Sequence[int], couplings: float | Sequence[float], labels: Sequence[int] | None = None
) -> Inputs:
    """All configurations of a small Ising torus with their Boltzmann weights.

    Args:
        shape: Extents, at most 20 sites in all.
        couplings: K = J/T; several are mixed in equal parts, and the label says which one a
            configuration came from.
        labels: One label per coupling instead, such as 1 for the ordered phase and 0 for the
            other.

    Returns:
        A finite set: entropies of layers are exact. Spins are float32 (n, *shape).

    Raises:
        InputError: For a lattice that is too large to enumerate, or labels that do not pair.

    >>> round(enumerated_ising((4, 4), 0.44068679350977).entropy.value, 5)
    4.48272
    """
    x, energy = _spins(tuple(shape))
    return _mixed(x, energy, _list(couplings), labels)


def enumerated_dimers(
    shape: tuple[int, int],
    temperatures: float | Sequence[float] = math.inf,
    labels: Sequence[int] | None = None,
) -> Inputs:
    """All dimer coverings of a small square torus with their Boltzmann weights.

    Args:
        shape: Rows and columns, both even, at most 40 sites; 6 x 6 has 90 176 coverings.
        temperatures: T in units of the attraction of parallel dimers, infinite for free ones;
            several are mixed as in `enumerated_ising`.
        labels: As in `enumerated_ising`.

    Returns:
        A finite set; bonds are float32 (n, 2, *shape), 1 where a dimer lies and -1 elsewhere.

    Raises:
        InputError: For a lattice that is too large or labels that do not pair.

    >>> round(math.exp(enumerated_dimers((4, 4)).entropy.value))
    272
    """
    model = Dimers(shape)
    x = coverings(model.geometry)
    couplings = [Dimers(shape, t).coupling for t in _list(temperatures)]
    return _mixed(x.float(), model.energy(x).double(), couplings, labels)


def boltzmann(shape: tuple[int, ...], couplings: Sequence[float]) -> tuple[Tensor, Tensor]:
    """All spin configurations (2**N, *shape) float32 and their probabilities (couplings, 2**N).

    Raises:
        InputError: For more than 20 sites.
    """
    x, energy = _spins(shape)
    return x, _weights(energy, couplings)


def far_block_labels(x: Tensor, block: Sequence[int]) -> Tensor:
    """State of the block farthest from the first site, as a label for I(T;E).

    Args:
        x: (n, *shape) spins.
        block: Its extents; it begins half way along each axis.

    Returns:
        (n,) int64.

    >>> far_block_labels(torch.ones(1, 4, 4), (2, 2)).tolist()
    [15]
    """
    for axis, width in enumerate(block, start=1):
        x = x.narrow(axis, x.shape[axis] // 2, width)
    return state_index(x.flatten(1))


def _spins(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """All configurations, float32, and their energies, float64."""
    sites = math.prod(shape)
    if sites > _MAX_SPINS:
        raise InputError(
            f"a lattice of shape {list(shape)} has {sites} sites; at most {_MAX_SPINS} can be "
            "enumerated: use sampled_ising"
        )
    x = states(sites).reshape(-1, *shape)
    return x.float(), Ising(shape, 0.0).energy(x).double()


def _weights(energy: Tensor, couplings: Sequence[float]) -> Tensor:
    return torch.stack([torch.softmax(-k * energy, 0) for k in couplings])


def _mixed(
    x: Tensor, energy: Tensor, couplings: list[float], labels: Sequence[int] | None
) -> Inputs:
    """Equal parts of several couplings; the label says which."""
    given = list(range(len(couplings))) if labels is None else list(labels)
    if len(given) != len(couplings) or not couplings:
        raise InputError(f"{len(given)} labels for {len(couplings)} couplings; expected one each")
    p = _weights(energy, couplings).flatten() / len(couplings)
    y = torch.tensor(given).repeat_interleave(len(x)) if len(couplings) > 1 else None
    return finite_inputs(x.repeat(len(couplings), *[1] * (x.dim() - 1)), y, p)


def _list(values: float | Sequence[float]) -> list[float]:
    return [float(values)] if isinstance(values, float | int) else list(values)


_CHAINS = 64
_THIN = 4


def sampled_ising(shape: tuple[int, ...], coupling: float, n: int, seed: int = 0) -> Inputs:
    """Samples of an Ising torus (Swendsen-Wang) with its entropy.

    Args:
        shape: Extents.
        coupling: K = J/T > 0.
        n: Number of configurations, a multiple of 64 (the chains).
        seed: Of the sampler.

    Returns:
        Samples of a discrete X with known H(X): exact in two dimensions, else integrated from
        measured energies, with an error. Spins are float32 (n, *shape).

    Raises:
        InputError: For a number that is no multiple of 64.
    """

    def update(k: float) -> SwendsenWang:
        return SwendsenWang(Ising(shape, k), _seed(seed, k))

    _check(n)
    if len(shape) == 2:
        entropy = ising_entropy(shape, coupling)
    else:
        entropy = integrated_entropy(update, coupling, math.prod(shape) * math.log(2))
    sampler = SwendsenWang(Ising(shape, coupling), seed)
    return _sampled(sampler, entropy, n, 20 * max(shape))


def sampled_dimers(
    shape: tuple[int, int], n: int, temperature: float = math.inf, seed: int = 0
) -> Inputs:
    """Samples of dimers on a square torus (worms) with their entropy.

    Args:
        shape: Rows and columns, both even.
        n: Number of configurations, a multiple of 64 (the chains).
        temperature: In units of the attraction of parallel dimers; infinite for free ones.
        seed: Of the sampler.

    Returns:
        Samples of a discrete X with known H(X): exact for free dimers, else integrated from
        measured energies, with an error. Bonds are float32 (n, 2, *shape).

    Raises:
        InputError: For a number that is no multiple of 64.
    """

    def update(k: float) -> Worm:
        return Worm(Dimers(shape, 1 / k if k else math.inf), _seed(seed, k))

    _check(n)
    entropy = dimer_entropy(shape)
    if math.isfinite(temperature):
        entropy = integrated_entropy(update, 1 / temperature, entropy.value)
    sampler = Worm(Dimers(shape, temperature), seed)
    return _sampled(sampler, entropy, n, 20 * max(shape))


def _check(n: int) -> None:
    if n < _CHAINS or n % _CHAINS:
        raise InputError(f"{n} configurations; expected a multiple of {_CHAINS}")


def _sampled(sampler: Sampler, entropy: Estimate, n: int, sweeps: int) -> Inputs:
    """Records of equilibrated chains, some sweeps apart."""
    state = sampler.initial(_CHAINS)
    sampler.advance(state, 0, sweeps)
    x, _ = next(sample_blocks(sampler, state, sweeps, _THIN, n // _CHAINS))
    return sampled_inputs(x.float(), entropy=entropy, chains=_CHAINS)


def _seed(seed: int, coupling: float) -> int:
    """Other random numbers at every coupling, and others than those of the samples."""
    return (seed + 1 + round(coupling * 2**40)) % 2**64
