"""Inputs from physics whose entropies are known: every configuration of a model, or some drawn."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.lattice import Window, tile, words
from rsmi.layers.inputs import Inputs, finite_inputs
from rsmi.layers.reading import sampled_inputs
from rsmi.sampling import equilibrate, measure_sweeps, sample_blocks
from rsmi.sampling.autocorrelation import mean_estimate
from rsmi.sampling.families import System
from rsmi.sampling.interface import Sampler

_MOST_NUMBERS = 1 << 27
_CHAINS = 64


def enumerated_inputs(
    systems: System | Sequence[System], labels: Sequence[int] | None = None
) -> Inputs:
    """All configurations of a small lattice with their probabilities.

    Args:
        systems: Any model; several on the same lattice, such as one model at several temperatures,
            are mixed in equal parts, and the label says which one a configuration came from.
        labels: One label per system instead, such as 1 for the ordered phase and 0 for the other.

    Returns:
        A finite set: entropies of layers are exact. Configurations are what a sample file of the
        model holds, float32 (n, *shape) of +1 and -1: spins, or planes of bonds or bits.

    Raises:
        InputError: For a lattice with too many configurations to list, systems of different
            lattices, or labels that do not pair.

    >>> round(enumerated_inputs(System((4, 4))).entropy.value, 5)
    4.48272
    >>> round(math.exp(enumerated_inputs(System((4, 4), "dimers", "inf")).entropy.value))
    272
    """
    several = [systems] if isinstance(systems, System) else list(systems)
    given = list(range(len(several))) if labels is None else list(labels)
    if len(given) != len(several) or not several:
        raise InputError(f"{len(given)} labels for {len(several)} systems; expected one each")
    x, p = zip(*(system.law() for system in several), strict=True)
    _check_together(x)
    y = torch.tensor(given).repeat_interleave(torch.tensor([len(part) for part in x]))
    return finite_inputs(
        torch.cat(x).float(), y if len(several) > 1 else None, torch.cat(p) / len(several)
    )


def _check_together(x: Sequence[Tensor]) -> None:
    """Refuse configurations that do not fit beside each other, or into memory."""
    shapes = list(dict.fromkeys(part.shape[1:] for part in x))
    if len(shapes) > 1:
        found = " and ".join(str(list(shape)) for shape in shapes)
        raise InputError(f"systems have configurations of the shapes {found}; expected one shape")
    numbers = sum(map(torch.numel, x))
    if numbers > _MOST_NUMBERS:
        raise InputError(
            f"all configurations are {numbers} numbers, {4e-9 * numbers:.2g} GB; at most "
            f"{_MOST_NUMBERS} are listed: take a smaller lattice, or drawn_inputs"
        )


def window_inputs(
    system: System | Mapping[str, Any], block: Sequence[int] = (2, 2), buffer: int = 1
) -> Inputs:
    """Every block of a lattice with its environment as label: I(T;Y) of a layer is its I(T;E).

    Args:
        system: Any model on a lattice whose windows can be solved, or the arguments of `System`.
        block: Extents of the block in cells.
        buffer: Width of the buffer; the environment is all beyond.

    Returns:
        A finite set, exact: features of the letters of a block, float32 (n, numbers), which are
        +1 and -1 for spins; environments with the same p(v|e) are one label.

    Raises:
        InputError: For a window that does not fit, or is too large to be solved.

    >>> found = window_inputs(System((4, 4)), (2, 1), 0)
    >>> next(found.stream(4)).x.tolist()
    [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """
    known = _system(system)
    solved = known.solve(Window(tuple(block), buffer, None))
    alphabet, (classes, states) = known.space.alphabet, solved.posterior.shape
    length = round(math.log(states) / math.log(alphabet.size))
    letters = words(alphabet.size, length).long()
    x = alphabet.values[letters].flatten(1).float().repeat(classes, 1)
    y = torch.arange(classes).repeat_interleave(states)
    joint = (solved.weights[:, None] * solved.posterior).flatten()
    met = joint > 0
    return finite_inputs(x[met], y[met], joint[met])


def _system(given: System | Mapping[str, Any]) -> System:
    """A system, or one by the arguments of `System`, as a config holds them."""
    if isinstance(given, System):
        return given
    try:
        return System(**given)
    except TypeError as error:
        raise InputError(
            f"the system is {dict(given)} ({error}); expected shape, and if need be model, "
            "temperature and parameters"
        ) from None


def phase_blocks(
    systems: Sequence[System | Mapping[str, Any]],
    draw: int,
    block: Sequence[int] = (2, 2),
    seed: int = 0,
) -> Inputs:
    """Configurations of several systems cut into blocks; the label says which system it is.

    Args:
        systems: Of one spin for each site, on the same lattice, such as two temperatures; or the
            arguments of `System`.
        draw: Configurations of each, a multiple of 64.
        block: Extents of a block, which tile the lattice.
        seed: Of the samplers.

    Returns:
        Samples (n, blocks, sites of a block), for layers that are the same for every block.

    Raises:
        InputError: For systems of other configurations, or blocks that do not tile them.

    >>> phase_blocks([System((4, 4), temperature=t) for t in (2.0, 2.6)], 64).n
    128
    """
    if not systems:
        raise InputError("there are no systems; expected one for each label, such as two phases")
    known = [_system(one) for one in systems]
    drawn = [drawn_inputs(one, draw, seed + place) for place, one in enumerate(known)]
    x = [next(each.stream(draw)).x for each in drawn]
    _check_together(x)
    blocks = tile(torch.stack(x, 1).flatten(0, 1), tuple(block)).flatten(1, -2)
    y = torch.arange(len(x)).repeat(draw)
    return sampled_inputs(blocks, y, kind="discrete", chains=_CHAINS * len(x))


def drawn_inputs(system: System, n: int, seed: int = 0) -> Inputs:
    """Configurations drawn by the default update of a model, with their entropy.

    Args:
        system: Any model on a finite lattice.
        n: Number of configurations, a multiple of 64 (the chains).
        seed: Of the sampler.

    Returns:
        Samples of a discrete X with known H(X): exact where there is a closed form or all
        configurations can be listed, else integrated from measured energies, with an error.
        Configurations are float32 (n, *shape), as in `enumerated_inputs`.

    Raises:
        InputError: For a number that is no multiple of 64.
        AnalysisError: Where the chains do not come to equilibrium.

    >>> found = drawn_inputs(System((4, 4), "potts", 2.0, {"states": 3}), 64)
    >>> found.kind, found.chains, next(found.stream(64)).x.shape
    ('discrete', 64, torch.Size([64, 2, 4, 4]))
    """
    if n < _CHAINS or n % _CHAINS:
        raise InputError(f"{n} configurations; expected a multiple of {_CHAINS}")
    engine = system.engine(seed)
    entropy = _entropy(system, seed)
    state, first, thin = engine.sampler.initial(_CHAINS), 0, 1
    if not engine.independent:
        report = equilibrate(engine.sampler, state)
        first, thin = report.discarded, report.thin
    x, _ = next(sample_blocks(engine.sampler, state, first, thin, n // _CHAINS))
    stored = system.family.encode(system.built, x)
    return sampled_inputs(stored.float(), entropy=entropy, chains=_CHAINS)


def _entropy(system: System, seed: int) -> Estimate:
    """Exact where it is known, else integrated from infinite temperature downwards."""
    try:
        return system.entropy()
    except InputError:
        if not system.family.has_temperature:
            raise

    def update(k: float) -> Sampler:
        # Other random numbers at every coupling, and others than those of the samples.
        own = (seed + 1 + round(k * 2**40)) % 2**63
        return system.heated(k).engine(own).sampler

    return integrated_entropy(update, system.coupling, system.heated(0.0).entropy().value)


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

    >>> square = System((4, 4), temperature=5.0)
    >>> make = lambda k: square.heated(k).engine(seed=round(1e9 * k)).sampler
    >>> found = integrated_entropy(make, 0.2, 16 * math.log(2), intervals=4, sweeps=64)
    >>> abs(found.deviation(square.entropy().value)) < 4
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
