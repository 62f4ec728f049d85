"""Every configuration of a small lattice with its Boltzmann weight."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import state_index, states
from rsmi.layers.inputs.batches import Inputs
from rsmi.layers.inputs.finite import finite_inputs
from rsmi.sampling import Ising
from rsmi.sampling.dimers import Dimers, coverings

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
