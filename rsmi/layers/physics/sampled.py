"""Samples of lattices that are too large to enumerate, whose entropy is known all the same."""

import math

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers.inputs.batches import Inputs
from rsmi.layers.inputs.samples import sampled_inputs
from rsmi.layers.physics.entropies import dimer_entropy, integrated_entropy, ising_entropy
from rsmi.sampling import Ising, SwendsenWang, sample_blocks
from rsmi.sampling.dimers import Dimers, Worm
from rsmi.sampling.interface import Sampler

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
