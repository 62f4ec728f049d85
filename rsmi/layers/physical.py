"""Inputs from physics whose entropy is known exactly."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import state_index, states
from rsmi.layers.inputs import Inputs, finite_inputs, sampled_inputs
from rsmi.sampling import Ising, SwendsenWang, sample_blocks
from rsmi.sampling.exact import kaufman

_MAX_SPINS = 20
_CHAINS = 64


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
    k = [couplings] if isinstance(couplings, float | int) else list(couplings)
    given = list(range(len(k))) if labels is None else list(labels)
    if len(given) != len(k) or not k:
        raise InputError(f"{len(given)} labels for {len(k)} couplings; expected one each")
    x, p = boltzmann(tuple(shape), k)
    y = torch.tensor(given).repeat_interleave(len(x)) if len(k) > 1 else None
    return finite_inputs(x.repeat(len(k), *[1] * len(shape)), y, p.flatten() / len(k))


def boltzmann(shape: tuple[int, ...], couplings: Sequence[float]) -> tuple[Tensor, Tensor]:
    """All configurations (2**N, *shape) float32 and their probabilities (couplings, 2**N).

    Raises:
        InputError: For more than 20 sites.
    """
    sites = math.prod(shape)
    if sites > _MAX_SPINS:
        raise InputError(
            f"a lattice of shape {list(shape)} has {sites} sites; at most {_MAX_SPINS} can be "
            "enumerated: use sampled_ising"
        )
    x = states(sites).reshape(-1, *shape)
    energy = Ising(shape, 0.0).energy(x).double()
    p = torch.stack([torch.softmax(-k * energy, 0) for k in couplings])
    return x.float(), p


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


def sampled_ising(shape: tuple[int, int], coupling: float, n: int, seed: int = 0) -> Inputs:
    """Samples of a square Ising torus (Swendsen-Wang) with its exact entropy.

    Args:
        shape: Rows and columns.
        coupling: K = J/T > 0.
        n: Number of configurations, a multiple of 64 (the chains).
        seed: Of the sampler.

    Returns:
        Samples of a discrete X with known H(X); spins are float32.

    Raises:
        InputError: For a number that is no multiple of 64.
    """
    if n < _CHAINS or n % _CHAINS:
        raise InputError(f"{n} configurations; expected a multiple of {_CHAINS}")
    sampler = SwendsenWang(Ising(shape, coupling), seed)
    state = sampler.initial(_CHAINS)
    sweeps = 20 * max(shape)
    sampler.advance(state, 0, sweeps)
    x, _ = next(sample_blocks(sampler, state, sweeps, 4, n // _CHAINS))
    return sampled_inputs(x.float(), entropy=ising_entropy(shape, coupling), chains=_CHAINS)


def ising_entropy(shape: tuple[int, int], coupling: float) -> Estimate:
    r"""Entropy of a square Ising torus, :math:`H = \ln Z + K \langle E \rangle`, in nats.

    >>> round(ising_entropy((4, 4), 0.44068679350977).value, 5)
    4.48272
    """
    exact = kaufman(shape, coupling)
    return Estimate(exact.log_partition + coupling * exact.energy * math.prod(shape), 0.0, "exact")
